"""What the process of tests/tools/identity_provider.py serves: django-allauth's identity provider, and its login."""

from __future__ import annotations

import json
from pathlib import Path

from allauth.account import views
from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from django.conf import settings
from django.urls import include, path


class Adapter(DefaultOIDCAdapter):
    """Tells the groups of a person, too; they are in a file that tests write."""

    def get_claims(self, purpose, user, client, scopes, email=None, **more) -> dict:
        groups = json.loads(Path(settings.GROUPS_FILE).read_text())
        return super().get_claims(purpose, user, client, scopes, email, **more) | {"groups": groups}


urlpatterns = [
    path("login", views.login, name="account_login"),
    path("reauthenticate", views.reauthenticate, name="account_reauthenticate"),
    path("inactive", views.account_inactive, name="account_inactive"),
    path("signup", views.signup, name="account_signup"),
    path("reset", views.password_reset, name="account_reset_password"),
    path("", include("allauth.idp.urls")),
]
