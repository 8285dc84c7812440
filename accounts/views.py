"""Pages about oneself: profile, tokens, approving a login, connecting a client."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import login as start_session
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from accounts import logins, people, twofactor
from accounts import tokens as token_verbs
from accounts.adapter import INVITATION_KEY
from accounts.endpoint import registry
from accounts.forms import FirstAdminForm, ProfileForm, TokenForm
from accounts.models import Token
from registry_site.errors import NotFound, Refusal
from registry_site.htmx import answer, take_notice

# yarn sends no token for names without a scope unless told to, and refuses what is younger than a day.
YARN = ("npmAlwaysAuth true", "npmMinimalAgeGate 0")
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@login_required
def profile(request) -> HttpResponse:
    """Settings / profile."""
    form = ProfileForm(request.POST or None, instance=request.actor.user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Profile saved.")
        return redirect("profile")
    return render(request, "pages/settings_profile.html", {"form": form, "section": "profile"})


@login_required
def tokens(request) -> HttpResponse:
    """Settings / tokens: those that live, and a form for a new one, whose secret is shown once."""
    form = TokenForm(request.POST or None)
    secret = ""
    if request.method == "POST" and form.is_valid():
        _, secret = _issue(request, form.cleaned_data)
        form = TokenForm()
    context = {"form": form, "secret": secret, "section": "tokens", "notice": take_notice(request)}
    return render(request, "pages/settings_tokens.html", context | _live(request))


@login_required
@require_POST
def revoke_token(request, key) -> HttpResponse:
    """Revoke one of one's own tokens, at once."""
    token_verbs.revoke(request.actor, request.actor.user, str(key))
    notice = {"text": "Token revoked. Whatever used it gets 401 from now on."}
    return answer(request, "partials/token_list.html", _live(request), page=reverse("tokens"), notice=notice)


@login_required
def approve_login(request, login) -> HttpResponse:
    """The page that `npm login` opens: what asked, from where; approve or deny."""
    try:
        waiting = logins.waiting(login)
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
        waiting = twofactor.waiting(request.actor, command)
        if request.method == "POST" and request.POST.get("decision") != "approve":
            twofactor.deny(request.actor, command)
            return render(request, "pages/command_decided.html", {"approved": False})
        if request.method == "POST":
            code = twofactor.approve(request.actor, command)
            return render(request, "pages/command_decided.html", {"approved": True, "code": code})
    except NotFound as refusal:
        return render(request, "pages/command_decided.html", {"ended": refusal.message}, status=404)
    return render(request, "pages/approve_command.html", {"waiting": waiting})


def invitation(request, secret: str) -> HttpResponse:
    """The link of an invitation: on to the sign-up form."""
    if people.open_invitation(secret) is None:
        raise NotFound("this invitation was used already, or it never was one")
    request.session[INVITATION_KEY] = secret
    return redirect("account_signup")


@sensitive_post_parameters("password")
def first_admin(request, key: str) -> HttpResponse:
    """The one-time page from the server's log that makes the first admin."""
    people.require_first_admin_key(key)
    form = FirstAdminForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            user = people.create_first_admin(key, given["username"], given["email"], given["password"])
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            start_session(request, user, backend=BACKEND)
            messages.success(request, f"Welcome, {user}. You are the admin of this registry.")
            return redirect("home")
    return render(request, "pages/first_admin.html", {"form": form})


def connect(request) -> HttpResponse:
    """The commands that point a client here."""
    address = registry(request) + "/"
    return render(
        request,
        "pages/connect.html",
        {
            "address": address,
            "scope": request.actor.name or "your-name",
            "npmrc": f"registry={address}\n{address.partition(':')[2]}:_authToken=${{NPM_TOKEN}}",
            "yarn": "\n".join(f"yarn config set {line}" for line in (f"npmRegistryServer {address}", *YARN)),
        },
    )


def _issue(request, given: dict) -> tuple[Token, str]:
    limits = given["limits"].replace(",", " ").lower().split()
    return token_verbs.issue(
        request.actor,
        request.actor.user,
        kind=Token.Kind.GRANULAR,
        name=given["name"],
        permission=given["access"],
        packages=[limit for limit in limits if "/" in limit or not limit.startswith("@")],
        scopes=[limit.removeprefix("@") for limit in limits if limit.startswith("@") and "/" not in limit],
        days=given["days"],
    )


def _live(request) -> dict:
    found = token_verbs.live(request.actor.user)
    return {"tokens": [(token, token_verbs.expiry(token)) for token in found]}
