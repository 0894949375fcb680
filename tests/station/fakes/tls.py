"""The `tls` module without a chip: on OpenSSL and `cryptography`, which are imported where they are needed.

Errors are those of mbedTLS (OSError with its positive number and a detail), as far as the station knows them.
"""

import board

VERIFY_FAILED, BAD_VERSION, ALERT, UNREADABLE = 0x2700, 0x6E80, 0x7780, 0x2180
EXPIRED, MISMATCH, NOT_TRUSTED, FUTURE, KEY_USAGE, BAD_KEY = 1, 4, 8, 0x200, 0x800, 0x10000
EPOCH_UNIX = 1577836800
clients = 0


def _cut(der):
    """A certificate without what stands behind it."""
    der = bytes(der)
    if len(der) < 4 or der[0] != 0x30:
        raise OSError(UNREADABLE, 0)
    if der[1] < 0x80:
        return der[: 2 + der[1]]
    head = 2 + (der[1] & 0x7F)
    return der[: head + int.from_bytes(der[2:head], "big")]


def _load(der):
    from cryptography import x509

    try:
        certificate = x509.load_der_x509_certificate(_cut(der))
        certificate.public_key()
    except ValueError as error:
        raise OSError(UNREADABLE, 0) from error
    return certificate


def _span(certificate):
    return (
        int(certificate.not_valid_before_utc.timestamp()) - EPOCH_UNIX,
        int(certificate.not_valid_after_utc.timestamp()) - EPOCH_UNIX,
    )


def _usage(certificate, name):
    from cryptography import x509

    try:
        return getattr(certificate.extensions.get_extension_for_class(x509.KeyUsage).value, name)
    except x509.ExtensionNotFound:
        return True


def _is_ca(certificate):
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _strong(certificate):
    key = certificate.public_key()
    return key.key_size >= (256 if hasattr(key, "curve") else 2048)


def _signed(child, issuer):
    try:
        child.verify_directly_issued_by(issuer)
    except Exception:
        return False
    return bool(_usage(issuer, "key_cert_sign"))


def _verify(chain, prefix, now, exact):
    """(flags, not before, not after) of a chain against the roots in the store."""
    roots = [_load(value) for key, value in board.store.items() if key.startswith(prefix)]
    flags, start, end = 0, 0, 0x3FFFFFFF
    path, rest = [chain[0]], list(chain[1:])
    while True:
        issuer = next((root for root in roots if _signed(path[-1], root)), None)
        if issuer:
            path.append(issuer)
            break
        issuer = next((other for other in rest if _signed(path[-1], other)), None)
        if issuer is None:
            flags |= NOT_TRUSTED
            break
        rest.remove(issuer)
        path.append(issuer)
    for certificate in path:
        not_before, not_after = _span(certificate)
        start, end = max(start, not_before), min(end, not_after)
        if exact and now < not_before:
            flags |= FUTURE
        if now > not_after:
            flags |= EXPIRED
        if not _strong(certificate):
            flags |= BAD_KEY
    return flags, start, end


def _fits(certificate, host):
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return host in names.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return bool(common) and common[0].value == host


class Client:
    """A session; `clients` counts those that are not freed."""

    def __init__(self, host, prefix, now, exact):
        import ssl

        global clients
        clients += 1
        self._ssl = ssl
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=host)
        self._trust = host, prefix, now, exact
        self._record = b""
        self._span = 0, 0x3FFFFFFF

    def _alive(self):
        if self._tls is None:
            raise OSError(107)
        return self._tls

    def feed(self, data):
        self._alive()
        self._in.write(bytes(data))

    def output(self):
        self._alive()
        self._record = self._record or self._out.read()
        return memoryview(self._record) if self._record else None

    def sent(self):
        self._record = b""

    def handshake(self):
        try:
            self._alive().do_handshake()
        except self._ssl.SSLWantReadError:
            return False if self._out.pending else None
        except self._ssl.SSLError as error:
            reason = error.reason or ""
            if "VERSION" in reason or "UNSUPPORTED_PROTOCOL" in reason:
                raise OSError(BAD_VERSION, 0) from error
            raise OSError(ALERT, 40) from error
        if self._out.pending:
            return False
        host, *trust = self._trust
        chain = [_load(item.public_bytes(self._ssl._ssl.ENCODING_DER)) for item in self._chain()]
        flags, *self._span = _verify(chain, *trust)
        if not _fits(chain[0], host):
            flags |= MISMATCH
        if flags:
            raise OSError(VERIFY_FAILED, flags)
        return True

    def _chain(self):
        return self._tls._sslobj.get_unverified_chain()

    def valid(self):
        self._alive()
        return tuple(self._span)

    def readinto(self, buffer):
        try:
            data = self._alive().read(len(buffer))
        except self._ssl.SSLWantReadError:
            return None
        except self._ssl.SSLZeroReturnError:
            return 0
        except self._ssl.SSLError as error:
            raise OSError(ALERT, 0) from error
        buffer[: len(data)] = data
        return len(data)

    def write(self, data):
        return self._alive().write(bytes(data)[:1152])

    def shut(self):
        import contextlib

        with contextlib.suppress(self._ssl.SSLError):
            self._alive().unwrap()

    def free(self):
        global clients
        clients -= self._tls is not None
        self._tls = None


def sha256(data):
    import hashlib

    return hashlib.sha256(bytes(data)).digest()


def _key_bits(certificate):
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = certificate.public_key()
    if hasattr(key, "curve"):
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return key.public_bytes(Encoding.DER, PublicFormat.PKCS1)


def certificate(der):
    loaded = _load(der)
    serial = loaded.serial_number
    return (
        sha256(loaded.issuer.public_bytes()),
        sha256(loaded.subject.public_bytes()),
        sha256(_key_bits(loaded)),
        serial.to_bytes(serial.bit_length() // 8 + 1, "big"),
        *_span(loaded),
        _is_ca(loaded) and _strong(loaded) and _usage(loaded, "key_cert_sign"),
    )


def issued(child, issuer):
    return _signed(_load(child), _load(issuer))


def trusted(chain, prefix, now, exact):
    certificates = []
    while chain:
        certificates.append(_load(chain))
        chain = chain[len(_cut(chain)) :]
    flags = _verify(certificates, prefix, now, exact)[0]
    return flags | (0 if _usage(certificates[0], "digital_signature") else KEY_USAGE)


def verify(der, digest, signature):
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

    key = _load(der).public_key()
    prehashed = utils.Prehashed(hashes.SHA256())
    if hasattr(key, "curve"):
        ways = ((ec.ECDSA(prehashed),),)
    else:
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
        ways = ((padding.PKCS1v15(), prehashed), (pss, prehashed))
    for way in ways:
        try:
            key.verify(bytes(signature), bytes(digest), *way)
            return True
        except InvalidSignature:
            pass
    return False


def peak():
    return 0
