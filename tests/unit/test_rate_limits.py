"""How often something may be asked: at every door, for clients and on pages, with words and Retry-After."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import limiting
from accounts.actor import Actor
from accounts.models import Token, WebLogin
from orgs import invitations
from orgs.models import Invitation, Org
from packages import webhooks
from registry_site import rates, shared
from registry_site.errors import Conflict, TooManyRequests
from tests.conftest import PASSWORD, login_token
from tests.tools import payloads
from tests.tools.sessions import sign_in

pytestmark = pytest.mark.django_db
PAGE = {"accept": "text/html"}


@pytest.fixture
def limited(settings):
    """`limited(search="2/m")`: other rates than those of the table."""

    def change(**changes: str) -> None:
        settings.RATES = settings.RATES | {name.replace("_", "-"): text for name, text in changes.items()}
        settings.ACCOUNT_RATE_LIMITS = rates.for_allauth(settings.RATES)

    return change


@pytest.fixture
def browser(client):
    def signed_in(actor: Actor) -> Client:
        sign_in(client, actor)
        return client

    return signed_in


def refused(answer, *, most: int, page: bool = False) -> None:
    """It says when to come back: in the header, and in words."""
    assert answer.status_code == 429, answer.content[:300]
    assert 0 < int(answer["Retry-After"]) <= most
    said = answer.content.decode() if page else answer.json()["error"]
    assert re.search(r"try again in \d+ (second|minute|hour|day)s?", said), said


def person_login(npm, name: str, password: str, **headers):
    body = {"_id": f"org.couchdb.user:{name}", "name": name, "password": password, "type": "user"}
    return npm.put(f"-/user/org.couchdb.user:{name}", body, **headers)


# --- the counting itself ------------------------------------------------------------------------------------------


def test_it_counts_in_the_shared_store_and_forgets_with_time(limited, time_machine):
    limited(token="2/10m")
    time_machine.move_to(timezone.now(), tick=False)
    for _ in range(2):
        limiting.spend("token", "user-1", words="much")
    with pytest.raises(TooManyRequests, match="much; wait, and try again in 10 minutes") as refusal:
        limiting.spend("token", "user-1", words="much")
    assert refusal.value.seconds == 600
    limiting.spend("token", "user-2", words="much")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM shared_cache")
        assert cursor.fetchone()[0] == 2
    time_machine.move_to(timezone.now() + timedelta(minutes=11), tick=False)
    limiting.spend("token", "user-1", words="much")


def test_of_several_rates_the_longest_says_when(limited, time_machine):
    limited(token="2/m+3/h")
    now = timezone.now()
    time_machine.move_to(now, tick=False)
    for minute in (0, 0, 2):
        time_machine.move_to(now + timedelta(minutes=minute), tick=False)
        limiting.spend("token", "user-1", words="much")
    with pytest.raises(TooManyRequests) as refusal:
        limiting.spend("token", "user-1", words="much")
    assert refusal.value.seconds == 58 * 60


def test_what_is_off_is_not_counted(limited, settings):
    limited(token="")
    for _ in range(100):
        limiting.spend("token", "user-1", words="much")
    settings.ACCOUNT_RATE_LIMITS = False
    limiting.spend("org", "user-1", words="much").rollback()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM shared_cache")
        assert cursor.fetchone()[0] == 0


def test_an_ipv6_network_counts_as_one_address():
    assert limiting.place("2001:db8::1") == limiting.place("2001:db8:0:0:ffff::2") == "address-2001:db8::/64"
    assert limiting.place("2001:db8:0:1::1") != limiting.place("2001:db8::1")
    assert limiting.place("10.0.0.1") == "address-10.0.0.1"
    assert limiting.place(None) == "address-unknown"


def test_people_and_machines_count_as_themselves(uma):
    token = Token(user=uma.user)
    assert limiting.caller(Actor(uma.user, token, address="10.0.0.1")) == limiting.caller(uma)
    service = Token(kind=Token.Kind.SERVICE, holder_id=7)
    assert limiting.caller(Actor(None, service, address="10.0.0.1")) == "org-7"
    assert limiting.caller(Actor(address="10.0.0.1")) == "address-10.0.0.1"


@pytest.mark.django_db(transaction=True)
def test_without_the_shared_store_each_process_goes_on_counting(limited, npm, uma, caplog):
    limited(token="2/10m", failed_login="")
    cache = caches["default"]
    assert isinstance(cache, shared.SharedCache)
    _rename("shared_cache", "shared_cache_away")
    try:
        for _ in range(2):
            limiting.spend("token", "user-1", words="much")
        with pytest.raises(TooManyRequests):
            limiting.spend("token", "user-1", words="much")
        limiting.spend("token", "user-2", words="much")
        answers = [person_login(npm, "uma", f"wrong {n}").status_code for n in range(6)]
        assert answers == [401] * 5 + [429], "not unlimited, and not locked out"
        assert "counts for itself" in caplog.text
    finally:
        _rename("shared_cache_away", "shared_cache")
        cache._own.clear()


def _rename(table: str, name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {name}")


def test_a_name_has_as_many_tries_whatever_port_the_host_says(npm, uma):
    answers = [person_login(npm, "uma", f"wrong {n}", host=f"localhost:{8000 + n}").status_code for n in range(6)]
    assert answers == [401] * 5 + [429]
    assert person_login(npm, "uma", PASSWORD, host="127.0.0.1:1").status_code == 429


def test_the_address_is_the_one_that_our_own_proxies_say(npm, limited, settings):
    limited(web_login="1/m")
    settings.TRUSTED_PROXY_COUNT = 1
    sent = [f"{made_up}, 10.1.1.1" for made_up in ("1.1.1.1", "2.2.2.2")]
    answers = [npm.post("-/v1/login", {}, x_forwarded_for=each).status_code for each in sent]
    assert answers == [200, 503]
    assert npm.post("-/v1/login", {}, x_forwarded_for="1.1.1.1, 10.1.1.2").status_code == 200
    settings.TRUSTED_PROXY_COUNT = 0
    answers = [npm.post("-/v1/login", {}, x_forwarded_for=f"9.9.9.{n}").status_code for n in range(2)]
    assert answers == [200, 503], "nobody is in front, so that the header is the caller's word"


# --- what clients ask ----------------------------------------------------------------------------------------------


def test_failed_logins_of_clients(npm, uma):
    answers = [person_login(npm, "uma", f"wrong {n}") for n in range(6)]
    refused(answers[-1], most=300)
    assert not Token.objects.exists()


def test_logins_that_wait_for_the_browser_are_told_to_wait_and_not_to_ask_for_a_password(npm, limited):
    limited(web_login="2/10m")
    answers = [npm.post("-/v1/login", {}) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 503]
    assert 0 < int(answers[-1]["Retry-After"]) <= 600
    assert "try again in 10 minutes" in answers[-1].json()["error"]
    assert WebLogin.objects.count() == 2


def test_tokens(npm, uma, limited):
    limited(token="1/10m")
    caller = npm.as_(login_token(uma))
    assert caller.post("-/npm/v1/tokens", {"password": PASSWORD}).status_code == 201
    before = Token.objects.count()
    refused(caller.post("-/npm/v1/tokens", {"password": PASSWORD}), most=600)
    assert Token.objects.count() == before


def test_publishing_and_staging_count_together(npm, uma, limited, blob_files):
    limited(publish="2/10m")
    caller = npm.as_(login_token(uma))
    assert caller.put("@uma%2fx", payloads.publish_body("@uma/x", "1.0.0")).status_code == 201
    assert caller.post("-/stage/package/@uma%2fx", payloads.publish_body("@uma/x", "1.1.0")).status_code == 201
    before = blob_files()
    refused(caller.put("@uma%2fx", payloads.publish_body("@uma/x", "1.2.0")), most=600)
    refused(caller.post("-/stage/package/@uma%2fx", payloads.publish_body("@uma/x", "1.3.0")), most=600)
    assert blob_files() == before
    assert caller.get("@uma%2fx").status_code == 200, "reading goes on"


def test_searches_of_clients_and_pages_count_together(npm, uma, client, limited):
    limited(search="24/m")
    caller = npm.as_(login_token(uma))
    sign_in(client, uma)
    answers = [caller.get("-/v1/search?text=x").status_code for _ in range(20)]
    pages = [client.get("/search?q=x", headers=PAGE) for _ in range(10)]
    assert set(answers) == {200}
    refused(pages[-1], most=60, page=True)
    refused(caller.get("-/v1/search?text=x"), most=60)
    assert npm.get("-/v1/search?text=x").status_code == 200, "others search on"


def test_most_searches_cost_no_query_for_the_limit(uma, django_assert_num_queries):
    with django_assert_num_queries(0):
        for _ in range(40):
            limiting.spend_often("search", uma, words="much")


def test_shares_add_up_over_processes(limited, uma):
    limited(search="24/m")
    let_through = 0
    for _ in range(3):  # three processes that know nothing of each other but the store
        limiting.forget()
        for _ in range(20):
            try:
                limiting.spend_often("search", uma, words="much")
            except TooManyRequests:
                break
            let_through += 1
    assert let_through <= 24 + 3 * 2, "each process lets one share more through at most"


def test_names_while_typing(client, uma, limited):
    limited(suggestion="12/m")
    sign_in(client, uma)
    answers = [client.get("/search/suggest?q=x", headers=PAGE | {"HX-Request": "true"}) for _ in range(15)]
    assert answers[0].status_code == 200
    assert "try again in" in answers[-1].content.decode()
    assert int(answers[-1]["Retry-After"]) <= 60


# --- pages ---------------------------------------------------------------------------------------------------------


def test_failed_logins_on_the_page(client, uma):
    answers = [client.post("/login", {"login": "uma", "password": f"wrong {n}"}, headers=PAGE) for n in range(6)]
    refused(answers[-1], most=300, page=True)
    refused(client.post("/login", {"login": "uma", "password": PASSWORD}, headers=PAGE), most=300, page=True)
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(
    ("limit", "path", "sent"),
    [
        ("login", "/login", {"login": "nobody", "password": "wrong"}),
        ("sign-up", "/signup", {"username": "x"}),
        ("password-reset", "/password/reset", {"email": "x@example.com"}),
        ("password-reset-name", "/password/reset", {"email": "x@example.com"}),
    ],
)
def test_what_strangers_send(client, limited, limit, path, sent):
    limited(**{limit: "1/10m"})
    answers = [client.post(path, sent, headers=PAGE) for _ in range(2)]
    assert answers[0].status_code != 429
    refused(answers[-1], most=600, page=True)


def test_new_orgs_also_tries_that_found_the_name_taken(browser, acme, dave, limited):
    limited(org="2/h")
    davids = browser(dave)
    assert davids.post("/org/new", {"name": "acme"}, headers=PAGE).status_code == 200
    assert davids.post("/org/new", {"name": "uses"}, headers=PAGE).status_code == 302
    refused(davids.post("/org/new", {"name": "other"}, headers=PAGE), most=3600, page=True)
    assert set(Org.objects.values_list("scope__name", flat=True)) == {"acme", "uses"}


def test_becoming_an_org_and_renaming_one_try_names_too(browser, acme, alice, limited):
    limited(org="1/h")
    hers = browser(alice)
    assert hers.post("/org/acme/rename", {"new_name": "alice"}, headers=PAGE).status_code == 200
    refused(hers.post("/org/acme/rename", {"new_name": "alice"}, headers=PAGE), most=3600, page=True)
    sent = {"new_name": "acme", "confirm": "alice"}
    refused(hers.post("/settings/become-org", sent, headers=PAGE), most=3600, page=True)


def test_invitations(browser, acme, alice, limited):
    limited(invitation="1/h")
    hers = browser(alice)
    sent = {"role": "developer"}
    hers.post("/org/acme/invitations", sent | {"user": "a@example.com"}, headers=PAGE)
    refused(hers.post("/org/acme/invitations", sent | {"user": "b@example.com"}, headers=PAGE), most=3600, page=True)
    assert list(Invitation.objects.values_list("email", flat=True)) == ["a@example.com"]


def test_the_same_person_is_not_invited_again_and_again(browser, acme, alice, dave):
    for _ in range(5):
        invitations.invite(alice, "acme", "dave", "developer")
    sent = {"role": "developer", "user": "dave"}
    refused(browser(alice).post("/org/acme/invitations", sent, headers=PAGE), most=3600, page=True)


def test_tokens_on_the_page(browser, uma, limited):
    limited(token="1/10m")
    umas = browser(uma)
    sent = {"name": "ci", "access": "read-only", "org_access": "no-access", "days": "30"}
    umas.post("/settings/tokens", sent, headers=PAGE)
    refused(umas.post("/settings/tokens", sent, headers=PAGE), most=600, page=True)
    assert Token.objects.filter(user=uma.user).count() == 1


def test_access_requests(browser, acme, carol, limited):
    limited(access_request="1/d")
    carols = browser(carol)
    assert carols.post("/package/@acme/one/ask", {"message": ""}, headers=PAGE).status_code == 302
    refused(carols.post("/package/@acme/two/ask", {"message": ""}, headers=PAGE), most=86400, page=True)


def test_nobody_is_flooded_with_mail_and_the_page_says_nothing(client, uma, limited, settings, mailoutbox):
    settings.EMAIL_URL = "smtp://localhost"
    limited(mail="2/h", password_reset="", password_reset_name="")
    pages = [client.post("/password/reset", {"email": uma.user.email}, headers=PAGE) for _ in range(5)]
    assert len({(page.status_code, page["Location"]) for page in pages}) == 1
    from django_tasks_db.models import DBTaskResult

    assert DBTaskResult.objects.filter(task_path="accounts.notices.send").count() + len(mail.outbox) == 2


def test_d13_where_somebody_signs_in_others_who_try_their_name_do_not_keep_them_out(client, uma):
    mine = {**PAGE, "user-agent": "Mozilla/5.0 Firefox/140.0"}
    where = {"REMOTE_ADDR": "198.51.100.7"}
    sent = {"login": "uma", "password": PASSWORD}
    assert client.post("/login", sent, headers=mine, **where).status_code == 302
    other = Client()
    for n in range(6):
        answer = other.post("/login", {"login": "uma", "password": f"wrong {n}"}, headers=PAGE)
    refused(answer, most=300, page=True)
    refused(other.post("/login", sent, headers=PAGE), most=300, page=True)
    assert Client().post("/login", sent, headers=mine, **where).status_code == 302
    for n in range(6):
        answer = Client().post("/login", {"login": "uma", "password": f"wrong {n}"}, headers=mine, **where)
    refused(answer, most=300, page=True)


def test_messages_of_webhooks_by_hand(uma, limited):
    limited(webhook="2/m")
    hook = webhooks.add(uma, "owner", "~uma", "https://hooks.example/", "secret")
    webhooks.say_hello(uma, str(hook.key))
    row = hook.deliveries.get()
    with pytest.raises(Conflict):
        webhooks.redeliver(uma, str(hook.key), row.pk)
    with pytest.raises(TooManyRequests):
        webhooks.redeliver(uma, str(hook.key), row.pk)
    assert hook.deliveries.count() == 1
