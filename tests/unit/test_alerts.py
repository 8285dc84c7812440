"""Alerts about upstream: told once, closed by operators; and names of ours that appear there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.urls import reverse
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts.actor import operator
from accounts.models import AuditEvent, User
from packages import records, releases
from packages.models import DownloadRecord, Mirror, MirrorAlert, Package
from packages.packuments import revision_of
from packages.upstream import alerts, namesakes
from registry_site import timetable
from registry_site.errors import Conflict, NotAllowed
from tests.tools.sessions import sign_in

pytestmark = pytest.mark.django_db
HTML = {"accept": "text/html"}
Kind = MirrorAlert.Kind


@pytest.fixture(autouse=True)
def post(settings):
    settings.EMAIL_URL = "memorymail://"


def mails() -> list[dict]:
    return [row.args_kwargs["kwargs"] for row in DBTaskResult.objects.all() if "notices" in row.task_path]


def test_an_alert_is_told_once_until_it_is_closed(olga, uma):
    first = alerts.alert(Kind.REMOVED, "left-pad", "1.3.0", "upstream removed left-pad@1.3.0")
    assert first.text == "upstream removed left-pad@1.3.0. Nobody downloaded it here in the last 90 days."
    assert alerts.alert(Kind.REMOVED, "left-pad", "1.3.0", "again") is None
    assert alerts.alert(Kind.REMOVED, "left-pad", "1.2.0", "another") is not None
    assert [each["to"] for each in mails()] == [["olga@example.com"]] * 2
    assert {each["subject"] for each in mails()} == {f"left-pad@1.{n}.0: upstream removed a version" for n in (2, 3)}
    assert mails()[0]["link"][1].endswith("/admin/packages/mirroralert/?closed_at__isempty=1")
    alerts.close(operator(olga.user), first)
    event = AuditEvent.objects.get(action="alert.closed")
    assert (event.actor_name, event.package) == ("olga", "left-pad")
    assert alerts.alert(Kind.REMOVED, "left-pad", "1.3.0", "again") is not None
    with pytest.raises(Conflict):
        alerts.close(operator(olga.user), first)
    with pytest.raises(NotAllowed):
        alerts.close(olga, MirrorAlert.objects.filter(closed_at=None).first())
    assert alerts.still_open().count() == 2


def test_it_says_how_many_have_the_bytes(uma, hugo):
    today = timezone.now().date()
    for n, user in enumerate((uma.user, uma.user, hugo.user)):
        for number in ("1.0.0", "2.0.0"):
            DownloadRecord.objects.create(
                name="bad", number=number, caller=f"token {n}", user=user, credential="npm_aaaa", day=today
            )
    said = "2 people downloaded it here in the last 90 days, with 3 tokens."
    assert said in alerts.alert(Kind.ADVISORY, "bad", "1.0.0", "it steals").text
    assert said in alerts.alert(Kind.GONE, "bad", "", "gone").text
    assert "downloaded" not in alerts.alert(Kind.SHADOWED, "bad", "", "ours now").text
    assert len(alerts.alert(Kind.CHANGED, "bad", "1.0.0", "x" * 600).text) == alerts.MAX_TEXT


def test_what_fails_breaks_nothing_else(monkeypatch, olga):
    def fail(*_):
        raise DatabaseError("away")

    monkeypatch.setattr(records, "counts", fail)
    assert alerts.alert(Kind.GONE, "left-pad") is None
    assert User.objects.count() == 1  # the transaction around it goes on


def test_a_thousand_at_once_are_not_a_thousand_mails(olga):
    for n in range(30):
        alerts.alert(Kind.REMOVED, "left-pad", f"1.0.{n}", "removed")
    assert len(mails()) == alerts.MOST_MAILS
    assert MirrorAlert.objects.count() == 30
    assert any("is not mailed" in " ".join(each["paragraphs"]) for each in mails())


def test_upstream_that_removes_a_version_raises_one(npm, upstream, olga, client):
    for number in ("1.0.0", "2.0.0"):
        upstream.publish("left-pad", number)
    npm.get("left-pad").json()
    assert npm.get("left-pad/-/left-pad-2.0.0.tgz").getvalue()
    records.later.write()
    upstream.remove("left-pad", "2.0.0")
    Mirror.objects.update(checked_at=timezone.now() - timedelta(hours=1))
    npm.get("left-pad")
    found = MirrorAlert.objects.get(kind=Kind.REMOVED)
    assert "1 address without a token downloaded it here" in found.text
    sign_in(client, olga)
    home = client.get("/admin/", headers=HTML).content.decode()
    assert "None waits" not in home
    assert 'href="/admin/recall/left-pad/2.0.0"' in home
    listed = client.get(reverse("admin:packages_mirroralert_changelist"), headers=HTML).content.decode()
    assert 'href="/admin/recall/left-pad/2.0.0"' in listed
    asked = {"action": "close", "_selected_action": [found.pk]}
    assert (
        "Close these alerts?" in client.post(reverse("admin:packages_mirroralert_changelist"), asked).content.decode()
    )
    client.post(reverse("admin:packages_mirroralert_changelist"), asked | {"confirmed": "yes"})
    found.refresh_from_db()
    assert (found.closed_at is not None, found.closed_by) == (True, "olga")
    assert "None waits" in client.get("/admin/", headers=HTML).content.decode()


# --- names of ours ------------------------------------------------------------------------------------------------


@pytest.fixture
def ours(publish, uma):
    for name in ("loose", "hidden-one", "@uma/x"):
        publish(uma, name)
    gone = publish(uma, "gone-one").package
    releases.unpublish(uma, "gone-one", revision_of(gone))


def asked(upstream) -> set[str]:
    return {each.path for each in upstream.requests}


def test_the_owners_of_a_name_that_appeared_are_warned_once(ours, upstream, olga, uma, client, dave):
    assert namesakes.look() == 0
    assert asked(upstream) == {"/loose", "/hidden-one", "/gone-one"}
    for name in ("loose", "gone-one"):
        upstream.publish(name, "9.9.9")
    assert timetable.run("look whether names of ours appeared upstream")
    assert set(MirrorAlert.objects.values_list("kind", "name")) == {
        (Kind.APPEARED, "loose"),
        (Kind.APPEARED, "gone-one"),
    }
    assert sorted(each["to"] for each in mails() if "too" in each["subject"]) == [["uma@example.com"]] * 2
    count = len(mails())
    assert namesakes.look() == 0
    assert len(mails()) == count
    sign_in(client, uma)
    for page in ("settings", "activity"):
        assert "This name appeared upstream" in client.get(f"/package/loose/{page}", headers=HTML).content.decode()
    assert "appeared upstream" not in client.get("/package/hidden-one/settings", headers=HTML).content.decode()
    sign_in(client, dave)
    assert "appeared upstream" not in client.get("/package/loose/activity", headers=HTML).content.decode()
    assert not Mirror.objects.exists()
    assert not Package.objects.filter(mirrored=True).exists()


def test_one_that_is_gone_again_closes_itself_and_one_that_an_operator_closed_stays_closed(ours, upstream, olga, uma):
    upstream.publish("loose", "9.9.9")
    assert namesakes.look() == 1
    upstream.remove("loose")
    assert namesakes.look() == 0
    assert not alerts.still_open().exists()
    upstream.publish("loose", "9.9.9")
    assert namesakes.look() == 1
    alerts.close(operator(olga.user), alerts.still_open().get())
    assert namesakes.look() == 0
    assert not alerts.still_open().exists()


def test_what_is_reserved_or_in_a_scope_is_never_asked(ours, upstream, settings):
    settings.RESERVED_NAMES = ["hidden-*"]
    namesakes.look()
    assert asked(upstream) == {"/loose", "/gone-one"}
    assert not upstream.heard("hidden")
    assert not upstream.heard("uma")


def test_upstream_that_is_away_is_left_alone(ours, upstream, settings):
    upstream.fault("*", status=500)
    assert namesakes.look() == 0
    assert len(upstream.requests) == namesakes.MOST_FAILURES
    settings.UPSTREAM_OFFLINE = True
    assert namesakes.look() == 0
    assert len(upstream.requests) == namesakes.MOST_FAILURES
    settings.UPSTREAM_URL = ""
    assert namesakes.look() == 0
    assert not MirrorAlert.objects.exists()
