"""Actions of the admin site that ask first: what they are about, in a list, and what they need to know."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.template.response import TemplateResponse

from accounts.actor import Actor, address_of
from registry_site.errors import Refusal

MOST = 200  # rows of one action


class NoMore(forms.Form):
    """The form of an action that needs to know nothing more."""


def actor_of(request) -> Actor:
    """The operator behind an admin page, as verbs and the audit log know them."""
    return Actor(request.user, credential="operator", address=address_of(request), request_id=request.request_id)


def confirm(
    admin,
    request,
    rows: Iterable[Any],
    act: Callable[[Any, dict[str, Any]], object],
    *,
    title: str,
    says: str,
    button: str,
    done: str,
    describe: Callable[[Any], str] = str,
    form: type[forms.Form] = NoMore,
) -> TemplateResponse | None:
    """Ask before an action; once that is confirmed, do it row by row and say what came of each.

    act: the verb, given a row and what the form said. describe: what the list says of a row.
    title, says, button, done: the page's words; done comes before the names of the rows it was done to.
    A refusal of one row is shown and the others go on, each in its own transaction.
    """
    chosen = list(rows[:MOST])
    asked = "confirmed" in request.POST
    filled = form(request.POST if asked else None)
    if not (asked and filled.is_valid()):
        context = {
            **admin.admin_site.each_context(request),
            "title": title,
            "says": says,
            "button": button,
            "opts": admin.model._meta,
            "media": admin.media,
            "rows": [(row.pk, describe(row)) for row in chosen],
            "form": filled,
            "action": request.POST.get("action", ""),
            "checkbox": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/confirm.html", context)
    finished = []
    for row in chosen:
        try:
            act(row, filled.cleaned_data)
            finished.append(str(row))
        except Refusal as refusal:
            admin.message_user(request, f"{row}: {refusal.message}", messages.ERROR)
    if finished:
        admin.message_user(request, f"{done} {', '.join(finished)}.", messages.SUCCESS)
    return None
