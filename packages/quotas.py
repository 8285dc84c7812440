"""How much a scope keeps here, and how much it may: bytes, packages and versions.

What is mirrored belongs to no scope. What was unpublished counts until its bytes are gone, and what is staged counts.
Counting all versions of a large scope takes long, so that is done once a day; between two times what is new is added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from django.conf import settings
from django.db.models import Count, Exists, Max, OuterRef, Q, Sum
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from accounts import notices
from accounts.models import Scope, User
from orgs.models import Role
from packages.models import Package, Quota, StagedVersion, Version
from packages.names import PackageName
from registry_site.errors import OverQuota

MEGABYTE = 2**20
NEARLY = 80  # percent
WELL_BELOW = 70  # percent, below which people are warned anew the next time


class Limits(NamedTuple):
    """What a scope may keep; 0 is no limit."""

    bytes: int
    packages: int
    versions: int


@dataclass(frozen=True)
class Share:
    """One of the three: its name, what is used of how much (0: no limit), both in words, too."""

    name: str
    used: int
    most: int
    used_words: str
    most_words: str

    @property
    def percent(self) -> int:
        return min(100, 100 * self.used // self.most) if self.most else 0

    @property
    def is_nearly_full(self) -> bool:
        return bool(self.most) and self.percent >= NEARLY

    @property
    def is_full(self) -> bool:
        return bool(self.most) and self.used >= self.most


def require_room(scope: Scope | None, name: PackageName, size: int, *, versions: int = 1) -> None:
    """Goes on when so much more fits into the scope; asked before an upload is stored, and again in its transaction.

    scope: None for names without one, which nobody's quota is about. versions: 0 for one that is there already.
    Raises OverQuota, which says the limit and what is used of it.
    """
    if scope is None:
        return
    row = Quota.objects.filter(scope=scope).first()
    limits = limits_of(row)
    if not any(limits):
        return
    if limits.packages and not _is_listed(name):
        others = _packages(scope).exclude(name=name.full).count()
        if others >= limits.packages:
            raise _over(scope, "packages", f"{others:,}", f"{limits.packages:,}", f"{name.full} would be one more")
    if not (limits.bytes or limits.versions):
        return
    used_bytes, used_versions = _used(scope, row)
    if limits.bytes and used_bytes + size > limits.bytes:
        more = f"this would be {_words(size)} more"
        raise _over(scope, "storage", _words(used_bytes), _words(limits.bytes), more)
    if limits.versions and used_versions + versions > limits.versions:
        raise _over(scope, "versions", f"{used_versions:,}", f"{limits.versions:,}", "this would be one more")


def shares(scope: Scope) -> list[Share]:
    """What a scope uses of what it may, for its people."""
    row = Quota.objects.filter(scope=scope).first()
    limits = limits_of(row)
    used_bytes, used_versions = _used(scope, row)
    used_packages = _packages(scope).count()
    return [
        Share("Storage", used_bytes, limits.bytes, _words(used_bytes), _words(limits.bytes)),
        Share("Packages", used_packages, limits.packages, f"{used_packages:,}", f"{limits.packages:,}"),
        Share("Versions", used_versions, limits.versions, f"{used_versions:,}", f"{limits.versions:,}"),
    ]


def warning(scope: Scope | None) -> str:
    """A sentence for whoever published into a scope that fills up; "" for all others, which costs one query."""
    if scope is None or not any(limits_of(Quota.objects.filter(scope=scope).first())):
        return ""
    full = [share for share in shares(scope) if share.is_nearly_full]
    said = ", ".join(f"{each.used_words} of {each.most_words} ({each.name.lower()})" for each in full)
    return f"@{scope.name} uses {said}; at the limit nothing more can be published there" if full else ""


def limits_of(row: Quota | None) -> Limits:
    """What a scope may keep: its own limits, else those of the settings."""
    megabytes = settings.QUOTA_MB if row is None or row.megabytes is None else row.megabytes
    packages = settings.QUOTA_PACKAGES if row is None or row.packages is None else row.packages
    versions = settings.QUOTA_VERSIONS if row is None or row.versions is None else row.versions
    return Limits(megabytes * MEGABYTE, packages, versions)


def count_again() -> None:
    """Count what every scope keeps, once a day, and tell the people of those that fill up."""
    now, last = timezone.now(), Version.objects.aggregate(last=Max("pk"))["last"] or 0
    kept = Version.objects.filter(erased_at=None, pk__lte=last, package__scope__isnull=False)
    rows = kept.order_by().values("package__scope").annotate(bytes=Sum("size"), count=Count("pk"))
    found = {each["package__scope"]: (each["bytes"], each["count"]) for each in rows}
    known = set(Quota.objects.values_list("scope", flat=True))
    for key in found.keys() - known:
        Quota.objects.get_or_create(scope_id=key)
    for row in Quota.objects.select_related("scope__user").iterator():
        row.used_bytes, row.used_versions = found.get(row.scope_id, (0, 0))
        row.counted_to, row.counted_at = last, now
        row.save(update_fields=["used_bytes", "used_versions", "counted_to", "counted_at"])
        if any(limits_of(row)):
            _tell(row)


def _used(scope: Scope, row: Quota | None) -> tuple[int, int]:
    row = row or Quota(scope=scope)  # in its first days, and of a registry that never counted: all of it is new
    found = _sum(Version.objects.filter(pk__gt=row.counted_to, erased_at=None, package__scope=scope))
    staged = _sum(StagedVersion.objects.filter(package__scope=scope))
    return row.used_bytes + found[0] + staged[0], row.used_versions + found[1] + staged[1]


def _sum(rows) -> tuple[int, int]:
    found = rows.order_by().aggregate(bytes=Sum("size"), count=Count("pk"))
    return found["bytes"] or 0, found["count"]


def _packages(scope: Scope):
    waiting = StagedVersion.objects.filter(package=OuterRef("pk"))
    listed = Q(unpublished_at=None) | Q(Exists(waiting))
    return Package.objects.filter(listed, scope=scope, mirrored=False).order_by()


def _is_listed(name: PackageName) -> bool:
    return Package.objects.filter(name=name.full, unpublished_at=None).exists()


def _tell(row: Quota) -> None:
    full = [share for share in shares(row.scope) if share.most]
    highest = max((share.percent for share in full), default=0)
    if highest >= NEARLY and row.warned_at is None:
        row.warned_at = timezone.now()
        said = [f"{each.name}: {each.used_words} of {each.most_words}." for each in full if each.is_nearly_full]
        people = [each.email for each in _people(row.scope) if each.email and each.is_active]
        if people and notices.is_on():
            more = "At the limit nothing more can be published there. Ask whoever runs this registry for more."
            notices.post(people, "scopes you answer for", f"@{row.scope.name} fills up", *said, more)
    elif highest < WELL_BELOW:
        row.warned_at = None
    row.save(update_fields=["warned_at"])


def _people(scope: Scope) -> list[User]:
    if scope.user is not None:
        return [scope.user]
    return list(User.objects.filter(memberships__org__scope=scope, memberships__role=Role.OWNER))


def _over(scope: Scope, what: str, used: str, most: str, more: str) -> OverQuota:
    return OverQuota(
        f"the scope @{scope.name} is full: it uses {used} of {most} ({what}), and {more}; "
        "ask the operators of this registry for more, or unpublish what nobody needs"
    )


def _words(size: int) -> str:
    return filesizeformat(size).replace("\xa0", " ")
