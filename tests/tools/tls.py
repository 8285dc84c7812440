"""The product behind a proxy that ends TLS, as people run it: with a certificate that a made-up authority signed."""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.tools.server import Registry

CHUNK = 1 << 16


class TlsRegistry(Registry):
    """A running product whose address is `https://`; `authority` is the certificate that clients must trust."""

    def __init__(self, env=None, data_dir: Path | None = None) -> None:
        super().__init__({"TRUSTED_PROXY_COUNT": "1", **(env or {})}, data_dir)
        self.authority = self.data_dir / "authority.pem"
        self._listener: socket.socket | None = None

    @property
    def url(self) -> str:
        """The proxy's address, once it listens."""
        return f"https://127.0.0.1:{self._listener.getsockname()[1]}" if self._listener else super().url

    def start(self) -> None:
        """Start the product, then the proxy in front of it."""
        super().start()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificates(self.data_dir, self.authority))
        os.environ["SSL_CERT_FILE"] = str(self.authority)  # the requests of the tests' own trust it, too
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        threading.Thread(target=self._accept, args=(context,), daemon=True).start()

    def stop(self) -> None:
        """Stop both."""
        listener, self._listener = self._listener, None
        if listener:
            listener.close()
            os.environ.pop("SSL_CERT_FILE", None)
        super().stop()

    def _accept(self, context: ssl.SSLContext) -> None:
        listener = self._listener
        with suppress(OSError):  # closed by stop()
            while True:
                plain, _ = listener.accept()
                threading.Thread(target=self._serve, args=(context, plain), daemon=True).start()

    def _serve(self, context: ssl.SSLContext, plain: socket.socket) -> None:
        """One connection, one request: a closed connection spares the proxy reading bodies' ends."""
        with suppress(OSError):
            client = context.wrap_socket(plain, server_side=True)
            head = b""
            while b"\r\n\r\n" not in head:
                if not (read := client.recv(CHUNK)):
                    return
                head += read
            first, _, rest = head.partition(b"\r\n")
            fields, _, body = rest.partition(b"\r\n\r\n")
            kept = [line for line in fields.split(b"\r\n") if not line.lower().startswith((b"connection:", b"x-forw"))]
            kept += [b"Connection: close", b"X-Forwarded-For: 127.0.0.1", b"X-Forwarded-Proto: https"]
            server = socket.create_connection(("127.0.0.1", self.port))
            with client, server:
                server.sendall(b"\r\n".join([first, *kept]) + b"\r\n\r\n" + body)
                threading.Thread(target=_pour, args=(client, server), daemon=True).start()
                _pour(server, client)
                with suppress(OSError):
                    client.unwrap()


def _pour(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError, ValueError):
        while read := source.recv(CHUNK):
            target.sendall(read)


def certificates(folder: Path, authority: Path) -> tuple[Path, Path]:
    """Make an authority and a certificate of it for loopback; gives the files of the chain and of its key."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the tests")])
    now = datetime.datetime.now(datetime.UTC)

    def builder(name: x509.Name, public_key) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(ca_name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=2))
        )

    usage = {"digital_signature": True, "key_cert_sign": True, "crl_sign": True}
    no_usage = dict.fromkeys(
        "content_commitment key_encipherment data_encipherment key_agreement encipher_only decipher_only".split(), False
    )
    ca = (
        builder(ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**usage, **no_usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    leaf = (
        builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    chain, secret = folder / "tls.pem", folder / "tls.key"
    authority.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    chain.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return chain, secret
