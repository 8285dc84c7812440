"""Connect: the page without JavaScript, the card for htmx, and the request that it waits for."""

from __future__ import annotations

import time

import pytest

from accounts import recipes, sightings
from accounts.agents import in_words
from accounts.recipes import Wish
from tests.conftest import login_token
from tests.tools.registry_client import RegistryClient
from tests.tools.sessions import sign_in

HTML = {"accept": "text/html"}
HTMX = HTML | {"hx-request": "true"}
NPM = "npm/12.0.1 node/v24.1.0 linux x64 workspaces/false"


@pytest.fixture
def watching():
    """The watch of a serving process, which reads who waits each time."""
    sightings.watch.start()
    sightings.watch._next = 0.0
    yield sightings.watch
    sightings.watch.stop()


def ask(client, watch, path: str = "nothing", *, token: str = "", **headers):
    """One request of a client; the watch looks first."""
    watch._next = 0.0
    caller = RegistryClient(client).as_(token) if token else RegistryClient(client)
    return caller.get(path, user_agent=NPM, **headers)


def arrival(client, since: float):
    return client.get(f"/connect/arrival?since={since}", headers=HTMX)


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (NPM, "npm 12.0.1 on linux"),
        ("npm/10.2.0 node/v20.0.0 darwin arm64 workspaces/false", "npm 10.2.0 on macOS"),
        ("pnpm/12.0.0 npm/? node/? win32 x64", "pnpm 12.0.0 on Windows"),
        ("yarn/1.22.22 npm/? node/v24.0.0 linux x64", "yarn 1.22.22 on linux"),
        ("got (https://github.com/sindresorhus/got)", "yarn 4"),
        ("Bun/1.3.1", "bun 1.3.1"),
        ("", "an unknown client"),
        ("<script>", "an unknown client"),
    ],
)
def test_a_user_agent_in_words(agent, words):
    assert in_words(agent) == words


@pytest.mark.parametrize("client_name", recipes.CLIENTS)
@pytest.mark.parametrize("place", recipes.PLACES)
@pytest.mark.parametrize("scope", ["", "acme"])
def test_every_choice_gives_steps_for_this_address(client, db, client_name, place, scope):
    query = {"client": client_name, "place": place, "scope": scope, "from": "scope" if scope else "all"}
    page = client.get("/connect", query, headers=HTML)
    steps = page.context["steps"]
    said = "\n".join(each.text for each in steps)
    assert "http://testserver/npm/" in said
    assert ("@acme" in said or "npmScopes" in said) is bool(scope)
    assert (recipes.SECRET in said) is (place != "laptop")
    assert page.content.decode().count("data-copy") == sum(bool(each.text) for each in steps)
    if place != "laptop":
        assert any(each.token for each in steps)


@pytest.mark.parametrize(
    ("given", "wish"),
    [
        (("", "", ""), Wish()),
        (("rm -rf", "moon", "a b; rm"), Wish()),
        (("yarn", "github", "@Acme"), Wish("yarn", "github", "acme")),
        (("bun", "laptop", "$(x)"), Wish("bun")),
        (("bun", "laptop", "a'b"), Wish("bun")),
        (("bun", "laptop", "..\n"), Wish("bun")),
    ],
)
def test_only_what_a_shell_reads_as_a_word_gets_into_commands(given, wish):
    assert Wish.parse(*given) == wish


def test_htmx_gets_the_card_alone(client, db):
    card = client.get("/connect?client=bun", headers=HTMX | {"hx-target": "connect"}).content.decode()
    assert "<html" not in card
    assert 'id="connect"' in card
    assert 'value="bun" checked' in card


# --- what it waits for -------------------------------------------------------------------------------------------


def test_it_flips_when_the_first_request_arrives(client, alice, watching):
    token = login_token(alice)
    sign_in(client, alice)
    since = client.get("/connect", headers=HTML).context["since"]
    assert arrival(client, since).status_code == 204
    assert ask(client, watching, "-/whoami", token=token).status_code == 200
    told = arrival(client, since).content.decode()
    assert "Connected" in told
    assert "<strong>alice</strong> from npm 12.0.1 on linux" in told
    assert "hx-trigger" not in told  # and stops asking
    page = client.get(f"/connect?since={since}", headers=HTML).content.decode()
    assert "<strong>alice</strong> from npm 12.0.1 on linux" in page  # without JavaScript


def test_it_says_that_a_request_came_without_a_token_or_with_a_bad_one(client, alice, watching):
    sign_in(client, alice)
    since = client.get("/connect", headers=HTML).context["since"]
    ask(client, watching)
    assert "arrived without a token" in arrival(client, since).content.decode()
    ask(client, watching, token="npm_" + "x" * 48)
    assert "a token that does not work" in arrival(client, since).content.decode()
    ask(client, watching, token=login_token(alice))
    assert "Connected" in arrival(client, since).content.decode()
    ask(client, watching)
    assert "Connected" in arrival(client, since).content.decode()  # what works is not taken back


def test_nobody_sees_the_requests_of_somebody_else(client, alice, bob, watching):
    sign_in(client, alice)
    client.get("/connect", headers=HTML)
    client.logout()
    sign_in(client, bob)
    since = client.get("/connect", headers=HTML).context["since"]
    ask(client, watching, "-/whoami", token=login_token(alice))
    assert arrival(client, since).status_code == 204
    client.logout()
    assert arrival(client, since).status_code == 204  # a stranger at the same address
    watching._next = 0.0
    client.get("/npm/nothing", REMOTE_ADDR="203.0.113.9")
    assert arrival(client, since).status_code == 204
    ask(client, watching)
    assert "arrived without a token" in arrival(client, since).content.decode()


def test_what_nobody_waits_for_is_not_written_down(client, alice, watching, django_assert_num_queries):
    token = login_token(alice)
    RegistryClient(client).as_(token).get("-/whoami")
    watching._next = time.monotonic() + 60
    with django_assert_num_queries(1):  # the token's row, and nothing of ours
        RegistryClient(client).as_(token).get("-/whoami")
    assert sightings.latest(alice, 0) is None


def test_it_stops_after_some_minutes_and_can_be_asked_again(client, alice):
    sign_in(client, alice)
    since = client.get("/connect?client=pnpm", headers=HTML).context["since"]
    told = arrival(client, float(since) - sightings.WAIT_SECONDS - 1).content.decode()
    assert "No request arrived" in told
    assert "hx-trigger" not in told


@pytest.mark.parametrize("since", ["", "x", "nan", "inf", "-1", "1e999", "99999999999", "\u0661"])
def test_odd_moments_get_an_answer(client, db, since):
    for path in ("/connect", "/connect/arrival"):
        for headers in (HTML, HTMX):
            assert client.get(path, {"since": since}, headers=headers).status_code in (200, 204, 302)


def test_many_who_wait_are_kept_to_a_number(db, monkeypatch, alice):
    from accounts.actor import Actor

    monkeypatch.setattr(sightings, "MOST", 3)
    for n in range(6):
        sightings.wait(Actor(address=f"203.0.113.{n}"))
    assert len(sightings._waiting()) == 3
    assert "address:203.0.113.5" in sightings._waiting()


def test_the_page_takes_few_queries(client, alice, django_assert_max_num_queries):
    sign_in(client, alice)
    with django_assert_max_num_queries(12):
        client.get("/connect", headers=HTML)
    with django_assert_max_num_queries(12):
        arrival(client, time.time())
