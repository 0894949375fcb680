"""L01, the whole station in virtual time. What the chip does with the image is tested in tests/port."""

import base64
import hashlib
import json

import board
import pytest

from tests.station.fileserver import URL, FileServer, reply, serve
from tests.station.world import World

FILE = b"OLFW" + bytes(range(256)) * 20
LONG_AGO = "2025-12-31T22:00:00Z"


def sign(file):
    return base64.b64encode(hashlib.sha256(file).digest()).decode()


class Signer:
    """Stands for station/certificates.py: a signature is the digest itself."""

    def check_signer(self, pem):
        if pem == "large":
            raise MemoryError("no room for TLS")
        return None if pem == "good" else "chain is not valid"

    def first(self, pem):
        return pem.encode()

    def verify(self, der, signature, digest):
        return der == b"good" and signature == digest


@pytest.fixture
def server():
    return FileServer(answer=lambda request: reply(200, FILE))


@pytest.fixture
def world(server, monkeypatch):
    world = World()
    serve(world.network, server)
    boot = world.boot

    def boot_with_signer(*cause):
        boot(*cause)
        from station import firmware

        monkeypatch.setattr(firmware, "certificates", Signer())

    world.boot = boot_with_signer
    world.boot()
    world.accepted()
    yield world
    world.close()


def update(world, request_id=1, more=None, **changes):
    firmware = {
        "location": URL + "/firmware.upd",
        "retrieveDateTime": LONG_AGO,
        "installDateTime": LONG_AGO,
        "signingCertificate": "good",
        "signature": sign(FILE),
        **changes,
    }
    firmware = {name: value for name, value in firmware.items() if value is not None}
    return world.call(
        "UpdateFirmware", {"requestId": request_id, "firmware": firmware, **(more or {})}
    ).payload


def statuses(world):
    return [m.payload["status"] for m in world.requests("FirmwareStatusNotification")]


def events(world):
    return [m.payload["type"] for m in world.requests("SecurityEventNotification")]


def until_status(world, status, timeout_s=300):
    world.until(status, lambda: statuses(world)[-1:] == [status], timeout_s)


BEFORE = ["Downloading", "Downloaded", "SignatureVerified"]
ALL = [*BEFORE, "Installing", "InstallRebooting", "Installed"]


def test_update_from_request_to_installed(world, server):
    assert update(world, 17)["status"] == "Accepted"
    until_status(world, "Installed")
    assert statuses(world) == ALL
    assert {m.payload["requestId"] for m in world.requests("FirmwareStatusNotification")} == {17}
    world.until("event", lambda: events(world)[-1] == "FirmwareUpdated")
    assert [m.payload["reason"] for m in world.requests("BootNotification")] == ["PowerUp", "FirmwareUpdate"]
    assert (world.resets, board.slot, board.on_trial) == (1, 1, False)
    world.run(100)
    assert not any(key.startswith(b"fw:") for key in board.store)
    assert statuses(world) == ALL
    assert world.session.violations == []


def test_image_that_does_not_come_up_is_told_of(world):
    update(world)
    world.until("commit", lambda: board.slot_next)
    board.slot_next = None  # the boot stage has gone back
    until_status(world, "InstallationFailed")
    assert statuses(world) == [*ALL[:-1], "InstallationFailed"]
    assert "FirmwareUpdated" not in events(world)


def test_image_that_does_not_reach_the_csms_restarts(world):
    update(world)
    world.until("commit", lambda: board.slot_next)
    world.csms.refuse_handshakes(503, times=100000)
    world.until("second restart", lambda: world.resets == 2, 1200)
    assert board.on_trial
    world.run(1)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"signingCertificate": None, "signature": None}, "Rejected"),
        ({"signature": None}, "Rejected"),
        ({"location": "ftp://files.local/x"}, "Rejected"),
        ({"signingCertificate": "large"}, "Rejected"),
        ({"signingCertificate": "bad"}, "InvalidCertificate"),
    ],
)
def test_request_that_is_not_accepted(world, changes, status):
    assert update(world, **changes)["status"] == status
    world.run(30)
    assert statuses(world) == []
    assert (events(world)[-1] == "InvalidFirmwareSigningCertificate") == (status == "InvalidCertificate")


def test_wrong_signature(world):
    update(world, signature=sign(b"other"))
    until_status(world, "InvalidSignature")
    assert statuses(world) == ["Downloading", "Downloaded", "InvalidSignature"]
    world.until("event", lambda: events(world)[-1] == "InvalidFirmwareSignature")
    assert world.resets == 0


def test_signed_file_that_is_no_image(world, server):
    server.answer = lambda request: reply(200, b"something else")
    update(world, signature=sign(b"something else"))
    until_status(world, "InstallVerificationFailed")
    assert statuses(world) == [*BEFORE, "Installing", "InstallVerificationFailed"]
    world.run(10)
    assert len(world.requests("StatusNotification")) == 2


def test_download_that_fails_at_every_attempt(world, server):
    server.answer = lambda request: reply(404)
    update(world, more={"retries": 2, "retryInterval": 30})
    until_status(world, "DownloadFailed")
    assert statuses(world) == ["Downloading", "DownloadFailed"]
    assert len(server.requests) == 3
    assert world.requests("FirmwareStatusNotification")[-1].at_ns - server.requests[0].at_ns >= 60e9


def test_slot_that_cannot_be_erased(world, monkeypatch):
    def fail():
        raise OSError(5)

    monkeypatch.setattr(board, "slot_erase", fail)
    assert update(world) == {"status": "Accepted"}
    until_status(world, "DownloadFailed")
    assert statuses(world) == ["Downloading", "DownloadFailed"]


def test_download_that_lacks_memory_is_tried_again(world, server, monkeypatch):
    write = board.slot_write

    def fail(data):
        monkeypatch.setattr(board, "slot_write", write)
        raise MemoryError("memory allocation failed")

    monkeypatch.setattr(board, "slot_write", fail)
    update(world, more={"retries": 1, "retryInterval": 1})
    until_status(world, "Installed")
    assert len(server.requests) == 2


def test_cut_download_goes_on_where_it_ended(world, server):
    def answer(request):
        start = int((request.value("Range") or "bytes=0-")[6:-1])
        if not start:
            return reply(200, FILE)[:2000]
        return reply(206, FILE[start:], f"Content-Range: bytes {start}-{len(FILE) - 1}/{len(FILE)}")

    server.answer = answer
    update(world, more={"retries": 1, "retryInterval": 5})
    until_status(world, "Installed")
    assert statuses(world) == ALL
    assert len(server.requests) == 2


def test_server_without_ranges_sends_all_again(world, server):
    server.answer = lambda request: reply(200, FILE)[: 2000 if len(server.requests) == 1 else None]
    update(world, more={"retries": 1, "retryInterval": 5})
    until_status(world, "Installed")


def test_another_part_of_the_file_than_asked_for_is_not_taken(world, server):
    def answer(request):
        whole = reply(200, FILE)
        if len(server.requests) == 1:
            return whole[:2000]
        return whole.replace(b"200", b"206", 1).replace(b"\r\n", b"\r\nContent-Range: bytes 0-9/10\r\n", 1)

    server.answer = answer
    update(world, more={"retries": 1, "retryInterval": 5})
    until_status(world, "DownloadFailed")
    assert len(server.requests) == 2


def test_file_that_is_too_long_is_not_taken(world, monkeypatch):
    from station import firmware

    monkeypatch.setattr(firmware, "_FILE_MAX", len(FILE) - 1)
    update(world, more={"retries": 0})
    until_status(world, "DownloadFailed")


def test_nothing_replaces_an_update_that_reboots(world):
    update(world)
    until_status(world, "InstallRebooting")
    answer = update(world, 2)
    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", "FwUpdateInProgress")
    until_status(world, "Installed")


def test_power_cut_before_an_update_is_forgotten(world, server):
    firmware = {"location": URL, "retrieveDateTime": LONG_AGO}
    board.store[b"fw:job"] = json.dumps({"requestId": 5, "firmware": firmware}).encode()
    board.store[b"fw"] = b"DownloadFailed,5,0"
    world.resets += 1
    world.boot(board.POWER_ON)
    until_status(world, "DownloadFailed")
    world.run(100)
    assert statuses(world) == ["DownloadFailed"]
    assert server.requests == []
    assert b"fw:job" not in board.store


def test_scheduled_download_and_install(world):
    start = world.now_ns
    update(world, retrieveDateTime="2026-01-01T02:00:00Z", installDateTime="2026-01-01T03:00:00Z")
    until_status(world, "DownloadScheduled")
    until_status(world, "InstallScheduled", 7300)
    assert 7000e9 < world.now_ns - start < 7300e9
    until_status(world, "Installed", 3700)
    assert statuses(world) == ["DownloadScheduled", *BEFORE, "InstallScheduled", *ALL[3:]]


def test_power_cut_while_scheduled_begins_anew(world):
    update(world, retrieveDateTime="2026-01-01T02:00:00Z")
    until_status(world, "DownloadScheduled")
    world.resets += 1
    world.boot(board.POWER_ON)
    until_status(world, "Installed", 7300)
    assert statuses(world) == ["DownloadScheduled", "DownloadScheduled", *ALL]


class PowerCut(Exception):
    """The station stops where it is."""


def cut_at(world, monkeypatch, name, key, value=b""):
    """The power goes as the store is about to do `name` with a key (and a value that begins so)."""
    original = getattr(board, name)

    def fail(*args):
        if args[0] == key and (len(args) < 2 or bytes(args[1]).startswith(value)):
            monkeypatch.setattr(board, name, original)
            raise PowerCut
        return original(*args)

    monkeypatch.setattr(board, name, fail)


def told(world):
    return [
        (m.payload["status"], m.payload["requestId"]) for m in world.requests("FirmwareStatusNotification")
    ]


@pytest.mark.parametrize("key", [b"fw:sig1", b"fw:cert1", b"fw", b"fw:job"])
def test_power_cut_while_a_request_replaces_another_leaves_that_whole(world, server, monkeypatch, key):
    server.answer = lambda request: None
    update(world, 1)
    world.until("request", lambda: server.requests)
    server.answer = lambda request: reply(200, FILE)
    request = {
        "requestId": 2,
        "firmware": {
            "location": URL + "/other.upd",
            "retrieveDateTime": LONG_AGO,
            "signingCertificate": "good",
            "signature": sign(b"other"),
        },
    }
    cut_at(world, monkeypatch, "store_put", key)
    with pytest.raises(PowerCut):
        world.station.firmware._begin(request)
    world.resets += 1
    world.boot(board.POWER_ON)
    until_status(world, "Installed")
    assert told(world) == [("Downloading", 1), *((status, 1) for status in ALL)]


def test_end_that_the_csms_has_not_heard_of_is_told_after_a_power_cut(world, server):
    server.answer = lambda request: reply(404)
    update(world, more={"retries": 0})
    world.until("download", lambda: server.requests)
    world.csms.refuse_handshakes(503, times=1000)
    world.csms.close_all(1001, "maintenance", world.now_ns)
    world.until("end", lambda: world.station.firmware._status == "DownloadFailed", 300)
    world.run(30)
    assert statuses(world) == ["Downloading"]
    world.resets += 1
    world.csms.accept_handshakes()
    world.boot(board.POWER_ON)
    until_status(world, "DownloadFailed")
    world.run(10)
    assert not any(key.startswith(b"fw:") for key in board.store)


def test_power_cut_before_the_image_is_handed_over_begins_anew(world):
    update(world)
    until_status(world, "InstallRebooting")
    assert not board.slot_next
    world.resets += 1
    world.boot(board.POWER_ON)
    until_status(world, "Installed")
    assert statuses(world) == [*ALL[:-1], *ALL]


def test_second_request_replaces_the_first(world, server):
    server.answer = lambda request: None
    update(world, 1)
    world.until("request", lambda: server.requests)
    server.answer = lambda request: reply(200, FILE)
    assert update(world, 2)["status"] == "AcceptedCanceled"
    until_status(world, "Installed")
    assert told(world) == [("Downloading", 1), *((status, 2) for status in ALL)]


def test_trigger_tells_the_last_status(world, server):
    trigger = {"requestedMessage": "FirmwareStatusNotification"}
    world.call("TriggerMessage", trigger)
    until_status(world, "Idle")
    server.answer = lambda request: None
    update(world)
    until_status(world, "Downloading")
    world.call("TriggerMessage", trigger)
    world.until("answer", lambda: statuses(world) == ["Idle", "Downloading", "Downloading"])
    server.answer = lambda request: reply(200, FILE)
    update(world, 2)
    until_status(world, "Installed")
    world.call("TriggerMessage", trigger)
    until_status(world, "Idle")


def start_transaction(world, evse=1):
    world.evse.plug(evse, world.now_ns)
    world.until("transaction", lambda: world.station.transactions.active(evse))


def shown_of(world, evse):
    reports = world.requests("StatusNotification")
    return [m.payload["connectorStatus"] for m in reports if m.payload["evseId"] == evse]


@pytest.mark.parametrize("allow", [False, True])
def test_update_waits_for_transactions(world, allow):
    if allow:
        world.station.model.set_for_now("ChargingStation.AllowNewSessionsPendingFirmwareUpdate", "true")
    start_transaction(world)
    update(world)
    until_status(world, "DownloadScheduled")
    world.run(60)
    shown = [
        (m.payload["evseId"], m.payload["connectorStatus"]) for m in world.requests("StatusNotification")
    ]
    assert ((2, "Unavailable") in shown) != allow
    if allow:
        start_transaction(world, 2)
        world.evse.unplug(2, world.now_ns)
    world.run(60)
    assert statuses(world) == ["DownloadScheduled"]
    world.evse.unplug(1, world.now_ns)
    until_status(world, "Installed")
    assert statuses(world) == ["DownloadScheduled", *ALL]
    world.run(10)
    shown = {evse: [] for evse in (1, 2)}
    for m in world.requests("StatusNotification"):
        shown[m.payload["evseId"]].append(m.payload["connectorStatus"])
    # what becomes free is told as such, and only then out of use (L01.FR.07)
    assert shown[1][-4:] == ["Occupied", "Available", "Unavailable", "Available"]
    assert shown[2][-3:] == ["Available", "Unavailable", "Available"]


def test_update_that_is_replaced_gives_the_connectors_back(world):
    start_transaction(world)
    update(world)
    world.until("out of use", lambda: shown_of(world, 2)[-1] == "Unavailable")
    assert update(world, 2, retrieveDateTime="2026-01-01T02:00:00Z")["status"] == "AcceptedCanceled"
    world.until("free again", lambda: shown_of(world, 2)[-1] == "Available")


def test_reset_of_an_evse_leaves_it_to_the_update_that_waits(world):
    start_transaction(world)
    update(world)
    world.until("out of use", lambda: shown_of(world, 2)[-1] == "Unavailable")
    assert world.call("Reset", {"type": "Immediate", "evseId": 2}).payload == {"status": "Accepted"}
    world.run(30)
    assert shown_of(world, 2)[-1] == "Unavailable"
    world.evse.plug(2, world.now_ns)
    world.run(10)
    assert not world.station.transactions.active(2)


def test_update_that_is_replaced_leaves_the_evses_to_a_reset_that_waits(world):
    start_transaction(world)
    assert world.call("Reset", {"type": "OnIdle"}).payload == {"status": "Scheduled"}
    update(world)
    until_status(world, "DownloadScheduled")
    assert update(world, 2, retrieveDateTime="2026-01-02T00:00:00Z")["status"] == "AcceptedCanceled"
    world.run(10)
    assert shown_of(world, 2)[-1] == "Unavailable"
    world.evse.plug(2, world.now_ns)
    world.run(10)
    assert not world.station.transactions.active(2)


def test_evses_stay_in_use_until_a_time_of_installation_that_is_far(world):
    start_transaction(world)
    update(world, installDateTime="2026-01-01T06:00:00Z")
    until_status(world, "DownloadScheduled")
    world.evse.unplug(1, world.now_ns)
    until_status(world, "InstallScheduled")
    world.run(3600)
    assert "Unavailable" not in shown_of(world, 1) + shown_of(world, 2)
    start_transaction(world, 2)
    world.until("its time", lambda: shown_of(world, 1)[-1] == "Unavailable", 6 * 3600)
    world.evse.unplug(2, world.now_ns)
    until_status(world, "Installed")


def test_update_that_is_replaced_while_it_waits_for_its_verification(world, server):
    """A log upload has taken the transfer when the download let go of it."""
    other = FILE + b"another"
    files = {"/firmware.upd": FILE, "/other.upd": other}
    server.answer = lambda request: reply(200, files[request.target]) if request.target in files else None
    server.limit = 2000
    update(world, 1)
    world.until("download", lambda: server.requests)
    where = {"remoteLocation": URL + "/logs"}
    log = {"logType": "DiagnosticsLog", "requestId": 5, "retries": 0, "log": where}
    assert world.call("GetLog", log).payload["status"] == "Accepted"
    until_status(world, "Downloaded")
    world.run(5)
    server.limit = None
    answer = update(world, 2, location=URL + "/other.upd", signature=sign(other))
    assert answer["status"] == "AcceptedCanceled"
    until_status(world, "Installed")
    assert told(world) == [("Downloading", 1), ("Downloaded", 1), *((status, 2) for status in ALL)]
    assert "InvalidFirmwareSignature" not in events(world)


def test_new_image_whose_station_is_pending_stays(world):
    update(world)
    world.until("commit", lambda: board.slot_next)
    time = world.session.time(world.now_ns)
    world.csms.answer("BootNotification", {"status": "Pending", "interval": 60, "currentTime": time})
    world.run(3000)
    assert (world.resets, board.slot, board.on_trial) == (1, 1, False)
    world.csms.restore("BootNotification")
    until_status(world, "Installed")


def test_reboot_waits_for_a_csms_that_is_away(world, server):
    server.limit = 500
    update(world)
    until_status(world, "Downloading")
    world.csms.refuse_handshakes(503, times=1000)
    world.csms.close_all(1001, "maintenance", world.now_ns)
    world.run(1800)
    assert (world.resets, statuses(world)) == (0, ["Downloading"])
    world.csms.accept_handshakes()
    until_status(world, "Installed", 600)
    assert statuses(world) == ALL


def test_reboot_does_not_wait_for_ever(world):
    update(world)
    until_status(world, "SignatureVerified")
    world.csms.refuse_handshakes(503, times=1000)
    world.csms.close_all(1001, "maintenance", world.now_ns)
    world.until("reboot", lambda: world.resets == 1, 3700)
    world.run(1)


def test_update_after_a_transaction_leaves_an_occupied_connector_as_it_is(world):
    start_transaction(world)
    update(world)
    until_status(world, "DownloadScheduled")
    started = world.requests("TransactionEvent")[0].payload["transactionInfo"]["transactionId"]
    world.call("RequestStopTransaction", {"transactionId": started})
    until_status(world, "Installed")
    world.run(10)
    shown = [
        m.payload["connectorStatus"] for m in world.requests("StatusNotification") if m.payload["evseId"] == 1
    ]
    assert shown[-2:] == ["Occupied", "Occupied"]
