"""People, the names they hold, the credentials that speak for them, and the record of what was done."""

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
MAX_MACHINE = 100  # of the name of a workflow or a service account; a person's is shorter


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


class Token(models.Model):
    """A bearer credential. Only its hash is kept; the whole is shown once, when it is made."""

    class Kind(models.TextChoices):
        LOGIN = "login", "npm login"
        GRANULAR = "granular", "Access token"
        TRUSTED = "trusted", "Trusted publisher"
        SERVICE = "service", "Service account"

    class Permission(models.TextChoices):
        """What a token may be used for on the packages and scopes it reaches; `npm token create` has these words."""

        NONE = "no-access", "nothing"
        READ = "read-only", "install"
        STAGE = "read-write-stage-only", "install and stage"
        WRITE = "read-write", "install and publish"

    class OrgPermission(models.TextChoices):
        NONE = "no-access", "nothing"
        READ = "read-only", "see members and teams"
        WRITE = "read-write", "manage members and teams"

    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="tokens", help_text="empty for a machine's")
    kind = models.CharField(max_length=10, choices=Kind)
    key = models.UUIDField(unique=True, editable=False)
    name = models.CharField(max_length=120, blank=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    prefix = models.CharField(max_length=12, editable=False)
    permission = models.CharField(max_length=21, choices=Permission, default=Permission.WRITE)
    packages = models.JSONField(default=list, blank=True, help_text="full names this token is limited to")
    scopes = models.JSONField(default=list, blank=True, help_text="scopes (without @) this token is limited to")
    orgs = models.JSONField(default=list, blank=True, help_text="orgs that org_permission is about")
    org_permission = models.CharField(max_length=10, choices=OrgPermission, default=OrgPermission.NONE)
    bypass_two_factor = models.BooleanField(default=False, help_text="no one-time password is asked for; for CI")
    publisher = models.CharField(max_length=MAX_MACHINE, blank=True, help_text="the machine that it speaks for")
    publisher_key = models.UUIDField(null=True, db_index=True, help_text="the trusted publisher that it came from")
    holder = models.ForeignKey(
        Scope,
        models.CASCADE,
        null=True,
        related_name="service_tokens",
        help_text="the org that a service account is of",
    )
    cidr = models.JSONField(default=list, blank=True, help_text="address ranges this token may be used from")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_from = models.GenericIPAddressField(null=True, blank=True, editable=False)
    last_used_by = models.CharField(max_length=120, blank=True, editable=False, help_text="the client's user agent")
    last_used_for = models.CharField(max_length=214, blank=True, editable=False, help_text="the package it asked for")
    replaced_by = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, editable=False, related_name="+", help_text="after a rotation"
    )
    reminded = models.PositiveSmallIntegerField(
        null=True, blank=True, editable=False, help_text="its person was told this many days before it ends"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.prefix}… of {self.user or self.publisher}"

    @property
    def is_limited(self) -> bool:
        """Whether it reaches less than its person: certain packages and scopes, or none of them."""
        return bool(self.packages or self.scopes) or self.permission == self.Permission.NONE

    @property
    def read_only(self) -> bool:
        return self.permission in (self.Permission.NONE, self.Permission.READ)


class Device(models.Model):
    """A browser, and the network it was in, that a person signed in with: the next time is no news."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64, editable=False)
    seen_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint("user", "digest", name="one_device_each")]

    def __str__(self) -> str:
        return f"a browser of {self.user}"


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

    @property
    def compare(self) -> str:
        """The end of the page's address: who sees another one in their terminal did not start this."""
        return str(self.public_id)[-6:]


class Approval(models.Model):
    """A command that waits for its person to approve it in the browser, instead of typing a one-time password."""

    public_id = models.UUIDField(unique=True, editable=False)
    poll_digest = models.CharField(max_length=64, unique=True, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    token = models.ForeignKey(Token, models.CASCADE, null=True, related_name="+", help_text="that the command used")
    command = models.CharField(max_length=100, blank=True, help_text="as the client says: publish, owner, ...")
    address = models.GenericIPAddressField(null=True)
    agent = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    approved_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True, help_text="denied, or its one-time password was fetched")

    def __str__(self) -> str:
        return f"{self.command or 'a command'} of {self.user}"

    @property
    def compare(self) -> str:
        """The end of the page's address: who sees another one in their terminal did not start this."""
        return str(self.public_id)[-6:]


class OneTimePass(models.Model):
    """A one-time password that was accepted: the credential it came with may repeat it for a short while.

    One command makes several requests and repeats them all; nobody else can use the same code again.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    token = models.ForeignKey(Token, models.CASCADE, null=True, related_name="+")
    digest = models.CharField(max_length=64, editable=False)
    good_until = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint("user", "digest", name="a_code_is_used_once")]

    def __str__(self) -> str:
        return f"a one-time password of {self.user}"


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


class RefusedRequest(models.Model):
    """A request that was refused, by the reference in its answer; its message is what the caller was told."""

    reference = models.CharField(max_length=16, unique=True)
    at = models.DateTimeField(db_index=True)
    method = models.CharField(max_length=10)
    path = models.CharField(max_length=300)
    package = models.CharField(max_length=214, blank=True)
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="+")
    token = models.ForeignKey(Token, models.SET_NULL, null=True, related_name="+")
    credential = models.CharField(max_length=40, help_text="session, none, unknown, or the prefix of a token")
    address = models.GenericIPAddressField(null=True)
    agent = models.CharField(max_length=120, blank=True)
    status = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=40)
    message = models.CharField(max_length=500)

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.reference}: {self.status} {self.method} {self.path}"


class AuditEvent(models.Model):
    """One committed change: who, what, to what, when, from where. Written with the change, never edited.

    Subjects are kept as names, so that the record stays readable when what it speaks of is gone.
    """

    at = models.DateTimeField(default=timezone.now, db_index=True)
    action = models.CharField(max_length=40)
    actor_id_was = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=MAX_MACHINE, blank=True)
    credential = models.CharField(max_length=MAX_MACHINE, help_text="session, operator, or the prefix of a token")
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
