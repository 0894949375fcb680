"""TLS, certificates, and the file server: what the station finds at the hosts it connects to."""

from __future__ import annotations

import base64
import ssl
from dataclasses import fields
from datetime import timedelta
from typing import Any

from robot.api.deco import keyword

from bench import updates
from bench.emulators.base import NS_PER_S
from bench.firmware import FirmwareError
from bench.keywords.base import STEP_TIMEOUT_S, Keywords
from bench.rig import Rig
from csms_stub.connection import Handshake
from csms_stub.files import FileRequest, Trouble
from csms_stub.messages import CsmsError, Message, Payload, date_time
from csms_stub.pki import Credentials, hash_data, pem
from csms_stub.tls import SUITES, TlsHandshake

_NUMBERS = ("status", "cut_at", "stall_at", "length", "flip_at")


class HostKeywords(Keywords):
    def __init__(self) -> None:
        super().__init__()
        self._handshakes_seen = 0
        self._requests_seen = 0

    def _begin(self, rig: Rig) -> None:
        super()._begin(rig)
        self._handshakes_seen = self._requests_seen = 0

    # Basic authentication

    @keyword
    def station_authenticates_with(self, upgrade: Handshake, user: str, password: str) -> None:
        """The upgrade request has the Authorization header for these, once, and the path ends in the user.
        Neither is told where it is not so: logs hold no passwords.
        """
        values = [value for name, value in upgrade.headers if name.lower() == "authorization"]
        wanted = base64.b64encode(f"{user}:{password}".encode()).decode()
        if len(values) != 1:
            raise AssertionError(f"The upgrade request has {len(values)} Authorization headers, not one")
        if values[0] != f"Basic {wanted}":
            raise AssertionError(f"The upgrade request does not have the credentials of {user}")
        if not upgrade.path.endswith(f"/{user}"):
            raise AssertionError(f"The upgrade request is for {upgrade.path}, which does not end in /{user}")

    # TLS

    @keyword("CSMS Shows In TLS")
    def csms_shows_in_tls(
        self, wrong: str = "", times: int | None = None, root: str = "csms", host: str = "csms.local"
    ) -> None:
        """The next `times` TLS connections (all, when omitted) find the server at `host` so: with a
        certificate that is ``expired`` (csms_stub.pki.FAULTS), or a server as ``TLS 1.1`` (BEHAVIOURS), or
        with nothing wrong, which is the usual; its chain leads to `root`.
        """
        try:
            self.rig.hosts.tls[host].show(wrong or None, root=root, times=_number(times))  # type: ignore[arg-type]
        except CsmsError as error:
            raise AssertionError(str(error)) from None
        self._note("CSMS", f"TLS of {host}: {wrong or 'right'}, root {root}")

    @keyword("Station Begins A TLS Handshake")
    def station_begins_tls(self, within: float = STEP_TIMEOUT_S) -> TlsHandshake:
        """Wait for the station's next TLS connection, and until it is agreed or has failed."""

        def ended() -> TlsHandshake | None:
            later = self.rig.hosts.handshakes[self._handshakes_seen :]
            return next((shake for shake in later if shake.suite or shake.failure), None)

        handshake = self._wait("TLS handshake", ended, within)
        self._handshakes_seen = self.rig.hosts.handshakes.index(handshake) + 1
        return handshake

    @keyword("TLS Handshakes So Far Are Seen")
    def tls_handshakes_are_seen(self) -> None:
        """`Station Begins A TLS Handshake` waits for a later one."""
        self._handshakes_seen = len(self.rig.hosts.handshakes)

    @keyword("Last TLS Handshake")
    def last_tls_handshake(self) -> TlsHandshake:
        if not self.rig.hosts.handshakes:
            raise AssertionError("The station has begun no TLS handshake")
        return self.rig.hosts.handshakes[-1]

    @keyword("TLS Host Stops Listening")
    def tls_host_stops(self, host: str = "csms.local") -> None:
        """New TLS connections to that host are refused; open ones stay."""
        self.rig.hosts.tls[host].listening = False
        self._note("CSMS", f"TLS of {host}: no new connections")

    @keyword("TLS Host Listens Again")
    def tls_host_listens(self, host: str = "csms.local") -> None:
        self.rig.hosts.tls[host].listening = True
        self._note("CSMS", f"TLS of {host}: listens")

    @keyword("TLS Is As Required")
    def tls_is_as_required(self, handshake: TlsHandshake) -> None:
        """The station offered TLS 1.2, and both suites of ECDHE_ECDSA or both of RSA; it agreed to one of
        them (A00.FR.313, FR.319).
        """
        if handshake.version not in ("TLS 1.2", "TLS 1.3"):
            raise AssertionError(f"The station offers {handshake.version}, not TLS 1.2")
        pairs = (SUITES[:2], SUITES[2:])
        if not any(set(pair) <= set(handshake.suites) for pair in pairs):
            raise AssertionError(f"The station offers {', '.join(handshake.suites)}")
        if handshake.suite not in SUITES:
            raise AssertionError(f"Agreed was {handshake.suite or 'nothing'}: {handshake.failure}")

    @keyword("TLS Handshake Has Failed")
    def tls_handshake_has_failed(self, handshake: TlsHandshake) -> None:
        """The station ended it."""
        if not handshake.failure or not handshake.failure.startswith("the client"):
            why = handshake.failure or f"it agreed to {handshake.suite}"
            raise AssertionError(f"The station did not refuse a server that is {handshake.shown}: {why}")

    @keyword("Peak Of The TLS Arena")
    def tls_arena_peak(self) -> int:
        """Bytes of the station's memory for TLS that were ever in use at once since its last reset."""
        peak = self.rig.tls_arena_peak()
        if peak is None:
            raise AssertionError("The image has no TLS")
        return peak

    # certificates

    @keyword
    def root_certificate(
        self, name: str, kind: str = "ecdsa", expired: bool = False, forged: bool = False
    ) -> str:
        """PEM of a root of csms_stub.pki.ROOTS; `kind` ecdsa or rsa; `forged`: with another signature."""
        whole = pem(self._root(name, kind, expired).certificate)
        if not forged:
            return whole
        content = bytearray(ssl.PEM_cert_to_DER_cert(whole))
        content[-1] ^= 1
        return ssl.DER_cert_to_PEM_cert(bytes(content))

    @keyword
    def hash_data_of(self, name: str, kind: str = "ecdsa", expired: bool = False) -> Payload:
        """CertificateHashDataType of a root, with SHA-256."""
        return self._hash_data(name, kind, expired)

    @keyword
    def certificate_is_listed(self, response: Message, type: str, name: str) -> None:
        """A GetInstalledCertificateIdsResponse has this root under this type, once."""
        count = self._listed(response, type, self._hash_data(name))
        if count != 1:
            raise AssertionError(f"{type} {name} is listed {count} times{self._story(response)}")

    @keyword
    def certificate_is_not_listed(
        self, response: Message, type: str, name: str, expired: bool = False
    ) -> None:
        if self._listed(response, type, self._hash_data(name, expired=expired)):
            raise AssertionError(f"{type} {name} is listed{self._story(response)}")

    @keyword
    def certificates_are_of(self, response: Message, *types: str) -> None:
        """All that is listed is of these types, and hashed with SHA-256."""
        for entry in response.payload["certificateHashDataChain"]:
            found = entry["certificateType"], entry["certificateHashData"]["hashAlgorithm"]
            if found[0] not in types or found[1] != "SHA256":
                raise AssertionError(f"{' '.join(found)} is listed, asked for were {', '.join(types)}")

    @keyword
    def signing_certificate(self, kind: str = "ecdsa", fault: str = "") -> str:
        """PEM of who signs firmware, issued by the manufacturer's root; `fault` of csms_stub.pki.FAULTS."""
        return pem(self._signer(kind, fault).certificate)

    @keyword
    def signature_of(self, content: bytes, kind: str = "ecdsa", fault: str = "") -> str:
        """As UpdateFirmwareRequest carries it: base64, over the whole file, with SHA-256."""
        return self._signer(kind, fault).sign(content)

    # firmware

    @keyword
    def update_file(self) -> bytes:
        """The station's own firmware, with another version, as a file for UpdateFirmware."""
        try:
            return updates.of_image(self.rig.elf)
        except FirmwareError as error:
            raise AssertionError(str(error)) from None

    @keyword
    def version_in(self, content: bytes) -> str:
        """The firmware version in an update file."""
        return updates.version(content)

    @keyword
    def station_will_reset_itself(self) -> None:
        """Once, in what follows: to run a new firmware."""
        self.rig.expect_reset()

    # the file server

    @keyword
    def file_server_offers(self, path: str, content: bytes) -> None:
        self.rig.hosts.files.files[path] = content

    @keyword
    def file_server_is_wrong(self, path: str, times: int | None = None, **trouble: Any) -> None:
        """The next `times` requests (all, when omitted) for a path, or for what is below one that ends in
        ``/``, fare so: ``status=503``, ``cut_at=1000``, ``rate=2000``; see csms_stub.files.Trouble.
        """
        known = {field.name for field in fields(Trouble)}
        if unknown := set(trouble) - known:
            raise AssertionError(f"No trouble is {min(unknown)}; there are {', '.join(sorted(known))}")
        values: dict[str, Any] = {
            name: int(value) if name in _NUMBERS else value if name == "redirect" else float(value)
            for name, value in trouble.items()
        }
        try:
            self.rig.hosts.files.trouble(path, Trouble(**values), times=_number(times))
        except CsmsError as error:
            raise AssertionError(str(error)) from None
        said = " ".join(f"{name}={value}" for name, value in trouble.items())
        self._note("files", f"{path} from now on: {said}")

    @keyword
    def file_server_is_right(self, path: str) -> None:
        self.rig.hosts.files.trouble(path, None)
        self._note("files", f"{path} is right again")

    @keyword
    def file_request(self, path: str, within: float = STEP_TIMEOUT_S) -> FileRequest:
        """Wait for the station's next request for a path that begins so, and for its answer."""

        def answered() -> FileRequest | None:
            later = list(self.rig.hosts.files.requests)[self._requests_seen :]
            return next((r for r in later if r.path.startswith(path) and r.status), None)

        request = self._wait(f"request for {path}", answered, within)
        self._requests_seen = list(self.rig.hosts.files.requests).index(request) + 1
        return request

    @keyword
    def file_requests(self, path: str) -> list[FileRequest]:
        """All requests so far for paths that begin so."""
        return [request for request in self.rig.hosts.files.requests if request.path.startswith(path)]

    @keyword
    def uploaded_log(self, path: str) -> str:
        """The text of the one file that was uploaded to a path; fails where there is none, or more."""
        uploads = self.rig.hosts.files.uploads(path)
        if len(uploads) != 1:
            made = ", ".join(f"{r.method} {r.path} {r.status}" for r in self.rig.hosts.files.requests)
            raise AssertionError(f"{len(uploads)} uploads to {path}; requests were: {made or 'none'}")
        try:
            return uploads[0].received.decode()
        except UnicodeDecodeError as error:
            raise AssertionError(f"{path} is no UTF-8 at byte {error.start}") from None

    # time

    @keyword
    def date_time_in(self, seconds: float) -> str:
        """The CSMS's clock so many seconds from now; negative ones are past. RFC 3339."""
        epoch = self.rig.csms.epoch + timedelta(seconds=float(seconds))
        return date_time(epoch, self.rig.now_ns // NS_PER_S * NS_PER_S)

    # inside

    def _hash_data(self, name: str, kind: str = "ecdsa", expired: bool = False) -> Payload:
        issuer = self._root("csms", kind, False).certificate if name == "csms successor" else None
        return dict(hash_data(self._root(name, kind, expired).certificate, issuer))

    def _root(self, name: str, kind: str, expired: bool) -> Credentials:
        try:
            return self.rig.hosts.pki.root(name, kind, expired=expired)  # type: ignore[arg-type]
        except CsmsError as error:
            raise AssertionError(str(error)) from None

    def _listed(self, response: Message, type: str, wanted: Payload) -> int:
        """How often; hexadecimal digits may be of either case."""

        def folded(data: Payload) -> dict[str, str]:
            return {name: str(value).casefold() for name, value in data.items()}

        return sum(
            entry["certificateType"] == type and folded(entry["certificateHashData"]) == folded(wanted)
            for entry in response.payload.get("certificateHashDataChain", [])
        )

    def _signer(self, kind: str, fault: str) -> Credentials:
        try:
            return self.rig.hosts.pki.signer(kind, fault=fault or None)  # type: ignore[arg-type]
        except CsmsError as error:
            raise AssertionError(str(error)) from None


def _number(text: Any) -> int | None:
    return None if text is None else int(text)
