"""A sign-in provider that somebody else wrote: django-allauth's, in a process of its own, with one person, nina."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode

from tests.tools import ports

ROOT = Path(__file__).resolve().parents[2]
CLIENT, SECRET, PASSWORD = "registry", "a secret of the tests", "a password of the company"
SECONDS = 60


class IdentityProvider:
    """A running provider, as the company of the tests has it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self._groups = url, folder / "groups.json"
        self.groups()

    def groups(self, *names: str) -> None:
        """From now on nina is in these groups."""
        self._groups.write_text(json.dumps(names))

    def settings(self) -> dict[str, object]:
        """The settings of a registry that signs people in with this provider."""
        return {
            "OIDC_URL": self.url,
            "OIDC_CLIENT_ID": CLIENT,
            "OIDC_CLIENT_SECRET": SECRET,
            "OIDC_NAME": "Acme Login",
            "EGRESS_ALLOWED_NETWORKS": ["127.0.0.0/8"],
        }

    def sign_in(self, address: str) -> str:
        """What nina does in a browser that opens this address, until she is sent back; gives where to."""
        browser = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar()), _StopsElsewhere(self.url)
        )
        try:
            with browser.open(address, timeout=SECONDS) as page:
                text, login = page.read().decode(), page.url
            token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', text)
            following = re.search(r'name="next" value="([^"]+)"', text)
            sent = {"login": "nina", "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
            sent |= {"next": unescape(following[1])} if following else {}
            browser.open(login, urlencode(sent).encode(), timeout=SECONDS)
        except _SentBack as back:
            return back.address
        raise AssertionError("the provider sent nobody back")


class _SentBack(Exception):
    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class _StopsElsewhere(urllib.request.HTTPRedirectHandler):
    def __init__(self, own: str) -> None:
        self._own = own

    def redirect_request(self, request, handle, code, message, headers, address):
        if not address.startswith(self._own):
            raise _SentBack(address)
        return super().redirect_request(request, handle, code, message, headers, address)


@contextmanager
def running(folder: Path, back: str) -> Iterator[IdentityProvider]:
    """A provider of its own in this empty folder. back: the only address that it sends people back to."""
    port = ports.free()
    url, log = f"http://127.0.0.1:{port}", folder / "log"
    provider = IdentityProvider(url, folder)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.tools.identity_provider", str(folder), str(port), back],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(process, f"{url}/.well-known/openid-configuration", log)
        yield provider
    finally:
        process.terminate()
        process.wait(20)


def _wait(process: subprocess.Popen, url: str, log: Path) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    last = time.monotonic() + SECONDS
    while time.monotonic() < last and process.poll() is None:
        try:
            direct.open(url, timeout=5).close()
        except urllib.error.HTTPError as error:
            error.close()
            break
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the provider did not start: {log.read_text(errors='replace')}")


def serve(folder: Path, port: int, back: str) -> None:
    """Be the provider, until the process is ended."""
    import socketserver
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

    import django
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from django.conf import settings

    pem = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    contrib = [f"django.contrib.{name}" for name in ("auth", "contenttypes", "sessions", "messages")]
    around = [f"django.template.context_processors.{name}" for name in ("request", "csrf")]
    around += ["django.contrib.auth.context_processors.auth", "django.contrib.messages.context_processors.messages"]
    settings.configure(
        SECRET_KEY="of the tests",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF="tests.tools.identity_pages",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "provider.sqlite3")}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[*contrib, "allauth", "allauth.account", "allauth.idp.oidc"],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "allauth.account.middleware.AccountMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {"context_processors": around},
            }
        ],
        AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        ACCOUNT_LOGIN_METHODS={"username"},
        ACCOUNT_EMAIL_VERIFICATION="none",
        ACCOUNT_RATE_LIMITS=False,
        LOGIN_URL="account_login",
        USE_TZ=True,
        GROUPS_FILE=str(folder / "groups.json"),
        IDP_OIDC_ADAPTER="tests.tools.identity_pages.Adapter",
        IDP_OIDC_PRIVATE_KEY=pem.decode(),
    )
    django.setup()
    _fill(back)

    class Server(socketserver.ThreadingMixIn, WSGIServer):
        daemon_threads = True

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    from django.core.wsgi import get_wsgi_application

    make_server("127.0.0.1", port, get_wsgi_application(), Server, Quiet).serve_forever()


def _fill(back: str) -> None:
    from allauth.account.models import EmailAddress
    from allauth.idp.oidc.models import Client
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    nina = get_user_model().objects.create_user("nina", "nina@corp.example", PASSWORD, first_name="Nina")
    EmailAddress.objects.create(user=nina, email=nina.email, verified=True, primary=True)
    client = Client(id=CLIENT, name="Registry", skip_consent=True)
    client.set_secret(SECRET)
    client.set_scopes(["openid", "profile", "email"])
    client.set_redirect_uris([back])
    client.save()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
