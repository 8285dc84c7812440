"""Webhooks: who is told what, when, and where to; nothing of what the person may not see."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.db import transaction
from django.utils import timezone

from accounts import sealing, tokens
from accounts.models import AuditEvent, Token
from packages import releases, sharing, stars, webhooks
from packages.models import Webhook, WebhookDelivery
from packages.webhooks import keeping, messages, sending, signing
from registry_site.errors import Conflict, Invalid, NotAllowed, NotFound, SignInRequired
from tests.conftest import login_token

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
URL, SECRET = "https://hooks.example/path?key=1", "s3cret words"


@pytest.fixture
def shelf(publish, uma):
    publish(uma, "@uma/open", access="public")
    publish(uma, "@uma/closed")


@pytest.fixture
def receiver(settings):
    """A server on loopback; `got` is what it was sent, `status` what it answers."""
    settings.EGRESS_ALLOWED_NETWORKS = ["127.0.0.0/8"]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.server.got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(self.server.status)
            if self.server.status == 302:
                self.send_header("Location", f"http://127.0.0.1:{self.server.server_address[1]}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.status = [], 200
    server.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def hook(actor, subject: str, endpoint: str = URL) -> Webhook:
    return webhooks.add(actor, *keeping.parse(subject), endpoint, SECRET)


def told(*hooks: Webhook) -> list[tuple[str, str]]:
    rows = WebhookDelivery.objects.order_by("pk")
    return [(each.event, each.package) for each in (rows.filter(webhook__in=hooks) if hooks else rows)]


def send() -> None:
    """What the worker does."""
    sending.send_due.func()


def due_now() -> None:
    WebhookDelivery.objects.exclude(next_attempt_at=None).update(next_attempt_at=timezone.now())


# --- who may have one --------------------------------------------------------------------------------------------


def test_a_hook_is_kept_with_its_secret_sealed(shelf, uma):
    made = hook(uma, "@uma/open")
    kept = Webhook.objects.get()
    assert made.pk == kept.pk
    assert SECRET not in kept.secret
    assert sealing.unseal(signing.PURPOSE, kept.secret) == SECRET
    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.actor_name, event.facts["host"]) == ("webhook.added", "uma", "hooks.example")
    assert "key=1" not in json.dumps(event.facts)
    assert SECRET not in json.dumps(event.facts)


@pytest.mark.parametrize(
    "limits", [{"permission": "read-write"}, {"permission": "read-only"}, {"packages": ["@uma/open"]}]
)
def test_d4_a_token_for_ci_sees_and_changes_no_webhooks(npm, shelf, uma, limits):
    made = hook(uma, "@uma/open")
    key = made.key
    its = npm.as_(tokens.issue(uma, uma.user, kind=Token.Kind.GRANULAR, **limits)[1])
    before = list(Webhook.objects.values()), AuditEvent.objects.count()
    body = {"type": "package", "name": "@uma/open", "endpoint": URL, "secret": SECRET}
    answers = [
        its.get("-/npm/v1/hooks"),
        its.get(f"-/npm/v1/hooks/hook/{key}"),
        its.post("-/npm/v1/hooks/hook", body),
        its.put(f"-/npm/v1/hooks/hook/{key}", {"endpoint": "https://evil.example/", "secret": "x"}),
        its.delete(f"-/npm/v1/hooks/hook/{key}"),
    ]
    assert [answer.status_code for answer in answers] == [403] * 5
    assert (list(Webhook.objects.values()), AuditEvent.objects.count()) == before


def test_nobody_has_none(npm, shelf):
    from accounts.actor import NOBODY

    with pytest.raises(SignInRequired):
        hook(NOBODY, "@uma/open")
    assert npm.get("-/npm/v1/hooks").status_code == 401


def test_c25_somebody_elses_hook_does_not_exist(npm, client, shelf, uma, dave):
    made = hook(uma, "@uma/open")
    his = npm.as_(login_token(dave))
    assert his.get("-/npm/v1/hooks").json() == {"objects": []}
    for key in (made.key, "11111111-1111-1111-1111-111111111111", "7", "x"):
        assert his.get(f"-/npm/v1/hooks/hook/{key}").status_code == 404
        assert his.delete(f"-/npm/v1/hooks/hook/{key}").status_code == 404
        assert his.put(f"-/npm/v1/hooks/hook/{key}", {"endpoint": URL, "secret": "x"}).status_code == 404
    client.force_login(dave.user, backend=BACKEND)
    assert client.get(f"/settings/webhooks/{made.key}").status_code == 404
    for do in ("pause", "remove", "test", "redeliver"):
        assert client.post(f"/settings/webhooks/{made.key}/do", {"do": do}).status_code == 404
    assert Webhook.objects.get().paused_at is None
    assert not WebhookDelivery.objects.exists()


@pytest.mark.parametrize("subject", ["@uma/closed", "@uma/nothing", "@nobody-has-this", "~nobody-has-this", "A B"])
def test_what_one_may_not_see_is_no_subject(shelf, dave, subject):
    with pytest.raises(NotFound):
        hook(dave, subject)
    assert not Webhook.objects.exists()


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "ftp://a.example/",
        "javascript:alert(1)",
        "https://",
        "https://user:pw@a.example/",
        "https://a b/",
        "a.example",
    ]
    + ["https://a.example/" + "x" * 500],
)
def test_f2_an_address_that_is_none_is_refused(npm, shelf, uma, endpoint):
    with pytest.raises(Invalid):
        hook(uma, "@uma/open", endpoint)
    body = {"type": "package", "name": "@uma/open", "endpoint": endpoint, "secret": SECRET}
    assert npm.as_(login_token(uma)).post("-/npm/v1/hooks/hook", body).status_code == 422
    assert not Webhook.objects.exists()


@pytest.mark.parametrize(
    "more", [{"secret": ""}, {"secret": "x" * 300}, {"secret": 7}, {"type": "planet"}, {"name": 7}]
)
def test_odd_bodies_are_refused(npm, shelf, uma, more):
    body = {"type": "package", "name": "@uma/open", "endpoint": URL, "secret": SECRET} | more
    assert npm.as_(login_token(uma)).post("-/npm/v1/hooks/hook", body).status_code in (400, 422)
    assert not Webhook.objects.exists()


def test_a_person_has_a_hundred_at_most(shelf, uma, monkeypatch):
    monkeypatch.setattr(keeping, "MOST", 2)
    hook(uma, "@uma/open")
    hook(uma, "@uma")
    with pytest.raises(Invalid):
        hook(uma, "~uma")
    assert Webhook.objects.count() == 2


# --- what is told to whom ----------------------------------------------------------------------------------------


def test_every_change_is_told_under_npms_name(publish, shelf, uma, hugo):
    hook(uma, "@uma/open")
    publish(uma, "@uma/open", "1.1.0")
    releases.set_tag(uma, "@uma/open", "old", "1.0.0")
    releases.remove_tag(uma, "@uma/open", "old")
    releases.deprecate(uma, "@uma/open", {"1.0.0": "use 1.1"})
    releases.deprecate(uma, "@uma/open", {"1.0.0": ""})
    sharing.grant_person(uma, "@uma/open", "hugo", "read-write")
    sharing.revoke_person(uma, "@uma/open", "hugo")
    stars.set_star(hugo, "@uma/open", True)
    stars.set_star(hugo, "@uma/open", False)
    sharing.set_access(uma, "@uma/open", "restricted")
    assert [event.removeprefix("package:") for event, _ in told()] == (
        "publish dist-tag dist-tag-rm deprecated undeprecated owner owner-rm star unstar change".split()
    )
    changes = [json.loads(each.payload)["change"] for each in WebhookDelivery.objects.order_by("pk")]
    assert changes[0] == {"version": "1.1.0"}
    assert changes[3] == {"versions": ["1.0.0"], "message": "use 1.1"}
    assert changes[5:9] == [{"user": "hugo"}] * 4
    assert changes[9] == {"access": "restricted"}
    first = json.loads(WebhookDelivery.objects.order_by("pk").first().payload)
    assert set(first) == {
        "event", "name", "type", "version", "hookOwner", "payload", "change", "time", "id", "schema",
    }  # fmt: skip
    assert first["payload"]["dist-tags"] == {"latest": "1.1.0"}


def test_who_only_reads_is_not_named(shelf, uma, gina, dave):
    his = hook(dave, "@uma/open")
    sharing.grant_person(uma, "@uma/open", "gina", "read")
    sharing.revoke_person(uma, "@uma/open", "gina")
    assert told(his) == [("package:change", "@uma/open")] * 2
    assert not [each for each in WebhookDelivery.objects.all() if "gina" in each.payload]


def test_hooks_of_scopes_and_people_hear_of_theirs(publish, acme, alice, bob, uma, hugo, shelf):
    scope, org, person, other = hook(uma, "@uma"), hook(alice, "@acme"), hook(hugo, "~hugo"), hook(uma, "~bob")
    publish(bob, "@acme/x", access="public")
    publish(hugo, "loose")
    publish(uma, "@uma/open", "2.0.0")
    sharing.grant_person(uma, "@uma/open", "hugo", "read-write")
    publish(uma, "@uma/open", "3.0.0")
    assert told(scope) == [
        ("package:publish", "@uma/open"), ("package:owner", "@uma/open"), ("package:publish", "@uma/open"),
    ]  # fmt: skip
    assert told(org) == [("package:publish", "@acme/x")]
    assert told(person) == [
        ("package:publish", "loose"), ("package:owner", "@uma/open"), ("package:publish", "@uma/open"),
    ]  # fmt: skip
    assert told(other) == []  # that bob is behind a package of an org is not shown, so it is not told


def test_c9_a_stranger_with_a_hook_on_the_scope_is_told_nothing_private(publish, shelf, uma, dave):
    his = hook(dave, "@uma")
    publish(uma, "@uma/closed", "1.1.0")
    publish(uma, "@uma/hidden-too")
    publish(uma, "@uma/open", "1.1.0")
    assert told(his) == [("package:publish", "@uma/open")]


def test_a_change_that_fails_tells_nothing(shelf, uma):
    hook(uma, "@uma/open")
    with pytest.raises(NotFound):
        releases.set_tag(uma, "@uma/open", "next", "9.9.9")
    with transaction.atomic():
        releases.set_tag(uma, "@uma/open", "next", "1.0.0")
        assert told() == [("package:dist-tag", "@uma/open")]
        transaction.set_rollback(True)
    releases.set_tag(uma, "@uma/open", "latest", "1.0.0")  # what it is already
    assert told() == []


def test_where_nobody_listens_a_change_costs_one_query_more(publish, shelf, uma, django_assert_max_num_queries):
    from packages.models import Package

    package = Package.objects.select_related("scope").get(name="@uma/open")
    with django_assert_max_num_queries(1):
        messages.announce(package, uma, "tag.set", tag="x", version="1.0.0")


# --- sending -----------------------------------------------------------------------------------------------------


def test_a_message_is_signed_and_sent_once(publish, shelf, uma, receiver):
    hook(uma, "@uma/open", receiver.url)
    publish(uma, "@uma/open", "1.1.0")
    send()
    send()
    ((headers, body),) = receiver.got
    assert headers["x-npm-signature"] == signing.signature(SECRET, body.decode())
    assert json.loads(body)["event"] == "package:publish"
    row = WebhookDelivery.objects.get()
    assert (row.response_code, row.attempts, row.next_attempt_at, row.failure) == (200, 1, None, "")
    assert row.delivered_at is not None


def test_a_failure_is_tried_again_later_each_time_and_given_up(publish, shelf, uma, receiver, time_machine):
    receiver.status = 500
    hook(uma, "@uma/open", receiver.url)
    publish(uma, "@uma/open", "1.1.0")
    start = timezone.now().replace(microsecond=0) + timedelta(seconds=5)
    waits = []
    for _ in range(10):
        time_machine.move_to(start, tick=False)
        send()
        row = WebhookDelivery.objects.get()
        if row.next_attempt_at is None:
            break
        waits.append(row.next_attempt_at - start)
        time_machine.move_to(row.next_attempt_at - timedelta(seconds=1), tick=False)
        before = len(receiver.got)
        send()
        assert len(receiver.got) == before
        start = row.next_attempt_at
    assert waits == sending.WAITS
    assert len(receiver.got) == row.attempts == len(sending.WAITS) + 1
    assert (row.failure, row.response_code, row.delivered_at) == ("answered 500", 500, None)


def test_a_worker_that_dies_half_way_loses_nothing(publish, shelf, uma, receiver, monkeypatch):
    hook(uma, "@uma/open", receiver.url)
    publish(uma, "@uma/open", "1.1.0")
    with monkeypatch.context() as patch:
        patch.setattr(sending.egress, "request", lambda *words, **more: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            send()
    assert receiver.got == []
    due_now()
    send()
    assert len(receiver.got) == 1


def test_f2_inner_addresses_and_redirects_get_nothing(publish, shelf, uma, receiver, settings):
    receiver.status = 302
    hook(uma, "@uma/open", receiver.url)
    publish(uma, "@uma/open", "1.1.0")
    send()
    assert len(receiver.got) == 1  # and no second request at the place it names
    assert WebhookDelivery.objects.get().failure == "answered 302"
    settings.EGRESS_ALLOWED_NETWORKS = []
    due_now()
    send()
    assert len(receiver.got) == 1
    assert WebhookDelivery.objects.get().failure == "127.0.0.1 is refused"


def test_c9_a_right_that_ended_since_sends_nothing(publish, shelf, uma, hugo, receiver):
    sharing.grant_person(uma, "@uma/closed", "hugo", "read")
    his = hook(hugo, "@uma/closed", receiver.url)
    publish(uma, "@uma/closed", "1.1.0")
    publish(uma, "@uma/closed", "1.2.0")
    assert len(told(his)) == 2
    sharing.revoke_person(uma, "@uma/closed", "hugo")
    assert not keeping.deliveries(hugo, his).exists()
    send()
    assert receiver.got == []
    assert told(his) == []


def test_a_secret_that_cannot_be_read_any_more_is_said_and_stops_no_other_message(
    publish, shelf, uma, receiver, settings
):
    settings.SECRET_KEY = "an older one"
    hook(uma, "@uma/open", receiver.url)
    settings.SECRET_KEY = "the one of today"
    hook(uma, "@uma", receiver.url)
    publish(uma, "@uma/open", "1.1.0")
    send()
    assert len(receiver.got) == 1
    assert "cannot be read" in WebhookDelivery.objects.order_by("pk")[0].failure


def test_a_suspended_person_is_told_nothing(publish, shelf, uma, dave, receiver):
    hook(dave, "@uma/open", receiver.url)
    publish(uma, "@uma/open", "1.1.0")
    dave.user.is_active = False
    dave.user.save()
    publish(uma, "@uma/open", "1.2.0")
    send()
    assert receiver.got == []


def test_the_end_of_a_package_is_told_to_those_who_could_read_it(shelf, uma, dave, receiver):
    from packages.models import Package
    from packages.packuments import revision_of

    hook(uma, "@uma/closed", receiver.url)
    releases.unpublish(uma, "@uma/closed", revision_of(Package.objects.get(name="@uma/closed")))
    send()
    ((_, body),) = receiver.got
    assert json.loads(body)["event"] == "package:unpublish"


def test_many_failures_in_a_row_pause_it_and_resuming_begins_anew(publish, shelf, uma, receiver, monkeypatch):
    monkeypatch.setattr(sending, "PAUSE_AFTER", 3)
    monkeypatch.setattr(sending, "PATIENCE", timedelta(0))
    receiver.status = 503
    made = hook(uma, "@uma/open", receiver.url)
    for number in ("1.1.0", "1.2.0", "1.3.0"):
        publish(uma, "@uma/open", number)
        send()
    assert Webhook.objects.get().paused_at is not None
    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.credential, event.person) == ("webhook.paused", "worker", "uma")
    publish(uma, "@uma/open", "1.4.0")
    assert len(told()) == 3
    due_now()
    send()
    assert len(receiver.got) == 3
    receiver.status = 200
    webhooks.resume(uma, str(made.key))
    publish(uma, "@uma/open", "1.5.0")
    send()
    assert len(receiver.got) == 4
    assert Webhook.objects.get().paused_at is None


def test_a_success_in_between_counts_anew(publish, shelf, uma, receiver, monkeypatch):
    monkeypatch.setattr(sending, "PAUSE_AFTER", 3)
    monkeypatch.setattr(sending, "PATIENCE", timedelta(0))
    hook(uma, "@uma/open", receiver.url)
    for n, status in enumerate((500, 500, 200, 500, 500)):
        receiver.status = status
        publish(uma, "@uma/open", f"1.{n + 1}.0")
        send()
    assert Webhook.objects.get().paused_at is None


def test_old_messages_are_forgotten(publish, shelf, uma, receiver, monkeypatch):
    monkeypatch.setattr(sending, "KEPT", 2)
    hook(uma, "@uma/open", receiver.url)
    for n in range(4):
        publish(uma, "@uma/open", f"1.{n + 1}.0")
        send()
    assert WebhookDelivery.objects.count() == 2


# --- looking at them, and npm's shapes ---------------------------------------------------------------------------


def test_npms_shapes(npm, publish, shelf, uma, receiver):
    hers = npm.as_(login_token(uma))
    for kind, name, shown in (
        ("package", "@uma/open", "@uma/open"),
        ("scope", "@uma", "@uma"),
        ("owner", "uma", "uma"),
    ):
        body = {"type": kind, "name": name, "endpoint": receiver.url, "secret": SECRET}
        made = hers.post("-/npm/v1/hooks/hook", body)
        assert made.status_code == 201
        assert (made.json()["type"], made.json()["name"], made.json()["username"]) == (kind, shown, "uma")
    listed = hers.get("-/npm/v1/hooks").json()["objects"]
    assert set(listed[0]) == {
        "id", "name", "type", "endpoint", "username", "created", "updated",
        "delivered", "last_delivery", "response_code", "status",
    }  # fmt: skip
    assert [each["type"] for each in listed] == ["owner", "scope", "package"]
    assert [each["type"] for each in hers.get("-/npm/v1/hooks?limit=1&offset=1").json()["objects"]] == ["scope"]
    for asked, kind in (("@uma%2fopen", "package"), ("@uma", "scope"), ("~uma", "owner")):
        found = hers.get(f"-/npm/v1/hooks?package={asked}").json()["objects"]
        assert [each["type"] for each in found] == [kind]
    publish(uma, "@uma/open", "1.1.0")
    send()
    for each in hers.get("-/npm/v1/hooks").json()["objects"]:
        assert (each["delivered"], each["response_code"], each["status"]) == (True, 200, "active")
        assert each["last_delivery"]
    key = listed[0]["id"]
    changed = hers.put(f"-/npm/v1/hooks/hook/{key}", {"endpoint": "https://b.example/", "secret": "new"}).json()
    assert changed["endpoint"] == "https://b.example/"
    assert hers.get(f"-/npm/v1/hooks/hook/{key}").json()["endpoint"] == "https://b.example/"
    assert hers.delete(f"-/npm/v1/hooks/hook/{key}").json()["endpoint"] == "https://b.example/"
    assert hers.delete(f"-/npm/v1/hooks/hook/{key}").status_code == 404
    assert SECRET not in json.dumps(hers.get("-/npm/v1/hooks").json())


def test_the_list_takes_as_many_queries_for_ten_as_for_one(npm, shelf, uma, django_assert_max_num_queries):
    for _ in range(10):
        hook(uma, "@uma/open")
    hers = npm.as_(login_token(uma))
    hers.get("-/npm/v1/hooks")
    with django_assert_max_num_queries(3):
        assert len(hers.get("-/npm/v1/hooks").json()["objects"]) == 10


def test_the_pages(client, publish, shelf, uma, receiver):
    client.force_login(uma.user, backend=BACKEND)
    assert "None yet" in client.get("/settings/webhooks").content.decode()
    sent = {"subject": "@uma/open", "endpoint": receiver.url, "secret": SECRET}
    place = client.post("/settings/webhooks", sent).url
    assert place == f"/settings/webhooks/{Webhook.objects.get().key}"
    assert client.post(f"{place}/do", {"do": "test"}).url == place
    refused = client.post(f"{place}/do", {"do": "test"}, headers={"hx-request": "true"}).content.decode()
    assert "on its way already" in refused
    send()
    assert [json.loads(body)["event"] for _, body in receiver.got] == ["ping"]
    publish(uma, "@uma/open", "1.1.0")
    receiver.status = 500
    send()
    page = client.get(place).content.decode()
    assert "answered 500" in page
    assert "answered 200" in page
    receiver.status = 200
    row = WebhookDelivery.objects.get(event="package:publish")
    client.post(f"{place}/do", {"do": "redeliver", "delivery": row.pk})
    send()
    assert receiver.got[1][1] == receiver.got[2][1]
    fragment = client.post(f"{place}/do", {"do": "pause"}, headers={"hx-request": "true"}).content.decode()
    assert "<html" not in fragment
    assert "Resume" in fragment
    listed = client.get("/settings/webhooks").content.decode()
    assert "Paused" in listed
    assert SECRET not in listed + page
    assert client.post(place, {"endpoint": "https://b.example/", "secret": ""}).url == place
    kept = Webhook.objects.get()
    assert (kept.endpoint, kept.paused_at) == ("https://b.example/", None)
    assert sealing.unseal(signing.PURPOSE, kept.secret) == SECRET
    assert client.post(f"{place}/do", {"do": "remove"}).url == "/settings/webhooks"
    assert not Webhook.objects.exists()
    assert not WebhookDelivery.objects.exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"subject": "@uma/nothing"}, "not in this registry"),
        ({"endpoint": "ftp://x.example"}, "https://"),
        ({"secret": ""}, ""),
    ],
)
def test_a_form_that_is_refused_says_why_and_keeps_nothing(client, shelf, uma, more, words):
    client.force_login(uma.user, backend=BACKEND)
    page = client.post("/settings/webhooks", {"subject": "@uma/open", "endpoint": URL, "secret": SECRET} | more)
    assert page.status_code == 200
    assert words in page.content.decode()
    assert SECRET not in page.content.decode()
    assert not Webhook.objects.exists()


def test_a_message_of_another_hook_is_not_sent_again(client, publish, shelf, uma, dave):
    hook(uma, "@uma/open")
    publish(uma, "@uma/open", "1.1.0")
    row = WebhookDelivery.objects.get()
    his = hook(dave, "@uma/open")
    with pytest.raises(NotFound):
        webhooks.redeliver(dave, str(his.key), row.pk)
    assert WebhookDelivery.objects.count() == 1


def test_a_second_test_message_waits_for_the_first(shelf, uma):
    made = hook(uma, "@uma/open")
    webhooks.say_hello(uma, str(made.key))
    with pytest.raises(Conflict):
        webhooks.say_hello(uma, str(made.key))
    assert told() == [("ping", "")]


def test_a_trusted_publisher_has_none():
    from accounts.actor import Actor

    token = Token(kind=Token.Kind.TRUSTED, packages=["@uma/open"], publisher="CI", prefix="npm_x")
    with pytest.raises(NotAllowed):
        hook(Actor(token=token), "@uma/open")
