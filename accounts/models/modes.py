"""What the whole registry is told by its operators, for all its hosts at once."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class ReadOnly(models.Model):
    """The registry takes no changes while this row is there; there is one at most."""

    place = models.PositiveSmallIntegerField(default=1, unique=True, editable=False)
    began_at = models.DateTimeField(default=timezone.now, editable=False)
    until = models.DateTimeField(null=True, blank=True, help_text="when it ends by itself; empty: when it is lifted")
    reason = models.CharField(max_length=300, help_text="for everybody, as in: we move to another database")
    by = models.CharField(max_length=100, blank=True, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "read-only mode"

    def __str__(self) -> str:
        return self.reason
