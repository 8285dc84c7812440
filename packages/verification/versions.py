"""Tags, numbers and counts."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Lower

from packages.models import DistTag, DownloadCount, Package, StagedVersion, Version
from packages.verification.wrong import Wrong

RESTORE = "bring the database back from a backup (manage.py restore)"


def look() -> Iterator[Wrong]:
    """Every tag points at a listed version of its own package; every package with a listed version has `latest`; a
    number is used once; counts are counts.
    """
    yield from _tags()
    yield from _latest()
    yield from _numbers()
    for count in DownloadCount.objects.filter(count__lt=0).select_related("version__package")[:100]:
        yield Wrong(str(count.version), f"it was downloaded {count.count} times on {count.day}", RESTORE)
    strays = DownloadCount.objects.exclude(version__package=F("package")).select_related("version__package", "package")
    for count in strays[:100]:
        yield Wrong(str(count.version), f"its downloads on {count.day} are counted for {count.package}", RESTORE)


def _ours() -> QuerySet[Package]:
    return Package.objects.filter(mirrored=False)


def _tags() -> Iterator[Wrong]:
    off = ~Q(version__package=F("package")) | ~Q(version__unpublished_at=None) | ~Q(version__quarantined_at=None)
    for tag in DistTag.objects.filter(off, package__mirrored=False).select_related("package", "version__package"):
        says = f"its tag {tag.name} points at {tag.version}, which is not on its list"
        yield Wrong(
            tag.package.name, says, f"point it at another: npm dist-tag add {tag.package.name}@VERSION {tag.name}"
        )


def _latest() -> Iterator[Wrong]:
    listed = Version.objects.listed().filter(package=OuterRef("pk"))
    tagged = DistTag.objects.filter(package=OuterRef("pk"), name="latest")
    for name in _ours().filter(Exists(listed), ~Exists(tagged)).values_list("name", flat=True):
        mend = f"npm dist-tag add {name}@VERSION latest"
        yield Wrong(name, "it has versions on its list, and no tag latest", mend)
    apart = ~Exists(tagged.filter(version=OuterRef("latest")))
    for name in _ours().filter(apart, latest__isnull=False).values_list("name", flat=True):
        yield Wrong(name, "lists show another version than its tag latest", f"npm dist-tag add {name}@VERSION latest")
    for name in _ours().filter(Exists(tagged), latest=None).values_list("name", flat=True):
        yield Wrong(name, "lists show no version, and it has a tag latest", f"npm dist-tag add {name}@VERSION latest")


def _numbers() -> Iterator[Wrong]:
    ours = Version.objects.filter(package__mirrored=False)  # upstream tells spellings apart
    twice = ours.order_by().annotate(one=Lower("number")).values("package__name", "one")
    for row in twice.annotate(times=Count("pk")).filter(times__gt=1):
        yield Wrong(f"{row['package__name']}@{row['one']}", f"the number is used {row['times']} times", RESTORE)
    for version in ours.exclude(folded=Lower("number")).select_related("package"):
        yield Wrong(str(version), f"other spellings of it are found as {version.folded}", RESTORE)
    published = Version.objects.filter(package=OuterRef("package"), folded=OuterRef("folded"))
    for staged in StagedVersion.objects.filter(Exists(published)).select_related("package"):
        yield Wrong(str(staged), "its number is published already", f"npm stage reject {staged.key}")
