"""An OpenID provider of the tests' own, on loopback: discovery, keys, identity tokens with any claims."""

from __future__ import annotations

import itertools
import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

GITHUB = {
    "repository": "acme/ledger",
    "repository_id": "1001",
    "repository_owner": "acme",
    "repository_owner_id": "77",
    "workflow_ref": "acme/ledger/.github/workflows/publish.yml@refs/heads/main",
    "job_workflow_ref": "acme/ledger/.github/workflows/publish.yml@refs/heads/main",
    "event_name": "push",
    "ref": "refs/heads/main",
    "sub": "repo:acme/ledger:ref:refs/heads/main",
}
GITHUB_CONFIG = {"repository": "acme/ledger", "workflow_ref": {"file": "publish.yml"}}


_KEYS = itertools.cycle([rsa.generate_private_key(65537, 2048) for _ in range(3)])  # making one takes a while


class TestIssuer:
    """One provider; `with TestIssuer() as issuer: issuer.token(...)`. asked: how often each path was fetched."""

    __test__ = False

    def __init__(self) -> None:
        self.keys = {"one": next(_KEYS)}
        self.asked: dict[str, int] = {}
        self.discovery: dict[str, Any] = {}
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked[self.path] = outer.asked.get(self.path, 0) + 1
                body = json.dumps(outer._document(self.path)).encode()
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> TestIssuer:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def new_key(self, kid: str, *, curve: bool = False, bits: int = 2048) -> None:
        """Add a key, as a provider does when it rotates them."""
        self.keys[kid] = ec.generate_private_key(ec.SECP256R1()) if curve else rsa.generate_private_key(65537, bits)

    def claims(self, **more: Any) -> dict[str, Any]:
        """The claims of a workflow run; a value of None leaves the claim out."""
        now = int(time.time())
        times = {"iss": self.url, "aud": "npm:testserver", "iat": now, "nbf": now, "exp": now + 300}
        every = times | {"jti": str(uuid.uuid4())} | GITHUB | more
        return {claim: value for claim, value in every.items() if value is not None}

    def token(self, *, kid: str = "one", algorithm: str = "", headers: dict[str, Any] | None = None, **more) -> str:
        """An identity token that says `more` besides, signed with one of the keys."""
        key = self.keys[kid]
        algorithm = algorithm or ("RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256")
        return jwt.encode(self.claims(**more), key, algorithm, {"kid": kid} | (headers or {}))

    def _document(self, path: str) -> dict[str, Any]:
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"} | self.discovery
        return {"keys": [self._public(kid, key) for kid, key in self.keys.items()]}

    def _public(self, kid: str, key) -> dict[str, Any]:
        kind = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
        return kind.to_jwk(key.public_key(), as_dict=True) | {"kid": kid, "use": "sig"}
