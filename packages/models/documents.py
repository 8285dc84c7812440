"""Packuments as stored bytes."""

from __future__ import annotations

from django.db import models

from packages.models.core import Package


class Document(models.Model):
    """The stored bytes of a packument, for one revision and one address its tarball links begin with."""

    package = models.ForeignKey(Package, models.CASCADE, related_name="documents")
    base = models.CharField(max_length=200)
    revision = models.PositiveBigIntegerField()
    full = models.BinaryField()
    full_gzip = models.BinaryField()
    abbreviated = models.BinaryField()
    abbreviated_gzip = models.BinaryField()
    full_etag = models.CharField(max_length=40)
    abbreviated_etag = models.CharField(max_length=40)

    class Meta:
        constraints = [models.UniqueConstraint("package", "base", name="one_document_per_address")]

    def __str__(self) -> str:
        return f"{self.package} for {self.base}"
