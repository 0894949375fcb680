"""OCPP-J (part 4): CALL, CALLRESULT and CALLERROR over the connection."""

import asyncio
import json
import sys
from binascii import hexlify

import board
from micropython import const

from . import health, log, schema
from .aio import Signal
from .jsontext import well_formed
from .modem import LinkDown
from .schema import OcppError
from .websocket import RX_MESSAGE

# priorities of outgoing CALLs, the most urgent first
BOOT = const(0)
AUTHORIZE = const(1)
STATUS = const(2)
TRANSACTION = const(3)
REQUESTED = const(4)
HEARTBEAT = const(5)

_QUEUE_MAX = const(8)
_ID_MAX = const(36)
_HEAD = const(64)  # of a message that cannot be parsed: where its id is looked for
_CALL = const(2)
_RESULT = const(3)
_ERROR = const(4)
_UNKNOWN_ID = const("-1")
_MARGIN_S = const(120)
_IDLE_MS = const(86400000)
_SHORT_OF_MEMORY_MS = const(1000)
_OTHERWISE_VALID = const(("NotImplemented", "NotSupported", "SecurityError", "InternalError"))


def new_id():
    """A message id never used before: 96 bits of the hardware's random numbers (part 4, 4.1.4)."""
    return hexlify(board.random(12)).decode()


def head_of(raw):
    """Type and id from the beginning of a message that is no JSON or too long; None where unreadable."""
    text = bytes(raw).lstrip()
    parts = text[1:].split(b",")
    kind = parts[0].strip()
    if text[:1] != b"[" or not kind.isdigit() or len(parts) < 2:
        return None, None
    mid = parts[1].strip()
    if len(mid) < 3 or mid[0] != 34 or mid[-1] != 34 or len(mid) > _ID_MAX + 2:
        return int(kind), None
    for byte in mid[1:-1]:
        if not 32 <= byte < 127 or byte in b'"\\':
            return int(kind), None
    return int(kind), mid[1:-1].decode()


class Rpc:
    """One outstanding CALL at a time, the waiting ones in a bounded queue, the CSMS's CALLs answered.

    `handlers[action](payload, link)` is a coroutine that puts the response payload and may return a
    coroutine function to run after the response has left. `gate(action)` may raise OcppError, and
    `on_room()` hears that the queue is no longer full.
    """

    def __init__(self, link):
        self._link = link
        self._queue = []
        self._wake = Signal()
        self._answered = Signal()
        self._id = None
        self._done = None
        self._code = None
        self.handlers = {}
        self.gate = self.on_room = None
        # feature DIAGNOSTICS
        self.report = None  # takes security events
        self._told_of_memory = self._told_of_invalid = False
        # end
        self.sent = 0

    # outgoing

    def submit(self, priority, action, build, done=None):
        """Queue a CALL; False when the queue is full.

        `build(link)` is a coroutine that puts the payload when the CALL's turn has come. `done(code,
        payload)`, if given, hears (None, response payload) or an error: a CALLERROR's code, "Timeout",
        "Disconnected" or "Dropped". It is called before the next message of the CSMS is looked at.
        """
        queue = self._queue
        if self.full():
            return False
        at = len(queue)
        while at and queue[at - 1][0] > priority:
            at -= 1
        queue.insert(at, (priority, action, build, done))
        self._wake.set()
        return True

    def full(self, count=1):
        """Would submit() refuse one of `count` CALLs?"""
        return len(self._queue) > _QUEUE_MAX - count

    def drop_queue(self, code):
        """Forget the waiting CALLs; each hears `code`."""
        queue = self._queue
        self._queue = []
        for _, _, _, done in queue:
            if done:
                done(code, None)

    def connected(self):
        """The connection has come."""
        # feature DIAGNOSTICS
        self._told_of_invalid = False
        # end
        self._wake.set()

    def disconnected(self):
        """The connection is gone: nothing waits for an answer any more."""
        if self._id is not None:
            self._answer("Disconnected", None)
        self.drop_queue("Disconnected")

    def _answer(self, code, payload):
        self._id = None
        self._code = code
        self._answered.set()
        done = self._done
        if done:
            self._done = None
            done(code, payload)

    async def run(self):
        """Send the queued CALLs, one after the other, for ever (part 4, 4.1.1)."""
        while True:
            if not self._queue or not self._link.up:
                health.promise(health.RPC, None)
                self._wake.flag = False
                await self._wake.wait(_IDLE_MS)
                continue
            _, action, build, self._done = self._queue.pop(0)
            if len(self._queue) == _QUEUE_MAX - 1 and self.on_room:
                self.on_room()
            timeout = self._link.message_timeout()
            health.promise(health.RPC, timeout + _MARGIN_S)
            code = await self._call(action, build, timeout)
            # no answer on a connection that is dead says nothing about the CALL
            if code == "Timeout" and not await self._link.alive():
                code = "Disconnected"
            if code:
                log.warn("rpc: %s: %s", action, code)
            if self._done:
                self._answer(code, None)

    async def _call(self, action, build, timeout):
        self._answered.flag = False
        self._id = mid = new_id()
        log.debug("rpc: send %s", action)
        try:
            await self._link.send(self._compose_call, mid, action, build)
        except LinkDown:
            self._id = None
            return "Disconnected"
        except MemoryError:
            self._id = None
            if self._link.begun():
                await self._link.leave(1011)
            await asyncio.sleep_ms(_SHORT_OF_MEMORY_MS)
            # feature DIAGNOSTICS
            if self.report and not self._told_of_memory:
                self._told_of_memory = True
                self.report("MemoryExhaustion", "RAM")
            # end
            return "Dropped"
        self.sent = board.uptime()
        if not await self._answered.wait(timeout * 1000):
            self._id = None
            return "Timeout"
        return self._code

    async def _compose_call(self, link, mid, action, build):
        await link.put('[2,"%s","%s",' % (mid, action))
        await build(link)
        await link.put("]")

    # incoming

    async def on_text(self, message, length, oversize):
        """Handle one incoming message: `length` bytes of the buffer `message`, cut when `oversize`."""
        mid = _UNKNOWN_ID
        try:
            call = self._envelope(message, length, oversize)
            if call:
                mid = call[1]
                await self._receive_call(call)
        except OcppError as e:
            log.warn("rpc: %s: %s", e.args[0], e.args[1])
            # feature DIAGNOSTICS
            if self.report and not self._told_of_invalid and e.args[0] not in _OTHERWISE_VALID:
                # once a connection: it is written to flash
                self._told_of_invalid = True
                self.report("InvalidMessages", e.args[0])
            # end
            await self._send_error(e.args[2] if len(e.args) > 2 else mid, e.args[0], e.args[1])
        except LinkDown:
            pass

    def _envelope(self, buffer, length, oversize):
        """The CALL in a message; answers are taken here. Raises OcppError(code, description, id)."""
        message = None
        why = "longer than %d bytes" % RX_MESSAGE
        if not oversize:
            buffer[length] = 0
            why = "not valid JSON"
            if well_formed(buffer, length):
                try:
                    message = json.loads(memoryview(buffer)[:length])
                except (ValueError, OverflowError):
                    pass
                except MemoryError:
                    why = None
        if message is None:
            return self._unreadable(buffer, why)
        kind = message[0] if isinstance(message, list) and message else None
        if type(kind) is not int:
            raise OcppError("RpcFrameworkError", "not a list that starts with a message type", _UNKNOWN_ID)
        mid = message[1] if len(message) > 1 else None
        known = isinstance(mid, str) and 0 < len(mid) <= _ID_MAX
        if kind in (_RESULT, _ERROR):
            return self._receive_answer(kind, mid, message)
        if kind != _CALL:
            raise OcppError(
                "MessageTypeNotSupported", "message type %d" % kind, mid if known else _UNKNOWN_ID
            )
        if not known:
            raise OcppError("RpcFrameworkError", "message id missing or too long", _UNKNOWN_ID)
        if len(message) != 4 or not isinstance(message[2], str):
            raise OcppError("RpcFrameworkError", "a CALL has four elements, the third a string", mid)
        return message

    def _unreadable(self, buffer, why):
        """Answer what cannot be parsed; `why` is None when memory was short."""
        kind, mid = head_of(buffer[:_HEAD])
        if kind in (_RESULT, _ERROR):
            log.warn("rpc: answer %s", why or "too large")
            if mid == self._id and mid is not None:
                self._answer("FormatViolation", None)
        elif kind == _CALL and mid:
            raise OcppError("FormatViolation" if why else "InternalError", why or "out of memory", mid)
        else:
            raise OcppError("RpcFrameworkError", why or "out of memory", _UNKNOWN_ID)

    def _receive_answer(self, kind, mid, message):
        if self._id is None or mid != self._id:
            log.warn("rpc: answer to no outstanding CALL ignored")
        elif kind == _RESULT and len(message) == 3 and isinstance(message[2], dict):
            self._answer(None, message[2])
        elif kind == _ERROR and len(message) == 5 and isinstance(message[2], str):
            self._answer(message[2], None)
        else:
            self._answer("FormatViolation", None)

    async def _receive_call(self, call):
        _, mid, action, payload = call
        log.debug("rpc: receive %s", action)
        if self.gate:
            self.gate(action)
        handler = self.handlers.get(action)
        if handler is None:
            known = schema.recognized(action)
            raise OcppError("NotSupported" if known else "NotImplemented", "no such action here")
        # part 4, 4.1.5
        if payload is None:
            payload = {}
        if not isinstance(payload, dict):
            raise OcppError("ProtocolError", "the payload is not an object")
        schema.check(payload, schema.fields_of(action) or (), action)
        after = []
        try:
            await self._link.send(self._compose_result, mid, handler, payload, after)
        except (OcppError, LinkDown):
            raise
        except Exception as e:
            log.error("rpc: %s failed", action)
            sys.print_exception(e)
            if self._link.begun():
                await self._link.close(1011)
                return
            raise OcppError("InternalError", "the request could not be processed")
        self.sent = board.uptime()
        if after[0]:
            await after[0]()

    async def _compose_result(self, link, mid, handler, payload, after):
        await link.put("[3,%s," % json.dumps(mid))
        after.append(await handler(payload, link))
        await link.put("]")

    async def _send_error(self, mid, code, text):
        try:
            await self._link.send(self._compose_error, mid, code, text)
        except LinkDown:
            pass

    async def _compose_error(self, link, mid, code, text):
        await link.put("[4,%s,%s,%s,{}]" % (json.dumps(mid), json.dumps(code), json.dumps(text[:255])))
