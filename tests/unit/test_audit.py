"""The audit log: one event for each committed change, none for a refused one, never edited, no secret in it."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from accounts import audit, bearer, people, tokens
from accounts.actor import Actor, operator
from accounts.limits import Limits
from accounts.models import AuditEvent, Token
from accounts.templatetags.pages import sentence
from orgs import invitations, organizations, profile, service_accounts, teams, two_factor
from packages import conversion, releases, sharing, staging
from packages.models import Package
from packages.packuments import revision_of
from registry_site.errors import Refusal
from tests.conftest import PASSWORD, login_token
from tests.tools.sessions import sign_in
from tests.unit.test_staging import protected


def revision(name: str) -> str:
    return revision_of(Package.objects.get(name=name))


CHANGES = {  # the action it must be recorded as, and the change
    "version.published": lambda w: w.publish(w.alice, "@acme/x", "2.0.0"),
    "version.staged": lambda w: w.stage(w.alice, "@acme/x", "3.0.0"),
    "version.released": lambda w: staging.approve(protected(w.alice), w.waiting.key),
    "version.rejected": lambda w: staging.reject(w.alice, w.waiting.key),
    "version.deprecated": lambda w: releases.deprecate(w.alice, "@acme/x", {"1.0.0": "old"}),
    "tag.set": lambda w: releases.set_tag(w.alice, "@acme/x", "next", "1.0.0"),
    "tag.removed": lambda w: releases.remove_tag(w.alice, "@acme/x", "beta"),
    "version.unpublished": lambda w: releases.unpublish_versions(
        w.alice, "@acme/x", frozenset({"1.0.0"}), revision("@acme/x")
    ),
    "package.unpublished": lambda w: releases.unpublish(w.alice, "@acme/x", revision("@acme/x")),
    "access.set": lambda w: sharing.set_access(w.alice, "@acme/x", "public"),
    "team.granted": lambda w: sharing.grant_team(w.alice, "@acme/x", "acme", "core", "read-only"),
    "team.revoked": lambda w: sharing.revoke_team(w.alice, "@acme/x", "acme", "developers"),
    "person.granted": lambda w: sharing.grant_person(w.uma, "@uma/x", "hugo", "read"),
    "person.revoked": lambda w: sharing.revoke_person(w.uma, "@uma/x", "gina"),
    "member.role": lambda w: organizations.set_member(w.alice, "acme", "bob", "admin"),
    "member.added": lambda w: organizations.set_member(w.alice, "acme", "hugo"),
    "member.removed": lambda w: organizations.remove_member(w.alice, "acme", "bob"),
    "org.profile": lambda w: profile.change(w.alice, "acme", title="New"),
    "org.first_grant": lambda w: profile.set_first_grant(w.alice, "acme", "read"),
    "org.two_factor": lambda w: two_factor.require(protected(w.alice), "acme", True),
    "invitation.made": lambda w: invitations.invite(w.alice, "acme", "hugo", "developer"),
    "service.token_made": lambda w: service_accounts.create(w.alice, "acme", "deploy", Limits()),
    "team.renamed": lambda w: teams.change(w.alice, "acme", "core", new_name="platform", description=""),
    "team.described": lambda w: teams.change(w.alice, "acme", "core", new_name="core", description="All of it."),
    "team.created": lambda w: teams.create(w.alice, "acme", "payments"),
    "team.joined": lambda w: teams.add(w.alice, "acme", "core", "carol"),
    "team.left": lambda w: teams.remove(w.alice, "acme", "core", "bob"),
    "team.deleted": lambda w: teams.destroy(w.alice, "acme", "core"),
    "token.created": lambda w: tokens.issue(w.uma, w.uma.user, kind=Token.Kind.LOGIN),
    "token.revoked": lambda w: tokens.revoke(w.uma, w.uma.user, str(w.token.key)),
    "user.created": lambda w: people.create(operator(), "nina", "nina@example.com", PASSWORD),
    "invitation.created": lambda w: people.invite(operator(), "nina@example.com"),
}


class World:
    """The people and verbs that the changes above need."""


@pytest.fixture
def world(acme, publish, stage, alice, bob, uma, hugo, gina) -> World:
    found = World()
    found.publish, found.alice, found.bob, found.uma, found.hugo = publish, alice, bob, uma, hugo
    publish(alice, "@acme/x")
    publish(alice, "@acme/x", "1.1.0", tag="beta")
    publish(uma, "@uma/x")
    sharing.grant_person(uma, "@uma/x", "gina", "read")
    found.stage, found.waiting = stage, stage(alice, "@acme/x", "1.2.0")
    found.token, found.secret = tokens.issue(uma, uma.user, kind=Token.Kind.LOGIN)
    return found


@pytest.mark.parametrize("action", sorted(CHANGES))
def test_a_change_is_exactly_one_event_that_reads_as_a_sentence(world, action):
    seen = AuditEvent.objects.count()
    CHANGES[action](world)
    assert AuditEvent.objects.count() == seen + 1
    event = AuditEvent.objects.order_by("pk").last()
    assert event.action == action
    assert event.credential
    assert sentence(event)


@pytest.mark.parametrize("action", sorted(CHANGES))
def test_a_change_that_is_rolled_back_leaves_no_event(world, action):
    seen = set(AuditEvent.objects.values_list("pk", flat=True))
    with transaction.atomic():
        CHANGES[action](world)
        transaction.set_rollback(True)
    assert set(AuditEvent.objects.values_list("pk", flat=True)) == seen


def test_a_made_org_and_a_turned_user_are_told_in_sentences(world):
    seen = AuditEvent.objects.count()
    organizations.create(world.hugo, "newco")
    conversion.become_org(world.uma, "uma-person")
    told = list(AuditEvent.objects.order_by("pk"))[seen:]
    assert all(sentence(event) for event in told)
    assert {event.action for event in told} >= {"org.created", "user.became_org", "package.converted"}


def test_every_action_the_product_records_has_a_sentence():
    import re
    from pathlib import Path

    root = Path(audit.__file__).parent.parent
    code = "\n".join(
        path.read_text() for app in ("accounts", "orgs", "packages") for path in (root / app).rglob("*.py")
    )
    recorded = set(re.findall(r'(?:record|changing)\(\s*\w+(?:,\s*\w+)?,\s*"([a-z]+\.[a-z_]+)"', code))
    assert len(recorded) > 15
    assert recorded <= set(audit.SENTENCES)


REFUSED = {
    name: change
    for name, change in CHANGES.items()
    if name not in ("token.created", "user.created", "invitation.created")
}


@pytest.mark.parametrize("action", sorted(REFUSED))
def test_a_refusal_leaves_no_event(world, dave, action):
    """The same changes, asked for by a stranger."""
    world.alice = world.uma = dave
    seen = AuditEvent.objects.count()
    with pytest.raises(Refusal):
        REFUSED[action](world)
    assert AuditEvent.objects.count() == seen


def test_an_event_needs_the_transaction_of_its_change(transactional_db):
    with pytest.raises(transaction.TransactionManagementError):
        audit.record(operator(), "user.created", person="x")
    assert not AuditEvent.objects.exists()


def test_an_event_is_never_changed_and_never_deleted(bob):
    event = AuditEvent.objects.get()
    event.actor_name = "somebody else"
    with pytest.raises(TypeError):
        event.save()
    with pytest.raises(TypeError):
        event.delete()
    event.refresh_from_db()
    assert event.actor_name == ""


def test_a_deleted_person_stays_in_the_log(bob, dave):
    tokens.issue(bob, bob.user, kind=Token.Kind.LOGIN)
    seen, pk = AuditEvent.objects.count(), bob.user.pk
    bob.user.delete()
    assert AuditEvent.objects.count() == seen
    assert AuditEvent.objects.filter(actor_name="bob", actor_id_was=pk).exists()


def test_no_secret_and_no_password_is_in_the_log(npm, client, world):
    for change in CHANGES.values():
        with transaction.atomic():
            try:
                with transaction.atomic():
                    change(world)
            except Refusal:
                pass
    invitation = people.invite(operator())
    login = npm.put("-/user/org.couchdb.user:bob", {"name": "bob", "password": PASSWORD}).json()["token"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_auditevent")
        log = str(cursor.fetchall())
    for secret in (PASSWORD, world.secret, login, invitation):
        assert secret not in log
        assert bearer.digest(secret) not in log
    assert not bearer.SHAPE.search(log)


def test_an_event_says_who_from_where_by_which_credential_and_request(npm, world):
    token, secret = tokens.issue(world.alice, world.alice.user, kind=Token.Kind.LOGIN)
    answer = npm.as_(secret).put("-/package/@acme%2fx/dist-tags/next", "1.0.0")
    event = AuditEvent.objects.first()
    assert (event.actor_name, event.credential, event.address) == ("alice", token.prefix, "127.0.0.1")
    assert event.request_id == answer["X-Request-ID"]
    assert (event.package, event.org) == ("@acme/x", "acme")


def test_a_change_in_the_browser_is_the_sessions(client, world):
    sign_in(client, world.alice)
    client.post("/package/@acme/x/access/level", {"access": "public", "confirm": "@acme/x"})
    event = AuditEvent.objects.first()
    assert (event.action, event.credential, event.actor_name) == ("access.set", "session", "alice")


def test_the_activity_of_a_package_is_for_those_who_belong_to_it(client, world, dave):
    sharing.set_access(world.alice, "@acme/x", "public")

    def page(actor: Actor | None) -> str:
        client.logout()
        if actor:
            client.force_login(actor.user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client.get("/package/@acme/x/activity", headers={"accept": "text/html"}).content.decode()

    assert "made it public" in page(world.alice)
    assert "made it public" not in page(dave)
    assert "made it public" not in page(None)


def test_c9_the_activity_of_an_org_shows_a_member_no_package_that_is_hidden_from_the_member(
    client, world, carol, alice
):
    def page(actor: Actor) -> str:
        client.force_login(actor.user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client.get("/org/acme/activity", headers={"accept": "text/html"}).content.decode()

    assert "@acme/x" in page(alice)
    hidden = page(carol)
    assert "@acme/x" not in hidden
    assert "created the organization" in hidden


def test_c9_home_tells_only_of_packages_one_may_see(client, world, bob):
    sharing.grant_team(world.alice, "@acme/x", "acme", "core", "read-only")
    client.force_login(bob.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert "@acme/x" in client.get("/", headers={"accept": "text/html"}).content.decode()
    sharing.revoke_team(world.alice, "@acme/x", "acme", "core")
    assert "@acme/x" not in client.get("/", headers={"accept": "text/html"}).content.decode()


def test_a_token_is_named_by_its_prefix_only(world):
    login_token(world.bob)
    event = AuditEvent.objects.first()
    prefix = Token.objects.first().prefix
    assert event.facts == {
        "token": prefix, "kind": "login", "permission": "read-write", "bypass_two_factor": False
    }  # fmt: skip
    assert len(event.facts["token"]) == bearer.SHOWN
