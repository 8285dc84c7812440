"""A sign-in provider of the tests' own, on loopback: people, groups, authorization codes, tokens, what it tells."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.tools.issuer import TestIssuer

CLIENT, SECRET = "registry", "a secret of the tests"


class SignInProvider:
    """One provider; `with SignInProvider() as provider`. Whoever comes is `person`, without being asked.

    person: the claims of whoever comes; None refuses them. lies: claims that only the userinfo address tells.
    asked: what each authorization request said.
    """

    def __init__(self) -> None:
        self.person: dict[str, Any] | None = None
        self.lies: dict[str, Any] = {}
        self.token_more: dict[str, Any] = {}
        self.asked: list[dict[str, str]] = []
        self._issuer = TestIssuer()
        self._codes: dict[str, dict[str, Any]] = {}
        self._tokens: dict[str, dict[str, Any]] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer._get(self)

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                outer._token(self, {name: values[0] for name, values in form.items()})

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> SignInProvider:
        self._issuer.__enter__()
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._issuer.__exit__()

    def environ(self, **more: str) -> dict[str, str]:
        """The settings of a registry that signs people in with this provider."""
        return {
            "OIDC_URL": self.url,
            "OIDC_CLIENT_ID": CLIENT,
            "OIDC_CLIENT_SECRET": SECRET,
            "OIDC_NAME": "Acme Login",
            "EGRESS_ALLOWED_NETWORKS": "127.0.0.0/8",
            **more,
        }

    def _get(self, handler: BaseHTTPRequestHandler) -> None:
        path = urlsplit(handler.path)
        if path.path == "/.well-known/openid-configuration":
            paths = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
            places = {f"{name}_endpoint": f"{self.url}/{at}" for name, at in paths.items()}
            _json(handler, {"issuer": self.url, "jwks_uri": f"{self.url}/keys"} | places)
        elif path.path == "/authorize":
            self._authorize(handler, {name: values[0] for name, values in parse_qs(path.query).items()})
        elif path.path == "/userinfo":
            claims = self._tokens.get(handler.headers.get("authorization", "").removeprefix("Bearer "))
            _json(handler, claims | self.lies if claims else {"error": "invalid_token"}, 200 if claims else 401)
        else:
            _json(handler, {}, 404)

    def _authorize(self, handler: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        self.asked.append(query)
        answer = {"state": query["state"]}
        if self.person is None:
            answer["error"] = "access_denied"
        else:
            answer["code"] = secrets.token_urlsafe()
            self._codes[answer["code"]] = {"query": query, "claims": dict(self.person)}
        handler.send_response(302)
        handler.send_header("Location", f"{query['redirect_uri']}?{urlencode(answer)}")
        handler.end_headers()

    def _token(self, handler: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        given = self._codes.pop(form.get("code", ""), None)
        if given is None or (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            _json(handler, {"error": "invalid_grant"}, 400)
            return
        query = given["query"]
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != query.get("code_challenge"):
            _json(handler, {"error": "invalid_grant"}, 400)
            return
        if form["redirect_uri"] != query["redirect_uri"]:
            _json(handler, {"error": "invalid_grant"}, 400)
            return
        access = secrets.token_urlsafe()
        self._tokens[access] = given["claims"]
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "auth_time": now, "nbf": None}
        no_workflow = {name: None for name in self._issuer.claims() if name not in claims}
        identity = self._issuer.token(**(no_workflow | claims | given["claims"] | self.token_more))
        _json(handler, {"access_token": access, "token_type": "Bearer", "id_token": identity})


def _json(handler: BaseHTTPRequestHandler, body: dict[str, Any], status: int = 200) -> None:
    text = json.dumps(body).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(text)))
    handler.end_headers()
    handler.wfile.write(text)
