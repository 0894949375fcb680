"""TLS between the WebSocket and the network module: what a server may keep the station waiting for, and which
times are believed. TLS itself is tested in tests/port."""

import asyncio
from collections import deque

import board
import pytest
from station import clock, secure
from station.modem import LinkDown


class Time:
    seconds = 0


class Socket:
    """A server that sends one byte a second, for ever."""

    def __init__(self):
        self.sent = []

    async def connect(self, host, port): ...

    async def send(self, data):
        self.sent.append(bytes(data))
        return True

    async def recv(self, buffer, timeout_s):
        assert timeout_s > 0
        Time.seconds += 1
        assert Time.seconds < 10000, "the station waits for ever"
        buffer[0] = 0
        return 1

    async def close(self): ...


class Client:
    """A session that only ever wants more."""

    open = False
    span = (100, 200)

    def __init__(self, host, prefix, now, exact):
        self.records = deque()

    def handshake(self):
        return True if self.open else None

    def feed(self, data): ...

    def readinto(self, buffer):
        return None

    def output(self):
        return self.records[0] if self.records else None

    def sent(self):
        self.records.popleft()

    def write(self, data):
        if self.records:
            raise OSError(0x6880, 0)
        self.records.append(bytes(data))
        return len(data)

    def valid(self):
        return self.span

    def free(self): ...

    def shut(self): ...


@pytest.fixture
def socket(monkeypatch):
    Time.seconds = 0
    board.start(board.POWER_ON, lambda: Time.seconds * 10**9)
    board.store.clear()
    monkeypatch.setattr(clock, "known", False)
    monkeypatch.setattr(clock, "on_set", [])
    monkeypatch.setattr(secure.tls, "Client", Client)
    monkeypatch.setattr(Client, "open", False)
    return secure.SecureSocket(Socket())


def test_handshake_that_comes_byte_by_byte_ends(socket):
    with pytest.raises(LinkDown, match="no answer"):
        asyncio.run(socket.connect("csms.local", 443))
    assert 60 <= Time.seconds <= 61


def test_record_that_comes_byte_by_byte_is_a_silence(socket, monkeypatch):
    monkeypatch.setattr(Client, "open", True)

    async def work():
        await socket.connect("csms.local", 443)
        return await socket.recv(bytearray(10), 30)

    assert asyncio.run(work()) is None
    assert 30 <= Time.seconds <= 31


def test_what_reading_has_left_goes_out_first(socket, monkeypatch):
    monkeypatch.setattr(Client, "open", True)

    async def work():
        await socket.connect("csms.local", 443)
        socket._tls.records.append(b"no renegotiation")
        return await socket.send(b"hello")

    assert asyncio.run(work())
    assert socket._socket.sent == [b"no renegotiation", b"hello"]


@pytest.mark.parametrize(
    ("now", "connected", "kept"), [(150, True, b"150"), (250, True, None), (150, False, None)]
)
def test_time_is_kept_only_where_the_certificate_is_valid(socket, monkeypatch, now, connected, kept):
    day = secure._DAY_S
    monkeypatch.setattr(Client, "open", True)
    monkeypatch.setattr(Client, "span", (100 * day, 200 * day))
    monkeypatch.setattr(clock, "time", lambda: (now * day, 0))
    told = []
    socket.report = told.append

    async def work():
        if connected:
            await socket.connect("csms.local", 443)
        for listener in clock.on_set:
            listener()

    asyncio.run(work())
    assert board.store.get(b"t") == (kept and str(int(kept) * day).encode())
    assert told == (["InvalidCsmsCertificate"] if connected and not kept else [])
