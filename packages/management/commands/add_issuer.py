"""`manage.py add_issuer`."""

from __future__ import annotations

from accounts.actor import operator
from accounts.management.verbs import VerbCommand
from packages import providers


class Command(VerbCommand):
    help = "Believe the identity tokens of another OpenID provider, for trusted publishing."

    def add_arguments(self, parser) -> None:
        parser.add_argument(
            "name", help="the type in npm trust; github, gitlab or circleci stands for the built-in one"
        )
        parser.add_argument("url", help="the iss claim of its tokens, exactly")
        parser.add_argument("--claims", default="any", help="whose claims they carry: github, gitlab, circleci, any")
        parser.add_argument("--title", default="", help="who publishes, as pages say it")

    def do(self, options) -> None:
        issuer = providers.register(operator(), options["name"], options["title"], options["url"], options["claims"])
        self.stdout.write(f"{issuer.name}: {issuer.url}")
