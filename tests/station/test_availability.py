"""Blocks G and F05, F06, P01, resets of B11: the station against the emulated peers, in virtual time."""

import board
import pytest

from csms_stub.messages import Withhold
from tests.station.world import World

ON_BOTH = {(1, "Available"), (2, "Available")}
TOKEN = "04A1B2C3"
STATION = {}
EVSE_1 = {"evse": {"id": 1}}
CONNECTOR_1 = {"evse": {"id": 1, "connectorId": 1}}
EVSE_2 = {"evse": {"id": 2}}


@pytest.fixture
def world():
    world = World()
    world.csms.tokens[TOKEN] = "Accepted"
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


def present(world, evse=1):
    world.evse.present_token(TOKEN, world.now_ns, reader=evse)
    world.run(3)


def charge(world, evse=1):
    """A transaction in which energy flows."""
    present(world, evse)
    world.evse.plug(evse, world.now_ns)
    world.evse.ready(evse, True, world.now_ns)
    world.run(5)
    assert world.evse.contactor_closed(evse, world.now_ns)


def events(world, **wanted):
    """Payloads of the TransactionEventRequests that have these fields."""
    found = [m.payload for m in world.requests("TransactionEvent")]
    return [e for e in found if all(e.get(name) == value for name, value in wanted.items())]


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
    charge(world)
    assert unlock(1) == "OngoingAuthorizedTransaction"
    assert world.evse.locked(1, world.now_ns)
    assert unlock(2) == "Unlocked"
    world.evse.lock_fails(1, True)
    present(world)
    assert not world.station.transactions.active(1)
    assert unlock(1) == "UnlockFailed"
    assert world.evse.locked(1, world.now_ns)
    world.evse.lock_fails(1, False)
    assert unlock(1) == "Unlocked"
    assert not world.evse.locked(1, world.now_ns)
    world.evse.silence(True, world.now_ns)
    assert unlock(1) == "UnlockFailed"


def test_unlock_of_a_transaction_without_a_driver(world):
    world.evse.plug(1, world.now_ns)
    world.run(2)
    assert world.station.transactions.transaction_id(1)
    assert status(world, "UnlockConnector", evseId=1, connectorId=1) == "Unlocked"
    assert world.station.transactions.transaction_id(1)


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
    count = len(reports(world))
    assert status(world, "Reset", type=kind, evseId=1) == "Accepted"
    world.run(1)
    assert world.evse.pilot_amps(1, world.now_ns) == 0
    assert not world.station.availability.operative(1)
    assert world.station.availability.operative(2)
    world.run(9)
    assert reports(world, count) == [(1, "Unavailable"), (1, "Available")]
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


def pilot_is_back(world):
    world.run(15)
    return world.evse.pilot_amps(1, world.now_ns) == 32


def test_reset_of_an_evse_whose_controller_falls_silent_gives_the_pilot_back(world):
    status(world, "Reset", type="Immediate", evseId=1)
    world.run(1)
    world.evse.silence(True, world.now_ns)
    world.run(30)
    assert world.evse.pilot_amps(1, world.now_ns) == 0
    world.evse.silence(False, world.now_ns)
    assert pilot_is_back(world)
    assert set(reports(world)[-2:]) == ON_BOTH


def test_reset_of_an_evse_that_a_loss_of_power_cuts_short_gives_the_pilot_back(world):
    status(world, "Reset", type="Immediate", evseId=1)
    world.run(1)
    power_cycle(world)
    assert pilot_is_back(world)


def test_reset_on_idle_waits_for_a_locked_cable(world):
    charge(world)
    world.evse.lock_fails(1, True)
    present(world)
    assert status(world, "Reset", type="OnIdle") == "Scheduled"
    world.run(120)
    assert world.resets == 0
    world.evse.lock_fails(1, False)
    assert status(world, "UnlockConnector", evseId=1, connectorId=1) == "Unlocked"
    boots(world, "ScheduledReset")


# answers that do not reach the CSMS


def lose_the_answer(world, action, **payload):
    """The connection goes while the answer is on its way."""
    socket = world.station.link._socket
    count = len(world.csms.connections)

    async def fails(data):
        del socket.send
        return False

    socket.send = fails
    world.session.call(action, payload, world.now_ns)
    world.until("reconnection", lambda: len(world.csms.connections) > count or world.resets)


def test_reset_whose_answer_is_lost_is_carried_out(world):
    lose_the_answer(world, "Reset", type="Immediate")
    boots(world, "RemoteReset")


def test_reset_of_one_evse_whose_answer_is_lost_leaves_it_usable(world):
    lose_the_answer(world, "Reset", type="Immediate", evseId=1)
    world.run(30)
    assert world.station.availability.operative(1)


def test_change_whose_answer_is_lost_is_reported(world):
    count = len(reports(world))
    lose_the_answer(world, "ChangeAvailability", operationalStatus="Inoperative", **EVSE_2)
    world.run(5)
    assert not world.station.availability.operative(2)
    assert reports(world, count) == [(2, "Unavailable")]


# B12


def boots(world, reason):
    world.until("second boot", lambda: len(world.requests("BootNotification")) == 2, 90)
    world.until("its end", lambda: len(world.requests("SecurityEventNotification")) == 2)
    world.run(3)
    assert world.requests("BootNotification")[1].payload["reason"] == reason


def test_reset_on_idle_with_two_transactions(world):
    charge(world, 1)
    charge(world, 2)
    assert status(world, "Reset", type="OnIdle") == "Scheduled"
    present(world, 1)
    assert len(events(world, eventType="Ended")) == 1
    world.evse.unplug(1, world.now_ns)
    world.run(2)
    assert reports(world)[-1] == (1, "Available")
    count = len(events(world, eventType="Started"))
    present(world, 1)
    world.evse.plug(1, world.now_ns)
    world.run(120)
    assert len(events(world, eventType="Started")) == count
    assert world.resets == 0
    present(world, 2)
    boots(world, "ScheduledReset")
    ends = events(world, eventType="Ended")
    assert [e["transactionInfo"]["stoppedReason"] for e in ends] in (["Local"] * 2, [None] * 2)


def test_reset_on_idle_withdraws_what_is_available(world):
    charge(world, 1)
    count = len(reports(world))
    assert status(world, "Reset", type="OnIdle") == "Scheduled"
    world.run(2)
    assert reports(world, count) == [(2, "Unavailable")]
    present(world, 1)
    boots(world, "ScheduledReset")
    assert set(reports(world)[-2:]) == {(1, "Occupied"), (2, "Available")}


def test_reset_at_once_with_a_transaction(world):
    charge(world, 2)
    assert status(world, "Reset", type="Immediate") == "Accepted"
    boots(world, "RemoteReset")
    (end,) = events(world, eventType="Ended")
    assert end["triggerReason"] == "ResetCommand"
    assert end["transactionInfo"]["stoppedReason"] == "ImmediateReset"
    assert "idToken" not in end


def test_reset_at_once_overtakes_one_on_idle(world):
    charge(world, 2)
    assert status(world, "Reset", type="OnIdle") == "Scheduled"
    world.run(30)
    assert world.resets == 0
    assert status(world, "Reset", type="Immediate") == "Accepted"
    boots(world, "RemoteReset")
    assert len(events(world, eventType="Ended")) == 1


def test_what_is_not_answered_is_sent_after_the_reset(world):
    """B12.FR.05."""
    charge(world, 1)
    world.csms.answer("TransactionEvent", Withhold())
    assert status(world, "Reset", type="Immediate") == "Accepted"
    world.until("reboot", lambda: world.resets == 1, 120)
    world.csms.answer("TransactionEvent", {})
    before = events(world, eventType="Ended")
    world.until("the same event", lambda: len(events(world, eventType="Ended")) > len(before), 90)
    world.run(5)
    ends = events(world, eventType="Ended")
    assert len({e["seqNo"] for e in ends}) == 1
    assert {e["transactionInfo"]["stoppedReason"] for e in ends} == {"ImmediateReset"}


def test_reset_on_idle_while_off_line(world):
    """What cannot be delivered does not hold the reset up."""
    charge(world, 1)
    assert status(world, "Reset", type="OnIdle") == "Scheduled"
    world.csms.refuse_handshakes(503)
    world.csms.close_all(1001, "", world.now_ns)
    world.run(5)
    present(world, 1)
    world.until("reboot", lambda: world.resets == 1, 10)
    world.csms.accept_handshakes()
    boots(world, "ScheduledReset")
    world.until("the end", lambda: events(world, eventType="Ended"))


@pytest.mark.parametrize("kind", ["Immediate", "OnIdle"])
def test_reset_of_one_evse_with_a_transaction(world, kind):
    charge(world, 1)
    charge(world, 2)
    count = len(reports(world))
    at_once = kind == "Immediate"
    assert status(world, "Reset", type=kind, evseId=1) == ("Accepted" if at_once else "Scheduled")
    if not at_once:
        world.run(60)
        assert events(world, eventType="Ended") == []
        assert reports(world, count) == []
        present(world, 1)
    world.run(15)
    assert reports(world, count) == [(1, "Unavailable"), (1, "Occupied")]
    (end,) = events(world, eventType="Ended")
    reason = end["transactionInfo"].get("stoppedReason")
    assert (end["triggerReason"], reason) == (
        ("ResetCommand", "ImmediateReset") if at_once else ("StopAuthorized", "Local")
    )
    assert world.resets == 0
    assert world.evse.contactor_closed(2, world.now_ns)
    assert world.station.availability.operative(1)


# G03.FR.05, G04.FR.06


@pytest.mark.parametrize("where", [STATION, EVSE_1, CONNECTOR_1])
def test_inoperative_waits_for_the_end_of_the_transaction(world, where):
    charge(world, 1)
    answer, told = change(world, "Inoperative", where)
    assert answer == "Scheduled"
    assert told == ([(2, "Unavailable")] if where == STATION else [])
    world.run(30)
    count = len(reports(world))
    present(world, 1)
    assert reports(world, count) == [(1, "Unavailable")]
    world.evse.unplug(1, world.now_ns)
    world.run(3)
    assert reports(world, count) == [(1, "Unavailable")]
    count = len(events(world))
    present(world, 1)
    world.evse.plug(1, world.now_ns)
    world.run(5)
    assert len(events(world)) == count
    assert reports(world)[-1] == (1, "Unavailable")


def test_scheduled_change_is_taken_back(world):
    charge(world, 1)
    assert change(world, "Inoperative", EVSE_1) == ("Scheduled", [])
    assert change(world, "Inoperative", EVSE_1) == ("Scheduled", [])
    assert change(world, "Operative", EVSE_1) == ("Accepted", [])
    present(world, 1)
    world.evse.unplug(1, world.now_ns)
    world.run(3)
    assert reports(world)[-1] == (1, "Available")


def test_scheduled_change_survives_a_power_cut(world):
    charge(world, 1)
    change(world, "Inoperative", EVSE_1)
    power_cycle(world)
    world.run(10)
    assert set(reports(world)[-2:]) >= {(1, "Unavailable")}
    assert not world.station.availability.operative(1)


@pytest.mark.parametrize("evse", [None, {"id": 1}])
def test_triggered_transaction_event(world, evse):
    request = {"requestedMessage": "TransactionEvent"} | ({"evse": evse} if evse else {})
    assert status(world, "TriggerMessage", **request) == "Rejected"
    charge(world, 1)
    charge(world, 2)
    assert status(world, "TriggerMessage", **request) == "Accepted"
    world.run(3)
    triggered = events(world, triggerReason="Trigger")
    assert len(triggered) == (1 if evse else 2)
    for event in triggered:
        assert event["transactionInfo"]["chargingState"] == "Charging"
        assert event["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"


@pytest.mark.parametrize(("evse", "evses"), [(None, [1, 2]), ({"id": 2}, [2])])
def test_triggered_meter_values(world, evse, evses):
    request = {"requestedMessage": "MeterValues"} | ({"evse": evse} if evse else {})
    assert status(world, "TriggerMessage", **request) == "Accepted"
    world.run(3)
    values = [m.payload for m in world.requests("MeterValues")]
    assert [v["evseId"] for v in values] == evses
    assert all(v["meterValue"][0]["sampledValue"][0]["context"] == "Trigger" for v in values)


@pytest.mark.parametrize("evse", [0, 3, -1])
def test_reset_of_an_unknown_evse(world, evse):
    answer = world.call("Reset", {"type": "Immediate", "evseId": evse}).payload
    assert answer == {"status": "Rejected", "statusInfo": {"reasonCode": "UnknownEvse"}}
    world.run(60)
    assert world.resets == 0


def test_reset_at_once_with_a_mute_controller(world):
    """The transaction ends without a last reading."""
    charge(world, 1)
    world.evse.silence(True, world.now_ns)
    assert status(world, "Reset", type="Immediate") == "Accepted"
    world.until("reboot", lambda: world.resets == 1, 40)
    world.evse.silence(False, world.now_ns)
    boots(world, "RemoteReset")
    (end,) = events(world, eventType="Ended")
    assert end["transactionInfo"]["stoppedReason"] == "ImmediateReset"


@pytest.mark.parametrize("kind", ["Immediate", "OnIdle"])
def test_reset_while_pending(kind):
    """B02.FR.01: the CSMS may command a station that it has not accepted yet."""
    world = World()
    world.csms.answer(
        "BootNotification",
        lambda session, message: {
            "status": "Pending",
            "interval": 600,
            "currentTime": session.time(message.at_ns),
        },
    )
    world.boot()
    world.until("answer", lambda: world.requests("BootNotification"))
    world.run(1)
    assert status(world, "Reset", type=kind) == "Accepted"
    world.until("second boot", lambda: len(world.requests("BootNotification")) == 2, 30)
    assert world.requests("BootNotification")[1].payload["reason"] == "RemoteReset"
    assert not world.requests("StatusNotification")
    world.close()
