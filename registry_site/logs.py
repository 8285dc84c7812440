"""What this server says: lines of text for a terminal, or JSON for machines, each with the id that its caller saw.

No line holds a secret: whatever looks like a token, a password in an address or a header that carries one is left out,
and so is each secret of the settings. Nothing that a caller sent can begin a line of its own.
"""

from __future__ import annotations

import contextvars
import json
import logging
import re
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.conf import settings

from registry_site import env

MAX_LINE = 4000
MAX_TRACEBACK = 20_000
LEFT_OUT = "…"
# The id of the request that this thread answers: answers carry it, and errors show it as their reference.
request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")
access = logging.getLogger("registry.access")

_SECRETS = re.compile(
    r"(?P<kind>npm_)\w{8,}"
    r"|(?P<scheme>\b(?:bearer|basic)\s+)[\w.~+/=-]{16,}"
    r"|(?P<url>://)[^\s/@'\"<>]{1,300}@"
    r"|(?P<field>['\"]?\b(?:password\w*|passwd|secret\w*|token|otp|authorization|cookie|set-cookie|code|client_secret"
    r"|assertion|id_token|access_token|sessionid|csrfmiddlewaretoken|csrftoken)['\"]?\s*[=:]\s*)['\"]?[^\s'\",;&)}\]]+",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"npm_\w{16,}")
# Parts of an address that name things; all others (keys, secrets) are left out of what is written down.
_SHOWN = frozenset({"name", "user", "org", "team", "file", "number", "spec", "tag", "revision", "period", "scope"})
_LONG = re.compile(r"[^/@]{40,}")
_NAME = re.compile(r"(?<=org\.couchdb\.user:)[^/]+")  # of a login; somebody types a password there
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def configuration(shape: str, level: str, *, with_access: bool) -> dict[str, Any]:
    """What the setting LOGGING is: everything to the standard error, in one shape.

    shape: text or json. level: the least that is said. with_access: also a line for each request.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": Json if shape == "json" else Text}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "loggers": {
            "django.request": {"level": "ERROR"},  # a refusal is an answer, not a fault of ours
            "registry.access": {"level": "INFO" if with_access else "CRITICAL"},
            # What these say when all is to be said holds headers and tokens.
            **{name: {"level": "INFO"} for name in "botocore boto3 urllib3 oauthlib markdown_it nodesemver".split()},
        },
        "root": {"handlers": ["console"], "level": level},
    }


def redact(text: str) -> str:
    """The text without what opens anything: tokens, passwords in addresses and fields, the secrets of the settings."""
    found = _SECRETS.sub(_without, text)
    for secret in _own_secrets():
        found = found.replace(secret, LEFT_OUT)
    return found


def without_tokens(text: str) -> str:
    """The text without tokens of this registry: somebody pastes one where a name belongs."""
    return _TOKEN.sub(LEFT_OUT, text)


def one_line(text: str) -> str:
    """The text with its control characters written out, so that it stays one line and colours nothing."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}" if found[0] != "\n" else "\\n", text)


def path_of(request: Any) -> str:
    """The path of a request without keys and secrets, and without what was asked behind `?`."""
    path, match = request.path, request.resolver_match
    parts = match.kwargs if match is not None else {}
    for name, value in parts.items():
        if name not in _SHOWN and value:
            path = path.replace(str(value), LEFT_OUT)
    path = _NAME.sub(LEFT_OUT, path)
    is_named = match is not None and "<package:name>" in match.route
    return redact(path if is_named else _LONG.sub(LEFT_OUT, path))


def adopt(name: str) -> None:
    """Let a logger that has handlers of its own write its lines as all others are written."""
    formatter: logging.Formatter = Json() if settings.LOG_FORMAT == "json" else Text()
    for handler in logging.getLogger(name).handlers:
        handler.setFormatter(formatter)


class Text(logging.Formatter):
    """A line for a terminal; a traceback is set in, so that nothing in it looks like a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        said = f"{record.levelname} {record.name} {one_line(_message(record))}"
        facts = {key: value for key, value in getattr(record, "facts", {}).items() if value not in ("", None)}
        if shown := request_id.get():
            facts = {"request_id": shown} | facts
        words = [f"{key}={one_line(redact(str(value)))}" for key, value in facts.items()]
        trace = _traceback(self, record)
        return " ".join([said, *words]) + "".join(f"\n    {line}" for line in trace.splitlines())


class Json(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request_id, and what else the record says."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        if shown := request_id.get():
            line["request_id"] = shown
        for key, value in getattr(record, "facts", {}).items():
            line[key] = redact(value) if isinstance(value, str) else value
        if trace := _traceback(self, record):
            line["traceback"] = trace
        return json.dumps(line, ensure_ascii=True, default=str)


def _message(record: logging.LogRecord) -> str:
    said, request = record.getMessage(), getattr(record, "request", None)
    if (path := getattr(request, "path", "")) and path in said:  # Django's own lines show it as it came
        said = said.replace(path, path_of(request))
    return redact(said[:MAX_TRACEBACK])[:MAX_LINE]


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    if not record.exc_info:
        return ""
    return redact(formatter.formatException(record.exc_info))[-MAX_TRACEBACK:]  # its end says what happened


def _without(found: re.Match[str]) -> str:
    kept = next((part for part in found.groupdict().values() if part is not None), "")
    return f"{kept}{LEFT_OUT}{'@' if found['url'] else ''}"


@cache
def _own_secrets() -> tuple[str, ...]:
    # Short ones would blot out words; whoever sets such a secret has other worries.
    names = [name for name, reading in env.seen.items() if reading.is_secret and "URL" not in name]
    values = [getattr(settings, name, "") for name in names]
    tokens = [each["token"] for each in settings.UPSTREAMS]
    passwords = [settings.DATABASES["default"].get("PASSWORD"), getattr(settings, "EMAIL_HOST_PASSWORD", "")]
    return tuple({each for each in (*values, *tokens, *passwords) if isinstance(each, str) and len(each) >= 6})
