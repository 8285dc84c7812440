"""A new team, and another name for one."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from orgs import access, teams
from orgs.access import Action
from orgs.forms import TeamForm
from orgs.views.head import head
from registry_site.errors import Refusal


def create(request, org: str) -> HttpResponse:
    """A new team."""
    found = access.find(request.actor, Action.TEAMS, org)
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            team = teams.create(request.actor, org, given["name"], given["description"])
        except Refusal as refusal:
            form.add_error("name", refusal.message)
        else:
            return redirect("team", found.name, team.name)
    return render(request, "pages/team_new.html", head(request, found) | {"form": form, "tab": "teams"})


def edit(request, org: str, team: str) -> HttpResponse:
    """A team's name and what it is for."""
    found = access.find(request.actor, Action.TEAMS, org)
    before = access.find_team(found, team)
    initial = {"name": before.name, "description": before.description}
    form = TeamForm(request.POST or None, initial=initial)
    form.fields["name"].disabled = before.is_developers
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            now = teams.change(request.actor, org, team, new_name=given["name"], description=given["description"])
        except Refusal as refusal:
            form.add_error("name", refusal.message)
        else:
            messages.success(request, "Saved.")
            return redirect("team", found.name, now.name)
    context = {"form": form, "team": before, "tab": "teams", "former": before.former_names.all()}
    return render(request, "pages/team_edit.html", head(request, found) | context)
