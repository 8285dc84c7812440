"""What is known of packages of the upstream registry: each answer kept, each digest remembered."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from packages.models.core import Package, Version
from packages.names import MAX_NAME, MAX_VERSION

MAX_ADDRESS = 2000


class Mirror(models.Model):
    """What an upstream registry says about one name, also that it has no such package."""

    class State(models.TextChoices):
        NEW = "new", "never answered"
        FOUND = "found", "found"
        MISSING = "missing", "not upstream"
        GONE = "gone", "was found, and is not upstream any more"

    name = models.CharField(max_length=MAX_NAME, unique=True)
    package = models.OneToOneField(Package, models.CASCADE, null=True, related_name="mirror")
    upstream = models.CharField(max_length=200, blank=True, help_text="the host it was fetched from")
    state = models.CharField(max_length=10, choices=State, default=State.NEW)
    checked_at = models.DateTimeField(null=True, help_text="when upstream last said what there is")
    failed_at = models.DateTimeField(null=True, help_text="when it last did not answer, or not sensibly")
    failure = models.CharField(max_length=300, blank=True)
    leased_until = models.DateTimeField(null=True, help_text="until then one process asks, for all")
    revision = models.PositiveBigIntegerField(default=0, help_text="grows by one with every change upstream")
    is_full = models.BooleanField(default=False, help_text="whether `source` is the full packument")
    etag = models.CharField(max_length=200, blank=True, help_text="upstream's, of `source`")
    source = models.BinaryField(default=b"", help_text="what upstream said, validated and compressed")
    latest = models.CharField(max_length=MAX_VERSION, blank=True)
    latest_at = models.DateTimeField(null=True)
    modified_at = models.DateTimeField(null=True, help_text="upstream's own word for it")

    class Meta:
        ordering = ["name"]
        indexes = [models.Index(fields=["state", "checked_at"], name="mirrors_by_state")]

    def __str__(self) -> str:
        return self.name


class MirrorVersion(models.Model):
    """A version that upstream listed at least once. What was first said about its bytes is kept for ever."""

    mirror = models.ForeignKey(Mirror, models.CASCADE, related_name="versions")
    number = models.CharField(max_length=MAX_VERSION)
    tarball = models.CharField(max_length=MAX_ADDRESS, help_text="where upstream has it")
    integrity = models.CharField(
        max_length=200, blank=True, help_text="sha512, or what there is; '' with only a shasum"
    )
    shasum = models.CharField(max_length=40, blank=True)
    published_at = models.DateTimeField(null=True, help_text="upstream's word; None while only the short form is known")
    deprecated = models.CharField(max_length=1024, blank=True)
    license = models.CharField(max_length=100, blank=True)
    has_install_script = models.BooleanField(default=False)
    signatures = models.JSONField(null=True, help_text="as upstream last gave them; None in rows older than this")
    seen_at = models.DateTimeField(default=timezone.now)
    removed_at = models.DateTimeField(null=True, help_text="when upstream was seen without it")
    refused_at = models.DateTimeField(null=True, help_text="when its bytes were not what was said")
    leased_until = models.DateTimeField(null=True, help_text="until then one process fetches it, for all")
    quarantined_at = models.DateTimeField(null=True, help_text="when an operator took it off the list")
    quarantine_reason = models.CharField(max_length=500, blank=True)
    version = models.OneToOneField(
        Version, models.SET_NULL, null=True, related_name="mirrored_as", help_text="once its tarball was fetched"
    )

    class Meta:
        constraints = [models.UniqueConstraint("mirror", "number", name="one_mirrored_version_of_a_number")]

    def __str__(self) -> str:
        return f"{self.mirror.name}@{self.number}"


class MirrorDocument(models.Model):
    """The bytes of a mirrored packument as clients get them: of one revision, for one address and one set of rules."""

    mirror = models.ForeignKey(Mirror, models.CASCADE, related_name="documents")
    base = models.CharField(max_length=200)
    form = models.CharField(max_length=12)
    view = models.CharField(max_length=40, blank=True, help_text="which rules it was made under; '' for none")
    revision = models.PositiveBigIntegerField()
    valid_until = models.DateTimeField(null=True, help_text="when a rule lets the next version through")
    etag = models.CharField(max_length=40)
    body_gzip = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint("mirror", "base", "form", "view", name="one_mirrored_document_of_a_view")
        ]

    def __str__(self) -> str:
        return f"{self.mirror} ({self.form}) for {self.base}"


class MirrorAlert(models.Model):
    """Something about upstream that a person should look at; it stays until an operator closes it."""

    class Kind(models.TextChoices):
        CHANGED = "changed", "the bytes of a version changed"
        REMOVED = "removed", "upstream removed a version"
        GONE = "gone", "upstream removed the package"
        ROLLED_BACK = "rolled_back", "upstream went back in time"
        REFUSED = "refused", "a tarball was not what upstream said"
        APPEARED = "appeared", "a name of ours appeared upstream"
        SHADOWED = "shadowed", "mirrored names became ours"
        ADVISORY = "advisory", "an advisory names a version that was downloaded"
        SIGNATURE = "signature", "a signature of upstream is wrong"

    kind = models.CharField(max_length=12, choices=Kind)
    name = models.CharField(max_length=MAX_NAME)
    number = models.CharField(max_length=MAX_VERSION, blank=True)
    text = models.CharField(max_length=500)
    at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=100, blank=True)

    # About bytes that people here may have.
    RECALLS = frozenset({Kind.CHANGED, Kind.REMOVED, Kind.GONE, Kind.REFUSED, Kind.ADVISORY})

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(
                "kind", "name", "number", name="one_alert_of_a_kind", condition=models.Q(closed_at=None)
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.name}{'@' * bool(self.number)}{self.number}"

    @property
    def is_recall(self) -> bool:
        return self.kind in self.RECALLS
