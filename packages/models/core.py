"""Packages, their versions and their tags."""

from __future__ import annotations

import secrets
from typing import Any

import orjson
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.functional import cached_property

from accounts.models import MAX_MACHINE, Scope, User
from packages.names import MAX_NAME, MAX_TAG, MAX_VERSION

# Stands in stored parts of packuments where the registry's address goes; never inside JSON text, which escapes it.
BASE_MARK = "\x01"


class Access(models.TextChoices):
    PUBLIC = "public", "Public"
    RESTRICTED = "restricted", "Private"


class TwoFactor(models.TextChoices):
    """What publishing to a package asks for; the words of `npm access set mfa=...`."""

    NONE = "none", "nothing more"
    PUBLISH = "publish", "two-factor, and no token gets around it"
    AUTOMATION = "automation", "two-factor, or a token that bypasses it"


class Package(models.Model):
    """A package. Its row stays when everything is unpublished, so that its numbers are never used again.

    What lists and search show is copied here from the version tagged `latest`.
    """

    name = models.CharField(max_length=MAX_NAME, unique=True)
    scope = models.ForeignKey(Scope, models.PROTECT, null=True, blank=True, related_name="packages")
    access = models.CharField(max_length=10, choices=Access, default=Access.RESTRICTED)
    two_factor = models.CharField(max_length=10, choices=TwoFactor, default=TwoFactor.NONE)
    mirrored = models.BooleanField(default=False, help_text="belongs to the upstream registry")
    revision = models.PositiveBigIntegerField(default=0, help_text="grows by one with every change")
    created_at = models.DateTimeField(default=timezone.now)
    modified_at = models.DateTimeField(default=timezone.now)
    unpublished_at = models.DateTimeField(null=True, blank=True, help_text="when the last version was taken away")
    access_was = models.CharField(
        max_length=10, blank=True, editable=False, help_text="the level it had when it was unpublished, for its return"
    )
    latest = models.ForeignKey("Version", models.SET_NULL, null=True, blank=True, related_name="+")
    description = models.TextField(blank=True)
    keywords = models.JSONField(default=list, blank=True)
    license = models.CharField(max_length=100, blank=True)
    deprecated = models.BooleanField(default=False)
    popularity = models.PositiveBigIntegerField(
        default=0, editable=False, help_text="downloads of the last seven days, for the order of lists"
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(scope__isnull=False) | Q(access=Access.PUBLIC), name="unscoped_packages_are_public"
            ),
        ]
        # In the orders of lists, so that the first of very many are found by walking. What search reads is in `lookup`.
        indexes = [
            models.Index(fields=["mirrored", "name"], name="packages_ours_first"),
            models.Index(models.F("popularity").desc(), "name", name="packages_by_popularity"),
            models.Index(models.F("modified_at").desc(), "name", name="packages_by_change"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_private(self) -> bool:
        return self.access == Access.RESTRICTED

    @property
    def in_org(self) -> bool:
        return self.scope is not None and self.scope.kind == Scope.Kind.ORG


class Content(models.Model):
    """What a tarball is, and who brought it: the part that published and staged versions share."""

    number = models.CharField(max_length=MAX_VERSION)
    folded = models.CharField(max_length=MAX_VERSION, editable=False, help_text="lower case: one number per spelling")
    blob = models.CharField(max_length=200, unique=True, help_text="key in the blob store")
    integrity = models.CharField(max_length=100, editable=False)
    shasum = models.CharField(max_length=40, editable=False)
    size = models.PositiveBigIntegerField(editable=False, help_text="bytes of the tarball")
    unpacked_size = models.PositiveBigIntegerField(editable=False)
    file_count = models.PositiveIntegerField(editable=False)
    full = models.TextField(editable=False, help_text="its part of the full packument, ready to be joined")
    abbreviated = models.TextField(editable=False, help_text="its part of the abbreviated packument")
    readme = models.TextField(blank=True, editable=False)
    readme_filename = models.CharField(max_length=200, blank=True, editable=False)
    readme_html = models.TextField(blank=True, editable=False, help_text="sanitised; ready for the page")
    published_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    published_via = models.CharField(
        max_length=MAX_MACHINE, blank=True, help_text="session, the prefix of a token, or a machine's name"
    )

    class Meta:
        abstract = True

    @property
    def workflow(self) -> str:
        """The machine that published it, as in `GitHub Actions` or `acme/deploy`; "" for a person, gone or not."""
        via = self.published_via
        is_token = via.startswith("npm_") and "/" not in via
        return "" if self.published_by_id or is_token or via in ("", "session", "operator") else via

    @cached_property
    def manifest(self) -> dict:
        """The manifest as it is served, without the address its tarball link begins with."""
        return orjson.loads(self.full.replace(BASE_MARK, ""))


# What a packument shows of a version, and whether: with any of these its `stamp` changes, too.
IN_DOCUMENTS = frozenset(
    {"package", "package_id", "number", "full", "abbreviated", "deprecated", "published_at"}
    | {"unpublished_at", "quarantined_at"}
)


class VersionSet(models.QuerySet["Version"]):
    """Versions, told apart by whether they are on the list of their package."""

    def update(self, **columns: Any) -> int:
        """As of every query set, and `bulk_update` comes here, too; documents built before do not count any more."""
        return super().update(**columns | ({"stamp": _stamp()} if columns.keys() & IN_DOCUMENTS else {}))

    def listed(self) -> VersionSet:
        """Those that documents and pages show and that can be installed: neither unpublished nor quarantined."""
        return self.filter(unpublished_at=None, quarantined_at=None)


class Version(Content):
    """A published version. Its row is never deleted and its digest never changes; unpublishing hides it."""

    package = models.ForeignKey(Package, models.PROTECT, related_name="versions")
    deprecated = models.CharField(max_length=1024, blank=True)
    published_at = models.DateTimeField(default=timezone.now)
    unpublished_at = models.DateTimeField(null=True, blank=True)
    erased_at = models.DateTimeField(null=True, blank=True, help_text="when its bytes went, some time after that")
    quarantined_at = models.DateTimeField(null=True, blank=True, help_text="when an operator took it off the list")
    quarantine_reason = models.CharField(max_length=500, blank=True)
    tags_were = models.JSONField(
        default=dict, editable=False, help_text="tags it lost with its place on the list, each with who got it"
    )
    staged_as = models.UUIDField(
        null=True, unique=True, editable=False, help_text="the key it waited under before it was released"
    )
    signed_with = models.CharField(max_length=60, blank=True, editable=False, help_text="the id of the signing key")
    stamp = models.BigIntegerField(
        null=True, editable=False, help_text="another one whenever something of it changes that documents show"
    )

    objects = VersionSet.as_manager()

    class Meta:
        ordering = ["-published_at", "-id"]
        constraints = [
            models.UniqueConstraint("package", "folded", name="a_number_is_used_once"),
        ]
        indexes = [
            models.Index(fields=["signed_with", "published_at"], name="versions_of_a_signing_key"),
            models.Index(fields=["package", "number"], name="versions_by_number"),
            # In the order of documents, with all that is asked of those that did not change: their rows are long.
            models.Index(fields=["package", "published_at", "id", "stamp"], name="versions_in_order"),
            # What lists and counts of versions read, so that they leave the long rows alone; SQLite asks an index for
            # the columns of its condition, too.
            models.Index(
                fields=["package", "-published_at", "-id", "unpublished_at", "quarantined_at"],
                name="versions_listed",
                condition=Q(unpublished_at=None, quarantined_at=None),
            ),
            models.Index(
                fields=["package", "unpublished_at"],
                name="versions_to_erase",
                condition=Q(unpublished_at__isnull=False, erased_at=None),
            ),
            models.Index(
                fields=["package", "quarantined_at"],
                name="versions_in_quarantine",
                condition=Q(quarantined_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.package}@{self.number}"

    def save(self, **options: Any) -> None:
        """As of every model, with another stamp where it is needed."""
        columns = options.get("update_fields")
        if columns is None or IN_DOCUMENTS & set(columns):
            self.stamp = _stamp()
            options |= {"update_fields": {*columns, "stamp"}} if columns is not None else {}
        super().save(**options)


def _stamp() -> int:
    return secrets.randbits(62)  # none that was before, also for whoever reads an older row meanwhile


class DistTag(models.Model):
    """A name that points at a version, such as `latest`."""

    package = models.ForeignKey(Package, models.CASCADE, related_name="tags")
    name = models.CharField(max_length=MAX_TAG)
    version = models.ForeignKey(Version, models.CASCADE, related_name="tags")

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint("package", "name", name="one_tag_of_a_name")]

    def __str__(self) -> str:
        return f"{self.name} -> {self.version.number}"
