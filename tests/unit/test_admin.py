"""The admin site: for operators over every model; no door into packages, and none for anybody else."""

from __future__ import annotations

import re
import uuid

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from accounts import logins, people, tokens
from accounts.actor import operator
from accounts.models import (
    Absence,
    AuditEvent,
    AuditSeal,
    Device,
    DirectoryPerson,
    ReadOnly,
    RefusedRequest,
    Scope,
    Token,
    User,
)
from accounts.twofactor import approvals, codes
from orgs import organizations
from orgs.models import FormerName, FormerTeamName, Invitation, Membership, Team
from packages import sharing, stars, webhooks
from packages.models import (
    AccessRequest,
    Advisory,
    AdvisoryCheck,
    Attestation,
    Document,
    DocumentPart,
    DownloadCount,
    DownloadRecord,
    FeedKey,
    Issuer,
    KnownStorage,
    Mirror,
    MirrorAlert,
    MirrorDocument,
    MirrorVersion,
    Quota,
    RefusedExchange,
    RuleException,
    RuleSet,
    RulesStamp,
    SpentIdentity,
    TokenUse,
    TrustedPublisher,
    UpstreamAttestations,
    UpstreamKeys,
    UsedNumber,
    Version,
)
from tests.conftest import PASSWORD, login_token
from tests.policy.world import snapshot
from tests.tools import payloads
from tests.tools.sessions import sign_in

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
HTML = {"accept": "text/html"}
OURS = ("accounts", "orgs", "packages")
MODELS = sorted(
    (model for model in admin.site._registry if model._meta.app_label in OURS), key=lambda model: model._meta.label
)


@pytest.fixture
def full(npm, acme, publish, stage, alice, uma, hugo):
    """A row of every model."""
    publish(alice, "@acme/x", dependencies={"left-pad": "^1.0.0"})
    publish(uma, "@uma/x", access="public")
    stage(uma, "@uma/x", "2.0.0")
    sharing.grant_person(uma, "@uma/x", "hugo", "read")
    npm.get("@uma/x")
    DocumentPart.objects.create(
        document=Document.objects.get(), place=0, fingerprint=b"x", full=b"", abbreviated=b"", times=b""
    )
    login_token(alice)
    logins.start("127.0.0.1", "npm/12")
    people.invite(operator(), "nina@example.com")
    approvals.challenge(alice, "publish", "npm/12")
    codes.accept(alice.user, None, "123456")
    stars.set_star(hugo, "@uma/x", True)
    hook = webhooks.add(uma, "package", "@uma/x", "https://hooks.example/", "secret")
    webhooks.say_hello(uma, str(hook.key))
    version = Version.objects.get(package__name="@uma/x")
    DownloadCount.objects.create(package=version.package, version=version, day="2026-01-01", count=1)
    Attestation.objects.create(version=version, predicate_type="https://slsa.dev/provenance/v1", bundle="{}")
    Issuer.objects.create(name="farm", title="Build farm", url="https://farm.example")
    TrustedPublisher.objects.create(key=uuid.uuid4(), name="@acme/x", kind="farm", claims={"sub": "x"})
    RefusedExchange.objects.create(name="@acme/x", reason="another workflow")
    SpentIdentity.objects.create(issuer="https://farm.example", token_id="x", forget_after=timezone.now())
    _people_and_machines(acme, alice, version)
    _mirrored()


def _mirrored():
    mirror = Mirror.objects.create(name="left-pad", state=Mirror.State.FOUND)
    MirrorVersion.objects.create(mirror=mirror, number="1.3.0", tarball="https://registry.example/x.tgz")
    MirrorDocument.objects.create(mirror=mirror, base="x", form="full", revision=1, etag="x", body_gzip=b"")
    MirrorAlert.objects.create(kind=MirrorAlert.Kind.REMOVED, name="left-pad", number="1.3.0", text="removed")
    Advisory.objects.create(name="left-pad", key="1", severity="low", title="x", range="*")
    AdvisoryCheck.objects.create(name="left-pad", checked_at=timezone.now())
    UpstreamKeys.objects.create(url="https://registry.example", asked_at=timezone.now())
    UpstreamAttestations.objects.create(name="left-pad", number="1.3.0", asked_at=timezone.now())
    RuleSet.objects.create(number=1, name="House rules", why="a test")
    RuleException.objects.create(rule="cooldown", package="left-pad", reason="a test", ends_at=timezone.now())
    RulesStamp.objects.create(stamp="0" * 32)
    DownloadRecord.objects.create(name="left-pad", number="1.3.0", caller="address 192.0.2.1", day="2026-01-01")


def _people_and_machines(acme, alice, version):
    now, team = timezone.now(), Team.objects.get(name="core")
    Device.objects.create(user=alice.user, digest="d" * 64)
    AuditSeal.objects.create(place=1, link="0" * 64)
    DirectoryPerson.objects.create(user=alice.user, key="entry", name="alice")
    Absence.objects.create(user=alice.user, source=Absence.Source.DIRECTORY)
    KnownStorage.objects.create(name="0" * 32)
    UsedNumber.objects.create(name="@acme/x", folded="2.0.0")
    RefusedRequest.objects.create(reference="ref", at=now, method="GET", path="/npm/x", status=404, code="not_found")
    old = Scope.objects.create(name="acme-before", kind=Scope.Kind.ORG)
    FormerName.objects.create(org=acme, scope=old)
    Quota.objects.create(scope=old, megabytes=10)
    ReadOnly.objects.create(reason="a move that is over", until=now)
    FormerTeamName.objects.create(org=acme, team=team, name="kernel")
    Invitation.objects.create(org=acme, email="nina@example.com", digest="i" * 64, expires_at=now)
    AccessRequest.objects.create(membership=Membership.objects.get(user=alice.user), name="@acme/x")
    FeedKey.objects.create(user=alice.user, digest="f" * 64)
    token = Token.objects.filter(user=alice.user).first()
    TokenUse.objects.create(token=token, package=version.package, what=TokenUse.What.DOWNLOAD, at=now)


@pytest.fixture
def as_operator(client, olga):
    sign_in(client, olga)
    return client


def page_of(model, kind: str, *args) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{kind}", args=args)


def test_every_model_of_ours_is_in_the_admin_site():
    from django.apps import apps

    assert {model for app in OURS for model in apps.get_app_config(app).get_models()} == set(MODELS)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_lists_searches_and_rows_answer(full, as_operator, model):
    row = model.objects.first()
    assert row is not None
    for address in ("", "?q=x", "?q=%00", "?q=" + "x" * 500, "?o=1.2"):
        listed = as_operator.get(page_of(model, "changelist") + address, headers=HTML)
        assert listed.status_code in ((200,) if "%00" not in address else (200, 302)), address
    shown = as_operator.get(page_of(model, "change", row.pk), headers=HTML)
    assert shown.status_code == 200
    for token in Token.objects.all():
        assert token.digest not in shown.content.decode()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_list_can_be_searched(model):
    assert admin.site._registry[model].search_fields


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
@pytest.mark.parametrize("who", ["alice", "nobody"])
def test_nobody_but_staff_gets_in(request, full, client, alice, model, who):
    if who == "alice":
        client.force_login(alice.user, backend=BACKEND)
    for address in (page_of(model, "changelist"), page_of(model, "change", model.objects.first().pk)):
        answer = client.get(address, headers=HTML)
        assert answer.status_code in (302, 403)


@pytest.mark.parametrize("name", ["AuditEvent", "Package", "Version", "DistTag", "TeamGrant", "PersonGrant", "Seat"])
def test_what_the_product_writes_alone_is_read_only(full, as_operator, name):
    model = next(model for model in MODELS if model.__name__ == name)
    row = model.objects.first()
    before = snapshot()
    fields = {field.name: "x" for field in model._meta.fields}
    assert as_operator.get(page_of(model, "add"), headers=HTML).status_code == 403
    assert as_operator.post(page_of(model, "add"), fields).status_code == 403
    assert as_operator.post(page_of(model, "change", row.pk), fields).status_code == 403
    assert as_operator.post(page_of(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    as_operator.post(
        page_of(model, "changelist"), {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"}
    )
    assert snapshot() == before
    assert model.objects.filter(pk=row.pk).exists()


def test_an_operator_puts_a_scope_on_a_plan_and_that_is_recorded(full, as_operator):
    scope = Scope.objects.get(name="acme")
    as_operator.post(page_of(Scope, "change", scope.pk), {"plan": "paid"})
    scope.refresh_from_db()
    assert scope.is_paid
    event = AuditEvent.objects.first()
    assert (event.action, event.credential, event.actor_name) == ("admin.changed", "operator", "olga")
    assert event.facts == {"what": "scope @acme", "fields": ["plan"]}


def test_saving_without_a_change_is_not_recorded(full, as_operator):
    seen = AuditEvent.objects.count()
    as_operator.post(page_of(Scope, "change", Scope.objects.get(name="acme").pk), {"plan": "free"})
    assert AuditEvent.objects.count() == seen


def test_nobody_is_suspended_by_a_box_that_asks_nothing(full, npm, as_operator, alice):
    secret = login_token(alice)
    sent = {"full_name": "Alice", "email": "alice@example.com", "is_staff": "", "is_superuser": ""}
    as_operator.post(page_of(User, "change", alice.user.pk), sent)
    assert User.objects.get(pk=alice.user.pk).is_active
    assert npm.as_(secret).get("-/whoami").status_code == 200
    assert AuditEvent.objects.first().facts["fields"] == ["full_name"]


def test_a_name_is_never_changed_here(full, as_operator, alice):
    sent = {"username": "mallory", "full_name": "", "email": "alice@example.com", "is_active": "on"}
    as_operator.post(page_of(User, "change", alice.user.pk), sent)
    assert User.objects.get(pk=alice.user.pk).username == "alice"


def test_an_operator_revokes_tokens_and_brings_none_back(full, npm, as_operator, alice):
    token, secret = tokens.issue(alice, alice.user, kind=Token.Kind.LOGIN)
    robot, _ = tokens.issue_for_org(alice, alice.user.memberships.get().org.scope, "ci", permission="read-only",
                                    packages=[], cidr=[], days=9)  # fmt: skip
    chosen = {"action": "revoke", "_selected_action": [token.pk, robot.pk]}
    assert "Revoke?" in as_operator.post(page_of(Token, "changelist"), chosen).content.decode()
    assert npm.as_(secret).get("-/whoami").status_code == 200
    as_operator.post(page_of(Token, "changelist"), chosen | {"confirmed": "yes"})
    assert npm.as_(secret).get("-/whoami").status_code == 401
    told = AuditEvent.objects.filter(action__in=("token.revoked", "service.token_revoked"))
    assert {(event.action, event.credential) for event in told} == {
        ("token.revoked", "operator"), ("service.token_revoked", "operator"),
    }  # fmt: skip
    as_operator.post(page_of(Token, "change", token.pk), {"revoked_at_0": "", "revoked_at_1": ""})
    assert npm.as_(secret).get("-/whoami").status_code == 401


NEW_PASSWORD = {"usable_password": "true", "password1": "another horse battery", "password2": "another horse battery"}


def test_an_operator_sets_a_password_which_is_recorded_and_told(as_operator, alice, settings):
    settings.TASKS = {"default": {"BACKEND": "django_tasks.backends.immediate.ImmediateBackend"}}
    settings.EMAIL_URL = "memorymail://"
    page = reverse("admin:auth_user_password_change", args=[alice.user.pk])
    as_operator.post(page, NEW_PASSWORD | {"password2": "another one"})
    assert not AuditEvent.objects.filter(action="profile.password").exists()
    as_operator.post(page, NEW_PASSWORD)
    assert User.objects.get(pk=alice.user.pk).check_password("another horse battery")
    event = AuditEvent.objects.get(action="profile.password")
    assert (event.person, event.actor_name, event.credential) == ("alice", "olga", "operator")
    assert [each.to for each in mail.outbox] == [["alice@example.com"]]
    assert "An operator" in mail.outbox[0].body


def test_the_company_keeps_the_passwords_of_its_people(as_operator, alice, settings):
    settings.LDAP_URL = "ldaps://directory.example"
    DirectoryPerson.objects.create(user=alice.user, name="alice")
    before = User.objects.get(pk=alice.user.pk).password
    page = reverse("admin:auth_user_password_change", args=[alice.user.pk])
    assert as_operator.post(page, NEW_PASSWORD, headers=HTML).status_code == 403
    assert User.objects.get(pk=alice.user.pk).password == before


def test_staff_who_may_change_people_neither_change_superusers_nor_become_one(client, dave, alice, olga):
    User.objects.filter(pk=dave.user.pk).update(is_staff=True)
    dave.user.user_permissions.add(*Permission.objects.filter(codename__in=("change_user", "view_user")))
    sign_in(client, dave)
    for person, status in ((olga, 403), (alice, 302)):
        page = reverse("admin:auth_user_password_change", args=[person.user.pk])
        assert client.post(page, NEW_PASSWORD, headers=HTML).status_code == status
    sent = {"full_name": "Dave", "email": "dave@example.com", "is_staff": "on", "is_superuser": "on"}
    client.post(page_of(User, "change", dave.user.pk), sent)
    changed = User.objects.get(pk=dave.user.pk)
    assert (changed.full_name, changed.is_superuser) == ("Dave", False)
    chosen = {"action": "suspend", "_selected_action": [olga.user.pk], "confirmed": "yes", "reason": "x"}
    client.post(page_of(User, "changelist"), chosen)
    assert User.objects.get(pk=olga.user.pk).is_active
    assert User.objects.get(pk=olga.user.pk).check_password(PASSWORD)


def test_staff_who_are_no_superusers_get_what_they_were_given(full, client, dave):
    User.objects.filter(pk=dave.user.pk).update(is_staff=True)
    client.force_login(User.objects.get(pk=dave.user.pk), backend=BACKEND)
    for model in MODELS:
        assert client.get(page_of(model, "changelist"), headers=HTML).status_code == 403


def test_the_developers_team_is_neither_deleted_nor_renamed_here(full, as_operator):
    team = Team.objects.get(name="developers")
    as_operator.post(page_of(Team, "delete", team.pk), {"post": "yes"})
    sent = {"action": "delete_selected", "_selected_action": team.pk, "post": "yes"}
    as_operator.post(page_of(Team, "changelist"), sent)
    as_operator.post(page_of(Team, "change", team.pk), {"name": "others", "description": ""})
    assert Team.objects.get(pk=team.pk).name == "developers"


def test_a_member_added_here_joins_the_developers_as_everybody(full, as_operator, acme, dave):
    as_operator.post(page_of(Membership, "add"), {"org": acme.pk, "user": dave.user.pk, "role": "developer"})
    membership = Membership.objects.get(user=dave.user)
    assert list(membership.seats.values_list("team__name", flat=True)) == ["developers"]


def test_a_membership_is_never_moved_with_its_seats_to_another_org(full, as_operator, acme, bob, dave):
    other = organizations.create(dave, "other")
    membership = Membership.objects.get(user=bob.user)
    sent = {"org": other.pk, "user": dave.user.pk, "role": "admin"}
    as_operator.post(page_of(Membership, "change", membership.pk), sent)
    membership.refresh_from_db()
    assert (membership.org, membership.user, membership.role) == (acme, bob.user, "admin")


@pytest.mark.parametrize("name", ["acme", "dave", "admin", "-x", "Nina"])
def test_a_name_that_cannot_be_is_refused_with_a_form(full, as_operator, dave, name):
    users = User.objects.count()
    sent = {"username": name, "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    assert as_operator.post(page_of(User, "add"), sent, headers=HTML).status_code == 200
    assert User.objects.count() == users


def test_a_person_added_here_has_a_scope(as_operator):
    sent = {"username": "nina", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    as_operator.post(page_of(User, "add"), sent)
    assert User.objects.get(username="nina").scope.name == "nina"
    assert AuditEvent.objects.first().action == "admin.added"


@pytest.mark.parametrize(
    "path", ["@acme/x", "@acme/x/1.0.0", "@acme/x/-/x-1.0.0.tgz", "-/package/@acme%2fx/visibility"]
)
def test_a_superuser_has_no_standing_in_the_protocol(full, npm, olga, path):
    assert npm.as_(login_token(olga)).get(path).status_code == 404


@pytest.mark.parametrize("where", ["", "/access", "/activity", "/versions"])
def test_a_superuser_has_no_standing_on_pages(full, as_operator, where):
    assert as_operator.get(f"/package/@acme/x{where}", headers=HTML).status_code == 404


def test_a_superuser_publishes_and_governs_nothing_of_others(full, npm, as_operator, olga):
    caller = npm.as_(login_token(olga))
    before = snapshot()
    assert caller.put("@acme%2fx", payloads.publish_body("@acme/x", "1.0.1")).status_code == 403
    assert caller.put("-/org/acme/user", {"user": "olga", "role": "owner"}).status_code == 403
    assert caller.post("-/package/@uma%2fx/access", {"access": "restricted"}).status_code == 403
    assert (
        as_operator.post("/package/@acme/x/access/level", {"access": "public", "confirm": "@acme/x"}).status_code == 404
    )
    assert snapshot() == before
    assert not Membership.objects.filter(user=olga.user).exists()


def test_the_admins_door_is_the_websites(client, db):
    answer = client.get("/admin/login/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login")


def test_the_last_owner_of_an_org_stays_also_for_operators(client, acme, alice, bob, olga):
    sign_in(client, olga)
    membership = acme.memberships.get(user=alice.user)
    assert client.post(f"/admin/orgs/membership/{membership.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": membership.pk, "post": "yes"}
    client.post("/admin/orgs/membership/", chosen)
    client.post(f"/admin/orgs/membership/{membership.pk}/change/", {"role": "developer"})
    membership.refresh_from_db()
    assert membership.role == "owner"
    other = acme.memberships.get(user=bob.user)
    assert client.post(f"/admin/orgs/membership/{other.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not acme.memberships.filter(user=bob.user).exists()


def test_the_home_calls_things_by_their_names(client, olga):
    sign_in(client, olga)
    shown = client.get("/admin/").content.decode()
    for name in ("People and signing in", "Second factors", "Queue of the background worker", "Regular jobs"):
        assert name in shown
    for model in admin.site._registry:
        plural = str(model._meta.verbose_name_plural).lower()
        assert not re.search(r"sss$|[^aeiou]ys$", plural), plural
