"""Invitations: for one person, once, for a week; nobody else comes in through them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from accounts import people
from accounts.actor import NOBODY, Actor
from accounts.models import AuditEvent, User
from accounts.models import Invitation as Door
from orgs import invitations, organizations, teams
from orgs.models import Invitation, Membership
from registry_site.errors import Conflict, Invalid, NotAllowed, NotFound, SignInRequired, TooManyRequests
from tests.conftest import login_token
from tests.tools.sessions import sign_in

HTML = {"accept": "text/html"}


def rows() -> list:
    """Everything that a refusal must not change."""
    return [
        list(Membership.objects.order_by("pk").values_list("pk", "role")),
        list(Invitation.objects.order_by("pk").values_list("pk", "digest", "closed_at", "role")),
        Door.objects.count(),
        AuditEvent.objects.count(),
    ]


def seats(actor: Actor) -> list[str]:
    return sorted(actor.user.memberships.get().seats.values_list("team__name", flat=True))


def test_an_invited_user_accepts_and_has_role_and_teams(acme, alice, dave):
    invitations.invite(alice, "acme", "@Dave", "admin", ["core", "core"])
    assert not Membership.objects.filter(user=dave.user).exists()
    assert [each.org.name for each in invitations.waiting_for(dave)] == ["acme"]
    assert invitations.accept(dave, "acme").role == "admin"
    assert seats(dave) == ["core", "developers"]
    assert not invitations.waiting_for(dave).exists()
    event = AuditEvent.objects.first()
    assert (event.action, event.actor_name, event.facts) == ("member.joined", "dave", {"role": "admin", "by": "alice"})


def test_it_is_good_once(acme, alice, dave):
    _, secret = invitations.invite(alice, "acme", "dave", "developer")
    invitations.accept(dave, "acme")
    organizations.remove_member(alice, "acme", "dave")
    before = rows()
    for again in ("", secret):
        with pytest.raises(NotFound):
            invitations.accept(dave, "acme", again)
    assert rows() == before


def test_a_declined_one_is_over(acme, alice, dave):
    invitations.invite(alice, "acme", "dave", "developer")
    invitations.decline(dave, "acme")
    before = rows()
    with pytest.raises(NotFound):
        invitations.accept(dave, "acme")
    assert rows() == before
    assert Invitation.objects.get().outcome == "declined"


@pytest.mark.parametrize("who", ["frank", "bob", "dave", "olga"])
def test_only_owners_invite_send_again_and_take_back(request, acme, alice, dave, olga, hugo, who):
    made, _ = invitations.invite(alice, "acme", "hugo", "developer")
    actor, before = request.getfixturevalue(who), rows()
    for verb in (
        lambda: invitations.invite(actor, "acme", "dave", "owner"),
        lambda: invitations.resend(actor, "acme", made.key),
        lambda: invitations.revoke(actor, "acme", made.key),
    ):
        with pytest.raises(NotAllowed):
            verb()
    with pytest.raises(SignInRequired):
        invitations.invite(NOBODY, "acme", "dave", "owner")
    assert rows() == before


def test_d37_somebody_else_s_link_opens_nothing(acme, alice, dave, hugo):
    _, secret = invitations.invite(alice, "acme", "dave", "owner")
    _, mailed = invitations.invite(alice, "acme", "new@example.com", "owner")
    before = rows()
    for stolen in (secret, mailed):
        with pytest.raises(NotAllowed, match="is for"):
            invitations.accept(hugo, "acme", stolen)
    with pytest.raises(NotFound):
        invitations.accept(hugo, "acme")
    with pytest.raises(NotFound):
        invitations.accept(hugo, "acme", "guessed")
    assert rows() == before


def test_an_address_has_to_be_confirmed_where_mail_is_sent(acme, alice, dave, settings):
    _, secret = invitations.invite(alice, "acme", "Other@Example.com", "developer")
    EmailAddress.objects.create(user=dave.user, email="other@example.com", verified=False)
    settings.EMAIL_URL = "smtp://localhost"
    before = rows()
    with pytest.raises(NotAllowed):
        invitations.accept(dave, "acme", secret)
    assert not invitations.waiting_for(dave).exists()
    assert rows() == before
    EmailAddress.objects.filter(email="other@example.com").update(verified=True)
    assert invitations.waiting_for(dave).count() == 1
    assert invitations.accept(dave, "acme").user == dave.user


def test_without_a_mail_server_the_link_confirms_the_address(acme, alice, dave):
    _, secret = invitations.invite(alice, "acme", "other@example.com", "developer")
    EmailAddress.objects.create(user=dave.user, email="other@example.com", verified=False)
    with pytest.raises(NotFound):
        invitations.accept(dave, "acme")
    assert invitations.accept(dave, "acme", secret).user == dave.user


def test_a_week_later_it_is_over_and_can_be_sent_again(acme, alice, dave):
    made, _ = invitations.invite(alice, "acme", "dave", "developer")
    long_ago = timezone.now() - timedelta(days=8)
    Invitation.objects.update(sent_at=long_ago, expires_at=long_ago + invitations.LIFETIME)
    assert not invitations.waiting_for(dave).exists()
    before = rows()
    with pytest.raises(NotFound):
        invitations.accept(dave, "acme")
    assert rows() == before
    assert invitations.listed(acme).get().is_over
    _, secret = invitations.resend(alice, "acme", made.key)
    with pytest.raises(Conflict, match="moment ago"):
        invitations.resend(alice, "acme", made.key)
    assert invitations.accept(dave, "acme", secret)


def test_sent_again_the_old_link_opens_nothing(acme, alice):
    made, old = invitations.invite(alice, "acme", "new@example.com", "developer")
    Invitation.objects.update(sent_at=timezone.now() - timedelta(hours=2))
    _, new = invitations.resend(alice, "acme", made.key)
    assert people.open_invitation(old) is None
    with pytest.raises(NotFound):
        invitations.by_secret("acme", old)
    assert invitations.by_secret("acme", new).pk == made.pk
    assert people.open_invitation(new)


def test_taken_back_it_lets_nobody_in_or_sign_up(acme, alice, dave):
    made, secret = invitations.invite(alice, "acme", "new@example.com", "developer")
    assert people.open_invitation(secret)
    invitations.revoke(alice, "acme", made.key)
    assert people.open_invitation(secret) is None
    with pytest.raises(NotFound):
        invitations.by_secret("acme", secret)
    with pytest.raises(NotFound):
        invitations.revoke(alice, "acme", made.key)


def test_it_ends_when_who_invited_is_no_owner_any_more(acme, alice, bob, dave):
    organizations.set_member(alice, "acme", "bob", "owner")
    invitations.invite(bob, "acme", "dave", "owner")
    organizations.set_member(alice, "acme", "bob", "developer")
    before = rows()
    with pytest.raises(NotFound):
        invitations.accept(dave, "acme")
    assert rows() == before


@pytest.mark.parametrize(
    ("whom", "role", "team", "error"),
    [
        ("nobody-here", "developer", "", NotFound),
        ("dave", "root", "", Invalid),
        ("dave", "developer", "no-team", NotFound),
        ("a@b@c", "developer", "", Invalid),
        ("x@", "developer", "", Invalid),
        ("bob", "developer", "", Conflict),
    ],
)
def test_what_makes_no_sense_invites_nobody(acme, alice, dave, whom, role, team, error):
    before = rows()
    with pytest.raises(error):
        invitations.invite(alice, "acme", whom, role, [team] if team else [])
    assert rows() == before


def test_inviting_again_replaces_and_five_an_hour_are_enough(acme, alice, dave):
    for role in ("developer", "admin", "developer", "admin", "owner"):
        invitations.invite(alice, "acme", "dave", role)
    assert invitations.waiting_for(dave).get().role == "owner"
    with pytest.raises(TooManyRequests):
        invitations.invite(alice, "acme", "dave", "owner")


def test_an_address_is_never_said_to_be_a_member_s(acme, alice, bob):
    made, _ = invitations.invite(alice, "acme", bob.user.email, "developer")
    assert made.user is None
    with pytest.raises(Conflict, match="member of acme already"):
        invitations.accept(bob, "acme")


def test_npm_org_set_adds_at_once_and_closes_what_was_open(npm, acme, alice, dave):
    invitations.invite(alice, "acme", "dave", "owner")
    assert npm.as_(login_token(alice)).put("-/org/acme/user", {"user": "dave", "role": "developer"}).status_code == 200
    assert not invitations.waiting_for(dave).exists()
    with pytest.raises(NotFound):
        invitations.accept(dave, "acme")


def test_an_invited_address_signs_up_where_registration_is_by_invitation(acme, alice, client, settings):
    settings.REGISTRATION, settings.REGISTRY_MODE = "invite", "enterprise"
    _, secret = invitations.invite(alice, "acme", "nina@example.com", "developer", ["core"])
    page = f"/org/acme/invitation/{secret}"
    shown = client.get(page, headers=HTML)
    assert shown.status_code == 200
    assert "Make an account" in shown.content.decode()
    sent = {"username": "nina", "email": "nina@example.com", "password1": "correct horse battery", "next": page}
    assert client.post("/signup", sent, headers=HTML)["Location"] == page
    assert client.post(page, {"answer": "accept"}, headers=HTML)["Location"] == "/org/acme"
    nina = User.objects.get(username="nina")
    assert nina.memberships.get().role == "developer"
    client.logout()
    assert client.get(page, headers=HTML).status_code == 404


def test_the_page_of_an_unknown_link_says_nothing(client, acme):
    assert client.get("/org/acme/invitation/guessed", headers=HTML).status_code == 404
    assert client.get("/org/acme/invitation", headers=HTML).status_code == 302
    assert client.get("/org/nowhere/invitation/guessed", headers=HTML).status_code == 404


def test_the_members_page_invites_and_shows_the_link_once(client, acme, alice, dave):
    sign_in(client, alice)
    sent = {"user": "dave", "role": "admin", "teams": ["core"]}
    answer = client.post("/org/acme/invitations", sent, headers=HTML)
    assert "http://testserver/org/acme/invitation" in answer.content.decode()
    made = Invitation.objects.get()
    assert list(made.teams.values_list("name", flat=True)) == ["core"]
    wrong = client.post("/org/acme/invitations", {"user": "davee", "role": "admin"}, headers=HTML).content.decode()
    assert "did you mean dave" in wrong
    client.post(f"/org/acme/invitations/{made.key}", {"do": "revoke"}, headers=HTML)
    assert not invitations.listed(acme).exists()
    sign_in(client, dave)
    assert client.post("/org/acme/invitations", sent, headers=HTML).status_code == 403
    assert client.post(f"/org/acme/invitations/{made.key}", {"do": "resend"}, headers=HTML).status_code == 403


def test_home_s_visitor_sees_the_invitation_on_the_orgs_page(client, acme, alice, dave):
    invitations.invite(alice, "acme", "dave", "developer")
    sign_in(client, dave)
    assert "/org/acme/invitation" in client.get("/orgs", headers=HTML).content.decode()
    assert "You are invited" in client.get("/org/acme", headers=HTML).content.decode()
    client.post("/org/acme/invitation", {"answer": "decline"}, headers=HTML)
    assert not Membership.objects.filter(user=dave.user).exists()


def test_a_team_that_is_gone_is_left_out(acme, alice, dave):
    invitations.invite(alice, "acme", "dave", "developer", ["core", "readers"])
    teams.destroy(alice, "acme", "core")
    invitations.accept(dave, "acme")
    assert seats(dave) == ["developers", "readers"]
