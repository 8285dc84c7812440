"""What happens to versions after they are published: deprecated, tagged, unpublished."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import nodesemver
from django.db import transaction
from django.utils import timezone

from accounts.actor import Actor
from packages import access, listing, manifests, packuments, telling
from packages.access import Action
from packages.changes import Unchanged, changing
from packages.models import Access, DistTag, Package, Version
from packages.names import parse_tag, parse_version
from packages.publishing import MAX_TAGS
from registry_site.errors import Conflict, Invalid, NotFound

MAX_RANGE = 200
FEW = 500


def deprecate(actor: Actor, name: str, messages: dict[str, str], revision: str | None = None) -> None:
    """Put a warning on versions, or take it away again; installers see it, nothing is removed.

    messages: by version number; "" takes the warning away. Versions that are not named keep theirs.
    revision: the `_rev` the client's copy had, checked when given and there is something to change: whoever repeats
    a request because its answer got lost is told that it is done.
    Raises Invalid for a version the package lacks or a message with control characters, Conflict for an old revision.
    Source: `npm deprecate PKG@RANGE MESSAGE`, PUT /PKG without attachment.
    """
    package = access.find(actor, Action.PUBLISH, name)
    messages = {number: manifests.clean_message(text) for number, text in messages.items()}
    current = _deprecations(package, messages)
    if unknown := sorted(messages.keys() - current.keys()):
        raise Invalid(f"{name} has no version {unknown[0]}")
    changed: dict[str, list[str]] = {}
    for number in sorted(messages):
        if current[number] != messages[number]:
            changed.setdefault(messages[number], []).append(number)
    with transaction.atomic():
        for text, numbers in changed.items():  # an event for each sentence
            with changing(package, actor, "version.deprecated", versions=numbers, message=text) as package:
                left = package.versions.listed().filter(number__in=numbers).exclude(deprecated=text)
                if not left.exists():  # the same request was in flight twice
                    raise Unchanged
                require_revision(package, revision)
                left.update(deprecated=text)
            revision = None  # the first of them counted it


def deprecate_range(actor: Actor, name: str, text: str, message: str) -> dict[str, str]:
    """Put one warning on every version in a range; gives the messages that were changed, as they were before.

    text: a range as npm reads it, such as `<2`; one version is a range, too. message: "" takes the warnings away.
    Raises Invalid for no range, or one that no version is in; else as `deprecate`.
    """
    package = access.find(actor, Action.PUBLISH, name)
    current, message = _deprecations(package), manifests.clean_message(message)
    numbers = matching(current, text)
    if not numbers:
        raise Invalid(f"no version of {name} is in the range {text}")
    deprecate(actor, name, dict.fromkeys(numbers, message))
    return {number: current[number] for number in numbers if current[number] != message}


def matching(numbers: Iterable[str], text: str) -> list[str]:
    """Those of some versions that are in a range, prereleases included, in the order they came in.

    Raises Invalid for what npm would not read as a range.
    """
    text = text.strip()
    found = nodesemver.valid_range(text, False) if 0 < len(text) <= MAX_RANGE else None
    if found is None:
        raise Invalid("write a version such as 1.2.0, or a range such as <2, 1.x or >=1.0.0 <1.4.0")
    wanted = nodesemver.make_range(text, False)
    return [number for number in numbers if _is_inside(wanted, number)]


def set_tag(actor: Actor, name: str, tag: str, number: str) -> None:
    """Point a tag at a version; the same again changes nothing.

    Raises NotFound for a version the package lacks, Invalid for a tag that reads as a version.
    Source: `npm dist-tag add PKG@VERSION TAG`.
    """
    package = access.find(actor, Action.PUBLISH, name)
    tag, number = parse_tag(tag), parse_version(number)
    with changing(package, actor, "tag.set", tag=tag, version=number) as package:
        version = _version(package, number)
        held = package.tags.filter(name=tag).first()
        if held is not None and held.version_id == version.pk:
            raise Unchanged
        if held is None and package.tags.count() >= MAX_TAGS:
            raise Invalid(f"{name} has {MAX_TAGS} tags, the most a package can have")
        DistTag.objects.update_or_create(package=package, name=tag, defaults={"version": version})


def set_tags(actor: Actor, name: str, tags: dict[str, str], *, only: bool = False) -> None:
    """Point several tags at versions, all or none of them.

    only: take every other tag away, except `latest`. Raises as `set_tag`.
    Source: PUT and POST /-/package/PKG/dist-tags of old libraries.
    """
    with transaction.atomic():
        package = access.find(actor, Action.PUBLISH, name, lock=True)
        for tag, number in tags.items():
            set_tag(actor, name, tag, number)
        if only:
            for tag in package.tags.exclude(name__in=[*tags, "latest"]).values_list("name", flat=True):
                remove_tag(actor, name, tag)


def remove_tag(actor: Actor, name: str, tag: str) -> None:
    """Take a tag away; `latest` always stays.

    Raises NotFound when the package has no such tag, Invalid for `latest`.
    Source: `npm dist-tag rm PKG TAG`.
    """
    package = access.find(actor, Action.PUBLISH, name)
    if tag == "latest":
        raise Invalid("latest cannot be removed; point it at another version instead")
    with changing(package, actor, "tag.removed", tag=tag) as package:
        gone, _ = package.tags.filter(name=tag).delete()
        if not gone:
            raise NotFound(f"{name} has no tag {tag}")


def unpublish_versions(actor: Actor, name: str, kept: frozenset[str], revision: str) -> None:
    """Take away every version that is not in `kept`; their numbers are never used again.

    revision: the `_rev` of the client's copy, checked when something is left to do, as in `deprecate`.
    `latest` moves to the highest version that is left, where it was lost.
    Raises Conflict for an old revision.
    Source: `npm unpublish PKG@VERSION`, PUT /PKG/-rev/REV.
    """
    package = access.find(actor, Action.MANAGE, name)
    gone = sorted(set(package.versions.listed().values_list("number", flat=True)) - kept)
    if not gone:
        return
    with changing(package, actor, "version.unpublished", versions=gone) as package:
        if not package.versions.listed().filter(number__in=gone).exists():  # the same request was in flight twice
            raise Unchanged
        require_revision(package, revision)
        _take_away(package, gone)
        telling.unpublished(actor, package, f"{', '.join(gone[:10])} of {name}")


def keeps_all(actor: Actor, name: str, kept: frozenset[str]) -> bool:
    """Whether these are all the versions that are listed, so that nothing would be unpublished. Raises NotFound."""
    package = access.find(actor, Action.VIEW, name)
    return kept >= set(package.versions.listed().values_list("number", flat=True))


def unpublish(actor: Actor, name: str, revision: str) -> None:
    """Take the whole package away; its name stays with its holder and its numbers are never used again.

    Source: `npm unpublish PKG --force`, DELETE /PKG/-rev/REV.
    """
    package = access.find(actor, Action.MANAGE, name)
    with changing(package, actor, "package.unpublished") as package:
        require_revision(package, revision)
        _take_away(package, list(package.versions.filter(unpublished_at=None).values_list("number", flat=True)))
        telling.unpublished(actor, package, name)


def require_revision(package: Package, revision: str | None) -> None:
    """Raises Conflict when the client's copy is not of the current revision; None means that it has none to check."""
    if revision is not None and revision != packuments.revision_of(package):
        raise Conflict(f"{package.name} changed meanwhile; run the command again")


def _take_away(package: Package, numbers: list[str]) -> None:
    now = timezone.now()
    listing.take_off(package, numbers, unpublished_at=now)
    if package.versions.listed().exists():
        return
    package.versions.filter(unpublished_at=None).update(unpublished_at=now)  # with those in quarantine it is whole
    package.unpublished_at = now
    package.access_was = package.access
    package.access = Access.RESTRICTED if package.scope_id else Access.PUBLIC  # not public by habit when it returns


def _is_inside(wanted: nodesemver.Range, number: str) -> bool:
    if wanted.test(number):
        return True
    # With prereleases the library compares the three numbers alone, by which 2.0.0-rc.1 would hold 2.0.0, too.
    version = nodesemver.make_semver(number, False)
    strictly = any(all(each.test(version) for each in comparators) for comparators in wanted.set)
    return strictly and wanted.test(number, include_prerelease=True)


def _version(package: Package, number: str) -> Version:
    version = package.versions.listed().filter(number=number).only("pk").order_by().first()
    if version is None:
        raise NotFound(f"{package.name} has no version {number}")
    return version


def _deprecations(package: Package, numbers: Collection[str] = ()) -> dict[str, str]:
    listed = package.versions.listed()
    if 0 < len(numbers) <= FEW:  # of very many versions one is looked up quicker than all are read
        listed = listed.filter(number__in=numbers)
    return dict(listed.values_list("number", "deprecated"))
