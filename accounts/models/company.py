"""People as their company knows them: who they are in its directory, and who is gone from it."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from accounts.models.people import User


class DirectoryPerson(models.Model):
    """Whose account it is in the company's directory (LDAP): the password of the entry there opens the account."""

    user = models.OneToOneField(User, models.CASCADE, related_name="+")
    key = models.CharField(max_length=200, unique=True, help_text="the entry's own identifier, which no name changes")
    name = models.CharField(max_length=200, help_text="what the person signs in with there, when last seen")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    seen_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"{self.user}, {self.name} in the directory"


class Absence(models.Model):
    """An account that is suspended because the company no longer knows its person; never one that an operator did."""

    class Source(models.TextChoices):
        DIRECTORY = "directory", "the directory"
        PROVIDER = "provider", "the sign-in provider"

    user = models.OneToOneField(User, models.CASCADE, related_name="+")
    source = models.CharField(max_length=9, choices=Source, help_text="who no longer knows the person")
    began_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"{self.user}, gone from {self.get_source_display()}"
