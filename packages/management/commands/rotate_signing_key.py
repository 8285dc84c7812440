"""`manage.py rotate_signing_key`."""

from __future__ import annotations

from accounts.actor import operator
from accounts.management.verbs import VerbCommand
from packages import signatures


class Command(VerbCommand):
    help = "Make a new key and sign with it from now on; what the old one signed stays good."

    def do(self, options) -> None:
        key, *older = signatures.rotate(operator())
        self.stdout.write(f"new versions are signed with {key.id}")
        for old in older:
            self.stdout.write(f"{old.id} is good for versions published before {old.expires:%Y-%m-%d %H:%M:%S} UTC")
