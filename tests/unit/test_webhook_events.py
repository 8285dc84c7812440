"""Webhooks beyond publishing: what happens in orgs and to accounts, signatures, secrets, attempts, the log."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts import audit, sealing, tokens
from accounts.actor import operator
from accounts.models import AuditEvent, Token
from orgs import organizations, teams
from orgs.models import Membership, Role
from packages import advising, quarantine, releases, returns, scopes, transfers, webhooks
from packages.advising import Draft
from packages.models import Package, Webhook, WebhookDelivery
from packages.packuments import revision_of
from packages.webhooks import keeping, sending, signing
from registry_site import logs
from registry_site.errors import NotFound
from tests.tools import receivers

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
URL, SECRET = "https://hooks.example/path?key=1", "s3cret words"


@pytest.fixture
def receiver(settings):
    settings.EGRESS_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    with receivers.receiving() as server:
        yield server


@pytest.fixture
def outer(monkeypatch):
    """Loopback is the internet: what an outer server answers is kept."""
    monkeypatch.setattr("registry_site.egress.is_allowed", lambda address: False)


def hook(actor, subject: str, endpoint: str = URL) -> Webhook:
    return webhooks.add(actor, *keeping.parse(subject), endpoint, SECRET)


def told(made: Webhook) -> list[str]:
    return list(made.deliveries.order_by("pk").values_list("event", flat=True))


def last(made: Webhook) -> dict:
    return json.loads(made.deliveries.latest("pk").payload)


def send() -> None:
    sending.send_due.func()


def due_now() -> None:
    WebhookDelivery.objects.exclude(next_attempt_at=None).update(next_attempt_at=timezone.now())


# --- packages ----------------------------------------------------------------------------------------------------


def test_restored_quarantined_advised_and_handed_over(publish, uma, dave):
    publish(uma, "loose", "1.0.0")
    publish(uma, "loose", "1.1.0")
    made = hook(dave, "loose")
    quarantine.hold(operator(), "loose", "1.1.0", "malware")
    assert last(made)["change"] == {"version": "1.1.0", "reason": "malware"}
    quarantine.lift(operator(), "loose", "1.1.0")
    key = advising.publish(uma, "loose", Draft("<1.1.0", "high", "Broken")).key
    assert last(made)["change"]["title"] == "Broken"
    advising.withdraw(uma, "loose", key)
    releases.unpublish_versions(uma, "loose", frozenset({"1.0.0"}), revision_of(Package.objects.get()))
    returns.restore_version(uma, "loose", "1.1.0")
    transfers.transfer(operator(), "loose", "dave")
    assert last(made)["change"] == {"user": "dave"}
    assert told(made) == [
        f"package:{word}" for word in "quarantine quarantine-rm advisory advisory-rm unpublish restore transfer".split()
    ]


# --- orgs and people ---------------------------------------------------------------------------------------------


def test_members_hear_of_the_org_and_managers_of_more(acme, alice, bob, frank, dave, erin, gina):
    owner, admin, member, stranger = (hook(each, "@acme") for each in (alice, frank, bob, dave))
    organizations.set_member(alice, "acme", "gina", "developer")
    assert last(owner)["change"] == {"what": "member.added", "actor": "alice", "role": "developer", "user": "gina"}
    assert (last(owner)["name"], last(owner)["type"], last(owner)["payload"]) == ("acme", "org", {"name": "acme"})
    teams.create(alice, "acme", "night")
    teams.add(alice, "acme", "night", "gina")
    teams.remove(alice, "acme", "night", "gina")
    teams.destroy(alice, "acme", "night")
    organizations.remove_member(alice, "acme", "gina")
    heard = [f"org:{word}" for word in "member team team-member team-member-rm team-rm member-rm".split()]
    assert [event for event in told(member) if event != "org:team-member-rm"] == [
        event for event in heard if event != "org:team-member-rm"
    ]
    assert told(owner) == told(admin) == told(member)
    assert told(stranger) == []
    seen = len(told(member))
    with transaction.atomic():
        audit.record(alice, "service.token_made", org="acme", token="npm_abcd", account="acme/ci", permission="x")  # noqa: S106
        audit.record(alice, "org.two_factor", org="acme", asks="required")
    assert told(owner)[seen:] == told(admin)[seen:] == ["org:token", "org:security"]
    assert told(member)[seen:] == []


def test_a_member_who_turns_two_factor_off_is_told_to_managers_and_themselves(acme, alice, bob, erin):
    owner, own, other = hook(alice, "@acme"), hook(bob, "~bob"), hook(erin, "~bob")
    with transaction.atomic():
        audit.record(bob, "two_factor.disabled", person="bob")
    assert told(owner) == ["org:security"]
    assert last(owner)["change"] == {"what": "two_factor.disabled", "actor": "bob", "user": "bob"}
    assert told(own) == ["person:security"]
    assert told(other) == []


def test_ones_own_tokens_are_told_and_never_whole(uma, dave):
    own, other = hook(uma, "~uma"), hook(dave, "~uma")
    token, secret = tokens.issue(uma, uma.user, kind=Token.Kind.GRANULAR, name="ci")
    tokens.revoke(uma, uma.user, str(token.key))
    assert told(own) == ["person:token", "person:token-rm"]
    assert told(other) == []
    assert last(own)["change"]["token"] == token.prefix
    assert secret not in "".join(own.deliveries.values_list("payload", flat=True))


def test_who_left_meanwhile_is_told_nothing_and_sees_nothing(acme, alice, bob, frank, receiver):
    member, admin = hook(bob, "@acme", receiver.url), hook(frank, "@acme", receiver.url)
    teams.create(alice, "acme", "night")
    with transaction.atomic():
        audit.record(alice, "service.token_revoked", org="acme", token="npm_abcd", account="acme/ci")  # noqa: S106
    Membership.objects.filter(user=frank.user).update(role=Role.DEVELOPER)
    Membership.objects.filter(user=bob.user).delete()
    assert not keeping.deliveries(bob, member).exists()
    assert [each.event for each in keeping.deliveries(frank, admin)] == ["org:team"]
    send()
    assert [json.loads(body)["event"] for _, body in receiver.got] == ["org:team"]
    assert told(member) == []


def test_an_org_is_known_by_its_former_names(acme, alice, receiver):
    made = hook(alice, "@acme", receiver.url)
    teams.create(alice, "acme", "night")
    scopes.rename(alice, "acme", "acme-inc")
    assert told(made) == ["org:team", "org:change"]
    assert [each.event for each in keeping.deliveries(alice, made)] == ["org:change", "org:team"]
    send()
    assert len(receiver.got) == 2


def test_where_nobody_listens_nothing_is_asked_for_most_events(db, django_assert_num_queries, uma):
    with transaction.atomic():
        with django_assert_num_queries(1):
            audit.record(uma, "session.ended", person="uma", device="x")
        with django_assert_num_queries(2):
            audit.record(uma, "token.revoked", person="uma", token="npm_x")  # noqa: S106


def test_every_event_told_of_is_one_of_the_log():
    from packages.webhooks import messages, overhearing

    assert set(messages.EVENTS) - {"package.starred", "package.unstarred"} <= set(audit.SENTENCES)
    assert {*overhearing.ORG, *overhearing.PERSON} <= set(audit.SENTENCES)
    named = {*messages.EVENTS.values(), *overhearing.ORG.values(), *overhearing.PERSON.values(), sending.PING}
    page = receivers.DOCS.read_text()
    assert [name for name in sorted(named) if f"`{name}`" not in page] == []


# --- signatures and secrets --------------------------------------------------------------------------------------


def test_a_message_carries_its_id_the_time_and_three_signatures(uma, publish, receiver, time_machine):
    publish(uma, "@uma/x", "1.0.0")
    hook(uma, "@uma/x", receiver.url)
    releases.set_tag(uma, "@uma/x", "next", "1.0.0")
    send()
    ((headers, body),) = receiver.got
    row = WebhookDelivery.objects.get()
    said = json.loads(body)
    assert said["id"] == headers["webhook-id"] == headers["x-npm-delivery"] == str(row.key)
    assert (said["schema"], headers["x-npm-event"]) == (1, "package:dist-tag")
    plain = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert headers["x-npm-signature"] == headers["x-hub-signature-256"] == plain
    assert abs(int(headers["webhook-timestamp"]) - timezone.now().timestamp()) < 60
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{wanted}"


def test_a_new_secret_signs_with_the_one_before_for_a_day(uma, publish, receiver, time_machine):
    publish(uma, "@uma/x", "1.0.0")
    made = hook(uma, "@uma/x", receiver.url)
    new = webhooks.rotate(uma, str(made.key))
    assert new.startswith("whsec_")
    assert new not in json.dumps(list(AuditEvent.objects.values("facts")))
    assert AuditEvent.objects.latest("pk").action == "webhook.rotated"
    kept = Webhook.objects.get()
    assert (sealing.unseal(signing.PURPOSE, kept.secret), new in kept.secret) == (new, False)

    def signatures() -> list[str]:
        webhooks.say_hello(uma, str(made.key))
        send()
        headers, body = receiver.got[-1]
        id, stamp = headers["webhook-id"], headers["webhook-timestamp"]
        assert headers["x-npm-signature"] == signing.signature(new, body.decode())
        given = headers["webhook-signature"].split()
        assert given[0] == signing.standard(new, id, stamp, body.decode())
        return given

    assert len(signatures()) == 2
    time_machine.move_to(timezone.now() + keeping.OVERLAP + timedelta(minutes=1))
    assert len(signatures()) == 1


def test_a_secret_sealed_with_an_older_key_is_replaced(uma, publish, receiver, settings):
    publish(uma, "@uma/x", "1.0.0")
    settings.SECRET_KEY = "an older one"
    made = hook(uma, "@uma/x", receiver.url)
    settings.SECRET_KEY = "the one of today"
    webhooks.rotate(uma, str(made.key))
    webhooks.say_hello(uma, str(made.key))
    send()
    assert len(receiver.got) == 1
    assert len(receiver.got[0][0]["webhook-signature"].split()) == 1


def test_a_key_that_is_no_base64_is_taken_as_it_is():
    assert signing.standard("whsec_!", "1", "2", "{}") != signing.standard("!", "1", "2", "{}")


# --- attempts ----------------------------------------------------------------------------------------------------


def test_sent_again_it_is_the_same_message(uma, publish, receiver):
    publish(uma, "@uma/x", "1.0.0")
    made = hook(uma, "@uma/x", receiver.url)
    releases.set_tag(uma, "@uma/x", "next", "1.0.0")
    send()
    webhooks.redeliver(uma, str(made.key), WebhookDelivery.objects.get().pk)
    send()
    (first, text), (second, again) = receiver.got
    assert (first["webhook-id"], text) == (second["webhook-id"], again)
    assert WebhookDelivery.objects.count() == 2


def test_an_address_that_fails_is_asked_once_a_minute_and_others_go_on(uma, dave, publish, receiver, time_machine):
    start = timezone.now() + timedelta(seconds=1)
    time_machine.move_to(start, tick=False)
    publish(uma, "@uma/x", "1.0.0", access="public")
    bad = hook(uma, "@uma/x", "http://127.0.0.1:9/")
    hook(dave, "@uma/x", receiver.url)
    for tag in ("a", "b", "c"):
        releases.set_tag(uma, "@uma/x", tag, "1.0.0")
    send()
    assert [json.loads(body)["change"]["dist-tag"] for _, body in receiver.got] == ["a", "b", "c"]
    assert list(bad.deliveries.order_by("pk").values_list("attempts", flat=True)) == [1, 0, 0]
    assert set(bad.deliveries.values_list("next_attempt_at", flat=True)) == {start + timedelta(minutes=1)}
    assert DBTaskResult.objects.filter(run_after=start + timedelta(minutes=1)).exists()
    time_machine.move_to(start + timedelta(seconds=10), tick=False)
    releases.set_tag(uma, "@uma/x", "d", "1.0.0")
    send()
    assert list(bad.deliveries.order_by("pk").values_list("attempts", flat=True)) == [1, 0, 0, 0]
    Webhook.objects.filter(pk=bad.pk).update(endpoint=receiver.url)
    time_machine.move_to(start + timedelta(minutes=1), tick=False)
    send()
    assert [json.loads(body)["change"]["dist-tag"] for _, body in receiver.got[4:]] == ["a", "b", "c", "d"]


def test_one_that_fails_for_days_is_paused(uma, publish, receiver, settings, time_machine, monkeypatch):
    settings.EMAIL_URL = "memorymail://"
    monkeypatch.setattr(sending, "PAUSE_AFTER", 4)
    publish(uma, "@uma/x", "1.0.0")
    receiver.status = 503
    start = timezone.now()
    hook(uma, "@uma/x", receiver.url)
    releases.set_tag(uma, "@uma/x", "next", "1.0.0")
    for hours in (1, 6, 12, 24, 47):
        time_machine.move_to(start + timedelta(hours=hours), tick=False)
        due_now()
        send()
    assert Webhook.objects.get().paused_at is None
    time_machine.move_to(start + timedelta(hours=49), tick=False)
    due_now()
    send()
    assert Webhook.objects.get().paused_at is not None
    (mail,) = DBTaskResult.objects.filter(
        task_path__endswith="notices.send", args_kwargs__kwargs__kind__startswith="Web"
    )
    said = mail.args_kwargs["kwargs"]
    assert said["to"] == ["uma@example.com"]
    assert "paused" in said["subject"]
    assert "answered 503" in " ".join(said["paragraphs"])
    assert said["link"][1].endswith(f"/settings/webhooks/{Webhook.objects.get().key}")


def test_a_shaky_hour_pauses_nothing(uma, publish, receiver):
    publish(uma, "@uma/x", "1.0.0")
    receiver.status = 503
    hook(uma, "@uma/x", receiver.url)
    for n in range(sending.PAUSE_AFTER + 2):
        releases.set_tag(uma, "@uma/x", f"t{n}", "1.0.0")
        send()
    assert Webhook.objects.get().paused_at is None


def test_messages_of_a_month_ago_are_forgotten(uma, publish):
    publish(uma, "@uma/x", "1.0.0")
    made = hook(uma, "@uma/x")
    for tag in ("a", "b", "c"):
        releases.set_tag(uma, "@uma/x", tag, "1.0.0")
    long_ago = timezone.now() - timedelta(days=31)
    first, second, _ = made.deliveries.order_by("pk").values_list("pk", flat=True)
    WebhookDelivery.objects.filter(pk__in=(first, second)).update(created_at=long_ago)
    WebhookDelivery.objects.filter(pk=first).update(next_attempt_at=None)
    assert webhooks.forget_old() == 1
    assert made.deliveries.count() == 2


# --- the log -----------------------------------------------------------------------------------------------------


def test_what_was_answered_is_kept_in_part_and_without_secrets(uma, publish, receiver, outer):
    publish(uma, "@uma/x", "1.0.0")
    made = hook(uma, "@uma/x", receiver.url)
    token = "npm_" + "a" * 36
    receiver.says = f"no: {SECRET} {token} \0<b>".encode() + b"\xff" * 5000
    receiver.status = 500
    releases.set_tag(uma, "@uma/x", "next", "1.0.0")
    send()
    due_now()
    send()
    row = made.deliveries.get()
    assert row.answer.startswith(f"no: {logs.LEFT_OUT} npm_{logs.LEFT_OUT} <b>")
    assert len(row.answer) <= sending.MAX_ANSWER
    assert [each["said"] for each in row.tries] == ["answered 500", "answered 500"]
    assert all(each["ms"] >= 0 for each in row.tries)


def test_what_an_inner_address_says_is_not_kept(uma, publish, receiver):
    publish(uma, "@uma/x", "1.0.0")
    made = hook(uma, "@uma/x", receiver.url)
    receiver.says = b"the inner secret"
    webhooks.say_hello(uma, str(made.key))
    send()
    row = made.deliveries.get()
    assert (row.answer, row.response_code, len(row.tries)) == ("", 200, 1)


def test_the_page_of_a_message(client, uma, dave, publish, receiver, outer):
    publish(uma, "@uma/x", "1.0.0", description="<script>")
    made = hook(uma, "@uma/x", receiver.url)
    releases.set_tag(uma, "@uma/x", "next", "1.0.0")
    row = made.deliveries.get()
    address = f"/settings/webhooks/{made.key}/messages/{row.pk}"
    client.force_login(uma.user, backend=BACKEND)
    assert "not sent yet" in client.get(address).content.decode()
    receiver.says = b"<i>fine</i>"
    send()
    page = client.get(address).content.decode()
    for words in ("Answered 200", "&lt;i&gt;fine", str(row.key), "x-npm-event: package:dist-tag", "&lt;script&gt;"):
        assert words in page
    assert "signature: " not in page
    assert "signature-256" not in page
    assert SECRET not in page
    for wrong in (f"/settings/webhooks/{made.key}/messages/0", address.replace(str(made.key), str(row.key))):
        assert client.get(wrong).status_code == 404
    client.force_login(dave.user, backend=BACKEND)
    assert client.get(address).status_code == 404
    with pytest.raises(NotFound):
        keeping.delivery(uma, made, row.pk + 1)


def test_the_list_has_pages_and_a_new_secret_is_shown_once(client, uma, publish, django_assert_max_num_queries):
    publish(uma, "@uma/x", "1.0.0")
    made = hook(uma, "@uma/x")
    for n in range(25):
        releases.set_tag(uma, "@uma/x", f"t{n}", "1.0.0")
    client.force_login(uma.user, backend=BACKEND)
    place = f"/settings/webhooks/{made.key}"
    client.get(place)
    with django_assert_max_num_queries(12):
        first = client.get(place).content.decode()
    assert (first.count("package:dist-tag</a>"), "Page 1 of 2" in first) == (20, True)
    assert client.get(f"{place}?page=2").content.decode().count("package:dist-tag</a>") == 5
    shown = client.post(f"{place}/do", {"do": "rotate"}).content.decode()
    new = sealing.unseal(signing.PURPOSE, Webhook.objects.get().secret)
    assert new in shown
    assert new not in client.get(place).content.decode()
