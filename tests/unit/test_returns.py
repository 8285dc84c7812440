"""What was unpublished and comes back within its days, and what happens when they are over."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.actor import operator
from accounts.models import AuditEvent
from packages import quarantine, releases, returns, sharing
from packages.models import DistTag, Package, Version
from packages.packuments import revision_of
from packages.sweeping import unnamed
from registry_site.errors import AlreadyPublished, NotAllowed, NotFound, PaymentRequired
from tests.conftest import login_token
from tests.policy.world import snapshot
from tests.tools.sessions import sign_in

HTML = {"accept": "text/html"}
NAME = "@uma/x"


@pytest.fixture
def package(publish, uma):
    """Three versions, 1.1.0 is latest and stable, 2.0.0-rc.1 is next."""
    for number, tag in (("1.0.0", "latest"), ("1.1.0", "latest"), ("2.0.0-rc.1", "next")):
        publish(uma, NAME, number, tag=tag, access="public")
    releases.set_tag(uma, NAME, "stable", "1.1.0")
    return Package.objects.get()


def tags() -> dict[str, str]:
    return dict(DistTag.objects.values_list("name", "version__number"))


def take(actor, *numbers: str) -> None:
    package = Package.objects.get()
    kept = set(package.versions.listed().values_list("number", flat=True)) - set(numbers)
    releases.unpublish_versions(actor, NAME, frozenset(kept), revision_of(package))


def late() -> None:
    Version.objects.exclude(unpublished_at=None).update(unpublished_at=timezone.now() - timedelta(days=31))


def test_a_restored_version_is_what_it_was(npm, package, uma):
    before = npm.get(NAME).json()
    tarball = npm.get(f"{NAME}/-/x-1.1.0.tgz").getvalue()
    take(uma, "1.1.0")
    assert npm.get(f"{NAME}/-/x-1.1.0.tgz").status_code == 404
    returns.restore_version(uma, NAME, "1.1.0")
    after = npm.get(NAME).json()
    assert after["versions"] == before["versions"]
    assert after["dist-tags"] == before["dist-tags"]
    assert npm.get(f"{NAME}/-/x-1.1.0.tgz").getvalue() == tarball
    event = AuditEvent.objects.first()
    assert (event.action, event.facts) == ("version.restored", {"version": "1.1.0"})


def test_tags_that_somebody_moved_meanwhile_stay_where_they_are(package, uma):
    take(uma, "1.1.0")
    assert tags() == {"latest": "1.0.0", "next": "2.0.0-rc.1"}
    releases.set_tag(uma, NAME, "latest", "2.0.0-rc.1")
    releases.set_tag(uma, NAME, "stable", "1.0.0")
    returns.restore_version(uma, NAME, "1.1.0")
    assert tags() == {"latest": "2.0.0-rc.1", "next": "2.0.0-rc.1", "stable": "1.0.0"}


@pytest.mark.parametrize("level", ["public", "restricted"])
def test_a_restored_package_is_what_it_was(npm, package, uma, level):
    sharing.set_access(uma, NAME, level)
    caller = npm.as_(login_token(uma))
    before = caller.get(NAME).json()
    take(uma, "1.0.0")
    releases.unpublish(uma, NAME, revision_of(Package.objects.get()))
    assert caller.get(NAME).status_code == 404
    returns.restore(uma, NAME)
    after = caller.get(NAME).json()
    assert set(after["versions"]) == {"1.1.0", "2.0.0-rc.1"}, "what was unpublished before stays so"
    assert after["dist-tags"] == before["dist-tags"]
    assert Package.objects.get().access == level
    returns.restore_version(uma, NAME, "1.0.0")
    assert caller.get(NAME).json()["versions"] == before["versions"]


def test_the_number_of_an_unpublished_version_stays_used(publish, package, uma):
    take(uma, "1.0.0")
    with pytest.raises(AlreadyPublished):
        publish(uma, NAME, "1.0.0")
    late()
    returns.erase(operator())
    with pytest.raises(AlreadyPublished):
        publish(uma, NAME, "1.0.0")


@pytest.mark.parametrize("who", ["dave", "hugo"])
def test_only_who_manages_it_brings_it_back(request, package, uma, who):
    request.getfixturevalue("hugo")
    sharing.grant_person(uma, NAME, "hugo", "read-write")
    actor = request.getfixturevalue(who)
    take(uma, "1.0.0")
    before = snapshot()
    with pytest.raises(NotAllowed):
        returns.restore_version(actor, NAME, "1.0.0")
    assert snapshot() == before
    releases.unpublish(uma, NAME, revision_of(Package.objects.get()))
    before = snapshot()
    with pytest.raises(NotFound, match="is not in this registry, or you do not have access"):
        returns.restore(actor, NAME)
    with pytest.raises(NotFound):
        returns.restore_version(actor, NAME, "1.1.0")
    assert snapshot() == before


@pytest.mark.parametrize(
    ("who", "may"), [("alice", True), ("frank", True), ("bob", False), ("erin", False), ("carol", False), ("", False)]
)
@pytest.mark.parametrize("whole", [True, False])
def test_in_an_org_its_owners_and_admins_bring_back(request, client, acme, alice, publish, who, may, whole):
    publish(alice, "@acme/x", "1.0.0")
    publish(alice, "@acme/x", "1.1.0")
    sharing.grant_team(alice, "@acme/x", "acme", "core", "read-write")
    sharing.grant_team(alice, "@acme/x", "acme", "readers", "read-only")
    revision = revision_of(Package.objects.get())
    if whole:
        releases.unpublish(alice, "@acme/x", revision)
    else:
        releases.unpublish_versions(alice, "@acme/x", frozenset({"1.1.0"}), revision)
    if who:
        sign_in(client, request.getfixturevalue(who))
    before = snapshot()
    answer = client.post("/package/@acme/x/restore", {} if whole else {"version": "1.0.0"}, headers=HTML)
    if may:
        assert answer.status_code == 302
        assert Version.objects.listed().count() == 2
    else:
        hidden = whole or who in ("carol", "")
        assert answer.status_code == (302 if not who else 404 if hidden else 403)
        assert snapshot() == before


def test_after_its_days_nothing_comes_back(package, uma):
    take(uma, "1.0.0")
    late()
    before = snapshot()
    with pytest.raises(NotFound, match="30 days are over"):
        returns.restore_version(uma, NAME, "1.0.0")
    releases.unpublish(uma, NAME, revision_of(Package.objects.get()))
    late()
    with pytest.raises(NotFound):
        returns.restore(uma, NAME)
    assert snapshot()[0][0][4] is not None
    assert before[1] != []


def test_a_private_package_comes_back_only_where_its_plan_lets_it(settings, publish, uma):
    settings.PRIVATE_PACKAGES = "everyone"
    publish(uma, NAME)
    releases.unpublish(uma, NAME, revision_of(Package.objects.get()))
    settings.PRIVATE_PACKAGES = "subscribers"
    before = snapshot()
    with pytest.raises(PaymentRequired):
        returns.restore(uma, NAME)
    assert snapshot() == before


def test_the_sweep_removes_what_is_old_enough_and_nothing_else(package, uma, blob_files, capsys):
    take(uma, "1.0.0")
    call_command("sweep_unpublished")
    assert not list(unnamed(older_than=-1)), "the bytes are kept meanwhile"
    assert len(blob_files()) == 3
    late()
    call_command("sweep_unpublished", "--dry-run")
    assert len(blob_files()) == 3
    call_command("sweep_unpublished")
    assert "@uma/x@1.0.0" in capsys.readouterr().out
    assert len(blob_files()) == 2
    event = AuditEvent.objects.first()
    assert (event.action, event.credential, event.facts) == ("version.erased", "operator", {"versions": ["1.0.0"]})
    seen = AuditEvent.objects.count()
    call_command("sweep_unpublished")
    assert AuditEvent.objects.count() == seen


def test_a_crash_between_the_row_and_its_bytes_leaves_them_to_the_other_sweep(package, uma, monkeypatch):
    take(uma, "1.0.0")
    late()
    monkeypatch.setattr("packages.blobs.discard", lambda key: None)
    returns.erase(operator())
    assert list(unnamed(older_than=-1)) == [Version.objects.get(number="1.0.0").blob]


def test_only_operators_sweep_and_evidence_stays(package, uma, blob_files):
    quarantine.hold(operator(), NAME, "1.0.0", "malware")
    releases.unpublish(uma, NAME, revision_of(Package.objects.get()))
    late()
    with pytest.raises(NotAllowed):
        returns.erase(uma)
    assert len(blob_files()) == 3
    returns.erase(operator())
    assert len(blob_files()) == 1


# --- pages -------------------------------------------------------------------------------------------------------


def test_owners_see_what_is_gone_and_others_do_not(client, package, uma, dave):
    take(uma, "1.0.0")
    for actor, sees in ((uma, True), (dave, False)):
        sign_in(client, actor)
        shown = client.get(f"/package/{NAME}/versions", headers=HTML).content.decode()
        assert ("can be restored until" in shown) is sees
        assert ("<strong>1.0.0</strong>" in shown) is sees


def test_a_version_is_restored_in_one_click(client, package, uma):
    take(uma, "1.0.0")
    sign_in(client, uma)
    page = client.post(f"/package/{NAME}/restore", {"version": "1.0.0"}, headers=HTML)
    assert "is listed again" in client.get(page["Location"], headers=HTML).content.decode()
    assert Version.objects.listed().count() == 3


def test_unpublishing_on_the_page_offers_undo(client, package, uma):
    sign_in(client, uma)
    sent = {"version": "1.0.0", "confirm": NAME}
    page = client.post(f"/package/{NAME}/unpublish", sent, headers=HTML)
    shown = client.get(page["Location"], headers=HTML).content.decode()
    assert f'action="/package/{NAME}/restore"' in shown
    assert "Undo" in shown


def test_a_whole_package_is_restored_on_its_page(client, package, uma):
    sign_in(client, uma)
    page = client.post(f"/package/{NAME}/unpublish", {"version": "all", "confirm": NAME}, headers=HTML)
    assert page["Location"] == f"/package/{NAME}/restore"
    assert client.get(f"/package/{NAME}/versions", headers=HTML)["Location"] == page["Location"]
    assert "It can be restored until" in client.get(page["Location"], headers=HTML).content.decode()
    back = client.post(page["Location"], headers=HTML)
    assert "is back, as it was" in client.get(back["Location"], headers=HTML).content.decode()
    assert Package.objects.get().access == "public"


@pytest.mark.parametrize("path", ["restore", "versions"])
def test_an_unpublished_package_looks_like_none_to_everybody_else(client, package, uma, dave, path):
    releases.unpublish(uma, NAME, revision_of(Package.objects.get()))
    sign_in(client, dave)
    answers = [client.get(f"/package/{name}/{path}", headers=HTML) for name in (NAME, "@uma/q")]
    assert {each.status_code for each in answers} == {404}
    assert NAME in answers[0].content.decode()
    assert client.post(f"/package/{NAME}/restore", headers=HTML).status_code == 404
    assert Package.objects.get().unpublished_at is not None
