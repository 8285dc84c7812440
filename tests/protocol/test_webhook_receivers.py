"""The receivers of docs/webhooks.md take what is genuine, once, and refuse the rest."""

from __future__ import annotations

import json

import pytest
import urllib3

from packages import releases, webhooks
from packages.models import Webhook, WebhookDelivery
from packages.webhooks import keeping, sending, signing
from tests.tools import receivers

OWN = "a secret of one's own"


@pytest.mark.parametrize("language", ["python", "js"])
@pytest.mark.parametrize("secret", [OWN, ""], ids=["own", "made here"])
def test_a_receiver_of_the_documentation(uma, publish, settings, language, secret):
    settings.EGRESS_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    publish(uma, "@uma/x", "1.0.0", access="public")
    made = webhooks.add(uma, *keeping.parse("@uma/x"), "https://hooks.example/", OWN)
    secret = secret or webhooks.rotate(uma, str(made.key))
    with receivers.documented(language, secret) as receiver:
        Webhook.objects.update(endpoint=receiver.url)
        releases.set_tag(uma, "@uma/x", "next", "1.0.0")
        sending.send_due.func()
        row = WebhookDelivery.objects.get()
        assert (row.failure, row.response_code) == ("", 204)
        event, name, change = receiver.line(0).split(" ", 2)
        assert (event, name) == ("package:dist-tag", "@uma/x")
        assert "next" in change

        post = urllib3.PoolManager().request
        headers = signing.headers(row.webhook, row)
        forged = {
            "another text": (headers, row.payload.replace("next", "nexT")),
            "another id": (headers | {"webhook-id": "1"}, row.payload),
            "an old time": (headers | {"webhook-timestamp": "1600000000"}, row.payload),
            "no time": ({"webhook-signature": headers["webhook-signature"]}, row.payload),
            "no signature": ({**headers, "webhook-signature": ""}, row.payload),
            "another secret": (headers | {"webhook-signature": signing.standard("x", row.message_id, "1", "")}, "{}"),
        }
        for what, (sent, body) in forged.items():
            assert post("POST", receiver.url, body=body.encode(), headers=sent).status == 401, what
        assert post("POST", receiver.url, body=row.payload.encode(), headers=headers).status == 204  # once more
        releases.set_tag(uma, "@uma/x", "last", "1.0.0")
        sending.send_due.func()
        assert json.loads(WebhookDelivery.objects.latest("pk").payload)["change"]["dist-tag"] == "last"
        assert "last" in receiver.line(1)
