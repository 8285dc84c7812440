"""Numbers whose versions this database does not know."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from packages.names import MAX_NAME, MAX_VERSION


class UsedNumber(models.Model):
    """A number that was published after the backup that this database comes from.

    integrity: of the bytes that may be published under it once more; "" when it is not known which those were.
    """

    name = models.CharField(max_length=MAX_NAME)
    folded = models.CharField(max_length=MAX_VERSION, help_text="lower case: one number per spelling")
    integrity = models.CharField(max_length=100, blank=True)
    found_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name", "folded"]
        constraints = [models.UniqueConstraint("name", "folded", name="one_use_of_a_number")]

    def __str__(self) -> str:
        return f"{self.name}@{self.folded}"
