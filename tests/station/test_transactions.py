"""Transactions on both EVSEs: start and stop points, every step's event, tokens, the lock."""

import asyncio
import itertools

import board
import pytest

from tests.station.world import World

TOKEN = "04A1B2C3"
OTHER = "04FFEEDD"


class Site:
    """A booted world, and what its driver and its CSMS do."""

    def __init__(self, **variables: str) -> None:
        self.world = world = World()
        world.csms.tokens.update({TOKEN: "Accepted", OTHER: "Accepted"})
        board.store[b"v:AuthCtrlr.LocalPreAuthorize"] = b"false"
        for name, value in variables.items():
            board.store[b"v:" + name.replace("__", ".").encode()] = value.encode()
        world.boot()
        world.accepted()

    @property
    def hw(self):
        return self.world.evse

    def run(self, seconds=8.0):
        self.world.run(seconds)

    def plug(self, evse=1, ready=True):
        self.hw.plug(evse, self.world.now_ns)
        if ready:
            self.hw.ready(evse, True, self.world.now_ns)
        self.run()

    def ready(self, on, evse=1):
        self.hw.ready(evse, on, self.world.now_ns)
        self.run()

    def unplug(self, evse=1):
        self.hw.unplug(evse, self.world.now_ns)
        self.run()

    def unplug_car(self, evse=1):
        self.hw.unplug_car(evse, self.world.now_ns)
        self.run()

    def token(self, token=TOKEN, evse=1):
        self.hw.present_token(token, self.world.now_ns, reader=evse)
        self.run()

    def reboot(self, cause):
        self.world.resets += 1  # other random numbers
        self.world.boot(cause)

    def locked(self, evse=1):
        return self.hw.locked(evse, self.world.now_ns)

    def charging(self, evse=1):
        return self.hw.contactor_closed(evse, self.world.now_ns)

    def set(self, component, name, value):
        data = {"component": {"name": component}, "variable": {"name": name}, "attributeValue": value}
        answer = self.world.call("SetVariables", {"setVariableData": [data]})
        assert answer.payload["setVariableResult"][0]["attributeStatus"] == "Accepted", answer.payload

    @property
    def events(self):
        return [m.payload for m in self.world.requests("TransactionEvent")]

    def transactions(self):
        """Events by transaction id, each checked for its sequence."""
        found = {}
        for event in self.events:
            found.setdefault(event["transactionInfo"]["transactionId"], []).append(event)
        for events in found.values():
            assert [e["seqNo"] for e in events] == list(range(len(events)))
            assert [e["eventType"] == "Started" for e in events] == [True] + [False] * (len(events) - 1)
            assert "Ended" not in [e["eventType"] for e in events[:-1]]
        return found

    def steps(self, start=0):
        """Type, trigger and charging state of the events."""
        return [
            (e["eventType"], e["triggerReason"], e["transactionInfo"].get("chargingState"))
            for e in self.events[start:]
        ]

    def last(self):
        return self.events[-1]


@pytest.fixture
def site():
    sites = []

    def make(**variables):
        sites.append(Site(**variables))
        return sites[-1]

    yield make
    for each in sites:
        each.transactions()
        assert each.world.session.violations == []
        each.world.close()


def id_of(event):
    return event["transactionInfo"]["transactionId"]


# E02, E07


def test_cable_first(site):
    s = site()
    s.plug()
    assert s.steps() == [("Started", "CablePluggedIn", "EVConnected")]
    assert s.last()["evse"] == {"id": 1, "connectorId": 1}
    assert "idToken" not in s.last()
    assert not s.locked() and not s.charging()
    s.token()
    assert s.steps(1) == [
        ("Updated", "Authorized", None),
        ("Updated", "ChargingStateChanged", "Charging"),
    ]
    assert s.events[1]["idToken"] == {"idToken": TOKEN, "type": "ISO14443"}
    assert s.locked() and s.charging()
    assert not any("could not be" in line for line in s.world.logged)
    s.token()
    assert s.steps(3) == [("Ended", "StopAuthorized", "EVConnected")]
    assert s.last()["transactionInfo"]["stoppedReason"] == "Local"
    assert s.last()["idToken"] == {"idToken": TOKEN, "type": "ISO14443"}
    assert not s.locked() and not s.charging()
    s.unplug()
    assert len(s.events) == 4
    assert len(s.world.requests("Authorize")) == 1


# E03


def test_token_first(site):
    s = site()
    s.token(evse=2)
    assert s.steps() == [("Started", "Authorized", "Idle")]
    s.plug(2)
    assert s.steps(1) == [
        ("Updated", "CablePluggedIn", "EVConnected"),
        ("Updated", "ChargingStateChanged", "Charging"),
    ]
    assert s.events[1]["evse"] == {"id": 2, "connectorId": 1}
    assert "evse" not in s.events[2] and "idToken" not in s.events[1]
    s.token(evse=2)
    s.unplug(2)
    assert s.steps(3) == [("Ended", "StopAuthorized", "EVConnected")]


def test_no_cable_in_time(site):
    s = site()
    s.token()
    s.run(62)
    sampled = ("Updated", "MeterValuePeriodic", None)
    assert s.steps() == [("Started", "Authorized", "Idle"), sampled, ("Ended", "EVConnectTimeout", "Idle")]
    assert s.last()["transactionInfo"]["stoppedReason"] == "Timeout"
    s.plug()
    assert s.steps(3) == [("Started", "CablePluggedIn", "EVConnected")]
    assert not s.charging()


def test_both_evses_at_once(site):
    s = site()
    s.plug(1)
    s.token(evse=2)
    s.plug(2)
    s.token(evse=1)
    s.run(30)
    assert s.charging(1) and s.charging(2)
    s.token(evse=1)
    s.token(evse=2)
    s.unplug(1)
    s.unplug(2)
    ended = [e for e in s.events if e["eventType"] == "Ended"]
    assert len(s.transactions()) == 2 and len(ended) == 2
    assert len({id_of(e) for e in ended}) == 2


def test_meter_values_of_begin_and_end(site):
    s = site()
    s.plug()
    s.token()
    s.run(600)
    s.token()
    begin = s.events[0]["meterValue"][0]["sampledValue"][0]
    assert begin["context"] == "Transaction.Begin"
    end = s.last()["meterValue"][-1]["sampledValue"][0]
    assert end["context"] == "Transaction.End"
    assert end["value"] - begin["value"] == pytest.approx(32 * 230 * 600 / 3600, rel=0.03)


def test_ids_are_never_the_same(site):
    s = site()
    for _ in itertools.repeat(None, 3):
        s.plug()
        s.unplug()
    assert len(s.transactions()) == 3
    assert all(len(id_of(e)) == 36 for e in s.events)


# E01: start points


def test_start_when_connected_only(site):
    s = site(TxCtrlr__TxStartPoint="EVConnected")
    s.token()
    assert s.events == []
    s.plug()
    assert s.steps() == [
        ("Started", "CablePluggedIn", "EVConnected"),
        ("Updated", "ChargingStateChanged", "Charging"),
    ]
    assert s.events[0]["idToken"]["idToken"] == TOKEN


def test_start_when_power_path_closed(site):
    s = site(TxCtrlr__TxStartPoint="PowerPathClosed")
    s.plug()
    assert s.events == []
    s.token()
    assert s.steps() == [
        ("Started", "Authorized", "EVConnected"),
        ("Updated", "ChargingStateChanged", "Charging"),
    ]
    s.token()
    s.unplug()
    s.token()
    assert len(s.transactions()) == 1
    s.plug()
    assert s.steps(3)[0] == ("Started", "CablePluggedIn", "EVConnected")
    assert s.events[3]["idToken"]["idToken"] == TOKEN


def test_start_when_energy_flows(site):
    s = site(TxCtrlr__TxStartPoint="EnergyTransfer")
    s.token()
    s.plug(ready=False)
    assert s.events == []
    s.ready(True)
    assert s.steps() == [("Started", "ChargingStateChanged", "Charging")]
    assert s.events[0]["idToken"]["idToken"] == TOKEN
    assert s.events[0]["evse"] == {"id": 1, "connectorId": 1}


def test_a_second_driver_starts_while_the_car_is_still_there(site):
    s = site(TxCtrlr__TxStartPoint="EVConnected", TxCtrlr__TxStopPoint="Authorized")
    s.plug()
    s.token()
    s.token()
    assert s.last()["eventType"] == "Ended"
    s.token(OTHER)
    assert s.steps(4)[0] == ("Started", "Authorized", "EVConnected")
    assert s.charging()


def test_no_transaction_before_the_station_is_accepted():
    s = Site.__new__(Site)
    s.world = world = World()
    world.csms.tokens[TOKEN] = "Accepted"
    answers = iter(["Pending", "Pending", "Accepted"])

    def answer(session, message):
        return {"status": next(answers), "interval": 20, "currentTime": session.time(message.at_ns)}

    world.csms.answer("BootNotification", answer)
    s.hw.plug(1, 0)
    world.boot()
    s.run(15)
    s.token()
    assert world.requests("Authorize") == [] and s.events == []
    world.accepted()
    s.run()
    assert s.steps() == [("Started", "CablePluggedIn", "EVConnected")]
    world.close()


# E06: stop points


def test_stop_when_disconnected_only(site):
    s = site(TxCtrlr__TxStopPoint="EVConnected")
    s.plug()
    s.token()
    s.token()
    assert s.steps(3) == [
        ("Updated", "StopAuthorized", None),
        ("Updated", "ChargingStateChanged", "EVConnected"),
    ]
    assert s.events[3]["idToken"]["idToken"] == TOKEN
    assert not s.locked() and not s.charging()
    s.unplug()
    assert s.steps(5) == [("Ended", "EVCommunicationLost", "Idle")]
    assert s.last()["transactionInfo"]["stoppedReason"] == "Local"


def test_the_same_driver_may_go_on(site):
    s = site(TxCtrlr__TxStopPoint="EVConnected")
    s.plug()
    s.token()
    s.token()
    s.token(OTHER)  # C01.FR.23
    assert not s.charging()
    s.token()
    assert s.charging()
    assert s.steps(5) == [
        ("Updated", "Authorized", None),
        ("Updated", "ChargingStateChanged", "Charging"),
    ]
    assert len(s.transactions()) == 1


def test_stop_when_energy_stops_by_the_car(site):
    s = site(TxCtrlr__TxStopPoint="EnergyTransfer")
    s.plug()
    s.token()
    s.ready(False)
    assert s.steps(3) == [("Ended", "ChargingStateChanged", "EVConnected")]
    assert s.last()["transactionInfo"]["stoppedReason"] == "StoppedByEV"
    assert not s.locked()


def test_stop_when_energy_stops_by_the_driver(site):
    s = site(TxCtrlr__TxStopPoint="EnergyTransfer")
    s.plug()
    s.token()
    s.token()
    assert s.steps(3) == [
        ("Updated", "StopAuthorized", None),
        ("Ended", "ChargingStateChanged", "EVConnected"),
    ]
    assert s.last()["transactionInfo"]["stoppedReason"] == "Local"


def test_a_transaction_that_nothing_can_end_any_more_ends_with_the_car(site):
    s = site(TxCtrlr__TxStopPoint="EnergyTransfer")
    s.plug()
    s.unplug()
    assert s.steps() == [
        ("Started", "CablePluggedIn", "EVConnected"),
        ("Ended", "EVCommunicationLost", "Idle"),
    ]
    assert s.last()["transactionInfo"]["stoppedReason"] == "EVDisconnected"


def test_fault(site):
    s = site()
    s.plug()
    s.token()
    s.hw.fault(1, 1, s.world.now_ns)
    s.run()
    assert s.steps(3)[0][:2] == ("Ended", "AbnormalCondition")
    assert s.last()["transactionInfo"]["stoppedReason"] == "GroundFault"
    assert not s.locked()
    s.token()
    assert len(s.events) == 4
    s.hw.fault(1, 0, s.world.now_ns)
    s.run()
    assert len(s.events) == 4 and not s.charging()
    s.token()
    assert s.charging() and len(s.transactions()) == 2


# E01.FR.19


def test_car_suspends_and_goes_on(site):
    s = site()
    s.token()
    s.plug(ready=False)
    assert s.steps(1) == [
        ("Updated", "CablePluggedIn", "EVConnected"),
        ("Updated", "ChargingStateChanged", "SuspendedEV"),
    ]
    s.ready(True)
    s.ready(False)
    assert [step[2] for step in s.steps(3)] == ["Charging", "SuspendedEV"]


# E09, E10


def test_car_disconnected_stops_and_unlocks(site):
    s = site()
    s.plug()
    s.token()
    s.unplug_car()
    assert s.steps(3) == [("Ended", "EVCommunicationLost", "Idle")]
    assert s.last()["transactionInfo"]["stoppedReason"] == "EVDisconnected"
    assert not s.locked()
    s.unplug()


def test_car_disconnected_cable_stays_until_the_driver_comes(site):
    s = site(OCPPCommCtrlr__UnlockOnEVSideDisconnect="false", TxCtrlr__TxStopPoint="Authorized")
    s.plug()
    s.token()
    s.unplug_car()
    assert s.steps(3) == [("Ended", "EVCommunicationLost", "Idle")]
    assert s.locked()
    s.token(OTHER)
    assert s.locked()
    s.token()
    assert not s.locked()
    assert len(s.events) == 4 and len(s.world.requests("Authorize")) == 2
    s.unplug()


def test_car_disconnected_suspends(site):
    s = site(TxCtrlr__StopTxOnEVSideDisconnect="false", TxCtrlr__TxStopPoint="Authorized")
    s.plug()
    s.token()
    s.unplug_car()
    assert s.steps(3) == [("Updated", "EVCommunicationLost", "Idle")]
    assert s.locked()
    s.hw.plug(1, s.world.now_ns)
    s.ready(True)
    assert s.steps(4) == [
        ("Updated", "CablePluggedIn", "EVConnected"),
        ("Updated", "ChargingStateChanged", "Charging"),
    ]
    s.unplug_car()
    s.token()
    assert s.steps(7) == [("Ended", "StopAuthorized", "Idle")]
    assert not s.locked()
    s.unplug()


# E05, C10 to C12


def invalid(s, status="Invalid"):
    s.world.csms.answer("TransactionEvent", {"idTokenInfo": {"status": status}}, times=1)


def test_driver_not_accepted_ends(site):
    s = site()
    s.plug()
    invalid(s)
    s.token()
    assert s.steps(1)[-1] == ("Ended", "Deauthorized", "EVConnected")
    assert s.last()["transactionInfo"]["stoppedReason"] == "DeAuthorized"
    assert "idToken" not in s.last()
    assert s.locked() and not s.charging()
    s.token()
    assert not s.locked()


def test_driver_not_accepted_goes_on_without_energy(site):
    s = site(TxCtrlr__TxStopPoint="EVConnected")
    s.plug()
    invalid(s, "Expired")
    s.token()
    assert s.steps(1)[-1] == ("Updated", "Deauthorized", "EVConnected")
    assert not s.charging() and s.locked()


def test_driver_not_accepted_suspends(site):
    s = site(TxCtrlr__StopTxOnInvalidId="false")
    s.plug()
    invalid(s)
    s.token()
    assert s.steps(1)[-1] == ("Updated", "ChargingStateChanged", "SuspendedEVSE")
    assert not s.charging() and s.locked()
    s.token()
    assert s.steps(1)[-1] == ("Ended", "StopAuthorized", "EVConnected")


def test_driver_not_accepted_gets_some_energy(site):
    s = site(TxCtrlr__StopTxOnInvalidId="false", TxCtrlr__MaxEnergyOnInvalidId="500")
    s.plug()
    invalid(s)
    s.token()
    assert s.charging()
    s.run(400)
    assert ("Updated", "ChargingStateChanged", "SuspendedEVSE") in s.steps(1)
    assert not s.charging()
    assert 500 <= s.hw.energy_wh(1, s.world.now_ns) < 560


# C09, C16


def test_a_token_of_the_same_group_stops(site):
    s = site()
    info = {"status": "Accepted", "groupIdToken": {"idToken": "G1", "type": "Central"}}
    s.world.csms.tokens.update({TOKEN: info, OTHER: info, "04000001": "Accepted"})
    s.plug()
    s.token()
    s.token("04000001")
    assert s.charging()
    s.token(OTHER)
    assert s.steps(3) == [("Ended", "StopAuthorized", "EVConnected")]
    assert s.last()["idToken"]["idToken"] == OTHER
    assert s.last()["transactionInfo"]["stoppedReason"] == "Local"


@pytest.mark.parametrize("group", ["G1", {"type": "Central"}, {"idToken": 1, "type": "Central"}, [1]])
def test_a_group_that_is_none_does_not_restart_the_station(site, group):
    s = site()
    info = {"status": "Accepted", "groupIdToken": {"idToken": "G1", "type": "Central"}}
    s.world.csms.tokens.update({TOKEN: info, OTHER: info})
    s.plug()
    s.world.csms.answer(
        "TransactionEvent", {"idTokenInfo": {"status": "Accepted", "groupIdToken": group}}, times=1
    )
    s.token()
    assert len(s.world.session.violations) == 1
    for message in s.world.session.transcript:
        message.violations.clear()
    s.token(OTHER)
    assert s.world.resets == 0
    assert s.last()["transactionInfo"]["stoppedReason"] == "Local"


def test_master_pass_stops_all_and_starts_nothing(site):
    s = site(AuthCtrlr__MasterPassGroupId="MASTER")
    s.world.csms.tokens[OTHER] = {
        "status": "Accepted",
        "groupIdToken": {"idToken": "MASTER", "type": "Central"},
    }
    s.token(OTHER)
    assert s.events == []
    for evse in (1, 2):
        s.plug(evse)
        s.token(evse=evse)
    s.token(OTHER, evse=1)
    ended = [e for e in s.events if e["eventType"] == "Ended"]
    assert [e["transactionInfo"]["stoppedReason"] for e in ended] == ["MasterPass", "MasterPass"]
    assert not s.charging(1) and not s.charging(2)


def test_master_pass_is_no_word_about_the_driver_it_stops(site):
    """C10.FR.05: the answer to the pass's StopAuthorized is about the pass."""
    s = site(AuthCtrlr__MasterPassGroupId="MASTER", AuthCtrlr__LocalPreAuthorize="true")
    group = {"idToken": "MASTER", "type": "Central"}
    s.world.csms.tokens[OTHER] = {"status": "Accepted", "groupIdToken": group}
    s.plug()
    s.token()
    s.token(OTHER)
    s.unplug()
    asked = len(s.world.requests("Authorize"))
    s.plug()
    s.token()
    assert s.charging()
    assert len(s.world.requests("Authorize")) == asked


def test_master_pass_at_an_evse_out_of_service(site):
    s = site(AuthCtrlr__MasterPassGroupId="MASTER")
    group = {"idToken": "MASTER", "type": "Central"}
    s.world.csms.tokens["0405"] = {"status": "Accepted", "groupIdToken": group}
    s.plug(1)
    s.token(evse=1)
    assert s.charging(1)
    s.hw.fault(2, 1, s.world.now_ns)
    s.token(OTHER, evse=2)
    assert s.charging(1)
    s.token("0405", evse=2)
    assert not s.charging(1)
    assert s.last()["transactionInfo"]["stoppedReason"] == "MasterPass"


def test_answers_to_events_of_an_earlier_transaction_reach_the_cache(site):
    """C10.FR.05: three drivers charge offline, one after the other."""
    tokens = ["0A", "0B", "0C"]
    s = site(AuthCtrlr__OfflineTxForUnknownIdEnabled="true", AuthCtrlr__LocalPreAuthorize="true")
    s.world.csms.tokens.update({"0A": "Accepted", "0B": "Blocked", "0C": "Accepted"})
    s.world.csms.refuse_handshakes(503)
    s.world.csms.close_all(1001, "", s.world.now_ns)
    s.run()
    for token in tokens:
        s.plug()
        s.token(token)
        if token != "0C":
            s.token(token)
            s.unplug()
    s.world.csms.accept_handshakes()
    s.world.until("last transaction", lambda: len(s.transactions()) == 3, 300)
    s.run(60)
    assert s.charging()
    cache = s.world.station.authorization.cache
    assert [cache.get("ISO14443", token)[0] for token in tokens] == ["Accepted", "Blocked", "Accepted"]


# F01 to F03


def remote_start(s, token=TOKEN, **more):
    request = {"remoteStartId": 77, "idToken": {"idToken": token, "type": "ISO14443"}, **more}
    answer = s.world.call("RequestStartTransaction", request).payload
    s.run()
    return answer


def test_remote_start_cable_first(site):
    s = site()
    s.plug(2)
    answer = remote_start(s)
    assert answer == {"status": "Accepted", "transactionId": id_of(s.events[0])}
    assert s.steps(1) == [
        ("Updated", "RemoteStart", None),
        ("Updated", "ChargingStateChanged", "Charging"),
    ]
    assert s.events[1]["transactionInfo"]["remoteStartId"] == 77
    assert s.events[1]["idToken"]["idToken"] == TOKEN
    assert "remoteStartId" not in s.events[2]["transactionInfo"]
    assert len(s.world.requests("Authorize")) == 1
    assert s.charging(2)
    assert remote_start(s, evseId=2)["status"] == "Rejected"


def test_remote_start_first_without_authorization(site):
    s = site(AuthCtrlr__AuthorizeRemoteStart="false")
    assert remote_start(s, evseId=2) == {"status": "Accepted"}
    assert s.steps() == [("Started", "RemoteStart", "Idle")]
    assert s.world.requests("Authorize") == []
    s.run(61)
    sampled = ("Updated", "MeterValuePeriodic", None)
    assert s.steps(1) == [sampled, ("Ended", "EVConnectTimeout", "Idle")]
    assert remote_start(s, evseId=2) == {"status": "Accepted"}
    assert remote_start(s, evseId=3) == {"status": "Rejected"}


def test_remote_start_reported_with_the_connection(site):
    s = site(TxCtrlr__TxStartPoint="EVConnected")
    remote_start(s, evseId=1)
    s.plug()
    assert s.steps()[0] == ("Started", "RemoteStart", "EVConnected")
    assert s.events[0]["transactionInfo"]["remoteStartId"] == 77


def test_remote_start_of_an_unknown_driver(site):
    s = site()
    assert remote_start(s, token="04DEAD", evseId=1) == {"status": "Accepted"}
    assert s.events == []


def test_no_remote_start_into_a_transaction_that_had_its_driver(site):
    s = site(TxCtrlr__TxStopPoint="EVConnected", AuthCtrlr__AuthorizeRemoteStart="false")
    s.plug()
    s.token()
    s.token()
    assert remote_start(s, token=OTHER, evseId=1) == {"status": "Rejected"}
    s.unplug()
    s.plug()
    assert remote_start(s, token=OTHER, evseId=1)["transactionId"] == id_of(s.events[-3])
    assert s.charging()


def test_remote_stop(site):
    s = site()
    s.plug()
    s.token()
    stop = {"transactionId": id_of(s.events[0])}
    other = {"transactionId": "no-such-transaction"}
    assert s.world.call("RequestStopTransaction", other).payload == {"status": "Rejected"}
    assert s.world.call("RequestStopTransaction", stop).payload == {"status": "Accepted"}
    s.run()
    assert s.steps(3) == [("Ended", "RemoteStop", "EVConnected")]
    assert s.last()["transactionInfo"]["stoppedReason"] == "Remote"
    assert "idToken" not in s.last()
    assert not s.locked()
    assert s.world.call("RequestStopTransaction", stop).payload == {"status": "Rejected"}


def test_remote_stop_that_does_not_end(site):
    s = site(TxCtrlr__TxStopPoint="EVConnected")
    s.plug()
    s.token()
    s.world.call("RequestStopTransaction", {"transactionId": id_of(s.events[0])})
    s.run()
    s.unplug()
    assert s.steps(3) == [
        ("Updated", "RemoteStop", None),
        ("Updated", "ChargingStateChanged", "EVConnected"),
        ("Ended", "EVCommunicationLost", "Idle"),
    ]
    assert s.last()["transactionInfo"]["stoppedReason"] == "Remote"


def test_remote_stop_before_anybody_is_authorized(site):
    s = site()
    s.plug()
    s.world.call("RequestStopTransaction", {"transactionId": id_of(s.events[0])})
    s.run()
    assert s.steps(1) == [("Ended", "RemoteStop", "EVConnected")]


# the hardware


def test_no_energy_without_the_lock(site):
    s = site()
    s.plug()
    s.hw.lock_fails(1, True)
    s.token()
    assert s.steps(2) == [("Updated", "ChargingStateChanged", "SuspendedEVSE")]
    s.hw.lock_fails(1, False)
    s.run(12)
    assert s.steps(3) == [("Updated", "ChargingStateChanged", "Charging")]


def test_controller_restarts(site):
    s = site()
    s.plug()
    s.token()
    s.hw.power(False, s.world.now_ns)
    s.run(1)
    s.hw.power(True, s.world.now_ns)
    s.run(20)
    assert s.charging()
    assert len(s.transactions()) == 1
    s.token()
    assert s.last()["eventType"] == "Ended"


def test_the_report_of_the_contactor_is_lost(site):
    s = site()
    s.plug()
    s.hw.present_token(TOKEN, s.world.now_ns)
    s.world.until("state C", lambda: s.hw.pilot(1, s.world.now_ns) == "C")
    s.hw.drop_frames(1)
    s.run()
    assert s.steps(2) == [("Updated", "ChargingStateChanged", "Charging")]


# restarts


def test_power_loss(site):
    s = site()
    s.plug()
    s.token()
    s.reboot(board.POWER_ON)
    s.run(20)
    assert s.steps(3)[0][:2] == ("Ended", "AbnormalCondition")
    assert s.events[3]["transactionInfo"]["stoppedReason"] == "PowerLoss"
    assert not s.charging() and not s.locked()
    assert not any(key.startswith(b"tx:") for key in board.store)
    s.token()
    assert s.charging() and len(s.transactions()) == 2


def test_restart_without_a_transaction(site):
    s = site()
    s.plug()
    s.token()
    s.token()
    s.unplug()
    s.reboot(board.SOFTWARE)
    s.run(20)
    assert len(s.events) == 4


# the readers


def test_a_token_read_twice_counts_once(site):
    s = site()
    s.plug()
    for _ in range(2):
        s.hw.present_token(TOKEN, s.world.now_ns)
    s.run()
    assert s.charging() and len(s.world.requests("Authorize")) == 1


def test_no_authorization_where_it_is_disabled(site):
    s = site(AuthCtrlr__Enabled="false")
    s.world.csms.tokens[""] = "Accepted"
    s.plug()
    assert s.steps() == [
        ("Started", "CablePluggedIn", "EVConnected"),
        ("Updated", "ChargingStateChanged", "Charging"),
    ]
    assert s.events[0]["idToken"] == {"idToken": "", "type": "NoAuthorization"}
    s.unplug_car()
    assert s.last()["eventType"] == "Ended"
    s.unplug()
    s.token(evse=2)
    assert s.last()["idToken"]["idToken"] == TOKEN and s.world.requests("Authorize") == []


def test_start_when_a_reading_is_signed(site):
    s = site(TxCtrlr__TxStartPoint="DataSigned", SampledDataCtrlr__SignReadings="true")
    s.token()
    assert s.events == []
    s.plug()
    assert s.steps() == [
        ("Started", "SignedDataReceived", "EVConnected"),
        ("Updated", "ChargingStateChanged", "Charging"),
    ]
    sample = s.events[0]["meterValue"][0]["sampledValue"][0]
    assert sample["context"] == "Transaction.Begin" and sample["signedMeterValue"]["publicKey"]
    assert s.events[0]["idToken"]["idToken"] == TOKEN and s.events[0]["evse"]["id"] == 1


def test_no_energy_without_the_signed_reading_that_starts(site):
    s = site(TxCtrlr__TxStartPoint="DataSigned")
    s.plug()
    s.token()
    assert s.events == [] and not s.charging()
    s.token()
    s.unplug()


def test_the_end_is_tried_again_while_flash_has_no_room(site, monkeypatch):
    s = site()
    s.plug()
    s.token()
    monkeypatch.setattr(board, "journal_size", 0)
    s.token()
    assert not s.charging() and not s.locked()
    s.run(130)
    assert len(s.events) == 3
    monkeypatch.setattr(board, "journal_size", 131072)
    s.run(70)
    assert s.steps(3)[-1] == ("Ended", "StopAuthorized", "EVConnected")
    assert s.last()["transactionInfo"]["stoppedReason"] == "Local"
    assert s.last()["idToken"]["idToken"] == TOKEN


def test_the_reason_is_not_that_of_an_earlier_car(site):
    """E06.FR.08: the car that left after its transaction is no reason why the next one ends."""
    s = site()
    s.plug()
    s.token()
    s.token()
    s.unplug()
    s.plug()
    s.world.call("RequestStopTransaction", {"transactionId": id_of(s.last())})
    s.run()
    assert s.last()["transactionInfo"]["stoppedReason"] == "Remote"


def test_an_old_signature_starts_nothing(site):
    """E01.FR.04: after the car has ended it, no transaction starts before the next signed reading."""
    s = site(
        TxCtrlr__TxStartPoint="DataSigned",
        TxCtrlr__TxStopPoint="EnergyTransfer",
        SampledDataCtrlr__SignReadings="true",
    )
    s.plug()
    s.token()
    s.ready(False)
    assert s.steps(2) == [("Ended", "ChargingStateChanged", "EVConnected")]
    s.ready(True)
    s.token()
    assert s.steps(3)[0] == ("Started", "SignedDataReceived", "EVConnected")


def test_a_stop_that_waits_for_room_is_forgotten_with_its_transaction(site, monkeypatch):
    """E06: the end was stored with the car's leaving; the next driver is neither stopped nor held up."""
    s = site()
    s.plug()
    s.token()
    monkeypatch.setattr(board, "journal_size", 0)
    s.token()
    monkeypatch.setattr(board, "journal_size", 131072)
    s.unplug()
    assert s.last()["eventType"] == "Ended"
    s.plug()
    s.token()
    s.run(60)
    assert s.charging()


def test_a_stop_does_not_wait_for_room_after_there_was_some(site, monkeypatch):
    s = site()
    s.plug()
    s.token()
    monkeypatch.setattr(board, "journal_size", 0)
    s.token()
    monkeypatch.setattr(board, "journal_size", 131072)
    s.unplug()
    s.plug()
    s.token()
    s.token()
    assert s.last()["eventType"] == "Ended" and not s.charging()


def test_fault_while_flash_has_no_room(site, monkeypatch):
    """E06.FR.16: the end is tried again once a minute, and the other EVSE goes on meanwhile."""
    s = site()
    s.plug()
    s.token()
    s.plug(2)
    s.token(OTHER, 2)
    monkeypatch.setattr(board, "journal_size", 0)
    s.hw.fault(1, 1, s.world.now_ns)
    s.run(30)
    assert sum("event could not be kept" in line for line in s.world.logged) == 1
    monkeypatch.setattr(board, "journal_size", 131072)
    s.token(OTHER, 2)
    assert not s.charging(2) and s.last()["eventType"] == "Ended"
    s.run(60)
    assert s.last()["transactionInfo"]["stoppedReason"] == "GroundFault"


def test_the_lock_is_tried_again_while_there_is_a_fault(site):
    """E06.FR.10: a fault that stays does not keep the cable."""
    s = site()
    s.plug()
    s.token()
    s.hw.lock_fails(1, True)
    s.hw.fault(1, 1, s.world.now_ns)
    s.run()
    assert s.locked()
    s.hw.lock_fails(1, False)
    s.run(15)
    assert not s.locked()


def test_the_cable_is_free_after_a_power_loss_without_the_csms(site):
    """E06.FR.10: the transaction is over; its Ended waits for the clock, the driver does not."""
    s = site()
    s.plug()
    s.token()
    s.world.csms.refuse_handshakes(503)
    s.reboot(board.POWER_ON)
    s.run(30)
    assert not s.locked() and not s.charging()
    s.world.csms.accept_handshakes()
    s.world.until("Ended", lambda: s.last()["eventType"] == "Ended", 300)
    assert s.last()["transactionInfo"]["stoppedReason"] == "PowerLoss"


@pytest.mark.parametrize("remote", [None, 77])
def test_a_reading_between_the_authorization_and_its_event(site, remote):
    """E02.FR.01, F01.FR.25: idToken and remoteStartId go with the event that they made."""
    s = site()
    s.plug()
    transactions = s.world.station.transactions
    session = transactions._sessions[0]
    transactions._grant(session, {"idToken": TOKEN, "type": "ISO14443"}, None, remote)
    transactions.sampled(1, "Periodic", ("2026-01-01T00:00:00.000Z", 1, 2, 3, None))
    s.run()
    reading, authorized = s.events[1:3]
    assert reading["triggerReason"] == "MeterValuePeriodic" and "idToken" not in reading
    assert authorized["triggerReason"] == ("RemoteStart" if remote else "Authorized")
    assert authorized["idToken"]["idToken"] == TOKEN
    assert authorized["transactionInfo"].get("remoteStartId") == remote


def test_a_reading_between_the_stop_and_its_event(site, monkeypatch):
    """E07.FR.02: the token that stops goes with StopAuthorized."""
    s = site()
    s.plug()
    s.token()
    metering, transactions = s.world.station.metering, s.world.station.transactions
    read = metering.read

    async def sample_first(evse):
        transactions.sampled(1, "Periodic", await read(evse))
        return await read(evse)

    monkeypatch.setattr(metering, "read", sample_first)
    s.token()
    assert [e["triggerReason"] for e in s.events[3:]] == ["MeterValuePeriodic", "StopAuthorized"]
    assert "idToken" not in s.events[3] and s.events[4]["idToken"]["idToken"] == TOKEN


def test_a_driver_who_comes_while_the_first_reading_is_taken(site, monkeypatch):
    """E02.FR.01: the event with the idToken is the one that says Authorized."""
    s = site()
    metering, transactions = s.world.station.metering, s.world.station.transactions
    read = metering.read

    async def late(evse):
        monkeypatch.setattr(metering, "read", read)
        token = {"idToken": TOKEN, "type": "ISO14443"}
        transactions._grant(transactions._sessions[0], token, None, None)
        return await read(evse)

    monkeypatch.setattr(metering, "read", late)
    s.plug()
    assert s.steps()[:2] == [("Started", "CablePluggedIn", "EVConnected"), ("Updated", "Authorized", None)]
    assert "idToken" not in s.events[0] and s.events[1]["idToken"]["idToken"] == TOKEN
    assert s.charging()


def test_an_authorization_is_told_before_its_end(site):
    s = site(TxCtrlr__TxStopPoint="EVConnected")
    s.plug()
    transactions = s.world.station.transactions
    token = {"idToken": TOKEN, "type": "ISO14443"}
    transactions._grant(transactions._sessions[0], token, None, None)
    transactions._stop(transactions._sessions[0], "Local", "StopAuthorized", token, 6)
    s.run()
    assert [e["triggerReason"] for e in s.events[1:]] == ["Authorized", "StopAuthorized"]
    assert not s.charging() and not s.locked()


def test_a_token_that_comes_to_stop_begins_nothing(site, monkeypatch):
    """E08.FR.02: the car leaves while the CSMS is asked about a token of the driver's group."""
    s = site()
    info = {"status": "Accepted", "groupIdToken": {"idToken": "G1", "type": "Central"}}
    s.world.csms.tokens.update({TOKEN: info, OTHER: info})
    s.plug()
    s.token()
    authorization = s.world.station.authorization
    authorize = authorization.authorize

    async def slow(*args):
        answer = await authorize(*args)
        await asyncio.sleep(8)
        return answer

    monkeypatch.setattr(authorization, "authorize", slow)
    s.hw.present_token(OTHER, s.world.now_ns, reader=1)
    s.run(1)
    s.unplug_car()
    s.run()
    assert s.steps(3) == [("Ended", "EVCommunicationLost", "Idle")]
