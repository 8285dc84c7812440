"""What every request passes: an id, the right address table, sign-in where the mode asks for it."""

from __future__ import annotations

import functools
import secrets
from urllib.parse import urlsplit

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.http import HttpResponse
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import redirect
from django.urls import Resolver404, ResolverMatch, resolve, reverse, set_urlconf
from django.utils.cache import patch_vary_headers
from django.utils.http import urlencode

from accounts import standstill
from accounts.endpoint import READING
from packages import reserve
from registry_site import errorpages
from registry_site.errors import OneTimePassRequired, Refusal, SignInRequired, StepUpRequired

# Short enough to read out: 50 bits, without letters and digits that look like others.
REFERENCE = "abcdefghjkmnpqrstuvwxyz23456789"
REFERENCE_LENGTH = 10
REGISTRY = ("/npm/", "/-/")  # what of the website's host is the registry's
MAX_KNOWN_PATH = 300


class RequestIdMiddleware:
    """Gives each request an id that answers and logs carry, and errors as the reference to look them up by."""

    def __init__(self, get_response) -> None:
        self.get_response = get_response

    def __call__(self, request) -> HttpResponse:
        request.request_id = reference()
        response = errorpages.bad_request(request) if "\0" in request.path_info else self.get_response(request)
        response["X-Request-ID"] = request.request_id
        return response


def reference() -> str:
    """A new request id."""
    number, text = int.from_bytes(secrets.token_bytes(8), "big"), ""
    for _ in range(REFERENCE_LENGTH):
        number, letter = divmod(number, len(REFERENCE))
        text += REFERENCE[letter]
    return text


class CompressMiddleware(GZipMiddleware):
    """Compresses pages for visitors who are not signed in.

    What a signed-in person sees is private, and beside it stands what an address says (`?q=`): the size of both
    compressed together would tell one from the other (BREACH). A stranger's page holds no secret but the CSRF token,
    which is masked anew in each answer.
    """

    def process_response(self, request, response) -> HttpResponse:
        stranger = settings.SESSION_COOKIE_NAME not in request.COOKIES
        kind = response.headers.get("Content-Type", "")  # a 304 has none
        if stranger and getattr(request, "is_page", False) and kind.startswith("text/html"):
            return super().process_response(request, response)
        return response


class RegistryMiddleware:
    """Answers npm clients at once: what stands below it (sessions, languages, messages) is for pages.

    `REGISTRY_HOST` is the registry at the root of a host of its own; it has no website.
    """

    def __init__(self, get_response) -> None:
        self.get_response = get_response

    def __call__(self, request) -> HttpResponse:
        if settings.REGISTRY_HOST and request.get_host() == settings.REGISTRY_HOST:
            request.urlconf = "registry_site.registry_urls"
            set_urlconf(request.urlconf)
        elif not request.path_info.startswith(REGISTRY):
            return self.get_response(request)
        try:
            match = _view_of(request.path_info, getattr(request, "urlconf", settings.ROOT_URLCONF))
        except Resolver404:
            return self.get_response(request)
        request.get_host()  # raises for a host that is not ours
        request.resolver_match, request.is_page = match, False
        return match.func(request, *match.args, **match.kwargs)


def _view_of(path: str, urlconf: str) -> ResolverMatch:
    return _known_view(path, urlconf) if len(path) <= MAX_KNOWN_PATH else resolve(path, urlconf)


# Finding the view of a path tries a hundred patterns; the same few thousand paths are asked for all day.
_known_view = functools.lru_cache(4096)(resolve)


class PageMiddleware:
    """Turns refusals into pages, keeps private pages out of caches, and in enterprise mode lets nobody in unseen."""

    def __init__(self, get_response) -> None:
        self.get_response = get_response

    def __call__(self, request) -> HttpResponse:
        response = self.get_response(request)
        if getattr(request, "is_page", True):  # also what was found nowhere: its page says who is signed in
            response.headers.setdefault("Cache-Control", "private, no-store")
            patch_vary_headers(response, ["Cookie", "HX-Request"])
            match = request.resolver_match
            if request.method == "POST" and match and match.url_name == "account_logout":
                response["Clear-Site-Data"] = '"cache", "storage"'  # nothing stays behind in a shared browser
        return response

    def process_view(self, request, view, args, kwargs) -> HttpResponse | None:
        request.is_page = not hasattr(view, "handlers")  # the others are the registry's endpoints
        if request.is_page and request.method not in READING and not _lets_in_or_out(request):
            try:
                standstill.require_off()
            except Refusal as refusal:
                return errorpages.refusal(request, refusal)
        if not request.is_page or settings.REGISTRY_MODE != "enterprise":
            return None
        if getattr(view, "open_to_all", False) or request.actor.is_signed_in or _is_door(request):
            return None
        return to_login(request)

    def process_exception(self, request, error) -> HttpResponse | None:
        if not isinstance(error, Refusal):
            return None
        if isinstance(error, SignInRequired):
            return to_login(request)
        if isinstance(error, OneTimePassRequired | StepUpRequired):
            return to_step_up(request)
        return errorpages.refusal(request, error)


def to_login(request) -> HttpResponse:
    """Send a visitor to sign in, and back here afterwards."""
    here = request.get_full_path() if request.method == "GET" else "/"
    address = reverse("account_login") + "?" + urlencode({"next": here})
    if request.htmx:
        return HttpResponse(headers={"HX-Redirect": address})
    return redirect(address)


def to_step_up(request) -> HttpResponse:
    """Send a person to show once more who they are, and back to the page they were on."""
    here = request.get_full_path()
    if request.method != "GET":
        came_from = urlsplit(request.headers.get("referer", ""))
        here = came_from.path if came_from.netloc == request.get_host() else "/"
    ways = get_adapter(request).get_reauthentication_methods(request.user)
    address = (ways[0]["url"] if ways else reverse("account_login")) + "?" + urlencode({"next": here})
    if request.htmx:
        return HttpResponse(headers={"HX-Redirect": address})
    return redirect(address)


def _is_door(request) -> bool:
    name = request.resolver_match.url_name or ""
    return (
        name.startswith(("account_", "mfa_authenticate", "mfa_login"))
        or name in ("invitation", "first-admin", "oidc-login", "oidc-callback", "socialaccount_signup")
        or request.path.startswith("/admin/")
    )


def _lets_in_or_out(request) -> bool:
    # What goes on in read-only mode; the operators' own switch is among it.
    name = request.resolver_match.url_name or ""
    return name.startswith(("mfa_authenticate", "mfa_login", "mfa_reauthenticate", "accounts_readonly_")) or name in (
        "account_login",
        "account_logout",
        "account_reauthenticate",
        "approve-login",
        "login",  # of the admin site
        "logout",
        "oidc-login",
        "oidc-again",
        "oidc-callback",
    )


def site(request) -> dict:
    """What every template knows about this registry."""
    return {
        "registry_name": settings.REGISTRY_NAME,
        "registry_mode": settings.REGISTRY_MODE,
        "upstream_on": bool(settings.UPSTREAM_URL or settings.UPSTREAMS),
        "registration_open": settings.REGISTRATION == "open",
        "mail_on": bool(settings.EMAIL_URL),
        "oidc_name": settings.OIDC_NAME if settings.OIDC_URL else "",
        "ldap_name": settings.LDAP_NAME if settings.LDAP_URL else "",
        "standstill": standstill.lately(),
        "storage_is_low": lambda: bool(reserve.low()),  # it asks disks, and most pages do not want to know
        "request_id": getattr(request, "request_id", ""),
    }
