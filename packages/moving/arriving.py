"""Versions of a package on their way in: looked into and kept as every upload is, then listed some at a time.

Bytes before rows, as in a publish; an operator's change, so that no webhook rings and no mail leaves for what happened
long ago. What a run that broke off brought in stays, and is a sound package at each moment.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.actor import Actor, operator
from accounts.models import Scope
from packages import arrivals, blobs, ledger, listing, manifests, publishing, signatures, tarballs
from packages.changes import maintaining
from packages.models import DistTag, Package, Version
from packages.moving import planning
from packages.moving.granting import Grants
from packages.moving.homes import Home, Homes
from packages.moving.people import People
from packages.moving.planning import CHANGE, Plan
from packages.moving.sources import Found, Source, Told
from packages.names import parse_version
from packages.wire import Upload
from packages.wire.intents import Spooled
from registry_site.errors import Conflict, Invalid, Refusal, Unavailable

AT_ONCE = 20  # versions in one transaction
AT_ONCE_SECONDS = 10 * 60  # in which they come
SHOWN = 20  # differences of one manifest


@dataclass(frozen=True)
class Arrived:
    """What came of a version. why: it was refused, "" when it is here. differs: what its manifest said otherwise."""

    told: Told
    size: int = 0
    integrity: str = ""
    blob: str = ""
    why: str = ""
    differs: str = ""


@dataclass
class Arrival:
    """One package with its source, and who decides. settle: called before the first row, outside of a transaction."""

    actor: Actor
    source: Source
    folk: People
    homes: Homes
    grants: Grants

    def bring(self, found: Found, plan: Plan, home: Home) -> Iterator[Arrived]:
        """Bring the wanted versions in; gives what came of each. Raises Unavailable when the store takes nothing."""
        wanted = deque(plan.wanted)
        while wanted:
            arrived: list[Arrived] = []
            try:
                with ExitStack() as kept:  # refused, all of their bytes go again
                    kept_at = time.time()
                    versions = self._receive(kept, found, wanted, arrived)
                    self._list(found, home, versions, kept_at)
            except Unavailable:
                raise
            except Refusal as refusal:
                arrived = [each if each.why else replace(each, why=refusal.message) for each in arrived]
            yield from arrived

    def look(self, found: Found, told: Told) -> Arrived:
        """What would come of a version: its bytes are read and looked into, and nothing is kept."""
        try:
            with self.source.tarball(found, told) as tarball:
                _, differs = _upload(found, told, tarball)
                return Arrived(told, tarball.size, tarball.integrity, differs=differs)
        except Refusal as refusal:
            return Arrived(told, why=refusal.message)

    def settle(self, found: Found) -> bool:
        """Let tags and warnings be those of the source, where nobody changed anything here; gives whether any moved."""
        package = Package.objects.select_related("scope").filter(name=found.name.full).first()
        if package is None or not planning.is_untouched(package) or not _unlike(package, found):
            return False
        with maintaining(package, self.actor, "package.followed", source=self.source.label) as package:
            _settle(package, found)
        return True

    def _receive(self, kept: ExitStack, found: Found, wanted: deque[Told], arrived: list[Arrived]) -> list[Version]:
        # As many as are listed at once, and fewer over a slow line: what was kept long ago may not be listed any more.
        versions: list[Version] = []
        ends = time.monotonic() + AT_ONCE_SECONDS
        while wanted and len(arrived) < AT_ONCE and (not arrived or time.monotonic() < ends):
            told = wanted.popleft()
            try:
                version, each = self._kept(kept, found, told)
            except Unavailable:
                raise
            except Refusal as refusal:
                arrived.append(Arrived(told, why=refusal.message))
            else:
                versions.append(version)
                arrived.append(each)
        return versions

    def _kept(self, kept: ExitStack, found: Found, told: Told) -> tuple[Version, Arrived]:
        with self.source.tarball(found, told) as tarball:
            upload, differs = _upload(found, told, tarball)
            publisher = operator(self.folk.find(told.publisher) if told.publisher else None)
            columns = kept.enter_context(arrivals.stored(publisher, found.name, upload))
        version = Version(**columns, deprecated=_message(told))
        signatures.sign(version)
        ledger.note(found.name.full, version.number, version.integrity)
        return version, Arrived(told, tarball.size, tarball.integrity, columns["blob"], differs=differs)

    def _list(self, found: Found, home: Home, versions: list[Version], kept_at: float) -> None:
        if not versions:
            return
        teams = []
        if not Package.objects.filter(name=found.name.full, mirrored=False).exists():
            self.homes.settle(home)
            arrivals.require_plan(None, found.name, found.level if found.name.scope else None)
            teams = self.grants.prepare(found, home)
        told = {each.number: each for each in found.versions}
        try:
            with transaction.atomic():
                package, is_new = self._package(found)
                if is_new:
                    self.grants.give(package, found, home, teams)
                untouched = is_new or planning.is_untouched(package)
                facts = {"versions": [each.number for each in versions], "source": self.source.label}
                with maintaining(package, self.actor, CHANGE, **facts) as package:
                    for version in versions:
                        publishing.enter(package, version, None, _moment(told[version.number].published_at))
                    if untouched:
                        _settle(package, found)
                    else:
                        package.modified_at = timezone.now()
                    blobs.require_young(kept_at)
        except IntegrityError:
            raise Invalid("one of these numbers was used here meanwhile; run it again") from None

    def _package(self, found: Found) -> tuple[Package, bool]:
        scope = Scope.objects.get(name=found.name.scope) if found.name.scope else None
        columns = {"scope": scope, "access": arrivals.first_level(scope, found.level)}
        package, is_new = Package.objects.get_or_create(name=found.name.full, defaults=columns)
        if package.mirrored or (not is_new and not planning.moved_in(package)):
            raise Conflict("a package of this name appeared here meanwhile; run it again")
        return package, is_new


def _upload(found: Found, told: Told, tarball: Spooled) -> tuple[Upload, str]:
    if not told.is_told_of(tarball):
        raise Invalid("its bytes are not those that the source says it has")
    said = tarballs.inspect(tarball.path).package_json
    name, number = said.get("name"), said.get("version")
    if name != found.name.full or not _is_number(number, told.number):
        raise Invalid(f"its tarball is {str(name)[:214]}@{str(number)[:256]}")
    manifest = {key: value for key, value in told.manifest.items() if key not in ("dist", "deprecated")}
    differing = manifests.differences(said, manifest) if manifest else []
    upload = Upload(found.name.full, told.number, said | told.sent, (), found.level, tarball)
    return upload, ", ".join(differing[:SHOWN])


def _is_number(said: object, number: str) -> bool:
    try:
        return isinstance(said, str) and manifests.clean_version(said) == parse_version(number)
    except Invalid:
        return False


def _message(told: Told) -> str:
    try:
        return manifests.clean_message(told.deprecated.replace("\n", " ").replace("\t", " "))
    except Invalid:
        return "deprecated"


def _moment(at: datetime | None) -> datetime | None:
    return min(at, timezone.now()) if at else None


def _unlike(package: Package, found: Found) -> bool:
    warned = dict(package.versions.listed().values_list("number", "deprecated"))
    tags = dict(package.tags.values_list("name", "version__number"))
    others = any(warned.get(each.number, _message(each)) != _message(each) for each in found.versions)
    return others or tags != _tags(found, warned)


def _tags(found: Found, numbers: Collection[str]) -> dict[str, str]:
    # Where `latest` is not here, or not yet, the highest is; npm installs nothing without one.
    wanted = {tag: number for tag, number in found.tags.items() if number in numbers}
    latest = {"latest": wanted["latest"] if "latest" in wanted else listing.highest(numbers)} if numbers else {}
    return dict(list((latest | wanted).items())[: publishing.MAX_TAGS])


def _settle(package: Package, found: Found) -> None:
    here = {each.number: each for each in package.versions.listed().only("number", "deprecated", "published_at")}
    for told in found.versions:
        if told.number in here and here[told.number].deprecated != _message(told):
            package.versions.filter(pk=here[told.number].pk).update(deprecated=_message(told))
    wanted = _tags(found, here)
    package.tags.exclude(name__in=wanted).delete()
    for tag, number in wanted.items():
        DistTag.objects.update_or_create(package=package, name=tag, defaults={"version": here[number]})
    package.modified_at = _moment(found.modified_at) or max(each.published_at for each in here.values())
