"""Documents that are kept in memory: never longer than the database says that they are right."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from packages import packuments, sharing
from packages.models import Package
from packages.packuments import Ready, kept
from registry_site import middleware

X = "@uma/x"


@pytest.fixture
def public(publish, uma):
    """`@uma/x@1.0.0`, public."""
    publish(uma, X, "1.0.0", access="public")
    return Package.objects.get(name=X)


def test_what_was_kept_is_given_until_its_time_is_over():
    now = timezone.now()
    kept.put("a", Ready("1", b"x"))
    kept.put("b", Ready("2", b"x", until=now + timedelta(hours=1)))
    kept.put("c", Ready("3", b"x", until=now))
    assert [kept.get(key) and kept.get(key).etag for key in "abcd"] == ["1", "2", None, None]


def test_the_oldest_makes_room_and_the_largest_is_not_kept():
    size = kept._shelf.maxsize // kept.LARGEST
    kept.put("large", Ready("1", bytes(size + 1)))
    assert kept.get("large") is None
    for number in range(kept.LARGEST + 1):
        kept.put(number, Ready(str(number), bytes(size - 1000)))
    assert kept.get(0) is None
    assert kept.get(kept.LARGEST).etag == str(kept.LARGEST)


def test_a_warm_packument_is_one_query(npm, public, django_assert_num_queries):
    first = npm.get(X)
    with django_assert_num_queries(1):
        assert npm.get(X).content == first.content
    with django_assert_num_queries(1):
        assert npm.get(X, if_none_match=first["ETag"]).status_code == 304


def test_a_switch_to_private_holds_at_the_next_request(npm, uma, public):
    assert npm.get(X).status_code == 200
    sharing.set_access(uma, X, "restricted")
    assert npm.get(X).status_code == 404


def test_what_another_process_changed_shows_at_the_next_request(npm, publish, uma, public):
    npm.get(X)
    remembered = dict(kept._shelf.items())
    publish(uma, X, "1.1.0")
    kept.clear()
    for key, ready in remembered.items():  # as in a process that did not publish
        kept.put(key, ready)
    assert npm.get(X).json()["dist-tags"] == {"latest": "1.1.0"}


def test_a_package_that_changes_while_it_is_read_is_asked_about_again(npm, public, monkeypatch):
    read, asked = packuments.read, []

    def changing(package, *args, **more):
        asked.append(package.revision)
        if len(asked) == 1:
            kept.clear()
            Package.objects.filter(pk=package.pk).update(revision=package.revision + 1, access="restricted")
        return read(package, *args, **more)

    monkeypatch.setattr(packuments, "read", changing)
    assert npm.get(X).status_code == 404
    assert len(asked) == 1, "it was hidden meanwhile, and nothing of it is read"


def test_a_request_of_a_client_passes_nothing_that_is_for_pages(npm, public, settings):
    answer = npm.get(X)
    assert not answer.cookies
    assert not hasattr(answer.wsgi_request, "session")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert len(answer["X-Request-ID"]) == middleware.REFERENCE_LENGTH


def test_a_host_that_is_not_ours_is_refused_as_on_pages(npm, public):
    assert npm.get("-/ping", host="evil.example").status_code == 400
    assert npm.get(X, host="evil.example").status_code == 400


def test_references_are_made_of_letters_that_are_read_out_without_doubt():
    made = {middleware.reference() for _ in range(500)}
    assert len(made) == 500
    assert all(len(each) == middleware.REFERENCE_LENGTH and set(each) <= set(middleware.REFERENCE) for each in made)
