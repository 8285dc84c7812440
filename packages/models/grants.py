"""Who was given a package."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from accounts.models import User
from orgs.models import Team
from packages.models.core import Package


class Permission(models.TextChoices):
    READ = "read", "read"
    WRITE = "write", "read-write"
    OWNER = "owner", "owner"


class TeamGrant(models.Model):
    """A team's right to a package of its org."""

    package = models.ForeignKey(Package, models.CASCADE, related_name="team_grants")
    team = models.ForeignKey(Team, models.CASCADE, related_name="grants")
    permission = models.CharField(
        max_length=5, choices=[(p.value, p.label) for p in (Permission.READ, Permission.WRITE)]
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["team__name"]
        constraints = [models.UniqueConstraint("package", "team", name="one_grant_per_team")]

    def __str__(self) -> str:
        return f"{self.team}: {self.permission} on {self.package}"


class PersonGrant(models.Model):
    """A person's right to a package of a user's scope or without scope."""

    package = models.ForeignKey(Package, models.CASCADE, related_name="person_grants")
    user = models.ForeignKey(User, models.CASCADE, related_name="grants")
    permission = models.CharField(max_length=5, choices=Permission)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["user__username"]
        constraints = [models.UniqueConstraint("package", "user", name="one_grant_per_person")]

    def __str__(self) -> str:
        return f"{self.user}: {self.permission} on {self.package}"
