"""Quarantine: nobody installs the version, whoever may read the package is told why, and nobody else a thing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django_tasks_db.models import DBTaskResult

from accounts import tokens
from accounts.actor import Actor, operator
from accounts.models import AuditEvent, Token
from packages import quarantine, releases
from packages.models import DistTag, Package, Version
from packages.packuments import revision_of
from registry_site.errors import AlreadyPublished, Conflict, Invalid, NotAllowed, NotFound
from tests.conftest import login_token
from tests.policy.world import snapshot
from tests.tools.sessions import sign_in

HTML = {"accept": "text/html"}
NAME = "@uma/x"
WHY = "its install script sends environment variables to a stranger"


@pytest.fixture
def package(publish, uma):
    for number in ("1.0.0", "1.1.0", "1.2.0"):
        publish(uma, NAME, number)
    releases.set_tag(uma, NAME, "stable", "1.2.0")
    return Package.objects.get()


def hold(number: str = "1.2.0") -> None:
    quarantine.hold(operator(), NAME, number, WHY)


def tags() -> dict[str, str]:
    return dict(DistTag.objects.values_list("name", "version__number"))


def test_it_leaves_the_document_and_latest_moves_back(npm, package, uma):
    caller = npm.as_(login_token(uma))
    before = caller.get(NAME).json()
    hold()
    document = caller.get(NAME).json()
    assert sorted(document["versions"]) == ["1.0.0", "1.1.0"]
    assert document["dist-tags"] == {"latest": "1.1.0"}
    assert "1.2.0" not in document["time"]
    assert Package.objects.get().latest.number == "1.1.0"
    assert caller.get("-/v1/search?text=x").json()["objects"][0]["package"]["version"] == "1.1.0"
    quarantine.lift(operator(), NAME, "1.2.0")
    after = caller.get(NAME).json()
    assert (after["versions"], after["dist-tags"]) == (before["versions"], before["dist-tags"])


def test_c28_installers_who_may_read_the_package_are_told_why(npm, package, uma):
    hold()
    for path in (f"{NAME}/-/x-1.2.0.tgz", f"{NAME}/1.2.0"):
        refused = npm.as_(login_token(uma)).get(path)
        assert refused.status_code == 451
        assert refused.json()["code"] == "quarantined"
        assert WHY in refused.json()["error"]
        assert f"{NAME}@1.2.0 is in quarantine" in refused.json()["error"]


def test_c28_everybody_else_learns_nothing(npm, package, uma, dave):
    hold()
    narrow = tokens.issue(uma, uma.user, kind=Token.Kind.GRANULAR, packages=["@uma/other"])[1]
    for secret in (None, login_token(dave), narrow):
        caller = npm.as_(secret)
        held, missing = caller.get(f"{NAME}/-/x-1.2.0.tgz"), caller.get(f"{NAME}/-/x-7.7.7.tgz")
        assert held.status_code == missing.status_code == 404
        assert held.json()["error"].partition(" (")[0] == missing.json()["error"].partition(" (")[0]


def test_its_page_says_so(client, package, uma, dave):
    hold()
    sign_in(client, uma)
    page = client.get(f"/package/{NAME}/v/1.2.0", headers=HTML)
    assert page.status_code == 451
    assert WHY in page.content.decode()
    shown = client.get(f"/package/{NAME}/versions", headers=HTML).content.decode()
    assert "In quarantine" in shown
    assert WHY in shown
    sign_in(client, dave)
    assert client.get(f"/package/{NAME}/v/1.2.0", headers=HTML).status_code == 404


def test_a_package_all_of_whose_versions_are_held_is_still_there(npm, client, package, uma):
    for number in ("1.0.0", "1.1.0", "1.2.0"):
        hold(number)
    caller = npm.as_(login_token(uma))
    document = caller.get(NAME).json()
    assert (document["versions"], document["dist-tags"]) == ({}, {})
    sign_in(client, uma)
    for page, status in (("", 451), ("/dependencies", 451), ("/versions", 200), ("/access", 200), ("/settings", 200)):
        assert client.get(f"/package/{NAME}{page}", headers=HTML).status_code == status, page
    assert client.get("/search?q=x", headers=HTML).status_code == 200
    assert client.get("/~uma", headers=HTML).status_code == 200
    quarantine.lift(operator(), NAME, "1.2.0")
    assert caller.get(NAME).json()["dist-tags"] == {"latest": "1.2.0", "stable": "1.2.0"}


def test_its_number_is_not_published_again_not_even_with_the_same_bytes(publish, package, uma):
    hold()
    before = snapshot()
    with pytest.raises(AlreadyPublished):
        publish(uma, NAME, "1.2.0")
    assert snapshot() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda actor: releases.set_tag(actor, NAME, "beta", "1.2.0"),
        lambda actor: releases.deprecate(actor, NAME, {"1.2.0": "x"}),
    ],
)
def test_its_owner_does_nothing_with_it_meanwhile(package, uma, change):
    hold()
    before = snapshot()
    with pytest.raises((NotFound, Invalid)):
        change(uma)
    assert snapshot() == before


def test_publishing_goes_on_and_a_freed_version_takes_nothing_back(publish, package, uma):
    hold()
    publish(uma, NAME, "1.3.0")
    quarantine.lift(operator(), NAME, "1.2.0")
    assert tags() == {"latest": "1.3.0", "stable": "1.2.0"}


def test_what_its_owner_unpublished_stays_unpublished_when_it_is_freed(npm, package, uma):
    hold()
    releases.unpublish(uma, NAME, revision_of(Package.objects.get()))
    assert npm.as_(login_token(uma)).get(f"{NAME}/-/x-1.2.0.tgz").status_code == 404
    quarantine.lift(operator(), NAME, "1.2.0")
    assert not Version.objects.listed().exists()
    assert tags() == {}


def test_it_is_in_the_audit_log_with_the_reason(package, olga):
    quarantine.hold(Actor(olga.user, credential="operator"), NAME, "1.2.0", WHY)
    event = AuditEvent.objects.first()
    assert (event.action, event.actor_name, event.package) == ("version.quarantined", "olga", NAME)
    assert event.facts == {"version": "1.2.0", "reason": WHY}


def test_those_who_manage_it_are_told(package, uma, monkeypatch):
    monkeypatch.setattr(settings, "EMAIL_URL", "smtp://localhost")
    hold()
    sent = [row.args_kwargs["kwargs"] for row in DBTaskResult.objects.all() if "notices" in row.task_path]
    assert [each["to"] for each in sent] == [["uma@example.com"]]
    assert WHY in " ".join(sent[0]["paragraphs"])


@pytest.mark.parametrize("who", ["uma", "olga"])
def test_nobody_but_an_operator_holds_or_lifts(request, package, who):
    actor = request.getfixturevalue(who)
    before = snapshot()
    with pytest.raises(NotAllowed):
        quarantine.hold(actor, NAME, "1.2.0", WHY)
    assert snapshot() == before
    hold()
    before = snapshot()
    with pytest.raises(NotAllowed):
        quarantine.lift(actor, NAME, "1.2.0")
    assert snapshot() == before


@pytest.mark.parametrize(
    ("name", "number", "reason", "refusal"),
    [
        ("@uma/q", "1.2.0", WHY, NotFound),
        (NAME, "9.9.9", WHY, NotFound),
        (NAME, "1.2.0", " ", Invalid),
        (NAME, "1.2.0", "x" * 501, Invalid),
        (NAME, "1.2.0", "two\nlines", Invalid),
        (NAME, "1.1.0", WHY, Conflict),
    ],
)
def test_what_cannot_be_held(package, name, number, reason, refusal):
    hold("1.1.0")
    before = snapshot()
    with pytest.raises(refusal):
        quarantine.hold(operator(), name, number, reason)
    with pytest.raises((NotFound, Conflict)):
        quarantine.lift(operator(), name, number if number != "1.1.0" else "1.0.0")
    assert snapshot() == before


def test_one_place_says_which_versions_are_listed():
    """Whoever asked for `unpublished_at` alone would show what is in quarantine."""
    asks = re.compile(r"ersions?(\.objects)?\.filter\(unpublished_at=None")
    code = [path for path in Path(settings.BASE_DIR, "packages").rglob("*.py") if "migrations" not in path.parts]
    asking = {path.name for path in code if asks.search(path.read_text())}
    assert asking <= {"releases.py", "quarantine.py", "history.py", "context.py"}
