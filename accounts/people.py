"""Accounts: how one is made, by its person, by an operator or by an invitation."""

from __future__ import annotations

import difflib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts import audit, bearer, names
from accounts.actor import Actor
from accounts.models import Invitation, Scope, User
from registry_site.errors import Conflict, Invalid, NotFound

_FIRST_ADMIN = signing.TimestampSigner(salt="accounts.first-admin")
FIRST_ADMIN_SECONDS = 60 * 60 * 24


def is_free(name: str) -> bool:
    """Whether nobody holds or ever held this name."""
    return not Scope.objects.filter(name=name).exists()


@contextmanager
def taking(name: str) -> Iterator[None]:
    """A transaction that gives a new name to somebody.

    Raises Conflict when it was ever held, also when somebody takes it at the same moment: the database is the judge.
    """
    try:
        with transaction.atomic():
            require_free(name)
            yield
    except IntegrityError:
        raise _taken(name) from None


def require_free(name: str) -> None:
    """Raises Conflict when somebody holds or ever held this name."""
    if not is_free(name):
        raise _taken(name)


def _taken(name: str) -> Conflict:
    return Conflict(f"the name {name} is not available; choose another", code="name_taken")


def create(actor: Actor, name: str, email: str, password: str | None = None, *, superuser: bool = False) -> User:
    """Make an account whose e-mail address counts as verified, as operators do.

    password: None for an account that cannot log in by password before it is reset.
    Raises Invalid for a bad name, address or password; Conflict when the name is taken.
    """
    name = names.clean(name)
    try:
        validate_email(email)
        if password is not None:
            validate_password(password, User(username=name, email=email))
    except ValidationError as error:
        raise Invalid(" ".join(error.messages)) from error
    with taking(name):
        user = User(username=name, email=email, is_staff=superuser, is_superuser=superuser)
        user.set_password(password)
        user.save()
        EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)
        audit.record(actor, "user.created", person=name, superuser=superuser)
    return user


def find(name: str) -> User:
    """The person of this name. Raises NotFound."""
    user = User.objects.filter(username=name.removeprefix("@"), is_active=True).first()
    if user is None:
        raise NotFound(f"there is no user {name.removeprefix('@')}")
    return user


def near(name: str, among: QuerySet[User] | None = None, most: int = 3) -> list[str]:
    """Names like the one that was typed, to choose from instead of it."""
    people = (among if among is not None else User.objects.all()).filter(is_active=True, username__startswith=name[:1])
    return difflib.get_close_matches(name, people.values_list("username", flat=True)[:2000], n=most, cutoff=0.6)


def did_you_mean(name: str) -> str:
    """The end of a sentence that says there is nobody of this name: the names like it; "" where there are none."""
    found = near(name)
    return f"; did you mean {' or '.join(found)}?" if found else ""


def invite(actor: Actor, email: str = "") -> str:
    """Make an invitation to sign up; gives the secret for its link, which is shown once."""
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        Invitation.objects.create(digest=bearer.digest(secret), email=email, created_by=actor.user)
        audit.record(actor, "invitation.created", email=email)
    return secret


def open_invitation(secret: str) -> Invitation | None:
    """The unused invitation behind a link's secret, or None."""
    return _open_invitations(secret).first()


def let_in(digest: str, email: str, by: User | None, until: datetime) -> None:
    """Let whoever knows the secret behind this digest sign up until then; part of a larger transaction."""
    Invitation.objects.create(digest=digest, email=email, created_by=by, expires_at=until)


def keep_out(digest: str) -> None:
    """Take back what `let_in` gave, unless it was used; part of a larger transaction."""
    Invitation.objects.filter(digest=digest, used_at=None).delete()


def use_invitation(secret: str, user: User) -> None:
    """Spend an invitation on the account that it made. Raises Conflict when it was used meanwhile."""
    spent = _open_invitations(secret).update(used_at=timezone.now(), used_by=user)
    if not spent:
        raise Conflict("this invitation was already used")


def first_admin_key() -> str | None:
    """A signed key for the page that makes the first admin; None once there is one."""
    return _FIRST_ADMIN.sign("first-admin") if not _has_admin() else None


def create_first_admin(key: str, name: str, email: str, password: str) -> User:
    """Make the first admin for whoever holds the link from the log.

    Raises NotFound when the key is not ours, is older than a day, or an admin exists; else as `create`.
    """
    require_first_admin_key(key)
    with transaction.atomic():
        user = create(Actor(credential="first-admin"), name, email, password, superuser=True)
        if User.objects.filter(is_superuser=True).count() > 1:
            raise NotFound("there is an admin already")
    return user


def require_first_admin_key(key: str) -> None:
    """Raises NotFound unless the key opens the page that makes the first admin."""
    try:
        _FIRST_ADMIN.unsign(key, max_age=FIRST_ADMIN_SECONDS)
    except signing.BadSignature as error:
        raise NotFound("this link is not valid; restart the server for a new one") from error
    if _has_admin():
        raise NotFound("there is an admin already; sign in instead")


def _open_invitations(secret: str) -> QuerySet[Invitation]:
    found = Invitation.objects.filter(digest=bearer.digest(secret), used_at=None)
    return found.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))


def _has_admin() -> bool:
    return User.objects.filter(is_superuser=True).exists()
