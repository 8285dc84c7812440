"""What people are told by mail of what others, or their own credentials, did; and what they choose to hear."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import models
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django_tasks import task

from accounts import devices
from accounts.actor import address_of
from accounts.models import User


class Kind(models.TextChoices):
    """What a notice is about. Everybody chooses for each what they hear; about their own account they always do."""

    INVITED = "invited", "Invitations to organizations"
    ACCESS = "access", "Being added to or removed from packages, teams and organizations"
    PUBLISHED = "published", "Versions published to packages that I publish, too"
    ASKED = "asked", "Requests for access to what I manage"
    ADVISORY = "advisory", "Advisories about packages that those I publish ask for"
    RECALLS = "recalls", "Versions I downloaded that turned out to be bad, and warnings about the upstream registry"
    RULES = "rules", "Exceptions from rules for upstream packages that I answer for"
    TOKENS = "tokens", "Tokens of mine that are about to expire"
    HOOKS = "hooks", "Webhooks of mine that are paused because nothing reaches them"
    SECURITY = "security", "Sign-ins, new tokens, password and two-factor"


IF_NOT_YOU = (
    "If this was you, there is nothing to do. If not, somebody is in your account: change your password, "
    "then look at your sessions and tokens, and tell whoever runs this registry."
)
ALWAYS = frozenset({Kind.SECURITY})
MOST = 50  # mails of one task


def tell(
    people: User | Iterable[User], kind: Kind, subject: str, *paragraphs: str, link: tuple[str, str] | None = None
) -> None:
    """Queue one mail, plain and HTML, to each of these people who wants to hear of this kind and has an address.

    subject: without the registry's name. paragraphs: plain text. link: what a button says, and the path of the page it
    opens, as `reverse` gives it. Call it inside the transaction of the change: the mail leaves when that commits.
    """
    people = [people] if isinstance(people, User) else people
    wanted = [each.email for each in people if each.email and each.is_active and _wants(each, kind)]
    if wanted and is_on():
        post(wanted, kind.label, subject, *paragraphs, link=(link[0], settings.SITE_URL + link[1]) if link else None)


def warn(request, user: User, what: str, *, more: str = "", to: str = "") -> None:
    """Tell a person that their account was changed: what, when, from where, by which client, and what to do about it.

    what: a sentence without its full stop; the subject of the mail, too. more: what else to say.
    to: another address than their first one, such as the one it was before.
    """
    device = devices.words(request.headers.get("user-agent", ""))
    when = f"{timezone.now():%-d %B %Y, %H:%M} UTC, from {address_of(request) or 'an unknown address'}, by {device}."
    paragraphs = [f"{what}. {more}".strip(), when, IF_NOT_YOU]
    if (address := to or user.email) and is_on():
        link = ("Look at your account", settings.SITE_URL + page("sessions"))
        post([address], Kind.SECURITY.label, what, *paragraphs, link=link)


def post(to: list[str], kind: str, subject: str, *paragraphs: str, link: tuple[str, str] | None = None) -> None:
    """Queue one mail, plain and HTML, to each of these addresses, to leave when the current transaction commits.

    kind: why they get it, for the last line. link: what a button says, and the whole address that it opens.
    """
    subject = " ".join(subject.split())
    words = {"paragraphs": list(paragraphs), "link": list(link) if link else None, "kind": kind}
    for start in range(0, len(to), MOST):
        send.enqueue(to=to[start : start + MOST], subject=subject, **words)


def is_on() -> bool:
    """Whether there is a mail server: without one nothing is told."""
    return bool(settings.EMAIL_URL)


def page(name: str, *args: object) -> str:
    """The path of a page, for a link; also for a request to the registry's own host, whose address table has none."""
    return reverse(name, urlconf=settings.ROOT_URLCONF, args=args)


def choose(user: User, wanted: Iterable[str]) -> None:
    """Keep which kinds of notices a person wants to hear of; those about their account stay."""
    wanted = set(wanted) | ALWAYS
    user.muted = sorted(kind.value for kind in Kind if kind.value not in wanted)
    user.save(update_fields=["muted"])


def _wants(user: User, kind: Kind) -> bool:
    return kind in ALWAYS or kind.value not in user.muted


@task()
def send(to: list[str], subject: str, paragraphs: list[str], link: list[str] | None, kind: str) -> None:
    """Send one notice to each of these addresses now; run by the worker, and again where it fails."""
    words = {
        "registry_name": settings.REGISTRY_NAME,
        "site": settings.SITE_URL,
        "subject": subject,
        "paragraphs": paragraphs,
        "link": link,
        "kind": kind,
    }
    text, page = (render_to_string(f"mail/notice.{form}", words) for form in ("txt", "html"))
    for place, address in enumerate(to):
        mail = EmailMultiAlternatives(f"[{settings.REGISTRY_NAME}] {subject}", text, None, [address])
        mail.attach_alternative(page, "text/html")
        try:
            mail.send()
        except OSError:
            if len(to) == 1:
                raise
            # Each of the rest by itself: nobody gets it twice because another one's address is refused.
            for each in to[place:]:
                send.enqueue(to=[each], subject=subject, paragraphs=paragraphs, link=link, kind=kind)
            return
