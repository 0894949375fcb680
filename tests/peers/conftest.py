"""A board's end of the modem UART, for tests: commands in, lines out, on a virtual clock."""

from __future__ import annotations

import pytest

from bench.peers.modem import Modem
from bench.peers.network import InProcessNetwork

MS = 1_000_000
S = 1_000_000_000


class EchoLink:
    """A TCP peer that keeps what it gets and sends what the test puts into `to_send`."""

    def __init__(self) -> None:
        self.received = b""
        self.received_at: list[tuple[int, bytes]] = []
        self.to_send = bytearray()
        self.ended = False
        self.told_closed = False
        self.abandoned = False

    def connected(self, now_ns: int) -> bool:
        return True

    def closed(self, now_ns: int) -> bool:
        return self.ended and not self.to_send

    def receive(self, data: bytes, now_ns: int) -> None:
        self.received += data
        self.received_at.append((now_ns, data))

    def take(self, now_ns: int, limit: int) -> bytes:
        data = bytes(self.to_send[:limit])
        del self.to_send[:limit]
        return data

    def close(self, now_ns: int) -> None:
        self.told_closed = True

    def abandon(self, now_ns: int) -> None:
        self.abandoned = True

    def next_event_ns(self) -> int | None:
        return 0 if self.to_send or self.ended else None


class EchoNetwork:
    def __init__(self) -> None:
        self.links: list[EchoLink] = []

    def open(self, host: str, port: int, now_ns: int) -> EchoLink | None:
        if (host, port) != ("host", 80):
            return None
        self.links.append(EchoLink())
        return self.links[-1]


class Board:
    """Drives a Modem as firmware does; `now` is virtual time."""

    def __init__(self, modem: Modem) -> None:
        self.modem = modem
        self.now = 0

    def run(self, seconds: float) -> bytes:
        """Let time pass, as the rig does: from event to event."""
        end = self.now + int(seconds * S)
        out = b""
        while True:
            due = self.modem.next_event_ns()
            if due is None or due > end:
                break
            self.now = max(self.now, due)
            out += self.modem.poll(self.now)
        self.now = end
        return out + self.modem.poll(self.now)

    def send(self, data: str | bytes) -> None:
        self.modem.receive(data.encode() if isinstance(data, str) else data, self.now)

    def command(self, text: str, seconds: float = 0.1) -> str:
        """Send a command; everything that comes within `seconds`, with line ends as they are."""
        self.send(text + "\r\n")
        return self.run(seconds).decode("latin-1")

    def online(self) -> Board:
        """Power on, join, CIPMUX=1."""
        self.modem.power(True, self.now)
        assert self.run(1) == b"\r\nready\r\n"
        self.command("ATE0")
        assert self.command("AT+CWMODE=1") == "\r\nOK\r\n"
        assert (
            self.command('AT+CWJAP="bench","bench-psk"', 3) == "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n"
        )
        assert self.command("AT+CIPMUX=1") == "\r\nOK\r\n"
        return self

    def connect(self, link: int = 0, extra: str = "") -> None:
        assert self.command(f'AT+CIPSTART={link},"TCP","host",80{extra}') == f"{link},CONNECT\r\n\r\nOK\r\n"

    def transmit(self, data: bytes, link: int = 0, seconds: float = 0.1) -> str:
        assert self.command(f"AT+CIPSEND={link},{len(data)}") == "\r\nOK\r\n\r\n> "
        self.send(data)
        return self.run(seconds).decode("latin-1")


@pytest.fixture
def network() -> EchoNetwork:
    return EchoNetwork()


@pytest.fixture
def board(network: EchoNetwork) -> Board:
    """A board whose modem is online, passive receive off."""
    return Board(Modem(network, seed=7)).online()


@pytest.fixture
def csms_network() -> InProcessNetwork:
    return InProcessNetwork()
