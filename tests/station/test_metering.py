"""Metering of the real station in the world: what is sampled when, and how it is written."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from bench.peers.meter import verified
from csms_stub.schemas import validate
from tests.station.world import World

ALL = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage"


class Text:
    def __init__(self):
        self.text = ""

    def clear(self):
        self.text = ""

    def put(self, text):
        self.text += text


class Outbox(Text):
    """Keeps what is committed."""

    def __init__(self):
        super().__init__()
        self.kept = []

    def commit(self, kind, evse, transaction_id):
        self.kept.append((evse, transaction_id, json.loads(self.text)))


class Transactions:
    """Transactions that the test begins and ends."""

    def __init__(self):
        self.ids = {}
        self.sent = []

    def transaction_id(self, evse):
        return self.ids.get(evse)

    def sampled(self, evse, kind, reading):
        self.sent.append((evse, kind, reading))


@pytest.fixture
def world():
    world = World()
    yield world
    world.close()


def booted(world, **values):
    world.boot()
    metering = world.station.metering
    metering.transactions, metering._outbox = Transactions(), Outbox()
    world.accepted()
    for name, value in values.items():
        setting(world, name, value)
    return metering


def setting(world, name, value):
    component, variable = name.split("__")
    item = {
        "component": {"name": component + "DataCtrlr"},
        "variable": {"name": variable},
        "attributeValue": value,
    }
    answer = world.call("SetVariables", {"setVariableData": [item]})
    assert answer.payload["setVariableResult"][0]["attributeStatus"] == "Accepted"


def run(world, coroutine):
    task = world.loop.create_task(coroutine)
    world.until("end of the task", task.done)
    return task.result()


def begin(world, metering, evse=1):
    reading = run(world, metering.read(evse))
    metering.transactions.ids[evse] = f"tx-{evse}"
    metering.started(evse, reading)
    return reading


def end(metering, evse=1):
    metering.ended(evse)
    del metering.transactions.ids[evse]


def charge(world, evse=1):
    world.evse.plug(evse, world.now_ns)
    world.evse.ready(evse, True, world.now_ns)
    run(world, world.station.evse.command(f"FE {evse}"))
    world.run(2)


def wall(text):
    return datetime.fromisoformat(text)


def stamps(messages):
    return [m.payload["meterValue"][0]["timestamp"] for m in messages]


def gaps(texts):
    return [(wall(b) - wall(a)).total_seconds() for a, b in pairwise(texts)]


def values(meter_value):
    return {v["measurand"]: v for v in meter_value["sampledValue"]}


# values


def test_values_of_a_car_that_charges(world):
    metering = booted(world, Aligned__Measurands=ALL)
    charge(world)
    world.run(3600)
    stamp, energy, current, voltage, signature = run(world, metering.read(1))
    assert signature is None
    assert energy == int(world.evse.energy_wh(1, world.now_ns)) > 7000
    assert (current, voltage) == (32000, 230000)
    text = Text()
    assert metering.put(text, (stamp, energy, current, voltage, None), "Transaction.End", ALL)
    value = json.loads(text.text)
    assert validate("MeterValues", "Request", {"evseId": 1, "meterValue": [value]}) == []
    assert value["timestamp"] == stamp
    found = values(value)
    assert list(found) == ALL.split(",")
    assert {v["context"] for v in found.values()} == {"Transaction.End"}
    assert [v["value"] for v in found.values()] == [energy, 7360, 32, 230]
    assert [v["unitOfMeasure"]["unit"] for v in found.values()] == ["Wh", "W", "A", "V"]
    assert [v.get("phase") for v in found.values()] == [None, None, "L1", "L1-N"]


def test_nothing_is_written_without_measurands_or_reading(world):
    metering = booted(world)
    text = Text()
    assert not metering.put(text, ("2026-01-01T00:00:00.000Z", 1, 2, 3, None), "Sample.Clock", "")
    assert not metering.put(text, None, "Sample.Clock", ALL)
    assert text.text == ""


def test_a_register_of_many_megawatt_hours_keeps_its_last_digit(world):
    metering = booted(world)
    text = Text()
    metering.put(text, ("2026-01-01T00:00:00.000Z", 123456789, 31999, 230001, None), "Trigger", ALL)
    assert '"value":123456789,' in text.text
    assert '"value":7359.801,' in text.text
    assert '"value":31.999,' in text.text
    assert '"value":230.001,' in text.text


# J01


def test_aligned_values_of_idle_evses(world):
    booted(world, Aligned__Measurands=ALL, Aligned__Interval="900")
    world.run(3 * 900)
    sent = world.requests("MeterValues")
    assert [m.payload["evseId"] for m in sent] == [1, 2] * 3
    assert all(wall(stamp).minute % 15 == 0 and stamp.endswith(":00.000Z") for stamp in stamps(sent))
    assert gaps(stamps(sent)[::2]) == [900, 900]
    assert stamps(sent)[::2] == stamps(sent)[1::2]
    for message in sent:
        found = values(message.payload["meterValue"][0])
        assert list(found) == ALL.split(",")
        assert {v["context"] for v in found.values()} == {"Sample.Clock"}
    assert world.session.violations == []


def test_interval_zero_disables_the_aligned_values(world):
    booted(world, Aligned__Interval="60")
    world.run(61)
    assert world.requests("MeterValues")
    setting(world, "Aligned__Interval", "0")
    before = len(world.requests("MeterValues"))
    world.run(600)
    assert len(world.requests("MeterValues")) == before


@pytest.mark.parametrize("name,value", [("Aligned__Measurands", ""), ("Aligned__Enabled", "false")])
def test_no_aligned_values_without_measurands(world, name, value):
    booted(world, Aligned__Interval="60", **{name: value})
    world.run(300)
    assert world.requests("MeterValues") == []


def test_intervals_begin_anew_at_midnight(world):
    """An interval that does not divide the day."""
    booted(world, Aligned__Interval="50000")
    world.run(2 * 86400 + 60)
    times = [stamp[:19] for stamp in stamps(world.requests("MeterValues"))[::2]]
    assert times == [
        "2026-01-01T13:53:20",
        "2026-01-02T00:00:00",
        "2026-01-02T13:53:20",
        "2026-01-03T00:00:00",
    ]


def test_aligned_values_of_a_transaction_go_with_its_events(world):
    metering = booted(world, Aligned__Interval="60", Sampled__TxUpdatedInterval="0")
    begin(world, metering)
    world.run(121)
    assert [m.payload["evseId"] for m in world.requests("MeterValues")] == [2, 2]
    assert [sent[:2] for sent in metering.transactions.sent] == [(1, "Clock")] * 2
    assert [sent[2][0] for sent in metering.transactions.sent] == stamps(world.requests("MeterValues"))


def test_send_during_idle_only(world):
    metering = booted(
        world,
        Aligned__Interval="60",
        Aligned__TxEndedInterval="60",
        Aligned__SendDuringIdle="true",
        Sampled__TxUpdatedInterval="0",
        Sampled__TxEndedMeasurands="",
    )
    begin(world, metering)
    world.run(121)
    assert world.requests("MeterValues") == metering.transactions.sent == metering._outbox.kept == []
    end(metering)
    world.run(60)
    assert [m.payload["evseId"] for m in world.requests("MeterValues")] == [1, 2]


def test_aligned_values_are_not_queued_off_line(world):
    booted(world, Aligned__Interval="60")
    world.modem.wifi(False, world.now_ns)
    world.run(600)
    world.modem.wifi(True, world.now_ns)
    world.until("reconnection", lambda: world.station.provisioning._link.up, 600)
    before = world.now_ns
    world.run(50)
    late = [m for m in world.requests("MeterValues") if m.at_ns > before]
    assert all(
        wall(stamp) > datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=before // 1000)
        for stamp in stamps(late)
    )


def clock_shifted(world, seconds):
    """From now on the CSMS's clock is wrong by that much; the station hears of it by a heartbeat."""
    shifted = lambda session, message: {  # noqa: E731
        "currentTime": (wall(session.time(message.at_ns)) + timedelta(seconds=seconds)).isoformat(
            timespec="milliseconds"
        )
    }
    world.csms.answer("Heartbeat", shifted)
    world.call("TriggerMessage", {"requestedMessage": "Heartbeat"})
    world.run(1)


# J02


def test_periodic_values_are_exact(world):
    metering = booted(world, Sampled__TxUpdatedInterval="30")
    world.run(0.377)
    first = begin(world, metering)
    world.run(150.2)
    sent = metering.transactions.sent
    assert [s[:2] for s in sent] == [(1, "Periodic")] * 5
    assert gaps([first[0], *(s[2][0] for s in sent)])[1:] == [30] * 4
    assert abs(gaps([first[0], sent[0][2][0]])[0] - 30) < 0.05


def test_two_transactions_have_their_own_times(world):
    metering = booted(world, Sampled__TxUpdatedInterval="30")
    begin(world, metering, 1)
    world.run(7.5)
    begin(world, metering, 2)
    world.run(61)
    assert [s[0] for s in metering.transactions.sent] == [1, 2, 1, 2]
    end(metering, 1)
    world.run(60)
    assert [s[0] for s in metering.transactions.sent[4:]] == [2, 2]


def test_samples_for_the_end(world):
    metering = booted(world, Sampled__TxEndedInterval="100", Sampled__TxUpdatedInterval="0")
    begin(world, metering)
    world.run(250)
    kept = metering._outbox.kept
    assert [(evse, name) for evse, name, _ in kept] == [(1, "tx-1")] * 3
    assert {values(v)["Energy.Active.Import.Register"]["context"] for _, _, v in kept} == {"Sample.Periodic"}
    assert [round(gap) for gap in gaps([v["timestamp"] for _, _, v in kept])] == [100, 100]
    assert metering.transactions.sent == []


def test_only_start_for_the_end_where_the_interval_is_zero(world):
    metering = booted(world, Sampled__TxUpdatedInterval="0")
    begin(world, metering)
    world.run(1000)
    assert [v["sampledValue"][0]["context"] for _, _, v in metering._outbox.kept] == ["Transaction.Begin"]


def test_clock_samples_for_the_end(world):
    metering = booted(
        world,
        Aligned__TxEndedInterval="100",
        Aligned__TxEndedMeasurands="Voltage",
        Sampled__TxEndedMeasurands="",
        Sampled__TxUpdatedInterval="0",
    )
    begin(world, metering)
    world.run(250)
    kept = [v for _, _, v in metering._outbox.kept]
    assert gaps([v["timestamp"] for v in kept]) == [100] * (len(kept) - 1)
    assert len(kept) >= 2
    assert {(v["sampledValue"][0]["context"], v["sampledValue"][0]["measurand"]) for v in kept} == {
        ("Sample.Clock", "Voltage")
    }
    assert world.requests("MeterValues") == []


def test_a_new_interval_holds_at_once(world):
    metering = booted(world, Sampled__TxUpdatedInterval="600")
    begin(world, metering)
    world.run(65)
    setting(world, "Sampled__TxUpdatedInterval", "20")
    world.run(40)
    assert len(metering.transactions.sent) == 2


@pytest.mark.parametrize("name,value", [("Sampled__TxUpdatedMeasurands", ""), ("Sampled__Enabled", "false")])
def test_no_periodic_values_without_measurands(world, name, value):
    metering = booted(world, Sampled__TxUpdatedInterval="30", **{name: value})
    begin(world, metering)
    world.run(100)
    assert metering.transactions.sent == []


# the clock


@pytest.mark.parametrize("shift", [3, 0.02, -0.02, -3])
def test_small_corrections_of_the_clock_neither_lose_nor_repeat_a_boundary(world, shift):
    booted(world, Aligned__Interval="60")
    at = 60 - (world.now_ns / 1e9) % 60 - (shift if shift > 0 else 0) + (0.01 if shift < 0 else -0.01)
    world.run(at)
    clock_shifted(world, shift)
    world.run(150)
    times = stamps(world.requests("MeterValues"))[::2]
    assert len(times) >= 3
    assert all(59 <= gap <= 63 for gap in gaps(times))


def test_a_jump_forward_goes_on_at_the_next_boundary(world):
    booted(world, Aligned__Interval="900")
    clock_shifted(world, 100_000)
    world.run(901)
    times = stamps(world.requests("MeterValues"))
    assert len(times) == 2
    assert times[0].endswith(":00.000Z")
    assert wall(times[0]) > datetime(2026, 1, 2, 3, tzinfo=UTC)


def test_a_jump_back_goes_on_at_the_next_boundary(world):
    booted(world, Aligned__Interval="900")
    world.run(3600)
    before = len(world.requests("MeterValues"))
    clock_shifted(world, -86400 * 30)
    world.run(901)
    times = stamps(world.requests("MeterValues"))[before:]
    assert len(times) == 2
    assert times[0].startswith("2025-12-02T01:15:00.000")


# faults


def test_a_mute_meter_is_left_out(world):
    metering = booted(world, Aligned__Interval="60", Sampled__TxUpdatedInterval="50")
    begin(world, metering)
    world.evse.silence(True, world.now_ns)
    world.run(300)
    assert metering.transactions.sent == world.requests("MeterValues") == []
    world.evse.silence(False, world.now_ns)
    world.run(120)
    assert metering.transactions.sent
    assert world.requests("MeterValues")


def test_a_slow_meter_says_when_it_was_read(world):
    booted(world, Aligned__Interval="60")
    world.evse.slow(480)
    world.run(125)
    assert all(wall(stamp).second < 4 for stamp in stamps(world.requests("MeterValues")))


# signed readings


def signed(value):
    (register,) = [v for v in value["sampledValue"] if v["measurand"] == "Energy.Active.Import.Register"]
    return register, register.get("signedMeterValue")


def test_signed_values_of_a_transaction(world):
    metering = booted(
        world, Sampled__SignReadings="true", Sampled__TxEndedInterval="100", Sampled__TxUpdatedInterval="0"
    )
    charge(world)
    begin(world, metering)
    world.run(250)
    kept = [v for _, _, v in metering._outbox.kept]
    assert len(kept) == 3
    for value in kept:
        assert validate("MeterValues", "Request", {"evseId": 1, "meterValue": [value]}) == []
        register, signature = signed(value)
        payload = verified(signature["signedMeterData"], world.evse.public_key(1))
        assert payload["RD"][0]["RV"] * 1000 == register["value"]
        assert signature["signingMethod"] == "ECDSA-secp256r1-SHA256"
        assert signature["encodingMethod"] == "OCMF"
    assert [round(gap) for gap in gaps([v["timestamp"] for v in kept])] == [100, 100]


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("Never", [False] * 6),
        ("OncePerTransaction", [True, False, False] * 2),
        ("EveryMeterValue", [True] * 6),
    ],
)
def test_the_public_key_is_told_as_configured(world, when, told):
    metering = booted(
        world, Sampled__SignReadings="true", Sampled__TxEndedInterval="100", Sampled__TxUpdatedInterval="0"
    )
    world.station.model.set_for_now("OCPPCommCtrlr.PublicKeyWithSignedMeterValue", when)
    for _ in range(2):
        begin(world, metering)
        world.run(250)
        end(metering)
    keys = [signed(v)[1]["publicKey"] for _, _, v in metering._outbox.kept]
    assert [bool(key) for key in keys] == told
    assert set(keys) <= {"", world.evse.public_key(1)}


def test_the_key_is_told_once_by_start_and_sample(world):
    metering = booted(world, Sampled__SignReadings="true", Sampled__TxUpdatedInterval="0")
    reading = run(world, metering.read(1))
    metering.transactions.ids[1] = "tx"
    text = Text()
    metering.put(text, reading, "Transaction.Begin", ALL)
    metering.started(1, reading)
    assert signed(json.loads(text.text))[1]["publicKey"]
    ((_, _, kept),) = metering._outbox.kept
    assert signed(kept)[1]["publicKey"] == ""
    assert signed(kept)[1]["signedMeterData"]


def test_signed_aligned_values_of_both_evses(world):
    booted(world, Aligned__SignReadings="true", Aligned__Interval="60", Aligned__Measurands=ALL)
    world.run(121)
    sent = world.requests("MeterValues")
    assert len(sent) == 4
    for message in sent:
        value = message.payload["meterValue"][0]
        _, signature = signed(value)
        verified(signature["signedMeterData"], world.evse.public_key(message.payload["evseId"]))
        assert sum("signedMeterValue" in v for v in value["sampledValue"]) == 1
    assert world.session.violations == []


def test_without_the_energy_register_nothing_is_signed(world):
    metering = booted(world, Sampled__SignReadings="true")
    text = Text()
    metering.put(text, run(world, metering.read(1)), "Trigger", "Voltage")
    assert "signedMeterValue" not in text.text


def test_a_meter_that_cannot_sign_has_no_reading(world):
    metering = booted(world, Sampled__SignReadings="true")

    async def nothing(evse, with_key):
        return None

    world.station.evse.read_signed = nothing
    assert run(world, metering.read(1)) is None
    setting(world, "Sampled__SignReadings", "false")
    assert run(world, metering.read(1)) is not None


# F06


def test_trigger(world):
    metering = booted(world, Aligned__Measurands="Voltage,Current.Import")
    assert run(world, metering.trigger(0))
    world.run(1)
    sent = world.requests("MeterValues")
    assert [m.payload["evseId"] for m in sent] == [1, 2]
    assert {v["context"] for v in sent[0].payload["meterValue"][0]["sampledValue"]} == {"Trigger"}
    setting(world, "Aligned__Measurands", "")
    assert run(world, metering.trigger(2)) is None
    setting(world, "Aligned__Measurands", ALL)
    world.evse.silence(True, world.now_ns)
    assert run(world, metering.trigger(2)) is None
