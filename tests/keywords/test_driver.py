"""The manual actions reach the EVSE controller and the car."""

from __future__ import annotations

import pytest

from bench.keywords import Bench
from bench.peers.rapi import encode
from tests.keywords.conftest import FakeRig, S


def say(rig: FakeRig, command: str) -> None:
    """The firmware sends a command, which takes effect."""
    rig.evse.receive(encode(command), rig.now_ns)
    rig.now_ns += S
    rig.evse.poll(rig.now_ns)


@pytest.fixture(autouse=True)
def booted(rig: FakeRig) -> None:
    rig.now_ns = 5 * S
    rig.evse.poll(rig.now_ns)


def test_cable_and_car(rig: FakeRig, bench: Bench) -> None:
    bench.connect_cable(2)
    assert rig.evse.pilot(2, rig.now_ns) == "A"
    bench.connect_car(2)
    assert rig.evse.pilot(2, rig.now_ns) == "B"
    assert rig.evse.pilot(1, rig.now_ns) == "A"
    bench.disconnect_car(2)
    assert rig.evse.pilot(2, rig.now_ns) == "A"
    with pytest.raises(AssertionError, match="That cannot be done: a cable is in EVSE 2 already"):
        bench.connect_cable(2)
    bench.disconnect(2)
    bench.connect_cable(2)


def test_energy_flows_while_the_car_is_ready(rig: FakeRig, bench: Bench) -> None:
    bench.connect(1, ready=False)
    say(rig, "FE 1")
    assert not bench.contactor_is_closed(1)
    bench.ev_resumes(1)
    rig.now_ns += S
    bench.contactor_should_be_closed(1)
    bench.ev_draws_at_most(10, 1)
    assert rig.evse.current_ma(1, rig.now_ns) == 10_000
    before = bench.energy_register(1)
    rig.now_ns += 3600 * S
    assert bench.energy_register(1) - before == pytest.approx(2300)
    bench.ev_suspends(1)
    bench.contactor_should_be_open(1)


def test_a_locked_plug_stays(rig: FakeRig, bench: Bench) -> None:
    bench.connect(1)
    say(rig, "SL 1 1")
    bench.connector_should_be_locked(1)
    began = rig.now_ns
    with pytest.raises(AssertionError, match="no release of EVSE 1's lock within 10 s"):
        bench.disconnect(1)
    assert rig.now_ns == began + 10 * S
    bench.lock_fails(1)
    say(rig, "SL 1 0")
    assert bench.connector_is_locked(1)
    bench.lock_works(1)
    say(rig, "SL 1 0")
    bench.disconnect(1)


def test_faults(rig: FakeRig, bench: Bench) -> None:
    bench.evse_is_faulted(1, 3)
    assert rig.evse.pilot(1, rig.now_ns) == "F"
    bench.evse_recovers(1)
    assert rig.evse.pilot(1, rig.now_ns) == "A"
    with pytest.raises(AssertionError, match="99 is no fault code"):
        bench.evse_is_faulted(1, 99)


def test_token_is_read_by_the_reader_of_the_evse(rig: FakeRig, bench: Bench) -> None:
    rig.evse.poll(rig.now_ns)
    bench.present_id_token("04AA", 2, "ISO15693")
    assert b"$AR 2 ISO15693 04AA" in rig.evse.poll(rig.now_ns)
    bench.present_id_token()
    assert b"$AR 1 ISO14443 04A1B2C3D4E5F6" in rig.evse.poll(rig.now_ns)
    with pytest.raises(AssertionError, match="That cannot be done: 'no hex'"):
        bench.present_id_token("no hex")


def test_what_the_driver_did_is_told(rig: FakeRig, bench: Bench) -> None:
    bench.connect(1)
    rig.say(rig.now_ns / S + 1, "Heartbeat", {})
    rig.run_for(2)
    bench.present_id_token("04AA", 2)
    story = bench.sequence_of_messages().splitlines()
    assert story[-4:] == [
        "       5.500 s  driver : connects an EV to EVSE 1",
        "       6.500 s station > HeartbeatRequest",
        "       6.500 s    CSMS > HeartbeatResponse",
        "       8.000 s  driver : presents 04AA at EVSE 2",
    ]


def test_pilot_current(rig: FakeRig, bench: Bench) -> None:
    bench.pilot_current_should_be(32, 1)
    say(rig, "SC 1 0")
    bench.pilot_current_should_be(0, 1)
    with pytest.raises(AssertionError, match="pilot current of 32 A at EVSE 1"):
        bench.pilot_current_should_be(32, 1, within=1)
