"""The CSMS of a scenario: its stations, its connections, and what it is told to do wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from csms_stub.connection import Connection
from csms_stub.session import Answer, Handler, Message, Payload, Session

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""Wall-clock time at virtual time 0."""


class Csms:
    """A CSMS with honest default answers.

        csms = Csms(passwords={"OLB-0001": "0123456789abcdef"}, tokens={"04A1B2C3": "Accepted"})
        csms.answer("BootNotification", {"status": "Pending", ...}, times=1)
        connection = csms.accept(now_ns)          # the network does this
        station = csms.session()
        mid = station.call("Reset", {"type": "Immediate"}, now_ns);  station.response(mid)

    passwords       identity -> Basic auth password; None accepts everyone without auth
    tokens          idToken -> AuthorizationStatus (Accepted, Blocked, ...); absent tokens are Unknown
    path            the OCPP-J endpoint's path: stations connect to path/<identity>
    heartbeat_interval_s    goes into BootNotificationResponse
    """

    def __init__(
        self,
        *,
        passwords: Mapping[str, str] | None = None,
        tokens: Mapping[str, str] | None = None,
        path: str = "/ocpp",
        heartbeat_interval_s: int = 300,
        epoch: datetime = EPOCH,
        id_prefix: str = "csms-",
        on_message: Callable[[Session, Message], None] | None = None,
    ) -> None:
        self.listening = True
        self.sessions: dict[str, Session] = {}
        self.connections: list[Connection] = []

    def accept(self, now_ns: int, *, secure: bool = False) -> Connection | None:
        """A station opened a TCP connection; None: refused (`listening` is False)."""
        raise NotImplementedError

    def session(self, identity: str | None = None) -> Session:
        """The session of `identity`, or the only one. Raises CsmsError where there is none or no only one."""
        raise NotImplementedError

    @property
    def violations(self) -> list[str]:
        """Of all sessions and connections."""
        raise NotImplementedError

    def answer(self, action: str, answer: Answer | Payload | Handler, *, times: int | None = None) -> None:
        """Answer the next `times` CALLs of `action` (None: all) with a payload, Result, Error, Withhold or
        Raw, or with what a function (session, message) returns."""

    def restore(self, action: str | None = None) -> None:
        """Back to the default answers (of `action`, or all)."""

    def refuse_handshakes(self, status: int, *, times: int | None = None) -> None:
        """Answer the next `times` upgrades (None: all) with this HTTP status (401, 404, 503, ...)."""

    def accept_handshakes(self) -> None:
        """Undo refuse_handshakes."""

    def stop_listening(self) -> None:
        """Refuse new TCP connections from now on. Open ones stay."""

    def start_listening(self) -> None: ...

    def close_all(self, code: int, reason: str, now_ns: int) -> None: ...
