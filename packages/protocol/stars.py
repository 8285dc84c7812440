"""`npm star`, `npm stars` and what pnpm asks instead.

No document has npm's `users`: npm needs it neither to star nor to unstar, a packument would grow with every star, and
one that differs for each reader could not be kept. Clients send what they know of it; only the caller's entry counts.
"""

from __future__ import annotations

from django.http import JsonResponse

from accounts import people
from accounts.body import read_object, text_field
from accounts.models import User
from packages import stars
from packages.names import PackageName
from registry_site.errors import NotFound, SignInRequired

MOST = 1000  # names in one list


def put_users(request, name: str, users: frozenset[str]) -> None:
    """`npm star|unstar`, PUT /PKG with `users`: the caller's own entry, there or not, is what they want."""
    stars.set_star(request.actor, name, request.actor.name in users)


def put_own(request) -> JsonResponse:
    """`pnpm star`: the package is named in the body."""
    return _set(request, _named(request), True)


def delete_own(request) -> JsonResponse:
    """`pnpm unstar`: a DELETE with a body."""
    return _set(request, _named(request), False)


def put_package(request, name: str) -> JsonResponse:
    """`pnpm star`, its second way."""
    return _set(request, name, True)


def delete_package(request, name: str) -> JsonResponse:
    """`pnpm unstar`, its second way."""
    return _set(request, name, False)


def own(request) -> JsonResponse:
    """`pnpm stars`: one's own."""
    if request.actor.user is None:
        raise SignInRequired("log in to see your stars, or name a user")
    return JsonResponse(_names(request, request.actor.user), safe=False)


def of_user(request, user: str) -> JsonResponse:
    """`pnpm stars USER`: names in an array; objects would print nothing."""
    return JsonResponse(_names(request, _person(request, user)), safe=False)


def view(request) -> JsonResponse:
    """`npm stars [USER]`: the answer of a CouchDB view, asked with `?key="alice"`."""
    name = request.GET.get("key", "").strip('"')
    return JsonResponse({"rows": [{"value": each} for each in _names(request, _person(request, name))]})


def _set(request, name: str, starred: bool) -> JsonResponse:
    stars.set_star(request.actor, name, starred)
    return JsonResponse({"ok": True})


def _named(request) -> str:
    body = read_object(request)
    return PackageName.parse(text_field(body, "package", text_field(body, "name", ""))).full


def _person(request, name: str) -> User:
    request.actor.require_admitted()
    if "\0" in name:
        raise NotFound("there is no such user")
    return people.find(name)


def _names(request, person: User) -> list[str]:
    return list(stars.of_person(request.actor, person).values_list("name", flat=True)[:MOST])
