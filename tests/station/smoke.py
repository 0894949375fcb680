"""The whole station in virtual time against scripted peers, in one file for MicroPython.

    micropython smoke.py    (MICROPYPATH with tests/station/fakes and firmware)

Prints "ok" and the greatest use of the heap, in bytes, that was seen between two messages.
"""

import asyncio
import binascii
import gc
import json
import sys
import time

import board

HOUR_MS = 3600000


class Wire:
    """The station's end of a UART; `peer(data)` takes what is written."""

    def __init__(self, peer):
        self._in = b""
        self._came = asyncio.Event()
        self._peer = peer

    def put(self, data):
        self._in += data
        self._came.set()

    async def readinto(self, buffer):
        while not self._in:
            self._came.clear()
            await self._came.wait()
        n = min(len(buffer), len(self._in))
        buffer[:n] = self._in[:n]
        self._in = self._in[n:]
        return n

    async def write(self, data):
        self._peer(bytes(data))
        await asyncio.sleep_ms(0)

    def wait(self, n):
        pass

    def lost(self):
        return False


class Module:
    """A network module, with a CSMS behind it, that knows what the station says."""

    def __init__(self):
        self.wire = Wire(self.take)
        self.line = b""
        self.want = 0
        self.data = b""
        self.waiting = b""
        self.message = b""
        self.open = False
        self.requests = []
        self.answers = []
        self.calls = []
        self.peak = 0
        board.on_enable = self.enable

    def enable(self, on):
        if on:
            self.wire.put(b"\r\nready\r\n")

    def say(self, text):
        self.wire.put(b"\r\n" + text + b"\r\n")

    def take(self, data):
        while data:
            if self.want:
                n = min(self.want, len(data))
                self.data += data[:n]
                self.want -= n
                data = data[n:]
                if not self.want:
                    self.say(b"SEND OK")
                    sent = self.data
                    self.data = b""
                    self.sent(sent)
                continue
            end = data.find(b"\n")
            self.line += data if end < 0 else data[:end]
            if end < 0:
                return
            data = data[end + 1 :]
            command = self.line.strip()
            self.line = b""
            self.command(command)

    def command(self, command):
        if command.startswith(b"AT+CIPSEND="):
            self.want = int(command.split(b",")[1])
            self.wire.put(b"\r\nOK\r\n\r\n> ")
            return
        if command.startswith(b"AT+CIPRECVDATA="):
            n = min(int(command.split(b",")[1]), len(self.waiting))
            self.wire.put(b"+CIPRECVDATA:%d," % n + self.waiting[:n] + b"\r\n")
            self.waiting = self.waiting[n:]
            self.say(b"OK")
            if self.waiting:
                self.say(b"+IPD,0,%d" % len(self.waiting))
            return
        if command.startswith(b"AT+CIPSTART="):
            self.open = False
            self.say(b"0,CONNECT")
        self.say(b"OK")

    def deliver(self, data):
        empty = not self.waiting
        self.waiting += data
        if empty:
            self.say(b"+IPD,0,%d" % len(self.waiting))

    def sent(self, data):
        if not self.open:
            self.open = True
            for line in data.split(b"\r\n"):
                if line.startswith(b"Sec-WebSocket-Key: "):
                    key = line[19:]
            accept = binascii.b2a_base64(board.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11")).strip()
            self.deliver(
                b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Protocol: ocpp2.0.1\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
            return
        start = 4 if data[1] & 127 == 126 else 2
        payload = bytearray(data[start + 4 :])
        board.mask(payload, 0, len(payload), data[start : start + 4])
        if data[0] & 15 > 1:
            return
        self.message += payload
        if not data[0] & 0x80:
            return
        gc.collect()
        self.peak = max(self.peak, gc.mem_alloc())
        message = json.loads(self.message)
        self.message = b""
        if message[0] != 2:
            self.answers.append(message)
            self.call()
            return
        action = message[2]
        self.requests.append(action)
        if len(self.requests) > 40:
            del self.requests[0]
        answer = {}
        if action in ("BootNotification", "Heartbeat"):
            answer["currentTime"] = "2026-05-01T12:00:00Z"
        if action == "BootNotification":
            answer["interval"] = 300
            answer["status"] = "Accepted"
        self.text(json.dumps([3, message[1], answer]))

    def text(self, text):
        data = text.encode()
        n = len(data)
        head = bytes((0x81, n)) if n < 126 else bytes((0x81, 126, n >> 8, n & 255))
        self.deliver(head + data)

    def call(self):
        if self.calls:
            self.text(self.calls.pop(0))


class Controller:
    """An EVSE controller at rest."""

    def __init__(self):
        self.wire = Wire(self.take)

    def take(self, data):
        from station import evse

        self.wire.put(evse.frame("OK A 0 32" if data.startswith(b"$GS") else "OK"))


def virtual_time():
    """Let the scheduler of MicroPython run on a clock that is set forward instead of waited for."""
    core = asyncio.core
    # what becomes ready at once is stamped with the true ticks: those have to lie in the past
    now = [time.ticks_ms() + HOUR_MS]

    class Queue:
        def wait_io_event(self, dt):
            if dt > 0:
                now[0] += dt
            elif dt < 0:
                raise RuntimeError("nothing will ever happen")

    core.ticks = lambda: now[0]
    core._io_queue = Queue()
    return lambda: now[0] * 1000000


async def scenario(module, controller):
    from station import main

    station = main.Station(module.wire, controller.wire)
    station.start()
    await asyncio.sleep_ms(60000)
    assert module.requests == [
        "BootNotification",
        "StatusNotification",
        "StatusNotification",
        "SecurityEventNotification",
    ], module.requests
    name = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "OfflineThreshold"}}
    data = [name for _ in range(10)]
    module.calls = [
        json.dumps([2, "1", "GetVariables", {"getVariableData": data}]),
        json.dumps([2, "2", "SetVariables", {"setVariableData": [dict(name, attributeValue="500")]}]),
        json.dumps([2, "3", "GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}]),
        '[2,"4","Reset",{"type":"Immediate"}',
        json.dumps([2, "5", "TriggerMessage", {"requestedMessage": "Heartbeat"}]),
    ]
    module.call()
    await asyncio.sleep_ms(10000)
    assert [a[:2] for a in module.answers] == [[3, "1"], [3, "2"], [3, "3"], [4, "4"], [3, "5"]], (
        module.answers
    )
    assert module.answers[3][2] == "FormatViolation"
    assert module.requests.count("NotifyReport") > 2, module.requests
    assert module.requests[-1] == "Heartbeat", module.requests
    assert board.store[b"v:OCPPCommCtrlr.OfflineThreshold"] == b"500"
    module.answers = []
    gc.collect()
    before = gc.mem_alloc()
    await asyncio.sleep_ms(24 * HOUR_MS)
    gc.collect()
    grown = gc.mem_alloc() - before
    assert grown < 512, grown
    assert module.requests[-1] == "Heartbeat"
    print("ok, peak", module.peak, "at rest", gc.mem_alloc())


def run():
    board.store.update(
        {
            b"net:1": b'{"ocppCsmsUrl":"ws://csms.local:9000/ocpp","securityProfile":1,"messageTimeout":30}',
            b"wifi": b"bench\nbench-psk",
            b"v:SecurityCtrlr.BasicAuthPassword": b"correct-horse-battery",
        }
    )
    board.start(board.POWER_ON, virtual_time())
    asyncio.run(scenario(Module(), Controller()))


if sys.implementation.name == "micropython":
    run()
