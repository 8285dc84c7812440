"""Workflows that may publish by showing who they are, and what became of their tries."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from accounts.models import User
from packages.names import MAX_NAME


class Issuer(models.Model):
    """An OpenID provider whose identity tokens are believed, beside the three that are built in."""

    name = models.SlugField(max_length=40, unique=True, help_text="the type in npm trust: github, gitlab, ...")
    title = models.CharField(max_length=60, help_text="who publishes, as pages say it: GitHub Actions")
    url = models.URLField(max_length=300, unique=True, help_text="the iss claim; keys are found below it")
    claims = models.CharField(
        max_length=10,
        choices=[("github", "GitHub Actions"), ("gitlab", "GitLab CI"), ("circleci", "CircleCI"), ("any", "any")],
        default="any",
        help_text="whose claims its tokens carry; any: a config names claims and values itself",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return f"{self.name} ({self.url})"


class TrustedPublisher(models.Model):
    """A workflow that may publish a package, known by the claims of its identity token.

    By the package's name, because it may be set up before the package exists, in a scope one owns.
    """

    key = models.UUIDField(unique=True, editable=False)
    name = models.CharField(max_length=MAX_NAME, db_index=True, help_text="full name of the package")
    kind = models.CharField(max_length=40, help_text="github, gitlab, circleci, or the name of an issuer")
    claims = models.JSONField(default=dict)
    pinned = models.JSONField(default=dict, help_text="ids at the first use; another repository of the name differs")
    permissions = models.JSONField(default=list, help_text="createPackage, createStagedPackage")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return f"{self.kind} for {self.name}"


class SpentIdentity(models.Model):
    """An identity token that was exchanged: never a second time."""

    issuer = models.CharField(max_length=300)
    token_id = models.CharField(max_length=200, help_text="its jti")
    forget_after = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "spent identities"
        constraints = [models.UniqueConstraint("issuer", "token_id", name="an_identity_is_spent_once")]

    def __str__(self) -> str:
        return f"{self.token_id} of {self.issuer}"


class RefusedExchange(models.Model):
    """An exchange that was refused, for the package's owners to see what differed."""

    name = models.CharField(max_length=MAX_NAME, db_index=True)
    at = models.DateTimeField(default=timezone.now)
    issuer = models.CharField(max_length=300, blank=True)
    reason = models.CharField(max_length=300)
    claim = models.CharField(max_length=100, blank=True, help_text="the claim that differed")
    expected = models.CharField(max_length=300, blank=True)
    got = models.CharField(max_length=300, blank=True)
    address = models.GenericIPAddressField(null=True)

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"
