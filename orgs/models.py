"""Who belongs together: orgs, their members, their teams."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from accounts.models import Scope, User
from accounts.twofactor import present

DEVELOPERS = "developers"
MAX_TEAM_NAME = 230  # a team may be called after a package and what it may do with it


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    DEVELOPER = "developer", "Developer"


class FirstGrant(models.TextChoices):
    """What `developers`, which every member joins, is given on a new package of the org."""

    WRITE = "write", "read-write"
    READ = "read", "read"
    NONE = "none", "nothing"


class Org(models.Model):
    """An organization; it holds one scope, and its name is the scope's."""

    scope = models.OneToOneField(Scope, models.PROTECT, related_name="org")
    title = models.CharField(max_length=120, blank=True)
    description = models.CharField(max_length=300, blank=True)
    homepage = models.CharField(max_length=200, blank=True)
    first_grant = models.CharField(max_length=5, choices=FirstGrant, default=FirstGrant.WRITE)
    requires_two_factor = models.BooleanField(
        default=False, help_text="members without two-factor have no rights through the org"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    allowed: frozenset[str]  # what the actor that it was found for may do; `orgs.access.find` says it

    class Meta:
        ordering = ["scope__name"]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return self.scope.name


class FormerName(models.Model):
    """A name that an org had before; its scope stays reserved for the org, and its pages lead on."""

    org = models.ForeignKey(Org, models.CASCADE, related_name="former_names")
    scope = models.OneToOneField(Scope, models.PROTECT, related_name="former_of")

    def __str__(self) -> str:
        return f"{self.scope.name}, now {self.org}"


class MembershipQuerySet(models.QuerySet):
    def standing(self) -> MembershipQuerySet:
        """Those that give their person any right: of people with two-factor, where the org asks for it."""
        return self.filter(models.Q(org__requires_two_factor=False) | present.of(models.OuterRef("user")))


class Membership(models.Model):
    """A person in an org. Team seats point here, so that leaving ends them in the database."""

    org = models.ForeignKey(Org, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=9, choices=Role, default=Role.DEVELOPER)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = MembershipQuerySet.as_manager()

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


class FormerTeamName(models.Model):
    """A name that a team had before; no other team of the org takes it, and its page leads on."""

    org = models.ForeignKey(Org, models.CASCADE, related_name="former_team_names")
    team = models.ForeignKey(Team, models.CASCADE, related_name="former_names")
    name = models.CharField(max_length=MAX_TEAM_NAME)

    class Meta:
        constraints = [models.UniqueConstraint("org", "name", name="one_team_had_a_name")]

    def __str__(self) -> str:
        return f"{self.name}, now {self.team}"


class Seat(models.Model):
    """A membership's place in a team of the same org."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="seats")
    membership = models.ForeignKey(Membership, models.CASCADE, related_name="seats")

    class Meta:
        ordering = ["membership__user__username"]
        constraints = [models.UniqueConstraint("team", "membership", name="one_seat_each")]

    def __str__(self) -> str:
        return f"{self.membership.user} in {self.team}"


class Invitation(models.Model):
    """A person, or whoever holds an e-mail address, is asked to join an org. Of its link only a hash is kept."""

    class Outcome(models.TextChoices):
        ACCEPTED = "accepted", "Accepted"
        DECLINED = "declined", "Declined"
        REVOKED = "revoked", "Revoked"

    org = models.ForeignKey(Org, models.CASCADE, related_name="invitations")
    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="org_invitations")
    email = models.EmailField(blank=True, help_text="lower case; empty when a user is named")
    role = models.CharField(max_length=9, choices=Role, default=Role.DEVELOPER)
    teams = models.ManyToManyField(Team, blank=True, related_name="+")
    key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    sent_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=8, choices=Outcome, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["email"], name="open_invitations_by_email", condition=models.Q(closed_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.invited} to {self.org}"

    @property
    def invited(self) -> str:
        """The user name or the address, as pages and the audit log say it."""
        return self.user.username if self.user else self.email

    @property
    def is_over(self) -> bool:
        """Whether it is too old to be accepted."""
        return self.expires_at <= timezone.now()
