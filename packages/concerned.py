"""Who is told by mail of an advisory: those whose packages here ask for a version that it names."""

from __future__ import annotations

from collections.abc import Iterable

from accounts import notices
from accounts.actor import Actor
from accounts.models import User
from accounts.notices import Kind
from packages import ranges, reasons
from packages.models import Access, Advisory, Dependency, Package
from packages.policy import READER, WRITER

MOST_DEPENDENTS = 200  # packages that are looked at
MOST_PEOPLE = 100


def tell(actor: Actor, package: Package, advisory: Advisory) -> None:
    """An advisory is out: told to those who publish packages of this registry that ask for a version in it.

    package: as the change leaves it. Nobody is told of a package that they may not see.
    """
    if not notices.is_on():
        return
    for user, names in _concerned(actor, package, advisory):
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        notices.tell(
            user,
            Kind.ADVISORY,
            f"{package.name}: {advisory.title} ({advisory.severity})",
            f"{', '.join(names[:3])}{more}, which you publish, can still be installed with an affected version of it: "
            f"{advisory.range}.",
            f"It is fixed in {advisory.fixed_in}." if advisory.fixed_in else "There is no version yet that fixes it.",
            link=("Read the advisory", notices.page("package-advisory", package.name, advisory.key)),
        )


def _concerned(actor: Actor, package: Package, advisory: Advisory) -> Iterable[tuple[User, list[str]]]:
    bad = ranges.inside(advisory.range, package.versions.listed().values_list("number", flat=True))
    tags = set(package.tags.filter(version__number__in=bad).values_list("name", flat=True))
    asking = Dependency.objects.filter(name=package.name).exclude(package=package).order_by("package__name")
    asking = asking.select_related("package__scope").filter(package__unpublished_at=None)
    readers = _readers(package)
    theirs: dict[int, list[str]] = {}
    for row in asking[:MOST_DEPENDENTS]:
        if row.range not in tags and not ranges.inside(row.range, bad):
            continue
        for user_id, reason in reasons.of(row.package).items():
            if reason.standing >= WRITER and (readers is None or user_id in readers):
                names = theirs.setdefault(user_id, [])
                if row.package.name not in names:
                    names.append(row.package.name)
    theirs.pop(actor.user.pk if actor.user else 0, None)
    users = User.objects.filter(pk__in=theirs, is_active=True).order_by("pk")[:MOST_PEOPLE]
    return [(user, theirs[user.pk]) for user in users]


def _readers(package: Package) -> frozenset[int] | None:
    # None: everybody who has an account.
    if package.access == Access.PUBLIC:
        return None
    return frozenset(user_id for user_id, reason in reasons.of(package).items() if reason.standing >= READER)
