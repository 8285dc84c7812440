"""Who says who they are: headers, identity tokens, the company's directory, another registry's files."""

from __future__ import annotations

import base64
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import ldap3
from django.core.exceptions import SuspiciousOperation
from django.test import RequestFactory, override_settings
from ldap3.core.exceptions import LDAPException

from accounts import agents, bearer, body, devices
from accounts.actor import address_of
from accounts.directory import client
from accounts.endpoint import content_length, registry
from packages import identities, workflows
from packages.moving import people, rules
from packages.packuments import reading
from packages.providers import GITHUB
from registry_site import logs, strictjson
from registry_site.errors import Refusal
from tests.fuzz.harness import JSON_WORDS, Harness, text_of

FLAVOURS = tuple(workflows.FLAVOURS)
HEADERS = ("AUTHORIZATION", "IF_NONE_MATCH", "X_FORWARDED_FOR", "USER_AGENT", "HOST", "ACCEPT", "CONTENT_ENCODING")
DIRECTORY = {
    "LDAP_USER_BASE": "dc=acme", "LDAP_GROUP_BASE": "", "LDAP_USER_FILTER": "(uid={name})",
    "LDAP_NAME_ATTRIBUTE": "uid",
}  # fmt: skip


def headers(data: bytes) -> bool:
    """Each line is a header, the last one a body; they are understood, or refused."""
    *lines, sent = data.split(b"\n")
    more = {f"HTTP_{name}": line.decode("latin-1") for name, line in zip(HEADERS, lines, strict=False)}
    request = RequestFactory().post("/npm/-/x", sent, content_type="application/json", **more)
    with override_settings(TRUSTED_PROXY_COUNT=1, ALLOWED_HOSTS=["localhost"]):
        address = address_of(request)
        devices.network(address)
        reading._matches(more.get("HTTP_IF_NONE_MATCH", ""), '"abc-gz"')
        assert len(agents.in_words(more.get("HTTP_USER_AGENT", ""))) < len(data) + 40
        devices.words(more.get("HTTP_USER_AGENT", ""))
        secret = more.get("HTTP_AUTHORIZATION", "").partition(" ")[2]
        assert not bearer.is_well_formed(secret) or secret.startswith(bearer.PREFIX)
        assert "npm_" + "a" * 48 not in logs.without_tokens(f"{text_of(data)} npm_{'a' * 48}")
        try:
            assert len(registry(request)) < 200
            content_length(request)
            body.read_json(request)
        except (Refusal, SuspiciousOperation):
            return False
    return True


def claims(data: bytes) -> bool:
    """The first byte says whose claims; a workflow is kept in one way, and no other is taken for it."""
    flavour = FLAVOURS[data[0] % len(FLAVOURS)] if data else FLAVOURS[0]
    try:
        said = strictjson.read(data[1:], limit=1 << 16)
        if not isinstance(said, dict):
            return False
        kept = workflows.clean(flavour, said.get("wanted"))
    except Refusal:
        return False
    assert workflows.clean(flavour, kept) == kept
    assert workflows.summary(flavour, kept)
    assert workflows.differences(flavour, kept, {}, {}), "nothing is no workflow"
    shown = said.get("shown")
    if isinstance(shown, dict) and not workflows.differences(flavour, kept, {}, shown):
        pins = workflows.pins(flavour, shown)
        assert not workflows.differences(flavour, kept, pins, shown)
    return True


def identity(data: bytes) -> bool:
    """An identity token is read as far as its signature, and what was signed is believed or doubted. NOW is now."""
    data = data.replace(b"NOW", str(int(time.time())).encode())
    if data.startswith(b"{"):
        parts = (b'{"alg":"none"}', data)
        text = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."
    else:
        text = text_of(data)
    try:
        _, said = identities._unverified(text)
        identities._check_times(said, "https://issuer.example")
        identities._check_audience(said, frozenset({"here"}), "https://issuer.example")
        assert identities._token_id(text, said, GITHUB, "https://issuer.example")
    except identities.Doubt:
        return False
    return True


def company(data: bytes) -> bool:
    """What a directory answers is a person of whom all is known, nobody, or no answer."""
    with override_settings(**DIRECTORY):
        ldap3.Server._message_counter = 0
        connection = ldap3.Connection(ldap3.Server("localhost", get_info=ldap3.NONE), check_names=False,
                                      auto_referrals=False, raise_exceptions=True)  # fmt: skip
        connection.socket, connection.closed, connection.listening = _Answer(data), False, True
        connection.strategy._outstanding = {}
        try:
            entry = client.Directory(connection).named("nina")
        except (LDAPException, OSError):
            return False
    if entry is None:
        return False
    kind, _, value = entry.key.partition(":")
    assert value
    assert len(entry.key) <= 200
    assert kind in map(str.lower, client.IDENTIFIERS)
    assert 0 < len(entry.name) <= client.MOST_NAME
    assert (entry.name + entry.email + entry.full_name).isprintable()
    return True


class _Answer:
    def __init__(self, data: bytes) -> None:
        self._left = [data]

    def sendall(self, sent: bytes) -> None: ...

    def recv(self, size: int) -> bytes:
        return self._left.pop() if self._left else b""

    def shutdown(self, how: int) -> None: ...

    def close(self) -> None: ...


def config(data: bytes) -> bool:
    """Verdaccio's rules are read whole or refused, and asked about a name they answer at once."""
    try:
        found = rules.read(data)
    except Refusal:
        return False
    for name in ("widget", "@acme/widget", "a" * 214, "@" + "a" * 100 + "/" + "a" * 113):
        rules.rule_of(found, name)
    return bool(found)


def lists(data: bytes) -> bool:
    """A list of people and an htpasswd name people, or are refused."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        try:
            named = people.names_in(Path(file.name))
            people.read(Path(file.name))
        except Refusal:
            return False
    assert all(name and name == name.strip() for name in named)
    return True


def _tlv(tag: int, *parts: bytes) -> bytes:
    inside = b"".join(parts)
    length = bytes([len(inside)]) if len(inside) < 128 else b"\x82" + len(inside).to_bytes(2, "big")
    return bytes([tag]) + length + inside


def _answer(**values: Any) -> bytes:
    about = [
        _tlv(0x30, _tlv(4, name.encode()), _tlv(0x31, *(_tlv(4, each) for each in found)))
        for name, found in values.items()
    ]
    entry = _tlv(0x64, _tlv(4, b"uid=nina,dc=acme"), _tlv(0x30, *about))
    done = _tlv(0x65, _tlv(10, b"\0"), _tlv(4), _tlv(4))
    return _tlv(0x30, _tlv(2, b"\1"), entry) + _tlv(0x30, _tlv(2, b"\1"), done)


_GITHUB = {"repository": "a/b", "workflow_ref": {"file": "c.yml"}}
_SHOWN = {"repository": "a/b", "workflow_ref": "a/b/.github/workflows/c.yml@refs/heads/main", "event_name": "push",
          "repository_id": "1", "repository_owner_id": "2"}  # fmt: skip
_NOW = b'{"iss":"https://issuer.example","aud":"here","jti":"x","iat":NOW,"exp":NOW}'
HARNESSES = (
    Harness(
        "headers",
        headers,
        (b"\n", b"Bearer ", b"Basic ", b"npm_", b"a" * 48, b"127.0.0.1", b", ", b"::ffff:1.2.3.4", b"npm/12.0.1 ",
         b"Version/1 ", b'W/"',
         b'"abc"', b"*", b"localhost", b":", b"0" * 200, b"gzip", b"\x1f\x8b\x08", b"{", b"}", b"Safari/",
         b"fe80::1%eth0"),
        (b"\n\n\n\nlocalhost:8000\n\nidentity\n{}",),
    ),
    Harness(
        "claims",
        claims,
        (*JSON_WORDS, b"\0", b"\1", b"\2", b"\3", b'"wanted":', b'"shown":', b'"repository":"a/b"',
         b'"environment":', b'"sub":"x"',
         b'"workflow_ref":', b'{"file":"c.yml"}', b'"event_name":"push"', b'"project_path":"a/b"',
         b'"ci_config_ref_uri":'),
        (b"\0" + json.dumps({"wanted": _GITHUB, "shown": _SHOWN}).encode(),
         b"\3" + json.dumps({"wanted": {"sub": "x"}, "shown": {"sub": "x"}}).encode()),
    ),
    Harness(
        "identity",
        identity,
        (*JSON_WORDS, b'"iat":', b'"exp":', b'"nbf":', b'"aud":"here"', b'"jti":"x"', b"NOW", b"549755813888", b"1e12",
         b".", b"e30", b"["),
        (_NOW,),
    ),
    Harness(
        "company",
        company,
        (b"\x30", b"\x04", b"\x31", b"\x64", b"\x65", b"\x0a\x01\x00", b"\x02\x01\x01", b"\x84\x7f\xff\xff\xff",
         b"\x80", b"\xff",
         b"uid", b"entryUUID", b"objectGUID", b"mail", b"cn", b"\x73", b"\xa0"),
        (_answer(uid=[b"nina"], entryUUID=[b"7d0e"], mail=[b"nina@acme.example"], cn=[b"Nina"]),
         _answer(uid=[b"nina"], objectGUID=[bytes(16)])),
    ),
    Harness(
        "config",
        config,
        (b"packages:\n", b"  '@acme/*':\n", b"  '**':\n", b"    access: $all\n", b"    publish: bob\n", b"*", b"?",
         b"{a,b}", b"{", b"}",
         b",", b"- ", b"\n", b"    ", b"&a", b"*a", b"!!", b"[", b"]", b"'", b'"', b"a" * 9, b"@", b"/"),
        (b"packages:\n  '@acme/*':\n    access: $all\n    publish: bob ann\n  '**':\n    access: [$authenticated]\n",),
    ),
    Harness(
        "lists",
        lists,
        (b":", b"$2y$05$", b"{SHA}", b"#", b"\n", b"\r\n", b" ", b"-", b"uma", b"@acme.example", b"\xff", b"\0",
         b"\xe2\x80\xa8"),
        (b"# there here\n", b""),
    ),
)  # fmt: skip
