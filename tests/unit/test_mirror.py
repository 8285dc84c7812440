"""Packages of the upstream registry, through us: asked for once, rewritten, verified, kept."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from django.utils import timezone

from packages.models import Mirror, MirrorAlert, MirrorVersion, Package, Version
from registry_site.errors import NotAllowed, Unavailable

pytestmark = pytest.mark.django_db
SHORT = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*"


def paths(upstream) -> list[str]:
    return [each.path for each in upstream.requests]


def age(name: str) -> None:
    """Make what is here of a package old enough to be asked for again."""
    Mirror.objects.filter(name=name).update(checked_at=timezone.now() - timedelta(hours=1))


def test_a_name_of_nobody_here_comes_from_upstream(npm, upstream):
    upstream.publish("left-pad", "1.0.0")
    upstream.publish("left-pad", "1.3.0", description="pads")

    found = npm.get("/left-pad", accept="application/json")

    document = found.json()
    assert (document["name"], document["dist-tags"]) == ("left-pad", {"latest": "1.3.0"})
    link = document["versions"]["1.3.0"]["dist"]["tarball"]
    assert link == "http://testserver/npm/left-pad/-/left-pad-1.3.0.tgz"
    package = Package.objects.get(name="left-pad")
    assert (package.mirrored, package.scope, package.description) == (True, None, "pads")
    assert npm.get("/left-pad", if_none_match=found["ETag"]).status_code == 304
    assert paths(upstream) == ["/left-pad"]
    link = link.partition("/npm")[2]
    assert npm.get(link).getvalue() == upstream.tarball("/left-pad/-/left-pad-1.3.0.tgz")
    assert npm.get(link).status_code == 200
    assert len(upstream.requests) == 2
    assert npm.get("/-/package/left-pad/dist-tags").json() == {"latest": "1.3.0"}
    assert npm.get("/left-pad/latest").json()["version"] == "1.3.0"


def test_the_short_form_is_fetched_as_such_and_the_full_one_when_it_is_asked_for(npm, upstream):
    upstream.publish("left-pad", "1.3.0", scripts={"test": "x"})
    short = npm.get("/left-pad", accept=SHORT)
    assert short["Content-Type"] == "application/vnd.npm.install-v1+json"
    assert "scripts" not in short.json()["versions"]["1.3.0"]
    assert "install-v1" in upstream.requests[0].headers["accept"]
    full = npm.get("/left-pad", accept="application/json").json()
    assert full["versions"]["1.3.0"]["scripts"] == {"test": "x"}
    assert full["time"]["1.3.0"]
    assert len(upstream.requests) == 2
    npm.get("/left-pad", accept=SHORT)
    assert len(upstream.requests) == 2


def test_what_is_old_is_asked_for_again_with_the_etag(npm, upstream):
    upstream.publish("left-pad", "1.0.0")
    npm.get("/left-pad")
    age("left-pad")
    npm.get("/left-pad")
    assert [each.headers.get("if-none-match") for each in upstream.requests] == [
        None,
        upstream.requests[1].headers["if-none-match"],
    ]
    upstream.publish("left-pad", "2.0.0")
    age("left-pad")
    assert set(npm.get("/left-pad").json()["versions"]) == {"1.0.0", "2.0.0"}


def test_what_is_here_is_served_when_upstream_fails(npm, upstream):
    upstream.publish("left-pad", "1.0.0")
    npm.get("/left-pad")
    upstream.fault("/left-pad", status=500)
    age("left-pad")
    found = npm.get("/left-pad")
    assert found.status_code == 200
    assert found["Warning"].startswith("110")
    asked = len(upstream.requests)
    npm.get("/left-pad")
    assert len(upstream.requests) == asked  # for half a minute it is left alone


def test_a_name_that_upstream_does_not_have_is_missing_in_the_usual_words(npm, upstream, alice):
    found = npm.get("/no-such")
    assert found.status_code == 404
    assert "no-such is not in this registry" in found.json()["error"]
    npm.get("/no-such")
    assert len(upstream.requests) == 1
    assert not Package.objects.exists()


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_an_error_is_never_a_missing_name(npm, upstream, status):
    upstream.fault("/left-pad", status=status)
    found = npm.get("/left-pad")
    assert found.status_code == 503
    assert found["Retry-After"]
    assert not Package.objects.exists()


def test_a_scope_of_ours_is_never_asked(npm, upstream, acme, alice, publish):
    publish(alice, "@acme/ledger")
    for path in ("/@acme/ledger", "/@acme/nothing", "/@alice/x"):
        assert npm.get(path).status_code == 404
    assert upstream.requests == []


def test_a_tarball_that_is_not_what_was_said_is_not_served_and_not_kept(npm, upstream, blob_files):
    upstream.publish("left-pad", "1.0.0")
    upstream.fault("/left-pad/-/left-pad-1.0.0.tgz", body=b"something else")
    for _ in range(2):
        assert npm.get("/left-pad/-/left-pad-1.0.0.tgz").status_code == 502
    assert not Version.objects.exists()
    assert blob_files() == []
    assert MirrorAlert.objects.get().kind == MirrorAlert.Kind.REFUSED
    assert len(upstream.requests) == 2


def test_a_lockfile_asks_for_the_tarball_alone(npm, upstream):
    upstream.publish("left-pad", "1.0.0")
    assert npm.get("/left-pad/-/left-pad-1.0.0.tgz").status_code == 200
    assert MirrorVersion.objects.get().version.number == "1.0.0"


def test_a_large_tarball_is_passed_on_while_it_arrives(npm, upstream, monkeypatch):
    from packages.upstream import fetching

    monkeypatch.setattr(fetching, "WHOLE_FIRST", 1000)
    upstream.publish("left-pad", "1.0.0", files={"big.txt": os.urandom(300_000).hex()})
    found = npm.get("/left-pad/-/left-pad-1.0.0.tgz")
    assert found.getvalue() == upstream.tarball("/left-pad/-/left-pad-1.0.0.tgz")
    assert Version.objects.get().number == "1.0.0"


def test_a_new_scope_takes_its_names_away_from_upstream(npm, upstream, alice):
    upstream.publish("@corp/tool", "1.0.0")
    assert npm.get("/@corp/tool").status_code == 200
    assert npm.get("/@corp/tool/-/tool-1.0.0.tgz").status_code == 200
    from orgs import organizations

    organizations.create(alice, "corp", "Corp")
    asked = len(upstream.requests)
    assert npm.get("/@corp/tool").status_code == 404
    assert len(upstream.requests) == asked
    assert not Package.objects.filter(mirrored=True).exists()
    assert [each.kind for each in MirrorAlert.objects.all()] == ["shadowed"]


def test_looking_at_a_tarball_fetches_nothing(npm, upstream, settings):
    upstream.publish("left-pad", "1.0.0")
    link = "/left-pad/-/left-pad-1.0.0.tgz"
    found = npm.head(link)
    assert (found.status_code, "Content-Length" in found) == (200, False)
    assert paths(upstream) == ["/left-pad"]
    settings.UPSTREAM_OFFLINE = True
    assert npm.head(link).status_code == 503
    settings.UPSTREAM_OFFLINE = False
    size = len(npm.get(link).getvalue())
    assert npm.head(link)["Content-Length"] == str(size)


def test_nobody_takes_a_name_that_upstream_has(npm, upstream, alice, publish):
    upstream.publish("left-pad", "1.0.0")
    with pytest.raises(NotAllowed, match="belongs to the upstream registry"):
        publish(alice, "left-pad", "2.0.0")
    assert not Package.objects.filter(mirrored=False).exists()
    publish(alice, "new-name")
    upstream.publish("new-name", "99.0.0")
    assert npm.get("/new-name").json()["dist-tags"] == {"latest": "1.0.0"}


def test_nobody_takes_a_name_while_upstream_does_not_say_whether_it_has_it(upstream, alice, publish):
    upstream.fault("/left-pad", status=500)
    with pytest.raises(Unavailable):
        publish(alice, "left-pad")
    assert not Package.objects.exists()
