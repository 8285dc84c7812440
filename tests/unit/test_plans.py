"""`PRIVATE_PACKAGES=subscribers`: what free and paid scopes may do, refused with 402 in npm's words."""

from __future__ import annotations

import pytest

from accounts.models import Scope
from packages import sharing
from packages.models import Package
from registry_site.errors import PaymentRequired
from tests.conftest import login_token
from tests.policy.world import snapshot
from tests.tools import payloads
from tests.tools.sessions import sign_in


@pytest.fixture(autouse=True)
def subscribers(settings):
    settings.PRIVATE_PACKAGES = "subscribers"


def pay(*names: str) -> None:
    Scope.objects.filter(name__in=names).update(plan="paid")


PUBLISH = [  # setting, plan of the scope, access, status
    ("everyone", "free", None, 201),
    ("everyone", "free", "restricted", 201),
    ("subscribers", "free", None, 402),
    ("subscribers", "free", "restricted", 402),
    ("subscribers", "free", "public", 201),
    ("subscribers", "paid", None, 201),
    ("subscribers", "paid", "restricted", 201),
    ("subscribers", "paid", "public", 201),
]


@pytest.mark.parametrize("name", ["@uma/x", "@acme/x"])
@pytest.mark.parametrize(("setting", "plan", "level", "status"), PUBLISH)
def test_publishing_private_needs_a_paid_scope(
    npm, settings, acme, alice, uma, blob_files, name, setting, plan, level, status
):
    settings.PRIVATE_PACKAGES = setting
    Scope.objects.update(plan="paid")
    Scope.objects.filter(name=name[1:-2]).update(plan=plan)
    caller = npm.as_(login_token(alice if "acme" in name else uma))
    before = snapshot()
    answer = caller.put(name.replace("/", "%2f"), payloads.publish_body(name, "1.0.0", access=level))
    assert answer.status_code == status
    if status == 402:
        assert answer.json()["code"] == "payment_required"
        assert answer.json()["error"].startswith("You must sign up for private packages")
        assert snapshot() == before
        assert not blob_files()


def test_an_unscoped_package_needs_no_plan(publish, uma):
    assert publish(uma, "loose").number == "1.0.0"


@pytest.mark.parametrize(("plan", "refused"), [("free", True), ("paid", False)])
def test_a_private_package_of_a_scope_that_stopped_paying_takes_no_version(publish, uma, plan, refused):
    pay("uma")
    publish(uma, "@uma/x")
    Scope.objects.filter(name="uma").update(plan=plan)
    before = snapshot()
    if refused:
        with pytest.raises(PaymentRequired):
            publish(uma, "@uma/x", "1.0.1")
        with pytest.raises(PaymentRequired):
            publish(uma, "@uma/x", "1.0.1", access="public")
        assert snapshot() == before
        sharing.set_access(uma, "@uma/x", "public")  # which is the way out
        assert publish(uma, "@uma/x", "1.0.1")
    else:
        assert publish(uma, "@uma/x", "1.0.1")


@pytest.mark.parametrize(
    ("scope", "person", "fine"), [("free", "free", False), ("paid", "free", False), ("paid", "paid", True)]
)
def test_making_it_private_needs_a_paid_scope_and_paid_people(publish, uma, hugo, scope, person, fine):
    publish(uma, "@uma/x", access="public")
    sharing.grant_person(uma, "@uma/x", "hugo", "read")
    Scope.objects.filter(name="uma").update(plan=scope)
    Scope.objects.filter(name="hugo").update(plan=person)
    before = snapshot()
    if fine:
        sharing.set_access(uma, "@uma/x", "restricted")
        assert Package.objects.get().access == "restricted"
    else:
        with pytest.raises(PaymentRequired):
            sharing.set_access(uma, "@uma/x", "restricted")
        assert snapshot() == before


@pytest.mark.parametrize("permission", ["read", "read-write"])
@pytest.mark.parametrize(
    ("level", "plan", "fine"), [("restricted", "free", False), ("restricted", "paid", True), ("public", "free", True)]
)
def test_who_is_given_a_private_package_must_be_paid(publish, uma, hugo, level, plan, fine, permission):
    pay("uma")
    publish(uma, "@uma/x", access=level)
    Scope.objects.filter(name="hugo").update(plan=plan)
    before = snapshot()
    if fine:
        sharing.grant_person(uma, "@uma/x", "hugo", permission)
        assert snapshot() != before
    else:
        with pytest.raises(PaymentRequired, match="hugo is on the free plan"):
            sharing.grant_person(uma, "@uma/x", "hugo", permission)
        assert snapshot() == before


def test_npm_owner_add_answers_402_and_changes_nobody(npm, publish, uma, hugo, gina):
    from packages.packuments import revision_of

    pay("uma", "hugo")
    revision = revision_of(publish(uma, "@uma/x").package)
    caller = npm.as_(login_token(uma))
    before = snapshot()
    revision = revision_of(Package.objects.get())
    body = {"_id": "@uma/x", "maintainers": [{"name": each} for each in ("uma", "hugo", "gina")]}
    assert caller.put(f"@uma%2fx/-rev/{revision}", body).status_code == 402
    assert snapshot() == before


def test_the_access_page_says_why_and_changes_nothing(client, publish, uma):
    publish(uma, "@uma/x", access="public")
    sign_in(client, uma)
    before = snapshot()
    sent = {"access": "restricted", "confirm": "@uma/x"}
    page = client.post("/package/@uma/x/access/level", sent, headers={"accept": "text/html"})
    assert "You must sign up for private packages" in page.content.decode()
    assert snapshot() == before


def test_a_free_org_grants_its_teams_public_packages(acme, publish, alice):
    publish(alice, "@acme/x", access="public")
    sharing.grant_team(alice, "@acme/x", "acme", "core", "read-write")
    before = snapshot()
    with pytest.raises(PaymentRequired, match="@acme is on the free plan"):
        sharing.set_access(alice, "@acme/x", "restricted")
    assert snapshot() == before


def test_whoever_had_access_before_the_plans_keeps_it(npm, settings, publish, uma, hugo):
    """Plans stop new private things; they hide nothing that was given."""
    settings.PRIVATE_PACKAGES = "everyone"
    publish(uma, "@uma/x")
    sharing.grant_person(uma, "@uma/x", "hugo", "read")
    settings.PRIVATE_PACKAGES = "subscribers"
    assert npm.as_(login_token(hugo)).get("@uma/x").status_code == 200
    sharing.revoke_person(uma, "@uma/x", "hugo")
    assert npm.as_(login_token(hugo)).get("@uma/x").status_code == 404
