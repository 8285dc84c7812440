"""Addresses of people: for npm clients, and as pages."""

from allauth.account import views as allauth
from django.urls import path, re_path

from accounts import protocol as npm
from accounts import views
from accounts.endpoint import endpoint

root = endpoint(GET=npm.ping)

protocol = [
    path("ping", endpoint(without_credential=("GET", "HEAD"), GET=npm.ping)),
    path("whoami", endpoint(GET=npm.whoami)),
    path("v1/login", endpoint(without_credential=("POST",), POST=npm.start_login)),
    path("v1/done/<str:secret>", endpoint(without_credential=("GET",), GET=npm.finish_login)),
    path(
        "user/org.couchdb.user:<str:name>",
        endpoint(without_credential=("PUT",), PUT=npm.password_login, GET=npm.show_user),
    ),
    path("user/token/<str:token>", endpoint(DELETE=npm.logout)),
]

pages = [
    path("login", allauth.login, name="account_login"),
    path("logout", allauth.logout, name="account_logout"),
    path("signup", allauth.signup, name="account_signup"),
    path("inactive", allauth.account_inactive, name="account_inactive"),
    path("reauthenticate", allauth.reauthenticate, name="account_reauthenticate"),
    path("confirm-email", allauth.email_verification_sent, name="account_email_verification_sent"),
    re_path(r"^confirm-email/(?P<key>[-:\w]+)$", allauth.confirm_email, name="account_confirm_email"),
    path("password/reset", allauth.password_reset, name="account_reset_password"),
    path("password/reset/done", allauth.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)$",
        allauth.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("password/reset/key/done", allauth.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    path("settings/email", allauth.email, name="account_email"),
    path("settings/password", allauth.password_change, name="account_change_password"),
    path("settings/password/set", allauth.password_set, name="account_set_password"),
    path("settings/profile", views.profile, name="profile"),
    path("settings/tokens", views.tokens, name="tokens"),
    path("settings/tokens/<uuid:key>/revoke", views.revoke_token, name="revoke-token"),
    path("login/npm/<uuid:login>", views.approve_login, name="approve-login"),
    path("invitation/<str:secret>", views.invitation, name="invitation"),
    path("setup/<str:key>", views.first_admin, name="first-admin"),
    path("connect", views.connect, name="connect"),
]
