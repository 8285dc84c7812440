"""`npm access` and the lists behind it."""

from __future__ import annotations

from typing import Any

from django.http import JsonResponse

from accounts import people
from accounts.body import read_object, text_field
from orgs import access as org_access
from packages import access, reach, search, sharing, wire
from packages.access import Action
from packages.collaborators import everyone, may_see_people
from packages.models import TwoFactor
from packages.packuments import maintainers
from packages.policy import Standing
from registry_site.errors import Malformed


def set_access(request, name: str) -> JsonResponse:
    """`npm access set status=private|public` and `set mfa=none|publish|automation`; npm 8 has words of its own."""
    body = read_object(request)
    if "publish_requires_tfa" in body:
        sharing.set_two_factor(request.actor, name, _two_factor(body))
    if "access" in body or "publish_requires_tfa" not in body:
        sharing.set_access(request.actor, name, wire.read_access(body))
    return JsonResponse({})


def get_access(request, name: str) -> JsonResponse:
    """`pnpm access get status`."""
    return JsonResponse({"access": access.find(request.actor, Action.VIEW, name).access})


def collaborators(request, name: str) -> JsonResponse:
    """`npm access list collaborators`: everyone with a right of their own; outsiders see the maintainers only.

    npm reads an object, pnpm an array, and both ask with format=cli, so the client's name decides.
    """
    package = access.find(request.actor, Action.VIEW, name)
    if may_see_people(package):
        found = {each.user.username: _level(each.reason.standing) for each in everyone(package)}
    else:
        found = {each["name"]: "write" for each in maintainers(package)}
    if (wanted := request.GET.get("user")) is not None:
        found = {user: level for user, level in found.items() if user == wanted}
    if "format" in request.GET and request.headers.get("user-agent", "").startswith("pnpm/"):
        rows = [{"username": user, "permissions": f"read-{_LONG[level]}"} for user, level in found.items()]
        return JsonResponse(rows, safe=False)
    return JsonResponse(found)


def add_owner(request, name: str) -> JsonResponse:
    """`pnpm owner add PKG USER`."""
    sharing.add_owner(request.actor, name, text_field(read_object(request), "user"))
    return JsonResponse({"ok": True})


def remove_owner(request, name: str, user: str) -> JsonResponse:
    """`pnpm owner rm PKG USER`."""
    sharing.remove_owner(request.actor, name, user)
    return JsonResponse({"ok": True})


def org_packages(request, org: str) -> JsonResponse:
    """`npm access list packages ORG`: 404 for an unknown org makes npm ask for a user of the name."""
    found = org_access.find(request.actor, org_access.Action.VIEW, org)
    packages = access.visible_to(request.actor).filter(scope=found.scope).order_by("name")
    return JsonResponse({name: _level(standing) for name, standing in packages.values_list("name", "standing")})


def user_packages(request, user: str) -> JsonResponse:
    """`npm access list packages USER`."""
    request.actor.require_admitted()
    person = people.find(user)
    packages = search.of_person(request.actor, person).annotate(theirs=reach.standing(person.pk))
    return JsonResponse({name: _level(theirs) for name, theirs in packages.values_list("name", "theirs")})


def team_packages(request, org: str, team: str) -> JsonResponse:
    """`npm access list packages ORG:TEAM`."""
    holder = org_access.find(request.actor, org_access.Action.PEOPLE, org)
    visible = access.seen_by(request.actor).filter(scope=holder.scope).order_by()
    grants = org_access.find_team(holder, team).grants.filter(package__in=visible.values("pk"))
    return JsonResponse(dict(grants.order_by("package__name").values_list("package__name", "permission")))


def grant(request, org: str, team: str) -> JsonResponse:
    """`npm access grant read-only|read-write ORG:TEAM PKG`."""
    body = read_object(request)
    sharing.grant_team(request.actor, text_field(body, "package"), org, team, text_field(body, "permissions"))
    return JsonResponse({}, status=201)


def revoke(request, org: str, team: str) -> JsonResponse:
    """`npm access revoke ORG:TEAM PKG`."""
    sharing.revoke_team(request.actor, text_field(read_object(request), "package"), org, team)
    return JsonResponse({})


def _two_factor(body: dict[str, Any]) -> TwoFactor:
    # npm 6 and pnpm send the first key alone: tokens for CI then go on, as they did for npm 6's own registry.
    asked, tokens_pass = body["publish_requires_tfa"], body.get("automation_token_overrides_tfa", True)
    if not isinstance(asked, bool) or not isinstance(tokens_pass, bool):
        raise Malformed("publish_requires_tfa and automation_token_overrides_tfa are true or false")
    if not asked:
        return TwoFactor.NONE
    return TwoFactor.AUTOMATION if tokens_pass else TwoFactor.PUBLISH


def _level(standing: int) -> str:
    return "write" if standing >= Standing.WRITER else "read"


_LONG = {"write": "write", "read": "only"}
