"""N01, N09, N10 and the security log, the whole station in virtual time."""

from itertools import pairwise

import board
import pytest

from csms_stub.messages import Error, Withhold
from tests.station.fileserver import URL, FileServer, reply, serve
from tests.station.world import World

TOKEN = {"idToken": "04A2B3C4", "type": "ISO14443"}


@pytest.fixture
def server():
    return FileServer()


@pytest.fixture
def world(server):
    world = World()
    serve(world.network, server)
    world.boot()
    world.accepted()
    yield world
    world.close()


def get_log(world, request_id=1, log_type="DiagnosticsLog", where=URL + "/logs", log=None, **more):
    request = {"logType": log_type, "requestId": request_id, "log": {"remoteLocation": where, **(log or {})}}
    return world.call("GetLog", {**request, **more}).payload


def statuses(world):
    return [
        (m.payload["status"], m.payload.get("requestId")) for m in world.requests("LogStatusNotification")
    ]


def until_statuses(world, *wanted, timeout_s=120):
    world.until(str(wanted), lambda: statuses(world) == list(wanted), timeout_s)


def power_cycle(world):
    world.resets += 1  # another seed
    world.boot(board.POWER_ON)


# N01


def test_diagnostics_log_is_uploaded(world, server):
    answer = get_log(world)
    assert answer["status"] == "Accepted"
    until_statuses(world, ("Uploading", 1), ("Uploaded", 1))
    (request,) = server.requests
    assert request.head.startswith("PUT ")
    assert request.target == f"/logs/{answer['filename']}"
    assert request.value("Host") == "files.local:8080"
    lines = request.body.decode().splitlines()
    assert lines[0] == "2026-01-01T00:00:00Z I 0 boot: reason PowerUp"
    (connected,) = [line for line in lines if "boot: Accepted" in line]
    assert connected.startswith("2026-")
    assert len(request.body) == int(request.value("Content-Length"))
    world.run(100)
    assert len(server.requests) == 1
    assert world.session.violations == []


def test_security_log_has_the_events_alone(world, server):
    get_log(world, log_type="SecurityLog")
    until_statuses(world, ("Uploading", 1), ("Uploaded", 1))
    (line,) = server.requests[0].body.decode().splitlines()
    assert line.startswith("2026-")
    assert line.endswith("Z StartupOfTheDevice")


def test_log_larger_than_the_buffer_is_whole(world, server):
    for number in range(300):
        board.log_print(f"I 1 line {number} " + "x" * (number % 150))
    get_log(world)
    until_statuses(world, ("Uploading", 1), ("Uploaded", 1))
    body = server.requests[0].body.decode()
    assert [line.split()[4] for line in body.splitlines() if " line " in line] == [str(n) for n in range(300)]


def test_only_what_lies_between_the_timestamps(world, server):
    world.run(3600)
    board.log_print("I 3600 in between")
    now = world.session.time(world.now_ns)
    world.run(3600)
    board.log_print("I 7200 later")
    early = "2026-01-01T00:30:00Z"
    get_log(world, log={"oldestTimestamp": early, "latestTimestamp": now})
    until_statuses(world, ("Uploading", 1), ("Uploaded", 1))
    body = server.requests[0].body.decode()
    assert "in between" in body
    assert "boot:" not in body
    assert "later" not in body


def test_nothing_to_upload_is_rejected(world, server):
    answer = get_log(world, log={"oldestTimestamp": "2031-01-01T00:00:00Z"})
    assert answer["status"] == "Rejected"
    assert "filename" not in answer
    world.run(10)
    assert statuses(world) == []
    assert server.requests == []


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("ftp://files.local/logs", "InvalidURL"),
        ("http://files.local:99999/logs", "InvalidURL"),
        ("http://files.local/a b", "InvalidURL"),
        ("http:///logs", "InvalidURL"),
        ("http://u%zz@files.local/", "InvalidURL"),
    ],
)
def test_url_that_cannot_be_used_is_rejected(world, where, reason):
    answer = get_log(world, where=where)
    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", reason)


def test_each_attempt_reports_its_failure(world, server):
    server.answer = lambda request: reply(404)
    get_log(world, retries=3, retryInterval=20)
    until_statuses(world, *(("Uploading", 1), ("UploadFailure", 1)) * 4)
    times = [request.at_ns / 1e9 for request in server.requests]
    assert [round(b - a) for a, b in pairwise(times)] == [20, 20, 20]
    world.run(100)
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (reply(401), "PermissionDenied"),
        (reply(403), "PermissionDenied"),
        (reply(405), "NotSupportedOperation"),
        (reply(500), "UploadFailure"),
        (reply(400), "BadMessage"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "BadMessage"),
        (b"HTTP/1.1 20", "BadMessage"),
        (None, "UploadFailure"),
    ],
)
def test_what_the_server_says_is_reported(world, server, answer, status):
    server.answer = lambda request: answer
    get_log(world, retries=0)
    until_statuses(world, ("Uploading", 1), (status, 1))


def test_server_that_answers_and_closes_early_leaves_the_websocket_alone(world, server):
    for number in range(300):
        board.log_print(f"I 1 line {number} " + "x" * 100)
    server.early = True
    server.answer = lambda request: reply(401)
    get_log(world, retries=0)
    until_statuses(world, ("Uploading", 1), ("PermissionDenied", 1))
    world.run(60)
    assert len(world.csms.connections) == 1


def test_server_that_is_away(world, server):
    server.refused = True
    get_log(world, retries=1, retryInterval=5)
    world.run(2)
    server.refused = False
    until_statuses(world, ("Uploading", 1), ("UploadFailure", 1), ("Uploading", 1), ("Uploaded", 1))


def test_server_that_stays_away_leaves_the_websocket_alone(world, server):
    server.refused = True
    get_log(world, retries=5, retryInterval=1)
    until_statuses(world, *(("Uploading", 1), ("UploadFailure", 1)) * 6)
    server.refused = False
    get_log(world, request_id=2)
    until_statuses(world, *(("Uploading", 1), ("UploadFailure", 1)) * 6, ("Uploading", 2), ("Uploaded", 2))
    assert len(world.csms.connections) == 1


def test_continue_is_not_the_answer(world, server):
    server.answer = lambda request: b"HTTP/1.1 100 Continue\r\n\r\n" + reply(204)
    get_log(world)
    until_statuses(world, ("Uploading", 1), ("Uploaded", 1))


def test_credentials_of_the_url_are_sent_and_not_logged(world, server):
    get_log(world, where="http://bob:se%40cret@files.local:8080/logs/?x=1")
    until_statuses(world, ("Uploading", 1), ("Uploaded", 1))
    (request,) = server.requests
    assert request.value("Authorization") == "Basic Ym9iOnNlQGNyZXQ="
    assert request.target.startswith("/logs/OLB-0001-diagnostics-")
    assert request.target.endswith(".log?x=1")
    assert not any("se%40cret" in line or "se@cret" in line for line in world.logged)


def test_second_request_cancels_the_first(world, server):
    server.answer = lambda request: None
    get_log(world)
    world.until("request", lambda: server.requests)
    server.answer = lambda request: reply(201)
    answer = get_log(world, 2)
    assert answer["status"] == "AcceptedCanceled"
    until_statuses(world, ("Uploading", 1), ("AcceptedCanceled", 1), ("Uploading", 2), ("Uploaded", 2))
    world.run(200)
    assert len(statuses(world)) == 4


def test_second_request_cancels_one_that_waits_to_try_again(world, server):
    server.refused = True
    get_log(world, retries=5, retryInterval=1000)
    until_statuses(world, ("Uploading", 1), ("UploadFailure", 1))
    server.refused = False
    assert get_log(world, 2)["status"] == "AcceptedCanceled"
    world.until("upload", lambda: statuses(world)[-1] == ("Uploaded", 2))
    assert statuses(world)[2:] == [("AcceptedCanceled", 1), ("Uploading", 2), ("Uploaded", 2)]


def test_trigger_tells_of_the_upload(world, server):
    server.answer = lambda request: None
    get_log(world)
    until_statuses(world, ("Uploading", 1))
    trigger = {"requestedMessage": "LogStatusNotification"}
    assert world.call("TriggerMessage", trigger).payload["status"] == "Accepted"
    until_statuses(world, ("Uploading", 1), ("Uploading", 1))
    server.answer = lambda request: reply(201)
    get_log(world, 2)
    world.until("upload", lambda: statuses(world)[-1] == ("Uploaded", 2))
    world.call("TriggerMessage", trigger)
    world.until("Idle", lambda: statuses(world)[-1] == ("Idle", None))


def test_status_of_an_upload_while_offline_comes_later(world, server):
    server.answer = lambda request: None
    get_log(world, retries=0)
    until_statuses(world, ("Uploading", 1))
    world.csms.refuse_handshakes(503, times=1000)
    world.modem.cut(world.now_ns, 0)
    world.run(100)
    assert statuses(world) == [("Uploading", 1)]
    world.csms.accept_handshakes()
    world.until("failure", lambda: statuses(world)[-1] == ("UploadFailure", 1), 300)


# A04


def test_security_events_of_a_time_without_csms_are_delivered_in_order(world):
    world.csms.answer("SecurityEventNotification", Withhold(), times=1)
    world.station.events.report("InvalidCsmsCertificate", "expired")
    world.station.events.report("FailedToAuthenticateAtCsms")
    world.station.events.report("InvalidTLSVersion")
    power_cycle(world)
    world.until("events", lambda: len(world.requests("SecurityEventNotification")) >= 4, 400)
    world.run(60)
    events = world.requests("SecurityEventNotification")
    kinds = [m.payload["type"] for m in events]
    assert kinds[-3:] == ["InvalidCsmsCertificate", "InvalidTLSVersion", "StartupOfTheDevice"]
    assert events[-3].payload["techInfo"] == "expired"
    stamps = [m.payload["timestamp"] for m in events]
    assert stamps == sorted(stamps)
    assert not any(m.payload["type"] == "FailedToAuthenticateAtCsms" for m in events)


def test_security_event_whose_answer_was_lost_is_sent_again(world):
    def count():
        events = world.requests("SecurityEventNotification")
        return sum(m.payload["type"] == "InvalidTLSVersion" for m in events)

    world.csms.answer("SecurityEventNotification", Withhold(), times=1)
    world.station.events.report("InvalidTLSVersion")
    world.until("event", lambda: count() == 1)
    world.modem.cut(world.now_ns, 0)
    world.until("event again", lambda: count() == 2)
    world.run(100)
    assert count() == 2


def test_security_event_without_an_answer_in_time_is_sent_again_and_keeps_nothing_waiting(world):
    def sent():
        events = world.requests("SecurityEventNotification")
        return [m.at_ns for m in events if m.payload["type"] == "InvalidTLSVersion"]

    world.csms.answer("SecurityEventNotification", Withhold(), times=2)
    world.station.events.report("InvalidTLSVersion")
    world.until("event twice more", lambda: len(sent()) == 3, 1000)
    first, second, third = sent()
    assert min(second - first, third - second) > 100 * 10**9
    world.run(1000)
    assert len(sent()) == 3


def test_security_event_that_the_csms_fails_to_take_is_sent_again_five_times_at_most(world):
    def sent():
        events = world.requests("SecurityEventNotification")
        return [m.payload["type"] for m in events][1:]

    world.csms.answer("SecurityEventNotification", Error("InternalError", "busy"), times=6)
    world.station.events.report("InvalidTLSVersion")
    world.station.events.report("InvalidTLSCipherSuite")
    world.until("the second one", lambda: "InvalidTLSCipherSuite" in sent(), 3000)
    world.run(3000)
    assert sent() == ["InvalidTLSVersion"] * 5 + ["InvalidTLSCipherSuite"] * 2


def test_security_event_is_not_skipped_when_the_log_is_cut_meanwhile(world):
    world.csms.answer("SecurityEventNotification", Withhold(), times=1)
    world.station.events.report("InvalidTLSVersion")
    world.station.events.report("InvalidCsmsCertificate")
    world.until(
        "event", lambda: world.requests("SecurityEventNotification")[-1].payload["type"][-7:] == "Version"
    )
    message = world.requests("SecurityEventNotification")[-1]
    del board.log[next(i for i, line in enumerate(board.log) if line[3] == b"InvalidTLSVersion")]
    world.session.reply(message.message_id, {}, world.now_ns)
    world.run(30)
    assert world.requests("SecurityEventNotification")[-1].payload["type"] == "InvalidCsmsCertificate"


def test_start_of_a_station_that_never_reaches_its_csms_is_in_the_security_log(world):
    world.csms.refuse_handshakes(503, times=1000)
    for _ in range(2):
        power_cycle(world)
        world.run(100)
    starts = [line for line in board.log if line[1] and line[3] == b"StartupOfTheDevice"]
    assert len(starts) == 3
    world.csms.accept_handshakes()
    kinds = ["StartupOfTheDevice"] * 3
    world.until("all", lambda: events_of(world) == kinds, 600)


def events_of(world):
    return [m.payload["type"] for m in world.requests("SecurityEventNotification")]


def security_log():
    return [line[3].decode() for line in board.log if line[1]][1:]


def test_messages_that_are_none_are_in_the_security_log_once_a_connection(world):
    for _ in range(2):
        world.session.send_raw('[2,"1","Foo"', world.now_ns)
        world.session.send_raw('[2,"2","ClearCache",{"more":1}]', world.now_ns)
        world.session.send_raw('[2,"3","Frobnicate",{}]', world.now_ns)
        world.run(5)
    assert security_log() == ["InvalidMessages FormatViolation"]
    world.csms.connection().abort(world.now_ns)
    world.run(60)
    world.session.send_raw('[2,"3","Frobnicate",{}]', world.now_ns)
    world.run(5)
    assert len(security_log()) == 1
    world.session.send_raw('[2,"2","ClearCache",{"more":1}]', world.now_ns)
    world.run(5)
    assert security_log()[1:] == ["InvalidMessages ProtocolError"]
    assert events_of(world) == ["StartupOfTheDevice"]


def test_a_password_that_the_csms_refuses_is_in_the_security_log_once(world):
    world.csms.refuse_handshakes(401, times=3)
    world.csms.connection().abort(world.now_ns)
    world.run(600)
    assert security_log() == ["FailedToAuthenticateAtCsms"]
    world.csms.refuse_handshakes(401, times=1)
    world.csms.connection().abort(world.now_ns)
    world.run(100)
    assert security_log() == ["FailedToAuthenticateAtCsms"] * 2


def test_full_journal_is_a_critical_event_once_a_boot(world):
    for _ in range(2):
        board.journal[1] = b"m" + bytes((4, 1, 1, 0, 0, 0, 0, 1))
        world.station.outbox._thin_out()
    world.until("event", lambda: events_of(world)[-1] == "MemoryExhaustion")
    world.run(60)
    assert events_of(world)[1:] == ["MemoryExhaustion"]


def test_upload_is_of_the_log_as_it_is_at_each_attempt(world, server):
    answers = [None]
    server.answer = lambda request: answers.pop() if answers else reply(201)
    get_log(world, retries=3, retryInterval=30)
    until_statuses(world, ("Uploading", 1), ("UploadFailure", 1))
    # a compaction
    del board.log[next(i for i, line in enumerate(board.log) if not line[1])]
    until_statuses(world, *[("Uploading", 1), ("UploadFailure", 1), ("Uploading", 1), ("Uploaded", 1)])


def test_log_is_uploaded_though_the_answer_be_lost(world):
    send = world.station.link._socket.send

    async def lose(data):
        world.station.link._socket.send = send
        await world.station.link._socket.close()
        return False

    world.station.link._socket.send = lose
    log = {"logType": "DiagnosticsLog", "requestId": 1, "log": {"remoteLocation": URL + "/logs"}}
    world.session.call("GetLog", log, world.now_ns)
    until_statuses(world, ("Uploading", 1), ("Uploaded", 1))


def test_status_whose_answer_was_lost_is_sent_again(world, server):
    world.csms.answer("LogStatusNotification", Withhold(), times=1)
    get_log(world)
    until_statuses(world, ("Uploading", 1))
    world.modem.cut(world.now_ns, 0)
    until_statuses(world, ("Uploading", 1), ("Uploading", 1), ("Uploaded", 1))


def test_delivered_security_events_are_not_sent_again(world):
    world.station.events.report("InvalidTLSVersion")
    world.run(10)
    count = len(world.requests("SecurityEventNotification"))
    power_cycle(world)
    world.run(60)
    kinds = [m.payload["type"] for m in world.requests("SecurityEventNotification")]
    assert kinds[count:] == ["StartupOfTheDevice"]


# N09, N10


def customer(world, **request):
    return world.call("CustomerInformation", {"requestId": 7, "report": False, "clear": False, **request})


def told(world):
    return [m.payload for m in world.requests("NotifyCustomerInformation")]


def cached(world):
    world.station.authorization.cache.put(TOKEN["type"], TOKEN["idToken"], (0, 0b10, None, None))


def test_report_of_a_cached_token(world):
    cached(world)
    assert customer(world, report=True, idToken=TOKEN).payload["status"] == "Accepted"
    (report,) = world.until("report", lambda: told(world))
    assert report["data"] == "Authorization Cache: ISO14443 04A2B3C4: Accepted, EVSE 1"
    assert (report["requestId"], report["seqNo"], report.get("tbc", False)) == (7, 0, False)
    assert world.station.authorization.cache.get(TOKEN["type"], TOKEN["idToken"])


def test_clear_and_report_then_nothing_is_known(world):
    cached(world)
    customer(world, report=True, clear=True, idToken=TOKEN)
    customer(world, report=True, idToken=TOKEN)
    world.until("reports", lambda: len(told(world)) == 2)
    assert "Accepted" in told(world)[0]["data"]
    assert told(world)[1]["data"] == "No data found"
    assert not any(key[:2] == b"c:" for key in board.store)


def test_clear_without_report(world):
    cached(world)
    customer(world, clear=True, idToken=TOKEN)
    (report,) = world.until("report", lambda: told(world))
    assert report["data"] == "Cleared"
    assert world.station.authorization.cache.get(TOKEN["type"], TOKEN["idToken"]) is None


@pytest.mark.parametrize(
    "customer_of",
    [
        {"customerIdentifier": "Bob"},
        {
            "customerCertificate": {
                "hashAlgorithm": "SHA256",
                "issuerNameHash": "00",
                "issuerKeyHash": "00",
                "serialNumber": "1",
            }
        },
    ],
)
def test_nothing_is_kept_under_other_names(world, customer_of):
    assert customer(world, report=True, **customer_of).payload["status"] == "Accepted"
    (report,) = world.until("report", lambda: told(world))
    assert report["data"] == "No data found"


def test_requests_that_name_no_customer_or_want_nothing(world):
    assert customer(world, report=True).payload["status"] == "Invalid"
    both = customer(world, report=True, idToken=TOKEN, customerIdentifier="Bob")
    assert both.payload["status"] == "Invalid"
    assert customer(world, idToken=TOKEN).payload["status"] == "Rejected"
    world.run(10)
    assert told(world) == []
