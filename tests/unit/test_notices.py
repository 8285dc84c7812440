"""Notices: one mail for each person who wants to hear of it, after the change, plain and HTML."""

from __future__ import annotations

import pytest
from django.core import mail
from django.db import transaction
from django_tasks_db.models import DBTaskResult

from accounts import notices
from accounts.notices import Kind

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def post(settings):
    settings.EMAIL_URL = "memorymail://"


@pytest.fixture
def waiting(django_capture_on_commit_callbacks):
    """Tell somebody, commit, and give what the worker would send."""

    def run(*args, **more):
        with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
            notices.tell(*args, **more)
        return [row.args_kwargs["kwargs"] for row in DBTaskResult.objects.all()]

    return run


def test_everybody_who_wants_it_gets_one_of_their_own(waiting, alice, bob, carol):
    notices.choose(bob.user, [])
    (task,) = waiting(
        [alice.user, bob.user, carol.user], Kind.PUBLISHED, "thing 1.0.0", "It is out.", link=("See", "/x")
    )
    notices.send.func(**task)
    assert [each.to for each in mail.outbox] == [["alice@example.com"], ["carol@example.com"]]
    assert "It is out." in mail.outbox[0].body
    assert "http://localhost:8000/x" in mail.outbox[0].body
    page = mail.outbox[0].alternatives[0][0]
    assert 'href="http://localhost:8000/x"' in page


def test_what_concerns_the_account_always_comes(waiting, alice):
    notices.choose(alice.user, [])
    assert alice.user.muted == sorted(set(Kind.values) - {"security"})
    assert waiting(alice.user, Kind.SECURITY, "New sign-in")[0]["to"] == ["alice@example.com"]


def test_nothing_is_queued_without_a_mail_server(waiting, alice, settings):
    settings.EMAIL_URL = ""
    assert waiting(alice.user, Kind.SECURITY, "New sign-in") == []


def test_names_are_text_in_html(waiting, alice):
    (task,) = waiting(alice.user, Kind.ACCESS, "<b>x</b>\nBcc: y", "<script>")
    notices.send.func(**task)
    assert "<script>" not in mail.outbox[0].alternatives[0][0]
    assert "\n" not in mail.outbox[0].subject


def test_the_page_keeps_the_choice(client, alice):
    client.force_login(alice.user)
    page = client.get("/settings/notifications")
    assert page.content.count(b"checked") == len(Kind) - 1
    client.post("/settings/notifications", {"wanted": ["access"]})
    alice.user.refresh_from_db()
    assert alice.user.muted == sorted(set(Kind.values) - {"access", "security"})
