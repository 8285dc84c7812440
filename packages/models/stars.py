"""Packages that people marked for themselves."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from accounts.models import User
from packages.models.core import Package


class Star(models.Model):
    """A person's star on a package."""

    package = models.ForeignKey(Package, models.CASCADE, related_name="stars")
    user = models.ForeignKey(User, models.CASCADE, related_name="stars")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint("package", "user", name="one_star_per_person")]

    def __str__(self) -> str:
        return f"{self.user} stars {self.package}"
