"""The WebSocket client protocol against the `websockets` library's server, and its violations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from station import websocket
from station.modem import LinkDown
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

RX = websocket.RX_MESSAGE


def request_of(client, host, path, identity, password):
    """The opening request, as it goes out."""
    buffer = bytearray(1000)
    return bytes(buffer[: client.request(buffer, host, path, identity, password)])


def opened():
    """A client behind its handshake, and the server."""
    client = websocket.Client()
    server = ServerProtocol(subprotocols=["ocpp2.0.1"])
    server.receive_data(request_of(client, "csms.local", "/ocpp/a%20b", "a b", "pass:word"))
    (request,) = server.events_received()
    assert request.headers["Authorization"] == "Basic YSBiOnBhc3M6d29yZA=="
    server.send_response(server.accept(request))
    answer = b"".join(server.data_to_send())
    assert client.receive(answer, 0) == websocket.OPENED
    assert client.used == len(answer)
    return client, server


def events(client, data, size=None):
    """(event, text or control payload) of all that the client reports."""
    found = []
    for start in range(0, len(data), size or len(data) or 1):
        piece = data[start : start + (size or len(data))]
        at = 0
        while at < len(piece):
            event = client.receive(piece, at)
            at = client.used
            if event == websocket.TEXT:
                found.append((event, bytes(client.message[: client.length])))
            elif event:
                found.append((event, client.control_payload()))
    return found


@given(st.lists(st.text(max_size=400), max_size=5), st.integers(1, 300), st.integers(1, 120))
def test_messages_in_fragments_and_pieces(texts, size, part):
    client, server = opened()
    expected = []
    for text in texts:
        data = text.encode()
        parts = [data[i : i + part] for i in range(0, len(data), part)] or [b""]
        for i, piece in enumerate(parts):
            server.send_ping(b"p%d" % i)
            expected.append((websocket.PING, b"p%d" % i))
            last = i == len(parts) - 1
            if i == 0:
                server.send_text(piece, fin=last)
            else:
                server.send_continuation(piece, fin=last)
        expected.append((websocket.TEXT, data))
    assert events(client, b"".join(server.data_to_send()), size) == expected


@given(st.binary(max_size=1016), st.booleans())
def test_sent_frames_are_understood(payload, final):
    _, server = opened()
    buffer = bytearray(8 + 1016)
    buffer[8 : 8 + len(payload)] = payload
    start, end = websocket.seal(buffer, websocket.TEXT, len(payload), final)
    server.receive_data(bytes(buffer[start:end]))
    (frame,) = server.events_received()
    assert (frame.opcode, bytes(frame.data), frame.fin) == (Opcode.TEXT, payload, final)


def serialised(opcode, data, **more):
    return Frame(opcode, data, **more).serialize(mask=False)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xc1\x00", 1002),  # reserved bit
        (b"\x81\x80\0\0\0\0", 1002),  # masked
        (b"\x83\x00", 1002),  # unknown opcode
        (b"\x8b\x00", 1002),  # unknown control opcode
        (b"\x09\x00", 1002),  # fragmented ping
        (b"\x89\x7e\x00\x7e", 1002),  # long ping
        (b"\x80\x00", 1002),  # continuation of nothing
        (b"\x01\x00\x81\x00", 1002),  # new message within a message
        (b"\x81\x7e\x00\x05", 1002),  # length not minimal
        (b"\x81\x7f\0\0\0\0\0\0\xff\xff", 1002),  # length not minimal
        (b"\x81\x7f\0\0\0\0\0\x02\x00\x00", 1009),  # longer than may be discarded
        (b"\x81\x7f\x40\0\0\0\0\0\0\0", 1009),
        (b"\x82\x01x", 1003),  # binary
        (b"\x81\x02\xc3\x28", 1007),  # not UTF-8
        (b"\x88\x01\x03", 1002),  # close with half a code
        (b"\x88\x02\x03\xed", 1002),  # close with a code that must not be sent
        (b"\x88\x04\x03\xe8\xc3\x28", 1007),  # close with a reason that is not UTF-8
        (b"\x88\x00", 1000),
        (b"\x88\x02\x03\xe9", 1001),
        (b"\x88\x02\x0f\xa0", 4000),
    ],
)
def test_close_codes(data, code):
    client, _ = opened()
    found = events(client, data + b"\x81\x01x")
    assert found[-1][0] == websocket.CLOSE
    assert [e for e, _ in found].count(websocket.CLOSE) == 1
    assert client.close_code == code


def test_message_in_fragments_that_is_too_long_in_sum():
    client, _ = opened()
    data = serialised(Opcode.TEXT, b"x" * 40000, fin=False) + serialised(Opcode.CONT, b"x" * 40000, fin=False)
    assert events(client, data, 256)[-1][0] == websocket.CLOSE
    assert client.close_code == 1009


@pytest.mark.parametrize("length", [RX - 1, RX, RX + 1, 5000, 65536])
def test_a_message_that_does_not_fit_is_cut(length):
    client, _ = opened()
    text = b"y" * length
    assert events(client, serialised(Opcode.TEXT, text), 256) == [(websocket.TEXT, text[:RX])]
    assert client.oversize == (length > RX)
    assert events(client, serialised(Opcode.TEXT, b"z")) == [(websocket.TEXT, b"z")]
    assert not client.oversize


@given(st.text(min_size=1, max_size=600), st.integers(0, 600))
def test_utf8_is_checked_across_pieces(text, at):
    data = text.encode()
    client, _ = opened()
    assert events(client, serialised(Opcode.TEXT, data)) == [(websocket.TEXT, data)]
    broken = bytearray(data)
    broken.insert(min(at, len(broken)), 0xFF)
    assert events(client, serialised(Opcode.TEXT, bytes(broken)))[-1][0] == websocket.CLOSE
    assert client.close_code == 1007


@given(st.binary(max_size=400), st.integers(1, 50))
def test_noise_is_survived(data, size):
    client, _ = opened()
    events(client, data, size)


@given(st.binary(max_size=3000), st.integers(1, 500))
def test_noise_instead_of_a_handshake(data, size):
    client = websocket.Client()
    request_of(client, "h", "/", "i", None)
    try:
        assert events(client, data, size) == []
    except LinkDown as e:
        assert e.args[0]


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("101 Switching Protocols", "401 Unauthorized", "HTTP status 401"),
        ("101 Switching Protocols", "302 Found", "HTTP status 302"),
        ("HTTP/1.1 ", "ICY ", "not an HTTP"),
        ("ocpp2.0.1", "ocpp1.6", "subprotocol"),
        ("Sec-WebSocket-Protocol: ocpp2.0.1\r\n", "", "subprotocol"),
        ("Upgrade: websocket", "Upgrade: h2c", "no upgrade"),
        ("Connection: Upgrade", "Connection: close", "no connection upgrade"),
        ("Accept: ", "Accept: x", "Sec-WebSocket-Accept"),
        ("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", "extension"),
    ],
)
def test_handshake_refused(before, after, reason):
    client = websocket.Client()
    server = ServerProtocol(subprotocols=["ocpp2.0.1"])
    server.receive_data(request_of(client, "csms.local", "/ocpp/a", "a", "p"))
    (request,) = server.events_received()
    server.send_response(server.accept(request))
    answer = b"".join(server.data_to_send()).decode()
    assert before in answer
    with pytest.raises(LinkDown, match=reason):
        client.receive(answer.replace(before, after).encode(), 0)


@given(st.text(max_size=20))
def test_path_segment_is_quoted(text):
    from urllib.parse import quote

    assert websocket.quoted(text) == quote(text, safe="")


def test_an_opening_request_that_is_too_long():
    with pytest.raises(LinkDown):
        websocket.Client().request(bytearray(400), "csms.local", "/" + 300 * "a", "a", "p")
