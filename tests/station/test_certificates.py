"""Block M without a board: what is installed, listed, replaced and deleted, and what a power cut leaves."""

import asyncio
import base64
import json

import board
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from station import certificates, clock

from csms_stub.pki import Pki, der, hash_data, pem
from tests.station.test_rpc import Link

PKI = Pki()
OLD = PKI.root("csms").certificate
NEW = PKI.root("csms successor").certificate
OTHER = PKI.root("new csms").certificate
MAKER = PKI.root("manufacturer").certificate
CHECK = b"v:SecurityCtrlr.AdditionalRootCertificateCheck"


@pytest.fixture(autouse=True)
def store(monkeypatch):
    board.start(board.POWER_ON, lambda: 0)
    board.store.clear()
    monkeypatch.setattr(board, "full", False)
    monkeypatch.setattr(clock, "known", False)
    board.store[b"x:C:0"] = der(OLD)


def ask(handler, request):
    link = Link()
    asyncio.run(handler(request, link))
    return json.loads(link._text)


def install(text, kind="CSMSRootCertificate"):
    return ask(certificates.install, {"certificateType": kind, "certificate": text})["status"]


def listed(*types):
    request = {"certificateType": list(types)} if types else {}
    answer = ask(certificates.get_ids, request)
    return [
        (entry["certificateType"], entry["certificateHashData"])
        for entry in answer.get("certificateHashDataChain", ())
    ]


def test_what_is_installed_is_listed_by_its_hashes():
    assert install(pem(MAKER), "ManufacturerRootCertificate") == "Accepted"
    assert install(pem(NEW)) == "Accepted"
    assert listed() == [
        ("CSMSRootCertificate", hash_data(OLD)),
        ("CSMSRootCertificate", hash_data(NEW, OLD)),
        ("ManufacturerRootCertificate", hash_data(MAKER)),
    ]
    assert listed("V2GRootCertificate") == []


def more(certificate):
    """With a byte behind it."""
    text = base64.b64encode(der(certificate) + b"x").decode()
    return f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no certificate",
        pem(MAKER)[:200],
        pem(MAKER) + pem(OTHER),
        PKI.server("csms.local").chain_pem,
        more(MAKER),
        "-----BEGIN CERTIFICATE----------END CERTIFICATE-----",
    ],
)
def test_what_is_no_root_is_rejected(text):
    before = dict(board.store)
    assert install(text) == "Rejected"
    assert board.store == before


def test_the_same_certificate_takes_no_second_place():
    assert install(pem(OTHER)) == install(pem(OTHER)) == "Accepted"
    assert certificates.entries() == 2


def test_more_than_the_most_certificates_are_rejected():
    for number in range(1, certificates.MOST):
        board.store[b"x:M:%d" % number] = der(MAKER)
    assert certificates.entries() == certificates.MOST
    assert install(pem(OTHER)) == "Rejected"
    assert install(pem(OLD)) == "Accepted"
    assert certificates.entries() == certificates.MOST


def test_additional_check_replaces_only_by_a_successor_and_keeps_the_old_one():
    board.store[CHECK] = b"true"
    assert install(pem(OTHER)) == "Rejected"
    assert listed() == [("CSMSRootCertificate", hash_data(OLD))]
    assert install(pem(NEW)) == "Accepted"
    assert board.store[b"x:O:0"] == der(OLD)
    assert board.store[b"x:C:0"].startswith(der(NEW))


def test_additional_check_keeps_the_root_that_is_in_use_over_two_successors():
    board.store[CHECK] = b"true"
    assert install(pem(NEW)) == "Accepted"
    third = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "third")]))
        .issuer_name(NEW.subject)
        .public_key(PKI.root("new csms").key.public_key())
        .serial_number(77)
        .not_valid_before(NEW.not_valid_before_utc)
        .not_valid_after(NEW.not_valid_after_utc)
    )
    for extension in NEW.extensions:
        if extension.critical:
            third = third.add_extension(extension.value, critical=True)
    assert install(pem(third.sign(PKI.root("csms successor").key, hashes.SHA256()))) == "Accepted"
    assert [found["serialNumber"] for _, found in listed()] == ["4d", hash_data(OLD)["serialNumber"]]


def test_a_root_that_is_replaced_counts_as_one_more():
    board.store[CHECK] = b"true"
    for number in range(1, certificates.MOST):
        board.store[b"x:M:%d" % number] = der(MAKER)
    assert install(pem(NEW)) == "Rejected"
    del board.store[b"x:M:1"]
    assert install(pem(NEW)) == "Accepted"
    assert certificates.entries() == certificates.MOST


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_after_a_power_cut_there_is_a_root_that_is_whole(monkeypatch, writes):
    board.store[CHECK] = b"true"
    left = [writes]
    put = board.store_put

    def cut(key, value):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        put(key, value)

    monkeypatch.setattr(board, "store_put", cut)
    if writes < 2:
        with pytest.raises(KeyboardInterrupt):
            install(pem(NEW))
        assert listed() == [("CSMSRootCertificate", hash_data(OLD))]
    else:
        assert install(pem(NEW)) == "Accepted"
        assert len(listed()) == 2


def test_a_full_store_is_a_failure_and_changes_nothing(monkeypatch):
    monkeypatch.setattr(board, "full", True)
    before = dict(board.store)
    assert install(pem(OTHER)) == "Failed"
    assert board.store == before


def test_delete_by_hash_but_not_the_last_root_of_a_connection_with_tls():
    request = {"certificateHashData": hash_data(OLD)}
    unknown = {"certificateHashData": hash_data(OTHER)}
    assert ask(certificates.delete, unknown)["status"] == "NotFound"
    board.store[b"v:SecurityCtrlr.SecurityProfile"] = b"2"
    assert ask(certificates.delete, request)["status"] == "Failed"
    del board.store[b"v:SecurityCtrlr.SecurityProfile"]
    assert ask(certificates.delete, request)["status"] == "Accepted"
    assert listed() == []


def test_a_signer_for_whom_there_is_no_room_is_not_called_wrong(monkeypatch):
    def fail(*args):
        raise OSError(0x7F00, 0)

    monkeypatch.setattr(certificates.tls, "trusted", fail)
    monkeypatch.setattr(certificates.tls, "verify", fail)
    with pytest.raises(MemoryError):
        certificates.check_signer(pem(MAKER))
    with pytest.raises(MemoryError):
        certificates.verify(certificates.first(pem(MAKER)), b"", b"")
    monkeypatch.setattr(certificates.tls, "certificate", fail)
    answer = ask(certificates.install, {"certificateType": "CSMSRootCertificate", "certificate": pem(OTHER)})
    assert answer == {"status": "Failed", "statusInfo": {"reasonCode": "OutOfMemory"}}
    assert list(board.store) == [b"x:C:0"]
