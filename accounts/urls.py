"""Addresses of people: for npm clients, and as pages."""

from allauth.account import views as allauth
from allauth.mfa.base import views as two_factor
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.webauthn import views as webauthn
from allauth.socialaccount import views as social
from django.urls import path, re_path
from django.views.generic import RedirectView

from accounts.endpoint import endpoint
from accounts.protocol import leaks, profile, tokens
from accounts.protocol import logins as npm
from accounts.views import account, approving, connecting, emails, sign_ins
from accounts.views import sessions as session_pages
from accounts.views import tokens as token_pages
from accounts.views import two_factor as own
from accounts.views.stepping import asks_again

root = endpoint(GET=npm.ping)
# npm asks whether a command was approved by the method of the command: `npm dist-tag add` polls with PUT.
POLLS = ("GET", "PUT", "POST", "DELETE")

protocol = [
    path("ping", endpoint(without_credential=("GET", "HEAD"), GET=npm.ping)),
    path("whoami", endpoint(GET=npm.whoami)),
    path("v1/login", endpoint(without_credential=("POST",), always=("POST",), POST=npm.start_login)),
    path("v1/done/<str:secret>", endpoint(without_credential=("GET",), GET=npm.finish_login)),
    path(
        "v1/approved/<str:secret>",
        endpoint(without_credential=POLLS, always=POLLS, **dict.fromkeys(POLLS, npm.finish_approval)),
    ),
    path(
        "user/org.couchdb.user:<str:name>",
        endpoint(without_credential=("PUT",), always=("PUT",), PUT=npm.password_login, GET=npm.show_user),
    ),
    path(
        "user/org.couchdb.user:<str:name>/-rev/<str:revision>",
        endpoint(without_credential=("PUT",), always=("PUT",), PUT=npm.password_login_again),
    ),
    path("user/token/<str:token>", endpoint(always=("DELETE",), DELETE=npm.logout)),
    path("leaked-tokens", endpoint(without_credential=("POST",), always=("POST",), POST=leaks.report)),
    path("npm/v1/user", endpoint(GET=profile.show, POST=profile.change)),
    path("npm/v1/tokens", endpoint(GET=tokens.show, POST=tokens.create)),
    path("npm/v1/tokens/token/<str:key>", endpoint(DELETE=tokens.revoke)),
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
    path("settings/email", asks_again(emails.Emails.as_view()), name="account_email"),
    path("settings/password", allauth.password_change, name="account_change_password"),
    path("settings/password/set", account.set_password, name="account_set_password"),
    path("settings/profile", account.profile, name="profile"),
    path("settings/notifications", account.notifications, name="notifications"),
    path("settings/tokens", token_pages.page, name="tokens"),
    path("settings/tokens/summary", token_pages.summary, name="token-summary"),
    path("settings/tokens/<uuid:key>/revoke", token_pages.revoke, name="revoke-token"),
    path("settings/tokens/<uuid:key>/rename", token_pages.rename, name="rename-token"),
    path("settings/tokens/<uuid:key>/rotate", token_pages.rotate, name="rotate-token"),
    path("settings/sessions", session_pages.page, name="sessions"),
    path("settings/sessions/others/end", session_pages.end_others, name="end-other-sessions"),
    path("settings/sessions/<int:session>/end", session_pages.end, name="end-session"),
    path("settings/sign-ins", sign_ins.page, name="socialaccount_connections"),
    path("settings/sign-ins/connect", sign_ins.connect, name="oidc-connect"),
    path("settings/sign-ins/directory", sign_ins.connect_directory, name="directory-connect"),
    path("settings/sign-ins/<int:pk>/disconnect", sign_ins.disconnect, name="oidc-disconnect"),
    path("settings/delete", account.delete, name="delete-account"),
    path("login/oidc", sign_ins.login, name="oidc-login"),
    path("login/oidc/callback", sign_ins.callback, name="oidc-callback"),
    path("login/oidc/name", social.signup, name="socialaccount_signup"),
    path("reauthenticate/oidc", sign_ins.again, name="oidc-again"),
    path("login/npm/<uuid:login>", approving.approve_login, name="approve-login"),
    path("login/command/<uuid:command>", approving.approve_command, name="approve-command"),
    path("login/code", two_factor.authenticate, name="mfa_authenticate"),
    path("login/passkey", webauthn.login_webauthn, name="mfa_login_webauthn"),
    path("reauthenticate/code", two_factor.reauthenticate, name="mfa_reauthenticate"),
    path("reauthenticate/passkey", webauthn.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("settings/two-factor", two_factor.index, name="mfa_index"),
    path("settings/two-factor/mode", own.mode, name="two-factor-mode"),
    path("settings/two-factor/app", own.AddApp.as_view(), name="mfa_activate_totp"),
    path("settings/two-factor/app/remove", own.RemoveApp.as_view(), name="mfa_deactivate_totp"),
    path("settings/two-factor/codes", recovery_codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("settings/two-factor/codes/new", own.NewRecoveryCodes.as_view(), name="mfa_generate_recovery_codes"),
    path("settings/two-factor/codes/file", recovery_codes.download_recovery_codes, name="mfa_download_recovery_codes"),
    path("settings/two-factor/passkeys", RedirectView.as_view(pattern_name="mfa_index"), name="mfa_list_webauthn"),
    path("settings/two-factor/passkeys/add", own.AddPasskey.as_view(), name="mfa_add_webauthn"),
    path("settings/two-factor/passkeys/<int:pk>/remove", own.RemovePasskey.as_view(), name="mfa_remove_webauthn"),
    path("settings/two-factor/passkeys/<int:pk>/edit", webauthn.edit_webauthn, name="mfa_edit_webauthn"),
    path("invitation/<str:secret>", account.invitation, name="invitation"),
    path("setup/<str:key>", account.first_admin, name="first-admin"),
    path("connect", connecting.connect, name="connect"),
    path("connect/arrival", connecting.arrival, name="connect-arrival"),
]
