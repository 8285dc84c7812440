"""Settings / webhooks: the addresses that are told of changes, and what they were told."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from packages import webhooks
from packages.views.paging import page_of
from packages.webhooks import keeping, signing
from registry_site.errors import NotFound, Refusal
from registry_site.htmx import answer, take_notice

A_PAGE = 20


class HookForm(forms.Form):
    """A webhook that is made, or gets another address."""

    subject = forms.CharField(
        max_length=215,
        label="About",
        help_text="A package (@acme/ledger), every package of a scope (@acme), or of a person (~dana).",
    )
    endpoint = forms.CharField(max_length=keeping.MAX_URL, label="Address", widget=forms.URLInput)
    secret = forms.CharField(
        max_length=keeping.MAX_SECRET,
        label="Secret",
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="It signs each message, so that the receiver knows where it is from.",
    )


class ChangeForm(HookForm):
    """Another address, or another secret, or both."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["subject"]
        self.fields["secret"].required = False
        self.fields["secret"].help_text = "Empty: the one it has."


@login_required
@sensitive_post_parameters("secret")
def page(request) -> HttpResponse:
    """One's webhooks, and a form for a new one."""
    form = HookForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            kind, name = keeping.parse(given["subject"])
            hook = webhooks.add(request.actor, kind, name, given["endpoint"], given["secret"])
        except NotFound as refusal:
            form.add_error("subject", refusal.message)
        except Refusal as refusal:
            form.add_error("endpoint", refusal.message)
        else:
            return redirect("webhook", key=hook.key)
    hooks = webhooks.mine(request.actor)
    context = {"form": form, "hooks": hooks, "section": "webhooks", "notice": take_notice(request)}
    return render(request, "pages/settings_webhooks.html", context)


@login_required
@sensitive_post_parameters("secret")
def hook(request, key) -> HttpResponse:
    """One webhook: its address, whether it is paused, its last messages."""
    found = webhooks.seen(request.actor, str(key))
    form = ChangeForm(request.POST or None, initial={"endpoint": found.endpoint})
    if request.method == "POST" and form.is_valid():
        try:
            webhooks.change(request.actor, str(key), form.cleaned_data["endpoint"], form.cleaned_data["secret"])
        except Refusal as refusal:
            form.add_error("endpoint", refusal.message)
        else:
            return answer_with(request, key, "The webhook has its new address.")
    return render(request, "pages/settings_webhook.html", _context(request, key) | {"form": form})


@login_required
def message(request, key, number: int) -> HttpResponse:
    """One message: what was sent, each attempt, and how the answer begins."""
    found = webhooks.seen(request.actor, str(key))
    told = keeping.delivery(request.actor, found, number)
    tries = [each | {"at": datetime.fromtimestamp(each["at"], UTC)} for each in reversed(told.tries or [])]
    context = {
        "section": "webhooks",
        "hook": found,
        "message": told,
        "tries": tries,
        "headers": signing.shown(told, str(int(tries[0]["at"].timestamp())) if tries else ""),
        "payload": json.dumps(json.loads(told.payload), indent=2, ensure_ascii=False),
    }
    return render(request, "pages/settings_webhook_message.html", context)


@login_required
@require_POST
def act(request, key) -> HttpResponse:
    """Pause, resume, send a test message, send a message again, make a new secret, remove."""
    match request.POST.get("do", ""):
        case "pause":
            webhooks.pause(request.actor, str(key))
            return answer_with(request, key, "Paused. What happens meanwhile it is not told.")
        case "resume":
            webhooks.resume(request.actor, str(key))
            return answer_with(request, key, "It is told of changes again.")
        case "test":
            try:
                webhooks.say_hello(request.actor, str(key))
            except Refusal as refusal:
                return answer_with(request, key, refusal.message, tone="bad")
            return answer_with(request, key, "A test message is on its way; it appears below when it was answered.")
        case "redeliver":
            webhooks.redeliver(request.actor, str(key), _number(request.POST.get("delivery", "")))
            return answer_with(request, key, "The message is on its way again.")
        case "rotate":
            secret = webhooks.rotate(request.actor, str(key))
            return render(request, "pages/settings_webhook.html", _context(request, key) | {"secret": secret})
        case "remove":
            webhooks.remove(request.actor, str(key))
            request.session["notice"] = {"text": "The webhook is gone, and its messages with it."}
            return redirect("webhooks")
    raise NotFound("there is nothing like it to do with a webhook")


def answer_with(request, key, text: str, tone: str = "good") -> HttpResponse:
    """The card of a hook after something was done with it."""
    notice = {"text": text, "tone": tone}
    page = reverse("webhook", args=[key])
    return answer(request, "partials/webhook.html", _context(request, key), page=page, notice=notice)


def _context(request, key) -> dict[str, Any]:
    found = webhooks.seen(request.actor, str(key))
    return {
        "hook": found,
        "page": page_of(request, keeping.deliveries(request.actor, found), A_PAGE),
        "form": ChangeForm(initial={"endpoint": found.endpoint}),
        "section": "webhooks",
        "notice": take_notice(request),
    }


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0
