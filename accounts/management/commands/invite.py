"""`manage.py invite`."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse

from accounts import people
from accounts.actor import operator
from accounts.management.verbs import VerbCommand


class Command(VerbCommand):
    help = "Make a link with which one person can sign up (REGISTRATION=invite)."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--email", default="", help="whom it is for; a note, no mail is sent")

    def do(self, options) -> None:
        secret = people.invite(operator(), options["email"])
        website = settings.PUBLIC_URL or f"http://localhost:{settings.PORT}"
        self.stdout.write(website + reverse("invitation", args=[secret]))
