"""What a person says about themselves, and their e-mail address."""

from __future__ import annotations

from urllib.parse import urlsplit

from allauth.account.internal.flows.manage_email import assess_unique_email
from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.cache import cache  # shared by all workers; forgets by itself
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from accounts import audit, limiting
from accounts.actor import Actor
from accounts.models import User
from accounts.notices import warn
from registry_site.errors import Conflict, Invalid

# The words of `npm profile set`, and our columns; freenode and twitter are known to npm 10 and older.
FIELDS = {
    "fullname": "full_name",
    "homepage": "homepage",
    "github": "github",
    "twitter": "twitter",
    "freenode": "freenode",
}
CONFIRM_SECONDS = 60 * 60 * 24 * 3  # as long as a confirmation's link


def change(actor: Actor, user: User, wanted: dict[str, str]) -> None:
    """Set some of FIELDS; a value that stands there already changes nothing.

    Raises Invalid for what is too long, holds control characters, or is a homepage that is no web address.
    Source: `npm profile set fullname|homepage|github|twitter|freenode`.
    """
    require_fit(wanted)
    changed = [name for name, value in wanted.items() if getattr(user, FIELDS[name]) != value]
    for name in changed:
        setattr(user, FIELDS[name], wanted[name])
    if changed:
        with transaction.atomic():
            user.save(update_fields=[FIELDS[name] for name in changed])
            audit.record(actor, "profile.changed", person=user.username, fields=changed)


def shown(user: User) -> dict[str, str]:
    """What a person says about themselves, by column."""
    return {column: getattr(user, column) for column in FIELDS.values()}


def by_word(columns: dict[str, str]) -> dict[str, str]:
    """The same in the words of `npm profile set`; columns that are not in FIELDS are left out."""
    return {word: columns[column] for word, column in FIELDS.items() if column in columns}


def require_fit(wanted: dict[str, str]) -> None:
    """Goes on when these values may stand in FIELDS. Raises Invalid as `change`."""
    for name, value in wanted.items():
        most = User._meta.get_field(FIELDS[name]).max_length
        if len(value) > most:
            raise Invalid(f"{name} has at most {most} characters")
        if any(not character.isprintable() for character in value):
            raise Invalid(f"{name} is one line of plain text")
    if (homepage := wanted.get("homepage")) and not _is_web_address(homepage):
        raise Invalid("a homepage begins with https:// or http://")


def email_of(user: User) -> tuple[str, bool]:
    """The person's first address, and whether they showed that mail reaches them there."""
    first = EmailAddress.objects.filter(user=user, primary=True).first()
    return (first.email, first.verified) if first else (user.email, False)


def change_email(request, actor: Actor, user: User, email: str) -> bool:
    """Give a person another address; False when it is the one they have. Their old address is told.

    With a mail server the new one counts once its person opens the link in the mail that goes there; until then the
    old one stays. Without one it counts at once, unverified.
    Raises Invalid for what is no address, Conflict for one that cannot be used here, TooManyRequests.
    Source: `npm profile set email`.
    """
    old, _ = email_of(user)
    if email == old:
        return False
    try:
        validate_email(email)
    except ValidationError as error:
        raise Invalid("that is not an e-mail address") from error
    limiting.spend("e-mail", f"user-{user.pk}", words="too many changes of the address")
    confirm = settings.ACCOUNT_EMAIL_VERIFICATION == "mandatory"
    if not confirm and assess_unique_email(email, user=user) is False:
        raise Conflict("this e-mail address cannot be used here; choose another")
    with transaction.atomic():
        address, _ = EmailAddress.objects.get_or_create(user=user, email=email)
        waits = confirm and not address.verified
        if not waits:
            _make_first(user, address)
        audit.record(actor, "profile.email", person=user.username)
    if waits:
        cache.set(_awaited(user), email, CONFIRM_SECONDS)
        address.send_confirmation(request)
    if old:
        more = "It counts once somebody who gets the mail there confirms it." if waits else "It counts from now on."
        warn(request, user, f"Your e-mail address is to be {email}", more=more, to=old)
    return True


def make_first(actor: Actor, user: User, address: EmailAddress) -> None:
    """Make one of a person's addresses the first, confirmed or not: where no mail is sent, none can be confirmed."""
    with transaction.atomic():
        address.set_as_primary()
        audit.record(actor, "email.first", person=user.username)


def take_confirmed(sender, email_address: EmailAddress, **more) -> None:
    """A person confirmed an address; the one that they asked to change to becomes their first.

    Source: the signal that django-allauth sends when the link in the mail was followed.
    """
    user = email_address.user
    if cache.get(_awaited(user)) == email_address.email:
        cache.delete(_awaited(user))
        with transaction.atomic():
            _make_first(user, email_address)


def _make_first(user: User, address: EmailAddress) -> None:
    address.user = user
    address.set_as_primary()
    EmailAddress.objects.filter(user=user, primary=False).delete()


def _awaited(user: User) -> str:
    return f"email-change-{user.pk}"


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)
