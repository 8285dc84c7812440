"""The rules for upstream packages: the registry's, which everybody who is signed in may read, and those of orgs."""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.actor import Actor, Power
from accounts.views.stepping import asks_again
from orgs.access import Action
from orgs.models import Membership, Org
from orgs.views.head import head
from packages import access, rules
from packages.access import Action as PackageAction
from packages.models import RuleSet
from packages.rules import exceptions, sets, showing, telling, trial
from packages.rules.forms import ExceptionForm, RulesForm
from packages.rules.values import Values
from registry_site.errors import Conflict, Invalid, NotFound
from registry_site.htmx import answer, take_notice

VERSIONS_SHOWN = 20
OVER_SHOWN = 10
EXCEPTIONS_SHOWN = 200
_NUMBER = re.compile(r"[0-9]{1,9}")
EXCEPTIONS, SET = "partials/org_rules_exceptions.html", "partials/org_rules_set.html"


def registry(request) -> HttpResponse:
    """The registry's rules, what they mean for a package, and the orgs of the viewer that have rules of their own."""
    request.actor.require(Power.READ)
    counts, versions = sets.shown(None, VERSIONS_SHOWN)
    context = _set(counts, of_org=False) | {"contact": telling.contact()}
    if asked := request.GET.get("package", "").replace("\0", "").strip()[:214]:
        context |= _asked(request.actor, asked)
    else:
        context |= _exceptions(None) | {"versions": versions, "org_sets": _org_sets(request.actor)}
    return render(request, "pages/rules.html", context)


def registry_version(request, number: int) -> HttpResponse:
    """One version of the registry's rules, also of those that do not count any more."""
    request.actor.require(Power.READ)
    return render(request, "pages/rules_version.html", _set(sets.find(None, number), of_org=False))


def of_org(request, org: str) -> HttpResponse:
    """What an org has otherwise, for its members."""
    found = sets.seen(request.actor, org)
    return render(request, "pages/org_rules.html", _context(request, found) | {"notice": take_notice(request)})


@asks_again
def write(request, org: str) -> HttpResponse:
    """A new version of an org's rules, from the one that counts or from another."""
    found = sets.managed_org(request.actor, org)
    given = _NUMBER.fullmatch(request.GET.get("from", ""))
    kept = sets.find(found, int(given[0])) if given else sets.active(found)
    said, name = (Values.from_json(kept.values), kept.name) if kept else (None, f"Rules of {found.name}"[:80])
    form = RulesForm(request.POST or None, of_org=True, kept=said, name=name)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            made = sets.write(request.actor, found.name, data["wanted"], name=data["name"], why=data["why"])
        except Invalid as refusal:
            form.refuse(refusal)
        else:
            return redirect("org-rules-version", found.name, made.number)
    context = head(request, found) | {"tab": "rules", "form": form, "registry_lines": _registry_lines()}
    return render(request, "pages/org_rules_write.html", context)


@asks_again
def version(request, org: str, number: int) -> HttpResponse:
    """One version of an org's rules; what it would have changed stands above the button that switches it on."""
    found = sets.seen(request.actor, org)
    kept = sets.find(found, number)
    may_change = Action.TEAMS in found.allowed
    tried, error = None, ""
    if may_change and not kept.active:
        tried = trial.run(Values.from_json(kept.values), found, name=kept.name, number=kept.number)
    if request.method == "POST":
        if tried and tried.changed and request.POST.get("confirm", "").strip() != found.name:
            sets.managed_org(request.actor, org)
            error = f"Type {found.name} to confirm." if "confirm" in request.POST else ""
        else:
            return _activate(request, found, number)
    context = head(request, found) | _set(kept, of_org=True)
    context |= {"tab": "rules", "trial": tried, "confirm_error": error, "may_change": may_change}
    return render(request, "pages/org_rules_version.html", context)


@require_POST
@asks_again
def stop(request, org: str) -> HttpResponse:
    """Switch an org's rules off; offers Undo."""
    was = sets.stop(request.actor, org)
    undo = {"url": reverse("org-rules-version", args=[org, was.number]), "fields": {"confirm": was.org.name}}
    notice = {"text": f"{was.name}: switched off. The rules of the registry count alone.", "undo": undo}
    return _set_answer(request, sets.seen(request.actor, org), notice)


@require_POST
@asks_again
def make_exception(request, org: str) -> HttpResponse:
    """Let a package through one rule for the people of an org."""
    found = sets.managed_org(request.actor, org)
    form = ExceptionForm(request.POST)
    if form.is_valid():
        try:
            made = exceptions.make(request.actor, found.name, **form.cleaned_data)
        except Invalid as refusal:
            form.refuse(refusal)
        else:
            text = f"{made.subject} is let through. {made.owner_name} answers for it."
            undo = {"url": reverse("org-rules-exception", args=[found.name, made.pk]), "fields": {"do": "end"}}
            return _exceptions_answer(request, found, {"text": text, "undo": undo})
    shown = _context(request, found) | {"form": form, "opened": True}
    return render(request, EXCEPTIONS if request.htmx else "pages/org_rules.html", shown)


@require_POST
@asks_again
def change_exception(request, org: str, key: int) -> HttpResponse:
    """End an exception now, or take that back."""
    ending = request.POST.get("do") != "resume"
    kept = (exceptions.end if ending else exceptions.resume)(request.actor, org, key)
    text = f"{kept.subject} is no longer let through." if ending else f"{kept.subject} is let through again."
    undo = {"url": request.path, "fields": {"do": "resume" if ending else "end"}}
    return _exceptions_answer(request, sets.seen(request.actor, org), {"text": text, "undo": undo})


def _activate(request, org: Org, number: int) -> HttpResponse:
    was = sets.active(org)
    try:
        kept = sets.activate(request.actor, org.name, number)
    except Conflict as refusal:
        notice: dict[str, Any] = {"text": refusal.message[:1].upper() + refusal.message[1:] + ".", "tone": "bad"}
    else:
        place, words = ("org-rules-version", [org.name, was.number]) if was else ("org-rules-stop", [org.name])
        undo = {"url": reverse(place, args=words), "fields": {"confirm": org.name}}
        notice = {"text": f"{kept.name}, version {kept.number}, counts from now on.", "undo": undo}
    return _set_answer(request, org, notice)


def _set_answer(request, org: Org, notice: dict[str, Any]) -> HttpResponse:
    page = reverse("org-rules", args=[org.name])
    return answer(request, SET, _context(request, org), page=page, notice=notice | {"about": "set"})


def _exceptions_answer(request, org: Org, notice: dict[str, Any]) -> HttpResponse:
    page = reverse("org-rules", args=[org.name])
    return answer(request, EXCEPTIONS, _context(request, org), page=page, notice=notice | {"about": "exceptions"})


def _context(request, org: Org) -> dict[str, Any]:
    counts, versions = sets.shown(org, VERSIONS_SHOWN)
    found = head(request, org) | _set(counts, of_org=True) | _exceptions(org)
    return found | {
        "tab": "rules",
        "may_change": Action.TEAMS in org.allowed,
        "versions": versions,
        "form": ExceptionForm(initial={"owner": request.actor.name}),
        "make_url": reverse("org-rules-exceptions", args=[org.name]),
    }


def _set(kept: RuleSet | None, *, of_org: bool) -> dict[str, Any]:
    lines = showing.in_words(Values.from_json(kept.values), of_org=of_org) if kept else []
    return {"set": kept, "lines": lines}


def _exceptions(org: Org | None) -> dict[str, Any]:
    live, over = exceptions.shown(org, EXCEPTIONS_SHOWN)
    return {"live": live, "over": over[:OVER_SHOWN]}


def _registry_lines() -> list[showing.Line]:
    kept = sets.active(None)
    return showing.in_words(Values.from_json(kept.values), of_org=False) if kept else []


def _org_sets(actor: Actor) -> list[RuleSet]:
    theirs = Membership.objects.standing().filter(user=actor.user).order_by().values("org")
    return list(RuleSet.objects.filter(active=True, org__in=theirs).select_related("org__scope"))


def _asked(actor: Actor, name: str) -> dict[str, Any]:
    try:
        package = access.find(actor, PackageAction.VIEW, name)
    except NotFound:
        return {"asked": name, "unknown": True}
    return {"asked": name, "ours": not package.mirrored, "explained": rules.explain(actor, package)}
