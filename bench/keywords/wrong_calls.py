"""CALLs that are not as they must be, and what the station answers (Part 4, 4.1.7 and 4.3)."""

from __future__ import annotations

import json
from typing import Any

from robot.api.deco import keyword

from bench.keywords.base import Keywords, told
from csms_stub import specimens
from csms_stub.messages import CsmsError, Message
from csms_stub.session import Session

ANSWER_S = 30.0
REST_S = 2.0


class WrongCallKeywords(Keywords):
    @keyword("CSMS Sends Wrong CALLs")
    def csms_sends_wrong_calls(self, *actions: str, every: int = 1, most: int = 1500) -> int:
        """Payloads that violate the schema of an action in one place (specimens.spoilt): of all actions the
        first of each kind, of each action the first with each error code and every `every`th; of at most
        `most` characters. Each must be answered by one CALLERROR, with its id and with the error code that
        Part 4, 4.3 has for it. Returns how many there were.
        """
        count = 0
        seen: set[tuple[str, str]] = set()
        for action in actions:
            for number, (what, payload, code) in enumerate(specimens.spoilt(action)):
                news = {(action, code), ("", what.split()[1])} - seen
                if len(json.dumps(payload)) <= int(most) and (news or number % int(every) == 0):
                    seen |= news
                    self._refused(what, action, payload, code)
                    count += 1
        if not count:
            raise AssertionError(f"No payload of {', '.join(actions)} was sent")
        return count

    @keyword("CSMS Sends CALL With All Fields")
    def csms_sends_call_with_all_fields(self, action: str, custom: bool = False) -> Message:
        """A request with every optional field there is, and customData in every object on demand; returns the
        answer, whichever it is.
        """
        return self._answered(action, specimens.full(action, custom=custom))

    @keyword
    def csms_sends_text(self, text: str, message_id: str, code: str) -> None:
        """Send any text; the station must answer it by one CALLERROR with this id and error code."""
        self._from_now_on()
        station = self.station
        seen = len(station.transcript)
        try:
            station.send_raw(text, self.rig.now_ns)
        except CsmsError as error:
            raise AssertionError(f"{error}{self._story()}") from None
        answer = self._wait("CALLERROR", lambda: _first_answer(station, seen), ANSWER_S)
        if answer.message_id == message_id:
            # the CSMS knows of no CALL with this id: that is no fault of the station
            answer.violations = [line for line in answer.violations if "to no CALL of the CSMS" not in line]
        if (answer.type, answer.message_id, answer.error_code) != ("CALLERROR", message_id, code):
            raise AssertionError(f"{text[:60]!r} is answered by {told(answer).strip()}, expected {code}")

    @keyword("Without CustomData")
    def without_custom_data(self, value: Any) -> Any:
        """A payload less all its customData."""
        if isinstance(value, list):
            return [self.without_custom_data(item) for item in value]
        if isinstance(value, dict):
            return {
                name: self.without_custom_data(inner) for name, inner in value.items() if name != "customData"
            }
        return value

    @keyword
    def heap_in_use(self) -> int:
        """Bytes of the firmware's heap that can be reached, when the station has come to rest."""
        self.rig.run_for(REST_S)
        live = self.rig.heap_live()
        if live is None:
            raise AssertionError("The image does not tell where its heap is")
        return live

    # inside

    def _refused(self, what: str, action: str, payload: Any, code: str) -> None:
        answer = self._answered(action, payload)
        if (answer.type, answer.error_code) != ("CALLERROR", code):
            raise AssertionError(f"{what} is answered by {told(answer).strip()}, expected {code}")

    def _answered(self, action: str, payload: Any) -> Message:
        self._from_now_on()
        station = self.station
        try:
            message_id = station.call(action, payload, self.rig.now_ns, check=False)
        except CsmsError as error:
            raise AssertionError(f"{error}{self._story()}") from None
        for message in reversed(station.transcript):
            if message.message_id == message_id:
                # wrong on purpose
                message.violations.clear()
                break
        return self._wait(f"answer to {action}", lambda: station.response(message_id), ANSWER_S)


def _first_answer(station: Session, seen: int) -> Message | None:
    later = (m for m in station.transcript[seen:] if m.direction == "in" and m.type != "CALL")
    return next(later, None)
