"""What Django is told of a database besides its address."""

from __future__ import annotations

from typing import Any

SQLITE = {
    "transaction_mode": "IMMEDIATE",  # a write transaction takes its lock first, so it never fails half-way
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
}
POOL_SECONDS = 2  # that a thread waits for a connection before it says 503
CONNECT_SECONDS = 5
# A pool tries again, each time after twice the pause, which grows without end: a database that is back after a minute
# would be noticed a minute later. After so many seconds it gives up, and the next request begins anew.
RECONNECT_SECONDS = 5


def configured(database: dict[str, Any], *, pool: int) -> dict[str, Any]:
    """An entry of DATABASES, complete. database: as `env.read.db` gives it; pool: connections of each process, 0: none.

    With a pool a connection is with a thread for one request, and looked at before it is handed out.
    """
    if "sqlite" in database["ENGINE"]:
        return database | {"OPTIONS": dict(SQLITE), "CONN_MAX_AGE": 60}
    options = {"connect_timeout": CONNECT_SECONDS} | database.get("OPTIONS", {})
    database = database | {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True, "OPTIONS": options}
    if pool:
        waits = {"timeout": POOL_SECONDS, "reconnect_timeout": RECONNECT_SECONDS}
        options["pool"] = {"min_size": 1, "max_size": pool, **waits}
        database["CONN_MAX_AGE"] = 0
    return database
