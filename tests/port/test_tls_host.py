"""The `tls` module on the host: signatures, certificates and records that are wrong in thousands of ways.

What is right and wrong is said by `cryptography` and by the server's OpenSSL. TLS_CASES=10 tries ten times as
much.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import ipaddress
import os
import random
import ssl
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from .test_tls import DER, HOST, NOW, USAGES, Authority, Server, seconds
from .tls_host import HostError, Tls, build, encoded, parsed

SCALE = int(os.environ.get("TLS_CASES", "1"))
TIME = seconds(NOW)
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
MESSAGE = bytes(range(100))
DIGEST = hashlib.sha256(MESSAGE).digest()
INFO = bytes.fromhex("3031300d060960864801650304020105000420")
VERIFY_FAILED, NO_MEMORY, ENOMEM = 0x2700, 0x7F00, 12


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls(program: Path) -> Iterator[Tls]:
    with Tls(program) as tls:
        yield tls


@cache
def rsa_key(bits: int = 2048, exponent: int = 65537, number: int = 0) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(exponent, bits)


@cache
def signer(bits: int, exponent: int) -> bytes:
    """DER of a certificate of that key. Its own signature does not count."""
    return certified(rsa_key(bits, exponent))


def certified(key: Any) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signer")])
    return authority().issue(key, name).public_bytes(DER)


@cache
def authority() -> Authority:
    return Authority()


def raw_signature(key: rsa.RSAPrivateKey, message: bytes) -> bytes:
    numbers = key.private_numbers()
    size = key.key_size // 8
    return pow(int.from_bytes(message), numbers.d, numbers.public_numbers.n).to_bytes(size)


def encoded_messages(size: int, random_: random.Random) -> Iterator[tuple[str, bytes]]:
    """Wrong encoded messages of PKCS #1 v1.5."""
    info = INFO + DIGEST
    right = b"\0\1" + b"\xff" * (size - 3 - len(info)) + b"\0" + info
    yield "short padding, garbage behind", b"\0\1" + b"\xff" * 8 + b"\0" + info + bytes(size - 11 - len(info))
    for pad in (0, 1, 7, 9, 64):
        rest = random_.randbytes(size - 3 - pad - len(info))
        yield f"padding of {pad}, garbage behind", b"\0\1" + b"\xff" * pad + b"\0" + info + rest
        yield f"garbage before, padding of {pad}", b"\0\1" + rest + b"\xff" * pad + b"\0" + info
    yield "block type 2", b"\0\2" + right[2:]
    yield "block type 0", b"\0\0" + right[2:]
    yield "no separator", right.replace(b"\xff\0" + INFO, b"\xff\xff" + INFO)
    yield "digest alone", b"\0\1" + b"\xff" * (size - 3 - 32) + b"\0" + DIGEST
    without = bytes.fromhex("302f300b0609608648016503040201" + "0420") + DIGEST
    yield "no parameters", b"\0\1" + b"\xff" * (size - 3 - len(without)) + b"\0" + without
    for name, other in (
        ("SHA-1", "3021300906052b0e03021a05000414"),
        ("SHA-512", "3051300d060960864801650304020305000440"),
        ("MD5", "3020300c06082a864886f70d020505000410"),
        ("SHA-384", "3041300d060960864801650304020205000430"),
    ):
        prefix = bytes.fromhex(other)
        text = prefix + (DIGEST * 2)[: prefix[-1]]
        yield name, b"\0\1" + b"\xff" * (size - 3 - len(text)) + b"\0" + text
    # BER where DER belongs, and something in the parameters
    for changed in (
        bytes.fromhex("308131300d060960864801650304020105000420"),
        bytes.fromhex("3033300f0609608648016503040201" + "05021234" + "0420"),
        bytes.fromhex("30323081" + "0d060960864801650304020105000420"),
        bytes.fromhex("3032300d06096086480165030402010500048120"),
    ):
        text = changed + DIGEST
        yield f"encoded as {changed.hex()}", b"\0\1" + b"\xff" * (size - 3 - len(text)) + b"\0" + text
    for _ in range(40):
        at = random_.randrange(size)
        spoilt = bytearray(right)
        spoilt[at] ^= 1 << random_.randrange(8)
        if at or spoilt[0] < 0x40:
            yield f"a bit at {at}", bytes(spoilt)


def right_by_openssl(key: Any, signature: bytes) -> bool:
    for way in (padding.PKCS1v15(), padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)):
        try:
            key.public_key().verify(signature, MESSAGE, way, hashes.SHA256())
            return True
        except InvalidSignature:
            pass
    return False


@pytest.mark.parametrize(("bits", "exponent"), [(2048, 65537), (2048, 3), (3072, 65537)])
def test_rsa_signatures_are_taken_as_openssl_takes_them(tls: Tls, bits: int, exponent: int) -> None:
    key = rsa_key(bits, exponent)
    certificate = signer(bits, exponent)
    size, modulus = bits // 8, key.private_numbers().public_numbers.n
    random_ = random.Random(bits + exponent)
    cases = [(name, raw_signature(key, message)) for name, message in encoded_messages(size, random_)]
    good = key.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA256())
    cases += [(f"{number}", number.to_bytes(size)) for number in (0, 1, 2, modulus - 1, modulus, modulus + 1)]
    larger = int.from_bytes(good) + modulus
    cases += [("and the modulus", larger.to_bytes(size))] if larger < 1 << bits else []
    cases += [("shorter", good[1:]), ("longer", good + b"\0"), ("zeros before", b"\0" + good), ("none", b"")]
    for salt in (0, 1, 20, 32, 33, 64, size - 34):
        way = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
        cases.append((f"PSS, {salt} bytes of salt", key.sign(MESSAGE, way, hashes.SHA256())))
        opened = pow(int.from_bytes(cases[-1][1]), exponent, modulus).to_bytes(size)
        for at in (0, 1, size // 2, size - 34, size - 33, size - 2, size - 1):
            spoilt = bytearray(opened)
            spoilt[at] ^= 1 << random_.randrange(7 if at == 0 else 8)
            cases.append((f"PSS, {salt} of salt, a bit at {at}", raw_signature(key, bytes(spoilt))))
    for other in (hashes.SHA1(), hashes.SHA384(), hashes.SHA512()):
        mark = key.sign(MESSAGE, padding.PSS(padding.MGF1(other), 20), hashes.SHA256())
        cases.append((f"PSS, another mask: {other.name}", mark))
    cases += [("random", random_.randbytes(size)) for _ in range(50 * SCALE)]
    for _ in range(50 * SCALE):
        at = random_.randrange(bits)
        cases.append(("flipped", (int.from_bytes(good) ^ 1 << at).to_bytes(size)))
    assert tls.verify(certificate, DIGEST, good)
    for name, signature in cases:
        assert tls.verify(certificate, DIGEST, signature) == right_by_openssl(key, signature), name
    assert tls.blocks() == 0


def test_rsa_keys_of_4096_bits_at_most(tls: Tls) -> None:
    for bits, right in ((4096, True), (4096 + 32, None), (1024, False)):
        key = rsa_key(bits)
        good = key.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA256())
        if right is None:
            with pytest.raises(HostError):
                tls.verify(certified(key), DIGEST, good)
        else:
            assert tls.verify(certified(key), DIGEST, good) == right
    assert tls.blocks() == 0


def test_ecdsa_signatures_are_taken_as_openssl_takes_them(tls: Tls) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = certified(key)
    random_ = random.Random(5)
    good = key.sign(MESSAGE, ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(good)
    edges = (0, 1, ORDER - 1, ORDER, ORDER + 1, (1 << 256) - 1, 1 << 256, 1 << 300)
    pairs = [(a, b) for a in edges for b in edges]
    pairs += [(r, edge) for edge in edges] + [(edge, s) for edge in edges]
    pairs += [(r + ORDER, s), (r, s + ORDER), (s, r), (r, ORDER - s), (ORDER - r, s)]
    cases = [encode_dss_signature(*pair) for pair in pairs]
    cases += [key.sign(random_.randbytes(9), ec.ECDSA(hashes.SHA256())) for _ in range(20)]
    cases += [key.sign(MESSAGE, ec.ECDSA(hashes.SHA256())) for _ in range(20)]
    cases += [good + b"\0", good[:-1], b"", b"\x30\0", b"\x30\x80" + good[2:] + b"\0\0"]
    for _ in range(300 * SCALE):
        spoilt = bytearray(good)
        spoilt[random_.randrange(len(good))] ^= 1 << random_.randrange(8)
        cases.append(bytes(spoilt))
    for signature in cases:
        try:
            key.public_key().verify(signature, MESSAGE, ec.ECDSA(hashes.SHA256()))
            right = True
        except (InvalidSignature, ValueError):
            right = False
        assert tls.verify(certificate, DIGEST, signature) == right, signature.hex()
    assert tls.blocks() == 0


def test_ecdsa_numbers_are_taken_in_der_only(tls: Tls) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = certified(key)
    while True:
        good = key.sign(MESSAGE, ec.ECDSA(hashes.SHA256()))
        r, s = (number.to_bytes(33) for number in decode_dss_signature(good))
        if r[1] >> 7 and s[1] >> 7:
            break
    assert tls.verify(certificate, DIGEST, encoded([(0x30, [(2, r), (2, s)])]))
    for wrong in ([r[1:], s], [r, s[1:]], [b"\0" + r, s], [r, b"\0" + s], [r, b""], [r, s, b"\1"], [r], []):
        signature = encoded([(0x30, [(2, number) for number in wrong])])
        assert not tls.verify(certificate, DIGEST, signature), wrong
    long = b"\x30\x81" + good[1:]
    assert not tls.verify(certificate, DIGEST, long)


# certificates


def test_a_key_at_infinity_is_none(tls: Tls) -> None:
    der = certified(ec.generate_private_key(ec.SECP256R1()))
    items: Any = parsed(der)
    info = items[0][1][0][1][6][1]
    for point in (
        b"\0\0",
        b"\0",
        b"",
        b"\0\4",
        b"\0\2" + info[1][1][2:34],
        info[1][1][:-1],
        info[1][1] + b"\0",
    ):
        tls.certificate(der)
        info[1] = (3, point)
        with pytest.raises(HostError):
            tls.certificate(encoded(items))
    assert tls.blocks() == 0


def test_without_memory_nothing_is_told_to_be_wrong(tls: Tls) -> None:
    """Each allocation in turn: what is right is called right, or there is no memory, and all comes back."""
    root = Authority("rsa2048")
    sub = Authority("rsa2048", "Sub", root)
    signing = sub.server("rsa2048", usage="digital_signature")
    mark = signing.key.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA256())
    leaf, middle = (certificate.public_bytes(DER) for certificate in signing.chain)
    top = root.certificate.public_bytes(DER)
    tls.roots(top)
    asks: tuple[Callable[[], bool], ...] = (
        lambda: tls.trusted(leaf + middle, TIME) == 0,
        lambda: tls.issued(middle, top),
        lambda: tls.verify(leaf, DIGEST, mark),
        lambda: len(tls.certificate(top)) == 7,
    )
    for ask in asks:
        for limit in [(blocks, -1) for blocks in range(60)] + [(-1, objects) for objects in range(6)]:
            tls.limit(*limit)
            try:
                assert ask(), limit
            except HostError as error:
                assert error.code in (NO_MEMORY, ENOMEM), limit
            tls.limit()
            assert tls.blocks() == 0, limit
        assert ask()


DAY = datetime.timedelta(days=1)
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\0")
P256, P384 = ec.SECP256R1(), ec.SECP384R1()


@cache
def ec_key(name: str, curve: ec.EllipticCurve = P256) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve)


def named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Chain:
    """root, A, B and server, each issued by the one before it; `wrong` says by their names what is unusual.

    See `make`: before, who issues it; extra, an extension and whether it is critical; spoilt, what becomes of
    its DER.
    """

    def __init__(self, **wrong: dict[str, Any]) -> None:
        self.made: dict[str, bytes] = {}
        before = "root"
        for name in ("root", "A", "B", "server"):
            self.made[name] = self.make(name, before, name == "server", **wrong.get(name, {}))
            before = name

    @staticmethod
    def make(
        name: str,
        before: str,
        leaf: bool,
        *,
        key: Any = None,
        signer: Any = None,
        subject: str | None = None,
        issuer: str | None = None,
        ca: bool | None = None,
        path: int | None = None,
        constraints: bool = True,
        usage: tuple[str, ...] | None = None,
        purpose: x509.ObjectIdentifier | None = None,
        start: datetime.datetime = NOW - 100 * DAY,
        end: datetime.datetime = NOW + 100 * DAY,
        digest: Any = None,
        extra: tuple[Any, bool] | None = None,
        names: tuple[Any, ...] | None = (x509.DNSName(HOST),),
        spoilt: Callable[[bytes], bytes] = lambda der: der,
    ) -> bytes:
        ca = not leaf if ca is None else ca
        own = key or ec_key(name)
        signing = signer or ec_key(before)
        usage = (
            (("digital_signature",) if leaf else ("key_cert_sign", "crl_sign")) if usage is None else usage
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(named(subject or (HOST if leaf else name)))
            .issuer_name(named(issuer or before))
            .public_key(own.public_key())
            .serial_number(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]))
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), False)
        )
        if constraints:
            builder = builder.add_extension(x509.BasicConstraints(ca, path if ca else None), True)
        if usage:
            given = dict.fromkeys(USAGES, False) | dict.fromkeys(usage, True)
            builder = builder.add_extension(x509.KeyUsage(**given), True)
        if leaf and names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
        if purpose:
            builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), False)
        if extra:
            builder = builder.add_extension(*extra)
        hashing = None if isinstance(signing, ed25519.Ed25519PrivateKey) else digest or hashes.SHA256()
        return spoilt(builder.sign(signing, hashing).public_bytes(DER))

    def shown(self, *names: str) -> bytes:
        return b"".join(self.made[name] for name in names or ("server", "B", "A"))

    def good_by_openssl(self, *names: str) -> bool:
        """What `cryptography` says of the chain for HOST, in the profile of the web."""
        try:
            leaf, *others = [
                x509.load_der_x509_certificate(self.made[name]) for name in names or ("server", "B", "A")
            ]
            root = x509.load_der_x509_certificate(self.made["root"])
            builder = PolicyBuilder().store(Store([root])).time(NOW.replace(tzinfo=None))
            builder.build_server_verifier(x509.DNSName(HOST)).verify(leaf, others)
            return True
        except (VerificationError, ValueError, TypeError, x509.InvalidVersion):
            return False


def flipped(part: int) -> Callable[[bytes], bytes]:
    """A bit in the last byte of that item of what is signed, or (-1) of the signature."""

    def change(der: bytes) -> bytes:
        items: Any = parsed(der)
        body, at = (items[0][1], 2) if part < 0 else (items[0][1][0][1], part)
        while isinstance(body[at][1], list):
            body, at = body[at][1], -1
        tag, content = body[at]
        body[at] = (tag, content[:-1] + bytes([content[-1] ^ 1]))
        return encoded(items)

    return change


def without_version(der: bytes) -> bytes:
    """Version 1, whose certificates say nothing of what they are for, signed again."""
    items: Any = parsed(der)
    del items[0][1][0][1][-1], items[0][1][0][1][0]
    signed = ec_key("root").sign(encoded(items[0][1][:1]), ec.ECDSA(hashes.SHA256()))
    items[0][1][2] = (3, b"\0" + signed)
    return encoded(items)


def wrong_chains() -> dict[str, tuple[dict[str, dict[str, Any]], tuple[str, ...]]]:
    """Name: (what is wrong with whom, the certificates that are shown)."""
    chains: dict[str, tuple[dict[str, dict[str, Any]], tuple[str, ...]]] = {}

    def add(name: str, *shown: str, **wrong: dict[str, Any]) -> None:
        chains[name] = wrong, shown

    constraints = x509.NameConstraints([x509.DNSName("other.local")], None)
    extensions = {
        "unknown": UNKNOWN,
        "name constraints": constraints,
        "policy constraints": x509.PolicyConstraints(0, None),
        "inhibit any policy": x509.InhibitAnyPolicy(0),
    }
    for who in ("root", "A", "B", "server"):
        add(f"{who} expired", **{who: {"start": NOW - 9 * DAY, "end": NOW - DAY}})
        add(f"{who} not yet valid", **{who: {"start": NOW + DAY}})
        add(f"{who} has a P-384 key", **{who: {"key": ec_key(who, P384)}})
        for name, extension in extensions.items():
            add(f"{who}: critical {name}", **{who: {"extra": (extension, True)}})
        if who in ("A", "B"):
            add(f"{who}: name constraints that are not critical", **{who: {"extra": (constraints, False)}})
        if who != "root":
            for part in range(8):
                add(f"{who}: item {part} changed", **{who: {"spoilt": flipped(part)}})
            add(f"{who}: signature changed", **{who: {"spoilt": flipped(-1)}})
            add(f"{who} signed by another", **{who: {"signer": ec_key("nobody")}})
            add(f"{who} signed with Ed25519", **{who: {"signer": ed25519.Ed25519PrivateKey.generate()}})
            add(f"{who} signed with a weak key", **{who: {"signer": rsa_key(1024)}})
            add(f"{who} issued by another name", **{who: {"issuer": "nobody"}})
            add(f"{who}: SHA-224", **{who: {"digest": hashes.SHA224()}})
            add(f"{who}: said to be SHA-1", **{who: {"spoilt": said_to_be_sha1}})
        if who != "server":
            add(
                f"{who} has a weak key",
                **{who: {"key": rsa_key(1024)}, below(who): {"signer": rsa_key(1024)}},
            )
            add(f"{who} is no CA", **{who: {"ca": False}})
            add(f"{who} says nothing of being a CA", **{who: {"constraints": False}})
            for usage in ("digital_signature", "crl_sign", "key_agreement"):
                add(f"{who} is for {usage}", **{who: {"usage": (usage,)}})
            longest = {"root": 1, "A": 0}.get(who)
            if longest is not None:
                add(f"{who}: path too long", **{who: {"path": longest}})
    add("A of version 1", "server2", "A", A={"spoilt": without_version})
    add("nothing between", "server")
    add("one missing below the root", "server", "B")
    add("one missing above the server", "server", "A")
    add("another order", "B", "server", "A")
    add("only the CAs", "B", "A")
    add("the server issues another", "below", "server", "B", "A")
    hosts: dict[str, tuple[Any, ...]] = {
        "another host": (x509.DNSName("other.local"),),
        "its domain": (x509.DNSName("local"),),
        "a host below": (x509.DNSName("a." + HOST),),
        "a longer host": (x509.DNSName(HOST + "x"),),
        "a shorter host": (x509.DNSName(HOST[:-1]),),
        "any host": (x509.DNSName("*.local"),),
        "any domain": (x509.DNSName("*"),),
        "part of a host": (x509.DNSName("cs*.local"),),
        "a host and a zero": (x509.DNSName(HOST + "\0.other.local"),),
        "mail": (x509.RFC822Name("a@" + HOST),),
        "a URI": (x509.UniformResourceIdentifier("https://" + HOST),),
        "an address": (x509.IPAddress(ipaddress.IPv4Address("10.0.0.1")),),
        "its name as a directory's": (x509.DirectoryName(named(HOST)),),
    }
    for name, names in hosts.items():
        add(f"names {name}", server={"names": names, "subject": "someone"})
        if name != "its name as a directory's":
            add(f"names {name}, subject the host", server={"names": names})
    for purpose in (
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ExtendedKeyUsageOID.CODE_SIGNING,
        ExtendedKeyUsageOID.OCSP_SIGNING,
    ):
        add(f"the server is for {purpose._name}", server={"purpose": purpose})
    for usage in ("key_cert_sign", "key_encipherment", "crl_sign", "content_commitment"):
        add(f"the server is for {usage}", server={"usage": (usage,)})
    return chains


TAKEN_ELSEWHERE = {
    "server has a P-384 key",
    "names any host",
    "names any host, subject the host",
    *(f"the server is for {usage}" for usage in ("key_encipherment", "crl_sign", "content_commitment")),
}
"""What `cryptography` takes: the suites are for P-256, OCPP refuses wildcards, TLS asks for the usage."""


def below(who: str) -> str:
    order = ("root", "A", "B", "server")
    return order[order.index(who) + 1]


def said_to_be_sha1(der: bytes) -> bytes:
    old, new = bytes.fromhex("2a8648ce3d040302"), bytes.fromhex("2a8648ce3d0401")

    def change(items: Any) -> Any:
        return [
            (tag, change(body) if isinstance(body, list) else new if body == old else body)
            for tag, body in items
        ]

    return encoded(change(parsed(der)))


def connected(
    tls: Tls, server: Server, change: Callable[[int, bytes], bytes] = lambda number, data: data
) -> bool:
    """Is there a connection? `change` is what happens to the server's bytes on their way, piece by piece."""
    tls.client(HOST, TIME)
    number = 0
    try:
        while True:
            done = tls.handshake()
            server.incoming.write(tls.output())
            if done:
                return True
            server.handshake()
            if done is None:
                data = server.outgoing.read(1 << 16)
                if not data:
                    return False
                tls.feed(change(number, data))
                number += 1
    except HostError as error:
        assert error.code not in (NO_MEMORY, ENOMEM)
        return False
    finally:
        tls.free()
        assert tls.blocks() == 0


def serving(folder: Path, chain: bytes, key: Any) -> Server | None:
    """None: OpenSSL itself does not want them."""
    server = Server(key, [])
    server.context.set_ciphers("ALL:@SECLEVEL=0")
    try:
        certificates = [
            x509.load_der_x509_certificate(encoded([item]))
            for item in parsed(chain)  # type: ignore[list-item]
        ]
        server.chain = certificates
        server.start(folder)
    except (ssl.SSLError, ValueError, x509.InvalidVersion):
        return None
    return server


def test_chains_that_are_wrong_are_refused(tls: Tls, tmp_path: Path) -> None:
    good = Chain()
    assert good.good_by_openssl()
    tls.roots(good.made["root"])
    assert tls.trusted(good.shown(), TIME) == 0
    server = serving(tmp_path, good.shown(), ec_key("server"))
    assert server is not None and connected(tls, server)
    served = 0
    chains = wrong_chains()
    for name, (wrong, shown) in chains.items():
        chain = Chain(**wrong)
        chain.made["server2"] = Chain.make("server", "A", True)
        chain.made["below"] = Chain.make("below", HOST, True, signer=ec_key("server"))
        assert name in TAKEN_ELSEWHERE or not chain.good_by_openssl(*shown), name
        tls.roots(chain.made["root"])
        key = wrong.get("server", {}).get("key") or ec_key("below" if "below" in shown else "server")
        server = serving(tmp_path, chain.shown(*shown), key)
        if server is not None:
            served += 1
            assert not connected(tls, server), name
        if "names" not in name and "the server is for" not in name:
            # what a server is for and what its name is does not matter to a signer
            with contextlib.suppress(HostError):
                assert tls.trusted(chain.shown(*shown), TIME), name
    assert len(chains) >= 120 and served >= 60, (len(chains), served)


def test_chains_that_are_right_are_taken(tls: Tls, tmp_path: Path) -> None:
    for wrong in (
        {"server": {"names": (x509.DNSName("other.local"), x509.DNSName(HOST))}},
        {"server": {"names": (x509.DNSName(HOST.upper()),)}},
        {"server": {"purpose": ExtendedKeyUsageOID.SERVER_AUTH}},
        {"server": {"digest": hashes.SHA384()}},
        {"server": {"extra": (UNKNOWN, False)}},
        {"root": {"path": 2}, "A": {"path": 1}, "B": {"path": 0}},
        {"B": {"key": rsa_key(2048)}, "server": {"signer": rsa_key(2048)}},
    ):
        chain = Chain(**wrong)
        assert chain.good_by_openssl(), wrong
        tls.roots(Chain.make("other", "other", False), chain.made["root"])
        server = serving(tmp_path, chain.shown(), ec_key("server"))
        assert server is not None and connected(tls, server), wrong


def test_certificates_with_random_faults(tls: Tls) -> None:
    """No fault of memory, and what is trusted is trusted by `cryptography`, too."""
    random_ = random.Random(1)
    chain = Chain()
    tls.roots(chain.made["root"])
    for _ in range(1500 * SCALE):
        made = dict(chain.made)
        who = random_.choice(("server", "B", "A"))
        chain.made[who] = mutated(made[who], random_)
        try:
            trusted = tls.trusted(chain.shown(), TIME) == 0
        except HostError:
            trusted = False
        if chain.made[who] != made[who]:
            assert not trusted or chain.good_by_openssl(), (who, chain.made[who].hex())
        with contextlib.suppress(HostError):
            tls.certificate(chain.made[who])
        with contextlib.suppress(HostError):
            tls.issued(chain.made[who], made["A"])
        chain.made = made
    assert tls.trusted(chain.shown(), TIME) == 0
    assert tls.blocks() == 0


def mutated(data: bytes, random_: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(random_.choice((1, 1, 1, 2, 5))):
        at = random_.randrange(len(out)) if out else 0
        way = random_.randrange(6)
        if way == 0 and out:
            out[at] ^= 1 << random_.randrange(8)
        elif way == 1 and out:
            out[at] = random_.choice((0, 1, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xFE, 0xFF))
        elif way == 2:
            del out[at : at + random_.randrange(1, 20)]
        elif way == 3:
            out[at:at] = random_.randbytes(random_.randrange(1, 20))
        elif way == 4:
            del out[at:]
        else:
            start = random_.randrange(len(out) + 1)
            out[at:at] = out[start : start + random_.randrange(1, 60)]
    return bytes(out)


def fragments(data: bytes) -> list[tuple[int, bytes]]:
    """Type and content of each record. The version before them counts for nothing (RFC 5246 E.1)."""
    out = []
    while data:
        size = 5 + int.from_bytes(data[3:5])
        out.append((data[0], data[5:size]))
        data = data[size:]
    return out


class Fault:
    """Of one of the two pieces in which the server's handshake comes."""

    def __init__(self, random_: random.Random) -> None:
        self.random = random_
        self.chosen = random_.randrange(2)
        self.changed = False

    def __call__(self, number: int, data: bytes) -> bytes:
        if number != self.chosen:
            return data
        new = mutated(data, self.random)
        self.changed = fragments(new)[: len(fragments(data))] != fragments(data)
        return new


@pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES128-GCM-SHA256", "AES256-GCM-SHA384"])
def test_records_with_random_faults_end_the_handshake(tls: Tls, tmp_path: Path, suite: str) -> None:
    random_ = random.Random(suite)
    kind = "ec" if "ECDSA" in suite else "rsa2048"
    root = Authority(kind)
    tls.roots(root.certificate.public_bytes(DER))
    server = root.server(kind)
    server.context.set_ciphers(suite)
    server.start(tmp_path)
    assert connected(tls, server)
    for _ in range(200 * SCALE):
        server.start(tmp_path)
        fault = Fault(random_)
        assert not connected(tls, server, fault) or not fault.changed


def test_records_with_random_faults_bring_no_other_data(tls: Tls, tmp_path: Path) -> None:
    random_ = random.Random(7)
    root = Authority()
    tls.roots(root.certificate.public_bytes(DER))
    server = root.server()
    for _ in range(60 * SCALE):
        server.start(tmp_path)
        tls.client(HOST, TIME)
        while not (done := tls.handshake()):
            server.incoming.write(tls.output())
            server.handshake()
            if done is None:
                tls.feed(server.outgoing.read(1 << 16))
        server.incoming.write(tls.output())
        server.handshake()
        sent = random_.randbytes(random_.randrange(1, 3000))
        server.tls.write(sent)
        data = server.outgoing.read(1 << 16)
        tls.feed(mutated(data, random_))
        got = b""
        try:
            while piece := tls.read(700):
                got += piece
        except HostError:
            pass
        assert sent.startswith(got)
        tls.free()
        assert tls.blocks() == 0
