"""People, the names they hold, the credentials that speak for them, and the record of what was done."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone

from accounts import names
from registry_site.errors import Invalid

NO_REPLY_DOMAIN = "noreply.invalid"


def validate_name(text: str) -> None:
    """A Django validator over `names.clean`; raises ValidationError."""
    try:
        if names.clean(text) != text:
            raise Invalid("names are lower case")
    except Invalid as refusal:
        raise ValidationError(refusal.message) from refusal


class User(AbstractUser):
    """A person. Saving a new one also makes the scope `@username`, in the same transaction."""

    username = models.CharField(max_length=names.MAX_LENGTH, unique=True, validators=[validate_name])
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    full_name = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("username"), name="one_user_per_folded_name"),
        ]

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

    @property
    def public_email(self) -> str:
        """What documents say instead of the person's address, which nobody but the person sees."""
        return f"{self.username}@{NO_REPLY_DOMAIN}"


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


class Token(models.Model):
    """A bearer credential. Only its hash is kept; the whole is shown once, when it is made."""

    class Kind(models.TextChoices):
        LOGIN = "login", "npm login"
        GRANULAR = "granular", "Access token"

    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    kind = models.CharField(max_length=10, choices=Kind)
    key = models.UUIDField(unique=True, editable=False)
    name = models.CharField(max_length=120, blank=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    prefix = models.CharField(max_length=12, editable=False)
    read_only = models.BooleanField(default=False)
    packages = models.JSONField(default=list, blank=True, help_text="full names this token is limited to")
    scopes = models.JSONField(default=list, blank=True, help_text="scopes (without @) this token is limited to")
    cidr = models.JSONField(default=list, blank=True, help_text="address ranges this token may be used from")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_from = models.GenericIPAddressField(null=True, blank=True, editable=False)
    last_used_by = models.CharField(max_length=120, blank=True, editable=False, help_text="the client's user agent")
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.prefix}… of {self.user}"

    @property
    def is_limited(self) -> bool:
        return bool(self.packages or self.scopes)


class WebLogin(models.Model):
    """An `npm login` that waits for its person to approve it in the browser."""

    public_id = models.UUIDField(unique=True, editable=False)
    poll_digest = models.CharField(max_length=64, unique=True, editable=False)
    address = models.GenericIPAddressField(null=True)
    agent = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    approved_by = models.ForeignKey(User, models.CASCADE, null=True)
    closed_at = models.DateTimeField(null=True, help_text="denied, or its token was fetched")

    def __str__(self) -> str:
        return f"login asked for from {self.address}"


class Invitation(models.Model):
    """A link that lets one person sign up while registration is by invitation."""

    digest = models.CharField(max_length=64, unique=True, editable=False)
    email = models.EmailField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    used_by = models.OneToOneField(User, models.SET_NULL, null=True, blank=True, related_name="invitation")
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.email or f"invitation {self.pk}"


class AuditEvent(models.Model):
    """One committed change: who, what, to what, when, from where. Written with the change, never edited.

    Subjects are kept as names, so that the record stays readable when what it speaks of is gone.
    """

    at = models.DateTimeField(default=timezone.now, db_index=True)
    action = models.CharField(max_length=40)
    actor_id_was = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=names.MAX_LENGTH, blank=True)
    credential = models.CharField(max_length=40, help_text="session, operator, or the prefix of a token")
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=32, blank=True)
    package = models.CharField(max_length=214, blank=True)
    org = models.CharField(max_length=names.MAX_LENGTH, blank=True)
    person = models.CharField(max_length=names.MAX_LENGTH, blank=True)
    facts = models.JSONField(default=dict)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["package", "-at"], name="events_of_a_package"),
            models.Index(fields=["org", "-at"], name="events_of_an_org"),
            models.Index(fields=["actor_name", "-at"], name="events_by_a_person"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.package or self.org or self.person}"

    def save(self, *args, **kwargs) -> None:
        if not self._state.adding:
            raise TypeError("an audit event is never changed")
        super().save(*args, **kwargs)

    def delete(self, *args, **kwargs):
        raise TypeError("an audit event is never deleted")
