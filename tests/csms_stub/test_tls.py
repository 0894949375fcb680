"""TLS without I/O, with OpenSSL as the client."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from csms_stub import Csms, CsmsError
from csms_stub.files import FileServer
from csms_stub.pki import Kind, Pki, pem
from csms_stub.tls import SUITES, TlsEndpoint, TlsStream

REQUEST = b"GET /firmware.bin HTTP/1.1\r\nHost: files.local\r\n\r\n"
IMAGE = bytes(range(256)) * 100
OPENSSL_NAMES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
)
PKI = Pki(epoch=datetime.now(UTC))
"""OpenSSL's clock cannot be set."""


class Client:
    """OpenSSL on two memory BIOs."""

    def __init__(self, endpoint: TlsEndpoint, *, suites: str = "", trust: str = "") -> None:
        context = ssl.create_default_context()
        context.load_verify_locations(cadata=trust or pem(PKI.root("csms").certificate))
        # What Python takes by default differs from one distribution to the next.
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        context.set_ciphers(suites or "ECDHE+AESGCM:AESGCM")
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="files.local")
        self.stream = endpoint.accept(0)
        self.received = b""

    def run(self) -> Client:
        """Both sides, until neither has anything to say. Raises ssl.SSLError."""
        assert self.stream is not None
        done = False
        for _ in range(200):
            try:
                if not done:
                    self.tls.do_handshake()
                    done = True
                    self.tls.write(REQUEST)
                self.received += self.tls.read(100_000)
            except ssl.SSLWantReadError:
                pass
            if sent := self.outgoing.read():
                self.stream.receive(sent, 0)
            if came := self.stream.take(0):
                self.incoming.write(came)
            elif not sent:
                if self.stream.closed:
                    self.incoming.write_eof()
                return self
        raise AssertionError("no end")


@pytest.fixture
def endpoint() -> Iterator[TlsEndpoint]:
    server = FileServer()
    server.files["/firmware.bin"] = IMAGE
    yield TlsEndpoint(server, PKI, "files.local")


@pytest.mark.parametrize(("number", "name"), list(enumerate(OPENSSL_NAMES)))
def test_a_file_over_tls_with_each_suite(endpoint: TlsEndpoint, number: int, name: str) -> None:
    kind: Kind = "rsa" if number >= 2 else "ecdsa"
    client = Client(endpoint, suites=name, trust=pem(PKI.root("csms", kind).certificate)).run()
    assert client.received.endswith(IMAGE)
    shake = endpoint.handshakes[-1]
    assert (shake.version, shake.suite, shake.host) == ("TLS 1.2", SUITES[number], "files.local")
    assert not shake.failure and client.tls.compression() is None


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("expired", "certificate has expired"),
        ("wrong host name", "Hostname mismatch"),
        ("unknown root", "unable to get local issuer certificate"),
        ("TLS 1.1", "unsupported protocol"),
        ("TLS 1.0", "unsupported protocol"),
        ("no common cipher suite", "alert handshake failure"),
    ],
)
def test_a_client_refuses_what_is_wrong_once(endpoint: TlsEndpoint, wrong: str, reason: str) -> None:
    endpoint.show(wrong, times=1)  # type: ignore[arg-type]
    with pytest.raises(ssl.SSLError, match=reason):
        client = Client(endpoint)
        client.run()
        client.tls.do_handshake()
    assert (endpoint.handshakes[-1].shown, endpoint.handshakes[-1].suite) == (wrong, "")
    assert Client(endpoint).run().received.endswith(IMAGE)


def test_a_server_that_stalls_says_nothing(endpoint: TlsEndpoint) -> None:
    endpoint.show("stalls")
    client = Client(endpoint).run()
    assert client.stream is not None and not client.stream.closed and not client.incoming.pending
    client.stream.receive_eof(0)
    assert client.stream.closed
    assert endpoint.handshakes[-1].failure == "the client closed TCP during the handshake"


def test_the_end_with_an_alert_and_without(endpoint: TlsEndpoint) -> None:
    client = Client(endpoint).run()
    assert client.tls.read(1) == b"", "close_notify"
    endpoint.show("no close_notify")
    client = Client(endpoint).run()
    with pytest.raises(ssl.SSLError, match=r"(?i)eof"):
        client.tls.read(1)


def hello() -> bytes:
    client = Client(TlsEndpoint(Csms(), PKI, "files.local"))
    with pytest.raises(ssl.SSLWantReadError):
        client.tls.do_handshake()
    return client.outgoing.read()


def answer(first: bytes, connections: int) -> bytes:
    endpoint = TlsEndpoint(Csms(), PKI, "files.local")
    for _ in range(connections):
        stream = endpoint.accept(0)
    assert isinstance(stream, TlsStream)
    stream.receive(first, 0)
    return stream.take(0)


def test_a_run_is_the_same_every_time_and_no_two_connections_are() -> None:
    first = hello()
    assert answer(first, 1) == answer(first, 1)
    assert answer(first, 1) != answer(first, 2)


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_bytes_may_come_in_pieces(piece: int) -> None:
    first = hello()
    endpoint = TlsEndpoint(Csms(), PKI, "files.local")
    stream = endpoint.accept(0)
    assert stream is not None
    for at in range(0, len(first), piece):
        stream.receive(first[at : at + piece], 0)
    assert stream.take(0) == answer(first, 1)


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        bytes(100),
        b"\x16\x03\x03\xff\xff" + bytes(70000),
    ],
)
def test_garbage_ends_the_connection_with_a_reason(garbage: bytes) -> None:
    endpoint = TlsEndpoint(Csms(), PKI, "files.local")
    stream = endpoint.accept(0)
    assert stream is not None
    stream.receive(garbage, 0)
    stream.take(0)
    assert stream.closed and endpoint.handshakes[-1].failure


def client_hello(*extensions: tuple[int, bytes]) -> bytes:
    suites = b"\xc0\x2b\x00\x9c"
    fields = b"".join(kind.to_bytes(2) + len(body).to_bytes(2) + body for kind, body in extensions)
    body = b"\3\3" + bytes(32) + b"\0" + len(suites).to_bytes(2) + suites + b"\1\0"
    body += len(fields).to_bytes(2) + fields
    message = b"\1" + len(body).to_bytes(3) + body
    return b"\x16\3\1" + len(message).to_bytes(2) + message


@pytest.mark.parametrize(
    "extensions",
    [
        ((0, b"\0\0"),),  # server_name without a name
        ((0, b"\0\4\1\0\1a"),),  # of a type that is none
        ((10, b"\0\2\0\x17"), (10, b"\0\2\0\x17")),  # twice the same
        ((43, b"\0"),),  # supported_versions without one
        ((43, b""),),
        ((13, b"\0\0"),),
        ((1, b""),),
    ],
)
def test_extensions_that_are_none_raise_nothing(extensions: tuple[tuple[int, bytes], ...]) -> None:
    endpoint = TlsEndpoint(Csms(), PKI, "files.local")
    stream = endpoint.accept(0)
    assert stream is not None
    stream.receive(client_hello(*extensions), 0)
    assert stream.take(0)[:1] in (b"\x15", b"\x16", b"")


def test_what_a_server_cannot_be() -> None:
    with pytest.raises(CsmsError, match=r"a server cannot be 'odd'; there are expired, .* no close_notify"):
        TlsEndpoint(Csms(), PKI, "a.local").show("odd")  # type: ignore[arg-type]


def test_a_failed_handshake_is_no_violation_of_http() -> None:
    csms = Csms()
    endpoint = TlsEndpoint(csms, PKI, "files.local")
    endpoint.show("expired")
    client = Client(endpoint)
    with pytest.raises(ssl.SSLError):
        client.run()
    assert client.stream is not None
    client.stream.receive(client.outgoing.read(), 0)
    client.stream.receive_eof(0)
    assert client.stream.closed and not csms.violations
    assert endpoint.handshakes[-1].failure
