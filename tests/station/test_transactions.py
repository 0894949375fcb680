"""Transactions on both EVSEs: start and stop points, every step's event, tokens, the lock."""

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
    assert s.steps() == [("Started", "Authorized", "Idle"), ("Ended", "EVConnectTimeout", "Idle")]
    assert s.last()["transactionInfo"]["stoppedReason"] == "Timeout"
    s.plug()
    assert s.steps(2) == [("Started", "CablePluggedIn", "EVConnected")]
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
