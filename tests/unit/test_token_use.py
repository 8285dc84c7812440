"""Which token used which package last: written later, and only told to those it concerns."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import tokens
from accounts.models import Token
from packages import sharing, token_use
from packages.models import TokenUse
from tests.tools import payloads

NAME = "@uma/x"


@pytest.fixture(autouse=True)
def nothing_waits():
    token_use.forget()
    yield
    token_use.forget()


@pytest.fixture
def package(publish, uma, hugo):
    package = publish(uma, NAME).package
    sharing.grant_person(uma, NAME, "hugo", "write")
    return package


def uses() -> set[tuple[str, str, str]]:
    return set(TokenUse.objects.values_list("token__user__username", "what", "client"))


def test_downloads_and_publishes_are_noted_once_each(npm, package, uma, hugo, django_assert_num_queries):
    token, secret = tokens.issue(hugo, hugo.user, kind=Token.Kind.LOGIN)
    caller = npm.as_(secret)
    for agent in ("npm/11", "npm/12"):
        assert caller.get(f"{NAME}/-/x-1.0.0.tgz", user_agent=agent).status_code == 200
    assert caller.head(f"{NAME}/-/x-1.0.0.tgz").status_code == 200
    assert caller.get(NAME).status_code == 200
    assert uses() == set()  # no download waits for it
    assert caller.put("@uma%2fx", payloads.publish_body(NAME, "1.0.1"), user_agent="npm/12").status_code == 201
    token_use.write()
    assert uses() == {("hugo", "download", "npm/12"), ("hugo", "publish", "npm/12")}
    caller.get(f"{NAME}/-/x-1.0.0.tgz", user_agent="pnpm/12")
    token_use.write()
    assert uses() == {("hugo", "download", "pnpm/12"), ("hugo", "publish", "npm/12")}
    assert {use.what for use in token_use.of_package(package)} == {"download", "publish"}
    assert token_use.of_token(token).package == package


def test_refused_and_anonymous_requests_leave_no_trace(npm, package, dave, uma):
    sharing.set_access(uma, NAME, "public")
    npm.get(f"{NAME}/-/x-1.0.0.tgz")
    sharing.set_access(uma, NAME, "restricted")
    npm.as_(tokens.issue(dave, dave.user, kind=Token.Kind.LOGIN)[1]).get(f"{NAME}/-/x-1.0.0.tgz")
    token_use.write()
    assert uses() == set()


def test_old_ones_ended_ones_and_lost_packages_are_not_told(package, uma, hugo, monkeypatch):
    token, _ = tokens.issue(hugo, hugo.user, kind=Token.Kind.LOGIN)
    use = TokenUse.objects.create(token=token, package=package, what="download", at=timezone.now() - timedelta(days=20))
    assert [each.pk for each in token_use.of_package(package)] == [use.pk]
    assert token_use.of_package(package, days=10) == []
    sharing.revoke_person(uma, NAME, "hugo")
    assert token_use.of_token(token) is None  # it is hidden from its person now
    tokens.revoke(hugo, hugo.user, str(token.key))
    assert token_use.of_package(package) == []


def test_what_is_gone_meanwhile_is_left_out(npm, package, hugo):
    token, secret = tokens.issue(hugo, hugo.user, kind=Token.Kind.LOGIN)
    npm.as_(secret).get(f"{NAME}/-/x-1.0.0.tgz")
    Token.objects.filter(pk=token.pk).delete()
    token_use.write()
    assert uses() == set()
