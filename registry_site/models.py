"""What this registry does by itself: one row for each regular job."""

from __future__ import annotations

from django.db import models


class Job(models.Model):
    """A regular job: when it is due, and how it went the last time. One row, so that one host at a time runs it."""

    name = models.CharField(max_length=60, unique=True)
    due_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    failure = models.CharField(max_length=300, blank=True, help_text="why the last run broke off")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
