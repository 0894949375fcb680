"""What the keywords about meter values demand, and what they do not let pass."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from bench.keywords import Bench
from bench.keywords.base import Moment
from bench.keywords.metering import value_errors
from bench.peers.meter import FiscalMeter
from tests.keywords.conftest import FakeRig, S

REGISTER = "Energy.Active.Import.Register"
ALL = [REGISTER, "Power.Active.Import", "Current.Import", "Voltage"]


def meter_value(second: int = 0, context: str = "Sample.Clock", wh: float = 10) -> dict[str, Any]:
    return {
        "timestamp": f"2026-01-01T00:{second // 60:02d}:{second % 60:02d}.000Z",
        "sampledValue": [
            {"value": wh, "context": context},
            {
                "value": 7360,
                "context": context,
                "measurand": "Power.Active.Import",
                "unitOfMeasure": {"unit": "W"},
            },
            {
                "value": 32.0,
                "context": context,
                "measurand": "Current.Import",
                "phase": "L1",
                "unitOfMeasure": {"unit": "A"},
            },
            {
                "value": 230,
                "context": context,
                "measurand": "Voltage",
                "phase": "L1-N",
                "unitOfMeasure": {"unit": "V"},
            },
        ],
    }


def report(second: int, evse: int = 1, **more: Any) -> dict[str, Any]:
    return {"evseId": evse, "meterValue": [meter_value(second, **more)]}


def test_a_right_meter_value() -> None:
    assert value_errors(meter_value(), "Sample.Clock", ALL) == []


@pytest.mark.parametrize(
    ("number", "change", "complaint"),
    [
        (0, {"context": "Sample.Periodic"}, "context"),
        (0, {"measurand": "SoC"}, "measurands"),
        (0, {"value": -1}, "cannot show"),
        (0, {"unitOfMeasure": {"unit": "kWh"}}, "unit"),
        (0, {"unitOfMeasure": {"multiplier": 3}}, "multiplier"),
        (0, {"location": "EV"}, "location"),
        (0, {"phase": "L1"}, "phase"),
        (1, {"value": 7000}, "7000 W are not"),
        (2, {"phase": "L2"}, "phase"),
        (2, {"value": 33}, "cannot show"),
        (3, {"value": 231}, "cannot show"),
        (3, {"unitOfMeasure": {"unit": "A"}}, "unit"),
    ],
)
def test_a_wrong_field_is_found(number: int, change: dict[str, Any], complaint: str) -> None:
    value = meter_value()
    value["sampledValue"][number] |= change
    assert complaint in "; ".join(value_errors(value, "Sample.Clock", ALL))


def test_a_measurand_too_many_or_too_few_is_found() -> None:
    value = meter_value()
    assert value_errors(value, "Sample.Clock", ALL[:3])
    doubled = copy.deepcopy(value)
    doubled["sampledValue"].append(doubled["sampledValue"][0])
    assert value_errors(doubled, "Sample.Clock", ALL)
    del value["sampledValue"][1]
    assert value_errors(value, "Sample.Clock", ALL)


def test_meter_values_of_all_evses_at_one_instant(rig: FakeRig, bench: Bench) -> None:
    rig.say(20.1, "MeterValues", report(20, 2))
    rig.say(20.2, "MeterValues", report(20, 1))
    values = bench.station_sends_meter_values(
        1, 2, context="Sample.Clock", measurands=",".join(ALL), within=30
    )
    assert len(values) == 2
    bench.timestamp_is_within(values[0], 1)
    with pytest.raises(AssertionError, match=r"Taken 0\.200 s ago"):
        bench.timestamp_is_within(values[0], 0.1)


@pytest.mark.parametrize("second", [report(20, 1), report(21, 2), report(20, 3)])
def test_another_evse_or_instant_does_not_pass(rig: FakeRig, bench: Bench, second: dict[str, Any]) -> None:
    rig.say(20.1, "MeterValues", report(20, 1))
    rig.say(20.2, "MeterValues", second)
    with pytest.raises(AssertionError):
        bench.station_sends_meter_values(1, 2, context="Sample.Clock", measurands=",".join(ALL), within=30)


def test_distances_of_timestamps(bench: Bench) -> None:
    values = [meter_value(second) for second in (20, 40, 60)]
    bench.timestamps_are_apart(values, 20)
    bench.timestamps_are_clock_aligned(values, 20)
    bench.timestamps_are_at_most_apart(values, 20)
    for wrong in ([20, 41], [20, 60], [20]):
        with pytest.raises(AssertionError):
            bench.timestamps_are_apart([meter_value(second) for second in wrong], 20)
    with pytest.raises(AssertionError):
        bench.timestamps_are_clock_aligned([meter_value(30)], 20)
    for wrong in ([20, 41], [40, 20]):
        with pytest.raises(AssertionError):
            bench.timestamps_are_at_most_apart([meter_value(second) for second in wrong], 20)


def test_registers_never_fall(bench: Bench) -> None:
    bench.registers_never_fall([meter_value(0, wh=1), meter_value(1, wh=1), meter_value(2, wh=2)])
    with pytest.raises(AssertionError, match="falls"):
        bench.registers_never_fall([meter_value(0, wh=2), meter_value(1, wh=1)])


def test_no_meter_values_between(rig: FakeRig, bench: Bench) -> None:
    rig.say(10, "MeterValues", report(10))
    rig.run_for(20)
    bench.station_sent_no_meter_values_between(Moment(11 * S), Moment(20 * S))
    with pytest.raises(AssertionError, match="reported meter values"):
        bench.station_sent_no_meter_values_between(Moment(9 * S), Moment(20 * S))


def test_a_message_without_meter_values_does_not_pass(rig: FakeRig, bench: Bench) -> None:
    rig.say(1, "MeterValues", report(0))
    message = bench.station_sends("MeterValues")
    assert len(bench.meter_values_of(message, "Sample.Clock", ",".join(ALL))) == 1
    with pytest.raises(AssertionError, match="1 meter values"):
        bench.meter_values_of(message, "Sample.Clock", ",".join(ALL), count=2)
    del message.payload["meterValue"]
    with pytest.raises(AssertionError, match="0 meter values"):
        bench.meter_values_of(message, "Sample.Clock", ",".join(ALL))


def signed_value(bench: Bench, wh: int = 1234, evse: int = 1) -> dict[str, Any]:
    value = meter_value(wh=wh)
    value["sampledValue"][0]["signedMeterValue"] = {
        "signedMeterData": FiscalMeter(evse).sign(1234, S),
        "signingMethod": "ECDSA-secp256r1-SHA256",
        "encodingMethod": "OCMF",
        "publicKey": bench.rig.evse.public_key(1),
    }
    return value


def test_a_signed_meter_value(bench: Bench) -> None:
    value = signed_value(bench)
    bench.meter_value_is_signed(value, "present")
    with pytest.raises(AssertionError, match="publicKey"):
        bench.meter_value_is_signed(value, "omitted")
    value["sampledValue"][0]["signedMeterValue"]["publicKey"] = ""
    bench.meter_value_is_signed(value, "omitted")
    with pytest.raises(AssertionError, match="publicKey"):
        bench.meter_value_is_signed(value, "present")


def test_a_wrong_signature_does_not_pass(bench: Bench) -> None:
    with pytest.raises(AssertionError, match=r"Signed in the meter value of .*: nothing"):
        bench.meter_value_is_signed(meter_value(), "present")
    with pytest.raises(AssertionError, match=r"Signed is 1\.234 kWh, told are 1235 Wh"):
        bench.meter_value_is_signed(signed_value(bench, wh=1235), "present")
    with pytest.raises(AssertionError, match="does not verify"):
        bench.meter_value_is_signed(signed_value(bench, evse=2), "present")
    value = signed_value(bench)
    value["sampledValue"][0]["signedMeterValue"]["encodingMethod"] = "EDL"
    with pytest.raises(AssertionError, match="encoded by EDL"):
        bench.meter_value_is_signed(value, "present")
    value = signed_value(bench)
    value["sampledValue"][1]["signedMeterValue"] = value["sampledValue"][0]["signedMeterValue"]
    with pytest.raises(AssertionError, match="Signed in the meter value"):
        bench.meter_value_is_signed(value, "present")
