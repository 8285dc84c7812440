"""People, the names they hold, and who was invited."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.functional import cached_property

from accounts import names
from registry_site.errors import Invalid

MAX_PASSWORD = 4096


def validate_name(text: str) -> None:
    """A Django validator over `names.clean`; raises ValidationError."""
    try:
        if names.clean(text) != text:
            raise Invalid("names are lower case")
    except Invalid as refusal:
        raise ValidationError(refusal.message) from refusal


class TwoFactorMode(models.TextChoices):
    """npm's words for when somebody with two-factor on is asked for a one-time password."""

    AUTH_ONLY = "auth-only", "login, profile and tokens"
    AUTH_AND_WRITES = "auth-and-writes", "also publishing and everything else that changes something"


class User(AbstractUser):
    """A person. Saving a new one also makes the scope `@username`, in the same transaction."""

    username = models.CharField(max_length=names.MAX_LENGTH, unique=True, validators=[validate_name])
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    full_name = models.CharField(max_length=120, blank=True)
    homepage = models.CharField(max_length=200, blank=True)
    github = models.CharField(max_length=200, blank=True)
    twitter = models.CharField(max_length=200, blank=True)
    freenode = models.CharField(max_length=200, blank=True)
    two_factor_mode = models.CharField(
        max_length=20,
        choices=TwoFactorMode,
        default=TwoFactorMode.AUTH_AND_WRITES,
        help_text="when a one-time password is asked for; it counts once an authenticator is set up",
    )
    muted = models.JSONField(default=list, blank=True, help_text="kinds of notices this person does not want by mail")

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("username"), name="one_user_per_folded_name"),
        ]

    def set_password(self, raw_password: str | None) -> None:
        super().set_password(raw_password if raw_password is None else names.one_form(raw_password))

    def check_password(self, raw_password: str) -> bool:
        if len(raw_password) > MAX_PASSWORD:
            return False
        one_form = names.one_form(raw_password)
        # one that was set before passwords had one form is still what was typed
        return super().check_password(one_form) or (one_form != raw_password and super().check_password(raw_password))

    def clean(self) -> None:
        super().clean()
        if self._state.adding and Scope.objects.filter(name=self.username).exists():
            raise ValidationError({"username": "This name is not available; choose another."})

    def save(self, *args, **kwargs) -> None:
        with transaction.atomic():
            new = self._state.adding
            super().save(*args, **kwargs)
            if new:
                Scope.objects.create(name=self.username, kind=Scope.Kind.USER, user=self)

    @cached_property
    def has_two_factor(self) -> bool:
        """Whether an authenticator is set up: an app with codes, or a passkey; recovery codes alone are none."""
        return self.authenticator_set.exclude(type="recovery_codes").exists()

    def forget_two_factor(self) -> None:
        """Ask the database again next time: what `has_two_factor` remembers was changed."""
        self.__dict__.pop("has_two_factor", None)

    @property
    def public_email(self) -> str:
        """What documents say instead of the person's address, which nobody but the person sees."""
        return f"{self.username}@{names.NO_REPLY_DOMAIN}"


class Scope(models.Model):
    """A name that begins with `@` in package names, held by one user or one org.

    A scope outlives its holder: a name that was used once is never given to somebody else.
    """

    class Kind(models.TextChoices):
        USER = "user", "User"
        ORG = "org", "Organization"

    class Plan(models.TextChoices):
        FREE = "free", "Free"
        PAID = "paid", "Paid"

    name = models.CharField(max_length=names.MAX_LENGTH, unique=True, validators=[validate_name])
    kind = models.CharField(max_length=4, choices=Kind)
    user = models.OneToOneField(User, models.SET_NULL, null=True, blank=True, related_name="scope")
    plan = models.CharField(max_length=4, choices=Plan, default=Plan.FREE)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return f"@{self.name}"

    @property
    def is_paid(self) -> bool:
        return self.plan == self.Plan.PAID


class Invitation(models.Model):
    """A link that lets one person sign up while registration is by invitation."""

    digest = models.CharField(max_length=64, unique=True, editable=False)
    email = models.EmailField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    used_by = models.OneToOneField(User, models.SET_NULL, null=True, blank=True, related_name="invitation")
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.email or f"invitation {self.pk}"
