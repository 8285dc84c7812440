"""Settings from the environment: a wrong value stops the start with one clear sentence."""

from __future__ import annotations

import ipaddress
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

read = environ.Env()

DATABASES = ("postgres", "postgresql", "sqlite")
ROLES = ("developer", "admin", "owner")  # of members of an org
MAIL = ("smtp", "smtp+tls", "smtp+ssl", "consolemail", "filemail", "dummymail", "memorymail")
MAIL_SECONDS = 20  # after which a mail server that says nothing is away


@dataclass(frozen=True)
class Reading:
    """Where a setting came from. source: `default`, `environment` or `file`; text: as given, `set` for a secret."""

    source: str
    text: str
    is_secret: bool = False


seen: dict[str, Reading] = {}  # every setting that was read, by its name; for the page that shows them


def text(name: str, default: str = "") -> str:
    """The value of `name` without spaces around it, `default` when unset."""
    value = _given(name, default)
    seen[name] = Reading("environment" if name in os.environ else "default", value)
    return value


def secret(name: str, default: str = "") -> str:
    """The value of `name`, or what the file says whose path is in `NAME_FILE`, without its last newline.

    It is shown nowhere. Raises ImproperlyConfigured when both are set, and when the file cannot be read.
    """
    path = _given(f"{name}_FILE", "")
    value, source = text(name, default), seen[name].source
    if path:
        if source == "environment":
            raise ImproperlyConfigured(f"{name} and {name}_FILE are both set; set one of them")
        try:
            value, source = Path(path).read_text(encoding="utf-8").rstrip("\r\n"), "file"
        except (OSError, UnicodeError) as error:
            raise ImproperlyConfigured(f"{name}_FILE is {path!r}, which is no file that can be read") from error
        if not value:
            raise ImproperlyConfigured(f"{name}_FILE is {path!r}, which is empty")
    seen[name] = Reading(source, "set" if value else "", is_secret=True)
    return value


def database(name: str, default: str) -> dict[str, Any]:
    """Where the database is, as Django wants it. Raises ImproperlyConfigured, without the password that it holds."""
    return read.db_url_config(_of_scheme(name, secret(name, default), DATABASES))


def mail(name: str) -> dict[str, Any]:
    """Who sends mail, as Django wants it; the console when unset. Raises as `database`."""
    found = read.email_url_config(_of_scheme(name, secret(name) or "consolemail://", MAIL))
    return {"EMAIL_TIMEOUT": MAIL_SECONDS} | found


def _given(name: str, default: str) -> str:
    # To the letter: django-environ takes `$word` for the name of another variable, and secrets begin with anything.
    return os.environ.get(name, default).strip()


def _of_scheme(name: str, url: str, schemes: tuple[str, ...]) -> str:
    scheme, colon, _ = url.partition("://")
    if not colon or scheme not in schemes:
        shown = f"{scheme!r}" if colon and scheme.replace("+", "").isalnum() else "something else"
        raise ImproperlyConfigured(
            f"{name} begins with {shown}; it begins with one of: {', '.join(f'{each}://' for each in schemes)}"
        )
    try:
        _ = urlsplit(url).port
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is no address; quote what is special in a password, as in %23") from error
    return url


def one_of(name: str, *choices: str) -> str:
    """The value of `name`, one of `choices`; the first choice is the default. Raises ImproperlyConfigured."""
    value = text(name, choices[0])
    if value not in choices:
        raise ImproperlyConfigured(f"{name} is {value!r}; it is one of: {', '.join(choices)}")
    return value


def switch(name: str, default: bool) -> bool:
    """`on` or `off`. Raises ImproperlyConfigured for anything else."""
    return one_of(name, *(("on", "off") if default else ("off", "on"))) == "on"


def whole(name: str, default: int, *, least: int = 0) -> int:
    """A whole number of at least `least`. Raises ImproperlyConfigured."""
    value = text(name, str(default))
    if not (value.isascii() and value.isdigit()) or int(value) < least:
        raise ImproperlyConfigured(f"{name} is {value!r}; it is a whole number of at least {least}")
    return int(value)


def megabytes(name: str, default: int) -> int:
    """A size in megabytes (2^20 bytes), given back in bytes. Raises ImproperlyConfigured."""
    return whole(name, default, least=1) * 2**20


def words(name: str) -> list[str]:
    """A list separated by commas; empty when unset."""
    return [word for word in (part.strip() for part in text(name).split(",")) if word]


def networks(name: str) -> list[str]:
    """A list of address ranges such as `10.0.0.0/8`, separated by commas. Raises ImproperlyConfigured."""
    for block in words(name):
        try:
            ipaddress.ip_network(block, strict=False)
        except ValueError as error:
            raise ImproperlyConfigured(f"{name} holds {block!r}; an address range is like 10.0.0.0/8") from error
    return words(name)


def group_teams(name: str) -> dict[str, list[tuple[str, str]]]:
    """Pairs such as `engineers=acme:core`, separated by commas, as the teams (org, team) of each group.

    Raises ImproperlyConfigured.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for pair in words(name):
        group, _, team = pair.rpartition("=")
        org, colon, team = team.strip().partition(":")
        if not (group and org and colon and team):
            raise ImproperlyConfigured(f"{name} holds {pair!r}; a pair is like group=org:team")
        found.setdefault(group.strip(), []).append((org.removeprefix("@"), team))
    return found


def group_roles(name: str) -> dict[str, list[tuple[str, str]]]:
    """Pairs such as `leads=acme:admin`, separated by commas, as the roles (org, role) of each group.

    Raises ImproperlyConfigured.
    """
    found = group_teams(name)
    for org, role in (place for places in found.values() for place in places):
        if role not in ROLES:
            raise ImproperlyConfigured(f"{name} gives the role {role!r} in {org}; a role is one of: {', '.join(ROLES)}")
    return found


def directory(name: str) -> str:
    """The address of a directory (LDAP), as in `ldaps://ldap.example.com`; "" when unset.

    Raises ImproperlyConfigured.
    """
    value = text(name).rstrip("/")
    parts = urlsplit(value)
    if "@" in parts.netloc:
        seen[name] = Reading("environment", "", is_secret=True)
        raise ImproperlyConfigured(f"{name} holds a user name or password; put them into LDAP_BIND_DN and its password")
    try:
        sound = parts.scheme in ("ldap", "ldaps") and parts.hostname and parts.port != 0 and not parts.path
    except ValueError:
        sound = False
    if value and not sound:
        raise ImproperlyConfigured(f"{name} is {value!r}; it is like ldaps://ldap.example.com, or ldap:// with a port")
    return value


def search_filter(name: str, default: str, *places: str) -> str:
    """A filter of a directory with at least one of these places in it, as `{name}`. Raises ImproperlyConfigured."""
    value = text(name, default)
    is_whole = value.startswith("(") and value.endswith(")") and value.count("(") == value.count(")")
    if not is_whole or not any(place in value for place in places):
        raise ImproperlyConfigured(f"{name} is {value!r}; it is like {default}, with {' or '.join(places)} in it")
    return value


def existing_file(name: str) -> Path | None:
    """The path of a file, None when unset. Raises ImproperlyConfigured when there is no such file."""
    value = text(name)
    if value and not Path(value).is_file():
        raise ImproperlyConfigured(f"{name} is {value!r}; there is no such file")
    return Path(value).resolve() if value else None


def address(name: str) -> str:
    """A web address such as `https://npm.example.com` without its last slash, "" when unset.

    Raises ImproperlyConfigured.
    """
    value = text(name).rstrip("/")
    if "@" in value.partition("://")[2].partition("/")[0]:
        seen[name] = Reading("environment", "", is_secret=True)
        raise ImproperlyConfigured(f"{name} holds a user name or password; an address is like https://npm.example.com")
    if value and not value.startswith(("http://", "https://")):
        raise ImproperlyConfigured(f"{name} is {value!r}; it begins with http:// or https://")
    return value


def upstreams(name: str) -> list[dict[str, str]]:
    """A JSON list such as `[{"scope": "@corp", "url": "https://npm.corp.example", "token": "..."}]`; a secret.

    scope: may end with `*` (`@corp-*`); token: may be left out. Raises ImproperlyConfigured.
    """
    try:
        found = json.loads(secret(name) or "[]")
        entries = [{key: each.get(key, "") for key in ("scope", "url", "token")} for each in found]
        sound = isinstance(found, list) and all(isinstance(value, str) for each in entries for value in each.values())
    except (ValueError, AttributeError, TypeError):
        sound = False
    if not sound:
        raise ImproperlyConfigured(
            f'{name} is a JSON list such as [{{"scope": "@corp", "url": "https://...", "token": ""}}]'
        )
    for each in entries:
        each["url"] = each["url"].rstrip("/")
        if not each["scope"].startswith("@") or "/" in each["scope"] or "*" in each["scope"].rstrip("*"):
            raise ImproperlyConfigured(f"{name} holds the scope {each['scope']!r}; a scope is like @corp, or @corp-*")
        if "@" in each["url"].partition("://")[2].partition("/")[0]:
            raise ImproperlyConfigured(f"{name} holds an address with a user name or password; put a token into token")
        if not each["url"].startswith(("http://", "https://")):
            raise ImproperlyConfigured(f"{name} holds the address {each['url']!r}; it begins with http:// or https://")
    return entries


def kept_secret(name: str, file: Path) -> str:
    """The secret `name` from the environment, else from `file`, which is made once, readable by its owner alone."""
    if value := secret(name):
        return value
    seen[name] = Reading("file", "set", is_secret=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(50))
    try:
        os.link(draft, file)  # whole or not at all, and only one of two starting processes wins
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return file.read_text().strip()
