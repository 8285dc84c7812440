"""Rules for versions of the upstream registry: sets that are written once and switched on, and exceptions."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import MAX_MACHINE, User
from orgs.models import Org
from packages.names import MAX_NAME

MAX_TITLE = 80
MAX_WHY = 500
MAX_RANGE = 200


class Rule(models.TextChoices):
    """What a version can be held back for."""

    COOLDOWN = "cooldown", "Minimum age"
    BLOCKED = "blocked", "Blocked packages"
    LICENSES = "licenses", "Blocked licenses"
    SCRIPTS = "scripts", "Install scripts"
    DEPRECATED = "deprecated", "Deprecated versions"


class RuleSet(models.Model):
    """One version of a set of rules: of the registry, or what an org has otherwise. Its values never change.

    number: counts the versions of one set. At most one version of a set is switched on.
    """

    org = models.ForeignKey(Org, models.CASCADE, null=True, blank=True, related_name="rule_sets")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=MAX_TITLE)
    values = models.JSONField(default=dict)
    why = models.CharField(max_length=MAX_WHY)
    made_by = models.CharField(max_length=MAX_MACHINE, blank=True)
    made_at = models.DateTimeField(default=timezone.now)
    active = models.BooleanField(default=False)
    activated_by = models.CharField(max_length=MAX_MACHINE, blank=True, help_text="who last switched it on")
    activated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint("org", "number", name="one_rule_set_of_a_number"),
            models.UniqueConstraint("number", name="one_rule_set_of_the_registry", condition=Q(org=None)),
            models.UniqueConstraint("org", name="one_active_rule_set_of_an_org", condition=Q(active=True)),
            models.UniqueConstraint("active", name="one_active_rule_set", condition=Q(active=True, org=None)),
        ]

    def __str__(self) -> str:
        return f"{self.name} (version {self.number})"


class RuleException(models.Model):
    """A package, or some versions of it, that one rule does not hold back for a while; a person answers for it."""

    org = models.ForeignKey(Org, models.CASCADE, null=True, blank=True, related_name="rule_exceptions")
    rule = models.CharField(max_length=10, choices=Rule)
    package = models.CharField(max_length=MAX_NAME)
    range = models.CharField(max_length=MAX_RANGE, blank=True, help_text="as npm reads ranges; '' for all versions")
    reason = models.CharField(max_length=MAX_WHY)
    owner = models.ForeignKey(User, models.SET_NULL, null=True, related_name="rule_exceptions")
    owner_name = models.CharField(max_length=MAX_MACHINE)
    made_by = models.CharField(max_length=MAX_MACHINE, blank=True)
    made_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField()
    reminded_at = models.DateTimeField(null=True, blank=True, help_text="when its owner was told that it ends soon")
    ended_at = models.DateTimeField(null=True, blank=True, help_text="when somebody ended it before its time")
    ended_by = models.CharField(max_length=MAX_MACHINE, blank=True)

    class Meta:
        ordering = ["ends_at", "id"]
        indexes = [models.Index(fields=["ends_at"], name="exceptions_by_their_end", condition=Q(ended_at=None))]

    def __str__(self) -> str:
        return f"{self.subject}, from {self.get_rule_display().lower()}"

    @property
    def subject(self) -> str:
        """The package, with its range where there is one."""
        return f"{self.package}@{self.range}" if self.range else self.package

    @property
    def is_live(self) -> bool:
        """Whether it counts now."""
        return self.ended_at is None and self.ends_at > timezone.now()


class RulesStamp(models.Model):
    """One row that changes whenever a rule does, so that each process knows whether what it has read still holds."""

    stamp = models.CharField(max_length=32)

    def __str__(self) -> str:
        return self.stamp
