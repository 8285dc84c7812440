"""Accounts: sign-up, invitations, the one namespace of users and orgs, the first admin's link."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import signing
from django.db import transaction
from django.utils import timezone

from accounts import names, people, profile
from accounts.actor import operator
from accounts.models import AuditEvent, Invitation, Scope, User
from orgs import organizations
from orgs.models import Org
from registry_site.errors import Conflict, Invalid, NotFound
from tests.conftest import PASSWORD, person


def sign_up(client, name: str = "nina", **more):
    sent = {"username": name, "email": f"{name}@example.com", "password1": PASSWORD}
    return client.post("/signup", sent | more, headers={"accept": "text/html"})


def rows() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (User, Scope, Org, AuditEvent, Invitation))


def test_signing_up_gives_an_account_its_scope_and_one_event(client, db):
    assert sign_up(client, "Nina").status_code == 302
    user = User.objects.get(username="nina")
    assert (user.scope.name, user.scope.kind, user.is_staff, user.is_superuser) == ("nina", "user", False, False)
    event = AuditEvent.objects.get()
    assert (event.action, event.actor_name, event.person, event.facts) == (
        "user.created",
        "nina",
        "nina",
        {"superuser": False},
    )
    assert client.session["_auth_user_id"] == str(user.pk)


def test_a_sign_up_form_never_makes_an_operator(client, db):
    sign_up(client, is_staff="on", is_superuser="on", plan="paid")
    user = User.objects.get()
    assert not user.is_staff
    assert not user.is_superuser
    assert user.scope.plan == "free"


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("nina", {"password1": "short"}),
        ("nina", {"password1": "nina@example"}),
        ("nina", {"email": "nobody"}),
        ("_nina", {}),
        ("ni na", {}),
        ("n\N{LATIN SMALL LETTER DOTLESS I}na", {}),
        ("\N{KELVIN SIGN}im", {}),
        ("n" * 65, {}),
        ("admin", {}),
        ("@npm", {}),
        ("", {}),
    ],
)
def test_a_bad_sign_up_leaves_nothing(client, db, name, more):
    before = rows()
    assert sign_up(client, name, **more).status_code == 200
    assert rows() == before


def test_c14_a_reserved_a_taken_and_a_retired_name_are_refused_in_the_same_words(client, bob, acme):
    Scope.objects.create(name="retired", kind="user")
    errors = set()
    for name in ("admin", "bob", "acme", "retired"):
        form = sign_up(client, name).context["form"]
        errors.add(form.errors["username"][0].lower().replace(f"the name {name}", "this name"))
    assert len({error.rstrip(".") for error in errors}) == 1


@pytest.mark.parametrize("taken", ["bob", "acme", "retired", "BOB", "@acme"])
def test_users_and_orgs_share_one_namespace_that_forgets_nobody(acme, bob, taken):
    Scope.objects.create(name="retired", kind="user")
    before = rows()
    with pytest.raises(Conflict, match="not available"):
        people.create(operator(), taken, "x@example.com", PASSWORD)
    with pytest.raises(Conflict, match="not available"):
        organizations.create(bob, taken)
    assert rows() == before


@pytest.mark.parametrize("reserved", sorted(names.RESERVED))
def test_reserved_names_go_to_nobody(reserved):
    with pytest.raises(Invalid, match="not available"):
        names.clean(reserved)


@pytest.mark.parametrize(
    "name", ["", "@", "-x", ".x", "_x", "x/y", "x y", "x\n", "\u0661", "ſx", "a" * 65, "x%2fy", "x@y"]
)
def test_names_are_small_ascii_words(name):
    if name == "x\n":
        assert names.clean(name) == "x"  # blanks around a name are the form's, not the name's
        return
    with pytest.raises(Invalid):
        names.clean(name)


@pytest.mark.parametrize(
    ("registration", "mode"), [("closed", "public"), ("invite", "enterprise"), ("closed", "enterprise")]
)
def test_without_open_registration_the_form_makes_nothing(client, db, settings, registration, mode):
    settings.REGISTRATION, settings.REGISTRY_MODE = registration, mode
    before = rows()
    assert sign_up(client).status_code in (200, 403)
    assert rows() == before


def test_an_invitation_lets_one_person_in_once(client, db, settings):
    settings.REGISTRATION = "invite"
    secret = people.invite(operator(), "nina@example.com")
    assert secret not in str(list(AuditEvent.objects.values())) + str(list(Invitation.objects.values()))
    assert client.get(f"/invitation/{secret}")["Location"] == "/signup"
    assert sign_up(client, "nina").status_code == 302
    spent = Invitation.objects.get()
    assert spent.used_by.username == "nina"
    client.logout()
    before = rows()
    assert client.get(f"/invitation/{secret}", headers={"accept": "text/html"}).status_code == 404
    sign_up(client, "nadja")
    assert rows() == before


def test_d37_an_invitation_used_meanwhile_makes_no_account(client, db, settings):
    settings.REGISTRATION = "invite"
    secret = people.invite(operator())
    client.get(f"/invitation/{secret}")
    people.use_invitation(secret, person("nadja").user)
    before = rows()
    sign_up(client, "nina")
    assert rows() == before


def test_d37_two_who_open_one_invitation_get_one_account(db):
    secret = people.invite(operator())
    nina, nadja = person("nina").user, person("nadja").user
    people.use_invitation(secret, nina)
    with pytest.raises(Conflict), transaction.atomic():
        people.use_invitation(secret, nadja)
    assert Invitation.objects.get().used_by == nina


@pytest.mark.parametrize("secret", ["x", "", "a" * 43, "%00"])
def test_d37_a_guessed_invitation_is_404(client, db, settings, secret):
    settings.REGISTRATION = "invite"
    assert client.get(f"/invitation/{secret}", headers={"accept": "text/html"}).status_code in (400, 404)
    assert people.open_invitation(secret) is None


def test_closed_registration_leaves_operators_a_way(db, settings):
    settings.REGISTRATION = "closed"
    assert people.create(operator(), "nina", "nina@example.com").scope.name == "nina"


@pytest.mark.parametrize(
    ("name", "email", "password"),
    [
        ("nina", "nowhere", None),
        ("nina", "n@example.com", "short"),
        ("nina", "n@example.com", "password1234"),
        ("-", "n@example.com", None),
    ],
)
def test_an_account_that_breaks_a_rule_is_not_made(db, name, email, password):
    with pytest.raises(Invalid):
        people.create(operator(), name, email, password)
    assert rows() == (0, 0, 0, 0, 0)


def test_an_account_without_password_has_no_password_to_log_in_with(db):
    user = people.create(operator(), "nina", "nina@example.com")
    assert not user.has_usable_password()


def test_suspended_people_are_not_found(bob):
    bob.user.is_active = False
    bob.user.save()
    with pytest.raises(NotFound):
        people.find("bob")


FIRST = {"username": "root1", "email": "root@example.com", "password": PASSWORD}


def test_the_first_admins_link_works_once(client, db):
    key = people.first_admin_key()
    page = f"/setup/{key}"
    assert client.get(page).status_code == 200
    assert client.post(page, FIRST)["Location"] == "/"
    admin = User.objects.get()
    assert admin.is_superuser
    assert admin.is_staff
    assert people.first_admin_key() is None
    client.logout()
    before = rows()
    assert client.post(page, FIRST | {"username": "root2"}, headers={"accept": "text/html"}).status_code == 404
    assert rows() == before


def test_two_links_make_one_admin(db):
    one, two = people.first_admin_key(), people.first_admin_key()
    people.create_first_admin(one, "root1", "a@example.com", PASSWORD)
    with pytest.raises(NotFound):
        people.create_first_admin(two, "root2", "b@example.com", PASSWORD)
    assert User.objects.count() == 1


def test_the_first_admins_link_ends_after_a_day(db, time_machine):
    key, start = people.first_admin_key(), timezone.now()
    time_machine.move_to(start + timedelta(hours=23))
    people.require_first_admin_key(key)
    time_machine.move_to(start + timedelta(hours=25))
    with pytest.raises(NotFound):
        people.create_first_admin(key, "root1", "a@example.com", PASSWORD)
    assert not User.objects.exists()


def test_a_forged_link_makes_no_admin(client, db):
    for key in ("first-admin", "first-admin:x:y", signing.TimestampSigner(salt="other").sign("first-admin")):
        assert client.post(f"/setup/{key}", FIRST, headers={"accept": "text/html"}).status_code == 404
    assert not User.objects.exists()


def test_a_bad_first_admin_is_told_why_and_the_link_still_works(client, db):
    page = f"/setup/{people.first_admin_key()}"
    assert client.post(page, FIRST | {"password": "short"}).status_code == 200
    assert not User.objects.exists()
    assert client.post(page, FIRST).status_code == 302


def test_a_changed_profile_changes_ones_own_name_only(client, bob, dave):
    client.force_login(bob.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert (
        client.post("/settings/profile", {"full_name": "Bob B.", "username": "dave", "is_staff": "on"}).status_code
        == 302
    )
    changed = User.objects.get(pk=bob.user.pk)
    assert (changed.full_name, changed.username, changed.is_staff) == ("Bob B.", "bob", False)


def test_the_profile_page_says_what_npm_says_and_is_recorded_as_npm_is(client, bob):
    client.force_login(bob.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    sent = {"full_name": "Bob B.", "homepage": "https://bob.example/<b>", "github": "bob"}
    assert client.post("/settings/profile", sent).status_code == 302
    event = AuditEvent.objects.first()
    assert (event.action, event.facts) == ("profile.changed", {"fields": ["fullname", "homepage", "github"]})
    shown = client.get("/~bob", headers={"accept": "text/html"}).content.decode()
    assert "bob.example/&lt;b&gt;" in shown
    seen = AuditEvent.objects.count()
    for field, odd in (("homepage", "javascript:alert(1)"), ("full_name", "x" * 121), ("github", "a\u202eb")):
        assert client.post("/settings/profile", sent | {field: odd}).status_code == 200
    assert client.post("/settings/profile", sent).status_code == 302, "the same again"
    assert AuditEvent.objects.count() == seen
    assert profile.shown(User.objects.get(username="bob"))["homepage"] == "https://bob.example/<b>"
