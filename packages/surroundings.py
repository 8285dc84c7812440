"""What is around this server: addresses and proxies, mail, the company's sign-in, upstream registries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from packages.findings import Finding
from packages.upstream import client, registries
from packages.upstream.client import UpstreamError
from registry_site.errors import Refusal

EXAMPLE = "@acme/ledger/-/ledger-1.0.0.tgz"


def addresses() -> Iterator[Finding]:
    """Under which names clients see this registry, and whether tokens travel safely."""
    port = "" if settings.PORT in (80, 443) else f":{settings.PORT}"
    base = settings.PUBLIC_URL or f"http://{settings.ALLOWED_HOSTS[0]}{port}"
    yield Finding("Address", "fact", f"a client would see this tarball link: {base}/npm/{EXAMPLE}")
    if settings.REGISTRY_HOST:
        scheme = urlsplit(settings.PUBLIC_URL).scheme
        yield Finding(
            "Address", "fact", f"at REGISTRY_HOST it would see: {scheme}://{settings.REGISTRY_HOST}/{EXAMPLE}"
        )
    if not settings.PUBLIC_URL:
        yield Finding("Address", "fact", "PUBLIC_URL is not set: good for one machine; mails and links say localhost")
    elif not settings.PUBLIC_URL.startswith("https://"):
        yield Finding(
            "Address", "warn", "PUBLIC_URL is without https: tokens and passwords go over the network as text"
        )
    if "*" in settings.ALLOWED_HOSTS:
        yield Finding(
            "Address", "warn", "ALLOWED_HOSTS is *: any name a request brings gets into links; list your hosts"
        )


def proxies(headers: Any) -> Iterator[Finding]:
    """Whether the proxies in front say what `TRUSTED_PROXY_COUNT` expects. headers: of a request through them."""
    count = settings.TRUSTED_PROXY_COUNT
    if headers is None:
        yield Finding(
            "Proxies", "fact", f"TRUSTED_PROXY_COUNT is {count}; the operators' page compares it with a request"
        )
        return
    hops = len([hop for hop in headers.get("x-forwarded-for", "").split(",") if hop.strip()])
    if hops and not count:
        says = f"X-Forwarded-For has {hops} addresses, TRUSTED_PROXY_COUNT is 0: set it, or all seem to come from one"
        yield Finding("Proxies", "warn", says)
    elif hops < count:
        says = f"X-Forwarded-For has {hops} addresses, TRUSTED_PROXY_COUNT is {count}: anybody can say any; lower it"
        yield Finding("Proxies", "bad", says)
    elif count and not headers.get("x-forwarded-proto"):
        yield Finding(
            "Proxies", "warn", "the proxy sends no X-Forwarded-Proto: links say http; let it send that header"
        )
    else:
        yield Finding("Proxies", "good", f"{count or 'none'} in front, as TRUSTED_PROXY_COUNT says")


def mail() -> Iterator[Finding]:
    """Whether mail leaves, and from whom."""
    if not settings.EMAIL_URL:
        yield Finding("Mail", "fact", "EMAIL_URL is not set: mails are printed on the console and reach nobody")
        return
    said = f"{urlsplit(settings.EMAIL_URL).scheme} through {getattr(settings, 'EMAIL_HOST', '') or 'this machine'}"
    yield Finding("Mail", "good", f"{said}, from {settings.DEFAULT_FROM_EMAIL}")
    if settings.DEFAULT_FROM_EMAIL.rstrip(">").endswith("@localhost"):
        yield Finding("Mail", "warn", "mails come from registry@localhost, which many servers refuse; set EMAIL_FROM")


def provider() -> Iterator[Finding]:
    """The sign-in provider (`OIDC_URL`): whether who leaves the company is noticed at all."""
    groups = settings.OIDC_REQUIRED_GROUP or settings.OIDC_GROUP_TEAMS or settings.OIDC_GROUP_ROLES
    if settings.OIDC_URL and groups and not settings.OIDC_SIGN_IN_DAYS:
        yield Finding(
            "Sign-in",
            "warn",
            f"groups of {settings.OIDC_NAME} are read when somebody signs in: who never does so again keeps tokens and "
            "seats. Set OIDC_SIGN_IN_DAYS, and they are suspended after so many days",
        )


def directory() -> Iterator[Finding]:
    """The company's directory (`LDAP_URL`), asked once."""
    if not settings.LDAP_URL:
        return
    from accounts.directory.client import asking  # ldap3 is large, and most registries have no directory

    try:
        with asking():
            yield Finding("Directory", "good", f"{settings.LDAP_NAME} lets this registry in, at {settings.LDAP_URL}")
    except Refusal as refusal:
        yield Finding("Directory", "bad", f"{refusal.message}; the log says why (LDAP_URL, LDAP_BIND_DN, LDAP_CA_FILE)")
    if settings.LDAP_URL.startswith("ldap://") and not settings.LDAP_STARTTLS:
        yield Finding(
            "Directory", "warn", "LDAP_STARTTLS is off: people's passwords go over the network as text; use ldaps://"
        )


def upstreams() -> Iterator[Finding]:
    """Every upstream registry, asked once."""
    for registry in registries.every():
        try:
            answer = client.get(registry, "-/ping", most=2**16, seconds=5)
        except UpstreamError as error:
            yield Finding(
                "Upstream", "bad", f"{registry.host}: {error}; look at UPSTREAM_URL and EGRESS_ALLOWED_NETWORKS"
            )
            continue
        state = "good" if answer.status < 400 else "warn"
        yield Finding("Upstream", state, f"{registry.host} answered with {answer.status}")
