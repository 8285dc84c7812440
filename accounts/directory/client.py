"""Asks the company's directory (LDAP): who somebody is, whether a password is theirs, in which groups they are.

An answer counts when it is whole: a search that was cut short, sent elsewhere or refused says nothing about anybody.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import ldap3
from django.conf import settings
from ldap3.core import exceptions, results
from ldap3.utils.conv import escape_filter_chars

from registry_site.errors import Unavailable

logger = logging.getLogger(__name__)

SECONDS = 5
MOST_NAME = 200
MOST_KEY = 150
PAGE = 500  # of groups: a directory gives a thousand at once, and then it says that there are more
MOST_GROUPS = 20_000
PAGED = "1.2.840.113556.1.4.319"
# What an entry is known by for ever, in the directories there are: OpenLDAP, Active Directory, 389, FreeIPA.
IDENTIFIERS = ("entryUUID", "objectGUID", "nsUniqueId", "ipaUniqueID")
BYTES = "objectguid"
# What a directory answers when a password opens nothing: wrong, expired, locked, or none at all.
CLOSED = (
    exceptions.LDAPInvalidCredentialsResult,
    exceptions.LDAPInappropriateAuthenticationResult,
    exceptions.LDAPConstraintViolationResult,
    exceptions.LDAPUnwillingToPerformResult,
    exceptions.LDAPInsufficientAccessRightsResult,
    exceptions.LDAPNoSuchObjectResult,
)

Row = tuple[str, dict[str, list[bytes]]]


@dataclass(frozen=True)
class Entry:
    """A person in the directory. key: what stays theirs whatever they are called; name: what they sign in with."""

    key: str
    dn: str
    name: str
    email: str
    full_name: str
    groups: frozenset[str]


class _Tls(ldap3.Tls):
    # The standard library looks at the certificate, its name and its time, as for every other address.
    def wrap_socket(self, connection, do_handshake: bool = False) -> None:
        context = ssl.create_default_context(cafile=settings.LDAP_CA_FILE)
        connection.socket.settimeout(SECONDS)
        connection.socket = context.wrap_socket(connection.socket, server_hostname=connection.server.host)


Unreadable = exceptions.LDAPAttributeError  # an entry that lacks what is needed of it


class Directory:
    """A conversation with the directory, as the account that this registry has there; `asking` begins one."""

    def __init__(self, connection: ldap3.Connection) -> None:
        self._connection = connection

    def named(self, name: str) -> Entry | None:
        """Whoever signs in with this name; None when there is nobody, or more than one."""
        found = self._people(settings.LDAP_USER_FILTER.replace("{name}", _escaped(name)))
        if len(found) > 1:
            logger.warning("LDAP_USER_FILTER finds more than one person for one name; nobody is signed in")
        return self._entry(found[0]) if len(found) == 1 else None

    def known(self, key: str) -> Entry | None:
        """The person of this key, where LDAP_USER_FILTER still lets them in under the name they have now."""
        kind, _, value = key.partition(":")
        escaped = "".join(f"\\{each:02x}" for each in bytes.fromhex(value)) if kind == BYTES else _escaped(value)
        found = self._people(f"(&({kind}={escaped}){settings.LDAP_USER_FILTER.replace('{name}', '*')})")
        return self._entry(found[0]) if found else None

    def _people(self, wanted: str) -> list[Row]:
        about = [settings.LDAP_NAME_ATTRIBUTE, "mail", "displayName", "cn", *IDENTIFIERS]
        return self._search(settings.LDAP_USER_BASE, wanted, about)

    def _entry(self, row: Row) -> Entry:
        dn, values = row
        name = _text(values, settings.LDAP_NAME_ATTRIBUTE)
        if not name or len(name) > MOST_NAME:
            raise Unreadable(f"{dn} has no {settings.LDAP_NAME_ATTRIBUTE} (LDAP_NAME_ATTRIBUTE)")
        full_name = _text(values, "displayName") or _text(values, "cn")
        return Entry(_key(row), dn, name, _text(values, "mail"), full_name, self._groups(dn, name))

    def _groups(self, dn: str, name: str) -> frozenset[str]:
        if not settings.LDAP_GROUP_BASE:
            return frozenset()
        wanted = settings.LDAP_GROUP_FILTER.replace("{dn}", _escaped(dn)).replace("{name}", _escaped(name))
        rows = self._pages(settings.LDAP_GROUP_BASE, wanted, ["cn"])
        return frozenset(_text(values, "cn") for _, values in rows) - {""}

    def _pages(self, base: str, wanted: str, about: list[str]) -> Iterator[Row]:
        cookie, count = None, 0
        while True:
            page = self._search(base, wanted, about, paged_size=PAGE, paged_cookie=cookie)
            yield from page
            # A directory that knows no pages says nothing of them, and gave all there is, or an error.
            cookie = (self._connection.result.get("controls") or {}).get(PAGED, {}).get("value", {}).get("cookie")
            count += len(page)
            if not cookie:
                return
            if count > MOST_GROUPS:
                raise exceptions.LDAPSizeLimitExceededResult(f"LDAP_GROUP_FILTER finds over {MOST_GROUPS} groups")

    def _search(self, base: str, wanted: str, about: list[str], **more: object) -> list[Row]:
        with _readable():
            self._connection.search(base, wanted, attributes=about, time_limit=SECONDS, **more)
        said = self._connection.result
        if said["result"] != results.RESULT_SUCCESS:
            raise exceptions.LDAPOperationResult(said["result"], said["description"], said["dn"], said["message"])
        found = [each for each in self._connection.response or [] if each["type"] == "searchResEntry"]
        return [(each["dn"], {name.lower(): all_ for name, all_ in each["raw_attributes"].items()}) for each in found]


@contextmanager
def asking() -> Iterator[Directory]:
    """A conversation with the directory.

    Raises Unavailable when it cannot be reached or does not answer as it should, also from inside; the log says why.
    """
    connection: ldap3.Connection | None = None
    try:
        connection = _bound(settings.LDAP_BIND_DN, settings.LDAP_BIND_PASSWORD)
        yield Directory(connection)
    except (exceptions.LDAPException, OSError) as error:
        logger.warning("the directory did not answer as it should: %s", error)
        raise Unavailable(f"{settings.LDAP_NAME} does not answer; try again in a few minutes") from error
    finally:
        if connection is not None:
            _leave(connection)


def authenticate(name: str, password: str) -> Entry | None:
    """The person of this name and password, None when they do not belong together. Raises Unavailable."""
    if not name or not password or len(name) > MOST_NAME:
        return None
    with asking() as directory:
        entry = directory.named(name)
        return entry if entry is not None and _opens(entry.dn, password) else None


def is_password(key: str, password: str) -> Entry | None:
    """The person of this key, when the password is theirs. Raises Unavailable."""
    if not password:
        return None
    with asking() as directory:
        entry = directory.known(key)
        return entry if entry is not None and _opens(entry.dn, password) else None


def _opens(dn: str, password: str) -> bool:
    # A name with an empty password is an anonymous visitor to a directory, and welcome: nothing was shown.
    if not dn or not password:
        return False
    try:
        _leave(_bound(dn, password))
    except CLOSED:
        return False
    return True


def _bound(dn: str, password: str) -> ldap3.Connection:
    parts = urlsplit(settings.LDAP_URL)
    secure = parts.scheme == "ldaps"
    server = ldap3.Server(
        parts.hostname,
        port=parts.port or (636 if secure else 389),
        use_ssl=secure,
        tls=_Tls(),
        get_info=ldap3.NONE,
        connect_timeout=SECONDS,
    )
    connection = ldap3.Connection(
        server,
        dn or None,
        password or None,
        auto_bind=ldap3.AUTO_BIND_NONE,
        auto_referrals=False,  # a password goes where the operator said, and nowhere else
        check_names=False,
        raise_exceptions=True,
        read_only=True,
        receive_timeout=SECONDS,
    )
    try:
        with _readable():
            connection.open(read_server_info=False)
            if not secure and settings.LDAP_STARTTLS and not connection.start_tls(read_server_info=False):
                raise exceptions.LDAPStartTLSError("the directory does not start TLS")
            if not connection.bind(read_server_info=False):
                raise exceptions.LDAPBindError("the directory lets nobody in")
    except BaseException:
        _leave(connection)
        raise
    return connection


@contextmanager
def _readable() -> Iterator[None]:
    # Over bytes that are no LDAP the library stumbles in many ways, and none of them says anything about anybody.
    try:
        yield
    except (exceptions.LDAPException, OSError):
        raise
    except Exception as error:
        raise exceptions.LDAPCommunicationError(f"what it sent cannot be read: {error!r}") from error


def _leave(connection: ldap3.Connection) -> None:
    with suppress(exceptions.LDAPException, OSError):
        connection.unbind()


def _key(row: Row) -> str:
    dn, values = row
    for name in map(str.lower, IDENTIFIERS):
        value = (values.get(name) or [b""])[0]
        text = value.hex() if name == BYTES else value.decode("ascii", "replace").lower()
        if text and text.isprintable() and "\ufffd" not in text and len(text) <= MOST_KEY:
            return f"{name}:{text}"
    raise Unreadable(f"{dn} shows none of {', '.join(IDENTIFIERS)}; may LDAP_BIND_DN read them?")


def _text(values: dict[str, list[bytes]], name: str) -> str:
    found = values.get(name.lower()) or [b""]
    return "".join(each for each in found[0].decode("utf-8", "replace") if each.isprintable()).strip()


def _escaped(text: str) -> str:
    return escape_filter_chars(text)
