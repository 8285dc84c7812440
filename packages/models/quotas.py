"""How much a scope may keep here, and how much it keeps."""

from __future__ import annotations

from django.db import models

from accounts.models import Scope


class Quota(models.Model):
    """The limits of one scope where they are others than the settings say, and what it used when that was counted.

    An empty limit is that of the settings; 0 is none.
    """

    scope = models.OneToOneField(Scope, models.CASCADE, related_name="quota")
    megabytes = models.PositiveIntegerField(null=True, blank=True, help_text="empty: QUOTA_MB; 0: no limit")
    packages = models.PositiveIntegerField(null=True, blank=True, help_text="empty: QUOTA_PACKAGES; 0: no limit")
    versions = models.PositiveIntegerField(null=True, blank=True, help_text="empty: QUOTA_VERSIONS; 0: no limit")
    used_bytes = models.PositiveBigIntegerField(default=0, editable=False, help_text="of versions up to counted_to")
    used_versions = models.PositiveIntegerField(default=0, editable=False)
    counted_to = models.PositiveBigIntegerField(default=0, editable=False, help_text="the last version in the counts")
    counted_at = models.DateTimeField(null=True, editable=False)
    warned_at = models.DateTimeField(null=True, editable=False, help_text="when its people were told it fills up")

    class Meta:
        ordering = ["scope__name"]

    def __str__(self) -> str:
        return str(self.scope)
