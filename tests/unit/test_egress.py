"""The one client for outside: which addresses it refuses (F1, F2), and what it never does with an answer."""

from __future__ import annotations

import ipaddress
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from registry_site import egress
from registry_site.egress import EgressError

INNER = """127.0.0.1 127.255.255.254 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 0.0.0.0 0.1.2.3
    100.64.0.1 192.0.0.1 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 224.0.1.1 239.255.255.255 240.0.0.1
    255.255.255.255 ::1 :: fe80::1 fe80::1%eth0 fc00::1 fd12::1 fec0::1 ff02::1 ff0e::1 2001:db8::1 100::1
    ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:93.184.216.34 ::127.0.0.1 2002:7f00:1:: 2001:0:a::1
    64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1""".split()
OUTER = "93.184.216.34 1.1.1.1 8.8.8.8 2606:2800:220:1::1 64:ff9b::101:101".split()


@pytest.mark.parametrize("text", INNER)
def test_f1_an_inner_address_is_refused_whatever_its_spelling(text):
    assert "not an address of the public internet" in egress.refusal(ipaddress.ip_address(text), 443)


@pytest.mark.parametrize("text", OUTER)
def test_an_address_of_the_internet_is_reached_on_the_two_ports_of_the_web(text):
    address = ipaddress.ip_address(text)
    assert egress.refusal(address, 443) == egress.refusal(address, 80) == ""
    for port in (22, 25, 6379, 8080, 65535):
        assert "is not 80 or 443" in egress.refusal(address, port)


def test_what_operators_allow_is_reached_on_any_port_and_nothing_beside_it():
    allowed = ["10.1.0.0/16", "::1/128", "93.184.216.34/32"]
    for text in ("10.1.2.3", "::ffff:10.1.2.3", "::1", "93.184.216.34"):
        assert egress.refusal(ipaddress.ip_address(text), 8080, allowed) == ""
    for text in ("10.2.0.1", "127.0.0.1", "::2", "64:ff9b::a01:203"):
        assert egress.refusal(ipaddress.ip_address(text), 443, allowed)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "gopher://example.com/", "ftp://example.com/", "//example.com/", "example.com", "",
        "https://", "https:///path", "https://user@example.com/", "https://user:word@example.com/",
        "https://@example.com/", "https://example.com:99999/", "https://example.com:port/",
        "https://example.com:0/", "https://exam ple.com/",
        "https://example.com/\r\nX: y", "https://example.com\\@127.0.0.1/", "https://example.com/\tx", "https://[::1/",
        "https://example.com/\u00e9", "https://" + "a" * 70 + ".com/", "https://example.com/" + "a" * 2000,
    ],
)  # fmt: skip
def test_f1_what_is_no_plain_web_address_is_refused_before_any_network(url):
    with pytest.raises(EgressError):
        egress.parse(url)


def test_an_address_is_read_once_and_its_parts_are_what_is_used():
    assert egress.parse("HTTPS://Example.COM/a?b=c#d") == egress.Target("https", "example.com", 443, "/a?b=c")
    assert egress.parse("http://[2606:2800::1]:8080") == egress.Target("http", "2606:2800::1", 8080, "/")
    assert egress.parse("https://b\u00fccher.example/").host == "xn--bcher-kva.example"


@pytest.mark.parametrize("url", "http://2130706433/ http://0x7f.1/ http://017700000001/ http://localhost/".split())
def test_f1_other_spellings_of_loopback_are_refused_once_they_are_resolved(settings, url):
    settings.EGRESS_ALLOWED_NETWORKS = []
    with pytest.raises(EgressError, match="is refused|leads nowhere"):
        egress.request("GET", url)


class Server:
    """A web server on loopback that answers with raw bytes, and keeps what it was asked."""

    def __init__(self, answer: bytes, then: str = "close") -> None:
        self.answer, self.then, self.asked = answer, then, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/hook"
        self.held: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            self.asked.append(peer.recv(65536))
            peer.sendall(self.answer)
            if self.then == "close":
                peer.close()
            else:
                self.held.append(peer)

    def close(self) -> None:
        for each in (self.socket, *self.held):
            each.close()


@pytest.fixture
def serve(settings):
    settings.EGRESS_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    servers = []

    def run(answer: bytes, then: str = "close") -> Server:
        servers.append(Server(answer, then))
        return servers[-1]

    yield run
    for server in servers:
        server.close()


def test_f2_a_redirect_is_an_answer_and_is_not_followed(serve):
    elsewhere = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    here = serve(f"HTTP/1.1 302 Found\r\nLocation: {elsewhere.url}\r\nContent-Length: 0\r\n\r\n".encode())
    assert egress.request("POST", here.url, {"X-Sign": "1"}, b"body").status == 302
    assert not elsewhere.asked
    assert here.asked[0].startswith(b"POST /hook HTTP/1.1\r\n")
    assert b"X-Sign: 1" in here.asked[0]


def test_f2_no_more_than_the_limit_is_read_and_nothing_is_unpacked(serve):
    long = serve(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000)
    answer = egress.request("GET", long.url)
    assert (len(answer.body), answer.is_whole) == (egress.MAX_ANSWER, False)
    exact = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    answer = egress.request("GET", exact.url, max_answer=5)
    assert (answer.status, answer.headers, answer.body) == (200, {"content-length": "5"}, b"hello")
    assert answer.is_whole


def test_f2_an_answer_that_drips_is_cut_off_when_the_time_is_over(serve):
    silent = serve(b"HTTP/1.1 200 OK\r\n", then="hold")
    endless = serve(b"HTTP/1.1 200 OK\r\n\r\nhel", then="hold")
    for server in (silent, endless):
        with pytest.raises(EgressError, match="in time"):
            egress.request("GET", server.url, seconds=0.5)


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi"])
def test_half_an_answer_is_none(serve, answer):
    with pytest.raises(EgressError):
        egress.request("GET", serve(answer).url)


def test_f2_a_name_is_resolved_once_and_every_address_of_it_is_checked(serve, monkeypatch):
    server = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    port, asked = int(server.url.split(":")[2].split("/")[0]), []

    def answers(*addresses: str):
        def resolve(host, port, *args, **kwargs):
            if not host[0].isdigit():
                asked.append(host)
            listed = addresses if not host[0].isdigit() else (host,)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in listed]

        return resolve

    monkeypatch.setattr(socket, "getaddrinfo", answers("127.0.0.1"))
    assert egress.request("GET", f"http://hooks.example:{port}/hook").body == b"hi"
    assert asked == ["hooks.example"]
    assert f"Host: hooks.example:{port}".encode() in server.asked[0]
    monkeypatch.setattr(socket, "getaddrinfo", answers("127.0.0.1", "10.0.0.1"))
    with pytest.raises(EgressError, match=r"10\.0\.0\.1"):
        egress.request("GET", f"http://hooks.example:{port}/hook")
    assert len(server.asked) == 1


def test_what_has_to_be_believed_comes_by_plain_http_from_inner_networks_only(serve, monkeypatch):
    server = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    assert egress.request("GET", server.url, inner_http_only=True).status == 200
    row = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 80))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: [row])
    with pytest.raises(EgressError, match="has to be believed"):
        egress.request("GET", "http://issuer.example/keys", inner_http_only=True)


def test_a_header_cannot_smuggle_another(serve):
    server = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(EgressError):
        egress.request("POST", server.url, {"X-A": "1\r\nX-B: 2"}, b"")
    assert not any(b"X-B" in each for each in server.asked)


def test_https_needs_a_certificate_of_the_name(settings):
    settings.EGRESS_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    plain = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    threading.Thread(target=plain.serve_forever, args=(0.02,), daemon=True).start()
    try:
        with pytest.raises(EgressError):
            egress.request("GET", f"https://127.0.0.1:{plain.server_port}/")
    finally:
        plain.shutdown()
        plain.server_close()
