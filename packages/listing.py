"""Which versions are on the list of their package: how they leave it with their tags, and how they come back."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import nodesemver

from packages.models import DistTag, Package, Version

_LIGHT = ("number", "tags_were", "package", "unpublished_at", "quarantined_at")


def take_off(package: Package, numbers: Collection[str], **columns: Any) -> None:
    """Take versions off the list, inside `changing` or `maintaining`.

    Their tags go with them, except `latest`, which moves to the highest version that is left, a finished one where
    there is one. Each version remembers the tags it lost, and who got them.
    columns: what the rows say from now on: when they were unpublished or quarantined, and why.
    """
    gone = {each.pk: each for each in package.versions.filter(number__in=numbers).only(*_LIGHT)}
    lost: dict[int, list[str]] = {}
    for tag, holder in package.tags.filter(version__in=gone).values_list("name", "version"):
        lost.setdefault(holder, []).append(tag)
    package.versions.filter(pk__in=gone).update(**columns)
    package.tags.filter(version__in=gone).delete()
    heir = _give_latest(package)
    for holder, tags in lost.items():
        gone[holder].tags_were = {tag: heir if tag == "latest" else "" for tag in tags}
    Version.objects.bulk_update([gone[holder] for holder in lost], ["tags_were"], batch_size=500)


def put_back(package: Package, numbers: Collection[str], **columns: Any) -> None:
    """Put versions on the list again, inside `changing` or `maintaining`, with the tags that nobody moved meanwhile.

    columns: what the rows say from now on. A version that is still off the list for another reason gets no tags yet.
    """
    package.versions.filter(number__in=numbers).update(**columns)
    back = package.versions.listed().filter(number__in=numbers).order_by("published_at", "pk").only(*_LIGHT)
    held = dict(package.tags.values_list("name", "version__number"))
    for version in back:
        for tag, heir in version.tags_were.items():
            if held.get(tag, "") == heir:
                DistTag.objects.update_or_create(package=package, name=tag, defaults={"version": version})
                held[tag] = version.number
    back.exclude(tags_were={}).update(tags_were={})
    _give_latest(package)


def highest(numbers: Collection[str]) -> str:
    """The highest of these versions, a finished one where there is one; there is at least one of them."""
    finished = [number for number in numbers if "-" not in number]
    return nodesemver.max_satisfying(finished or list(numbers), "*", include_prerelease=True)


def _give_latest(package: Package) -> str:
    listed = package.versions.listed()
    if package.tags.filter(name="latest").exists() or not listed.exists():
        return ""
    heir = highest(listed.values_list("number", flat=True))
    DistTag.objects.create(package=package, name="latest", version=listed.only("pk").get(number=heir))
    return heir
