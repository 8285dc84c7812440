"""The product's WSGI application, which dies, fails or waits at a named step of a publish when a request says so.

The product knows nothing of it: named functions of it are wrapped here, in the processes of a test. A request says
`X-Fault: POINT;HOW`, as in `X-Fault: P8 kept;kill`; the first time its thread comes by that point, it happens.
`X-Order: rows first` keeps the tarball after the commit, which is wrong: with it a test shows that it would notice.
"""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import sqlite3
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from django.db import OperationalError

from registry_site.wsgi import application as product
from tests.faults.steps import ANSWERED, ENTRY, KILL, RAISE, SECONDS, SLEEP, STEPS

_here = threading.local()


def application(environ: dict[str, Any], start_response: Any) -> Any:
    """The product, with the fault that this request carries."""
    _here.fault = environ.get("HTTP_X_FAULT", "").partition(";")[::2]
    _here.late = [] if environ.get("HTTP_X_ORDER") == "rows first" else None
    try:
        _reach(ENTRY)
        answer = product(environ, start_response)
        for key, kept in _here.late or ():
            _keep_late(key, kept)
        _reach(ANSWERED)
        return answer
    finally:
        _here.fault, _here.late = ("", ""), None


def _reach(point: str) -> None:
    named, how = getattr(_here, "fault", ("", ""))
    if not point or named != point:
        return
    _here.fault = ("", "")  # once
    if how == KILL:
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)
    elif how == RAISE:
        if point in (ENTRY, ANSWERED):
            raise RuntimeError("as told")  # gunicorn takes an OSError for a client that went away
        if point.startswith(("P9", "P10", "P11")):
            raise OperationalError("as told") from sqlite3.OperationalError("as told")
        raise OSError("as told")
    elif how == SLEEP:
        time.sleep(SECONDS)
    else:
        raise ValueError(f"{how} is no fault")


def _wrap(place: str, name: str) -> None:
    module, _, kind = place.partition(":")
    owner = importlib.import_module(module)
    owner = getattr(owner, kind) if kind else owner
    original = getattr(owner, name)
    points = {when: point for point, (where, what, when) in STEPS.items() if (where, what) == (place, name)}

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        _reach(points.get("before", ""))
        given = original(*args, **kwargs)
        _reach(points.get("after", ""))
        return given

    setattr(owner, name, wrapped)


def _break_the_order() -> None:
    from packages import blobs
    from packages.blobs.store import new_key

    original = blobs.keep

    def keep(sha512: bytes, source: Path) -> str:
        if getattr(_here, "late", None) is None:
            return original(sha512, source)
        key, copy = new_key(sha512), Path(tempfile.mkdtemp()) / "late.tgz"
        shutil.copyfile(source, copy)
        _here.late.append((key, copy))
        return key

    blobs.keep = keep


def _keep_late(key: str, source: Path) -> None:
    from packages import blobs

    blobs.store().put(key, source)


_break_the_order()
for _place, _name in dict.fromkeys((place, name) for place, name, _ in STEPS.values()):
    _wrap(_place, _name)
