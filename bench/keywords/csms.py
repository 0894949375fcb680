"""The CSMS: what it sends, how it answers, and the network between it and the station."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from robot.api.deco import keyword

from bench.keywords.base import Keywords, Moment, told
from bench.keywords.fields import MISSING, shown, value_at
from csms_stub import answers
from csms_stub.connection import Handshake
from csms_stub.messages import Answer, CsmsError, Error, Message, Payload, Withhold
from csms_stub.session import Session

RECONNECT_S = 600.0

IF_IMPLEMENTED = {
    "AuthCacheCtrlr.Enabled": "false",
    "AuthCtrlr.DisableRemoteAuthorization": "false",
    "TxCtrlr.MaxEnergyOnInvalidId": "0",
}
"""What test cases set, if implemented: variables, and the value that their absence amounts to."""


class CsmsKeywords(Keywords):
    def __init__(self) -> None:
        super().__init__()
        self.configured: dict[str, str] = {}
        self._token_answers: dict[str, dict[str, Payload]] = {}

    # how it answers

    @keyword
    def csms_answers(self, action: str, times: int | None = None, **payload: Any) -> None:
        """Answer the next `times` requests (all, when omitted) with this payload. A ``currentTime`` that the
        answer needs is filled in.
        """
        clocked = action in ("BootNotification", "Heartbeat")

        def answer(session: Session, request: Message) -> Answer | Payload:
            return {"currentTime": session.time(request.at_ns)} | payload if clocked else payload

        self.rig.csms.answer(action, answer, times=None if times is None else int(times))

    @keyword
    def csms_answers_with_an_error(
        self, action: str, code: str = "InternalError", times: int | None = None
    ) -> None:
        """Answer with a CALLERROR of this code (Part 4, 4.3)."""
        self.rig.csms.answer(action, Error(code), times=times)

    @keyword
    def csms_withholds_answers(self, action: str, times: int | None = None) -> None:
        """The next `times` requests of `action` (all, when omitted) get no answer, unless it comes by `CSMS
        Answers At Last`.
        """
        self.rig.csms.answer(action, Withhold(), times=times)

    @keyword
    def csms_answers_as_usual(self, action: str) -> None:
        """Forget all that was said about answers to `action`."""
        self._token_answers.pop(action, None)
        self.rig.csms.restore(action)

    @keyword
    def csms_answers_at_last(self, request: Message, **payload: Any) -> None:
        """Answer a request whose answer was withheld; with the usual answer when no payload is given."""
        try:
            answer = payload or answers.default(self.station, request)
            self.station.reply(request.message_id, answer, self.rig.now_ns)
        except CsmsError as error:
            raise AssertionError(str(error)) from None

    @keyword("CSMS Knows IdToken")
    def csms_knows_id_token(self, token: str, status: str = "Accepted", **info: Any) -> None:
        """From now on the CSMS answers this idToken, in Authorize and TransactionEvent, with an idTokenInfo
        of this status; `info` are further members, as ``groupIdToken=${group}``.
        """
        self.rig.csms.tokens[token] = {"status": status} | info

    @keyword("CSMS Answers IdToken")
    def csms_answers_id_token(self, action: str, token: str, status: str, **info: Any) -> None:
        """Answer this idToken in requests of `action` alone (Authorize or TransactionEvent) with an
        idTokenInfo of this status, whatever `CSMS Knows IdToken` says.
        """
        special = self._token_answers.setdefault(action, {})
        special[token.casefold()] = {"status": status} | info

        def answer(session: Session, request: Message) -> Answer | Payload:
            shown_token = str(request.payload.get("idToken", {}).get("idToken", "")).casefold()
            if shown_token in special:
                return {"idTokenInfo": special[shown_token]}
            return answers.default(session, request)

        self.rig.csms.answer(action, answer)

    # what it sends

    @keyword
    def csms_sends(self, action: str, **payload: Any) -> Message:
        """Send a request; returns the station's response. Fails on a CALLERROR and when none comes."""
        response = self._call(action, payload)
        if response.type != "CALLRESULT":
            raise AssertionError(
                f"The station answered {action} with {response.error_code}: {response.error_description}"
            )
        self._note_configuration(action, payload, response)
        self._note_reset(action, payload, response)
        return response

    @keyword
    def csms_sends_and_gets(
        self, action: str, expected: Mapping[str, Any] | str = "Accepted", **payload: Any
    ) -> Message:
        """Send a request whose response must have this ``status``, or these fields (a dictionary)."""
        response = self.csms_sends(action, **payload)
        fields = {"status": expected} if isinstance(expected, str) else expected
        self._check(response, fields)
        return response

    @keyword
    def csms_sends_and_gets_an_error(self, action: str, **payload: Any) -> Message:
        """Send a request that the station answers with a CALLERROR, and return that."""
        response = self._call(action, payload)
        if response.type != "CALLERROR":
            raise AssertionError(
                f"The station answered {action} with {shown(response.payload)}, not a CALLERROR"
            )
        return response

    @keyword
    def configuration_state(self, **variables: str) -> None:
        """SetVariablesRequest for the Actual attributes of these variables, in one message:
        ``TxCtrlr.TxStartPoint=Authorized``, ``OCPPCommCtrlr.MessageAttempts#TransactionEvent=3``,
        each of which the station must accept, unless it is one that a station need not have (IF_IMPLEMENTED).
        """
        items = [{**component_variable(name), "attributeValue": value} for name, value in variables.items()]
        response = self.csms_sends("SetVariables", setVariableData=items)
        for item in response.payload["setVariableResult"]:
            where = f"{item['component']['name']}.{item['variable']['name']}"
            if (
                item["attributeStatus"].startswith("Unknown")
                and IF_IMPLEMENTED.get(where) == variables[where]
            ):
                continue
            if item["attributeStatus"] != "Accepted":
                why = item.get("attributeStatusInfo", {})
                raise AssertionError(
                    f"{where} was not set but {item['attributeStatus']} {why or ''}".rstrip()
                )

    # messages

    @keyword
    def message_has(self, message: Message, **fields: Any) -> None:
        """Fail unless the message has these fields."""
        self._check(message, fields)

    @keyword
    def field_of(self, message: Message, path: str) -> Any:
        """What stands at `path`; fails where nothing does."""
        value = value_at(message.payload, path)
        if value is MISSING:
            raise AssertionError(f"{told(message)} has no {path}")
        return value

    @keyword
    def sequence_of_messages(self) -> str:
        """What happened last, messages and what the scenario did, a line each: for a look at it."""
        return self._story()

    # connections

    @keyword
    def csms_closes_the_connection(self, code: int = 1001) -> Moment:
        """The closing handshake of the WebSocket; returns when it began."""
        if not self.station.connected:
            raise AssertionError("The station is not connected")
        self._from_now_on()
        self._connections_seen = len(self._handshakes())
        began = Moment(self.rig.now_ns)
        self._note("CSMS", f"closes the connection with {code}")
        self.rig.csms.close_all(code, "", self.rig.now_ns)
        self._wait("end of the connection", lambda: not self.station.connected)
        return began

    @keyword
    def csms_refuses_the_next_connection(self, times: int = 1, endpoint: str | None = None) -> None:
        """The next HTTP upgrade, or the next `times` ones, are answered 503; at one end point (``host:port``)
        or at all.
        """
        self.rig.csms.refuse_handshakes(503, times=int(times), endpoint=endpoint)

    @keyword
    def csms_refuses_connections(self, endpoint: str | None = None) -> None:
        """Every HTTP upgrade is answered 503, until `CSMS Accepts Connections`; at one end point
        (``host:port``) or at all.
        """
        self.rig.csms.refuse_handshakes(503, endpoint=endpoint)

    @keyword
    def csms_ignores_connections(self, endpoint: str | None = None, times: int | None = None) -> None:
        """HTTP upgrades get no answer (all, when `times` is omitted), until `CSMS Accepts Connections`; at
        one end point (``host:port``) or at all.
        """
        self.rig.csms.refuse_handshakes(None, times=None if times is None else int(times), endpoint=endpoint)

    @keyword
    def csms_accepts_connections(self) -> None:
        self._note("CSMS", "accepts connections")
        self.rig.csms.accept_handshakes()
        self.rig.csms.start_listening()

    @keyword
    def csms_closes_the_connection_and_accepts_none(self) -> Moment:
        """The station is offline from now on, until `CSMS Accepts Connections`."""
        self.csms_refuses_connections()
        return self.csms_closes_the_connection()

    @keyword
    def station_reconnects(self, within: float = RECONNECT_S) -> None:
        """Wait until the station is connected."""
        self._wait("connection of the station", lambda: self.station.connected, within)

    @keyword
    def network_is_cut(self) -> None:
        """The station's TCP connections are reset: both sides see their end."""
        self._from_now_on()
        self._note("network", "connections are reset")
        self.rig.modem.cut(self.rig.now_ns)

    @keyword
    def network_falls_silent(self) -> None:
        """Nothing gets through any more, and nobody is told."""
        self._from_now_on()
        self._note("network", "nothing gets through")
        self.rig.modem.outage(True, self.rig.now_ns)

    @keyword
    def network_works_again(self) -> None:
        self._from_now_on()
        self._note("network", "works again")
        self.rig.modem.outage(False, self.rig.now_ns)

    @keyword
    def network_forgets_the_connection(self) -> None:
        """The open connection is dead for ever, and nobody is told; new ones work."""
        self._from_now_on()
        self._note("network", "forgets the connection")
        self.rig.modem.drop(self.rig.now_ns)

    @keyword("Wi-Fi Is Lost")
    def wifi_is_lost(self) -> None:
        """The access point is gone: the station sees its connection end, the CSMS does not."""
        self._from_now_on()
        self._note("network", "Wi-Fi is lost")
        self.rig.modem.wifi(False, self.rig.now_ns)

    @keyword("Wi-Fi Is Back")
    def wifi_is_back(self) -> None:
        self._from_now_on()
        self._note("network", "Wi-Fi is back")
        self.rig.modem.wifi(True, self.rig.now_ns)

    # inside

    def _handshakes(self) -> list[Handshake]:
        return [c.handshake for c in self.rig.csms.connections if c.handshake is not None]

    def _call(self, action: str, payload: Mapping[str, Any]) -> Message:
        self._from_now_on()
        station = self.station
        try:
            message_id = station.call(action, dict(payload), self.rig.now_ns)
        except CsmsError as error:
            raise AssertionError(f"{error}{self._story()}") from None

        def answered() -> Message | None:
            if station.timed_out(message_id):
                raise AssertionError(f"The station did not answer {action}")
            return station.response(message_id)

        return self._wait(f"answer to {action}", answered)

    def _note_configuration(self, action: str, payload: Mapping[str, Any], response: Message) -> None:
        """What was set decides what the reusable states expect."""
        if action != "SetVariables":
            return
        pairs = zip(payload["setVariableData"], response.payload["setVariableResult"], strict=False)
        for asked, result in pairs:
            if result["attributeStatus"] in ("Accepted", "RebootRequired"):
                self.configured[variable_name(asked)] = asked["attributeValue"]

    def _note_reset(self, action: str, payload: Mapping[str, Any], response: Message) -> None:
        whole_station = action == "Reset" and "evseId" not in payload
        if whole_station and response.payload.get("status") in ("Accepted", "Scheduled"):
            self.rig.expect_reset()


def component_variable(name: str) -> Payload:
    component, _, rest = name.partition(".")
    found = {"component": _named(component), "variable": _named(rest)}
    if not component or not rest:
        raise AssertionError(f"{name!r} is no variable, as TxCtrlr.TxStartPoint is")
    return found


def _named(text: str) -> Payload:
    name, _, instance = text.partition("#")
    return {"name": name, "instance": instance} if instance else {"name": name}


def variable_name(item: Mapping[str, Any]) -> str:
    parts = item["component"], item["variable"]
    return ".".join("#".join(filter(None, (p["name"], p.get("instance")))) for p in parts)
