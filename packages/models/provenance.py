"""Where a version was built, in the words of whoever built it."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from packages.models.core import Version


class Attestation(models.Model):
    """A sigstore bundle about a version, kept as it came and served as it came."""

    version = models.ForeignKey(Version, models.CASCADE, related_name="attestations")
    predicate_type = models.CharField(max_length=200)
    bundle = models.TextField(editable=False, help_text="JSON text")
    source = models.JSONField(default=dict, help_text="repository, commit, workflow and builder, as the bundle says")
    verified_at = models.DateTimeField(null=True, help_text="empty: no trust root was configured")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint("version", "predicate_type", name="one_attestation_of_a_kind")]

    def __str__(self) -> str:
        return f"{self.predicate_type} of {self.version}"
