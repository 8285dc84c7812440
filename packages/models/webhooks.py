"""Addresses that are told of changes, and what they were told."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from accounts import names
from accounts.models import User


class Webhook(models.Model):
    """An address that a person wants to be told at when packages change."""

    class Kind(models.TextChoices):
        PACKAGE = "package", "a package"
        SCOPE = "scope", "every package of a scope"
        OWNER = "owner", "every package a person publishes"

    key = models.UUIDField(unique=True, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="webhooks")
    kind = models.CharField(max_length=7, choices=Kind)
    name = models.CharField(max_length=214, help_text="a package, a scope or a user, without @ for the last two")
    endpoint = models.URLField(max_length=500)
    secret = models.TextField(help_text="encrypted; signs what is sent")
    old_secret = models.TextField(blank=True, default="", db_default="", help_text="the one before; signs too, a while")
    old_secret_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)
    paused_at = models.DateTimeField(null=True, blank=True, help_text="after too many failures in a row")

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["kind", "name"], name="webhooks_of_a_subject")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.name}: {self.endpoint}"

    @property
    def subject(self) -> str:
        """What it is about, as npm writes it: a package, @scope or ~person."""
        return {"scope": "@", "owner": "~"}.get(self.kind, "") + self.name


class WebhookDelivery(models.Model):
    """One message for a webhook; written with the change it tells of, sent and tried again by the worker."""

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries")
    key = models.UUIDField(null=True, editable=False, help_text="what receivers tell repeated messages by")
    event = models.CharField(max_length=40)
    package = models.CharField(max_length=214, blank=True)
    org = models.CharField(max_length=names.MAX_LENGTH, blank=True, default="", db_default="")
    person = models.CharField(max_length=names.MAX_LENGTH, blank=True, default="", db_default="")
    payload = models.TextField(editable=False, help_text="the JSON text that is sent")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True, db_index=True, help_text="empty: nothing more to do")
    delivered_at = models.DateTimeField(null=True, blank=True)
    response_code = models.PositiveSmallIntegerField(null=True, blank=True)
    failure = models.CharField(max_length=200, blank=True)
    tries = models.JSONField(null=True, editable=False, help_text="when each attempt was, how long it took, what came")
    answer = models.TextField(blank=True, default="", db_default="", help_text="how the last answer begins")

    class Meta:
        verbose_name_plural = "webhook deliveries"
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.event} of {self.package or self.org or self.person}"

    @property
    def message_id(self) -> str:
        """What it is called towards receivers: the same each time it is sent, also by hand."""
        return str(self.key or self.pk)  # those of earlier releases have no key
