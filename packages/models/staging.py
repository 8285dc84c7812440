"""Versions that were uploaded and wait for a person to release them."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from packages.models.core import Content, Package
from packages.names import MAX_TAG


class StagedVersion(Content):
    """An uploaded version that nobody can install yet. In a table of its own, so that no list can forget to hide it.

    It holds its number: nothing else can be published under it meanwhile. Approved it becomes a Version, rejected it
    and its bytes are gone and the number is free.
    """

    key = models.UUIDField(unique=True, editable=False)
    package = models.ForeignKey(Package, models.CASCADE, related_name="staged")
    tag = models.CharField(max_length=MAX_TAG, default="latest")
    access = models.CharField(max_length=10, blank=True, help_text="asked for by the upload; empty: leave it")
    staged_at = models.DateTimeField(default=timezone.now)
    provenance = models.TextField(blank=True, editable=False, help_text="the sigstore bundle that came along")

    class Meta:
        ordering = ["-staged_at", "-id"]
        constraints = [models.UniqueConstraint("package", "folded", name="a_number_is_staged_once")]

    def __str__(self) -> str:
        return f"{self.package}@{self.number}, staged"
