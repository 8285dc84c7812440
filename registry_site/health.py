"""Whether this process serves: for supervisors and load balancers, whatever Host they ask with."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from django.db import DEFAULT_DB_ALIAS, connections
from django.http import HttpResponse, JsonResponse

from packages import vitals
from registry_site import draining

logger = logging.getLogger(__name__)

SECONDS = 2.0  # for all checks together
FRESH_SECONDS = 1.0  # so long one look serves all who ask


def live(request) -> HttpResponse:
    """The process answers."""
    return _answer({"live": True}, 200)


def ready(request) -> HttpResponse:
    """Requests can be sent here: database and storage answer, the tables are up to date, and it is not about to stop.

    Each check says `ok`, or in words of ours what is wrong; the log says more. While nothing may be changed, or
    storage is nearly full, it is ready, and says so beside.
    """
    said = {"serving": "about to stop" if draining.is_on() else "ok", **looks.say()}
    changes = said.pop("changes")  # who only reads is served all the same
    is_ready = all(word == "ok" for word in said.values())
    notes = {"changes": changes} if changes != "ok" else {}
    return _answer({"ready": is_ready, "checks": said} | notes, 200 if is_ready else 503)


PROBES = {"/healthz/live": live, "/healthz/ready": ready}


def _answer(said: dict, status: int) -> HttpResponse:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
    response = JsonResponse(said, status=status, headers=headers)
    response["Content-Length"] = str(len(response.content))
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django takes a 503 for a fault, each time
    return response


class _Look:
    """One check, in a thread of its own: what hangs in it holds up nothing else, and is not asked a second time."""

    def __init__(self, name: str, check: Callable[[], str]) -> None:
        self._name, self._check = name, check
        self._thread: threading.Thread | None = None
        self.said = ""

    def begin(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self.said = ""
            self._thread = threading.Thread(target=self._run, name=f"health: {self._name}", daemon=True)
            self._thread.start()

    def end(self, seconds: float) -> str:
        self._thread.join(max(0.0, seconds))
        return self.said or f"did not answer in {SECONDS:g} seconds"

    def _run(self) -> None:
        try:
            self.said = self._check()
        except Exception:  # whatever it was, the answer is the same
            logger.warning("not ready: %s", self._name, exc_info=True)
            self.said = "does not answer"
        finally:
            connections[DEFAULT_DB_ALIAS].close()


class _Looks:
    """All checks, at the same time, at most once a second."""

    def __init__(self, checks: dict[str, Callable[[], str]]) -> None:
        self._looks = {name: _Look(name, check) for name, check in checks.items()}
        self._lock = threading.Lock()
        self._said: dict[str, str] = {}
        self._until = 0.0

    def say(self) -> dict[str, str]:
        with self._lock:
            if time.monotonic() >= self._until:
                for each in self._looks.values():
                    each.begin()
                ends = time.monotonic() + SECONDS
                self._said = {name: each.end(ends - time.monotonic()) for name, each in self._looks.items()}
                self._until = time.monotonic() + FRESH_SECONDS
            return self._said

    def forget(self) -> None:
        self._until = 0.0


looks = _Looks(
    {
        "database": vitals.database,
        "storage": vitals.storage,
        "migrations": vitals.migrations,
        "changes": vitals.changes,
    }
)
