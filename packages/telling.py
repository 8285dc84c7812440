"""What people are told by mail of packages that concern them; each within the transaction of its change."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format

from accounts import notices
from accounts.actor import Actor
from accounts.models import User
from accounts.notices import Kind
from packages import reasons
from packages.models import Package, Permission
from packages.policy import WRITER

MOST = 50  # people who hear of one version; more than that publish nothing by hand


def granted(actor: Actor, package: Package, user: User, permission: Permission) -> None:
    """A person may use a package now, or may do more or less with it than before."""
    if user != actor.user:
        link = (f"Open {package.name}", notices.page("package", package.name))
        what = f"{actor.name} gave you {permission.label} on {package.name}"
        notices.tell(user, Kind.ACCESS, what, "You find it on your page, too.", link=link)


def revoked(actor: Actor, package: Package, user: User) -> None:
    """A package was taken away from a person."""
    if user != actor.user:
        what = f"{actor.name} took {package.name} away from you"
        more = "What you were given on it ended. If it is private, you cannot see it any more."
        notices.tell(user, Kind.ACCESS, what, more)


def published(actor: Actor, package: Package, number: str) -> None:
    """A version is out: told to the others who publish this package."""
    if not notices.is_on():
        return
    writers = [user_id for user_id, reason in reasons.of(package).items() if reason.standing >= WRITER]
    others = User.objects.filter(pk__in=writers, is_active=True).exclude(pk=actor.user.pk if actor.user else None)
    notices.tell(
        others.order_by("pk")[:MOST],
        Kind.PUBLISHED,
        f"{package.name} {number} was published",
        f"{actor.name} published it. If nobody meant to, take it away again and look who may publish.",
        link=(f"Open {package.name}", notices.page("package", package.name)),
    )


def unpublished(actor: Actor, package: Package, what: str) -> None:
    """Versions, or the whole package, were taken away: told to the others who may bring them back."""
    whole = package.unpublished_at is not None
    until = date_format(timezone.now() + timedelta(days=settings.UNPUBLISHED_DAYS), "j F Y")
    others = reasons.managers(package).exclude(pk=actor.user.pk if actor.user else None)
    notices.tell(
        others,
        Kind.PUBLISHED,
        f"{actor.name} unpublished {what}",
        f"Nobody can install it any more. You can restore it until {until}; then its bytes are removed for good.",
        link=("Look at it", notices.page("package-restore" if whole else "package-versions", package.name)),
    )


def quarantined(package: Package, what: str, sentence: str) -> None:
    """An operator put a version into quarantine, or let it out: told to those who manage the package."""
    link = ("See the versions", notices.page("package-versions", package.name))
    notices.tell(reasons.managers(package), Kind.SECURITY, what, sentence, link=link)


def handed_over(package: Package, user: User) -> None:
    """An operator made a person the owner of a package, or of what holds its name."""
    link = (f"Open {package.name}", notices.page("package", package.name))
    notices.tell(user, Kind.ACCESS, f"{package.name} was handed over to you", "An operator did it.", link=link)
