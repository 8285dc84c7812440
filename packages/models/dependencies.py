"""What packages ask for, as rows: so that one query finds who depends on a name."""

from __future__ import annotations

from django.db import models

from packages.models.core import Package
from packages.names import MAX_NAME
from packages.requirements import KINDS, MAX_RANGE


class Dependency(models.Model):
    """A package that the latest version of a package asks for; by name, because it need not be in this registry.

    Written anew whenever another version becomes the latest.
    """

    package = models.ForeignKey(Package, models.CASCADE, related_name="dependencies")
    kind = models.CharField(max_length=20, choices=[(kind, kind) for kind in KINDS])
    name = models.CharField(max_length=MAX_NAME, help_text="of what is asked for; of an alias the real one")
    range = models.CharField(max_length=MAX_RANGE)

    class Meta:
        ordering = ["package", "id"]
        verbose_name_plural = "dependencies"
        constraints = [models.UniqueConstraint("package", "kind", "name", name="one_dependency_of_a_kind")]
        indexes = [models.Index(fields=["name", "package"], name="dependents_of_a_name")]

    def __str__(self) -> str:
        return f"{self.package} -> {self.name}@{self.range}"
