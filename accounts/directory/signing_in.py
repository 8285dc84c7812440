"""Signing in with the name and password of the company's directory: whose account that opens, and a new one.

An account is known by the identifier of the entry, never by a name or an address that somebody could get there.
"""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth import get_user_model, update_session_auth_hash
from django.contrib.auth.backends import BaseBackend
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import absence, addresses, audit, notices, passwords, people, standstill
from accounts.actor import Actor, address_of
from accounts.directory import client
from accounts.directory.client import Entry
from accounts.models import DirectoryPerson, User
from accounts.provider_sign_in import cleaned, groups_known, suggested
from registry_site.errors import BadCredential, Conflict, Invalid, NotAllowed, NotFound


class DirectoryBackend(BaseBackend):
    """Where Django asks for the person of a name and a password, after the passwords that are kept here."""

    def authenticate(self, request, username=None, password=None, email=None, **more) -> User | None:
        name = email or username
        if not settings.LDAP_URL or not name or not passwords.is_readable(password):
            return None
        entry = client.authenticate(name, password)
        return admit(request, entry) if entry is not None else None

    def get_user(self, user_id) -> User | None:
        return get_user_model().objects.filter(pk=user_id, is_active=True).first()


def admit(request, entry: Entry) -> User:
    """The account of somebody whose password the directory found right, made on their first sign-in.

    Their seats in teams follow their groups, and who was suspended for being gone is let in again.
    Raises NotAllowed for who is not in the group that is asked for, or when no accounts are made; Conflict when an
    account here has the person's address; Invalid when their entry lacks what an account needs.
    """
    user = _linked(entry)
    require_group(entry, user)
    if user is None:
        user = _made(request, entry)
    else:
        absence.end(user, absence.Source.DIRECTORY)
        DirectoryPerson.objects.filter(user=user).update(name=entry.name, seen_at=timezone.now())
    if user.is_active and not standstill.is_on():
        tell_groups(_actor(request, user), user, entry)
    return user


def require_group(entry: Entry, user: User | None) -> None:
    """Goes on for who is in LDAP_REQUIRED_GROUP. Raises NotAllowed for others, and suspends their account."""
    if is_in_required_group(entry):
        return
    if user is not None:
        absence.begin(user, absence.Source.DIRECTORY, gone_words(entry))
    raise NotAllowed(
        f"{settings.LDAP_NAME} knows you, and you are not in its group {settings.LDAP_REQUIRED_GROUP}, "
        "which this registry asks for; ask whoever looks after the group"
    )


def is_in_required_group(entry: Entry) -> bool:
    """Whether the person may be here at all."""
    return not settings.LDAP_REQUIRED_GROUP or settings.LDAP_REQUIRED_GROUP in entry.groups


def gone_words(entry: Entry | None) -> str:
    """Why somebody is suspended, for the audit log."""
    group = settings.LDAP_REQUIRED_GROUP
    return f"gone from {settings.LDAP_NAME}" if entry is None else f"not in the group {group} of {settings.LDAP_NAME}"


def tell_groups(actor: Actor, user: User, entry: Entry) -> None:
    """Let a person's seats in teams and roles in orgs follow their groups in the directory."""
    places = {"teams": settings.LDAP_GROUP_TEAMS, "roles": settings.LDAP_GROUP_ROLES}
    if any(places.values()):
        groups_known.send(User, actor=actor, user=user, groups=set(entry.groups), **places)


def is_password_of(request, user: User, password: str) -> bool:
    """Whether this is the password of the person's entry now. Raises as `admit`, and Unavailable."""
    link = DirectoryPerson.objects.filter(user=user).first()
    entry = client.is_password(link.key, password) if link is not None and passwords.is_readable(password) else None
    return entry is not None and admit(request, entry) == user


def connect(request, actor: Actor, user: User, name: str, password: str) -> None:
    """Let the directory's password open this account from now on, instead of one that is kept here.

    Raises NotFound without a directory, BadCredential for a wrong password, Conflict for an entry or an account that is
    connected already, NotAllowed, TooManyRequests after too many failures, Unavailable.
    """
    if not settings.LDAP_URL:
        raise NotFound("this registry has no directory")
    adapter = get_adapter(request)
    adapter.pre_authenticate(request, username=name)
    entry = client.authenticate(name, password) if passwords.is_readable(password) else None
    if entry is None:
        raise BadCredential(f"{settings.LDAP_NAME} says that this name and password do not belong together")
    adapter.forgive()
    require_group(entry, None)
    taken = Conflict(f"this person of {settings.LDAP_NAME}, or your account, is connected already")
    try:
        with transaction.atomic():
            if DirectoryPerson.objects.filter(user=user).exists():
                raise taken
            DirectoryPerson.objects.create(user=user, key=entry.key, name=entry.name)
            user.set_unusable_password()
            user.save(update_fields=["password"])
            audit.record(actor, "sign_in.connected", person=user.username, provider=settings.LDAP_NAME)
            notices.warn(request, user, f"A sign-in with {settings.LDAP_NAME} was connected to your account")
    except IntegrityError:
        raise taken from None
    update_session_auth_hash(request, user)
    tell_groups(_actor(request, user), user, entry)


def _linked(entry: Entry) -> User | None:
    link = DirectoryPerson.objects.select_related("user").filter(key=entry.key).first()
    return link.user if link else None


def _made(request, entry: Entry) -> User:
    standstill.require_off()
    if settings.REGISTRATION == "closed":
        raise NotAllowed("this registry takes no new accounts by itself; ask whoever runs it")
    if entry.email and addresses.holder(entry.email):
        raise Conflict(
            f"an account here has your address {entry.email} already: sign in to it as before, "
            f"then connect {settings.LDAP_NAME} under Settings, Sign-ins"
        )
    if not entry.email and settings.ACCOUNT_EMAIL_VERIFICATION == "mandatory":
        raise Invalid(f"{settings.LDAP_NAME} has no e-mail address of you; ask whoever looks after it to add one")
    name = suggested(cleaned(entry.name))
    if not name:
        raise Invalid(f"your name in {settings.LDAP_NAME} cannot be a name here; ask whoever runs this registry")
    user = User(username=name, email=entry.email, full_name=entry.full_name[:120])
    user.set_unusable_password()
    try:
        with people.taking(name):
            user.save()
            if entry.email:
                addresses.free(_actor(request, user), entry.email)
                EmailAddress.objects.create(user=user, email=entry.email, primary=True, verified=True)
            DirectoryPerson.objects.create(user=user, key=entry.key, name=entry.name)
            audit.record(_actor(request, user), "user.created", person=name, via=settings.LDAP_NAME)
    except Conflict:
        if (other := _linked(entry)) is None:  # else a second sign-in of theirs was quicker
            raise
        return other
    return user


def _actor(request, user: User) -> Actor:
    return Actor(user, credential="password", address=address_of(request), request_id=request.request_id)
