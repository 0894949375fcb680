"""Network connection profiles: what is taken (B09), and what is tried, how often, in which order (B10)."""

import asyncio
import itertools
import json

import board
import pytest
from station import profiles

from csms_stub import schemas
from csms_stub.csms import Csms
from tests.station.test_rpc import Link
from tests.station.world import IDENTITY, PASSWORD, World

OTHER = "ws://other.local:9001/ocpp"
GOOD = {
    "ocppVersion": "OCPP20",
    "ocppTransport": "JSON",
    "ocppCsmsUrl": OTHER,
    "messageTimeout": 20,
    "securityProfile": 1,
    "ocppInterface": "Wireless0",
}


def set_profile(slot=2, **changes):
    link = Link()
    request = {"configurationSlot": slot, "connectionData": GOOD | changes}
    assert schemas.validate("SetNetworkProfile", "Request", request) == []
    asyncio.run(link.send(lambda link: profiles.set_profile(request, link)))
    answer = json.loads(link.sent[0])
    assert schemas.validate("SetNetworkProfile", "Response", answer) == []
    return answer["status"], answer.get("statusInfo", {}).get("reasonCode")


@pytest.fixture
def store():
    board.store.clear()
    board.full = False
    board.start(board.POWER_ON, lambda: 0)
    return board.store


def test_profile_is_stored_for_the_next_boot(store):
    assert set_profile() == ("Accepted", None)
    assert profiles.load("2") is None
    assert profiles.configured("2")
    profiles.promote()
    assert set(store) == {b"net:2"}
    assert profiles.load("2")["ocppCsmsUrl"] == OTHER
    assert profiles.load("2")["messageTimeout"] == 20


@pytest.mark.parametrize("version", ["OCPP12", "OCPP16"])
def test_version_is_ignored(store, version):
    assert set_profile(ocppVersion=version)[0] == "Accepted"


@pytest.mark.parametrize("slot", [-1, 0, 3, 12, 999])
def test_slot_that_does_not_exist(store, slot):
    assert set_profile(slot) == ("Rejected", "InvalidConfSlot")
    assert store == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"ocppTransport": "SOAP"},
        {"ocppInterface": "Wired0"},
        {"ocppCsmsUrl": ""},
        {"ocppCsmsUrl": "csms.local"},
        {"ocppCsmsUrl": "http://csms.local"},
        {"ocppCsmsUrl": "wss://csms.local"},
        {"ocppCsmsUrl": "ws://"},
        {"ocppCsmsUrl": "ws://csms.local:70000/"},
        {"ocppCsmsUrl": "ws://csms.local:0x50/"},
        {"ocppCsmsUrl": 'ws://csms.local"/'},
        {"ocppCsmsUrl": 'ws://csms.local:80:"/'},
        {"ocppCsmsUrl": "ws://csms.local:80:90/"},
        {"ocppCsmsUrl": "ws://csms.local/a b"},
        {"ocppCsmsUrl": "ws://csms.local/\u00e9"},
        {"ocppCsmsUrl": "ws://csms.local/\r\nHost: x"},
        {"ocppCsmsUrl": "ws://" + "h" * 201},
        {"ocppCsmsUrl": "ws://csms.local/" + "p" * 400},
        {"messageTimeout": 0},
        {"messageTimeout": -5},
        {"messageTimeout": 4000},
        {"securityProfile": 2},
        {"securityProfile": 3},
        {"apn": {"apn": "internet", "apnAuthentication": "NONE"}},
        {"vpn": {"server": "s", "user": "u", "password": "p", "key": "k", "type": "IPSec"}},
    ],
)
def test_profile_that_the_station_cannot_use(store, changes):
    assert set_profile(**changes) == ("Rejected", "InvalidNetworkConf")
    assert store == {}


@pytest.mark.parametrize(
    "url",
    ["wss://bob:secret@csms.local:443/", "https://bob:secret@csms.local/", "ws://bob:secret@csms.local/"],
)
def test_no_password_of_a_url_in_the_log(store, url, capsys):
    assert set_profile(ocppCsmsUrl=url) == ("Rejected", "InvalidNetworkConf")
    said = capsys.readouterr().out
    assert "slot 2" in said and "secret" not in said


def test_lower_security_profile(store):
    assert set_profile(securityProfile=0) == ("Rejected", "NoSecurityDowngrade")
    assert store == {}


def test_full_store(store):
    board.full = True
    assert set_profile() == ("Failed", "OutOfStorage")


def test_boot_with_a_full_store_keeps_the_old_profile(store):
    set_profile(2, ocppCsmsUrl="ws://a.local")
    profiles.promote()
    set_profile(2)
    board.full = True
    profiles.promote()
    assert profiles.load("2")["ocppCsmsUrl"] == "ws://a.local"
    board.full = False
    profiles.promote()
    assert profiles.load("2")["ocppCsmsUrl"] == OTHER


# in virtual time


class Two(World):
    """A station between two CSMSs; `attempts` are all connection attempts: (seconds, host)."""

    def __init__(self, **store):
        super().__init__(RetryBackOffRandomRange="0", **store)
        self.other = Csms(passwords={IDENTITY: PASSWORD})
        self.network.add("other.local", 9001, self.other)
        self.attempts = []
        opened = self.network.open
        self.network.open = lambda host, port, now: (
            self.attempts.append((now // 1_000_000_000, host)) or opened(host, port, now)
        )

    def migrate(self, priority="2,1"):
        """B09 and B10 as the CSMS does them, up to the reset."""
        answer = self.call("SetNetworkProfile", {"configurationSlot": 2, "connectionData": GOOD})
        assert answer.payload == {"status": "Accepted"}
        item = {
            "component": {"name": "OCPPCommCtrlr"},
            "variable": {"name": "NetworkConfigurationPriority"},
            "attributeValue": priority,
        }
        answer = self.call("SetVariables", {"setVariableData": [item]})
        assert answer.payload["setVariableResult"][0]["attributeStatus"] == "RebootRequired"
        self.attempts.clear()
        assert self.call("Reset", {"type": "Immediate"}).payload == {"status": "Accepted"}

    def hosts(self):
        return [host for _, host in self.attempts]

    def steps(self):
        times = [at for at, _ in self.attempts]
        return [later - first for first, later in itertools.pairwise(times)]

    def active(self, session):
        item = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "ActiveNetworkProfile"}}
        mid = session.call("GetVariables", {"getVariableData": [item]}, self.now_ns)
        answer = self.until("answer", lambda: session.response(mid))
        return answer.payload["getVariableResult"][0]["attributeValue"]


@pytest.fixture
def two(request):
    world = Two(**getattr(request, "param", {}))
    yield world
    world.close()


def booted(csms):
    return csms.sessions and csms.session(IDENTITY).requests("SecurityEventNotification")


def test_migration(two):
    two.boot()
    two.accepted()
    assert two.active(two.session) == "1"
    two.migrate()
    two.until("boot at the other CSMS", lambda: booted(two.other), 120)
    session = two.other.session(IDENTITY)
    assert two.hosts() == ["other.local"]
    assert [m.payload["reason"] for m in session.requests("BootNotification")] == ["RemoteReset"]
    two.run(1)
    assert two.active(session) == "2"
    assert session.violations == []
    assert not two.session.connected


@pytest.mark.parametrize("two", [{"NetworkProfileConnectionAttempts": "2"}], indirect=True)
def test_second_entry_after_the_attempts_at_the_first(two):
    two.boot()
    two.accepted()
    two.other.stop_listening()
    two.migrate()
    two.until("boot at the first CSMS", lambda: len(two.requests("BootNotification")) == 2, 300)
    assert two.hosts() == ["other.local", "other.local", "csms.local"]
    two.run(5)
    assert two.active(two.session) == "1"


@pytest.mark.parametrize(
    "two", [{"NetworkProfileConnectionAttempts": "1", "RetryBackOffRepeatTimes": "0"}], indirect=True
)
def test_fallback_to_the_profile_that_worked(two):
    two.boot()
    two.accepted()
    two.other.stop_listening()
    two.csms.refuse_handshakes(503, times=1)
    two.migrate()
    two.until("boot at the first CSMS", lambda: len(two.requests("BootNotification")) == 2, 300)
    assert two.hosts() == ["other.local", "csms.local", "csms.local"]
    assert all(10 <= step <= 12 for step in two.steps())


@pytest.mark.parametrize(
    "two", [{"NetworkProfileConnectionAttempts": "1", "RetryBackOffRepeatTimes": "2"}], indirect=True
)
def test_profile_that_worked_is_tried_though_it_is_no_entry(two):
    two.boot()
    two.accepted()
    two.other.stop_listening()
    two.csms.refuse_handshakes(503, times=4)
    two.migrate("2")
    two.until("boot at the first CSMS", lambda: len(two.requests("BootNotification")) == 2, 900)
    # its back-off time grows RetryBackOffRepeatTimes times, then it is the entries' turn again
    assert two.hosts() == ["other.local", *["csms.local"] * 3, "other.local", *["csms.local"] * 2]
    assert [step // 10 for step in two.steps()] == [1, 2, 4, 4, 4, 4]
    two.run(5)
    assert two.active(two.session) == "1"


def test_profile_in_use_changes_at_the_next_boot_only(two):
    two.boot()
    two.accepted()
    answer = two.call("SetNetworkProfile", {"configurationSlot": 1, "connectionData": GOOD})
    assert answer.payload == {"status": "Accepted"}
    two.csms.close_all(1001, "", two.now_ns)
    two.run(60)
    assert two.session.connected
    assert set(two.hosts()) == {"csms.local"}
    two.call("Reset", {"type": "Immediate"})
    two.until("boot at the other CSMS", lambda: booted(two.other), 120)
    assert two.hosts()[-1] == "other.local"


@pytest.mark.parametrize("two", [{"NetworkProfileConnectionAttempts": "2"}], indirect=True)
def test_station_is_not_stranded_by_a_profile_that_leads_nowhere(two):
    two.boot()
    two.accepted()
    nowhere = GOOD | {"ocppCsmsUrl": "ws://nowhere.local/ocpp"}
    for slot in (1, 2):
        answer = two.call("SetNetworkProfile", {"configurationSlot": slot, "connectionData": nowhere})
        assert answer.payload == {"status": "Accepted"}
    for boots in (2, 3):
        two.attempts.clear()
        two.call("Reset", {"type": "Immediate"})
        two.until("boot", lambda: len(two.requests("BootNotification")) == boots, 600)  # noqa: B023
        assert two.hosts() == ["nowhere.local"] * 2 + ["csms.local"]
        two.run(5)
        assert two.session.violations == []
