"""`manage.py prepare`: everything between the code and a server that runs."""

from __future__ import annotations

import hashlib
from contextlib import suppress

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from accounts import people
from accounts.actor import operator
from packages import belonging, installation, keyring, signatures
from packages.management.alone import alone
from registry_site.errors import Refusal


class Command(BaseCommand):
    help = "Bring the data folder up to date: tables, static files, signatures, and a link for the first admin."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("--static", action="store_true", help="only the static files, for building an image")
        parser.add_argument(
            "--adopt-storage", action="store_true", help="take the storage for this database's, whatever it says itself"
        )

    def handle(self, *args, **options) -> None:
        for folder in (settings.DATA_DIR, settings.SPOOL_DIR):
            folder.mkdir(parents=True, exist_ok=True)
        if options["static"]:
            _collect_static()
            return
        with alone(settings.DATA_DIR, lambda: self.stdout.write("Another process prepares; waiting ...")):
            call_command("migrate", interactive=False, verbosity=0)
            call_command("createcachetable", verbosity=0)
            _collect_static()
            self._sign_versions()
            self._settle(anyway=options["adopt_storage"])
        self._look()
        website = settings.PUBLIC_URL or f"http://localhost:{settings.PORT}"
        self.stdout.write(
            f"{settings.REGISTRY_NAME}: {website}  mode: {settings.REGISTRY_MODE}  data: {settings.DATA_DIR}"
        )
        if key := people.first_admin_key():
            self.stdout.write("There is no admin yet. Open this link once, within a day, to become it:")
            self.stdout.write(f"  {website}{reverse('first-admin', args=[key])}")

    def _settle(self, *, anyway: bool) -> None:
        try:
            with suppress(OSError, ImproperlyConfigured):  # what does not answer is told below
                belonging.settle(anyway=anyway)
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal

    def _look(self) -> None:
        found = installation.look()
        for each in found:
            if each.state == "warn":
                self.stderr.write(f"{each.subject}: {each.says}")
        if wrong := [f"{each.subject}: {each.says}" for each in found if each.state == "bad"]:
            raise CommandError("\n".join(wrong))

    def _sign_versions(self) -> None:
        try:
            keyring.current()
            if waiting := signatures.count_unsigned():
                self.stdout.write(f"Signing {waiting} versions (once) ...")
                for _ in signatures.sign_listed(operator()):
                    pass
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal


def _collect_static() -> None:
    """Copy and compress the static files, unless they are as they were: that takes longer than all the rest."""
    stamp, state = settings.STATIC_ROOT / ".collected", _static_state()
    if not stamp.exists() or stamp.read_text() != state:
        call_command("collectstatic", interactive=False, clear=True, verbosity=0)
        stamp.write_text(state)


def _static_state() -> str:
    # What is in the files: the layers of an image keep neither times nor the order of a folder to the letter.
    state = []
    for finder in get_finders():
        for path, storage in finder.list(None):
            with storage.open(path) as file:
                state.append(f"{path} {hashlib.sha256(file.read()).hexdigest()}\n")
    return hashlib.sha256("".join(sorted(state)).encode()).hexdigest()
