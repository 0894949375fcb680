"""Meter values: what each of their fields must be, and when they were taken (Part 6, chapter 2.11)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from robot.api.deco import keyword

from bench.emulators.base import NS_PER_S
from bench.keywords.base import Keywords, Moment, told
from bench.peers.meter import ALGORITHM, ENCODING, verified
from csms_stub.csms import EPOCH
from csms_stub.messages import Message, Payload

REGISTER = "Energy.Active.Import.Register"
UNITS = {REGISTER: "Wh", "Power.Active.Import": "W", "Current.Import": "A", "Voltage": "V"}
PHASES = {"Current.Import": "L1", "Voltage": "L1-N"}
"""The meters of the bench measure one line; power and energy are all that flows."""
SUPPLY_V = 230.0
AMPS_MAX = 32.0


class MeterKeywords(Keywords):
    @keyword
    def station_sends_meter_values(
        self, *evses: int, context: str, measurands: str, within: float
    ) -> list[Payload]:
        """Wait for one MeterValuesRequest of each of these EVSEs, and none of another. Each has one meter
        value, of the same instant, as `Meter Value Is` demands. Returns the meter values.
        """
        wanted = [int(evse) for evse in evses]
        messages: list[Message] = []

        def all_there() -> list[Message] | None:
            while len(messages) < len(wanted) and (message := self._next_request("MeterValues")):
                messages.append(message)
            return messages if len(messages) == len(wanted) else None

        self._wait(f"MeterValuesRequest of EVSE {' and '.join(map(str, wanted))}", all_there, within)
        found = sorted(message.payload["evseId"] for message in messages)
        if found != sorted(wanted):
            raise AssertionError(f"MeterValuesRequests are of EVSE {found}, expected {wanted}{self._story()}")
        values = []
        for message in messages:
            values += self.meter_values_of(message, context, measurands, count=1)
        if len({value["timestamp"] for value in values}) != 1:
            raise AssertionError(f"Not of the same instant: {[value['timestamp'] for value in values]}")
        return values

    @keyword
    def meter_values_of(
        self, message: Message, context: str, measurands: str, count: int | None = None
    ) -> list[Payload]:
        """The meter values in a MeterValuesRequest or TransactionEventRequest: at least one, or `count`, each
        as `Meter Value Is` demands.
        """
        values: list[Payload] = message.payload.get("meterValue", [])
        if not values or (count is not None and len(values) != count):
            raise AssertionError(f"{len(values)} meter values in{told(message)}, expected {count or 'some'}")
        for value in values:
            self.meter_value_is(value, context, measurands)
        return values

    @keyword
    def meter_value_is(self, value: Payload, context: str, measurands: str) -> None:
        """One element for each measurand of the comma list, with this context, in its unit and phase, of a
        size that the meter can show; never of location EV but for SoC (errata 6.2.58).
        """
        wrong = value_errors(value, context, measurands.split(","))
        if wrong:
            raise AssertionError(f"Meter value of {value.get('timestamp')}: {'; '.join(wrong)}")

    @keyword
    def meter_value_is_signed(self, value: Payload, key: str, evse: int = 1) -> None:
        """The register, and nothing else, has a signedMeterValue: a record that verifies under the public key
        of the EVSE's meter and says what the register says. `key`: whether the public key is in it, present
        or omitted (the field is there, and empty).
        """
        signed = [sample for sample in value["sampledValue"] if "signedMeterValue" in sample]
        if [sample.get("measurand", REGISTER) for sample in signed] != [REGISTER]:
            raise AssertionError(f"Signed in the meter value of {value['timestamp']}: {signed or 'nothing'}")
        signature = signed[0]["signedMeterValue"]
        public_key = self.rig.evse.public_key(evse)
        told = {"present": public_key, "omitted": ""}[key]
        if signature["publicKey"] != told:
            raise AssertionError(f"publicKey is {signature['publicKey']!r}, expected {told!r}")
        if (signature["signingMethod"], signature["encodingMethod"]) != (ALGORITHM, ENCODING):
            raise AssertionError(
                f"Signed by {signature['signingMethod']}, encoded by {signature['encodingMethod']}"
            )
        try:
            reading = verified(signature["signedMeterData"], public_key)["RD"][0]["RV"]
        except ValueError as error:
            raise AssertionError(
                f"The meter value of {value['timestamp']} does not verify: {error}"
            ) from None
        if round(reading * 1000) != signed[0]["value"]:
            raise AssertionError(f"Signed is {reading} kWh, told are {signed[0]['value']} Wh")

    @keyword
    def timestamps_are_apart(self, items: Sequence[Any], seconds: float) -> None:
        """From each message, or meter value, to the next one exactly this time."""
        stamps = [timestamp_of(item) for item in items]
        gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(stamps)]
        if len(stamps) < 2 or any(gap != float(seconds) for gap in gaps):
            raise AssertionError(
                f"Timestamps {[stamp.isoformat() for stamp in stamps]} are not {seconds} s apart"
            )

    @keyword
    def timestamps_are_at_most_apart(self, items: Sequence[Any], seconds: float) -> None:
        """From each message, or meter value, to the next one at most this time, and none comes before."""
        stamps = [timestamp_of(item) for item in items]
        gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(stamps)]
        if any(not 0 <= gap <= float(seconds) for gap in gaps):
            raise AssertionError(f"Timestamps are {gaps} s apart, expected at most {seconds} s")

    @keyword
    def timestamps_are_clock_aligned(self, items: Iterable[Any], seconds: int) -> None:
        """Each message, or meter value, is of a multiple of this time since midnight (UTC)."""
        for item in items:
            stamp = timestamp_of(item)
            midnight = stamp.replace(hour=0, minute=0, second=0, microsecond=0)
            if (stamp - midnight).total_seconds() % float(seconds):
                raise AssertionError(f"{stamp.isoformat()} is no multiple of {seconds} s since midnight")

    @keyword
    def timestamp_is_within(self, item: Any, seconds: float) -> None:
        """The message, or meter value, was taken at most so long ago, by the clock of the CSMS."""
        ago = EPOCH.timestamp() + self.rig.now_ns / NS_PER_S - timestamp_of(item).timestamp()
        if not 0 <= ago <= float(seconds):
            raise AssertionError(f"Taken {ago:.3f} s ago, expected at most {seconds} s")

    @keyword
    def register_of(self, value: Payload) -> float:
        """Wh of the Energy.Active.Import.Register in a meter value."""
        for sample in value["sampledValue"]:
            if sample.get("measurand", REGISTER) == REGISTER:
                return float(sample["value"])
        raise AssertionError(f"No {REGISTER} in the meter value of {value['timestamp']}")

    @keyword
    def registers_never_fall(self, values: Iterable[Payload]) -> None:
        """J02.FR.16."""
        registers = [self.register_of(value) for value in values]
        if any(later < earlier for earlier, later in pairwise(registers)):
            raise AssertionError(f"The register falls: {registers}")

    @keyword
    def station_sent_no_meter_values_between(self, first: Message | Moment, last: Message | Moment) -> None:
        """Neither a MeterValuesRequest nor a TransactionEventRequest with a meterValue."""
        found = [
            message
            for message in self._requests(0)
            if first.at_ns < message.at_ns < last.at_ns
            and (message.action == "MeterValues" or "meterValue" in message.payload)
        ]
        if found:
            lines = "".join(f"\n  {told(message)}" for message in found)
            raise AssertionError(f"The station reported meter values:{lines}")


def value_errors(value: Payload, context: str, measurands: Sequence[str]) -> list[str]:
    """What is wrong with a MeterValueType that was configured with these measurands."""
    samples = value.get("sampledValue", [])
    found = [sample.get("measurand", REGISTER) for sample in samples]
    wrong = (
        [] if sorted(found) == sorted(measurands) else [f"measurands {found}, expected {list(measurands)}"]
    )
    shown = dict(zip(found, (sample["value"] for sample in samples), strict=True))
    for name, sample in zip(found, samples, strict=True):
        expected = {
            "context": (sample.get("context", "Sample.Periodic"), context),
            "unit": (sample.get("unitOfMeasure", {}).get("unit", "Wh"), UNITS.get(name)),
            "multiplier": (sample.get("unitOfMeasure", {}).get("multiplier", 0), 0),
            "phase": (sample.get("phase"), PHASES.get(name)),
            "location": (sample.get("location", "Outlet"), "Outlet"),
        }
        wrong += [
            f"{field} of {name} is {is_}, expected {wanted}"
            for field, (is_, wanted) in expected.items()
            if is_ != wanted
        ]
    amps, volts = shown.get("Current.Import", 0.0), shown.get("Voltage", SUPPLY_V)
    if volts != SUPPLY_V or not 0 <= amps <= AMPS_MAX or shown.get(REGISTER, 0) < 0:
        wrong.append(f"the meter cannot show {shown}")
    if "Power.Active.Import" in shown and "Current.Import" in shown:
        watts = shown["Power.Active.Import"]
        if abs(watts - amps * volts) > 1:
            wrong.append(f"{watts} W are not {amps} A at {volts} V")
    return wrong


def timestamp_of(item: Any) -> datetime:
    """Of a TransactionEventRequest, of the first meter value in a MeterValuesRequest, or of a meter value."""
    payload = item.payload if isinstance(item, Message) else item
    if "timestamp" not in payload:
        payload = payload["meterValue"][0]
    return datetime.fromisoformat(payload["timestamp"]).astimezone(UTC)
