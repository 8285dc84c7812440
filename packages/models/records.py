"""Who downloaded which version, for the day on which it turns out to be bad."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from accounts.models import MAX_MACHINE, Token, User
from packages.names import MAX_NAME, MAX_VERSION

MAX_CLIENT = 120


class DownloadRecord(models.Model):
    """All downloads of a version on one day (UTC) with one token, or without a token from one address.

    The version is kept by its name and number: a record outlives the tarball of a mirrored version.
    """

    name = models.CharField(max_length=MAX_NAME)
    number = models.CharField(max_length=MAX_VERSION)
    mirrored = models.BooleanField(default=False, help_text="the bytes came from the upstream registry")
    caller = models.CharField(max_length=60, help_text="the token, or the address of somebody without one")
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    token = models.ForeignKey(Token, models.SET_NULL, null=True, related_name="+")
    credential = models.CharField(max_length=12, blank=True, help_text="how the token begins; '' without one")
    machine = models.CharField(max_length=MAX_MACHINE, blank=True, help_text="a service account, or a workflow")
    address = models.GenericIPAddressField(null=True, help_text="the last one")
    client = models.CharField(max_length=MAX_CLIENT, blank=True, help_text="the last one's user agent")
    day = models.DateField()
    first_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)
    count = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["-last_at", "-id"]
        constraints = [
            models.UniqueConstraint("name", "number", "caller", "day", name="one_download_record_a_day"),
        ]
        indexes = [models.Index(fields=["day"], name="download_records_by_day")]

    def __str__(self) -> str:
        return f"{self.name}@{self.number} on {self.day}"

    @property
    def who(self) -> str:
        """The person or machine; "" for an address without a token, and for an account that is gone."""
        return self.user.username if self.user else self.machine
