"""Robot Framework keywords: a charging station on a board, and the CSMS it talks to.

Import with ``Library    bench.keywords.Bench``. Scenarios read these variables:

- ``${BOARD}``: a board of the project, or the path of a .repl with a .toml beside it
- ``${FIRMWARE}``: the ELF image; empty for the project's own of that board, as last built
- ``${EMULATOR}``: auto, unicorn, renode
- ``${METRICS}``: not empty to have the board watched (bench.metrics), which is slow
- ``${IDENTITY}``, ``${PASSWORD}``: of the station; ``@{CONNECTORS}``: those it has, as ``evse.connector``

All times are virtual seconds. A scenario has one station, freshly provisioned and switched off at first.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from robot.api import logger
from robot.api.deco import keyword, library
from robot.libraries.BuiltIn import BuiltIn, RobotNotRunningError

from bench import parity
from bench.emulators.base import NS_PER_S, EmulatorError
from bench.firmware import elf_path
from bench.memory.elf import ImageFileError
from bench.metrics import MetricsError
from bench.platforms import load_platform
from bench.provision import Provisioning, StoreError
from bench.results import MEASUREMENTS, Measurement
from bench.rig import Rig, RigError
from csms_stub.connection import Handshake
from csms_stub.csms import Csms
from csms_stub.messages import Answer, Error, Message, Payload
from csms_stub.session import Session

T = TypeVar("T")

STEP_TIMEOUT_S = 60.0
SETTLE_S = 3.0


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in virtual time."""

    at_ns: int


@library(scope="TEST", auto_keywords=False, version="0.1.0", doc_format="ROBOT")
class Bench:
    """One charging station under test and its CSMS, in virtual time."""

    def __init__(self) -> None:
        self._rig: Rig | None = None
        self._mark = 0
        self._taken: set[int] = set()
        self._connections_seen = 0
        self._began_s = time.perf_counter()

    # the station

    @keyword
    def prepare_the_station(self, **variables: str) -> None:
        """A provisioned station, still switched off. `variables` are written into its store beforehand:
        ``OCPPCommCtrlr.RetryBackOffWaitMinimum=10``.
        """
        self._began_s = time.perf_counter()
        board = str(_variable("BOARD", "stm32f4_discovery"))
        firmware = _variable("FIRMWARE", "")
        identity = str(_variable("IDENTITY", Provisioning.identity))
        password = str(_variable("PASSWORD", Provisioning.password))
        csms = Csms(passwords={identity: password})
        try:
            platform = load_platform(board)
            self._rig = Rig(
                platform,
                Path(str(firmware)) if firmware else elf_path(board),
                emulator=_variable("EMULATOR", "auto"),
                provisioning=Provisioning(identity=identity, password=password, variables=variables),
                csms=csms,
                metrics=bool(_variable("METRICS", "")),
            )
        except (EmulatorError, ImageFileError, StoreError, RigError, OSError) as error:
            raise AssertionError(f"The bench cannot be set up: {error}") from None
        for note in self._rig.notes:
            logger.warn(note)

    @keyword
    def power_up_the_station(self) -> None:
        self.rig.power_on()

    @keyword
    def power_cycle_the_station(self, seconds_off: float = 2.0) -> None:
        """Cut the supply, and switch it on again."""
        self.rig.power_off()
        self.rig.run_for(seconds_off)
        self._from_now_on()
        self.rig.power_on()

    @keyword
    def let_time_pass(self, seconds: float) -> None:
        try:
            self.rig.run_for(seconds)
        except RigError as error:
            raise AssertionError(str(error)) from None

    # what the CSMS does

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
    def csms_answers_with_an_error(self, action: str, code: str, times: int | None = None) -> None:
        """Answer with a CALLERROR of this code (Part 4, 4.3)."""
        self.rig.csms.answer(action, Error(code), times=times)

    @keyword
    def csms_sends(self, action: str, **payload: Any) -> Message:
        """Send a request; returns the station's response. Fails on a CALLERROR and when none comes."""
        response = self._call(action, payload)
        if response.type != "CALLRESULT":
            raise AssertionError(
                f"The station answered {action} with {response.error_code}: {response.error_description}"
            )
        return response

    @keyword
    def csms_sends_and_gets_an_error(self, action: str, **payload: Any) -> Message:
        """Send a request that the station answers with a CALLERROR, and return that."""
        response = self._call(action, payload)
        if response.type != "CALLERROR":
            raise AssertionError(
                f"The station answered {action} with {_short(response.payload)}, not a CALLERROR"
            )
        return response

    @keyword
    def csms_closes_the_connection(self, code: int = 1001) -> Moment:
        """The closing handshake of the WebSocket; returns when it began."""
        if not self.station.connected:
            raise AssertionError("The station is not connected")
        self._from_now_on()
        self._connections_seen = len(self._handshakes())
        began = Moment(self.rig.now_ns)
        self.rig.csms.close_all(code, "", self.rig.now_ns)
        self._wait("end of the connection", lambda: not self.station.connected)
        return began

    @keyword
    def csms_refuses_the_next_connection(self) -> None:
        """The next HTTP upgrade is answered 503."""
        self.rig.csms.refuse_handshakes(503, times=1)

    # what the station does

    @keyword
    def station_sends(self, action: str, within: float = STEP_TIMEOUT_S) -> Message:
        """Wait for the station's next request of `action`: the first since the CSMS last did something that
        no step has had yet.
        """
        return self._wait(f"{action}Request", lambda: self._next_request(action), within)

    @keyword
    def station_connects(self, within: float = STEP_TIMEOUT_S) -> Handshake:
        """Wait for the station's next attempt to open the WebSocket; returns its HTTP upgrade request."""

        def attempt() -> Handshake | None:
            return next(iter(self._handshakes()[self._connections_seen :]), None)

        handshake = self._wait("connection attempt", attempt, within)
        self._connections_seen += 1
        return handshake

    @keyword
    def station_reports_all_connectors_as(self, status: str, within: float = STEP_TIMEOUT_S) -> None:
        """Wait until every connector in ``@{CONNECTORS}`` (``evse.connector``) was reported with `status`,
        by StatusNotification or by NotifyEvent for Connector.AvailabilityState; fail on any other status.
        """
        wanted = {_evse_connector(name) for name in _variable("CONNECTORS", ["1.1", "2.1"])}
        since = self._mark

        def all_reported() -> bool:
            reports = [
                report
                for message in self._requests(since=since)
                for report in connector_reports(message.action, message.payload)
            ]
            for evse, connector, reported in reports:
                where = f"EVSE {evse} connector {connector}"
                if (evse, connector) not in wanted:
                    raise AssertionError(f"The station reports {where}, which it does not have")
                if reported != status:
                    raise AssertionError(f"{where} is reported as {reported}, not {status}")
            return {(evse, connector) for evse, connector, _ in reports} == wanted

        self._wait(f"report of all connectors as {status}", all_reported, within)

    @keyword
    def station_reports_its_device_model(self, request_id: int, within: float = 300.0) -> list[Payload]:
        """Wait for the whole report: NotifyReport messages of this request, numbered from 0, the last one
        without ``tbc`` (B07.FR.08, B08.FR.06). Returns all ``reportData``.
        """
        self._wait(f"end of report {request_id}", lambda: self._report(request_id), within)
        return self._report(request_id)

    @keyword
    def station_sent_only(self, *actions: str) -> None:
        """All requests of the station so far were of these actions."""
        others = [message for message in self._requests(since=0) if message.action not in actions]
        if others:
            raise AssertionError(f"The station sent {_joined(others)}, allowed were {', '.join(actions)}")

    @keyword
    def station_sent_nothing_between(self, first: Message, last: Message) -> None:
        """The station sent no message of any kind between these two of its own."""
        between = [m for m in self._inward() if m is not first and first.at_ns <= m.at_ns <= last.at_ns]
        others = [m for m in between if m is not last]
        if others:
            raise AssertionError(
                f"The station sent {_joined(others)} in an interval in which it must be silent"
            )

    @keyword
    def answer_to(self, request: Message) -> Message:
        """The CSMS's answer to a request of the station."""
        return self._wait(
            f"answer to {request.action}",
            lambda: next(
                (
                    message
                    for message in self.station.transcript
                    if message.direction == "out"
                    and message.type in ("CALLRESULT", "CALLERROR")
                    and message.message_id == request.message_id
                ),
                None,
            ),
        )

    @keyword
    def seconds_from(self, first: Any, later: Any) -> float:
        """Virtual seconds between two messages, connection attempts or moments."""
        return float(later.at_ns - first.at_ns) / NS_PER_S

    @keyword
    def comes_before(self, first: Message, later: Message) -> None:
        """Fail unless `first` was on the wire before `later`."""
        transcript = self.station.transcript
        places = [next(n for n, seen in enumerate(transcript) if seen is m) for m in (first, later)]
        if places[0] >= places[1]:
            raise AssertionError(f"{later} was sent before {first}")

    @keyword
    def station_is_connected(self) -> bool:
        return bool(self.rig.csms.sessions) and self.station.connected

    @keyword
    def upgrade_request_of_the_station(self) -> Handshake:
        """The HTTP request that opened the present connection."""
        return self._handshakes()[-1]

    @keyword
    def header(self, handshake: Handshake, name: str) -> str:
        """The only header of this name; fails where there is none or more than one."""
        values = [value for key, value in handshake.headers if key.lower() == name.lower()]
        if len(values) != 1:
            raise AssertionError(f"HTTP upgrade request has {len(values)} headers {name}, must have one")
        return values[0]

    # the end

    @keyword
    def bench_finds_nothing_wrong(self) -> None:
        """End of a scenario: let the station finish what it has begun, keep log and transcript, and fail on
        anything that no scenario may leave behind (violations of the schemas or of OCPP-J, exceptions in the
        firmware, resets that nobody asked for).
        """
        if self._rig is None:
            return
        rig, self._rig = self._rig, None
        trouble = ""
        try:
            rig.run_for(SETTLE_S)
        except (EmulatorError, RigError) as error:
            trouble = f"{error}"
        problems = ([trouble] if trouble else []) + rig.problems()
        _write_log("OCPP transcript", rig.transcript())
        _write_log("Log of the station", [f"{line.at_ns / NS_PER_S:12.6f} {line.text}" for line in rig.log])
        try:
            self._keep_measurement(rig)
        except (EmulatorError, MetricsError) as error:
            problems.append(str(error))
        rig.close()
        if problems:
            raise AssertionError("\n".join(problems))

    # inside

    @property
    def rig(self) -> Rig:
        if self._rig is None:
            raise AssertionError("There is no station: `Prepare The Station` comes first")
        return self._rig

    @property
    def station(self) -> Session:
        sessions = self.rig.csms.sessions
        if not sessions:
            raise AssertionError("The station has not connected yet")
        return next(iter(sessions.values()))

    def _from_now_on(self) -> None:
        self._mark = len(self.station.transcript) if self.rig.csms.sessions else 0

    def _requests(self, since: int, action: str | None = None) -> list[Message]:
        return self.station.requests(action, since=since) if self.rig.csms.sessions else []

    def _inward(self) -> list[Message]:
        return [message for message in self.station.transcript if message.direction == "in"]

    def _next_request(self, action: str) -> Message | None:
        for message in self._requests(self._mark, action):
            if id(message) not in self._taken:
                self._taken.add(id(message))
                return message
        return None

    def _handshakes(self) -> list[Handshake]:
        return [c.handshake for c in self.rig.csms.connections if c.handshake is not None]

    def _report(self, request_id: int) -> list[Payload]:
        parts = [m.payload for m in self._requests(self._mark, "NotifyReport")]
        return complete_report([part for part in parts if part.get("requestId") == request_id])

    def _call(self, action: str, payload: Mapping[str, Any]) -> Message:
        self._from_now_on()
        station = self.station
        message_id = station.call(action, dict(payload), self.rig.now_ns)

        def answered() -> Message | None:
            if station.timed_out(message_id):
                raise AssertionError(f"The station did not answer {action}")
            return station.response(message_id)

        return self._wait(f"answer to {action}", answered)

    def _wait(self, what: str, condition: Callable[[], T | None], within: float = STEP_TIMEOUT_S) -> T:
        try:
            return self.rig.run_until(what, condition, float(within))
        except RigError as error:
            last = f"; last log line: {self.rig.log[-1].text}" if self.rig.log else ""
            raise AssertionError(f"{error}{last}") from None

    def _keep_measurement(self, rig: Rig) -> None:
        try:
            name = BuiltIn().get_variable_value("${TEST NAME}")
            folder = BuiltIn().get_variable_value("${OUTPUT DIR}")
        except RobotNotRunningError:
            return
        parity.record(rig, Path(folder))
        measurement = Measurement(
            board=rig.platform.name,
            emulator=rig.emulator.name,
            name=name,
            virtual_s=rig.now_s,
            host_s=time.perf_counter() - self._began_s,
            instructions=rig.emulator.counters().instructions,
            transcript_sha256=rig.transcript_sha256(),
            memory=rig.memory_use().to_json(),
            notes=rig.notes,
            metrics=rig.metrics().to_json() if _variable("METRICS", "") else None,
        )
        with (Path(folder) / MEASUREMENTS).open("a") as stream:
            stream.write(json.dumps(measurement.to_json()) + "\n")


def connector_reports(action: str, payload: Payload) -> list[tuple[int, int, str]]:
    """Reports of a connector's status in a request: (EVSE, connector, status).

    StatusNotification, or each NotifyEvent event for Connector.AvailabilityState, as Part 6 allows both; such
    an event's trigger must be Delta. EVSE and connector 0 are no connector. Raises AssertionError.
    """
    if action == "StatusNotification":
        found = [(payload["evseId"], payload["connectorId"], payload["connectorStatus"])]
    elif action == "NotifyEvent":
        events = [event for event in payload["eventData"] if _is_connector_state(event)]
        wrong = [event["trigger"] for event in events if event["trigger"] != "Delta"]
        if wrong:
            raise AssertionError(
                f"NotifyEvent for Connector.AvailabilityState has trigger {wrong[0]}, not Delta"
            )
        evses = [event["component"].get("evse", {}) for event in events]
        found = [
            (evse.get("id", 0), evse.get("connectorId", 0), event["actualValue"])
            for evse, event in zip(evses, events, strict=True)
        ]
    else:
        return []
    for evse, connector, _ in found:
        if not evse or not connector:
            raise AssertionError(f"{action} is about EVSE {evse} connector {connector}; neither may be 0")
    return found


def complete_report(parts: list[Payload]) -> list[Payload]:
    """``reportData`` of all NotifyReport parts; empty while the last part (no ``tbc``) is missing.

    Raises AssertionError where ``seqNo`` does not count from 0 or a part follows the last one.
    """
    numbers = [part["seqNo"] for part in parts]
    if numbers != list(range(len(parts))):
        raise AssertionError(f"NotifyReport is numbered {numbers}, not from 0 in steps of 1")
    finals = [number for number, part in enumerate(parts) if not part.get("tbc", False)]
    if finals and finals[0] != len(parts) - 1:
        raise AssertionError(f"NotifyReport {finals[0]} says it is the last one, but {len(parts)} were sent")
    if not finals:
        return []
    return [item for part in parts for item in part.get("reportData", [])]


def _is_connector_state(event: Payload) -> bool:
    names = event["component"]["name"], event["variable"]["name"]
    return names == ("Connector", "AvailabilityState")


def _variable(name: str, default: Any) -> Any:
    try:
        value = BuiltIn().get_variable_value(f"${{{name}}}")
    except RobotNotRunningError:
        return default
    return default if value in (None, "") else value


def _evse_connector(name: str) -> tuple[int, int]:
    evse, connector = str(name).split(".")
    return int(evse), int(connector)


def _joined(messages: list[Message]) -> str:
    return ", ".join(map(str, messages))


def _short(payload: Any) -> str:
    text = json.dumps(payload)
    return text if len(text) <= 120 else text[:117] + "..."


def _write_log(title: str, lines: list[str]) -> None:
    logger.info(f"{title} ({len(lines)} lines)\n" + "\n".join(lines))
