"""The steps of a publish at which tests/faults/wsgi.py lets it die, fail or wait."""

from __future__ import annotations

KILL, RAISE, SLEEP = "kill", "raise", "sleep"
SECONDS = 0.4
ENTRY, ANSWERED = "P0 asked", "P12 answered"

# In the order in which a publish comes by: where the function is, and whether it happens before or after it.
STEPS: dict[str, tuple[str, str, str]] = {
    "P1 token read": ("accounts.tokens", "recognise", "after"),
    "P4 bytes arrive": ("packages.wire.spool:Spool", "_take", "after"),
    "P4 bytes spooled": ("packages.wire.spool:Spool", "close", "after"),
    "P5 document read": ("packages.wire", "read_put", "after"),
    "P3 policy asked": ("packages.claims", "find_or_claim", "after"),
    "P6 looked into": ("packages.tarballs", "inspect", "after"),
    "P7 compared": ("packages.manifests", "check", "after"),
    "P8 before the bytes": ("packages.blobs", "keep", "before"),
    "P8 bytes without a name": ("packages.blobs.folder", "sync", "after"),
    "P8 object not looked at": ("packages.blobs.s3:S3Store", "size", "before"),
    "P8 kept": ("packages.blobs", "keep", "after"),
    "P8 number noted": ("packages.ledger", "note", "after"),
    "P9 asked again": ("packages.access", "recheck", "after"),
    "P10 listed": ("packages.publishing", "enter", "after"),
    "P10 recorded": ("accounts.audit", "record", "after"),
    "P10 announced": ("packages.webhooks", "announce", "after"),
    "P11 before the commit": ("django.db.backends.base.base:BaseDatabaseWrapper", "_commit", "before"),
    "P11 committed": ("django.db.backends.base.base:BaseDatabaseWrapper", "_commit", "after"),
    "P13 before building": ("packages.packuments.building", "build_ahead", "before"),
    "P13 built": ("packages.packuments.building", "build_ahead", "after"),
}
COMMITTED = ("P11 committed", "P13 before building", "P13 built", ANSWERED)  # from here on a version is listed
OF_ONE_STORE = {"P8 bytes without a name": "folder", "P8 object not looked at": "s3"}
EVERY = (ENTRY, *STEPS, ANSWERED)
