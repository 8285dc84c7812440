"""Makes packages that were published here mirrored ones, as if upstream had them and people had installed them."""

from __future__ import annotations

import orjson
from django.utils import timezone

from packages.models import BASE_MARK, Mirror, MirrorVersion, Package, PersonGrant, UpstreamAttestations
from packages.upstream import reading


def make_mirrored(name: str, upstream: str = "upstream.example") -> Mirror:
    """Hand a package without a scope over to upstream: all its versions are listed there, and kept here."""
    package, now = Package.objects.get(name=name), timezone.now()
    PersonGrant.objects.filter(package=package).delete()
    Package.objects.filter(pk=package.pk).update(mirrored=True)
    versions = list(package.versions.listed().order_by("pk"))
    manifests = {each.number: orjson.loads(each.full.replace(BASE_MARK, "\\u0001")) for each in versions}
    times = {each.number: each.published_at.isoformat() for each in versions}
    tags = dict(package.tags.values_list("name", "version__number"))
    document = {"_id": name, "name": name, "dist-tags": tags, "versions": manifests, "time": times}
    mirror = Mirror.objects.create(
        name=name, package=package, upstream=upstream, state=Mirror.State.FOUND, checked_at=now, revision=1,
        is_full=True, source=reading.pack(document), latest=tags["latest"], latest_at=versions[-1].published_at,
    )  # fmt: skip
    for each in versions:
        MirrorVersion.objects.create(
            mirror=mirror, version=each, number=each.number, tarball=f"https://{upstream}/{name}.tgz",
            integrity=each.integrity, shasum=each.shasum, published_at=each.published_at, deprecated=each.deprecated,
        )  # fmt: skip
        UpstreamAttestations.objects.create(name=name, number=each.number, body='{"attestations":[]}', asked_at=now)
    return mirror
