"""The whole station against the emulated network module, EVSE controller and CSMS, in virtual time."""

import json
from itertools import pairwise

import board
import pytest
from station.rpc import STATUS

from csms_stub.messages import Error, Raw, Withhold
from tests.station.world import IDENTITY, PASSWORD, S, World

ON_BOTH = {(1, "Available"), (2, "Available")}


@pytest.fixture
def world():
    world = World()
    yield world
    world.close()


def reported(messages):
    return {(m.payload["evseId"], m.payload["connectorStatus"]) for m in messages}


def boot_answer(status, interval):
    return lambda session, message: {
        "status": status,
        "interval": interval,
        "currentTime": session.time(message.at_ns),
    }


def handshakes(world):
    return [c.handshake for c in world.csms.connections if c.handshake is not None]


# B01, A00


def test_cold_boot_accepted(world):
    world.boot()
    world.accepted()
    boots = world.requests("BootNotification")
    assert [m.payload["reason"] for m in boots] == ["PowerUp"]
    assert boots[0].payload["chargingStation"]["firmwareVersion"] == board.VERSION
    assert reported(world.requests("StatusNotification")) == ON_BOTH
    assert all(m.at_ns > boots[0].at_ns for m in world.requests("StatusNotification"))
    assert [m.payload["type"] for m in world.requests("SecurityEventNotification")] == ["StartupOfTheDevice"]
    world.run(30)
    assert len(world.session.requests()) == 4
    assert world.session.violations == []


def test_start_up_that_the_csms_does_not_answer_in_time_is_told_again(world):
    world.csms.answer("SecurityEventNotification", Withhold(), times=1)
    world.boot()
    world.until("event again", lambda: len(world.requests("SecurityEventNotification")) == 2, 1000)
    world.run(1000)
    assert len(world.requests("SecurityEventNotification")) == 2


def test_basic_authentication(world):
    world.boot()
    world.accepted()
    shake = handshakes(world)[0]
    assert (shake.path, shake.user, shake.password) == (f"/ocpp/{IDENTITY}", IDENTITY, PASSWORD)
    assert shake.subprotocols == ("ocpp2.0.1",)
    assert not any(PASSWORD in line for line in world.logged)


def test_wrong_password_is_retried_with_back_off(world):
    world.csms.passwords[IDENTITY] = "another-password-16"
    world.boot()
    world.until("three attempts", lambda: len(handshakes(world)) == 3, 300)
    assert [s.status for s in handshakes(world)] == [401, 401, 401]
    assert any("HTTP status 401" in line for line in world.logged)
    world.csms.passwords[IDENTITY] = PASSWORD
    world.accepted(600)


@pytest.mark.parametrize(
    ("cause", "mark", "reason"),
    [
        (board.POWER_ON, None, "PowerUp"),
        (board.BROWNOUT, None, "PowerUp"),
        (board.PIN, None, "LocalReset"),
        (board.WATCHDOG, b"RemoteReset", "Watchdog"),
        (board.LOCKUP, None, "ApplicationReset"),
        (board.SOFTWARE, None, "ApplicationReset"),
        (board.SOFTWARE, b"RemoteReset", "RemoteReset"),
        (99, None, "Unknown"),
    ],
)
def test_boot_reason(world, cause, mark, reason):
    if mark:
        board.store[b"boot-reason"] = mark
    world.boot(cause)
    world.accepted()
    assert world.requests("BootNotification")[0].payload["reason"] == reason
    assert b"boot-reason" not in board.store


def test_not_provisioned_stays_offline(world):
    del board.store[b"net:1"]
    world.boot()
    world.run(7200)
    assert handshakes(world) == []
    assert any("no usable connection profile" in line for line in world.logged)
    assert board.fed > 350


def test_security_profile_that_does_not_go_with_the_url_is_refused_plainly(world):
    profile = json.loads(board.store[b"net:1"])
    profile["ocppCsmsUrl"] = "wss://csms.local/ocpp"
    board.store[b"net:1"] = json.dumps(profile).encode()
    world.boot()
    world.run(100)
    assert handshakes(world) == []
    assert any("security profile 1 is not possible there" in line for line in world.logged)


def test_garbage_in_the_store_is_survived(world):
    for key in (b"wifi", b"net:1", b"v:SecurityCtrlr.Identity", b"v:SecurityCtrlr.BasicAuthPassword"):
        good = board.store[key]
        board.store[key] = b"\xff\xfe\x00{"
        world.boot()
        world.run(100)
        assert world.resets == 0
        board.store[key] = good
    world.boot()
    world.accepted()


# B01 error handling, B02, B03


@pytest.mark.parametrize("answer", [Withhold(), Error("InternalError"), Raw('[3,"{id}",{"status":1}]')])
def test_boot_is_repeated_after_no_usable_answer(world, answer):
    world.csms.answer("BootNotification", answer, times=1)
    world.boot()
    world.accepted(300)
    first, second = world.requests("BootNotification")
    assert 60 <= (second.at_ns - first.at_ns) / S <= 130
    assert first.message_id != second.message_id


@pytest.mark.parametrize(("interval", "expected"), [(20, 20), (0, 60)])
@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_boot_is_repeated_after_the_interval(world, status, interval, expected):
    world.csms.answer("BootNotification", boot_answer(status, interval), times=1)
    world.boot()
    world.accepted(200)
    first, second = world.requests("BootNotification")
    assert expected <= (second.at_ns - first.at_ns) / S <= expected + 2
    between = [m for m in world.session.requests() if first.at_ns < m.at_ns < second.at_ns]
    assert between == []
    assert world.session.violations == []


def test_pending_sequence(world):
    """The steps of TC_B_02_CS."""
    world.csms.answer("BootNotification", boot_answer("Pending", 600), times=1)
    world.boot()
    world.until("boot", lambda: world.requests("BootNotification"))
    world.run(1)
    name = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "OfflineThreshold"}}
    result = world.call("SetVariables", {"setVariableData": [{**name, "attributeValue": "300"}]})
    assert result.payload["setVariableResult"][0]["attributeStatus"] == "Accepted"
    result = world.call("GetVariables", {"getVariableData": [name]})
    assert result.payload["getVariableResult"][0]["attributeValue"] == "300"
    assert result.payload["getVariableResult"][0]["attributeType"] == "Actual"
    result = world.call("GetBaseReport", {"requestId": 7, "reportBase": "FullInventory"})
    assert result.payload["status"] == "Accepted"
    parts = world.until(
        "the whole report",
        lambda: (
            world.requests("NotifyReport")
            if any(not m.payload["tbc"] for m in world.requests("NotifyReport"))
            else None
        ),
    )
    assert [m.payload["seqNo"] for m in parts] == list(range(len(parts)))
    assert {m.payload["requestId"] for m in parts} == {7}
    start = {"idToken": {"idToken": "AA", "type": "Central"}, "remoteStartId": 1}
    assert world.call("RequestStartTransaction", start).payload["status"] == "Rejected"
    stop = {"transactionId": "x"}
    assert world.call("RequestStopTransaction", stop).payload["status"] == "Rejected"
    result = world.call("TriggerMessage", {"requestedMessage": "BootNotification"})
    assert result.payload["status"] == "Accepted"
    world.accepted()
    assert [m.payload["reason"] for m in world.requests("BootNotification")] == ["PowerUp", "Triggered"]
    assert world.session.violations == []


def test_rejected_answers_security_error(world):
    """The steps of TC_B_30_CS; nothing is changed."""
    world.csms.answer("BootNotification", boot_answer("Rejected", 300), times=1)
    world.boot()
    world.until("boot", lambda: world.requests("BootNotification"))
    world.run(1)
    answer = world.call("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
    assert (answer.type, answer.error_code) == ("CALLERROR", "SecurityError")
    name = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "OfflineThreshold"}}
    answer = world.call("SetVariables", {"setVariableData": [{**name, "attributeValue": "77"}]})
    assert (answer.type, answer.error_code) == ("CALLERROR", "SecurityError")
    assert b"v:OCPPCommCtrlr.OfflineThreshold" not in board.store
    world.run(250)
    assert len(world.session.requests()) == 1
    world.accepted(120)


def test_report_under_way_is_dropped_when_rejected(world):
    world.csms.answer("BootNotification", boot_answer("Rejected", 300), times=1)
    world.csms.answer("BootNotification", boot_answer("Pending", 20), times=1)
    world.csms.answer("NotifyReport", Withhold(), times=1)
    world.boot()
    world.until("boot", lambda: world.requests("BootNotification"))
    world.run(1)
    world.call("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
    world.until("Rejected", lambda: len(world.requests("BootNotification")) == 2, 120)
    world.run(100)
    assert len(world.requests("NotifyReport")) == 1


def test_report_that_waits_for_the_queue_is_dropped_when_rejected(world):
    world.csms.answer("BootNotification", boot_answer("Rejected", 300), times=1)
    world.csms.answer("BootNotification", boot_answer("Pending", 20), times=1)
    world.boot()
    world.until("boot", lambda: world.requests("BootNotification"))
    world.run(18)
    model = world.station.model
    model.submit = lambda *_: False  # as when the queue is full
    world.call("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
    world.until("Rejected", lambda: len(world.requests("BootNotification")) == 2, 120)
    world.run(0.2)
    model.submit = world.station.rpc.submit
    world.run(100)
    assert world.requests("NotifyReport") == []


# G02


@pytest.mark.parametrize("time", ["1970-01-01T00:00:00Z", "2019-12-31T23:00:00Z", "2200-01-01T00:00:00Z"])
def test_a_csms_whose_clock_is_anywhere(world, time):
    world.csms.tokens["04A1B2C3"] = "Accepted"
    world.csms.answer("BootNotification", {"currentTime": time, "interval": 300, "status": "Accepted"})
    world.csms.answer("Heartbeat", {"currentTime": time})
    world.boot()
    world.accepted()
    world.evse.plug(1, world.now_ns)
    world.evse.present_token("04A1B2C3", world.now_ns, reader=1)
    world.run(400)
    assert world.resets == 0
    told = [m.payload for m in world.requests("TransactionEvent")]
    assert told[0]["eventType"] == "Started" and told[0]["timestamp"][:4] == time[:4]
    assert any("idToken" in event for event in told)


def test_a_time_that_is_no_text_changes_nothing(world):
    world.boot()
    world.accepted()
    world.csms.answer("Heartbeat", {"currentTime": list("2026-01-01T00:00:00.0")})
    world.call("TriggerMessage", {"requestedMessage": "Heartbeat"})
    world.run(5)
    assert world.resets == 0


def test_a_heartbeat_that_is_asked_for_follows_the_answer(world):
    """Also when one was on its way already, or there is one place left in the queue (F06.FR.04)."""
    world.boot()
    world.accepted()
    world.csms.answer("Heartbeat", Withhold(), times=1)
    world.station.provisioning.send_heartbeat()
    world.until("the withheld one", lambda: world.requests("Heartbeat"))
    asked = world.now_ns
    assert world.call("TriggerMessage", {"requestedMessage": "Heartbeat"}).payload["status"] == "Accepted"
    world.run(60)
    assert [m.at_ns > asked for m in world.requests("Heartbeat")] == [False, True]
    assert world.session.violations == []


def test_a_trigger_that_found_a_place_keeps_it(world):
    """What comes to wait while the answer is being sent cannot take the place of what it promises."""
    world.boot()
    world.accepted()
    rpc = world.station.rpc
    world.csms.answer("Heartbeat", Withhold(), times=1)
    world.station.provisioning.send_heartbeat()
    world.until("the withheld one", lambda: world.requests("Heartbeat"))
    answered = rpc._compose_result

    async def answered_while_others_queue(*args):
        await answered(*args)
        while rpc.submit(STATUS, "DataTransfer", data_transfer):
            pass

    async def data_transfer(link):
        await link.put('{"vendorId":"x"}')

    rpc._compose_result = answered_while_others_queue
    assert world.call("TriggerMessage", {"requestedMessage": "Heartbeat"}).payload["status"] == "Accepted"
    world.run(90)
    assert len(world.requests("Heartbeat")) == 2


def test_heartbeats_keep_the_interval(world):
    world.boot()
    world.accepted()
    world.run(3000)
    beats = [m.at_ns / S for m in world.requests("Heartbeat")]
    assert len(beats) in (9, 10)
    assert all(abs(b - a - 300) <= 2 for a, b in pairwise(beats))
    assert world.session.violations == []


def test_other_traffic_defers_the_heartbeat_but_not_for_a_day(world):
    world.csms.heartbeat_interval_s = 40000
    world.boot()
    world.accepted()
    for _ in range(3):
        world.run(30000)
        world.evse.plug_cable(1, world.now_ns)
        world.run(10)
        world.evse.unplug(1, world.now_ns)
        world.run(10)
    beats = [m.at_ns / S for m in world.requests("Heartbeat")]
    assert len(beats) == 1
    assert 86400 <= beats[0] <= 86420


def test_heartbeat_interval_can_be_set(world):
    world.boot()
    world.accepted()
    name = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
    world.call("SetVariables", {"setVariableData": [{**name, "attributeValue": "10"}]})
    world.run(65)
    assert len(world.requests("Heartbeat")) in (5, 6)


# status


def test_status_follows_cable_and_fault(world):
    world.boot()
    world.accepted()
    world.evse.plug(1, world.now_ns)
    world.run(1)
    world.evse.fault(2, 1, world.now_ns)
    world.run(1)
    world.evse.fault(2, 0, world.now_ns)
    world.evse.unplug(1, world.now_ns)
    world.run(1)
    states = [
        (m.payload["evseId"], m.payload["connectorStatus"]) for m in world.requests("StatusNotification")
    ]
    assert states[2:4] == [(1, "Occupied"), (2, "Faulted")]
    assert set(states[4:]) == ON_BOTH


def test_dead_controller_is_faulted_and_recovers(world):
    world.boot()
    world.accepted()
    world.evse.silence(True, world.now_ns)
    world.run(320)
    assert reported(world.requests("StatusNotification")[2:]) == {(1, "Faulted"), (2, "Faulted")}
    world.evse.silence(False, world.now_ns)
    world.run(15)
    assert reported(world.requests("StatusNotification")[4:]) == ON_BOTH


def test_lost_and_damaged_frames_are_repeated(world):
    world.boot()
    world.accepted()
    for _ in range(10):
        world.evse.drop_frames(1)
        world.run(160)
        world.evse.corrupt_frames(1)
        world.run(160)
        world.evse.drop_frames(1, direction="up")
        world.run(160)
    assert len(world.requests("StatusNotification")) == 2


def test_late_answers_are_not_taken_for_those_of_the_next_command(world):
    world.boot()
    world.accepted()
    world.evse.plug(2, world.now_ns)
    world.until(
        "EVSE 2 occupied", lambda: reported(world.requests("StatusNotification")[2:]) == {(2, "Occupied")}
    )
    world.evse.slow(600)
    world.run(1000)
    world.evse.slow(0)
    world.run(400)
    assert {(1, "Occupied"), (2, "Available")}.isdisjoint(reported(world.requests("StatusNotification")[2:]))
    assert reported(world.requests("StatusNotification")[-2:]) == {(1, "Available"), (2, "Occupied")}


def test_module_that_restarted_unheard_is_set_up_again(world):
    world.boot()
    world.accepted()
    world.modem.corrupt_uart(10)
    world.modem.reset(world.now_ns)
    world.until("reconnection", lambda: len(handshakes(world)) == 2, 1200)
    world.modem.complaints.clear()  # what was meant for the settings that it lost


def test_restarted_controller_is_set_up_again(world):
    world.boot()
    world.accepted()
    world.evse.power(False, world.now_ns)
    world.evse.power(True, world.now_ns)
    world.run(5)
    assert not world.evse.enabled(1, world.now_ns)
    assert any("controller has booted" in line for line in world.logged)


# part 4, 5.3; B04


def test_back_off(world):
    """The steps of TC_B_57_CS."""
    world.close()
    world = World(RetryBackOffRepeatTimes="2", RetryBackOffRandomRange="0", RetryBackOffWaitMinimum="7")
    world.boot()
    world.accepted()
    world.csms.close_all(1000, "", world.now_ns)
    closed = world.now_ns
    world.until("reconnection", lambda: len(handshakes(world)) == 2)
    assert 7 <= (world.now_ns - closed) / S < 9
    world.run(3)
    world.csms.refuse_handshakes(503, times=4)
    world.csms.close_all(1000, "", world.now_ns)
    closed = world.now_ns
    world.until("reconnection", lambda: len(handshakes(world)) == 7, 300)
    times = [closed / S] + [s.at_ns / S for s in handshakes(world)[2:]]
    waits = [round(b - a) for a, b in pairwise(times)]
    assert waits == [7, 14, 28, 28, 28]
    world.run(3)
    assert len(world.requests("BootNotification")) == 1
    world.close()


def test_random_part_of_the_back_off(world):
    world.close()
    world = World(RetryBackOffRepeatTimes="0", RetryBackOffRandomRange="30", RetryBackOffWaitMinimum="5")
    world.boot()
    world.accepted()
    waits = []
    for _ in range(12):
        count = len(handshakes(world))
        world.csms.close_all(1000, "", world.now_ns)
        closed = world.now_ns
        world.until("reconnection", lambda count=count: len(handshakes(world)) > count, 100)
        waits.append((world.now_ns - closed) / S)
        world.run(1)
    assert all(5 <= wait < 37 for wait in waits)
    assert len({round(wait) for wait in waits}) > 5
    world.close()


def test_short_offline_reports_only_changes(world):
    world.boot()
    world.accepted()
    world.csms.stop_listening()
    world.csms.abort_all(world.now_ns)
    world.run(5)
    world.evse.plug(2, world.now_ns)
    world.run(1)
    world.csms.start_listening()
    world.until("reconnection", lambda: world.requests("Heartbeat"), 120)
    world.run(2)
    assert reported(world.requests("StatusNotification")[2:]) == {(2, "Occupied")}
    assert len(world.requests("BootNotification")) == 1
    assert world.session.violations == []


def test_status_that_found_the_queue_full_is_sent_when_there_is_room(world):
    world.boot()
    world.accepted()
    world.csms.answer("LogStatusNotification", Withhold(), times=1)
    rpc = world.station.rpc
    for _ in range(9):
        rpc.submit(4, "LogStatusNotification", lambda link: link.put('{"status":"Idle"}'), lambda *_: None)
        world.run(0.1)
    assert rpc.full()
    count = len(world.requests("StatusNotification"))
    world.evse.plug(1, world.now_ns)
    world.run(20)
    assert len(world.requests("StatusNotification")) == count
    world.run(20)
    (told,) = world.requests("StatusNotification")[count:]
    assert told.payload["connectorStatus"] == "Occupied"


def test_change_and_change_back_while_offline_is_reported(world):
    world.boot()
    world.accepted()
    world.csms.stop_listening()
    world.csms.abort_all(world.now_ns)
    world.run(2)
    world.evse.plug(2, world.now_ns)
    world.run(1)
    world.evse.unplug(2, world.now_ns)
    world.csms.start_listening()
    world.until("reconnection", lambda: world.requests("Heartbeat"), 120)
    assert reported(world.requests("StatusNotification")[2:]) == {(2, "Available")}


def test_long_offline_reports_all(world):
    world.boot()
    world.accepted()
    world.csms.stop_listening()
    world.csms.abort_all(world.now_ns)
    world.run(400)
    world.csms.start_listening()
    world.until("reconnection", lambda: world.requests("Heartbeat"), 700)
    assert reported(world.requests("StatusNotification")[2:]) == ON_BOTH


def test_silent_loss_is_found_by_heartbeat_and_ping(world):
    world.boot()
    world.accepted()
    world.modem.drop(world.now_ns)
    world.until("reconnection", lambda: len(handshakes(world)) == 2, 900)
    world.run(5)
    assert len(world.requests("BootNotification")) == 1


def test_ping_after_silence_only(world):
    world.close()
    world = World(WebSocketPingInterval="60")
    world.boot()
    world.accepted()
    world.run(290)
    connection = world.csms.connection()
    assert len(connection.pings) == 4
    world.modem.outage(True, world.now_ns)
    world.run(100)
    assert not world.station.link.up
    world.modem.outage(False, world.now_ns)
    world.until("reconnection", lambda: len(handshakes(world)) == 2, 1200)
    world.close()


def test_second_profile_after_failed_attempts(world):
    from csms_stub.csms import Csms

    other = Csms(passwords={IDENTITY: PASSWORD})
    world.network.add("other.local", 80, other)
    profile = json.loads(board.store[b"net:1"])
    profile["ocppCsmsUrl"] = "ws://other.local/ocpp"
    board.store[b"net:2"] = json.dumps(profile).encode()
    board.store[b"v:OCPPCommCtrlr.NetworkConfigurationPriority"] = b"1,2"
    world.boot()
    world.accepted()
    world.csms.stop_listening()
    world.csms.abort_all(world.now_ns)
    world.until("the other CSMS", lambda: other.sessions, 600)
    world.run(5)
    session = other.session(IDENTITY)
    # B10.FR.10
    assert len(session.requests("BootNotification")) == 1
    assert reported(session.requests("StatusNotification")) == ON_BOTH
    assert session.violations == []


# network module


@pytest.mark.parametrize("fault", ["crash", "reset"])
def test_network_module_fails_and_is_restarted(world, fault):
    world.boot()
    world.accepted()
    getattr(world.modem, fault)(world.now_ns)
    world.until("reconnection", lambda: len(handshakes(world)) == 2, 900)
    world.run(5)
    assert world.session.connected


def test_wifi_loss(world):
    world.boot()
    world.accepted()
    world.modem.wifi(False, world.now_ns)
    world.run(120)
    assert not world.station.link.up
    world.modem.wifi(True, world.now_ns)
    world.until("reconnection", lambda: len(handshakes(world)) == 2, 600)
    world.run(5)
    assert world.session.connected


def test_busy_module(world):
    world.boot()
    world.accepted()
    world.modem.busy(1, world.now_ns)
    world.evse.plug(1, world.now_ns)
    world.run(5)
    assert reported(world.requests("StatusNotification")[2:]) == {(1, "Occupied")}
    assert len(handshakes(world)) == 1
    world.modem.complaints.clear()


def test_damaged_link_data_ends_in_a_reconnection(world):
    world.boot()
    world.accepted()
    world.modem.corrupt(40)
    world.session.call("TriggerMessage", {"requestedMessage": "Heartbeat"}, world.now_ns)
    world.run(700)
    assert world.session.connected
    assert world.station.link.up


def test_latency(world):
    world.modem.delay(800, 400)
    world.boot()
    world.accepted(120)
    world.run(700)
    assert len(world.requests("Heartbeat")) == 2
    assert world.session.violations == []


# part 4: errors


def error_to(world, text):
    count = len(world.session.transcript)
    world.session.send_raw(text, world.now_ns)
    message = world.until(
        "CALLERROR",
        lambda: next((m for m in world.session.transcript[count:] if m.direction == "in"), None),
    )
    assert message.type in ("CALLERROR", "INVALID"), message
    return json.loads(message.text)[1:3]


@pytest.mark.parametrize(
    ("text", "mid", "code"),
    [
        ("", "-1", "RpcFrameworkError"),
        ("hello", "-1", "RpcFrameworkError"),
        ("{}", "-1", "RpcFrameworkError"),
        ("[]", "-1", "RpcFrameworkError"),
        ('["2","a","Reset",{}]', "-1", "RpcFrameworkError"),
        ('[2,5,"Reset",{}]', "-1", "RpcFrameworkError"),
        ('[2,"%s","Reset",{}]' % ("x" * 37), "-1", "RpcFrameworkError"),
        ('[2,"","Reset",{}]', "-1", "RpcFrameworkError"),
        ('[2,"a","Reset"]', "a", "RpcFrameworkError"),
        ('[2,"a",7,{}]', "a", "RpcFrameworkError"),
        ('[5,"a","Reset",{}]', "a", "MessageTypeNotSupported"),
        ('[2,"a","Reset",{"type":"Immediate"}', "a", "FormatViolation"),
        ('[2,"a","Reset",{"type":"Immediate"]', "a", "FormatViolation"),
        ('[2,"a","Reset",{"type" "Immediate"}]', "a", "FormatViolation"),
        ('[2,"a","Reset",{"type":"Immediate"}] x', "a", "FormatViolation"),
        ('[2,"a","Reset",[]]', "a", "ProtocolError"),
        ('[2,"a","Reset",null]', "a", "OccurrenceConstraintViolation"),
        ('[2,"a","Reset",{"type":"Immediate","x":1}]', "a", "ProtocolError"),
        ('[2,"a","Reset",{}]', "a", "OccurrenceConstraintViolation"),
        ('[2,"a","Reset",{"type":1}]', "a", "TypeConstraintViolation"),
        ('[2,"a","Reset",{"type":null}]', "a", "TypeConstraintViolation"),
        ('[2,"a","Reset",{"type":"Immediate","evseId":"1"}]', "a", "TypeConstraintViolation"),
        ('[2,"a","Reset",{"type":"Immediate","evseId":true}]', "a", "TypeConstraintViolation"),
        ('[2,"a","Reset",{"type":"Immediate","evseId":1.5}]', "a", "TypeConstraintViolation"),
        ('[2,"a","Reset",{"type":"Now"}]', "a", "PropertyConstraintViolation"),
        ('[2,"a","Reset",{"type":"Immediate","evseId":9999999999}]', "a", "PropertyConstraintViolation"),
        ('[2,"a","Reset",{"type":"Immediate","customData":{}}]', "a", "OccurrenceConstraintViolation"),
        ('[2,"a","Frobnicate",{}]', "a", "NotImplemented"),
        ('[2,"a","reset",{}]', "a", "NotImplemented"),
        ('[2,"a","BootNotification",{}]', "a", "NotImplemented"),
        ('[2,"a","SetChargingProfile",{}]', "a", "NotSupported"),
        ('[2,"a","CostUpdated",{}]', "a", "NotSupported"),
        ('[2,"a","GetVariables",{"getVariableData":[]}]', "a", "OccurrenceConstraintViolation"),
        ('[2,"a","GetVariables",{"pad":"%s"}]' % ("x" * 4000), "a", "FormatViolation"),
    ],
)
def test_malformed_calls(world, text, mid, code):
    world.boot()
    world.accepted()
    assert error_to(world, text) == [mid, code]
    world.run(5)
    assert world.resets == 0
    assert world.session.connected


def test_answers_to_nothing_are_ignored(world):
    world.boot()
    world.accepted()
    count = len(world.session.transcript)
    for text in ('[3,"x",{}]', '[4,"x","GenericError","",{}]', "[3]", "[4,7]", '[3,"x",', "[3,null,{}]"):
        world.session.send_raw(text, world.now_ns)
    world.run(5)
    assert [m for m in world.session.transcript[count:] if m.direction == "in"] == []
    assert world.session.connected


def test_new_password_is_used_at_once(world):
    """The steps of TC_A_09_CS."""
    world.boot()
    world.accepted()
    name = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    new = "a-new-password-of-24-chr"
    world.csms.passwords[IDENTITY] = new
    result = world.call("SetVariables", {"setVariableData": [{**name, "attributeValue": new}]})
    assert result.payload["setVariableResult"][0]["attributeStatus"] == "Accepted"
    before = world.now_ns
    world.until("reconnection", lambda: len(handshakes(world)) == 2)
    assert handshakes(world)[1].status == 101
    assert (world.now_ns - before) / S < 5
    assert not any(new in line for line in world.logged)
    world.run(5)
    assert len(world.requests("BootNotification")) == 1
    result = world.call("GetVariables", {"getVariableData": [name]})
    item = result.payload["getVariableResult"][0]
    assert item["attributeStatus"] == "Rejected"
    assert "attributeValue" not in item


# endurance


def test_a_day_of_heartbeats(world):
    world.boot()
    world.accepted()
    world.run(86400)
    assert len(world.requests("Heartbeat")) in (287, 288)
    assert len(handshakes(world)) == 1
    assert 4310 < board.fed < 4335
    assert world.session.violations == []


def test_watchdog_is_not_fed_while_a_task_is_stuck(world):
    world.boot()
    world.accepted()

    async def stuck(*args):
        import asyncio

        await asyncio.sleep(10000)

    world.station.link._socket.send = stuck
    world.run(1000)
    fed = board.fed
    world.run(300)
    assert board.fed == fed
    assert any("is stuck" in line for line in world.logged)


def test_failed_task_restarts_the_station(world):
    world.boot()
    world.accepted()

    def broken(evse):
        raise RuntimeError("broken on purpose")

    world.station.availability.status = broken
    world.evse.plug(1, world.now_ns)
    world.until("second boot", lambda: len(world.requests("BootNotification")) == 2)
    assert world.requests("BootNotification")[1].payload["reason"] == "ApplicationReset"


def test_notice_lost_while_the_flash_is_erased_is_made_up_for(world):
    """The module does not repeat that there is data; the controller does not repeat that a car has come."""
    world.boot()
    world.accepted()
    world.modem_stream.deaf = 1
    assert world.call("GetTransactionStatus", {}, 5).payload == {"messagesInQueue": False}
    world.evse_stream.deaf = 1
    world.evse.plug(2, world.now_ns)
    world.until("status", lambda: world.session.connectors.get((2, 1)) == "Occupied", 5)


def test_end_of_the_connection_lost_while_the_flash_is_erased_is_noticed(world):
    world.boot()
    world.accepted()
    world.modem_stream.deaf = 1
    world.modem.cut(world.now_ns)
    world.until("connection", lambda: len(world.csms.connections) == 2, 60)


def test_connection_that_the_csms_does_not_close_is_closed_by_the_station(world):
    """Without pings (WebSocketPingInterval 0) nothing else would end it."""
    world.boot()
    world.accepted()
    item = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "WebSocketPingInterval"}}
    world.call("SetVariables", {"setVariableData": [item | {"attributeValue": "0"}]})
    link = world.station.link

    async def lost(data):
        return True

    link._socket.send = lost
    leaving = world.loop.create_task(link.leave(1011))
    world.until("the end of that", leaving.done, 20)
    del link._socket.send
    world.until("the next connection", lambda: len(world.csms.connections) == 2 and link.up, 60)


@pytest.mark.parametrize("fragments", [0, 2])
def test_a_call_for_which_memory_is_short_is_given_up_and_the_station_goes_on(world, fragments):
    """With a part of it on the wire the connection has to go; else nothing has happened."""
    world.boot()
    world.accepted()
    heard = []

    async def build(link):
        for _ in range(fragments):
            await link.put("x" * 1000)
        raise MemoryError

    connections = len(world.csms.connections)
    world.station.rpc.submit(0, "DataTransfer", build, lambda code, payload: heard.append(code))
    world.until("end of the CALL", lambda: heard, 20)
    assert heard == ["Dropped"]
    world.run(60)
    assert len(world.csms.connections) == connections + (fragments > 0)
    assert world.call("DataTransfer", {"vendorId": "nobody"}).type == "CALLRESULT"
    assert world.resets == 0
