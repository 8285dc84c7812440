"""Who asked for a package they cannot see."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from orgs.models import Membership
from packages.names import MAX_NAME

MAX_MESSAGE = 500


class AccessRequest(models.Model):
    """A member's request for a package of the org, by its name: whether there is such a package, only leads see.

    It points at the membership, so that it goes when the member leaves the org.
    """

    membership = models.ForeignKey(Membership, models.CASCADE, related_name="access_requests")
    name = models.CharField(max_length=MAX_NAME, db_index=True, help_text="full name of the package")
    message = models.CharField(max_length=MAX_MESSAGE, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True, help_text="when it was decided or ran out")
    granted = models.BooleanField(default=False)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                "membership", "name", condition=Q(closed_at=None), name="one_open_request_per_person_and_name"
            )
        ]

    def __str__(self) -> str:
        return f"{self.membership.user} asks for {self.name}"
