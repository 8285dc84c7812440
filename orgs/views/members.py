"""The members of an org: who they are, their roles, and who is asked to join."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts import limiting, people
from accounts.endpoint import page_address
from orgs import access, invitations, organizations, roster
from orgs.access import Action
from orgs.forms import InvitationForm, MemberForm
from orgs.models import Invitation, Org
from orgs.roster import ROLES
from orgs.views.head import head
from registry_site.errors import NotFound, Refusal, TooManyRequests
from registry_site.htmx import answer, take_notice

A_PAGE = 50
CARD, PAGE = "partials/org_members.html", "pages/org_members.html"


def members(request, org: str) -> HttpResponse:
    """The members of an org; owners give roles here, and make somebody a member at once as `npm org set` does."""
    found = access.find(request.actor, Action.PEOPLE, org)
    form = MemberForm(request.POST or None)
    if request.method == "POST":
        if form.is_valid():
            return _set_member(request, found, form.cleaned_data["user"], form.cleaned_data["role"])
        return show(request, found, error="Say who, and which role.")
    return render(request, PAGE, context(request, found) | {"notice": take_notice(request)})


@require_POST
def invite(request, org: str) -> HttpResponse:
    """Ask somebody to join, by user name or e-mail; the link is there to copy, this once."""
    found = access.find(request.actor, Action.MEMBERS, org)
    form = InvitationForm(found.teams.all(), request.POST)
    if not form.is_valid():
        return show(request, found, form=form)
    given = form.cleaned_data
    _count_one(request, given["user"])
    try:
        made, secret = invitations.invite(request.actor, org, given["user"], given["role"], given["teams"])
    except TooManyRequests:
        raise
    except Refusal as refusal:
        hint = people.did_you_mean(given["user"]) if isinstance(refusal, NotFound) else ""
        form.add_error("user", refusal.message + hint)
        return show(request, found, form=form)
    return _invited(request, found, made, secret)


@require_POST
def invitation(request, org: str, key) -> HttpResponse:
    """Send an invitation once more, or take it back."""
    found = access.find(request.actor, Action.MEMBERS, org)
    if request.POST.get("do") == "resend":
        _count_one(request)
        made, secret = invitations.resend(request.actor, org, key)
        return _invited(request, found, made, secret)
    gone = invitations.revoke(request.actor, org, key)
    notice: dict[str, Any] = {"text": f"The invitation of {gone.invited} was taken back; its link opens nothing."}
    return answer(request, CARD, context(request, found), page=_address(found), notice=notice)


def _count_one(request, whom: str = "") -> None:
    limiting.spend("invitation", limiting.caller(request.actor), words="you invited many people in a short time")
    if "@" in whom.strip().removeprefix("@"):
        limiting.spend("mail", limiting.written_to(whom), words="this address was sent many mails")


def _set_member(request, org: Org, username: str, role: str) -> HttpResponse:
    before = org.memberships.filter(user__username=username).values_list("role", flat=True).first()
    try:
        membership = organizations.set_member(request.actor, org.name, username, role)
    except Refusal as refusal:
        return show(request, org, error=refusal.message)
    notice: dict[str, Any] = {"text": f"{membership.user} is {membership.get_role_display().lower()} of {org.name}."}
    if before and before != membership.role:
        notice["undo"] = {"url": _address(org), "fields": {"user": username, "role": before}}
    org = access.find(request.actor, Action.PEOPLE, org.name)  # owners may have made themselves less
    return answer(request, CARD, context(request, org), page=_address(org), notice=notice)


def _invited(request, org: Org, made: Invitation, secret: str) -> HttpResponse:
    page = ("org-invitation", org.name) if made.user else ("org-invitation-link", org.name, secret)
    invited = {"invitation": made, "link": page_address(request, *page)}
    # Not behind a redirect: the link is nowhere but in this answer.
    return show(request, org, invited=invited)


def show(request, org: Org, **more: Any) -> HttpResponse:
    """The card for htmx, and the page for everyone else, with what they say besides."""
    return render(request, CARD if request.htmx else PAGE, context(request, org) | more)


def context(request, org: Org) -> dict[str, Any]:
    """What the members page and its card show."""
    found = head(request, org)
    owner = Action.MEMBERS in found["can"]
    wanted = roster.Wanted.read(request.GET, sees_two_factor=owner)
    page = roster.page(org, wanted, A_PAGE, request.GET.get("page"), everyone=found["member_count"])
    teams = list(org.teams.all())
    more: dict[str, Any] = {}
    if owner:
        asked = list(invitations.listed(org))
        more = {"form": InvitationForm(teams), "invitations": asked, "mail_is_sent": bool(settings.EMAIL_URL)}
    lists = {"page": page, "wanted": wanted, "teams": teams, "roles": ROLES}
    return found | more | lists | {"tab": "members"}


def _address(org: Org) -> str:
    return reverse("org-members", args=[org.name])
