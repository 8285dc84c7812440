"""What django-allauth asks this product: may one sign up, is a name good, how is mail sent."""

from __future__ import annotations

import logging

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import record_authentication
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.core.exceptions import ValidationError
from django.urls import reverse

from accounts import arrivals, audit, limiting, names, notices, passwords, people, sealing, standstill, stepup
from accounts.actor import Actor, address_of
from accounts.endpoint import page_address
from accounts.letters import LETTERS, filled, news
from accounts.models import User
from registry_site.errors import Invalid, TooManyRequests, Unavailable

logger = logging.getLogger(__name__)

INVITATION_KEY = "invitation"  # in the session, from the invitation's link to the sign-up form


class AccountAdapter(DefaultAccountAdapter):
    """Registration by `REGISTRATION`, names by our rules, mail through the worker."""

    def is_open_for_signup(self, request) -> bool:
        if standstill.is_on():
            return False
        if settings.REGISTRATION == "invite":
            return people.open_invitation(request.session.get(INVITATION_KEY, "")) is not None
        return settings.REGISTRATION == "open"

    def clean_username(self, username: str, shallow: bool = False) -> str:
        try:
            name = names.clean(username)
        except Invalid as refusal:
            raise ValidationError(refusal.message) from refusal
        if not shallow and not people.is_free(name):
            raise ValidationError("This name is not available; choose another.", code="name_taken")
        return name

    def save_user(self, request, user, form, commit: bool = True):
        with people.taking(form.cleaned_data["username"]):
            user = super().save_user(request, user, form, commit)
            if secret := request.session.pop(INVITATION_KEY, ""):
                people.use_invitation(secret, user)
            actor = Actor(user, credential="session", address=address_of(request), request_id=request.request_id)
            audit.record(actor, "user.created", person=user.username, superuser=False)
        return user

    def post_login(self, request, user, *, signup: bool, **more):
        if signup and user.has_usable_password():  # whoever chose a password a moment ago showed who they are
            record_authentication(request, user, "signup")
        return super().post_login(request, user, signup=signup, **more)

    def authenticate(self, request, **credentials):
        try:
            return super().authenticate(request, **credentials)
        except Unavailable:  # of the directory; a password that is kept here was compared before
            if not _may_be_kept_here(credentials):
                self.forgive()
            raise

    def pre_authenticate(self, request, **credentials) -> None:
        """Count a try. Raises TooManyRequests after too many failures of this name, or from this address."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError as error:
            seconds = limiting.wait_of_login(request, self._get_login_attempts_cache_key(request, **credentials))
            raise limiting.refusal(passwords.TOO_MANY, seconds) from error

    def _get_login_attempts_cache_key(self, request, **credentials) -> str:
        # django-allauth puts the Host in front, whose port a caller makes up: a name would have as many tries as ports.
        # And a directory takes a name in many spellings, with blanks, accents, wide letters and capitals, for one.
        said = credentials.get("email") or credentials.get("username") or ""
        name = " ".join(names.without_accents(said).casefold().split())
        # Where somebody signs in every day, others who try their name elsewhere do not keep them out.
        return f"{name} {place}" if (place := arrivals.known_place(request, said)) else name

    def forgive(self) -> None:
        """The last try to sign in counts against nobody: it was right, or nobody could say."""
        self._rollback_login_failed_rl_usage()

    def reauthenticate(self, user, password: str) -> bool:
        if passwords.is_the_companys(user):
            return self.ask_directory(context.request, user, password)
        return super().reauthenticate(user, password)

    def ask_directory(self, request, user, password: str) -> bool:
        """Whether the directory says that this is the person's password; a try like every other.

        Raises TooManyRequests after too many failures, else as `signing_in.is_password_of`.
        """
        from accounts.directory import signing_in  # ldap3 is large, and most registries have no directory

        self.pre_authenticate(request, username=user.username)
        try:
            right = signing_in.is_password_of(request, user, password)
        except Unavailable:
            self.forgive()
            raise
        if right:
            self.forgive()
        return right

    def is_reauthentication_required(self, *, app: str, **more) -> bool:
        return not stepup.is_recent(context.request)

    def get_reauthentication_methods(self, user) -> list[dict]:
        """Where two-factor is on, a password alone does not show who somebody is; passkeys come first."""
        ways = super().get_reauthentication_methods(user)
        if user.is_authenticated and passwords.is_the_companys(user):
            own = {"id": "reauthenticate", "url": reverse("account_reauthenticate"), "description": "Use your password"}
            ways = [own, *(way for way in ways if way["id"] != "reauthenticate")]
        if user.is_authenticated and user.has_two_factor:
            ways = [way for way in reversed(ways) if way["id"] != "reauthenticate"]
        elif user.is_authenticated and stepup.uses_provider(user):
            ways = [*ways, {"id": "oidc", "url": reverse("oidc-again"), "description": f"Use {settings.OIDC_NAME}"}]
        said = {"mfa_reauthenticate": "Use a code", "mfa_reauthenticate:webauthn": "Use a passkey"}
        return [way | {"description": said.get(way["id"], way["description"])} for way in ways]

    def get_email_confirmation_url(self, request, emailconfirmation) -> str:
        return page_address(request, "account_confirm_email", emailconfirmation.key)

    def get_reset_password_from_key_url(self, key: str) -> str:
        uid, _, secret = key.partition("-")
        return page_address(self.request, "account_reset_password_from_key", uid, secret)

    def send_mail(self, template_prefix: str, email: str, context: dict) -> None:
        try:
            limiting.spend("mail", limiting.written_to(email), words="too many mails")
        except TooManyRequests:
            logger.warning("a mail was not sent: its address was sent many already")
            return  # whoever asked learns nothing: the page is the same
        subject, paragraphs, button = filled(LETTERS[template_prefix], {"email": email, **context})
        notices.post([email], "your account", subject, *paragraphs, link=button)

    def send_password_reset_mail(self, user, email: str, context: dict) -> None:
        if passwords.is_the_companys(user):
            self.send_mail("company_password", email, {"user": user, "directory": settings.LDAP_NAME})
        else:
            super().send_password_reset_mail(user, email, context)

    def send_notification_mail(self, template_prefix: str, user, context=None, email: str | None = None) -> None:
        if sentence := news(template_prefix, context or {}):
            notices.warn(self.request, user, sentence, to=email or "")

    def can_delete_email(self, email_address) -> bool:
        return not email_address.primary  # what nobody can be told at is no account to get back

    def clean_password(self, password: str, user=None) -> str:
        if user is not None and passwords.is_the_companys(user):
            raise ValidationError(f"Your password is the one of {settings.LDAP_NAME}; change it there.")
        if not passwords.is_readable(password):
            raise ValidationError("Choose another password: this one cannot be kept.")
        return super().clean_password(names.one_form(password), user)

    def get_client_ip(self, request) -> str:
        return address_of(request) or "0.0.0.0"  # noqa: S104 - stands for "unknown", nothing is bound # nosec B104


def _may_be_kept_here(credentials: dict) -> bool:
    # Of an address nobody learns whether there is such an account.
    said = credentials.get("email") or credentials.get("username") or ""
    user = User.objects.filter(username=said.strip().lower()).first()
    return "@" in said or (user is not None and user.has_usable_password())


class TwoFactorAdapter(DefaultMFAAdapter):
    """Secrets of authenticators are kept encrypted: a copy of the database alone shows no codes."""

    def encrypt(self, text: str) -> str:
        return sealing.seal("two-factor", text)

    def decrypt(self, encrypted_text: str) -> str:
        return sealing.unseal("two-factor", encrypted_text)

    def get_totp_label(self, user) -> str:
        return user.username
