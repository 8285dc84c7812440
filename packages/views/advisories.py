"""What is known to be wrong with versions: the pages of a package, and one about everything."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.actor import Actor
from packages import access, advising, ranges
from packages.access import Action
from packages.advisories import listing
from packages.models import Advisory, Package, Severity
from packages.views import context
from packages.views.advisory_forms import AdvisoryForm
from packages.views.paging import page_of
from registry_site.errors import NotFound, Refusal
from registry_site.htmx import answer, take_notice

A_PAGE = 50
NUMBERS_SHOWN = 60


def index(request, name: str) -> HttpResponse:
    """The advisories about a package; those who manage it publish one here."""
    form = None
    if request.method == "POST":
        access.find(request.actor, Action.MANAGE, name)
        form = AdvisoryForm(request.POST)
        made = _done(form, lambda draft: advising.publish(request.actor, name, draft))
        if made is not None:
            said = f"{made.key} is published. Audits of those who may see {name} show it from now on."
            messages.success(request, said)
            return redirect("package-advisory", name, made.key)
    found, shared = context.of_package(request, name, "advisories")
    may = not found.mirrored and "manage" in shared["can"]
    rows = Advisory.objects.of(found).select_related("published_by").defer("text", "html")
    shared |= {"page": page_of(request, rows, A_PAGE), "form": (form or AdvisoryForm()) if may else None}
    status = 422 if form is not None and form.errors else 200
    return render(request, "pages/package_advisories.html", shared, status=status)


def one(request, name: str, key: str) -> HttpResponse:
    """One advisory; those who manage the package amend it here."""
    form = None
    if request.method == "POST":
        access.find(request.actor, Action.MANAGE, name)
        form = AdvisoryForm(request.POST)
        if _done(form, lambda draft: advising.amend(request.actor, name, key, draft)) is not None:
            notice = {"text": "It is amended."}
            return answer(request, CARD, _card(request, name, key), page=_address(name, key), notice=notice)
    shared = _card(request, name, key) | {"notice": take_notice(request)}
    if form is not None:
        shared["form"] = form
    template = CARD if request.htmx and form is not None else "pages/package_advisory.html"
    return render(request, template, shared, status=422 if form is not None else 200)


@require_POST
def withdraw(request, name: str, key: str) -> HttpResponse:
    """Take an advisory back, or with `back` let it stand again."""
    if request.POST.get("back"):
        advising.reinstate(request.actor, name, key)
        notice: dict[str, Any] = {"text": "It stands again."}
    else:
        try:
            advising.withdraw(request.actor, name, key, request.POST.get("reason", ""))
        except Refusal as refusal:
            if refusal.code != "reason":
                raise
            shared = _card(request, name, key) | {"reason_error": refusal.message}
            return render(request, CARD if request.htmx else "pages/package_advisory.html", shared, status=422)
        undo = {"url": reverse("package-advisory-withdraw", args=[name, key]), "fields": {"back": "yes"}}
        notice = {"text": "It is withdrawn: audits and warnings drop it.", "undo": undo}
    return answer(request, CARD, _card(request, name, key), page=_address(name, key), notice=notice)


def everything(request) -> HttpResponse:
    """What is known of all packages here that the viewer may see, the newest first."""
    chosen = request.GET.get("severity", "")
    chosen = chosen if chosen in Severity.values else ""
    page = page_of(request, listing.visible_to(request.actor, chosen), A_PAGE)
    rows = listing.with_versions(page.object_list)
    shared = {"page": page, "rows": rows, "severity": chosen, "severities": reversed(Severity.choices)}
    return render(request, "pages/advisories.html", shared)


CARD = "partials/advisory.html"


def _card(request, name: str, key: str) -> dict[str, Any]:
    found, shared = context.of_package(request, name, "advisories")
    row = Advisory.objects.of(found).filter(key=key).select_related("published_by").first()
    if row is None:
        raise NotFound(f"{name} has no advisory {key}")
    numbers = _numbers(request.actor, found, shared)
    inside = ranges.inside(row.range, numbers)
    may = row.is_own and "manage" in shared["can"]
    return shared | {
        "advisory": row,
        "inside": inside[:NUMBERS_SHOWN],
        "inside_more": max(len(inside) - NUMBERS_SHOWN, 0),
        "fixed_is_listed": row.fixed_in in numbers,
        "may_change": may,
        "form": AdvisoryForm.of(row) if may else None,
    }


def _numbers(actor: Actor, package: Package, shared: dict[str, Any]) -> list[str]:
    if shared["shelf"] is not None:
        return list(shared["shelf"].manifests)
    return list(package.versions.listed().values_list("number", flat=True))


def _address(name: str, key: str) -> str:
    return reverse("package-advisory", args=[name, key])


def _done(form: AdvisoryForm, change) -> Advisory | None:
    if not form.is_valid():
        return None
    try:
        return change(form.draft())
    except Refusal as refusal:
        if refusal.code not in form.fields:
            raise
        form.add_error(refusal.code, refusal.message[:1].upper() + refusal.message[1:] + ".")
        return None
