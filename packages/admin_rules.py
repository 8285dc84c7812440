"""The registry's rules for operators: write a version, see what it would have changed, switch it on; exceptions."""

from __future__ import annotations

import re
from collections.abc import Callable

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path

from accounts.admin import ReadOnlyAdmin
from accounts.operating import actor_of, confirm
from packages.models import RuleException, RuleSet, RulesStamp
from packages.rules import exceptions, sets, showing, trial
from packages.rules.forms import ExceptionForm, RulesForm
from packages.rules.values import Values
from registry_site.errors import Invalid, NotFound

_NUMBER = re.compile(r"[0-9]{1,9}")
SETS, EXCEPTIONS = "admin:packages_ruleset_changelist", "admin:packages_ruleexception_changelist"


class OperatedAdmin(ReadOnlyAdmin):
    """Rows that are written by forms of their own, by superusers."""

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, {"may_operate": request.user.is_superuser} | (extra_context or {}))

    def operated(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        """The view for superusers alone, behind the admin site's door."""

        def guarded(request, *args, **kwargs) -> HttpResponse:
            if not self.has_operate_permission(request):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return self.admin_site.admin_view(guarded)

    def show(self, request, template: str, title: str, **more) -> TemplateResponse:
        """A page of this model below its list."""
        context = {**self.admin_site.each_context(request), "title": title, "opts": self.model._meta, **more}
        return TemplateResponse(request, template, context)


@admin.register(RuleSet)
class RuleSetAdmin(OperatedAdmin):
    list_display = ["__str__", "org", "active", "made_by", "made_at", "activated_at"]
    list_filter = ["active", ("org", admin.EmptyFieldListFilter)]
    list_select_related = ["org__scope"]
    search_fields = ["name", "why", "org__scope__name"]
    ordering = ["org", "-number"]
    change_list_template = "admin/rules_list.html"
    change_form_template = "admin/rules_row.html"

    def get_urls(self):
        own = [
            path("write/", self.operated(self.write), name="packages_ruleset_write"),
            path("<int:number>/review/", self.operated(self.review), name="packages_ruleset_review"),
            path("stop/", self.operated(self.stop), name="packages_ruleset_stop"),
        ]
        return own + super().get_urls()

    def write(self, request) -> HttpResponse:
        """A new version of the registry's rules, from the one that counts or from another."""
        kept = _kept(request.GET.get("from", ""))
        said, name = (Values.from_json(kept.values), kept.name) if kept else (None, "Rules of this registry")
        form = RulesForm(request.POST or None, of_org=False, kept=said, name=name)
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data
            try:
                made = sets.write(actor_of(request), "", given["wanted"], name=given["name"], why=given["why"])
            except Invalid as refusal:
                form.refuse(refusal)
            else:
                return redirect("admin:packages_ruleset_review", made.number)
        says = "It counts for nobody until it is switched on; the next page says what it would have changed."
        more = {"form": form, "says": says, "button": "Keep, and look what it changes"}
        return self.show(request, "admin/rules_form.html", "New version of the rules", **more)

    def review(self, request, number: int) -> HttpResponse:
        """What a version says and would have changed, and the button that switches it on."""
        try:
            kept = sets.find(None, number)
        except NotFound as refusal:
            messages.error(request, refusal.message)
            return redirect(SETS)
        said = Values.from_json(kept.values)
        tried = None if kept.active else trial.run(said, None, name=kept.name, number=kept.number)
        error = ""
        if request.method == "POST" and tried:
            if not tried.changed or request.POST.get("confirm", "").strip() == kept.name:
                sets.activate(actor_of(request), "", number)
                messages.success(request, f"{kept} counts from now on.")
                return redirect(SETS)
            error = f"Type {kept.name} to confirm."
        lines = showing.in_words(said, of_org=False)
        more = {"set": kept, "lines": lines, "trial": tried, "confirm_error": error}
        return self.show(request, "admin/rules_review.html", str(kept), **more)

    def stop(self, request) -> HttpResponse:
        """Switch the registry's rules off, when that was confirmed."""
        says = "Every version that upstream publishes can then be installed at once, except where orgs have rules."
        form = forms.Form(request.POST or None)
        if request.method == "POST":
            try:
                was = sets.stop(actor_of(request), "")
                messages.success(request, f"{was} is switched off.")
            except NotFound as refusal:
                messages.error(request, refusal.message)
            return redirect(SETS)
        return self.show(
            request, "admin/rules_form.html", "Switch the rules off?", form=form, says=says, button="Switch off"
        )


@admin.register(RuleException)
class RuleExceptionAdmin(OperatedAdmin):
    list_display = ["subject", "rule", "org", "reason", "owner_name", "made_by", "ends_at", "ended_at"]
    list_filter = ["rule", ("ended_at", admin.EmptyFieldListFilter), ("org", admin.EmptyFieldListFilter)]
    list_select_related = ["org__scope"]
    search_fields = ["package", "reason", "owner_name", "org__scope__name"]
    change_list_template = "admin/rules_list.html"
    actions = ["end"]

    def get_urls(self):
        return [path("make/", self.operated(self.make), name="packages_ruleexception_make"), *super().get_urls()]

    def make(self, request) -> HttpResponse:
        """A new exception, for everybody."""
        form = ExceptionForm(request.POST or None, initial={"owner": request.user.username})
        if request.method == "POST" and form.is_valid():
            try:
                made = exceptions.make(actor_of(request), "", **form.cleaned_data)
            except Invalid as refusal:
                form.refuse(refusal)
            else:
                messages.success(request, f"{made.subject} is let through.")
                return redirect(EXCEPTIONS)
        says = "It lets a package through one rule for everybody, up to the end of a day (UTC)."
        return self.show(
            request, "admin/rules_form.html", "New exception", form=form, says=says, button="Let it through"
        )

    @admin.action(description="End exceptions of the registry", permissions=["operate"])
    def end(self, request, rows):
        return confirm(
            self,
            request,
            rows.filter(org=None),
            lambda row, _: exceptions.end(actor_of(request), "", row.pk),
            title="End these exceptions?",
            says="The rule holds these packages back again, at once. Who answers for them is told by mail.",
            button="End them",
            done="Ended:",
            describe=lambda row: f"{row}: {row.reason}",
        )


def _kept(number: str) -> RuleSet | None:
    if _NUMBER.fullmatch(number) and (found := sets.listed(None).filter(number=int(number)).first()):
        return found
    return sets.active(None)


@admin.register(RulesStamp)
class RulesStampAdmin(ReadOnlyAdmin):
    list_display = ["stamp"]
    search_fields = ["stamp"]
