"""Rows as many packages would leave them, made by the database itself: a million packages in minutes.

Every hundred packages have an org with ten members and three teams, every fifty a person with a scope and tokens. What
is not said of a row has its model's default.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, models

from accounts.models import AuditEvent, Scope, Token, User
from orgs.models import Membership, Org, Seat, Team
from packages.models import DistTag, Document, DownloadCount, Package, PersonGrant, TeamGrant, Version

VERSIONS, EVENTS, COUNTS = 3, 1, 1  # of each package
AN_ORG, A_PERSON = 100, 50  # packages
MEMBERS, TEAMS, TOKENS = 10, 3, 2
ORGS_ID = 10_000_000  # the scopes of orgs; those of people begin with 1
PART = '{"name": "x", "dist": {"tarball": "/x"}}'  # of a document
BASE = "http://localhost:8000/npm"
EVERY = (User, Scope, Token, Org, Membership, Team, Seat, Package, Version, DistTag, TeamGrant, PersonGrant)
WORDS = "date picker ledger button parser router stream chart queue token cache widget mailer reader signal".split()
EVERY += (DownloadCount, AuditEvent, Document)


def begin() -> None:
    """Make the tables, and what pages need besides."""
    call_command("prepare", stdout=StringIO())


def fill(before: int, count: int) -> float:
    """Go on from so many packages to `count`; gives the seconds it took. Statistics are taken at the end."""
    start = time.monotonic()
    _people(before // A_PERSON, count // A_PERSON)
    _orgs(before // AN_ORG, count // AN_ORG)
    _packages(before, count)
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), EVERY):
            cursor.execute(statement)
        if connection.vendor == "postgresql":  # as it does by itself; SQLite is served without
            cursor.execute("ANALYZE")
    return time.monotonic() - start


def insert(model: type[models.Model], first: int, last: int, **said: str) -> None:
    """A row for each whole number `i` from first to last. said: what a column is, as SQL over `i`."""
    columns, values, params = [], [], []
    for each in model._meta.concrete_fields:
        if each.name in said:
            values.append(said[each.name])
        elif each.primary_key:
            continue
        else:
            values.append("%s")
            default = None if each.null else each.get_default()
            params.append(each.get_db_prep_save(0 if default is None and not each.null else default, connection))
        columns.append(connection.ops.quote_name(each.column))
    with _unchecked(model), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) "  # noqa: S608 - our own names
            f"SELECT {', '.join(values)} FROM {_series(first, last)}",
            params,
        )


def past(minutes: str) -> str:
    """The moment so many minutes ago, as SQL."""
    if connection.vendor == "postgresql":
        return f"now() - ({minutes}) * interval '1 minute'"
    return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '-' || ({minutes}) || ' minutes')"


def day(ago: str) -> str:
    """The day so many days ago, as SQL."""
    if connection.vendor == "postgresql":
        return f"(now() - ({ago}) * interval '1 day')::date"
    return f"date('now', '-' || ({ago}) || ' days')"


def uuid(number: str) -> str:
    """A UUID of a number, as SQL."""
    if connection.vendor == "postgresql":
        return f"md5(({number})::text)::uuid"
    return f"printf('%%032x', {number})"


@contextmanager
def _unchecked(model: type[models.Model]) -> Iterator[None]:
    # To look each reference up would take longer than to write the rows. Packages have triggers of search.
    if connection.vendor == "postgresql" and model is not Package:
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
        yield
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = DEFAULT")
        return
    with connection.constraint_checks_disabled():
        yield


def _series(first: int, last: int) -> str:
    if connection.vendor == "postgresql":
        return f"generate_series({first}, {last}) AS n(i)"
    steps = f"VALUES({first}) UNION ALL SELECT i + 1 FROM n WHERE i < {last}"
    return f"(WITH RECURSIVE n(i) AS ({steps}) SELECT i FROM n)"  # noqa: S608


def _people(before: int, count: int) -> None:
    first, last = before + 1, count
    mail = "'person-' || i || '@example.com'"
    insert(User, first, last, id="i", username="'person-' || i", email=mail, password="'!'")
    insert(Scope, first, last, id="i", name="'person-' || i", kind="'user'", user="i")
    insert(
        Token, before * TOKENS + 1, count * TOKENS, user=f"(i - 1) / {TOKENS} + 1", kind="'granular'", key=uuid("i"),
        digest="'digest-' || i", prefix="'npm_' || i", created_at=past("i %% 500000"), expires_at=past("-500000"),
    )  # fmt: skip


def _orgs(before: int, count: int) -> None:
    first, last, org = before + 1, count, "(i - 1) / {each} + 1"
    insert(Scope, first, last, id=f"i + {ORGS_ID}", name="'org-' || i", kind="'org'")
    insert(Org, first, last, id="i", scope=f"i + {ORGS_ID}")
    people = count * AN_ORG // A_PERSON
    insert(
        Membership, before * MEMBERS + 1, count * MEMBERS, id="i", org=org.format(each=MEMBERS),
        # the members of an org are neighbours, so that nobody is one twice
        user=f"(i - 1) %% {people} + 1", role=f"CASE i %% {MEMBERS} WHEN 1 THEN 'owner' ELSE 'developer' END",
    )  # fmt: skip
    insert(
        Team, before * TEAMS + 1, count * TEAMS, id="i", org=org.format(each=TEAMS),
        name=f"CASE i %% {TEAMS} WHEN 1 THEN 'developers' ELSE 'team-' || (i %% {TEAMS}) END",
    )  # fmt: skip
    insert(
        Seat, before * MEMBERS + 1, count * MEMBERS, membership="i", team=f"((i - 1) / {MEMBERS}) * {TEAMS} + 1"
    )  # fmt: skip


def _packages(before: int, count: int) -> None:
    # Of ten packages one has no scope, three are a person's, six an org's; half of those with a scope are private.
    first, last = before + 1, count
    versions = before * VERSIONS + 1, count * VERSIONS
    package = f"((i - 1) / {VERSIONS} + 1)"
    insert(
        Version, *versions, id="i", package=package, number=_number("i"), folded=_number("i"), blob="'blob-' || i",
        size="1000", unpacked_size="4000", file_count="5", published_at=past("i %% 1000000"), full=f"'{PART}'",
        abbreviated=f"'{PART}'", published_by=_person(package),
    )  # fmt: skip
    insert(
        Package, first, last, id="i", name=_name("i"), revision="1", license="'MIT'", latest=f"i * {VERSIONS}",
        scope=f"CASE WHEN i %% 10 = 0 THEN NULL WHEN i %% 10 < 4 THEN {_person('i')} ELSE {_org('i')} + {ORGS_ID} END",
        access="CASE WHEN i %% 10 = 0 OR i %% 2 = 0 THEN 'public' ELSE 'restricted' END",
        modified_at=past("i %% 1000000"),
        description=f"'the ' || {_word('i / 3')} || ' that looks after ' || {_word('i / 11')}",
    )  # fmt: skip
    insert(DistTag, first, last, name="'latest'", package="i", version=f"i * {VERSIONS}")
    developers = f"((i - 1) / {AN_ORG}) * {TEAMS} + 1"
    insert(TeamGrant, first, last, package="i", team=developers, permission="'write'")
    insert(
        PersonGrant, first, last, package="i", user=f"{_person('i')} %% {count // A_PERSON} + 1", permission="'read'"
    )
    insert(
        DownloadCount, before * COUNTS + 1, count * COUNTS, package=f"(i - 1) / {COUNTS} + 1", count="i %% 100",
        version=f"((i - 1) / {COUNTS} + 1) * {VERSIONS}", day=day(f"i %% {COUNTS}"),
    )  # fmt: skip
    about = f"((i - 1) / {EVENTS} + 1)"
    insert(
        AuditEvent, before * EVENTS + 1, count * EVENTS, at=past("i %% 1000000"), facts="'{}'",
        action="'package.unpublished'", actor_name=f"'person-' || {_person(about)}", credential="'session'",
        org=f"'org-' || {_org(about)}",
        package=_name(about),
    )  # fmt: skip
    insert(Document, first, last, package="i", revision="1", base=f"'{BASE}'")


def name_of(number: int) -> str:
    """The name of the package with this id."""
    words = f"{WORDS[number % len(WORDS)]}-{WORDS[number // 7 % len(WORDS)]}-{number}"
    if number % 10 == 0:
        return words
    holder = f"person-{(number - 1) // A_PERSON + 1}" if number % 10 < 4 else f"org-{(number - 1) // AN_ORG + 1}"
    return f"@{holder}/{words}"


def _name(of: str) -> str:
    return (
        f"CASE WHEN {of} %% 10 = 0 THEN '' WHEN {of} %% 10 < 4 THEN '@person-' || {_person(of)} || '/' "
        f"ELSE '@org-' || {_org(of)} || '/' END || {_word(of)} || '-' || {_word(f'{of} / 7')} || '-' || {of}"
    )


def _person(of: str) -> str:
    return f"(({of} - 1) / {A_PERSON} + 1)"


def _org(of: str) -> str:
    return f"(({of} - 1) / {AN_ORG} + 1)"


def _number(of: str) -> str:
    return f"'1.' || (({of} - 1) %% {VERSIONS}) || '.0'"


def _word(of: str) -> str:
    return (
        f"CASE ({of}) %% {len(WORDS)} " + " ".join(f"WHEN {n} THEN '{word}'" for n, word in enumerate(WORDS)) + " END"
    )
