"""Which tokens used which packages."""

from __future__ import annotations

from django.db import models

from accounts.models import Token
from packages.models.core import Package


class TokenUse(models.Model):
    """The last time a token downloaded a package, or published to it."""

    class What(models.TextChoices):
        DOWNLOAD = "download", "downloaded"
        PUBLISH = "publish", "published"

    token = models.ForeignKey(Token, models.CASCADE, related_name="uses")
    package = models.ForeignKey(Package, models.CASCADE, related_name="token_uses")
    what = models.CharField(max_length=8, choices=What)
    at = models.DateTimeField()
    client = models.CharField(max_length=120, blank=True, help_text="the client's user agent")
    address = models.GenericIPAddressField(null=True)

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [models.UniqueConstraint("token", "package", "what", name="one_last_use_each")]
        indexes = [models.Index(fields=["package", "-at"], name="token_uses_of_a_package")]

    def __str__(self) -> str:
        return f"{self.token} {self.what}s {self.package}"
