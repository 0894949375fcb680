"""What the CSMS answers: honest defaults, and the script that a scenario puts over them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csms_stub.messages import CsmsError, Error, Message, Payload, Scripted
from csms_stub.schemas import STATION_ACTIONS

if TYPE_CHECKING:
    from csms_stub.session import Session


@dataclass(slots=True)
class _Entry:
    answer: Scripted
    times: int | None


class Script:
    """Scripted answers by action. The latest one counts; with its `times` used up, the one before it."""

    def __init__(self) -> None:
        self._entries: dict[str, list[_Entry]] = {}

    def set(self, action: str, answer: Scripted, times: int | None) -> None:
        """Raises CsmsError for an action that no station sends, or for `times` below 1."""
        if action not in STATION_ACTIONS:
            raise CsmsError(f"{action!r} is no action that a charging station sends")
        if times is not None and times < 1:
            raise CsmsError(f"times must be 1 or more, not {times}")
        entries = self._entries.setdefault(action, [])
        if times is None:
            # Nothing below an answer for ever can come up again.
            entries.clear()
        entries.append(_Entry(answer, times))

    def restore(self, action: str | None) -> None:
        """Forget the script of `action`, or all of it."""
        if action is None:
            self._entries.clear()
        else:
            self._entries.pop(action, None)

    def next(self, action: str) -> Scripted | None:
        """The scripted answer to this CALL, used up by asking; None: there is none."""
        entries = self._entries.get(action)
        if not entries:
            return None
        entry = entries[-1]
        if entry.times is not None:
            entry.times -= 1
            if entry.times == 0:
                entries.pop()
        return entry.answer


def default(session: Session, message: Message) -> Payload | Error:
    """The answer to a valid CALL that is not scripted; NotImplemented where the stub does not do it."""
    handler = _HANDLERS.get(message.action)
    if handler is None:
        return Error("NotImplemented", f"this CSMS does not implement {message.action}")
    return handler(session, message)


def _boot(session: Session, message: Message) -> Payload:
    return {
        "currentTime": session.time(message.at_ns),
        "interval": session.csms.heartbeat_interval_s,
        "status": "Accepted",
    }


def _heartbeat(session: Session, message: Message) -> Payload:
    return {"currentTime": session.time(message.at_ns)}


def _authorize(session: Session, message: Message) -> Payload:
    return {"idTokenInfo": session.csms.token_info(message.payload["idToken"])}


def _transaction(session: Session, message: Message) -> Payload:
    # E01.FR.12: idTokenInfo answers an idToken, and only that.
    token = message.payload.get("idToken")
    return {} if token is None else {"idTokenInfo": session.csms.token_info(token)}


def _data_transfer(_session: Session, _message: Message) -> Payload:
    return {"status": "UnknownVendorId"}


def _sign_certificate(_session: Session, _message: Message) -> Payload:
    # Accepted would promise a CertificateSigned that never comes.
    return {"status": "Rejected"}


def _noted(_session: Session, _message: Message) -> Payload:
    return {}


_HANDLERS: dict[str, Callable[[Session, Message], Payload]] = {
    "Authorize": _authorize,
    "BootNotification": _boot,
    "DataTransfer": _data_transfer,
    "FirmwareStatusNotification": _noted,
    "Heartbeat": _heartbeat,
    "LogStatusNotification": _noted,
    "MeterValues": _noted,
    "NotifyCustomerInformation": _noted,
    "NotifyEvent": _noted,
    "NotifyMonitoringReport": _noted,
    "NotifyReport": _noted,
    "SecurityEventNotification": _noted,
    "SignCertificate": _sign_certificate,
    "StatusNotification": _noted,
    "TransactionEvent": _transaction,
}
