"""Which storage holds the tarballs of this database."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class KnownStorage(models.Model):
    """The storage that this database belongs to, by the id that the storage says of itself; there is one at most."""

    place = models.PositiveSmallIntegerField(default=1, unique=True, editable=False)
    name = models.CharField(max_length=100, help_text="what the file registry-id in it says")
    since = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "known storage"

    def __str__(self) -> str:
        return self.name
