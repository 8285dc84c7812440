"""Secrets that are easily found again, and a look for them in everything that is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.apps import apps

from accounts import bearer


def token() -> str:
    """A token that has the right shape and checksum, and that nobody was ever given."""
    return bearer.make()


def found_in(text: str, secrets: Iterable[str]) -> list[str]:
    """Those of some secrets that stand in a text, whole or from their middle on."""
    return [secret for secret in secrets if secret in text or secret[len(secret) // 3 :] in text]


def in_database(secrets: Iterable[str]) -> list[tuple[str, str, str]]:
    """Where the database has any of some secrets, in every column of every table: (table, column, secret)."""
    wanted = list(secrets)
    return [
        (model._meta.db_table, column, secret)
        for model in apps.get_models()
        for row in model._base_manager.values()
        for column, value in row.items()
        for secret in found_in(_text(value), wanted)
    ]


def _text(value: Any) -> str:
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode(errors="replace")
    return str(value) if isinstance(value, str | dict | list) else ""


def answers(responses: Iterable[Any], secrets: Iterable[str]) -> Iterator[tuple[int, str, str]]:
    """Which answers show a secret: (their place, status, secret)."""
    wanted = list(secrets)
    for place, response in enumerate(responses):
        text = response.content.decode(errors="replace") + str(response.headers)
        for secret in found_in(text, wanted):
            yield place, str(response.status_code), secret
