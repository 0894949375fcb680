"""The station: its supply, what it sends, and the end of a scenario."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from robot.api import logger
from robot.api.deco import keyword
from robot.libraries.BuiltIn import BuiltIn, RobotNotRunningError

from bench import parity, trace
from bench.emulators.base import NS_PER_S, EmulatorError
from bench.firmware import elf_path
from bench.keywords.base import STEP_TIMEOUT_S, connectors, joined, variable, write_log
from bench.keywords.fields import mismatches
from bench.keywords.transactions import TransactionKeywords
from bench.memory.elf import ImageFileError
from bench.metrics import MetricsError
from bench.peers.hosts import CSMS_HOST, CSMS_PORT, TLS_PORTS
from bench.platforms import load_platform
from bench.provision import Provisioning, StoreError
from bench.results import MEASUREMENTS, Measurement
from bench.rig import Rig, RigError
from csms_stub.connection import Handshake
from csms_stub.csms import Csms
from csms_stub.messages import CsmsError, Message, Payload
from csms_stub.pki import Pki, der

SETTLE_S = 3.0
CSMS_URL = {
    1: f"ws://{CSMS_HOST}:{CSMS_PORT}/ocpp",
    2: f"wss://{CSMS_HOST}:{TLS_PORTS[CSMS_HOST]}/ocpp",
}
"""By security profile."""


class StationKeywords(TransactionKeywords):
    def __init__(self) -> None:
        super().__init__()
        self._began_s = time.perf_counter()

    # the station

    @keyword
    def prepare_the_station(
        self, security_profile: int | None = None, roots: str | None = None, **variables: str
    ) -> None:
        """A provisioned station, still switched off. `variables` are written into its store beforehand:
        ``OCPPCommCtrlr.RetryBackOffWaitMinimum=10``; `roots` are the root certificates there (comma list of
        csms_stub.pki.ROOTS). Without `security_profile` and `roots`: ``${SECURITY PROFILE}``, ``${ROOTS}``.
        """
        self._began_s = time.perf_counter()
        board = str(variable("BOARD", "stm32f4_discovery"))
        firmware = variable("FIRMWARE", "")
        identity = str(variable("IDENTITY", Provisioning.identity))
        password = str(variable("PASSWORD", Provisioning.password))
        csms = Csms(passwords={identity: password}, tokens=dict(variable("ID TOKENS", {})))
        profile = int(variable("SECURITY PROFILE", 1) if security_profile is None else security_profile)
        names = str(variable("ROOTS", "") if roots is None else roots)
        self.configured = {**variable("PROVISIONED", {}), **variables}
        try:
            platform = load_platform(board)
            rig = Rig(
                platform,
                Path(str(firmware)) if firmware else elf_path(board),
                emulator=variable("EMULATOR", "auto"),
                provisioning=Provisioning(
                    identity=identity,
                    password=password,
                    url=CSMS_URL[profile],
                    security_profile=profile,
                    variables=self.configured,
                    csms_roots=installed_roots(names, of_manufacturer=False),
                    manufacturer_roots=installed_roots(names, of_manufacturer=True),
                ),
                csms=csms,
                metrics=bool(variable("METRICS", "")),
                heap=int(variable("HEAP", 0)) or None,
            )
        except (EmulatorError, ImageFileError, StoreError, RigError, OSError) as error:
            raise AssertionError(f"The bench cannot be set up: {error}") from None
        self._begin(rig)
        for note in rig.notes:
            logger.warn(note)

    @keyword
    def power_up_the_station(self) -> None:
        self._note("supply", "on")
        self.rig.power_on()

    @keyword
    def power_cycle_the_station(self, seconds_off: float = 2.0) -> None:
        """Cut the supply, and switch it on again."""
        self.power_is_cut()
        self.rig.run_for(seconds_off)
        self.power_returns()

    @keyword
    def power_is_cut(self) -> None:
        """The whole station is without supply, until `Power Returns`."""
        self._note("supply", "off")
        self.rig.power_off()
        self._from_now_on()

    @keyword
    def power_returns(self) -> None:
        self._from_now_on()
        self._note("supply", "on")
        self.rig.power_on()

    @keyword
    def let_time_pass(self, seconds: float) -> None:
        try:
            self.rig.run_for(seconds)
        except RigError as error:
            raise AssertionError(str(error)) from None

    # what the station does

    @keyword
    def station_sends(self, action: str, within: float = STEP_TIMEOUT_S, **fields: Any) -> Message:
        """Wait for the station's next request of `action`: the first since CSMS or driver last did something
        that no step has had yet. It must have these fields.
        """
        message = self._wait(f"{action}Request", lambda: self._next_request(action), within)
        self._check(message, fields)
        return message

    @keyword
    def station_sends_in_any_order(
        self, action: str, within: float = STEP_TIMEOUT_S, **fields: Any
    ) -> Message:
        """Like `Station Sends`, for one of several requests of `action` that may come in any order: the first
        with these fields that no step has had.
        """

        def fitting() -> Message | None:
            untaken = (m for m in self._requests(self._mark, action) if id(m) not in self._taken)
            return next((m for m in untaken if not mismatches(m.payload, fields)), None)

        wanted = " ".join(f"{path}={value}" for path, value in fields.items())
        return self._take(self._wait(f"{action}Request with {wanted}", fitting, within))

    @keyword
    def all_requests_within(self, seconds: float, action: str) -> list[Message]:
        """Let time pass; returns the requests of `action` that no step has had, which are had by that."""
        self.rig.run_for(float(seconds))
        untaken = [m for m in self._requests(self._mark, action) if id(m) not in self._taken]
        return [self._take(message) for message in untaken]

    @keyword
    def first_request(self, action: str) -> Message:
        """The first request of `action` that the station ever sent."""
        messages = self._requests(0, action)
        if not messages:
            raise AssertionError(f"The station has sent no {action}Request")
        return messages[0]

    @keyword
    def messages_with(self, messages: list[Message], **fields: Any) -> list[Message]:
        """Those of the messages that have these fields."""
        return [message for message in messages if not mismatches(message.payload, fields)]

    @keyword
    def station_may_send(self, action: str, within: float = 2.0, **fields: Any) -> Message | None:
        """Like `Station Sends`, for a request that may stay out (None) or come later as something else."""

        def fitting() -> Message | None:
            message = self._untaken(action, self._mark)
            return message if message and not mismatches(message.payload, fields) else None

        message = self._wait_briefly(f"{action}Request", fitting, within)
        return self._take(message) if message else None

    @keyword
    def station_sends_no(self, action: str, seconds: float, **fields: Any) -> None:
        """Let `seconds` pass; fail on any request of `action` with these fields that no step has had."""

        def intruder() -> Message | None:
            untaken = [m for m in self._requests(self._mark, action) if id(m) not in self._taken]
            return next((m for m in untaken if not mismatches(m.payload, fields)), None)

        self._stays_out(f"{action}Request", intruder, seconds)

    @keyword
    def connector_is_reported_as(
        self, status: str, evse: int = 1, connector: int = 1, within: float = STEP_TIMEOUT_S
    ) -> Message:
        """Wait for the next report of this connector, by StatusNotification or by NotifyEvent; it must be
        `status`.
        """
        where = f"EVSE {evse} connector {connector}"

        def reported() -> tuple[Message, list[str]] | None:
            for message in self._requests(self._mark):
                found = connector_reports(message.action, message.payload)
                states = [state for e, c, state in found if (e, c) == (evse, connector)]
                if states and id(message) not in self._taken:
                    return message, states
            return None

        message, states = self._wait(f"report of {where} as {status}", reported, within)
        if states[-1] not in status.split(" or "):
            at_s = message.at_ns / NS_PER_S
            raise AssertionError(
                f"{where} is reported as {states[-1]} at {at_s:.3f} s, not {status}{self._story()}"
            )
        return self._take(message)

    @keyword
    def connectors_were_at_most_reported_as(self, status: str) -> None:
        """Optional steps: reports of connectors that have come up to now, and that no step has had, are of
        `status`, and are had by that.
        """
        for message in self._requests(self._mark):
            if id(message) in self._taken:
                continue
            found = connector_reports(message.action, message.payload)
            for evse, connector, state in found:
                if state not in status.split(" or "):
                    where = f"EVSE {evse} connector {connector} is reported as {state}"
                    at_s = message.at_ns / NS_PER_S
                    raise AssertionError(f"{where} at {at_s:.3f} s, not {status}{self._story(message)}")
            if found:
                self._take(message)

    @keyword
    def connectors_were_last_reported_as(self, status: str) -> None:
        """The newest report of each connector in this scenario is of `status`."""
        last: dict[tuple[int, int], tuple[str, Message]] = {}
        for message in self._requests(0):
            for evse, connector, state in connector_reports(message.action, message.payload):
                last[evse, connector] = state, message
        if not last:
            raise AssertionError(f"No connector was reported{self._story()}")
        for (evse, connector), (state, message) in sorted(last.items()):
            if state != status:
                where = f"EVSE {evse} connector {connector} was last reported as {state}"
                at_s = message.at_ns / NS_PER_S
                raise AssertionError(f"{where} at {at_s:.3f} s, not {status}{self._story(message)}")

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
        wanted = set(connectors())
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
    def every_connector_has_been_reported(self) -> None:
        """The post scenario validation of many test cases: each connector in ``@{CONNECTORS}`` was reported
        since the station was switched on.
        """
        reported = {
            (evse, connector)
            for message in self._requests(since=0)
            for evse, connector, _ in connector_reports(message.action, message.payload)
        }
        owed = [place for place in connectors() if place not in reported]
        missing = ", ".join(f"EVSE {evse} connector {connector}" for evse, connector in owed)
        if missing:
            raise AssertionError(f"The station has never reported {missing}")

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
            raise AssertionError(f"The station sent {joined(others)}, allowed were {', '.join(actions)}")

    @keyword
    def station_sent_nothing_between(self, first: Message, last: Message) -> None:
        """The station sent no message of any kind between these two of its own."""
        between = [m for m in self._inward() if m is not first and first.at_ns <= m.at_ns <= last.at_ns]
        others = [m for m in between if m is not last]
        if others:
            raise AssertionError(
                f"The station sent {joined(others)} in an interval in which it must be silent"
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
        rig, trouble = self._rig, ""
        try:
            rig.run_for(SETTLE_S)
        except (EmulatorError, RigError) as error:
            trouble = f"{error}"
        sequence = self._transaction_problems()
        self._rig = None
        problems = ([trouble] if trouble else []) + rig.problems() + sequence
        write_log("OCPP transcript", rig.transcript())
        write_log("Log of the station", [f"{line.at_ns / NS_PER_S:12.6f} {line.text}" for line in rig.log])
        try:
            self._keep_measurement(rig)
        except (EmulatorError, MetricsError) as error:
            problems.append(str(error))
        rig.close()
        if problems:
            raise AssertionError("\n".join(problems))

    # inside

    def _report(self, request_id: int) -> list[Payload]:
        parts = [m.payload for m in self._requests(self._mark, "NotifyReport")]
        return complete_report([part for part in parts if part.get("requestId") == request_id])

    def _keep_measurement(self, rig: Rig) -> None:
        try:
            name = BuiltIn().get_variable_value("${TEST NAME}")
            folder = BuiltIn().get_variable_value("${OUTPUT DIR}")
        except RobotNotRunningError:
            return
        parity.record(rig, Path(folder))
        trace.record(rig, self._acts, Path(folder))
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
            metrics=rig.metrics().to_json() if variable("METRICS", "") else None,
        )
        with (Path(folder) / MEASUREMENTS).open("a") as stream:
            stream.write(json.dumps(measurement.to_json()) + "\n")


def installed_roots(names: str, *, of_manufacturer: bool) -> list[bytes]:
    """DER of those in a comma list of csms_stub.pki.ROOTS that are, or are not, the manufacturer's.

    Raises AssertionError for what is none.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    try:
        roots = {name: der(Pki().root(name).certificate) for name in wanted}  # type: ignore[arg-type]
    except CsmsError as error:
        raise AssertionError(str(error)) from None
    return [root for name, root in roots.items() if ("manufacturer" in name) == of_manufacturer]


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
