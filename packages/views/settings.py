"""The settings of a package, one card a subject; and the workflows of names that nobody published yet."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.models import Scope
from orgs import access as org_access
from packages import access, providers, trust, workflows
from packages.access import Action
from packages.models import TrustedPublisher
from packages.upstream import namesakes
from packages.views import context
from packages.views.orgs import org_head
from packages.views.trust_forms import FORMS, PublisherForm
from registry_site.errors import Conflict, Invalid, Malformed, NotFound


def page(request, name: str) -> HttpResponse:
    """The settings page of a package, for those who may manage it. Each card brings its own part of the context."""
    return _page(request, name)


@require_POST
def package_trust(request, name: str) -> HttpResponse:
    """Trust a workflow, or no longer."""
    access.find(request.actor, Action.MANAGE, name)
    request.actor.require_second_factor()
    if key := request.POST.get("remove", ""):
        trust.remove(request.actor, name, key)
        messages.success(request, "This workflow publishes no more. Tokens it was given ended.")
        return redirect("package-settings", name)
    form = _posted(request)
    if form.is_valid() and _added(request, form, name):
        return redirect("package-settings", name)
    return _page(request, name, form)


def scope_trust(request, scope: str) -> HttpResponse:
    """Workflows that may publish the first version of a package, in a scope that the viewer manages."""
    found = trust.managed_scope(request.actor, scope)
    form = None
    if request.method == "POST":
        request.actor.require_second_factor()
        if key := request.POST.get("remove", ""):
            trust.remove(request.actor, request.POST.get("package", ""), key)
            messages.success(request, "This workflow publishes no more. Tokens it was given ended.")
            return redirect("scope-trust", scope)
        form = _posted(request, scope)
        if form.is_valid() and _added(request, form, form.name()):
            return redirect("scope-trust", scope)
    publishers = list(trust.pending_in(found))
    address = reverse("scope-trust", args=[scope])
    card = _trust(request, publishers, {each.name for each in publishers}, address, address, form, scope)
    head = {}
    if found.kind == Scope.Kind.ORG:
        head = org_head(request, org_access.find(request.actor, org_access.Action.TEAMS, scope)) | {"tab": "packages"}
    return render(request, "pages/scope_trust.html", head | card | {"scope": found})


def _page(request, name: str, trust_form: PublisherForm | None = None) -> HttpResponse:
    found, shared = context.of_package(request, name, "settings")
    if "manage" not in shared["can"]:
        access.find(request.actor, Action.MANAGE, name)  # says what is lacking
    here, there = reverse("package-settings", args=[found.name]), reverse("package-trust", args=[found.name])
    shared |= _trust(request, trust.of(request.actor, name), [name], here, there, trust_form)
    shared["namesake"] = namesakes.of(found)
    return render(request, "pages/package_settings.html", shared)


def _trust(request, publishers: list[TrustedPublisher], names, here: str, there: str, form, scope="") -> dict[str, Any]:
    if "confirm" in request.GET:
        request.actor.require_second_factor()  # asks for it, and comes back here
    known = providers.known()
    forms = [FORMS[each.flavour](each, scope=scope) for each in known.values()]
    if form is not None:
        forms = [form if each.provider == form.provider else each for each in forms]
    return {
        "publishers": [_shown(each, known) for each in publishers],
        "refusals": trust.refusals(names),
        "trust_forms": forms,
        "trust_page": here,
        "trust_action": there,
        "trust_scope": scope,
        "has_two_factor": request.actor.user is not None and request.actor.user.has_two_factor,
        "may_change": request.actor.second_factor,
    }


def _shown(publisher: TrustedPublisher, known: dict[str, providers.Provider]) -> dict[str, Any]:
    provider = known.get(publisher.kind)
    return {
        "row": publisher,
        "title": provider.title if provider else publisher.kind,
        "workflow": workflows.summary(provider.flavour if provider else "any", publisher.claims),
        "may": " and ".join({trust.PUBLISH: "publish", trust.STAGE: "stage"}[each] for each in publisher.permissions),
    }


def _posted(request, scope: str = "") -> PublisherForm:
    provider = providers.known().get(request.POST.get("kind", ""))
    if provider is None:
        raise NotFound("this registry does not know this kind of workflow")
    return FORMS[provider.flavour](provider, request.POST, scope=scope)


def _added(request, form: PublisherForm, name: str) -> bool:
    try:
        publisher = trust.add(request.actor, name, form.provider.name, form.claims(), form.permissions())
    except (Malformed, Invalid, Conflict) as refusal:
        form.add_error(None, refusal.message)
        return False
    workflow = workflows.summary(form.provider.flavour, publisher.claims)
    messages.success(request, f"{workflow} may publish {name} from now on.")
    return True
