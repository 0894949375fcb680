"""Handshake, authentication, framing and closing, byte by byte and without I/O."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csms_stub import Csms, CsmsError
from csms_stub.connection import CLOSE_TIMEOUT_NS
from tests.csms_stub.conftest import S, Station

UPGRADE = (
    b"GET /ocpp/CS1 HTTP/1.1\r\nHost: csms\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: ocpp2.0.1\r\n\r\n"
)
HEARTBEAT = b'[2,"1","Heartbeat",{}]'


def frame(data: bytes, first: int = 0x81, *, masked: bool = True) -> bytes:
    assert len(data) < 126
    if not masked:
        return bytes([first, len(data)]) + data
    key = b"\x01\x02\x03\x04"
    return bytes([first, 0x80 | len(data)]) + key + bytes(b ^ key[i % 4] for i, b in enumerate(data))


def test_handshake_is_recorded(csms: Csms) -> None:
    station = Station(csms, now=3 * S).open(headers={"X-Test": "1"})
    assert station.response is not None
    assert station.response.status_code == 101
    assert station.response.headers["Sec-WebSocket-Protocol"] == "ocpp2.0.1"
    assert station.response.headers["Date"] == "Thu, 01 Jan 2026 00:00:03 GMT", "no host time on the wire"
    shake = station.connection.handshake
    assert shake is not None
    assert (shake.at_ns, shake.path, shake.identity, shake.status) == (3 * S, "/ocpp/CS1", "CS1", 101)
    assert shake.subprotocols == ("ocpp2.0.1",)
    assert shake.header("x-test") == "1"
    assert csms.session("CS1").connected and station.connection.open


@pytest.mark.parametrize(
    ("path", "identity"),
    [
        ("/ocpp/CS1", "CS1"),
        ("/ocpp/RDAM%20123", "RDAM 123"),
        ("/ocpp/CS1?x=1", "CS1"),
        ("/ocpp/", None),
        ("/ocpp", None),
        ("/other/CS1", None),
        ("/ocpp/a/b", None),
        ("/ocpp/" + "x" * 49, None),
    ],
)
def test_identity_comes_from_the_path(csms: Csms, path: str, identity: str | None) -> None:
    station = Station(csms).open(path)
    assert station.response is not None
    assert station.response.status_code == (404 if identity is None else 101)
    assert list(csms.sessions) == ([] if identity is None else [identity])


@pytest.mark.parametrize(
    ("path", "user", "password", "status", "reason"),
    [
        ("/ocpp/CS1", "CS1", "0123456789abcdef", 101, ""),
        ("/ocpp/CS1", "CS1", "wrong", 401, "wrong password"),
        ("/ocpp/CS1", "CS2", "0123456789abcdef", 401, "the user name is not the identity CS1 (A00.FR.204)"),
        ("/ocpp/CS1", None, "", 401, "Basic authentication is needed (A00.FR.203)"),
        ("/ocpp/CS2", "CS2", "0123456789abcdef", 404, "unknown charging station CS2"),
    ],
)
def test_basic_authentication(path: str, user: str | None, password: str, status: int, reason: str) -> None:
    csms = Csms(passwords={"CS1": "0123456789abcdef"})
    station = Station(csms).open(path, user=user, password=password)
    assert station.response is not None and station.response.status_code == status
    assert ("WWW-Authenticate" in station.response.headers) == (status == 401)
    shake = station.connection.handshake
    assert shake is not None and (shake.status, shake.reason, shake.user) == (status, reason, user)
    assert station.connection.closed == (status != 101)


@pytest.mark.parametrize("value", ["Basic", "Basic !!!", "Basic AAAA", "Bearer x", "Basic /w=="])
def test_unreadable_credentials_are_none(value: str) -> None:
    csms = Csms(passwords={"CS1": "0123456789abcdef"})
    station = Station(csms).open(headers={"Authorization": value})
    assert station.response is not None and station.response.status_code == 401


@pytest.mark.parametrize("offered", [[], ["ocpp1.6"], ["ocpp1.6", "ocpp2.1"]])
def test_without_a_common_subprotocol_the_handshake_completes_and_the_csms_closes(
    csms: Csms, offered: list[str]
) -> None:
    station = Station(csms).open(subprotocols=offered)
    assert station.response is not None and station.response.status_code == 101
    assert "Sec-WebSocket-Protocol" not in station.response.headers
    assert station.protocol is not None and station.protocol.close_code == 1002
    assert station.connection.handshake is not None
    assert station.connection.handshake.subprotocols == tuple(offered)
    assert station.connection.close_code == 1002 and csms.sessions == {}
    assert "no subprotocol ocpp2.0.1 offered" in csms.violations[0]


def test_one_of_several_subprotocols_is_taken(csms: Csms) -> None:
    station = Station(csms).open(subprotocols=["ocpp1.6", "ocpp2.0.1"])
    assert station.response is not None
    assert station.response.headers["Sec-WebSocket-Protocol"] == "ocpp2.0.1"


def test_refused_handshakes_are_counted(csms: Csms) -> None:
    csms.refuse_handshakes(404)
    csms.refuse_handshakes(503, times=2)
    statuses = []
    for _ in range(3):
        station = Station(csms).open()
        assert station.response is not None
        statuses.append(station.response.status_code)
    assert statuses == [503, 503, 404]
    csms.accept_handshakes()
    assert Station(csms).open().boot().connection.open


def test_handshakes_are_refused_at_one_end_point(csms: Csms) -> None:
    csms.refuse_handshakes(503, endpoint="b:1")
    for endpoint, status in (("a:1", b"101"), ("b:1", b"503")):
        connection = csms.accept(0, endpoint=endpoint)
        assert connection is not None
        connection.receive(UPGRADE, 0)
        assert connection.take(0).startswith(b"HTTP/1.1 " + status)
        assert connection.handshake is not None and connection.handshake.endpoint == endpoint


def test_ignored_handshake_gets_no_answer(csms: Csms) -> None:
    csms.refuse_handshakes(None, times=1)
    connection = csms.accept(0)
    assert connection is not None
    connection.receive(UPGRADE, 0)
    assert connection.take(0) == b"" and not connection.closed
    assert connection.handshake is not None and connection.handshake.status == 0
    connection.receive_eof(1)
    assert connection.closed and csms.violations == []
    assert Station(csms).open().boot().connection.open


def test_not_listening(csms: Csms) -> None:
    csms.stop_listening()
    assert csms.accept(0) is None
    csms.start_listening()
    assert csms.accept(0) is not None


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (UPGRADE.replace(b"GET", b"POST"), b"405"),
        (UPGRADE.replace(b"Upgrade: websocket\r\n", b""), b"426"),
        (UPGRADE.replace(b"AAAAAAAAAAAAAAAAAAAAAA==", b"AAAA"), b"400"),
        (UPGRADE.replace(b"Version: 13", b"Version: 8"), b"400"),
        (b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\n", b"414"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 500, b"431"),
    ],
)
def test_bad_upgrades_are_refused_and_closed(csms: Csms, request_bytes: bytes, status: bytes) -> None:
    connection = csms.accept(0)
    assert connection is not None
    connection.receive(request_bytes, 0)
    assert connection.take(0).startswith(b"HTTP/1.1 " + status)
    assert connection.closed and csms.sessions == {}


def test_what_is_no_http_is_closed_and_named(csms: Csms) -> None:
    connection = csms.accept(0)
    assert connection is not None
    connection.receive(b"\x16\x03\x01\x02\x00hello\n", 0)
    assert connection.take(0) == b"" and connection.closed
    assert "HTTP: did not receive a valid HTTP request" in csms.violations[0]


def test_a_frame_right_behind_the_request_is_heard(csms: Csms) -> None:
    connection = csms.accept(0)
    assert connection is not None
    connection.receive(UPGRADE + frame(HEARTBEAT), 0)
    assert b'[3,"1",{"currentTime"' in connection.take(0)


def test_the_same_in_single_bytes(csms: Csms) -> None:
    connection = csms.accept(0)
    assert connection is not None
    for byte in UPGRADE + frame(HEARTBEAT):
        connection.receive(bytes([byte]), 0)
    assert b'[3,"1",{"currentTime"' in connection.take(0)


@pytest.mark.parametrize(
    ("data", "code", "violation"),
    [
        (frame(HEARTBEAT, masked=False), 1002, "WebSocket: incorrect masking"),
        (frame(b"\xff\xfe"), 1007, "text message is not UTF-8"),
        (frame(b"x", first=0x83), 1002, "WebSocket: invalid opcode"),
        (frame(b"x", first=0xC1), 1002, "WebSocket: reserved bits must be 0"),
        (frame(b"x", first=0x80), 1002, "WebSocket: unexpected continuation frame"),
        (b"\x81\xff" + (1 << 21).to_bytes(8, "big"), 1009, "WebSocket: frame with 2097152 bytes"),
    ],
)
def test_malformed_frames_close_and_are_named(csms: Csms, data: bytes, code: int, violation: str) -> None:
    station = Station(csms).open().boot()
    station.connection.receive(data, station.now)
    answer = station.connection.take(station.now)
    assert answer[0] == 0x88 and int.from_bytes(answer[2:4], "big") == code
    assert station.connection.closed and not csms.session().connected
    assert violation in csms.violations[0]


def test_fragments_become_one_message(csms: Csms) -> None:
    station = Station(csms).open().boot()
    for data in (frame(HEARTBEAT[:5], 0x01), frame(HEARTBEAT[5:9], 0x00), frame(b"ping", 0x89)):
        station.connection.receive(data, 0)
    assert station.connection.take(0) == b"\x8a\x04ping"
    station.connection.receive(frame(HEARTBEAT[9:], 0x80), 0)
    assert b'[3,"1"' in station.connection.take(0)
    assert [data for _, data in station.connection.pings] == [b"ping"]


def test_ping_from_the_csms(csms: Csms) -> None:
    station = Station(csms).open()
    station.connection.ping(b"are you there", 7)
    station.now = 7
    station.pump()
    station.pump()
    assert list(station.connection.pongs) == [(7, b"are you there")]
    with pytest.raises(CsmsError, match="at most 125 bytes"):
        station.connection.ping(bytes(126), 7)


def test_closing_handshake_of_the_csms(csms: Csms) -> None:
    station = Station(csms).open().boot()
    csms.close_all(1012, "restart", station.now)
    assert not csms.session().connected and not station.connection.closed
    station.pump()
    assert station.protocol is not None and station.protocol.close_code == 1012
    assert station.connection.closed
    with pytest.raises(CsmsError, match="the WebSocket is not open"):
        station.connection.close(1000, "", 0)


def test_a_station_that_does_not_answer_the_close_is_dropped(csms: Csms) -> None:
    station = Station(csms).open()
    station.connection.close(1001, "bye", 0)
    station.connection.take(0)
    assert station.connection.next_event_ns() == CLOSE_TIMEOUT_NS
    station.connection.take(CLOSE_TIMEOUT_NS - 1)
    assert not station.connection.closed
    station.connection.take(CLOSE_TIMEOUT_NS)
    assert station.connection.closed


def test_what_comes_after_our_close_frame_does_not_count(csms: Csms) -> None:
    station = Station(csms).open().boot()
    station.connection.close(1001, "", 0)
    before = len(csms.session().transcript)
    station.connection.receive(frame(HEARTBEAT), 0)
    assert len(csms.session().transcript) == before


def test_closing_handshake_of_the_station(csms: Csms) -> None:
    station = Station(csms).open().boot()
    assert station.protocol is not None
    station.protocol.send_close(1000, "done")
    station.pump()
    assert (station.connection.close_code, station.connection.close_reason) == (1000, "done")
    assert station.connection.closed and not csms.session().connected and not csms.violations


def test_a_vanished_station_is_1006(csms: Csms) -> None:
    station = Station(csms).open()
    station.connection.receive_eof(9)
    assert station.connection.close_code == 1006 and not csms.session().connected
    station.connection.receive(b"ignored", 9)
    assert station.connection.take(9) == b""


def test_codes_no_frame_can_carry_are_refused(csms: Csms) -> None:
    station = Station(csms).open()
    with pytest.raises(CsmsError, match="cannot close with code 1006"):
        station.connection.close(1006, "", 0)


def test_a_newer_connection_replaces_a_half_open_one(csms: Csms) -> None:
    old = Station(csms).open().boot()
    new = Station(csms).open()
    assert csms.connection() is new.connection
    assert old.connection.close_reason == "replaced by a newer connection"
    old.connection.abort(0)
    assert csms.session().connected, "the end of the old one is not the end of the new one"


def test_malformed_bytes_to_the_station(csms: Csms) -> None:
    station = Station(csms).open()
    station.connection.send_bytes(b"\xff\xff", 0)
    assert station.connection.next_event_ns() == 0
    assert station.connection.take(0) == b"\xff\xff"


def test_compression_is_offered_as_part_4_asks(csms: Csms) -> None:
    station = Station(csms).open(headers={"Sec-WebSocket-Extensions": "permessage-deflate"})
    assert station.response is not None
    assert "permessage-deflate" in station.response.headers["Sec-WebSocket-Extensions"]


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=300), st.booleans(), st.lists(st.integers(1, 60), max_size=10))
def test_no_bytes_raise(data: bytes, upgraded: bool, cuts: list[int]) -> None:
    csms = Csms()
    connection = csms.accept(0)
    assert connection is not None
    data = (UPGRADE if upgraded else b"") + data
    for length in cuts:
        connection.receive(data[:length], 0)
        data = data[length:]
        connection.take(0)
    connection.receive(data, 0)
    connection.take(0)
    connection.receive_eof(0)
    assert connection.closed
    assert all(isinstance(line, str) for line in csms.violations)


@settings(deadline=None, max_examples=200)
@given(st.integers(0, len(UPGRADE) - 1), st.binary(min_size=1, max_size=4))
def test_no_damaged_request_raises(position: int, noise: bytes) -> None:
    csms = Csms(passwords={"CS1": "x"})
    connection = csms.accept(0)
    assert connection is not None
    connection.receive(UPGRADE[:position] + noise + UPGRADE[position + len(noise) :] + b"\r\n\r\n", 0)
    connection.take(0)
    connection.receive_eof(0)
    assert connection.closed
