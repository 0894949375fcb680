"""Anything that drivers, cars, faults, the network and the CSMS do, in any order: no transaction is torn, no
energy flows or goes missing outside of one, and in the end everything comes to rest."""

import random

import board
import pytest

from bench.keywords.transactions import sequence_errors
from bench.peers import PeerError
from csms_stub.messages import CsmsError
from tests.station.world import World

TOKENS = {
    "AA": {"status": "Accepted", "groupIdToken": {"idToken": "GG", "type": "Central"}},
    "BB": {"status": "Accepted", "groupIdToken": {"idToken": "GG", "type": "Central"}},
    "CC": {"status": "Accepted"},
    "DD": {"status": "Invalid"},
    "EE": {"status": "Blocked"},
}
POINTS = ("EVConnected", "Authorized", "PowerPathClosed", "EnergyTransfer")
SWITCHES = (
    "TxCtrlr.StopTxOnEVSideDisconnect",
    "TxCtrlr.StopTxOnInvalidId",
    "OCPPCommCtrlr.UnlockOnEVSideDisconnect",
    "AuthCtrlr.LocalPreAuthorize",
    "AuthCtrlr.OfflineTxForUnknownIdEnabled",
    "AuthCtrlr.AuthorizeRemoteStart",
)
PAUSES_S = (0.02, 0.1, 0.5, 1, 2, 5, 5, 20, 70)
SETTLED_S = 6
ROUNDING_WH = 2
"""A register has whole Wh, and a reading is taken at either end of a transaction."""


class Chaos:
    """A world in which chance acts. `seed` decides about everything: what is configured, too."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.world = World()
        self.world.csms.tokens.update(TOKENS)
        self.trace: list[str] = []
        for name, value in self.configuration().items():
            board.store[b"v:" + name.encode()] = value.encode()
            self.trace.append(f"{name}={value}")
        self.world.boot()
        self.world.accepted()

    def configuration(self) -> dict[str, str]:
        chance = self.random
        drawn = {name: chance.choice(("true", "false")) for name in SWITCHES}
        for name in ("TxCtrlr.TxStartPoint", "TxCtrlr.TxStopPoint"):
            drawn[name] = ",".join(chance.sample(POINTS, chance.randint(1, 3)))
        drawn["TxCtrlr.MaxEnergyOnInvalidId"] = chance.choice(("0", "50"))
        drawn["SampledDataCtrlr.TxUpdatedInterval"] = chance.choice(("0", "60"))
        drawn["SampledDataCtrlr.TxEndedInterval"] = chance.choice(("0", "30"))
        return drawn

    # what may happen

    def act(self) -> None:
        names = [name for name, weight in WEIGHTS.items() for _ in range(weight)]
        name = self.random.choice(names)
        evse = self.random.choice((1, 2))
        self.trace.append(f"{self.world.now_ns / 1e9:.3f} {name} {evse}")
        try:
            getattr(self, name)(evse, self.world.now_ns)
        except (PeerError, CsmsError) as impossible:
            self.trace[-1] += f": {impossible}"
        self.world.run(self.random.choice(PAUSES_S))

    def plug(self, evse: int, now: int) -> None:
        self.world.evse.plug(evse, now)
        self.world.evse.ready(evse, self.random.random() < 0.8, now)

    def cable(self, evse: int, now: int) -> None:
        self.world.evse.plug_cable(evse, now)

    def unplug(self, evse: int, now: int) -> None:
        self.world.evse.unplug(evse, now)

    def unplug_car(self, evse: int, now: int) -> None:
        self.world.evse.unplug_car(evse, now)

    def battery(self, evse: int, now: int) -> None:
        self.world.evse.ready(evse, self.random.random() < 0.5, now)

    def token(self, evse: int, now: int) -> None:
        token = self.random.choice(("AA", "AA", "AA", *TOKENS))
        self.trace[-1] += f" {token}"
        self.world.evse.present_token(token, now, reader=evse)

    def fault(self, evse: int, now: int) -> None:
        self.world.evse.fault(evse, self.random.choice((0, 0, 1, 3, 6)), now)

    def lock(self, evse: int, _now: int) -> None:
        self.world.evse.lock_fails(evse, self.random.random() < 0.3)

    def remote_start(self, evse: int, now: int) -> None:
        token = {"idToken": self.random.choice(("AA", "CC")), "type": "ISO14443"}
        request = {"idToken": token, "evseId": evse, "remoteStartId": self.random.randint(1, 9999)}
        self.call("RequestStartTransaction", request, now)

    def remote_stop(self, _evse: int, now: int) -> None:
        known = [
            m.payload["transactionInfo"]["transactionId"] for m in self.world.requests("TransactionEvent")
        ]
        if known:
            self.call("RequestStopTransaction", {"transactionId": known[-1]}, now)

    def unlock(self, evse: int, now: int) -> None:
        self.call("UnlockConnector", {"evseId": evse, "connectorId": 1}, now)

    def trigger(self, evse: int, now: int) -> None:
        wanted = self.random.choice(("TransactionEvent", "MeterValues", "StatusNotification"))
        place = {"id": evse, "connectorId": 1} if wanted == "StatusNotification" else {"id": evse}
        self.call("TriggerMessage", {"requestedMessage": wanted, "evse": place}, now)

    def availability(self, evse: int, now: int) -> None:
        status = "Operative" if self.random.random() < 0.7 else "Inoperative"
        place = self.random.choice(({}, {"evse": {"id": evse}}))
        self.call("ChangeAvailability", {"operationalStatus": status, **place}, now)

    def reset(self, evse: int, now: int) -> None:
        kind = self.random.choice(("Immediate", "OnIdle"))
        self.call("Reset", {"type": kind, **self.random.choice(({}, {"evseId": evse}))}, now)

    def cut(self, _evse: int, now: int) -> None:
        self.world.modem.cut(now)

    def drop(self, _evse: int, now: int) -> None:
        self.world.modem.drop(now)

    def wifi(self, _evse: int, now: int) -> None:
        self.world.modem.wifi(False, now)
        self.world.run(self.random.choice((1, 20, 200)))
        self.world.modem.wifi(True, self.world.now_ns)

    def power(self, _evse: int, now: int) -> None:
        self.world.evse.power(False, now)
        self.world.evse.power(True, now)
        self.world.resets += 1
        self.world.boot(board.POWER_ON)

    def call(self, action: str, payload: dict[str, object], now: int) -> None:
        if self.world.session.connected:
            self.world.session.call(action, payload, now)

    # what must hold

    def check(self) -> None:
        """Nothing is charged that is not authorized."""
        self.world.run(SETTLED_S)
        for evse in (1, 2):
            charging = self.world.evse.contactor_closed(evse, self.world.now_ns)
            assert not charging or self.world.station.transactions.authorized(evse), f"EVSE {evse}"

    def come_to_rest(self) -> None:
        """Everything is mended, everyone goes home."""
        world = self.world
        world.modem.wifi(True, world.now_ns)
        for evse in (1, 2):
            world.evse.fault(evse, 0, world.now_ns)
            world.evse.lock_fails(evse, False)
        world.run(700)  # by then a dead connection is found
        session = world.session
        world.until("connection", lambda: session.connected and session.registration == "Accepted", 900)
        world.run(60)
        for place in ({}, {"evse": {"id": 1}}, {"evse": {"id": 2}}):
            world.call("ChangeAvailability", {"operationalStatus": "Operative", **place})
        for evse in (1, 2):
            self.leave(evse)
        world.run(300)

    def leave(self, evse: int) -> None:
        """Stop and pull the plug; a token of the group and that of the last driver open the lock."""
        world = self.world
        for token in ("", "AA", "CC", "DD", "EE", "AA", "CC", "DD"):
            transactions = world.station.transactions
            if token:
                world.evse.present_token(token, world.now_ns, reader=evse)
                world.run(20)
            try:
                world.evse.unplug(evse, world.now_ns)
            except PeerError as impossible:
                if "no cable" not in str(impossible):
                    continue
            world.run(90)  # EVConnectionTimeOut is 60 s
            if not transactions.active(evse):
                return
        raise AssertionError(f"EVSE {evse} does not come to rest")

    def check_end(self) -> None:
        world = self.world
        assert world.csms.violations == []
        assert not board.journal
        assert not [line for line in world.logged if "Traceback" in line]
        assert {
            place: state for place, state in world.session.connectors.items() if state != "Available"
        } == {}
        told = {1: 0, 2: 0}
        count = {1: 0, 2: 0}
        for transaction in world.session.transactions.values():
            events = transaction.events
            assert sequence_errors(events) == []
            assert len(set(transaction.seq_nos)) == len(events)
            assert transaction.ended
            evse = next(event["evse"]["id"] for event in events if "evse" in event)
            begin, end = register(events, "Transaction.Begin"), register(events, "Transaction.End")
            assert begin <= end
            told[evse] += end - begin
            count[evse] += 1
        for evse in (1, 2):
            delivered = world.evse.energy_wh(evse, world.now_ns)
            assert told[evse] == pytest.approx(delivered, abs=ROUNDING_WH * (1 + count[evse])), f"EVSE {evse}"


WEIGHTS = {
    "plug": 4,
    "cable": 1,
    "unplug": 3,
    "unplug_car": 2,
    "battery": 4,
    "token": 6,
    "fault": 3,
    "lock": 2,
    "remote_start": 1,
    "remote_stop": 1,
    "unlock": 1,
    "trigger": 1,
    "availability": 2,
    "reset": 2,
    "cut": 1,
    "drop": 1,
    "wifi": 1,
    "power": 1,
}


def register(events: list[dict[str, object]], context: str) -> int:
    """Wh of the energy register in the samples of that context; one may be told again at the end."""
    values = {
        sample["value"]
        for event in events
        for meter_value in event.get("meterValue", [])
        for sample in meter_value["sampledValue"]
        if sample["context"] == context
    }
    assert len(values) == 1, f"{context}: {values}"
    return values.pop()


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_everything_comes_to_rest(seed: int) -> None:
    chaos = Chaos(seed)
    try:
        for step in range(80):
            chaos.act()
            if step % 4 == 0:
                chaos.check()
        chaos.come_to_rest()
        chaos.check_end()
        chaos.world.close()
    except AssertionError as error:
        raise AssertionError(f"{error}\nseed {seed}, what happened:\n" + "\n".join(chaos.trace)) from None
