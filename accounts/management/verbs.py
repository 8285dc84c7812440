"""What our commands share: a refusal becomes one sentence on standard error and exit code 1."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from registry_site.errors import Refusal


class VerbCommand(BaseCommand):
    """A command that calls one verb of the product, in `do`."""

    requires_system_checks: list[str] = []

    def handle(self, *args, **options) -> None:
        try:
            self.do(options)
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal
        except ImproperlyConfigured as error:  # an address that the command was given, say
            raise CommandError(str(error)) from error

    def do(self, options) -> None:
        """Call the verb; refusals are told by the caller."""
        raise NotImplementedError
