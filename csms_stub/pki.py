"""The certificates of a test bench: roots of CSMS and manufacturer, servers, signers of firmware.

Everything follows from a seed, keys included: they are no secret, and the same in every run. What is not
wrong on purpose is as Part 2, A00.FR.501 to FR.514 wants it.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Literal, get_args

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from tlslite.utils.keyfactory import generateRSAKey, parsePEMKey

from csms_stub.csms import EPOCH
from csms_stub.entropy import Seeded, drawing_from
from csms_stub.messages import CsmsError

Kind = Literal["ecdsa", "rsa"]
"""ECDSA on P-256, or RSA with 2048 bits."""
Root = Literal["csms", "new csms", "csms successor", "manufacturer", "new manufacturer", "unknown"]
"""`csms successor` is signed by `csms` (SecurityCtrlr.AdditionalRootCertificateCheck), the others sign
themselves; no station knows `unknown`."""
Fault = Literal[
    "expired",
    "not yet valid",
    "wrong host name",
    "wildcard host name",
    "self-signed",
    "unknown root",
    "missing intermediate",
    "wrong key usage",
    "weak key",
    "SHA-1 signature",
]
"""What can be wrong with the certificate of a server or of a signer."""
FAULTS: tuple[Fault, ...] = get_args(Fault)
ROOTS: tuple[Root, ...] = get_args(Root)

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_DAY = timedelta(days=1)
_WEAK_BITS = 1024
_ORGANIZATION = "OCPP Lite Bench"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A certificate, those between it and its root (which is left out), and its private key."""

    chain: tuple[x509.Certificate, ...]
    key: PrivateKey

    @property
    def certificate(self) -> x509.Certificate:
        return self.chain[0]

    @property
    def chain_pem(self) -> str:
        return "".join(map(pem, self.chain))

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8
            if isinstance(self.key, rsa.RSAPrivateKey)
            else serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        ).decode()

    def sign(self, data: bytes) -> str:
        """Base64 of the signature with SHA-256: ECDSA in DER, or RSA-PSS with a salt of 32 bytes."""
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            signature = self.key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        else:
            with drawing_from(Seeded(f"salt {hashlib.sha256(data).hexdigest()}")):
                digest = bytearray(hashlib.sha256(data).digest())
                signature = bytes(
                    parsePEMKey(self.key_pem, private=True).RSASSA_PSS_sign(digest, "sha256", 32)
                )
        return base64.b64encode(signature).decode()


class Pki:
    """All certificates of a bench whose clock begins at `epoch`; equal seeds give equal ones."""

    def __init__(self, *, epoch: datetime = EPOCH, seed: str = "ocpp-lite-bench") -> None:
        self.epoch = epoch.replace(microsecond=0)
        self._seed = seed

    def root(self, name: Root, kind: Kind = "ecdsa", *, expired: bool = False) -> Credentials:
        """A root certificate, or one that has expired. Raises CsmsError for what is none of `ROOTS`."""
        if name not in ROOTS:
            raise CsmsError(f"{name!r} is no root certificate; there are {', '.join(ROOTS)}")
        return _root(self, name, kind, expired)

    def server(
        self, host: str, kind: Kind = "ecdsa", *, root: Root = "csms", fault: Fault | None = None
    ) -> Credentials:
        """Of the server `host`, below an intermediate of `root`. Raises CsmsError for an unknown fault."""
        return _leaf(self, host, kind, root, _known(fault))

    def signer(
        self, kind: Kind = "ecdsa", *, root: Root = "manufacturer", fault: Fault | None = None
    ) -> Credentials:
        """Who signs firmware: issued by the root itself, as UpdateFirmwareRequest carries one certificate."""
        return _leaf(self, "", kind, root, _known(fault))

    # what is in a certificate

    def key(self, label: str, kind: Kind, *, weak: bool = False) -> PrivateKey:
        """The private key of that name."""
        return _key(self._seed, label, kind, weak)

    def certificate(
        self,
        subject: str,
        key: PrivateKey,
        issuer: Credentials | None,
        *,
        authority: bool = False,
        server: bool = False,
        names: tuple[str, ...] = (),
        starts: int = -1,
        ends: int = 3650,
        usage: bool = True,
    ) -> x509.Certificate:
        """Signed by the issuer, or by itself. `starts` and `ends` count in days from the epoch; `usage` false
        gives a certificate for what it is not used for."""
        label = f"{subject} {authority} {names} {starts} {ends} {usage}"
        number = hashlib.sha256(f"{self._seed} {label} {_public(key).hex()}".encode()).digest()[:8]
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(issuer.certificate.subject if issuer else _name(subject))
            .public_key(key.public_key())
            .serial_number(int.from_bytes(number) >> 1 | 1)
            .not_valid_before(self.epoch + starts * _DAY)
            .not_valid_after(self.epoch + ends * _DAY)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(_usage(authority if usage else not authority), critical=True)
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
            )
        if server:
            purpose = ExtendedKeyUsageOID.SERVER_AUTH if usage else ExtendedKeyUsageOID.EMAIL_PROTECTION
            builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        signing = issuer.key if issuer else key
        deterministic = True if isinstance(signing, ec.EllipticCurvePrivateKey) else None
        return builder.sign(signing, hashes.SHA256(), ecdsa_deterministic=deterministic)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def hash_data(certificate: x509.Certificate, issuer: x509.Certificate | None = None) -> dict[str, str]:
    """CertificateHashDataType with SHA-256 (Part 2, 2.8; RFC 6960 4.1.1); without an issuer of a root."""
    issuer = issuer or certificate
    return {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": hashlib.sha256(certificate.issuer.public_bytes()).hexdigest(),
        "issuerKeyHash": hashlib.sha256(_key_bits(issuer)).hexdigest(),
        "serialNumber": f"{certificate.serial_number:x}",
    }


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _known(fault: Fault | None) -> Fault | None:
    if fault is not None and fault not in FAULTS:
        raise CsmsError(f"a certificate cannot be {fault!r} here; it can be {', '.join(FAULTS)}")
    return fault


@cache
def _root(pki: Pki, name: Root, kind: Kind, expired: bool) -> Credentials:
    key = pki.key(f"root {name}", kind)
    issuer = pki.root("csms", kind) if name == "csms successor" else None
    starts, ends = (-730, -365) if expired else (-1, 3650)
    made = pki.certificate(f"Bench root {name}", key, issuer, authority=True, starts=starts, ends=ends)
    return Credentials((made,), key)


@cache
def _leaf(pki: Pki, host: str, kind: Kind, root: Root, fault: Fault | None) -> Credentials:
    """`host` "" for a signer of firmware."""
    subject = host or "Firmware signing"
    if fault == "wrong host name":
        subject = f"not-{subject}"
    elif fault == "wildcard host name":
        subject = f"*.{host.partition('.')[2]}"
    key = pki.key(f"leaf {subject} {fault}", kind, weak=fault == "weak key")
    authority = pki.root("unknown" if fault == "unknown root" else root, kind)
    between: tuple[x509.Certificate, ...] = ()
    if host and fault != "self-signed":
        # A client without RSA suites is to see a weak key, too: that of the one who signed.
        weak = fault == "weak key"
        signer: Kind = "rsa" if weak or fault == "SHA-1 signature" else kind
        authority_key = pki.key(f"intermediate {root}", signer, weak=weak)
        certificate = pki.certificate(f"Bench intermediate {root}", authority_key, authority, authority=True)
        authority = Credentials((certificate,), authority_key)
        between = () if fault == "missing intermediate" else (certificate,)
    certificate = pki.certificate(
        subject,
        key,
        None if fault == "self-signed" else authority,
        server=bool(host),
        # The name in the subject alone must do, or not do, as well.
        names=(host,) if host and "host name" not in (fault or "") else (),
        starts={"expired": -730, "not yet valid": 365}.get(fault or "", -1),
        ends=-365 if fault == "expired" else 3650,
        usage=fault != "wrong key usage",
    )
    if fault == "SHA-1 signature":
        certificate = _with_sha1(certificate, authority)
    return Credentials((certificate, *between), key)


@cache
def _key(seed: str, label: str, kind: Kind, weak: bool) -> PrivateKey:
    if kind == "ecdsa":
        order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
        digest = hashlib.sha512(f"{seed} {label}".encode()).digest()
        return ec.derive_private_key(int.from_bytes(digest) % (order - 1) + 1, ec.SECP256R1())
    with drawing_from(Seeded(f"{seed} {label} {weak}")):
        made = generateRSAKey(_WEAK_BITS if weak else 2048, implementations=["python"])
    public = rsa.RSAPublicNumbers(int(made.e), int(made.n))
    p, q, d = int(made.p), int(made.q), int(made.d)
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), public
    )
    return numbers.private_key()


def _with_sha1(certificate: x509.Certificate, issuer: Credentials) -> x509.Certificate:
    """The same, signed by RSA with SHA-1, which `cryptography` does not do any more."""
    sha256, sha1 = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
    body = certificate.tbs_certificate_bytes
    changed = body.replace(sha256, sha1)
    signature = parsePEMKey(issuer.key_pem, private=True).hashAndSign(bytearray(changed), "PKCS1", "sha1")
    whole = der(certificate).replace(body, changed).replace(sha256, sha1)
    return x509.load_der_x509_certificate(whole[: -len(signature)] + bytes(signature))


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        # TLS_RSA suites encrypt to the key.
        key_encipherment=not authority,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _key_bits(certificate: x509.Certificate) -> bytes:
    """subjectPublicKey, without tag, length and number of unused bits."""
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)


def _public(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
