"""What owners say is wrong with versions of their packages: published, amended, withdrawn, never forgotten."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

from django.utils import timezone

from accounts.actor import Actor
from packages import access, concerned, ranges, readmes, records
from packages.access import Action
from packages.changes import Unchanged, changing
from packages.models import Advisory, MirrorAlert, Package, Severity
from packages.names import parse_version
from packages.upstream import alerts
from registry_site.errors import Conflict, Invalid, NotFound
from registry_site.strictjson import SURROGATE

MAX_TITLE = 200
MAX_TEXT = 20_000
MAX_REASON = 500
MOST_IDS = 20
MOST_STANDING = 200  # of one package
MOST_ALERTS = 20
# Without vowels and what is read as something else, so that no word comes out of it.
_LETTERS = "23456789cfghjmpqrvwx"
_CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,10}", re.ASCII)
_CWE = re.compile(r"CWE-[0-9]{1,6}", re.ASCII)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_FIELDS = ("severity", "title", "range", "fixed_in", "text", "cves", "cwes")


@dataclass(frozen=True)
class Draft:
    """What an owner wrote: a range such as `<1.4.2`, how bad it is, a sentence, and more in markdown."""

    range: str
    severity: str
    title: str
    text: str = ""
    fixed_in: str = ""
    cves: list[str] = field(default_factory=list)
    cwes: list[str] = field(default_factory=list)


def publish(actor: Actor, name: str, draft: Draft) -> Advisory:
    """Say what is wrong with versions of a package, to everybody who may see it.

    Audits show it from then on; those whose packages here ask for such a version are told by mail, and operators when
    somebody downloaded one. Raises as `access.find` for MANAGE, Invalid with the `code` of the field that is wrong,
    Conflict for too many. Source: the page Advisories of a package.
    """
    package = access.find(actor, Action.MANAGE, name)
    said = _read(package, draft)
    html = readmes.render(said.text)
    row = Advisory(name=package.name, key=_key(), published_by=actor.user, html=html)
    _copy(said, row)
    facts = {"advisory": row.key, "severity": row.severity, "title": row.title, "versions": row.range}
    with changing(package, actor, "advisory.published", **facts) as package:
        if Advisory.objects.of(package).standing().count() >= MOST_STANDING:
            raise Conflict(f"{name} has {MOST_STANDING} advisories; withdraw some that are settled")
        row.package = package
        row.save()
        concerned.tell(actor, package, row)
    _alert(row)
    return row


def amend(actor: Actor, name: str, key: str, draft: Draft) -> Advisory:
    """Say it better: everything that an advisory says may change, its id stays.

    Raises as `publish`, NotFound, Conflict for one that was withdrawn.
    """
    package = access.find(actor, Action.MANAGE, name)
    said = _read(package, draft)
    html = readmes.render(said.text)
    with changing(package, actor, "advisory.amended", advisory=key, title=said.title) as package:
        row = _own(package, key)
        if row.withdrawn_at is not None:
            raise Conflict(f"{key} was withdrawn; bring it back before you amend it")
        before = {word: getattr(row, word) for word in _FIELDS}
        _copy(said, row)
        if before == {word: getattr(row, word) for word in _FIELDS}:
            raise Unchanged
        row.html, row.amended_at = html, timezone.now()
        row.save()
        if row.range != before["range"]:
            concerned.tell(actor, package, row)
    if row.range != before["range"]:
        _alert(row)
    return row


def withdraw(actor: Actor, name: str, key: str, reason: str = "") -> Advisory:
    """Take an advisory back: audits and warnings drop it, its page stays and says so.

    reason: for readers, "" for none. Withdrawing twice changes nothing. Raises as `access.find`, NotFound, Invalid.
    """
    package = access.find(actor, Action.MANAGE, name)
    reason = _line(reason, MAX_REASON, "reason")
    with changing(package, actor, "advisory.withdrawn", advisory=key, reason=reason) as package:
        row = _own(package, key)
        if row.withdrawn_at is not None:
            raise Unchanged
        row.withdrawn_at, row.withdrawn_because = timezone.now(), reason
        row.save()
    return row


def reinstate(actor: Actor, name: str, key: str) -> Advisory:
    """Let a withdrawn advisory stand again; for Undo. Raises as `access.find`, NotFound."""
    package = access.find(actor, Action.MANAGE, name)
    with changing(package, actor, "advisory.reinstated", advisory=key) as package:
        row = _own(package, key)
        if row.withdrawn_at is None:
            raise Unchanged
        row.withdrawn_at, row.withdrawn_because = None, ""
        row.save()
    return row


def _read(package: Package, draft: Draft) -> Draft:
    # Who wrote a range that holds no version at all meant another; versions that were taken away count.
    wanted, numbers = draft.range.strip(), package.versions.values_list("number", flat=True)
    if not ranges.is_range(wanted) or _UNPRINTABLE.search(wanted):
        raise Invalid("write a version such as 1.2.0, or a range such as <2 or >=1.0.0 <1.4.2", code="range")
    inside = ranges.inside(wanted, numbers)
    if not inside:
        raise Invalid(f"no version of {package.name} is in the range {wanted}", code="range")
    if draft.severity not in Severity.values:
        raise Invalid(f"the severity is one of: {', '.join(Severity.values)}", code="severity")
    title = _line(draft.title, MAX_TITLE, "title")
    if not title:
        raise Invalid("say in a sentence what is wrong", code="title")
    text = draft.text.replace("\r\n", "\n").strip()
    if len(text) > MAX_TEXT or "\0" in text or SURROGATE.search(text):
        raise Invalid(f"the text has at most {MAX_TEXT:,} characters", code="text")
    fixed_in = _fixed_in(draft.fixed_in.strip(), wanted)
    cves, cwes = _ids(draft.cves, _CVE, "cves", "CVE-2026-12345"), _ids(draft.cwes, _CWE, "cwes", "CWE-79")
    return Draft(wanted, draft.severity, title, text, fixed_in, cves, cwes)


def _fixed_in(number: str, wanted: str) -> str:
    if not number:
        return ""
    try:
        number = parse_version(number)
    except Invalid as error:
        raise Invalid(error.message, code="fixed_in") from error
    if ranges.inside(wanted, [number]):
        raise Invalid(f"{number} is in the range {wanted} itself; change one of them", code="fixed_in")
    return number


def _ids(words: list[str], shape: re.Pattern[str], code: str, example: str) -> list[str]:
    found = list(dict.fromkeys(word.strip().upper() for word in words if word.strip()))
    if len(found) > MOST_IDS or not all(shape.fullmatch(each) for each in found):
        raise Invalid(f"write ids such as {example}, at most {MOST_IDS}, with commas between them", code=code)
    return found


def _line(text: str, most: int, code: str) -> str:
    text = " ".join(text.split())
    if len(text) > most or _UNPRINTABLE.search(text) or SURROGATE.search(text):
        raise Invalid(f"write one line of at most {most} characters", code=code)
    return text


def _copy(said: Draft, row: Advisory) -> None:
    for word in _FIELDS:
        setattr(row, word, getattr(said, word))


def _own(package: Package, key: str) -> Advisory:
    row = Advisory.objects.of(package).filter(key=key).first()
    if row is None:
        raise NotFound(f"{package.name} has no advisory {key}")
    return row


def _key() -> str:
    return "ADV-" + "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3))


def _alert(row: Advisory) -> None:
    downloaded = records.of(row.name).order_by().values_list("number", flat=True).distinct()
    for number in ranges.inside(row.range, sorted(downloaded))[:MOST_ALERTS]:
        alerts.alert(MirrorAlert.Kind.ADVISORY, row.name, number, f"{row.title} ({row.severity}, {row.key})")
