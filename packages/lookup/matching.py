"""Which packages a word is about: the same questions to SQLite's full-text engine and to PostgreSQL's."""

# ruff: noqa: S608, S611 - only names of our own are put into statements

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from django.db import connection
from django.db.models import BooleanField, Case, F, Func, IntegerField, Q, QuerySet, Value, When
from django.db.models.expressions import RawSQL
from django.db.models.functions import Length

from packages.lookup.schema import PARTS, WORDS
from packages.models import Package
from packages.queries import COMMON

SHORT = 3  # letters; of a shorter word there are too many beginnings in texts, so it is looked for in names
MOST_NEAR = 200  # names that resemble one
_TOKEN = re.compile(r"[^\W_]+")
_MOST_THREES = 24
_FEW_THREES = 4


def about(word: str) -> Q:
    """The packages that a word is about: it begins a word of their names, descriptions or keywords, or is in a name.

    word: lower case, without spaces. A word that says little, because it is short or in every text, is looked for in
    names alone; what has neither letters nor digits is about nothing.
    """
    tokens = _TOKEN.findall(word)
    if not tokens:
        return Q(pk=None)
    if len(word) < SHORT:
        return _begins(tokens[0])
    if word in COMMON:
        return _named(word)
    if connection.vendor == "postgresql":
        return Q(_Indexed("words", _lexemes(tokens, "&", ":*"))) | _named(word)
    return Q(
        pk__in=RawSQL(  # nosec B611
            f"SELECT rowid FROM {WORDS} WHERE {WORDS} MATCH %s UNION ALL {_SQLITE_NAMED}",  # nosec B608
            [_phrases(tokens, " AND ") + "*", _phrases(_threes(word), " AND "), word],
        )
    )


def joined(keys: Iterable[int]) -> str:
    """Ids as `of` takes them: one value for the database, where Django would make a thousand."""
    return ",".join(map(str, keys))


def of(keys: str) -> RawSQL:
    """Many ids, for `__in`. keys: as `joined` gives them; PostgreSQL counts them while it plans."""
    if connection.vendor == "postgresql":
        return RawSQL("SELECT unnest(string_to_array(%s, ',')::bigint[])", [keys])
    return RawSQL("SELECT value FROM json_each('[' || %s || ']')", [keys])


def first(rows: QuerySet) -> QuerySet | RawSQL:
    """A small set of ids, for `__in`: PostgreSQL reads it first, where it would walk all packages and ask of each."""
    if connection.vendor != "postgresql":
        return rows
    sql, params = rows.query.sql_with_params()
    return RawSQL(f"SELECT unnest(ARRAY({sql}))", params)  # nosec B611


def with_keyword(words: Iterable[str]) -> Q:
    """The packages that have one of these keywords."""
    found = Q(pk=None)
    for word in map(str.lower, words):
        if tokens := _TOKEN.findall(word):
            spelled = Q(keywords__icontains=json.dumps(word)) | Q(keywords__icontains=f'"{word}"')
            found |= _holds_keyword(tokens) & spelled
    return found


def near(packages: QuerySet[Package], word: str) -> QuerySet[Package]:
    """Of some packages those whose names share most groups of three letters with a word, the nearest MOST_NEAR first.

    A long word has to share four letters in a row, because there are too many names that share three.
    """
    threes, tokens = _threes(word)[:_MOST_THREES], _TOKEN.findall(word)
    if not tokens:
        return packages.none()
    if not threes:
        return packages.filter(_begins(tokens[0])).order_by(Length("name"), "name")[:MOST_NEAR]
    runs = [(each,) for each in threes] if len(threes) <= _FEW_THREES else list(zip(threes, threes[1:], strict=False))
    score: Value | Case = Value(0, output_field=IntegerField())
    for three in threes:
        score += Case(When(name__contains=three, then=Value(1)), default=Value(0), output_field=IntegerField())
    alike = _shares(runs)
    if len(threes) <= _FEW_THREES and (token := _TOKEN.match(word[:2])):  # `legder` shares none with `ledger`
        alike |= _begins(token[0])
    return packages.filter(alike).annotate(score=score).order_by("-score", Length("name"), "name")[:MOST_NEAR]


class _Indexed(Func):
    # One of PostgreSQL's columns, of which Django knows nothing.
    output_field = BooleanField()

    def __init__(self, column: str, query: str) -> None:
        super().__init__(F("name"), Value(query), column=column)

    def as_sql(self, compiler, connection, **context):
        beside, query = self.get_source_expressions()
        sql, params = compiler.compile(query)
        return f"{compiler.quote_name_unless_alias(beside.alias)}.{self.extra['column']} @@ {sql}::tsquery", params


_SQLITE_NAMED = f"SELECT rowid FROM {PARTS} WHERE {PARTS} MATCH %s AND instr(name, %s)"  # nosec B608


def _named(word: str) -> Q:
    threes = _threes(word)
    if connection.vendor == "postgresql":
        return Q(_Indexed("parts", _lexemes(threes, "&"))) & Q(name__icontains=word)
    return Q(pk__in=RawSQL(_SQLITE_NAMED, [_phrases(threes, " AND "), word]))  # nosec B611


def _begins(token: str) -> Q:
    if connection.vendor == "postgresql":
        return Q(_Indexed("parts", _lexemes([f"^{token}"], "&")))
    return Q(pk__in=_of_words(f"name : {_phrases([token], '')}*"))


def _holds_keyword(tokens: Sequence[str]) -> Q:
    if connection.vendor == "postgresql":
        return Q(_Indexed("words", _lexemes(tokens, "&")))
    return Q(pk__in=_of_words(f"keywords : ({_phrases(tokens, ' AND ')})"))


def _shares(runs: Sequence[Sequence[str]]) -> Q:
    if connection.vendor == "postgresql":
        return Q(_Indexed("parts", " | ".join(f"({_lexemes(run, '&')})" for run in runs)))
    asked = " OR ".join(f"({_phrases(run, ' AND ')})" for run in runs)
    return Q(pk__in=RawSQL(f"SELECT rowid FROM {PARTS} WHERE {PARTS} MATCH %s", [asked]))  # nosec B608, B611


def _of_words(asked: str) -> RawSQL:
    return RawSQL(f"SELECT rowid FROM {WORDS} WHERE {WORDS} MATCH %s", [asked])  # nosec B608, B611


def _threes(word: str) -> list[str]:
    return list(dict.fromkeys(word[at : at + 3] for at in range(len(word) - 2)))


def _phrases(words: Sequence[str], between: str) -> str:
    return between.join('"{}"'.format(word.replace('"', '""')) for word in words)


def _lexemes(words: Sequence[str], between: str, ending: str = "") -> str:
    quoted = ["'{}'".format(word.replace("\\", "\\\\").replace("'", "''")) for word in words]
    return f" {between} ".join(quoted) + ending
