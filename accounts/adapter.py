"""What django-allauth asks this product: may one sign up, is a name good, how is mail sent."""

from __future__ import annotations

import base64
import hashlib
from functools import cached_property

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage

from accounts import audit, names, people
from accounts.actor import Actor, address_of
from accounts.mail import send_later
from registry_site.errors import Invalid

INVITATION_KEY = "invitation"  # in the session, from the invitation's link to the sign-up form


class AccountAdapter(DefaultAccountAdapter):
    """Registration by `REGISTRATION`, names by our rules, mail through the worker."""

    def is_open_for_signup(self, request) -> bool:
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

    def send_mail(self, template_prefix: str, email: str, context: dict) -> None:
        context = {"email": email, "registry_name": settings.REGISTRY_NAME, **context}
        message: EmailMessage = self.render_mail(template_prefix, email, context)
        send_later(message.subject, message.body, email)

    def get_client_ip(self, request) -> str:
        return address_of(request) or "0.0.0.0"  # noqa: S104 - stands for "unknown", nothing is bound


class TwoFactorAdapter(DefaultMFAAdapter):
    """Secrets of authenticators are kept encrypted: a copy of the database alone shows no codes."""

    def encrypt(self, text: str) -> str:
        return self._cipher.encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return self._cipher.decrypt(encrypted_text.encode()).decode()

    def get_totp_label(self, user) -> str:
        return user.username

    @cached_property
    def _cipher(self) -> Fernet:
        key = hashlib.sha256(b"two-factor:" + settings.SECRET_KEY.encode()).digest()
        return Fernet(base64.urlsafe_b64encode(key))
