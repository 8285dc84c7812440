"""Who belongs together: orgs, their members, their teams."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from accounts.models import Scope, User

DEVELOPERS = "developers"
MAX_TEAM_NAME = 230  # a team may be called after a package and what it may do with it


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    DEVELOPER = "developer", "Developer"


class Org(models.Model):
    """An organization; it holds one scope, and its name is the scope's."""

    scope = models.OneToOneField(Scope, models.PROTECT, related_name="org")
    title = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["scope__name"]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return self.scope.name


class Membership(models.Model):
    """A person in an org. Team seats point here, so that leaving ends them in the database."""

    org = models.ForeignKey(Org, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=9, choices=Role, default=Role.DEVELOPER)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["user__username"]
        constraints = [models.UniqueConstraint("org", "user", name="one_membership_each")]

    def __str__(self) -> str:
        return f"{self.user} in {self.org}"


class Team(models.Model):
    """Members of one org who are given packages together."""

    org = models.ForeignKey(Org, models.CASCADE, related_name="teams")
    name = models.CharField(max_length=MAX_TEAM_NAME)
    description = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint("org", "name", name="one_team_of_a_name")]

    def __str__(self) -> str:
        return f"{self.org}:{self.name}"

    @property
    def is_developers(self) -> bool:
        return self.name == DEVELOPERS


class Seat(models.Model):
    """A membership's place in a team of the same org."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="seats")
    membership = models.ForeignKey(Membership, models.CASCADE, related_name="seats")

    class Meta:
        ordering = ["membership__user__username"]
        constraints = [models.UniqueConstraint("team", "membership", name="one_seat_each")]

    def __str__(self) -> str:
        return f"{self.membership.user} in {self.team}"
