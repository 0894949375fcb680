"""TLS 1.2 of the server side without I/O, round any other connection; and the ways in which it can be wrong.

The library is tlslite-ng: its state machine asks for bytes and never for a socket's time, and its randomness
can be given (`entropy`), so that in lock step a handshake is the same in every run; OpenSSL's cannot.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, get_args

from tlslite.constants import AlertDescription, CertificateType, CipherSuite, ContentType
from tlslite.errors import TLSAbruptCloseError, TLSError, TLSLocalAlert, TLSRemoteAlert
from tlslite.extensions import TLSExtension
from tlslite.handshakesettings import HandshakeSettings
from tlslite.messages import (
    Certificate,
    ClientHello,
    Message,
    RecordHeader3,
    ServerHello,
    ServerHelloDone,
)
from tlslite.tlsconnection import TLSConnection
from tlslite.utils.codec import Parser
from tlslite.utils.keyfactory import parsePEMKey
from tlslite.x509certchain import X509CertChain

from csms_stub.entropy import Seeded, Source, drawing_from
from csms_stub.messages import CsmsError
from csms_stub.pki import FAULTS, Credentials, Fault, Pki, Root

Behaviour = Literal["TLS 1.1", "TLS 1.0", "no common cipher suite", "stalls", "no close_notify"]
"""What else can be wrong with a server: its version, its suites, that it says nothing after the ClientHello,
or that it closes TCP without an alert."""
BEHAVIOURS: tuple[Behaviour, ...] = get_args(Behaviour)

SUITES = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
)
"""A00.FR.318."""
KEPT_HANDSHAKES = 1000
_MAX_FRAGMENT_LENGTH = 1
"""Extension type of RFC 6066, 4."""
_RECORD_HEADER = 5
_VERSIONS = {(3, 1): "TLS 1.0", (3, 2): "TLS 1.1", (3, 3): "TLS 1.2", (3, 4): "TLS 1.3"}
_OLD = {"TLS 1.0": (3, 1), "TLS 1.1": (3, 2)}


class Stream(Protocol):
    """The server's side of one TCP connection, as `Connection` and `HttpConnection` are."""

    @property
    def closed(self) -> bool: ...

    def receive(self, data: bytes, now_ns: int) -> None: ...

    def receive_eof(self, now_ns: int) -> None: ...

    def take(self, now_ns: int) -> bytes: ...

    def next_event_ns(self) -> int | None: ...

    def abort(self, now_ns: int) -> None: ...


class Service(Protocol):
    """Who accepts TCP connections: `Csms`, `FileServer`, `TlsEndpoint`."""

    def accept(self, now_ns: int, *, secure: bool = False, endpoint: str = "") -> Stream | None: ...


@dataclass(slots=True)
class TlsHandshake:
    """One attempt of a client.

    version     what the ClientHello offers at most;  suites: those it offers, by their names
    host        server_name, "" for none;  fragment: max_fragment_length in bytes, None for none
    certificate what the server showed: "" a good one, else what was wrong
    suite       what was agreed, "" where nothing was
    failure     why there is no connection, or why it broke, "" where nothing failed
    """

    at_ns: int
    endpoint: str
    version: str = ""
    suites: tuple[str, ...] = ()
    host: str = ""
    fragment: int | None = None
    shown: str = ""
    suite: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class _Show:
    wrong: Fault | Behaviour | None = None
    root: Root = "csms"
    times: int | None = None


class TlsEndpoint:
    """TLS before a service, at one name.

        endpoint = TlsEndpoint(csms, Pki(), "csms.local")
        endpoint.show("expired", times=1)
        stream = endpoint.accept(now_ns)

    handshakes      TlsHandshake of each connection, the last 1000
    listening       false: TCP connections are refused
    suites          those of `SUITES` that it agrees to
    randomness      None: each connection draws from a seed of its own; or a source for all, as os.urandom
    """

    def __init__(self, service: Service, pki: Pki, host: str, *, randomness: Source | None = None) -> None:
        self.handshakes: deque[TlsHandshake] = deque(maxlen=KEPT_HANDSHAKES)
        self.listening = True
        self.suites: tuple[str, ...] = SUITES
        self._service = service
        self._pki = pki
        self._host = host
        self._randomness = randomness
        self._shows = [_Show()]
        self._accepted = 0

    def show(
        self, wrong: Fault | Behaviour | None = None, *, root: Root = "csms", times: int | None = None
    ) -> None:
        """Be wrong in this way (pki.FAULTS, BEHAVIOURS; None: be right) towards the next `times` connections,
        or from now on; with a certificate below that root. Raises CsmsError for what is no such way."""
        if wrong is not None and wrong not in FAULTS and wrong not in BEHAVIOURS:
            raise CsmsError(f"a server cannot be {wrong!r}; there are {', '.join((*FAULTS, *BEHAVIOURS))}")
        if times is None:
            self._shows.clear()
        self._shows.append(_Show(wrong, root, times))

    def accept(self, now_ns: int, *, secure: bool = False, endpoint: str = "") -> TlsStream | None:
        inner = self._service.accept(now_ns, secure=True, endpoint=endpoint) if self.listening else None
        if inner is None:
            return None
        handshake = TlsHandshake(now_ns, endpoint)
        self.handshakes.append(handshake)
        self._accepted += 1
        source = self._randomness or Seeded(f"{self._host} {endpoint} {self._accepted}")
        return TlsStream(inner, self, handshake, source)

    def next_show(self) -> _Show:
        """What the next connection is to see."""
        show = self._shows[-1]
        if show.times is not None:
            self._shows[-1] = replace(show, times=show.times - 1)
            if show.times <= 1:
                self._shows.pop()
        return show

    def credentials(self, show: _Show, suites: tuple[str, ...]) -> Credentials:
        """A certificate that goes with one of the suites, ECDSA first."""
        kind: Literal["ecdsa", "rsa"] = "ecdsa"
        suites = tuple(suite for suite in suites if suite in self.suites)
        if not any("_ECDSA_" in suite for suite in suites) and any("_RSA_" in suite for suite in suites):
            kind = "rsa"
        fault = next((fault for fault in FAULTS if fault == show.wrong), None)
        return self._pki.server(self._host, kind, root=show.root, fault=fault)


class TlsStream:
    """One TLS connection; what comes out of it goes into `inner`. Made by `TlsEndpoint.accept`."""

    def __init__(self, inner: Stream, endpoint: TlsEndpoint, handshake: TlsHandshake, source: Source) -> None:
        self.inner = inner
        self.handshake = handshake
        self._endpoint = endpoint
        self._source = source
        self._wire = _Wire()
        self._tls = _Server(self._wire)
        self._steps: Iterator[Any] | None = None
        self._open = False
        self._silent = False
        self._closed = False
        self._show = _Show()

    @property
    def closed(self) -> bool:
        """Nothing more will come or go."""
        return self._closed and not self._wire.outgoing

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes from the client. Never raises, whatever they are."""
        if self._closed:
            return
        self._wire.incoming += data
        if self._steps is None and not self._silent:
            self._begin(now_ns)
        if self._steps is not None:
            with drawing_from(self._source):
                self._work(now_ns)

    def receive_eof(self, now_ns: int) -> None:
        """The client closed its side of TCP, or is gone."""
        if self._closed:
            return
        self._wire.ended = True
        if not self._open:
            self._fail("the client closed TCP during the handshake", now_ns)
            return
        with drawing_from(self._source):
            self._work(now_ns)
        self._end(now_ns)

    def take(self, now_ns: int) -> bytes:
        """All bytes for the client."""
        if self._open and not self._closed:
            with drawing_from(self._source):
                self._send(now_ns)
        data = bytes(self._wire.outgoing)
        self._wire.outgoing.clear()
        return data

    def abort(self, now_ns: int) -> None:
        """Drop the TCP connection; what was not taken is lost."""
        self._wire.outgoing.clear()
        self._closed = True
        self.inner.abort(now_ns)

    def next_event_ns(self) -> int | None:
        """As the connection inside has it; 0 where bytes wait now."""
        if self._wire.outgoing:
            return 0
        return self.inner.next_event_ns() if self._open and not self._closed else None

    def _begin(self, now_ns: int) -> None:
        """Once the first record is there, look at it, and decide what to be."""
        incoming = self._wire.incoming
        if not incoming:
            return
        if incoming[0] == ContentType.handshake:
            if len(incoming) < _RECORD_HEADER:
                return
            size = _RECORD_HEADER + int.from_bytes(incoming[3:5])
            if len(incoming) < size:
                return
            self._look(incoming[_RECORD_HEADER:size])
        self._show = self._endpoint.next_show()
        self.handshake.shown = self._show.wrong or ""
        if self._show.wrong == "stalls":
            self._silent = True
            return
        credentials = self._endpoint.credentials(self._show, self.handshake.suites)
        chain = X509CertChain()
        chain.parsePemList(credentials.chain_pem)
        if (version := _OLD.get(self._show.wrong or "")) is not None:
            self._answer_in(version, chain)
            self._silent = True
            return
        self._tls.fragment = self.handshake.fragment
        self._steps = self._tls.handshakeServerAsync(
            certChain=chain,
            privateKey=parsePEMKey(credentials.key_pem, private=True, implementations=["python"]),
            settings=_settings(self._show.wrong, self._endpoint.suites),
        )

    def _look(self, record: bytearray) -> None:
        parser = Parser(record)
        try:
            parser.get(1)
            self._note(ClientHello().parse(parser))
        except (SyntaxError, TLSError, TypeError, ValueError):
            return  # the handshake will say what is wrong with it

    def _note(self, hello: ClientHello) -> None:
        offered = hello.getExtension(43)
        versions = offered.versions if offered is not None else [hello.client_version]
        self.handshake.version = _VERSIONS.get(max(versions), str(max(versions)))
        names = CipherSuite.ietfNames
        self.handshake.suites = tuple(names[suite] for suite in hello.cipher_suites if suite in names)
        self.handshake.host = bytes(hello.server_name or b"").decode("ascii", "replace")
        fragment = hello.getExtension(_MAX_FRAGMENT_LENGTH)
        if fragment is not None and bytes(fragment.extData) in (b"\1", b"\2", b"\3", b"\4"):
            self.handshake.fragment = 1 << (8 + fragment.extData[0])

    def _work(self, now_ns: int) -> None:
        """Go on as far as the bytes that are there lead."""
        assert self._steps is not None
        try:
            while not self._closed:
                step = next(self._steps, None)
                if not self._open:
                    if step is None:
                        self._open = True
                        self.handshake.suite = CipherSuite.ietfNames.get(self._tls.session.cipherSuite, "")
                        self._steps = self._tls.readAsync()
                    elif step == 0:
                        return
                elif isinstance(step, bytes):
                    if not step:
                        self._end(now_ns)
                        return
                    self.inner.receive(step, now_ns)
                    self._steps = self._tls.readAsync()
                elif step == 0:
                    return
        except TLSRemoteAlert as alert:
            self._fail(f"the client sent {_alert(alert)}", now_ns)
        except TLSLocalAlert as alert:
            self._fail(f"the server sent {_alert(alert)}: {alert.message or ''}".rstrip(": "), now_ns)
        except TLSAbruptCloseError:
            self._end(now_ns)
        except (
            *(TLSError, OSError, SyntaxError, ValueError, AssertionError),
            # what tlslite has for some messages that are none
            *(AttributeError, LookupError, TypeError),
        ) as error:
            self._fail(f"{type(error).__name__}: {error}", now_ns)

    def _send(self, now_ns: int) -> None:
        data = self.inner.take(now_ns)
        try:
            if data:
                _exhaust(self._tls.writeAsync(data))
            if self.inner.closed:
                if self._show.wrong != "no close_notify":
                    _exhaust(self._tls.closeAsync())
                self._closed = True
        except (TLSError, OSError) as error:
            self._fail(f"{type(error).__name__}: {error}", now_ns)

    def _answer_in(self, version: tuple[int, int], chain: Any) -> None:
        """ServerHello to ServerHelloDone of an older TLS, with the first suite that the client offers."""
        offered = self.handshake.suites
        suite = next((number for number, name in CipherSuite.ietfNames.items() if name in offered), 0)
        hello = ServerHello().create(version, bytearray(self._source(32)), bytearray(0), suite)
        flight = bytearray()
        for message in (hello, Certificate(CertificateType.x509, version).create(chain), ServerHelloDone()):
            content = Message(ContentType.handshake, message.write())
            header = RecordHeader3().create(version, ContentType.handshake, len(content.write()))
            flight += header.write() + content.write()
        self._wire.outgoing += flight

    def _fail(self, reason: str, now_ns: int) -> None:
        if not self._closed:
            self.handshake.failure = reason
        self._end(now_ns)

    def _end(self, now_ns: int) -> None:
        self._closed = True
        if self._open:
            self.inner.receive_eof(now_ns)
        else:
            # Nothing ever came through: that is no fault of what the client would have said.
            self.inner.abort(now_ns)


class _Server(TLSConnection):  # type: ignore[misc]
    """Of tlslite-ng, with the max_fragment_length extension (RFC 6066, 4), which that does not have."""

    fragment: int | None = None

    def _sendMsg(self, msg: Any, *args: Any, **kwargs: Any) -> Iterator[int]:
        if self.fragment is not None and isinstance(msg, ServerHello):
            code = bytearray([self.fragment.bit_length() - 9])
            agreed = TLSExtension().create(_MAX_FRAGMENT_LENGTH, code)
            msg.extensions = [*(msg.extensions or []), agreed]
            self._send_record_limit = self.fragment
            self._recv_record_limit = self.fragment
        yield from super()._sendMsg(msg, *args, **kwargs)


class _Wire:
    """What tlslite takes for a non-blocking socket."""

    def __init__(self) -> None:
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.ended = False

    def recv(self, size: int) -> bytes:
        if not self.incoming and not self.ended:
            raise BlockingIOError(errno.EWOULDBLOCK, "nothing there")
        data = bytes(self.incoming[:size])
        del self.incoming[:size]
        return data

    def send(self, data: bytes) -> int:
        self.outgoing += data
        return len(data)

    def sendall(self, data: bytes) -> None:
        self.outgoing += data

    def close(self) -> None:
        """The stream sees to that."""


def _settings(wrong: str | None, suites: tuple[str, ...]) -> Any:
    settings = HandshakeSettings()
    settings.minVersion = settings.maxVersion = (3, 3)
    ciphers = {"aes128gcm": "_AES_128_GCM_", "aes256gcm": "_AES_256_GCM_"}
    exchanges = {"ecdhe_ecdsa": "_ECDHE_ECDSA_", "rsa": "TLS_RSA_"}
    settings.cipherNames = [name for name, part in ciphers.items() if any(part in suite for suite in suites)]
    settings.keyExchangeNames = [
        name for name, part in exchanges.items() if any(part in suite for suite in suites)
    ]
    if wrong == "no common cipher suite":
        settings.cipherNames = ["chacha20-poly1305"]
        settings.keyExchangeNames = ["dhe_rsa"]
    settings.eccCurves = ["secp256r1"]
    settings.defaultCurve = "secp256r1"
    settings.keyShares = []
    settings.minKeySize = 1024
    settings.ticket_count = 0
    settings.cipherImplementations = ["python"]
    return settings


def _exhaust(steps: Iterator[int]) -> None:
    for _ in steps:
        pass


def _alert(alert: Any) -> str:
    return f"the alert {AlertDescription.toStr(alert.description)}"
