"""TLS on the chip: the `tls` module against OpenSSL, record by record, without a network."""

from __future__ import annotations

import base64
import datetime
import hashlib
import ipaddress
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
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


def general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


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
            builder = builder.add_extension(x509.SubjectAlternativeName([general_name(alternative)]), False)
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
EXPIRED, MISMATCH, NOT_TRUSTED, FUTURE = 1, 4, 8, 0x200


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
    # a step keeps the tasks of the station waiting: half a second at most, at the 100 MIPS of the STM32
    assert max(chip.steps) < 50_000_000
    assert chip.ask("peak") <= chip.size
    assert chip.ask("valid", 0) == [
        seconds(NOW - datetime.timedelta(days=100)),
        seconds(NOW + datetime.timedelta(days=100)),
    ]
    chip.ask("shut", 0)
    chip.deliver(server)
    assert server.tls.read(10) == b""
    chip.ask("free", 0)


def refused(chip: Client, server: Server, folder: Path, **options: Any) -> ChipError:
    server.start(folder)
    with pytest.raises(ChipError) as caught:
        chip.connect(server, **options)
    chip.ask("free", 0)
    assert chip.in_use() == 0
    return caught.value


def test_what_is_wrong_with_a_server_is_found_and_named(chip: Client, tmp_path: Path) -> None:
    root = Authority()
    chip.install(root.certificate)
    day = datetime.timedelta(days=1)
    wrong = {
        EXPIRED: root.server(start=NOW - 9 * day, end=NOW - day),
        FUTURE: root.server(start=NOW + day, end=NOW + 9 * day),
        MISMATCH: root.server(host="other.local"),
        NOT_TRUSTED: Authority(name="Other").server(),
    }
    for flag, server in wrong.items():
        error = refused(chip, server, tmp_path)
        assert (error.code, error.detail) == (VERIFY_FAILED, flag)
    # the same name, and another key: the signature is looked at
    assert refused(chip, Authority().server(), tmp_path).detail == NOT_TRUSTED
    # a subjectAltName counts instead of the common name
    assert refused(chip, root.server(alternative="other.local"), tmp_path).detail == MISMATCH
    assert refused(chip, root.server(host="*.local"), tmp_path).detail == MISMATCH


def test_a_server_without_a_name_is_known_by_its_address(chip: Client, tmp_path: Path) -> None:
    root = Authority()
    chip.install(root.certificate)
    named: list[str | None] = []
    # 42 is an asterisk, but no wildcard
    for host, server in (
        ("10.42.0.1", root.server(alternative="10.42.0.1")),
        (HOST, root.server(alternative=HOST)),
    ):
        server.context.sni_callback = lambda _, name, __: named.append(name)
        server.start(tmp_path)
        chip.connect(server, host=host)
        chip.ask("free", 0)
    assert named == [None, HOST]
    for alternative in ("10.42.0.2", HOST):
        server = root.server(alternative=alternative)
        assert refused(chip, server, tmp_path, host="10.42.0.1").detail == MISMATCH


def test_a_clock_that_is_not_set_refuses_only_what_was_over_before(chip: Client, tmp_path: Path) -> None:
    root = Authority()
    chip.install(root.certificate)
    day = datetime.timedelta(days=1)
    server = root.server(start=NOW, end=NOW + 9 * day)
    assert refused(chip, server, tmp_path, now=NOW + 10 * day, exact=False).detail == EXPIRED
    server.start(tmp_path)
    chip.connect(server, now=NOW - day, exact=False)
    assert chip.ask("valid", 0) == [seconds(NOW), seconds(NOW + 9 * day)]
    chip.ask("free", 0)


def test_two_sessions_at_once_fit_into_the_arena(chip: Client, tmp_path: Path) -> None:
    root = Authority("rsa2048")
    chip.install(root.certificate)
    first, second = (Authority("rsa2048", "Sub", root).server("rsa2048") for _ in range(2))
    for server in (first, second):
        server.context.set_ciphers("AES128-GCM-SHA256")
        server.start(tmp_path)
    chip.connect(first)
    other = Client(chip.target, 1)
    other.connect(second)
    assert chip.send(first, b"one") == b"one"
    assert other.send(second, b"two") == b"two"
    chip.ask("free", 1)
    chip.ask("free", 0)
    assert chip.in_use() == 0


def test_signatures_of_firmware(chip: Client) -> None:
    data = bytes(range(200))
    digest = hashlib.sha256(data).digest()
    sha = hashes.SHA256()
    pss = padding.PSS(padding.MGF1(sha), padding.PSS.MAX_LENGTH)
    root = Authority()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signer")])
    for kind, ways in (("ec", [(ec.ECDSA(sha),)]), ("rsa2048", [(padding.PKCS1v15(), sha), (pss, sha)])):
        key = new_key(kind)
        size = chip.keep(root.issue(key, name).public_bytes(DER))
        for way in ways:
            mark = key.sign(data, *way)
            assert chip.ask("verify", size, text(digest), text(mark)) is True
            spoilt = bytes([*mark[:-1], mark[-1] ^ 1])
            assert chip.ask("verify", size, text(digest), text(spoilt)) is False
            assert chip.ask("verify", size, text(hashlib.sha256(b"other").digest()), text(mark)) is False
    assert chip.ask("sha256", chip.keep(data)) == text(digest)
