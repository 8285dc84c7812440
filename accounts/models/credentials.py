"""What speaks for people and machines: tokens, the logins that lead to them, second factors."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from accounts.models.people import Scope, User

MAX_MACHINE = 100  # of the name of a workflow or a service account; a person's is shorter


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
        verbose_name_plural = "one time passes"
        constraints = [models.UniqueConstraint("user", "digest", name="a_code_is_used_once")]

    def __str__(self) -> str:
        return f"a one-time password of {self.user}"
