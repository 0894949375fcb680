"""The wire tap between a WebSocket client and the CSMS: what it tells, and that it changes nothing."""

from __future__ import annotations

import json
from typing import Any, cast

from websockets.client import ClientProtocol
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from bench.peers.network import InProcessNetwork
from bench.peers.tcp import TcpNetwork
from bench.wiretap import WireTap
from csms_stub.csms import Csms

BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}


def test_tells_requests_and_messages_both_ways_in_whatever_pieces() -> None:
    seen: list[tuple[int, str, str]] = []
    network = InProcessNetwork()
    csms = Csms()
    network.add("csms.local", 9000, csms)
    tap = WireTap(cast(TcpNetwork, network), lambda *what: seen.append(what))
    link = tap.open("csms.local", 9000, 5)
    assert link is not None
    client = ClientProtocol(
        parse_uri("ws://csms.local:9000/ocpp/CS-1"), subprotocols=[Subprotocol("ocpp2.0.1")]
    )
    client.send_request(client.connect())

    def exchange(now_ns: int) -> None:
        for data in client.data_to_send():
            for byte in data:
                link.receive(bytes([byte]), now_ns)
        while answer := link.take(now_ns, 7):
            client.receive_data(answer)

    exchange(10)
    call: list[Any] = [2, "1", "BootNotification", BOOT]
    client.send_text(json.dumps(call).encode())
    exchange(20)
    client.send_close(1000)
    exchange(30)
    assert seen[0] == (5, "in", "TCP csms.local:9000 opening")
    assert seen[1] == (10, "in", "GET /ocpp/CS-1 HTTP/1.1")
    assert seen[2] == (10, "out", "HTTP/1.1 101 Switching Protocols")
    assert seen[3] == (20, "in", json.dumps(call))
    assert seen[4][:2] == (20, "out")
    assert json.loads(seen[4][2])[:2] == [3, "1"]
    assert seen[5] == (30, "in", "WebSocket close")
    assert csms.session().boot == BOOT


def test_refused_connection_is_told() -> None:
    seen: list[str] = []
    tap = WireTap(cast(TcpNetwork, InProcessNetwork()), lambda at, way, text: seen.append(text))
    assert tap.open("csms.local", 9000, 0) is None
    assert seen == ["TCP csms.local:9000 refused"]


def test_what_is_no_websocket_ends_the_reading() -> None:
    seen: list[str] = []
    network = InProcessNetwork()
    network.add("csms.local", 9000, Csms())
    tap = WireTap(cast(TcpNetwork, network), lambda at, way, text: seen.append(text))
    link = tap.open("csms.local", 9000, 0)
    assert link is not None
    link.receive(b"GET /ocpp/CS-1 HTTP/1.1\r\n\r\n\x7f\x7f\x7f\x7f\x7f", 1)
    link.receive(b"more", 2)
    assert seen[1] == "GET /ocpp/CS-1 HTTP/1.1"
    assert seen[2].startswith("not readable as WebSocket")
    assert len(seen) == 3
