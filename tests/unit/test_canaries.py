"""No secret is anywhere but in its place: planted in everything a client or an operator can send, then looked for."""

from __future__ import annotations

import json
import logging

import pytest
from django.core.cache import cache
from django.urls import reverse

from accounts import refusals
from accounts.models import AuditEvent, RefusedRequest, Token
from packages.models import Issuer, Version, Webhook
from registry_site import logs, metrics
from registry_site.later import Later
from tests.conftest import PASSWORD, login_token
from tests.tools import canaries, log_lines, payloads
from tests.tools.sessions import sign_in, turn_on_two_factor

pytestmark = pytest.mark.django_db

SECOND, WRONG = "canary-second-password", "canary-wrong-password"
OTP, HOOK, REPORT, UPSTREAM = "canary-otp-123456", "canary-of-a-webhook", "canary-of-reports", "canary-of-upstream"
METRICS, JWT = "canary-of-metrics", "eyJhbGciOiJub25lIn0.eyJjYW5hcnkiOiJvaWRjIn0.Y2FuYXJ5LW9mLW9pZGM"
PLANTED = [PASSWORD, SECOND, WRONG, OTP, HOOK, REPORT, UPSTREAM, METRICS, JWT]
ACCOUNT = "-/user/org.couchdb.user:uma"


@pytest.fixture
def log(settings):
    """All that is logged, also what is said only when everything is asked for."""
    settings.ACCESS_LOG, settings.METRICS_TOKEN, settings.REPORT_SECRET = True, METRICS, REPORT
    settings.UPSTREAM_TOKEN = UPSTREAM
    logs._own_secrets.cache_clear()
    logging.getLogger("registry.access").setLevel(logging.INFO)
    with log_lines.kept(logging.DEBUG) as kept:
        yield kept
    logging.getLogger("registry.access").setLevel(logging.CRITICAL)
    logs._own_secrets.cache_clear()
    refusals.forget()


def look(log: log_lines.Kept, secrets: list[str], responses: list) -> None:
    """Fails when a secret is in the log, an answer, a metric or the database."""
    for waiting in Later.every:
        waiting.write()
    assert log.json, "nothing was logged, so nothing was tried"
    assert canaries.found_in(json.dumps(log.json) + "\n".join(log.text), secrets) == []
    assert list(canaries.answers(responses, secrets)) == []
    assert canaries.found_in(metrics.exposition([])[0].decode(), secrets) == []
    assert canaries.in_database(secrets) == []


def test_passwords(client, npm, uma, log):
    body = {"_id": "org.couchdb.user:uma", "name": "uma", "type": "user"}
    good = npm.put(ACCOUNT, body | {"password": PASSWORD})
    assert good.status_code == 201
    responses = [
        npm.put(ACCOUNT, body | {"password": WRONG}),
        npm.put(f"-/user/org.couchdb.user:{WRONG}", body | {"name": WRONG, "password": WRONG}),
        npm.put(ACCOUNT, {"password": [WRONG]}),
        npm.get("-/whoami", authorization="Basic dW1hOmNhbmFyeS13cm9uZy1wYXNzd29yZA=="),
        npm.as_(good.json()["token"]).post("-/npm/v1/user", {"password": {"old": WRONG, "new": SECOND}}),
        npm.as_(good.json()["token"]).post("-/npm/v1/user", {"password": {"old": PASSWORD, "new": SECOND}}),
        client.post("/login", {"login": "uma", "password": WRONG}),
        client.post("/login", {"login": WRONG, "password": SECOND}),
    ]
    sign_in(client, uma)
    responses += [
        client.post(
            reverse("account_change_password"), {"oldpassword": WRONG, "password1": SECOND, "password2": SECOND}
        ),
        client.post(reverse("account_reauthenticate"), {"password": WRONG}),
    ]
    assert 401 in {each.status_code for each in responses}
    secrets = [*PLANTED, good.json()["token"], "dW1hOmNhbmFyeS13cm9uZy1wYXNzd29yZA=="]
    # Who types a password where the name belongs sees it again in the form, and nobody else does.
    echoed = [each for each in responses if each.status_code == 200 and b'name="login"' in each.content]
    look(log, secrets, [each for each in responses if each not in echoed])


def test_tokens(npm, uma, publish, log):
    publish(uma, "@uma/x")
    made = npm.as_(login_token(uma)).post(
        "-/npm/v1/tokens", {"name": "ci", "password": PASSWORD, "packages_and_scopes_permission": "read-write"}
    )
    assert made.status_code in (200, 201), made.content
    good, wrong = made.json()["token"], canaries.token()
    known = npm.as_(good)
    body = payloads.publish_body("@uma/y", "1.0.0")
    responses = [
        known.put("@uma%2fy", body, npm_otp=OTP),
        known.put("@uma%2fy", body, npm_otp=OTP),
        known.get("@uma/x", npm_otp=OTP),
        known.get(f"{wrong}"),
        known.get(f"@uma/{wrong}"),
        known.get(f"@uma/x/{wrong}"),
        known.get(f"@uma/x?token={wrong}&access_token={wrong}"),
        known.get(f"-/v1/search?text={wrong}"),
        known.get(f"-/package/{wrong}/dist-tags"),
        known.delete(f"-/npm/v1/tokens/token/{wrong}"),
        known.delete(f"-/user/token/{wrong}"),
        npm.as_(wrong).get("@uma/x"),
        npm.as_(wrong).put("@uma%2fx", body),
        npm.get("@uma/x", authorization=f"Basic {wrong}"),
        npm.client.get(f"/package/{wrong}", headers={"accept": "text/html"}),
        npm.client.get(f"/{wrong}", headers={"accept": "text/html"}),
        npm.client.get(f"/~{wrong}", headers={"accept": "text/html"}),
        known.delete(f"-/user/token/{good}"),
        known.get("@uma/x"),
    ]
    assert Version.objects.filter(package__name="@uma/y").exists()
    assert Token.objects.exclude(revoked_at=None).exists()
    pages = [each for each in responses if each.headers["Content-Type"].startswith("text/html")]
    look(log, [*PLANTED, good, wrong], [each for each in responses if each not in pages])
    assert RefusedRequest.objects.exists()


def test_one_time_passwords(npm, uma, log):
    codes = turn_on_two_factor(uma)
    known = npm.as_(login_token(uma))
    responses = [
        known.put("@uma%2fy", payloads.publish_body("@uma/y", "1.0.0"), npm_otp=OTP),
        known.put("@uma%2fy", payloads.publish_body("@uma/y", "1.0.0"), npm_otp=codes[0]),
        known.post("-/npm/v1/user", {"tfa": {"mode": "disable", "password": WRONG}}, npm_otp=OTP),
        npm.put(ACCOUNT, {"name": "uma", "password": PASSWORD, "type": "user"}, npm_otp=OTP),
    ]
    assert {each.status_code for each in responses} <= {200, 201, 401, 403, 422, 429}
    look(log, [*PLANTED, codes[0], codes[1]], responses)


def test_webhooks_exchanges_reports_and_upstream(npm, uma, publish, upstream, log):
    publish(uma, "@uma/x")
    Issuer.objects.create(name="github", title="GitHub Actions", url="https://issuer.example", claims="github")
    cache.clear()
    known = npm.as_(login_token(uma))
    hook = {"type": "package", "name": "@uma/x", "endpoint": "https://hooks.example/a", "secret": HOOK}
    upstream.publish("left-pad")
    upstream.fault("/broken", status=500)
    exchange = "-/npm/v1/oidc/token/exchange/package/@uma%2fx"
    responses = [
        known.post("-/npm/v1/hooks/hook", hook),
        known.get("-/npm/v1/hooks"),
        known.post("-/npm/v1/hooks/hook", hook | {"endpoint": "nonsense"}),
        npm.as_(JWT).post(exchange),
        npm.post(exchange, {"id_token": JWT}),
        npm.post("-/leaked-tokens", [{"token": canaries.token(), "type": "npm"}], authorization=f"Bearer {REPORT}"),
        npm.get("left-pad"),
        npm.get("broken"),
        npm.get("not-there-either"),
        npm.client.get("/metrics", headers={"authorization": f"Bearer {METRICS}x"}),
        npm.client.get("/metrics", headers={"authorization": f"Bearer {METRICS}"}),
    ]
    assert Webhook.objects.exists()
    assert AuditEvent.objects.filter(action="webhook.added").exists()
    assert UPSTREAM in str([each.headers for each in upstream.requests]), "it went where it belongs"
    look(log, PLANTED, responses)


def test_an_error_inside(npm, uma, log, monkeypatch):
    def breaks(*args, **kwargs):
        raise RuntimeError(f"Authorization: Bearer {login}, password={WRONG}, upstream said {UPSTREAM}")

    login = login_token(uma)
    monkeypatch.setattr("packages.protocol.find.discovery.everything", breaks, raising=False)
    monkeypatch.setattr("packages.access.find", breaks)
    monkeypatch.setattr("packages.upstream.mirroring.find", breaks)
    npm.client.raise_request_exception = False
    answer = npm.as_(login).get("-/package/@uma%2fx/visibility", cookie=f"sessionid={WRONG}", npm_otp=OTP)
    assert answer.status_code == 500
    assert log.of("django.request")[-1]["request_id"] == answer.json()["request_id"]
    look(log, [*PLANTED, login], [answer])
