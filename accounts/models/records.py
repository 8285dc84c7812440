"""The record of what was done, and for a while of what was refused."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from accounts import names
from accounts.models.credentials import MAX_MACHINE, Token
from accounts.models.people import User


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
    place = models.BigIntegerField(null=True, editable=False, help_text="in the chain; empty until it is sealed")
    # The database has the default, too: during an upgrade older processes write events that know of no link.
    link = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["place"], condition=models.Q(place__isnull=False), name="one_event_at_a_place"
            )
        ]
        indexes = [
            models.Index(fields=["id"], condition=models.Q(place=None), name="events_not_sealed"),
            models.Index(fields=["package", "-at"], name="events_of_a_package"),
            models.Index(fields=["org", "-at"], name="events_of_an_org"),
            models.Index(fields=["actor_name", "-at"], name="events_by_a_person"),
            models.Index(fields=["person", "-at"], name="events_about_a_person"),
            models.Index(fields=["action", "-at"], name="events_of_an_action"),
            models.Index(fields=["request_id"], name="events_of_a_request"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.package or self.org or self.person}"

    def save(self, *args, **kwargs) -> None:
        if not self._state.adding:
            raise TypeError("an audit event is never changed")
        super().save(*args, **kwargs)

    def delete(self, *args, **kwargs):
        raise TypeError("an audit event is never deleted")


class AuditSeal(models.Model):
    """Events were put at the end of the chain together: how far it went then.

    The one at place 0 is its beginning; whoever makes the chain longer locks that row.
    """

    place = models.BigIntegerField(unique=True, help_text="of the last event")
    link = models.CharField(max_length=64)
    at = models.DateTimeField(default=timezone.now, editable=False)
    noted_at = models.DateTimeField(null=True, help_text="written down outside the database")
    pruned_at = models.DateTimeField(null=True, help_text="the events up to here were old enough to be forgotten")

    class Meta:
        ordering = ["-place"]

    def __str__(self) -> str:
        return f"{self.place} {self.link}"
