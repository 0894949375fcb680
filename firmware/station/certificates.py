"""Block M: root certificates in the store, in DER, under `x:<kind>:<n>`.

Kinds: C CSMSRootCertificate, M ManufacturerRootCertificate, O the CSMSRootCertificate that was replaced last
(M05.FR.12). Behind a certificate that is not self-signed stands the hash of its issuer's key, which may
be deleted before it is.
"""

from binascii import a2b_base64, hexlify

import board
import tls
from micropython import const

from . import clock, log, profiles
from .secure import REPLACED

MOST = const(6)  # SecurityCtrlr.CertificateEntries

_KINDS = const((("CSMSRootCertificate", b"C"), ("ManufacturerRootCertificate", b"M")))
_CSMS = const("CSMSRootCertificate")
_MANUFACTURER = const(b"x:M:")
_ROOT = const(b"x:C:0")
_ADDITIONAL_CHECK = const(b"v:SecurityCtrlr.AdditionalRootCertificateCheck")
_NO_ROOM = const(0x7F00)  # MBEDTLS_ERR_SSL_ALLOC_FAILED: two connections take all there is
_BEGIN = const("-----BEGIN CERTIFICATE-----")
_END = const("-----END CERTIFICATE-----")

# indices into what tls.certificate() tells
_ISSUER = const(0)
_SUBJECT = const(1)
_KEY = const(2)
_SERIAL = const(3)
_START = const(4)
_STOP = const(5)
_GOOD = const(6)


def _ders(pem):
    """DER of each certificate in a PEM text (RFC 7468). Raises ValueError."""
    ders = []
    end = 0
    while True:
        start = pem.find(_BEGIN, end)
        if start < 0:
            break
        start += len(_BEGIN)
        end = pem.find(_END, start)
        if end < 0:
            raise ValueError("no end of a certificate")
        der = a2b_base64(pem[start:end])
        if der[:2] != b"\x30\x82" or len(der) != 4 + (der[2] << 8 | der[3]):
            raise ValueError("no certificate, or something behind it")
        ders.append(der)
    if not ders:
        raise ValueError("no certificate in PEM")
    return ders


def _check_room(error):
    if _NO_ROOM in error.args:
        raise MemoryError("no room for TLS")


def _kind(key):
    return key[2:3] if key[:2] == b"x:" and len(key) == 5 else None


def _stored():
    """Keys of all certificates, the replaced root last."""
    return sorted(key for key in board.store_keys() if _kind(key) in (b"C", b"M", b"O"))


def entries():
    """SecurityCtrlr.CertificateEntries: how many are installed."""
    return len(_stored())


def _name(key):
    return "ManufacturerRootCertificate" if _kind(key) == b"M" else _CSMS


def _hash_data(key):
    """(issuerNameHash, issuerKeyHash, serialNumber) of a stored certificate (CertificateHashDataType)."""
    value = board.store_get(key)
    facts = tls.certificate(value)
    issuer_key = facts[_KEY] if facts[_ISSUER] == facts[_SUBJECT] else value[-32:]
    serial = hexlify(facts[_SERIAL]).decode()
    while len(serial) > 1 and serial[0] == "0":
        serial = serial[1:]
    return hexlify(facts[_ISSUER]).decode(), hexlify(issuer_key).decode(), serial


def _issuer_key(facts, der):
    """Key hash of the stored certificate that has issued this one. Raises ValueError."""
    for key in _stored():
        issuer = board.store_get(key)
        if tls.certificate(issuer)[_SUBJECT] == facts[_ISSUER] and tls.issued(der, issuer):
            return tls.certificate(issuer)[_KEY]
    raise ValueError("neither self-signed nor issued by an installed certificate")


def additional_check():
    """SecurityCtrlr.AdditionalRootCertificateCheck, as provisioned."""
    return board.store_get(_ADDITIONAL_CHECK) == b"true"


# M05


async def install(request, link):
    """InstallCertificateRequest (M05.FR.01 to M05.FR.17). Is it installed?"""
    status = "Rejected"
    try:
        _install(request["certificateType"], request["certificate"])
        status = "Accepted"
        reason = None
    except ValueError as e:
        log.warn("certificates: %s", e)
        reason = "InvalidCertificate"
    except OSError as e:
        log.error("certificates: not installed: %s", e)
        status = "Failed"
        reason = "OutOfStorage"
    except MemoryError:
        status = "Failed"
        reason = "OutOfMemory"
    await _put_status(link, status, reason)
    return status == "Accepted"


def _install(name, pem):
    """Raises ValueError: not one that may be installed; OSError: flash; MemoryError: that is not known."""
    kind = None
    for known, letter in _KINDS:
        if known == name:
            kind = letter
    if kind is None:
        raise ValueError(name + " is not supported")
    ders = _ders(pem)
    if len(ders) != 1:
        raise ValueError("more than one certificate")
    der = ders[0]
    try:
        facts = tls.certificate(der)
        if not facts[_GOOD]:
            raise ValueError("not of a CA with a strong key")
        value = der
        if facts[_ISSUER] != facts[_SUBJECT]:
            value += _issuer_key(facts, der)
        elif not tls.issued(der, der):
            raise ValueError("signature")
    except OSError as e:
        _check_room(e)
        raise ValueError("not readable: %s" % e)
    if clock.known and not facts[_START] <= clock.time()[0] <= facts[_STOP]:
        raise ValueError("not valid now")
    place = _place(kind, value)
    if kind == b"C" and additional_check():
        old = board.store_get(_ROOT)
        if old is not None and old != value:
            if not tls.issued(der, old):
                raise ValueError("not signed by the root that it is to replace")
            # in this order: at a power cut between them, the old root is there twice. One that was replaced
            # before, and is there still, is the one that the CSMS has been reached with.
            if board.store_get(REPLACED) is None:
                board.store_put(REPLACED, old)
    board.store_put(place, value)


def _place(kind, value):
    """Key for a certificate. Raises ValueError when there are too many (M05.FR.06, M05.FR.17)."""
    taken = _stored()
    for key in taken:
        if _kind(key) == kind and board.store_get(key) == value:
            return key
    replaces = kind == b"C" and additional_check()
    if len(taken) >= MOST and not (replaces and REPLACED in taken):
        raise ValueError("%d certificates are installed already" % MOST)
    if replaces:
        return _ROOT
    number = 0
    while b"x:" + kind + b":%d" % number in taken:
        number += 1
    return b"x:" + kind + b":%d" % number


# M03


async def get_ids(request, link):
    """GetInstalledCertificateIdsRequest (M03.FR.01 to M03.FR.05)."""
    wanted = request.get("certificateType")
    opening = '{"status":"Accepted","certificateHashDataChain":[{"certificateType":"'
    for key in _listed():
        if wanted and _name(key) not in wanted:
            continue
        await link.put(opening)
        await link.put(_name(key))
        await link.put(
            '","certificateHashData":{"hashAlgorithm":"SHA256","issuerNameHash":"%s","issuerKeyHash":"%s",'
            '"serialNumber":"%s"}}' % _hash_data(key)
        )
        opening = ',{"certificateType":"'
    await link.put('{"status":"NotFound"}' if opening[0] == "{" else "]}")


def _listed():
    keys = _stored()
    if REPLACED in keys and board.store_get(REPLACED) == board.store_get(_ROOT):
        keys.remove(REPLACED)
    return keys


# M04


async def delete(request, link):
    """DeleteCertificateRequest (M04.FR.01 to M04.FR.08). Is one deleted?"""
    data = request["certificateHashData"]
    wanted = tuple(data[name].lower() for name in ("issuerNameHash", "issuerKeyHash", "serialNumber"))
    status = "NotFound"
    if data["hashAlgorithm"] == "SHA256":
        for key in _stored():
            if _hash_data(key) == wanted:
                status = _delete(key)
    await _put_status(link, status, None)
    return status == "Accepted"


def _delete(key):
    # the last root is what the station can reach its CSMS with
    roots = [other for other in _stored() if _kind(other) == b"C"]
    if roots == [key] and profiles.security() > 1:
        return "Failed"
    try:
        board.store_delete(key)
    except OSError as e:
        log.error("certificates: not deleted: %s", e)
        return "Failed"
    return "Accepted"


async def _put_status(link, status, reason):
    await link.put('{"status":"%s"' % status)
    await link.put(',"statusInfo":{"reasonCode":"%s"}}' % reason if reason else "}")


# for firmware updates (L01.FR.04, L01.FR.22)


def check_signer(pem):
    """None when a chain in PEM, the signing certificate first, is good by a ManufacturerRootCertificate now;
    else what is wrong with it. Raises MemoryError: that is not known."""
    try:
        ders = _ders(pem)
        chain = b"".join(ders) if len(ders) > 1 else ders[0]
        flags = tls.trusted(chain, _MANUFACTURER, clock.time()[0], clock.known)
        return "chain is not valid: %x" % flags if flags else None
    except (ValueError, OSError) as e:
        _check_room(e)
        return "not readable: %s" % e


def first(pem):
    """DER of the first certificate in a PEM text. Raises ValueError."""
    return _ders(pem)[0]


def verify(der, signature, digest):
    """Has a certificate's key signed the SHA-256 digest (ECDSA, RSA-PSS, PKCS #1 v1.5)? Raises MemoryError:
    that is not known."""
    try:
        return tls.verify(der, digest, signature)
    except (ValueError, OSError) as e:
        _check_room(e)
        return False
