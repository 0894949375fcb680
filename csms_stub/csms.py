"""The CSMS of a scenario: its stations, its connections, and what it is told to do wrong."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import unquote

from csms_stub.answers import Script
from csms_stub.connection import Connection
from csms_stub.messages import CsmsError, Message, Payload, Scripted
from csms_stub.session import Session

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""Wall-clock time at virtual time 0."""
KEPT_CONNECTIONS = 1000
IDENTITY_LENGTH = 48


@dataclass(eq=False, slots=True)
class _Refusal:
    status: int | None
    times: int | None
    endpoint: str | None


class Csms:
    """A CSMS with honest default answers, that can be told to do otherwise.

        csms = Csms(passwords={"OLB-0001": "0123456789abcdef"}, tokens={"04A1B2C3": "Accepted"})
        csms.answer("BootNotification", {"status": "Pending", "interval": 5, ...}, times=1)
        csms.answer("Heartbeat", Withhold(), times=2)
        connection = csms.accept(now_ns)          # what the network does
        station = csms.session()
        message_id = station.call("Reset", {"type": "Immediate"}, now_ns)
        station.response(message_id)              # None, until there is one

    passwords               identity -> Basic authentication password. With passwords, other identities get
                            404, and wrong passwords 401; None: everyone may come.
    secrets                 passwords of stations, past ones too: they are hidden in transcripts
    tokens                  idToken -> AuthorizationStatus or a whole IdTokenInfoType; others are Unknown
    path                    of the OCPP-J endpoint: stations connect to <path>/<identity>, others get 404
    heartbeat_interval_s    for BootNotificationResponse.interval
    message_timeout_s       of CALLs to stations; and how long a station waits for an answer before its next
                            CALL is no violation any more
    expect_boot             a CALL before any BootNotification is a violation (false for a CSMS that was
                            started after its stations)
    epoch                   wall-clock time at virtual time 0
    id_prefix               of the message ids of this CSMS: unique for each run against the same stations
    keep_messages           how many messages a session's transcript holds
    on_message              called with each (session, message) as it is recorded
    """

    def __init__(
        self,
        *,
        passwords: Mapping[str, str] | None = None,
        tokens: Mapping[str, str | Payload] | None = None,
        path: str = "/ocpp",
        heartbeat_interval_s: int = 300,
        message_timeout_s: float = 30,
        expect_boot: bool = True,
        epoch: datetime = EPOCH,
        id_prefix: str = "csms-",
        keep_messages: int = 100_000,
        on_message: Callable[[Session, Message], None] | None = None,
    ) -> None:
        self.passwords = None if passwords is None else dict(passwords)
        self.secrets: list[str] = list(self.passwords.values() if self.passwords else ())
        self.tokens: dict[str, str | Payload] = dict(tokens or {})
        self.path = "/" + path.strip("/") if path.strip("/") else ""
        self.heartbeat_interval_s = heartbeat_interval_s
        self.message_timeout_s = message_timeout_s
        self.expect_boot = expect_boot
        self.epoch = epoch
        self.id_prefix = id_prefix
        self.keep_messages = keep_messages
        self.on_message = on_message
        self.script = Script()
        self.listening = True
        self.sessions: dict[str, Session] = {}
        self.connections: deque[Connection] = deque(maxlen=KEPT_CONNECTIONS)
        self._live: dict[str, Connection] = {}
        self._refusals: list[_Refusal] = []

    # what a scenario looks at

    def session(self, identity: str | None = None) -> Session:
        """The session of `identity`, or the only one there is. Raises CsmsError where there is none such."""
        if identity is not None:
            if identity not in self.sessions:
                raise CsmsError(f"station {identity!r} has never connected")
            return self.sessions[identity]
        if len(self.sessions) != 1:
            known = ", ".join(sorted(self.sessions)) or "none"
            raise CsmsError(f"say which station: {len(self.sessions)} have connected ({known})")
        return next(iter(self.sessions.values()))

    def connection(self, identity: str | None = None) -> Connection:
        """The open connection of that station. Raises CsmsError where there is none."""
        session = self.session(identity)
        try:
            return self._live[session.identity]
        except KeyError:
            raise CsmsError(f"station {session.identity!r} is not connected") from None

    @property
    def violations(self) -> list[str]:
        """All that stations and scripted answers did against OCPP 2.0.1, OCPP-J, WebSocket, HTTP."""
        found = [text for connection in self.connections for text in connection.violations]
        return found + [text for session in self.sessions.values() for text in session.violations]

    # what a scenario tells the CSMS to do

    def answer(self, action: str, answer: Scripted, *, times: int | None = None) -> None:
        """Answer the next `times` CALLs of `action` (None: all from now on) with this.

        `answer`: a payload (dict) or Result, an Error, Withhold(), a Raw, or a function of (session, message)
        that returns one of them. The latest one counts; when its times are used up, what was there before
        counts again. It also answers CALLs that are not valid; their violations are recorded all the same.
        Raises CsmsError for an action no station sends.
        """
        self.script.set(action, answer, times)

    def restore(self, action: str | None = None) -> None:
        """Back to the default answers of `action`, or of all."""
        self.script.restore(action)

    def refuse_handshakes(
        self, status: int | None, *, times: int | None = None, endpoint: str | None = None
    ) -> None:
        """Answer the next `times` upgrade requests (None: all from now on) with this HTTP status, or not at
        all (None); at one of its end points (``host:port``) or at all of them.

        Raises CsmsError for a status that refuses nothing.
        """
        if status is not None and (status not in set(HTTPStatus) or status < 300):
            raise CsmsError(f"{status} is no HTTP status that refuses an upgrade (300 to 599)")
        if times is not None and times < 1:
            raise CsmsError(f"times must be 1 or more, not {times}")
        self._refusals.append(_Refusal(status, times, endpoint))

    def accept_handshakes(self) -> None:
        """Undo all `refuse_handshakes`."""
        self._refusals.clear()

    def stop_listening(self) -> None:
        """Refuse new TCP connections from now on; open ones stay."""
        self.listening = False

    def start_listening(self) -> None:
        self.listening = True

    def close_all(self, code: int, reason: str, now_ns: int) -> None:
        """Begin the closing handshake on all open connections."""
        for connection in list(self._live.values()):
            connection.close(code, reason, now_ns)

    def abort_all(self, now_ns: int) -> None:
        """Drop all TCP connections with no close frame."""
        for connection in self.connections:
            connection.abort(now_ns)

    # what the network does

    def accept(self, now_ns: int, *, secure: bool = False, endpoint: str = "") -> Connection | None:
        """A station opens a TCP connection; None: refused. `secure`: its bytes come out of TLS; `endpoint`:
        where it came in, of a CSMS that has more than one."""
        if not self.listening:
            return None
        connection = Connection(self, secure=secure, endpoint=endpoint)
        self.connections.append(connection)
        return connection

    def advance(self, now_ns: int) -> None:
        """Let the time-outs of all open connections happen, also of those whose station is gone."""
        for connection in list(self._live.values()):
            connection.advance(now_ns)

    def next_event_ns(self) -> int | None:
        """When `advance` has something to do; None: never."""
        due = [session.next_event_ns() for session in self.sessions.values() if session.connected]
        return min((when for when in due if when is not None), default=None)

    # what connections and sessions ask

    def identity_of(self, path: str) -> str | None:
        """The identity in a request path (Part 4, 3.1.1); None where the path is not the endpoint's."""
        endpoint, slash, last = path.partition("?")[0].rpartition("/")
        identity = unquote(last)
        if not slash or endpoint != self.path or not identity or len(identity) > IDENTITY_LENGTH:
            return None
        return identity

    def admit(
        self, identity: str | None, user: str | None, password: str | None, endpoint: str = ""
    ) -> tuple[int, str]:
        """HTTP status for an upgrade, 101 to go on, 0 for no answer; and why not."""
        for refusal in reversed(self._refusals):
            if refusal.endpoint in (None, endpoint):
                if refusal.times is not None:
                    refusal.times -= 1
                    if not refusal.times:
                        self._refusals.remove(refusal)
                return refusal.status or 0, "refused by the scenario"
        if identity is None:
            return 404, f"connect to {self.path}/<identity>, at most {IDENTITY_LENGTH} characters"
        if self.passwords is None:
            return 101, ""
        if identity not in self.passwords:
            return 404, f"unknown charging station {identity}"
        reason = ""
        if user is None:
            reason = "Basic authentication is needed (A00.FR.203)"
        elif user != identity:
            reason = f"the user name is not the identity {identity} (A00.FR.204)"
        elif password != self.passwords[identity]:
            reason = "wrong password"
        return (401, reason) if reason else (101, "")

    def connected(self, connection: Connection, identity: str, now_ns: int) -> Session:
        """A WebSocket was opened. An older one of that station is closed: the station has forgotten it."""
        earlier = self._live.get(identity)
        if earlier is not None:
            earlier.close(1000, "replaced by a newer connection", now_ns)
        session = self.sessions.setdefault(identity, Session(identity, self))
        self._live[identity] = connection
        session.connect(now_ns)
        return session

    def disconnected(self, connection: Connection, now_ns: int) -> None:
        """A WebSocket is closing or gone."""
        session = connection.session
        if session is not None and self._live.get(session.identity) is connection:
            del self._live[session.identity]
            session.disconnect(now_ns)

    def token_info(self, token: Payload) -> Payload:
        """IdTokenInfoType for an IdTokenType. Tokens are compared without case (identifierString)."""
        wanted = str(token.get("idToken", "")).casefold()
        for known, info in self.tokens.items():
            if known.casefold() == wanted:
                return {"status": info} if isinstance(info, str) else dict(info)
        return {"status": "Unknown"}


__all__ = ["EPOCH", "Csms", "CsmsError"]
