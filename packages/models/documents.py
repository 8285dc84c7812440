"""Packuments as stored bytes."""

from __future__ import annotations

from django.db import models

from packages.models.core import Package


class Document(models.Model):
    """The stored bytes of a packument, for one revision and one address its tarball links begin with.

    Ready to be sent, compressed; whoever takes no gzip gets them unpacked on the way. Sizes are those of plain bytes.
    """

    package = models.ForeignKey(Package, models.CASCADE, related_name="documents")
    base = models.CharField(max_length=200)
    revision = models.PositiveBigIntegerField()
    # The long ones last: a database may have to read past what stands before a column.
    full_etag = models.CharField(max_length=40)
    full_size = models.PositiveBigIntegerField()
    abbreviated_etag = models.CharField(max_length=40)
    abbreviated_size = models.PositiveBigIntegerField()
    abbreviated_gzip = models.BinaryField()
    full_gzip = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint("package", "base", name="one_document_per_address")]

    def __str__(self) -> str:
        return f"{self.package} for {self.base}"


class DocumentPart(models.Model):
    """What a run of versions adds to a document, compressed, so that a change does not compress all the others anew.

    Good as long as its fingerprint is that of the rows it was made from; nothing but the builder reads it.
    """

    document = models.ForeignKey(Document, models.CASCADE, related_name="parts")
    place = models.PositiveIntegerField(help_text="which run of its package's versions, from 0")
    fingerprint = models.BinaryField(help_text="of the rows of the run")
    full = models.BinaryField()
    abbreviated = models.BinaryField()
    times = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint("document", "place", name="one_part_of_a_place")]

    def __str__(self) -> str:
        return f"{self.document}, run {self.place}"
