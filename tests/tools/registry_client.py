"""Requests as npm clients send them, through Django's test client."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.test import Client


def without_reference(answer) -> bytes:
    """What was answered, without the reference that differs for every request."""
    return answer.content.replace(answer["X-Request-ID"].encode(), b"ID")


@dataclass(frozen=True)
class RegistryClient:
    """Speaks to the registry below /npm/. token: sent as a bearer when given."""

    client: Client
    token: str | None = None

    def as_(self, token: str | None) -> RegistryClient:
        """The same client with another credential."""
        return RegistryClient(self.client, token)

    def get(self, path: str, **headers: str):
        return self._send("GET", path, headers=headers)

    def head(self, path: str, **headers: str):
        return self._send("HEAD", path, headers=headers)

    def put(self, path: str, body: Any = None, **headers: str):
        return self._send("PUT", path, body, headers)

    def post(self, path: str, body: Any = None, **headers: str):
        return self._send("POST", path, body, headers)

    def delete(self, path: str, body: Any = None, **headers: str):
        return self._send("DELETE", path, body, headers)

    def _send(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None):
        sent = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        if self.token is not None:
            sent["authorization"] = f"Bearer {self.token}"
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.client.generic(method, f"/npm/{path.lstrip('/')}", data, "application/json", headers=sent)
