"""What is asked most, of rows as `rows` makes them: what each question takes, in milliseconds and in blocks read.

Milliseconds are those of one busy machine; blocks (8 kB, from memory or disk) are counted by PostgreSQL and steady.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.test import Client

from accounts import tokens
from accounts.actor import NOBODY, Actor
from accounts.models import Token, User
from packages import access, downloads, history, search
from packages.access import Action
from packages.models import Document, Version
from tests.bench import rows
from tests.tools import plans

TIMES = 30
PAGES = 7
COUNTED = 5  # of them have their blocks counted


def medians(count: int) -> dict[str, tuple[float, int]]:
    """Each question, asked of packages and people at random among the first `count`; the same ones each time."""
    dice = random.Random(count)  # noqa: S311 - nothing secret
    person = Actor(User.objects.get(pk=1 + dice.randrange(count // rows.A_PERSON)), credential="session")
    _, secret = tokens.issue(person, person.user, kind=Token.Kind.LOGIN)
    client = _signed_in(person.user)
    some = _numbers(dice, count, lambda each: True)
    theirs = _numbers(dice, count, lambda each: each % 10 >= 4)  # of an org
    public = _numbers(dice, count, lambda each: each % 2 == 0)
    questions: dict[str, tuple[int, Callable[[], Any]]] = {
        "a token": (TIMES, lambda: tokens.recognise(secret, "127.0.0.1")),
        "a package, nobody signed in": (TIMES, lambda: access.find(NOBODY, Action.VIEW, rows.name_of(next(public)))),
        "a package, with its person's rights": (TIMES, lambda: _look(person, rows.name_of(next(some)))),
        "its document": (TIMES, lambda: Document.objects.filter(package=next(some), base=rows.BASE).first()),
        "a version by its number": (TIMES, lambda: Version.objects.get(package=next(some), number="1.2.0")),
        "its versions": (TIMES, lambda: history.numbers(_look(NOBODY, rows.name_of(next(public))))),
        "its downloads": (TIMES, lambda: downloads.trend(access.find(NOBODY, Action.VIEW, rows.name_of(next(public))))),
        "search for a word, the first 20": (PAGES, lambda: list(search.search(person, next(words))[:20])),
        "page of a package": (PAGES, lambda: _page(client, f"/package/{rows.name_of(next(public))}/versions")),
        "page of an org": (PAGES, lambda: _page(client, f"/org/org-{next(theirs) // rows.AN_ORG + 1}")),
        "page of a person": (PAGES, lambda: _page(client, f"/~person-{next(some) // rows.A_PERSON + 1}")),
        "one's home": (PAGES, lambda: _page(client, "/")),
        "page of a search": (PAGES, lambda: _page(client, f"/search?q={next(words)}")),
    }
    words = iter([f"{word}-{other}" for _ in range(9) for word in rows.WORDS for other in rows.WORDS[:4]])
    return {name: (_median(times, ask), _blocks(ask)) for name, (times, ask) in questions.items()}


def _look(actor: Actor, name: str):
    # What one may not see costs the same; that is asked for, too.
    try:
        return access.find(actor, Action.VIEW, name)
    except access.NotFound:
        return None


def _page(client: Client, address: str) -> None:
    answer = client.get(address, headers={"accept": "text/html", "host": "localhost"})
    if answer.status_code not in (200, 404):
        raise SystemExit(f"{address} answered {answer.status_code}")


def _median(times: int, ask: Callable[[], Any]) -> float:
    for _ in range(3):
        ask()
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        ask()
        spent.append((time.perf_counter() - start) * 1000)
    return statistics.median(spent)


def _blocks(ask: Callable[[], Any]) -> int:
    if connection.vendor != "postgresql":
        return 0
    counted = []
    for _ in range(COUNTED):
        with plans.caught() as statements:
            ask()
        counted.append(sum(plans.blocks(sql, params) for sql, params in statements))
    return int(statistics.median(counted))


def _numbers(dice: random.Random, count: int, fits: Callable[[int], bool]):
    while True:
        number = 1 + dice.randrange(count - 1)
        if fits(number):
            yield number


def _signed_in(user: User) -> Client:
    session = SessionStore()
    session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session.create()
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    return client
