"""Advisories: what is known to be wrong with versions, said by owners here or by an upstream registry."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from packages.models.core import Package
from packages.names import MAX_NAME, MAX_VERSION

OWN_NUMBERS = 1_900_000_000  # ids of upstream registries are smaller; both fit what clients keep ids in


class Severity(models.TextChoices):
    """How bad it is, in npm's words."""

    LOW = "low", "Low"
    MODERATE = "moderate", "Moderate"
    HIGH = "high", "High"
    CRITICAL = "critical", "Critical"


class AdvisorySet(models.QuerySet["Advisory"]):
    """Advisories, told apart by where they come from and whether they still stand."""

    def standing(self) -> AdvisorySet:
        """Those that were not withdrawn."""
        return self.filter(withdrawn_at=None)

    def of(self, package: Package) -> AdvisorySet:
        """Those about a package: its owners' own, or for a mirrored one what upstream said of its name."""
        return self.filter(package=None, name=package.name) if package.mirrored else self.filter(package=package)


class Advisory(models.Model):
    """Something that is wrong with versions of a package.

    package: whose owners said it; None for what an upstream registry said of a name, whoever has that.
    """

    package = models.ForeignKey(Package, models.CASCADE, null=True, blank=True, related_name="advisories")
    name = models.CharField(max_length=MAX_NAME, editable=False)
    key = models.CharField(max_length=60, editable=False, help_text="what its page is called by; upstream's own id")
    severity = models.CharField(max_length=10, choices=Severity)
    title = models.CharField(max_length=200)
    range = models.CharField(max_length=1000, help_text="the versions it is about, as npm reads ranges")
    fixed_in = models.CharField(max_length=MAX_VERSION, blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True, editable=False, help_text="sanitised; ready for the page")
    url = models.CharField(max_length=2000, blank=True, help_text="where upstream tells more")
    cves = models.JSONField(default=list, blank=True)
    cwes = models.JSONField(default=list, blank=True)
    score = models.FloatField(null=True, blank=True)
    vector = models.CharField(max_length=200, blank=True)
    published_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    published_at = models.DateTimeField(default=timezone.now, help_text="for upstream's, when it was first seen")
    amended_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_because = models.CharField(max_length=500, blank=True)

    objects = AdvisorySet.as_manager()

    class Meta:
        ordering = ["-published_at", "-id"]
        verbose_name_plural = "advisories"
        constraints = [models.UniqueConstraint("name", "key", name="one_advisory_of_a_key")]
        indexes = [
            models.Index(fields=["name"], condition=Q(withdrawn_at=None), name="standing_advisories_of_a_name"),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.title}"

    @property
    def is_own(self) -> bool:
        """Whether owners here said it, and not an upstream registry."""
        return self.package_id is not None

    @property
    def number(self) -> int | str:
        """What clients know it by; it never changes."""
        if self.is_own:
            return OWN_NUMBERS + self.pk
        return int(self.key) if self.key.isdigit() and len(self.key) < 16 else self.key

    @property
    def label(self) -> str:
        """What people call it."""
        last = self.url.rpartition("/")[2]
        return self.key if self.is_own else last if last.startswith("GHSA-") else f"#{self.key}"


class AdvisoryCheck(models.Model):
    """When an upstream registry was last asked what is wrong with versions of a mirrored package, and with which."""

    name = models.CharField(max_length=MAX_NAME, unique=True)
    versions = models.JSONField(default=list)
    checked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.checked_at}"


class UpstreamKeys(models.Model):
    """The public keys that an upstream registry signs versions with, as it last told them."""

    url = models.CharField(max_length=2000, unique=True)
    keys = models.JSONField(default=list)
    asked_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "upstream keys"

    def __str__(self) -> str:
        return self.url


class UpstreamAttestations(models.Model):
    """What an upstream registry has about where a mirrored version was built; "" when it has nothing."""

    name = models.CharField(max_length=MAX_NAME)
    number = models.CharField(max_length=MAX_VERSION)
    body = models.TextField(blank=True)
    asked_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "upstream attestations"
        constraints = [models.UniqueConstraint("name", "number", name="one_attestation_answer_of_a_version")]

    def __str__(self) -> str:
        return f"{self.name}@{self.number}"
