"""The module's way to a CSMS: in this process, and over real sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from websockets.client import ClientProtocol
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from bench.peers.modem import Modem
from bench.peers.network import InProcessNetwork, Network
from bench.peers.tcp import SEND_BUFFER, TcpLink, TcpNetwork
from csms_stub import Csms
from csms_stub.server import CsmsServer
from tests.peers.conftest import MS, Board, S

BOOT = '[2,"1","BootNotification",{"reason":"PowerUp","chargingStation":{"model":"M","vendorName":"V"}}]'


def upgrade(path: str = "/ocpp/CS1") -> tuple[ClientProtocol, bytes]:
    client = ClientProtocol(parse_uri(f"ws://csms.local{path}"), subprotocols=[Subprotocol("ocpp2.0.1")])
    client.send_request(client.connect())
    return client, b"".join(client.data_to_send())


def payload(reply: str) -> bytes:
    """Data of a +CIPRECVDATA."""
    return reply.partition(",")[2].removesuffix("\r\n\r\nOK\r\n").encode("latin-1")


def online(network: Network) -> Board:
    board = Board(Modem(network)).online()
    board.command("AT+CIPRECVMODE=1")
    return board


def test_a_station_through_the_module_to_the_csms() -> None:
    csms = Csms()
    network = InProcessNetwork()
    network.add("csms.local", 9000, csms)
    board = online(network)
    assert board.command('AT+CIPSTART=0,"TCP","other.local",9000') == "\r\nERROR\r\n"
    assert board.command('AT+CIPSTART=0,"TCP","csms.local",9001') == "\r\nERROR\r\n"
    assert board.command('AT+CIPSTART=0,"TCP","CSMS.local",9000') == "0,CONNECT\r\n\r\nOK\r\n"
    client, request = upgrade()
    assert "+IPD,0," in board.transmit(request)
    reply = board.command("AT+CIPRECVDATA=0,2048")
    assert "HTTP/1.1 101" in reply
    assert csms.session("CS1").connected
    client.receive_data(payload(reply))
    client.send_text(BOOT.encode())
    assert "+IPD,0," in board.transmit(b"".join(client.data_to_send()))
    board.command("AT+CIPRECVDATA=0,2048")
    assert csms.session().boot is not None and not csms.violations
    # What the CSMS does by itself is seen by who asks when to look.
    csms.session().call("ClearCache", {}, board.now)
    assert board.modem.next_event_ns() == 0
    assert board.run(0.1).startswith(b"\r\n+IPD,0,")
    board.command("AT+CIPRECVDATA=0,2048")
    csms.connection().abort(board.now)
    assert board.run(0.1) == b"0,CLOSED\r\n"


def test_a_power_cut_is_not_told_and_the_next_connection_replaces_the_old_one() -> None:
    csms = Csms()
    network = InProcessNetwork()
    network.add("csms.local", 9000, csms)
    board = online(network)
    for _ in range(2):
        board.command('AT+CIPSTART=0,"TCP","csms.local",9000')
        board.transmit(upgrade()[1])
        assert csms.session().connected
        board.modem.power(False, board.now)
        assert csms.session().connected, "no FIN"
        board.modem.power(True, board.now)
        board.run(5)
        board.command("ATE0")
        board.command("AT+CIPMUX=1")
    assert [connection.open for connection in csms.connections] == [False, True]


def test_what_was_not_taken_waits_in_the_link() -> None:
    network = InProcessNetwork()
    network.add("csms.local", 9000, Csms())
    link = network.open("csms.local", 9000, 0)
    assert link is not None and link.next_event_ns() is None
    link.receive(upgrade()[1], 0)
    assert link.next_event_ns() == 0
    assert link.take(0, 4) == b"HTTP"
    assert link.next_event_ns() == 0
    assert link.take(0, 10_000).startswith(b"/1.1 101")
    assert link.next_event_ns() is None


def test_a_csms_that_does_not_listen() -> None:
    csms = Csms()
    csms.stop_listening()
    network = InProcessNetwork()
    network.add("csms.local", 9000, csms)
    assert network.open("csms.local", 9000, 0) is None


class Server:
    """A CsmsServer in a thread with its own event loop."""

    def __init__(self) -> None:
        self.csms = Csms()
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._end: asyncio.Event | None = None
        started = threading.Event()

        async def serve() -> None:
            self._end = asyncio.Event()
            async with CsmsServer(self.csms, port=0) as server:
                self.port = server.port
                started.set()
                await self._end.wait()

        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(serve()))
        self._thread.start()
        assert started.wait(10)

    def stop(self) -> None:
        assert self._end is not None
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def tcp() -> Iterator[TcpNetwork]:
    network = TcpNetwork()
    yield network
    network.close()


def play(board: Board, network: TcpNetwork, wanted: bytes, seconds: float = 5) -> bytes:
    """Let virtual time follow the socket until `wanted` has come, as a rig with an outside CSMS does."""
    out = b""
    end = time.monotonic() + seconds
    while wanted not in out and time.monotonic() < end:
        network.wait(0.05)
        out += board.run(0.01)
    return out


def test_a_station_through_the_module_to_a_real_server(server: Server, tcp: TcpNetwork) -> None:
    tcp.map("csms.local", 9000, "127.0.0.1", server.port)
    board = online(tcp)
    board.send('AT+CIPSTART=0,"TCP","csms.local",9000,60\r\n')
    assert b"0,CONNECT\r\n\r\nOK\r\n" in play(board, tcp, b"OK")
    client, request = upgrade()
    board.command(f"AT+CIPSEND=0,{len(request)}")
    board.send(request)
    assert b"+IPD,0," in play(board, tcp, b"+IPD,0,")
    reply = board.command("AT+CIPRECVDATA=0,2048")
    assert "HTTP/1.1 101" in reply
    client.receive_data(payload(reply))
    client.send_text(BOOT.encode())
    data = b"".join(client.data_to_send())
    board.command(f"AT+CIPSEND=0,{len(data)}")
    board.send(data)
    assert b"+IPD,0," in play(board, tcp, b"+IPD,0,")
    assert '"status":"Accepted"' in board.command("AT+CIPRECVDATA=0,2048")
    assert board.command("AT+CIPCLOSE=0") == "0,CLOSED\r\n\r\nOK\r\n"


def test_a_closed_port_is_an_error(tcp: TcpNetwork) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    tcp.map("csms.local", 9000, "127.0.0.1", port)
    board = online(tcp)
    board.send('AT+CIPSTART=0,"TCP","csms.local",9000\r\n')
    assert b"\r\nERROR\r\n" in play(board, tcp, b"ERROR")


def test_a_connection_under_way_ends_with_the_power(tcp: TcpNetwork) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1) as listener:
        tcp.map("csms.local", 9000, "127.0.0.1", listener.getsockname()[1])
        board = online(tcp)
        board.send('AT+CIPSTART=0,"TCP","csms.local",9000\r\n')
        # Far enough for connect(), not for the module to see that it is connected.
        board.run(0.0215)
        other, _ = listener.accept()
        with other:
            board.modem.power(False, board.now)
            other.settimeout(5)
            assert other.recv(1) == b""


def test_an_unknown_host_is_refused_with_a_reason(tcp: TcpNetwork) -> None:
    assert tcp.open("host.invalid", 80, 0) is None
    assert tcp.last_error.startswith("cannot reach host.invalid:80: ")
    assert tcp.open("a" * 100 + "\u0130.invalid", 80, 0) is None


@pytest.fixture
def pair() -> Iterator[tuple[TcpNetwork, TcpLink, socket.socket]]:
    network = TcpNetwork()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        link = network.open("127.0.0.1", listener.getsockname()[1], 0)
        assert link is not None
        other, _ = listener.accept()
        with other:
            network.wait(1)
            assert link.connected(0)
            yield network, link, other
    network.close()


def test_limits_of_take_hold_the_rest_back(pair: tuple[TcpNetwork, TcpLink, socket.socket]) -> None:
    network, link, other = pair
    other.sendall(b"abcdef")
    assert network.wait(5)
    assert (link.take(5 * MS, 4), link.next_event_ns()) == (b"abcd", 0)
    assert link.take(6 * MS, 4) == b"ef"
    assert link.next_event_ns() == 8 * MS, "a socket is looked at again and again"
    other.close()
    assert network.wait(5)
    assert link.closed(9 * MS) and link.error == ""
    assert link.next_event_ns() is None


def test_waiting_does_not_spin_on_a_board_that_does_not_read(
    pair: tuple[TcpNetwork, TcpLink, socket.socket],
) -> None:
    network, _, other = pair
    other.setblocking(False)
    sent = 0
    for _ in range(100):
        try:
            sent += other.send(bytes(1 << 16))
        except BlockingIOError:
            if not network.wait(0.05):
                break
    assert sent > 0
    begun = time.monotonic()
    assert not network.wait(0.2)
    assert time.monotonic() - begun >= 0.19


def test_a_csms_that_never_reads_ends_the_link_at_a_bound(
    pair: tuple[TcpNetwork, TcpLink, socket.socket],
) -> None:
    _, link, _ = pair
    for _ in range(100 * SEND_BUFFER // (1 << 16)):
        link.receive(bytes(1 << 16), S)
    assert link.closed(S) and "the CSMS reads nothing" in link.error


def test_a_reset_by_the_other_side_ends_the_link(pair: tuple[TcpNetwork, TcpLink, socket.socket]) -> None:
    network, link, other = pair
    other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    other.close()
    network.wait(5)
    link.receive(b"x", 0)
    assert link.closed(0) and link.error
    assert link.take(0, 10) == b""
