"""The address from which npm gets sigstore's keys, played by a repository of our own: signed, behind TLS and a proxy.

npm reads whom to trust from its cache, and brings sigstore's root when nothing is there; `lay_root` puts ours there.
All else is npm's own doing: Node asks through the proxy of its environment.
"""

from __future__ import annotations

import hashlib
import ipaddress
import socket
import ssl
import threading
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from select import select
from socketserver import StreamRequestHandler, ThreadingTCPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

HOST = "tuf-repo-cdn.sigstore.dev"


class TufMirror:
    """For `with`: answers for `HOST` and for nothing else.

    targets: the files it offers, by name. folder: where its certificate goes.
    """

    def __init__(self, targets: dict[str, bytes], folder: Path) -> None:
        self.files = _repository(targets)
        self.asked: list[str] = []
        self._certificate = folder / "mirror.pem"
        self._certificate.write_bytes(_certificate())
        self._stack = ExitStack()
        self.environ: dict[str, str] = {}

    def lay_root(self, home: Path) -> None:
        """Put the repository's root where npm looks for it, one place to audit and one to publish."""
        for cache in (".npm/_tuf", ".local/share/sigstore-js"):
            place = home / cache / HOST
            place.mkdir(parents=True, exist_ok=True)
            (place / "root.json").write_bytes(self.files["/1.root.json"])

    def __enter__(self) -> TufMirror:
        website = ThreadingHTTPServer(("127.0.0.1", 0), _answering(self.files, self.asked))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate)
        website.socket = context.wrap_socket(website.socket, server_side=True)
        proxy = _Proxy(("127.0.0.1", 0), _forwarding(website.server_address[1]))
        for server in (website, proxy):
            self._stack.callback(server.server_close)
            self._stack.callback(server.shutdown)
            threading.Thread(target=server.serve_forever, daemon=True).start()
        self.environ = {
            "HTTPS_PROXY": f"http://127.0.0.1:{proxy.server_address[1]}",
            "NODE_USE_ENV_PROXY": "1",
            "NODE_EXTRA_CA_CERTS": str(self._certificate),
        }
        return self

    def __exit__(self, *reason: object) -> None:
        self._stack.close()


class _Proxy(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def _repository(targets: dict[str, bytes]) -> dict[str, bytes]:
    signer, ends = CryptoSigner.generate_ecdsa(), datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    offered = {name: TargetFile.from_data(name, data, ["sha256"]) for name, data in targets.items()}
    root = Root(expires=ends, consistent_snapshot=True)
    for role in ("root", "timestamp", "snapshot", "targets"):
        root.add_key(signer.public_key, role)
    signed = {
        "/1.root.json": root,
        "/1.targets.json": Targets(expires=ends, targets=offered),
        "/1.snapshot.json": Snapshot(expires=ends, meta={"targets.json": MetaFile(1)}),
        "/timestamp.json": Timestamp(expires=ends, snapshot_meta=MetaFile(1)),
    }
    files = {}
    for path, said in signed.items():
        metadata = Metadata(said)
        metadata.sign(signer)
        files[path] = metadata.to_bytes()
    for name, data in targets.items():
        place, _, file = f"/targets/{name}".rpartition("/")
        files[f"{place}/{hashlib.sha256(data).hexdigest()}.{file}"] = data
    return files


def _answering(files: dict[str, bytes], asked: list[str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            found = files.get(self.path)
            self.send_response(200 if found is not None else 404)
            self.send_header("Content-Length", str(len(found or b"")))
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, *args: object) -> None: ...

    return Handler


def _forwarding(port: int) -> type[StreamRequestHandler]:
    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            wanted = self.rfile.readline().split()
            while self.rfile.readline().strip():
                pass
            if wanted[:2] != [b"CONNECT", f"{HOST}:443".encode()]:
                self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", port)) as other:
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                with suppress(OSError):
                    _pass_on(self.connection, other)

    return Handler


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    towards = {one: other, other: one}
    while True:
        for ready in select(list(towards), [], [])[0]:
            data = ready.recv(65536)
            if not data:
                return
            towards[ready].sendall(data)


def _certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mirror of the tests")])
    now = datetime.now(UTC)
    names = [x509.DNSName(HOST), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM) + pem
