"""What lets a feed reader in without a session."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from accounts.models import User


class FeedKey(models.Model):
    """A person's key to feeds, good for nothing else. Only its hash is kept; the whole is shown once."""

    user = models.OneToOneField(User, models.CASCADE, related_name="feed_key")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"the feed key of {self.user}"
