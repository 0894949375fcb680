"""Blocks G and F05, F06, P01, resets of B11: the station against the emulated peers, in virtual time."""

import board
import pytest

from tests.station.world import World

ON_BOTH = {(1, "Available"), (2, "Available")}
STATION = {}
EVSE_1 = {"evse": {"id": 1}}
CONNECTOR_1 = {"evse": {"id": 1, "connectorId": 1}}
EVSE_2 = {"evse": {"id": 2}}


@pytest.fixture
def world():
    world = World()
    world.boot()
    world.accepted()
    yield world
    assert world.session.violations == []
    world.close()


def status(world, action, **payload):
    return world.call(action, payload).payload["status"]


def reports(world, since=0):
    return [
        (m.payload["evseId"], m.payload["connectorStatus"]) for m in world.requests("StatusNotification")
    ][since:]


def change(world, to, where):
    """The answer, and what is reported after it."""
    count = len(reports(world))
    answer = status(world, "ChangeAvailability", operationalStatus=to, **where)
    world.run(2)
    return answer, reports(world, count)


def state_of(world, component, **evse):
    data = {"component": {"name": component, **evse}, "variable": {"name": "AvailabilityState"}}
    result = world.call("GetVariables", {"getVariableData": [data]}).payload["getVariableResult"][0]
    return result["attributeValue"]


def power_cycle(world):
    world.resets += 1  # another seed
    world.boot()
    count = len(world.requests("SecurityEventNotification"))
    world.until("boot", lambda: len(world.requests("SecurityEventNotification")) > count)


# G03, G04


@pytest.mark.parametrize(
    ("where", "unavailable"),
    [
        (STATION, {(1, "Unavailable"), (2, "Unavailable")}),
        (EVSE_1, {(1, "Unavailable")}),
        (CONNECTOR_1, {(1, "Unavailable")}),
        (EVSE_2, {(2, "Unavailable")}),
    ],
)
def test_inoperative_and_back(world, where, unavailable):
    evses = {evse for evse, _ in unavailable}
    answer, told = change(world, "Inoperative", where)
    assert (answer, set(told), len(told)) == ("Accepted", unavailable, len(unavailable))
    for evse in (1, 2):
        assert world.station.availability.operative(evse) == (evse not in evses)
    assert state_of(world, "ChargingStation") == ("Unavailable" if where == STATION else "Available")
    # what is so already is accepted, and reported
    assert change(world, "Inoperative", where) == ("Accepted", told)
    power_cycle(world)
    assert set(reports(world)[-2:]) == unavailable | {r for r in ON_BOTH if r[0] not in evses}
    answer, told = change(world, "Operative", where)
    assert (answer, set(told)) == ("Accepted", {(evse, "Available") for evse in evses})
    power_cycle(world)
    assert set(reports(world)[-2:]) == ON_BOTH


def test_tiers_are_independent(world):
    change(world, "Inoperative", CONNECTOR_1)
    change(world, "Inoperative", EVSE_1)
    change(world, "Inoperative", STATION)
    assert change(world, "Operative", STATION)[1] == [(1, "Unavailable"), (2, "Available")]
    assert change(world, "Operative", EVSE_1)[1] == [(1, "Unavailable")]
    assert state_of(world, "Connector", evse={"id": 1, "connectorId": 1}) == "Unavailable"
    assert change(world, "Operative", CONNECTOR_1)[1] == [(1, "Available")]
    assert state_of(world, "Connector", evse={"id": 1, "connectorId": 1}) == "Available"


def test_unavailable_hides_the_cable_but_not_a_fault(world):
    change(world, "Inoperative", EVSE_1)
    count = len(reports(world))
    world.evse.plug(1, world.now_ns)
    world.run(5)
    assert reports(world, count) == []
    world.evse.fault(1, 1, world.now_ns)
    world.run(5)
    assert reports(world, count) == [(1, "Faulted")]
    world.evse.fault(1, 0, world.now_ns)
    world.run(5)
    assert reports(world, count) == [(1, "Faulted"), (1, "Unavailable")]
    assert change(world, "Operative", EVSE_1)[1] == [(1, "Occupied")]


@pytest.mark.parametrize(
    ("evse", "reason"),
    [
        ({"id": 3}, "UnknownEvse"),
        ({"id": 0}, "UnknownEvse"),
        ({"id": 1, "connectorId": 2}, "UnknownConnectorId"),
        ({"id": 1, "connectorId": 0}, "UnknownConnectorId"),
    ],
)
def test_unknown_component(world, evse, reason):
    answer = world.call("ChangeAvailability", {"operationalStatus": "Inoperative", "evse": evse}).payload
    assert answer == {"status": "Rejected", "statusInfo": {"reasonCode": reason}}
    assert world.station.availability.operative(1)


def test_what_cannot_be_kept_is_rejected(world):
    board.full = True
    assert change(world, "Inoperative", EVSE_1) == ("Rejected", [])
    assert world.station.availability.operative(1)
    assert change(world, "Operative", EVSE_1) == ("Accepted", [(1, "Available")])


# F05


def test_unlock(world):
    def unlock(evse, connector=1):
        return status(world, "UnlockConnector", evseId=evse, connectorId=connector)

    assert unlock(1) == "Unlocked"
    assert unlock(1, 2) == unlock(3) == unlock(0) == "UnknownConnector"
    world.evse.plug(1, world.now_ns)
    world.run(1)
    task = world.loop.create_task(world.station.evse.lock(1, True))
    world.run(1)
    assert task.result() is True
    assert world.evse.locked(1, world.now_ns)
    world.evse.lock_fails(1, True)
    assert unlock(1) == "UnlockFailed"
    assert world.evse.locked(1, world.now_ns)
    world.evse.lock_fails(1, False)
    assert unlock(1) == "Unlocked"
    assert not world.evse.locked(1, world.now_ns)
    world.evse.silence(True, world.now_ns)
    assert unlock(1) == "UnlockFailed"


# F06, P01


def test_trigger(world):
    def trigger(message, **more):
        return status(world, "TriggerMessage", requestedMessage=message, **more)

    def since(count):
        world.run(1)
        return [(m.action, m.payload) for m in world.session.requests()[count:]]

    count = len(world.session.requests())
    assert trigger("Heartbeat") == "Accepted"
    assert since(count) == [("Heartbeat", {})]
    answers = [m for m in world.session.transcript if m.direction == "in"]
    beat = next(i for i, m in enumerate(answers) if m.action == "Heartbeat" and m.type == "CALL")
    assert answers[beat - 1].type == "CALLRESULT"
    assert trigger("StatusNotification", evse={"id": 2, "connectorId": 1}) == "Accepted"
    assert since(count + 1)[0][1]["evseId"] == 2
    for action in ("LogStatusNotification", "FirmwareStatusNotification"):
        for more in ({}, EVSE_1):
            count = len(world.session.requests())
            assert trigger(action, **more) == "Accepted"
            assert since(count) == [(action, {"status": "Idle"})]
    count = len(world.session.requests())
    assert trigger("StatusNotification", evse={"id": 3, "connectorId": 1}) == "Rejected"
    assert trigger("StatusNotification", evse={"id": 1}) == "Rejected"
    assert trigger("StatusNotification") == "Rejected"
    assert trigger("BootNotification") == "Rejected"
    for message in ("SignCombinedCertificate", "SignV2GCertificate", "PublishFirmwareStatusNotification"):
        assert trigger(message) == "NotImplemented"
    assert since(count) == []


def test_data_transfer(world):
    request = {"vendorId": "org.openchargealliance.octt", "messageId": "m", "data": {"any": [1, "thing"]}}
    assert status(world, "DataTransfer", **request) == "UnknownVendorId"


# B11


@pytest.mark.parametrize("kind", ["Immediate", "OnIdle"])
def test_reset(world, kind):
    assert status(world, "Reset", type=kind) == "Accepted"
    world.until("second boot", lambda: len(world.requests("BootNotification")) == 2)
    world.run(5)
    assert world.resets == 1
    assert world.requests("BootNotification")[1].payload["reason"] == "RemoteReset"
    assert set(reports(world, 2)) == ON_BOTH


@pytest.mark.parametrize("kind", ["Immediate", "OnIdle"])
def test_reset_of_one_evse(world, kind):
    world.evse.plug(1, world.now_ns)
    world.run(2)
    count = len(reports(world))
    assert status(world, "Reset", type=kind, evseId=1) == "Accepted"
    world.run(1)
    assert world.evse.pilot_amps(1, world.now_ns) == 0
    assert not world.station.availability.operative(1)
    assert world.station.availability.operative(2)
    world.run(9)
    assert reports(world, count) == [(1, "Unavailable"), (1, "Occupied")]
    assert world.evse.pilot_amps(1, world.now_ns) == 32
    assert world.station.availability.operative(1)
    assert world.resets == 0
    assert len(world.requests("BootNotification")) == 1


def test_reset_of_an_evse_that_is_inoperative(world):
    change(world, "Inoperative", EVSE_2)
    count = len(reports(world))
    assert status(world, "Reset", type="Immediate", evseId=2) == "Accepted"
    world.run(10)
    assert reports(world, count) == []
    assert state_of(world, "EVSE", evse={"id": 2}) == "Unavailable"


@pytest.mark.parametrize("retries", [0, 2])
def test_reset_of_an_evse_is_retried(world, retries):
    item = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "ResetRetries"}}
    world.call("SetVariables", {"setVariableData": [item | {"attributeValue": str(retries)}]})
    world.evse.silence(True, world.now_ns)
    assert status(world, "Reset", type="Immediate", evseId=1) == "Accepted"
    world.run(30)
    told = [line for line in world.logged if "reset: EVSE 1 does not answer" in line]
    assert len(told) == 1 + retries
    assert world.station.availability.operative(1)


def test_reset_on_idle_waits_for_a_locked_cable(world):
    world.evse.plug(1, world.now_ns)
    world.loop.create_task(world.station.evse.lock(1, True))
    world.run(2)
    assert status(world, "Reset", type="OnIdle") == "Scheduled"
    world.run(2)
    # 1 was Occupied; 2 is withdrawn (B12, 3a)
    assert reports(world)[-1] == (2, "Unavailable")
    assert not world.station.availability.operative(1)
    world.run(120)
    assert world.resets == 0
    assert status(world, "UnlockConnector", evseId=1, connectorId=1) == "Unlocked"
    world.until("reboot", lambda: world.resets == 1, 90)
    world.accepted()
    world.until("second boot", lambda: len(world.requests("BootNotification")) == 2)
    assert world.requests("BootNotification")[1].payload["reason"] == "ScheduledReset"


@pytest.mark.parametrize("evse", [0, 3, -1])
def test_reset_of_an_unknown_evse(world, evse):
    answer = world.call("Reset", {"type": "Immediate", "evseId": evse}).payload
    assert answer == {"status": "Rejected", "statusInfo": {"reasonCode": "UnknownEvse"}}
    world.run(60)
    assert world.resets == 0
