"""Settings of signing in as a company does: with its provider (OpenID Connect), with its directory (LDAP)."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured

from registry_site.env import (
    address,
    directory,
    existing_file,
    group_roles,
    group_teams,
    search_filter,
    secret,
    switch,
    text,
    whole,
)

__all__ = [
    "LDAP_BIND_DN",
    "LDAP_BIND_PASSWORD",
    "LDAP_CA_FILE",
    "LDAP_GROUP_BASE",
    "LDAP_GROUP_FILTER",
    "LDAP_GROUP_ROLES",
    "LDAP_GROUP_TEAMS",
    "LDAP_NAME",
    "LDAP_NAME_ATTRIBUTE",
    "LDAP_REQUIRED_GROUP",
    "LDAP_STARTTLS",
    "LDAP_URL",
    "LDAP_USER_BASE",
    "LDAP_USER_FILTER",
    "OIDC_CLIENT_ID",
    "OIDC_CLIENT_SECRET",
    "OIDC_GROUPS_CLAIM",
    "OIDC_GROUP_ROLES",
    "OIDC_GROUP_TEAMS",
    "OIDC_NAME",
    "OIDC_REQUIRED_GROUP",
    "OIDC_SIGN_IN_DAYS",
    "OIDC_URL",
]

OIDC_URL = address("OIDC_URL")
OIDC_CLIENT_ID = text("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = secret("OIDC_CLIENT_SECRET")
OIDC_NAME = text("OIDC_NAME", "Single sign-on")
OIDC_GROUPS_CLAIM = text("OIDC_GROUPS_CLAIM", "groups")
OIDC_GROUP_TEAMS = group_teams("OIDC_GROUP_TEAMS")  # group -> the teams (org, team) that its people sit in
OIDC_GROUP_ROLES = group_roles("OIDC_GROUP_ROLES")  # group -> the roles (org, role) that its people have
OIDC_REQUIRED_GROUP = text("OIDC_REQUIRED_GROUP")  # who is not in it there is suspended here
OIDC_SIGN_IN_DAYS = whole("OIDC_SIGN_IN_DAYS", 0)  # who did not sign in there for so long is suspended here; 0: nobody
if OIDC_URL and not OIDC_CLIENT_ID:
    raise ImproperlyConfigured("OIDC_URL needs OIDC_CLIENT_ID: the name of this registry at the provider")

LDAP_URL = directory("LDAP_URL")
LDAP_STARTTLS = switch("LDAP_STARTTLS", True)  # with ldap://, before any password is sent
LDAP_CA_FILE = existing_file("LDAP_CA_FILE")
LDAP_BIND_DN = text("LDAP_BIND_DN")
LDAP_BIND_PASSWORD = secret("LDAP_BIND_PASSWORD")
LDAP_NAME = text("LDAP_NAME", "Company directory")
LDAP_USER_BASE = text("LDAP_USER_BASE")
LDAP_USER_FILTER = search_filter("LDAP_USER_FILTER", "(uid={name})", "{name}")
LDAP_NAME_ATTRIBUTE = text("LDAP_NAME_ATTRIBUTE", "uid")
LDAP_GROUP_BASE = text("LDAP_GROUP_BASE")
LDAP_GROUP_FILTER = search_filter(
    "LDAP_GROUP_FILTER", "(|(member={dn})(uniqueMember={dn})(memberUid={name}))", "{dn}", "{name}"
)
LDAP_GROUP_TEAMS = group_teams("LDAP_GROUP_TEAMS")
LDAP_GROUP_ROLES = group_roles("LDAP_GROUP_ROLES")
LDAP_REQUIRED_GROUP = text("LDAP_REQUIRED_GROUP")  # who is not in it there is suspended here
if LDAP_URL and not LDAP_USER_BASE:
    raise ImproperlyConfigured("LDAP_URL needs LDAP_USER_BASE: where people are, as in ou=people,dc=example,dc=com")
if bool(LDAP_BIND_DN) != bool(LDAP_BIND_PASSWORD):
    raise ImproperlyConfigured("LDAP_BIND_DN and LDAP_BIND_PASSWORD belong together; set both, or neither")
if (LDAP_GROUP_TEAMS or LDAP_GROUP_ROLES or LDAP_REQUIRED_GROUP) and not LDAP_GROUP_BASE:
    raise ImproperlyConfigured("LDAP_GROUP_* and LDAP_REQUIRED_GROUP need LDAP_GROUP_BASE: where groups are")
