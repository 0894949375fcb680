"""The test certificates, as OpenSSL judges them."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from pathlib import Path
from typing import get_args

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.x509 import ocsp

from csms_stub import CsmsError
from csms_stub.pki import FAULTS, ROOTS, Fault, Kind, Pki, hash_data, pem

KINDS: tuple[Kind, ...] = get_args(Kind)
NOW = 1767312000
"""2026-01-02, in the second day of the bench's clock."""


@pytest.fixture(scope="module")
def pki() -> Pki:
    return Pki()


def verdict(pki: Pki, kind: Kind, fault: Fault | None, folder: Path) -> str:
    """What `openssl verify` says to a server certificate, "OK" or its reason."""
    shown = pki.server("csms.local", kind, fault=fault)
    files = {"root": pem(pki.root("csms", kind).certificate), "between": shown.chain_pem}
    files["leaf"] = pem(shown.certificate)
    for name, text in files.items():
        (folder / name).write_text(text)
    command = ["openssl", "verify", "-attime", str(NOW), "-auth_level", "2", "-purpose", "sslserver"]
    command += ["-verify_hostname", "csms.local", "-CAfile", "root", "-untrusted", "between", "leaf"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return "OK" if done.returncode == 0 else done.stderr.partition("lookup: ")[2].partition("\n")[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (None, "OK"),
        ("expired", "certificate has expired"),
        ("not yet valid", "certificate is not yet valid"),
        ("wrong host name", "hostname mismatch"),
        ("wildcard host name", "hostname mismatch"),  # OpenSSL takes no *.local; other libraries do
        ("self-signed", "self-signed certificate"),
        ("unknown root", "unable to get local issuer certificate"),
        ("missing intermediate", "unable to get local issuer certificate"),
        ("wrong key usage", "unsuitable certificate purpose"),
        ("weak key", "certificate key too weak"),
        ("SHA-1 signature", "CA signature digest algorithm too weak"),
    ],
)
def test_openssl_finds_what_is_wrong_and_nothing_else(
    pki: Pki, kind: Kind, fault: Fault | None, reason: str, tmp_path: Path
) -> None:
    assert verdict(pki, kind, fault, tmp_path).endswith(reason)


def test_two_benches_have_the_same_certificates_and_keys(pki: Pki) -> None:
    another = Pki()
    for kind in KINDS:
        for fault in (None, *FAULTS):
            assert another.server("a.local", kind, fault=fault) == pki.server("a.local", kind, fault=fault)
        assert another.signer(kind).sign(b"image") == pki.signer(kind).sign(b"image")
    assert Pki(seed="another").root("csms") != pki.root("csms")


def test_the_successor_is_signed_by_the_root_before_it(pki: Pki) -> None:
    old, new = pki.root("csms").certificate, pki.root("csms successor").certificate
    new.verify_directly_issued_by(old)
    assert new.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    for name in ROOTS:
        if name != "csms successor":
            root = pki.root(name).certificate
            root.verify_directly_issued_by(root)


def test_hash_data_are_those_of_an_ocsp_request(pki: Pki) -> None:
    for kind in KINDS:
        root = pki.root("csms", kind).certificate
        request = ocsp.OCSPRequestBuilder().add_certificate(root, root, hashes.SHA256()).build()
        assert hash_data(root) == {
            "hashAlgorithm": "SHA256",
            "issuerNameHash": request.issuer_name_hash.hex(),
            "issuerKeyHash": request.issuer_key_hash.hex(),
            "serialNumber": f"{root.serial_number:x}",
        }


def test_signatures_of_firmware(pki: Pki) -> None:
    image = bytes(range(256)) * 40
    elliptic = pki.signer().certificate
    elliptic.verify_directly_issued_by(pki.root("manufacturer").certificate)
    key = elliptic.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(base64.b64decode(pki.signer().sign(image)), image, ec.ECDSA(hashes.SHA256()))
    key = pki.signer("rsa").certificate.public_key()
    assert not isinstance(key, ec.EllipticCurvePublicKey)
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    key.verify(base64.b64decode(pki.signer("rsa").sign(image)), image, scheme, hashes.SHA256())  # type: ignore[union-attr, call-arg]
    assert hashlib.sha256(image).hexdigest()


def test_what_there_is_not(pki: Pki) -> None:
    with pytest.raises(CsmsError, match="'old' is no root certificate; there are csms, new csms"):
        pki.root("old")  # type: ignore[arg-type]
    with pytest.raises(CsmsError, match="a certificate cannot be 'odd' here; it can be expired"):
        pki.server("a.local", fault="odd")  # type: ignore[arg-type]
