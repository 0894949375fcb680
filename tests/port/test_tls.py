"""TLS on the chip: the `tls` module against OpenSSL, record by record, without a network."""

from __future__ import annotations

import base64
import datetime
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from .conftest import running
from .target import Target

MANIFEST = Path(__file__).parent / "tls_app" / "manifest.py"
EPOCH = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC)
HOST = "csms.local"
DER = serialization.Encoding.DER
PEM = serialization.Encoding.PEM
PIECE = 300
USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
CHUNK = 1024


def seconds(time: datetime.datetime) -> int:
    return round((time - EPOCH).total_seconds())


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def new_key(kind: str) -> Any:
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, int(kind.removeprefix("rsa")))


class Authority:
    """A CA, and what it issues; the same key signs all."""

    def __init__(self, kind: str = "ec", name: str = "Root", issuer: Authority | None = None) -> None:
        self.key = new_key(kind)
        self.issuer = issuer or self
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self.issuer.issue(self.key, self.name, ca=True)

    def issue(
        self,
        key: Any,
        name: x509.Name,
        *,
        ca: bool = False,
        start: datetime.datetime = NOW - datetime.timedelta(days=100),
        end: datetime.datetime = NOW + datetime.timedelta(days=100),
        usage: str = "digital_signature",
        alternative: str | None = None,
    ) -> x509.Certificate:
        usages = dict.fromkeys(USAGES, False) | {"key_cert_sign" if ca else usage: True}
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(0x80F1E2D3)
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**usages), critical=True)
        )
        if alternative:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(alternative)]), False)
        return builder.sign(self.key, hashes.SHA256())

    def server(self, kind: str = "ec", host: str = HOST, **options: Any) -> Server:
        key = new_key(kind)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        if kind != "ec":
            options.setdefault("usage", "key_encipherment")
        chain = [self.issue(key, name, **options)]
        authority = self
        while authority.issuer is not authority:
            chain.append(authority.certificate)
            authority = authority.issuer
        return Server(key, chain)


class Server:
    """An OpenSSL server between two memory buffers."""

    def __init__(self, key: Any, chain: list[x509.Certificate]) -> None:
        self.key = key
        self.chain = chain
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.maximum_version = ssl.TLSVersion.TLSv1_2

    def start(self, folder: Path) -> None:
        path = folder / "server.pem"
        key = self.key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.write_bytes(key + b"".join(certificate.public_bytes(PEM) for certificate in self.chain))
        self.context.load_cert_chain(path)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = self.context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    def handshake(self) -> None:
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            pass  # its alert, or the client's, is in the buffers


class Client:
    """The chip's side. `steps` are the instructions of each step of the handshake."""

    def __init__(self, target: Target, number: int = 0) -> None:
        self.target = target
        self.number = number
        self.steps: list[int] = []
        self.size = 17536

    def ask(self, *command: Any) -> Any:
        answer = self.target.ask(*command, seconds=60)
        if isinstance(answer, dict):
            raise ChipError(answer["error"])
        return answer

    def keep(self, data: bytes, at: int = 0) -> int:
        for start in range(0, len(data), PIECE):
            self.ask("keep", at + start, text(data[start : start + PIECE]))
        return at + len(data)

    def install(self, certificate: x509.Certificate, key: str = "x:C:0") -> None:
        self.ask("put", key, self.keep(certificate.public_bytes(DER)))

    def connect(
        self, server: Server, *, host: str = HOST, now: datetime.datetime = NOW, exact: bool = True
    ) -> None:
        self.ask("client", self.number, host, "x:C:", seconds(now), exact)
        while True:
            before = self.target.emulator.counters().instructions
            done = self.ask("handshake", self.number)
            self.steps.append(self.target.emulator.counters().instructions - before)
            self.deliver(server)
            server.handshake()
            if done:
                return
            if done is None and not self.fetch(server):
                raise AssertionError("both sides wait")

    def deliver(self, server: Server) -> None:
        record = self.ask("output", self.number)
        if record is not None:
            server.incoming.write(base64.b64decode(record))

    def in_use(self) -> int:
        """Bytes of the arena's blocks in use, their heads included (port/tls/arena.c)."""
        emulator, symbols = self.target.emulator, self.target.symbols
        size = symbols["tls_arena_peak"] and self.size
        memory = emulator.read_memory(symbols["tls_arena"], size)
        at, used = 4, 0
        while at < size - 4:
            head = int.from_bytes(memory[at : at + 4], "little")
            used += head & ~1 if head & 1 else 0
            at += head & ~1
        return used

    def fetch(self, server: Server) -> int:
        data = server.outgoing.read(CHUNK)
        if data:
            self.keep(data)
            self.ask("feed", self.number, len(data))
        return len(data)

    def send(self, server: Server, data: bytes) -> bytes:
        taken = 0
        while taken < len(data):
            taken += self.ask("write", self.number, text(data[taken : taken + PIECE]))
            self.deliver(server)
        got = b""
        while len(got) < len(data):
            got += server.tls.read(65536)
        return got

    def receive(self, server: Server, data: bytes) -> bytes:
        server.tls.write(data)
        got = b""
        while len(got) < len(data):
            piece = self.ask("read", self.number, 256)
            if piece is None:
                assert self.fetch(server)
            else:
                got += base64.b64decode(piece)
        return got


class ChipError(Exception):
    """The exception on the chip: [type, argument ...]."""

    @property
    def code(self) -> int:
        return int(self.args[0][1])

    @property
    def detail(self) -> int:
        return int(self.args[0][2])


VERIFY_FAILED = 0x2700
FATAL_ALERT = 0x7780
BAD_VERSION = 0x6E80
EXPIRED, REVOKED, MISMATCH, NOT_TRUSTED, KEY_USAGE, FUTURE, BAD_KEY = 1, 2, 4, 8, 0x800, 0x200, 0x10000


@pytest.fixture(params=["unicorn", pytest.param("renode", marks=pytest.mark.renode)])
def chip(request: pytest.FixtureRequest, board: str, application: Callable[..., Path]) -> Iterator[Client]:
    for target in running(request.param, board, application(board, MANIFEST, "secure")):
        yield Client(target)


SUITES = [
    ("ec", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("ec", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ("rsa2048", "AES128-GCM-SHA256"),
    ("rsa2048", "AES256-GCM-SHA384"),
]


@pytest.mark.parametrize(("kind", "suite"), SUITES)
def test_each_suite_of_a00_carries_data_both_ways(
    chip: Client, tmp_path: Path, kind: str, suite: str
) -> None:
    root = Authority(kind)
    server = Authority(kind, "Sub", root).server(kind)
    server.context.set_ciphers(suite)
    server.start(tmp_path)
    chip.install(root.certificate)
    chip.connect(server)
    assert server.tls.cipher()[0] == suite
    message = bytes(range(256)) * 12
    assert chip.send(server, message) == message
    assert chip.receive(server, message) == message
    print(
        chip.target.platform.name,
        suite,
        "handshake",
        sum(chip.steps),
        "longest step",
        max(chip.steps),
        "arena",
        chip.ask("peak"),
        "steady",
        chip.in_use(),
    )
    assert chip.ask("valid", 0) == [
        seconds(NOW - datetime.timedelta(days=100)),
        seconds(NOW + datetime.timedelta(days=100)),
    ]
    chip.ask("shut", 0)
    chip.deliver(server)
    assert server.tls.read(10) == b""
    chip.ask("free", 0)
