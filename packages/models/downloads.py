"""How often versions were downloaded."""

from __future__ import annotations

from django.db import models

from packages.models.core import Package, Version


class DownloadCount(models.Model):
    """Downloads of a version's tarball on one day (UTC)."""

    package = models.ForeignKey(Package, models.CASCADE, related_name="downloads")
    version = models.ForeignKey(Version, models.CASCADE, related_name="downloads")
    day = models.DateField()
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint("version", "day", name="one_count_per_version_and_day")]
        indexes = [
            models.Index(fields=["package", "day"], name="downloads_of_a_package"),
            models.Index(fields=["day"], name="downloads_of_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.version} on {self.day}: {self.count}"
