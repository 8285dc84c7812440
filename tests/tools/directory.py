"""A company's directory: a real slapd on loopback, with people and groups that tests change as its admin does."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ldap3

from tests.tools import ports
from tests.tools.tls import certificates

SUFFIX = "dc=acme,dc=example"
PEOPLE, GROUPS = f"ou=people,{SUFFIX}", f"ou=groups,{SUFFIX}"
ADMIN, ADMIN_PASSWORD = f"cn=admin,{SUFFIX}", "the admin of the tests"
READER, READER_PASSWORD = f"cn=registry,{SUFFIX}", "the reader of the tests"
PASSWORD = "a password of the company"
PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/usr/local/libexec", "/opt/homebrew/opt/openldap/libexec")
SCHEMAS = ("/etc/ldap/schema", "/etc/openldap/schema", "/opt/homebrew/etc/openldap/schema")
MODULES = ("/usr/lib/ldap", "/usr/lib64/openldap", "/usr/libexec/openldap")
SECONDS = 30
# `allow bind_anon_cred` is the trap: this directory welcomes a name with an empty password as an anonymous visitor.
CONFIG = """
{schemas}
{modules}
pidfile {place}/pid
argsfile {place}/args
allow bind_anon_cred
TLSCertificateFile {chain}
TLSCertificateKeyFile {key}
TLSCACertificateFile {authority}
database mdb
suffix "{suffix}"
rootdn "{admin}"
rootpw "{admin_password}"
directory {place}/data
maxsize 16777216
dbnosync
index objectClass,uid,entryUUID,member eq
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by * none
"""


class Missing(Exception):
    """There is no slapd here, or it does not start; the message says which."""


class Directory:
    """A running directory. url, secure_url: with StartTLS and with TLS; authority: the certificate to trust."""

    def __init__(self, url: str, secure_url: str, authority: Path) -> None:
        self.url, self.secure_url, self.authority = url, secure_url, authority
        server = ldap3.Server(url, get_info=ldap3.NONE)
        self.admin = ldap3.Connection(server, ADMIN, ADMIN_PASSWORD, auto_bind=True, raise_exceptions=True)
        self.admin.add(SUFFIX, ["dcObject", "organization"], {"o": "Acme", "dc": "acme"})
        for name, place in (("people", PEOPLE), ("groups", GROUPS)):
            self.admin.add(place, "organizationalUnit", {"ou": name})
        self.admin.add(
            READER, ["applicationProcess", "simpleSecurityObject"], {"cn": "registry", "userPassword": READER_PASSWORD}
        )

    def settings(self, **more: object) -> dict[str, object]:
        """The settings of a registry that signs people in with this directory."""
        return {
            "LDAP_URL": self.url,
            "LDAP_STARTTLS": True,
            "LDAP_CA_FILE": self.authority,
            "LDAP_BIND_DN": READER,
            "LDAP_BIND_PASSWORD": READER_PASSWORD,
            "LDAP_NAME": "Acme Directory",
            "LDAP_USER_BASE": PEOPLE,
            "LDAP_GROUP_BASE": GROUPS,
            **more,
        }

    def add(self, name: str, password: str = PASSWORD, **more: str) -> str:
        """Put a person there; gives their dn. more: other attributes, None for none."""
        dn = f"uid={name},{PEOPLE}"
        said = {
            "uid": name,
            "cn": name.title(),
            "sn": name,
            "mail": f"{name}@acme.example",
            "userPassword": password,
        } | more
        self.admin.add(dn, "inetOrgPerson", {key: value for key, value in said.items() if value is not None})
        return dn

    def remove(self, name: str) -> None:
        """Let a person be gone."""
        self.admin.delete(f"uid={name},{PEOPLE}")

    def rename(self, name: str, new: str) -> None:
        """Call a person otherwise; they stay who they are."""
        self.admin.modify_dn(f"uid={name},{PEOPLE}", f"uid={new}")

    def group(self, name: str, *people: str) -> None:
        """Let exactly these people be in the group."""
        dn = f"cn={name},{GROUPS}"
        self._drop(dn)
        if people:
            self.admin.add(dn, "groupOfNames", {"cn": name, "member": [f"uid={each},{PEOPLE}" for each in people]})

    def clear(self) -> None:
        """Forget everybody and every group."""
        for place in (PEOPLE, GROUPS):
            self.admin.search(place, "(objectClass=*)", ldap3.LEVEL)
            for each in list(self.admin.response):
                self.admin.delete(each["dn"])

    def _drop(self, dn: str) -> None:
        try:
            self.admin.delete(dn)
        except ldap3.core.exceptions.LDAPNoSuchObjectResult:
            return


@contextmanager
def running(place: Path) -> Iterator[Directory]:
    """A slapd of its own in this empty folder. Raises Missing."""
    program = shutil.which("slapd", path=os.pathsep.join([os.environ.get("PATH", ""), *PLACES]))
    schemas = next((Path(each) for each in SCHEMAS if (Path(each) / "core.schema").is_file()), None)
    if program is None or schemas is None:
        raise Missing("slapd is not installed (Debian: sudo apt-get install slapd; macOS: brew install openldap)")
    (place / "data").mkdir()
    chain, key = certificates(place, place / "authority.pem")
    port, secure = ports.free(), ports.free()
    urls = f"ldap://localhost:{port}", f"ldaps://localhost:{secure}"
    config, log = place / "slapd.conf", place / "log"
    config.write_text(_config(place, schemas, chain, key))
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, "-f", config, "-h", " ".join(each.replace("localhost", "127.0.0.1") for each in urls), "-d", "0"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(process, secure, log)
        directory = Directory(*urls, place / "authority.pem")
        yield directory
        directory.admin.unbind()
    finally:
        process.terminate()
        process.wait(20)


def _config(place: Path, schemas: Path, chain: Path, key: Path) -> str:
    modules = next((each for each in MODULES if list(Path(each).glob("back_mdb*"))), None)
    return CONFIG.format(
        schemas="\n".join(f"include {schemas}/{name}.schema" for name in ("core", "cosine", "inetorgperson")),
        modules=f"modulepath {modules}\nmoduleload back_mdb" if modules else "",
        place=place,
        chain=chain,
        key=key,
        authority=place / "authority.pem",
        suffix=SUFFIX,
        admin=ADMIN,
        admin_password=ADMIN_PASSWORD,
        reader=READER,
    )


def _wait(process: subprocess.Popen, port: int, log: Path) -> None:
    last = time.monotonic() + SECONDS
    while time.monotonic() < last and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise Missing(f"slapd did not start: {log.read_text(errors='replace')}")
