"""The pages that a terminal opens: let it log in, or let a command go on."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render

from accounts import logins
from accounts.twofactor import approvals
from registry_site.errors import NotFound


@login_required
def approve_login(request, login) -> HttpResponse:
    """The page that `npm login` opens: what asked, when, from where; approve or deny.

    It asks first who one is, so that a session that was left open, or a link that was sent, gives nothing away.
    """
    try:
        waiting = logins.waiting(login)
        request.actor.require_recent()
        if request.method == "POST":
            decide = logins.approve if request.POST.get("decision") == "approve" else logins.deny
            decide(request.actor, login)
            approved = decide is logins.approve
            return render(request, "pages/login_decided.html", {"approved": approved})
    except NotFound as refusal:
        return render(request, "pages/login_decided.html", {"ended": refusal.message}, status=404)
    return render(request, "pages/approve_login.html", {"waiting": waiting})


@login_required
def approve_command(request, command) -> HttpResponse:
    """The page that a command opens which needs a second factor; approved, the terminal goes on."""
    try:
        waiting = approvals.waiting(request.actor, command)
        request.actor.require_second_factor()
        if request.method == "POST" and request.POST.get("decision") != "approve":
            approvals.deny(request.actor, command)
            return render(request, "pages/command_decided.html", {"approved": False})
        if request.method == "POST":
            code = approvals.approve(request.actor, command)
            return render(request, "pages/command_decided.html", {"approved": True, "code": code})
    except NotFound as refusal:
        return render(request, "pages/command_decided.html", {"ended": refusal.message}, status=404)
    return render(request, "pages/approve_command.html", {"waiting": waiting})
