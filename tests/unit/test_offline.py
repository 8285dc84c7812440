"""`UPSTREAM_OFFLINE=on`: what is here is served however old it is, what is not is 503, and nobody upstream is asked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from packages.models import Mirror, MirrorDocument
from packages.upstream import namesakes

pytestmark = pytest.mark.django_db


@pytest.fixture
def offline(npm, upstream, settings):
    """left-pad 1.0.0 is here, old and with its tarball; 2.0.0 is known, and nothing else."""
    upstream.publish("left-pad", "1.0.0")
    upstream.publish("left-pad", "2.0.0")
    assert npm.get("/left-pad").status_code == 200
    assert npm.get("/left-pad/-/left-pad-1.0.0.tgz").getvalue()
    Mirror.objects.update(checked_at=timezone.now() - timedelta(days=400))
    MirrorDocument.objects.all().delete()
    upstream.requests.clear()
    settings.UPSTREAM_OFFLINE = True
    yield upstream
    assert upstream.requests == []


SERVED = ["/left-pad", "/left-pad/1.0.0", "/left-pad/latest", "/-/package/left-pad/dist-tags", "/-/v1/search?text=pad"]


@pytest.mark.parametrize("path", [*SERVED, "/left-pad/-/left-pad-1.0.0.tgz", "/-/npm/v1/keys", "/-/ping"])
def test_what_is_here_is_served_without_looking_at_its_age(npm, offline, path):
    answer = npm.get(path)
    assert answer.status_code == 200
    assert "Warning" not in answer


ABSENT = ["/right-pad", "/right-pad/1.0.0", "/-/package/right-pad/dist-tags", "/right-pad/-/right-pad-1.0.0.tgz"]


@pytest.mark.parametrize("path", [*ABSENT, "/@types%2fnode", "/left-pad/-/left-pad-2.0.0.tgz"])
def test_what_is_not_here_is_unavailable_and_the_answer_says_how_to_bring_it_in(npm, offline, path):
    answer = npm.get(path)
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert "works offline" in answer.json()["error"]
    assert "mirror_import" in answer.json()["error"]
    if not path.endswith(".tgz"):
        assert npm.head(path).status_code == 503


def test_audits_and_searches_are_answered_from_here(npm, offline):
    answer = npm.post("/-/npm/v1/security/advisories/bulk", {"left-pad": ["1.0.0"]})
    assert (answer.status_code, answer.json()) == (200, {})
    found = npm.get("/-/v1/search?text=left-pad").json()
    assert [each["package"]["name"] for each in found["objects"]] == ["left-pad"]


@pytest.mark.parametrize(
    "path", ["/package/left-pad", "/search?q=pad", "/search/upstream?q=pad", "/package/left-pad/v/2.0.0"]
)
def test_pages_ask_nobody(client, offline, path):
    assert client.get(path).status_code in (200, 404)


def test_a_page_of_what_is_not_here_is_an_error_of_ours(client, offline):
    assert client.get("/package/right-pad").status_code in (404, 503)


def test_a_name_of_ours_is_missing_as_ever(npm, offline, alice, acme):
    assert npm.get("/@acme%2fx").status_code == 404


def test_daily_jobs_ask_nobody(offline):
    namesakes.look()
    call_command("run_jobs", "keep the mirror within its limits")
    assert Mirror.objects.get(name="left-pad").source
