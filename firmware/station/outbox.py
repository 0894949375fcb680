"""E04, E11 to E14: transaction events, kept in flash from their making to their answer, sent in order.

Each event is an item of the journal (`board.journal_*`), under a number that grows: a head of fixed layout,
the transaction's id, and the payload's text. What is left of the newest delivered event while its
transaction goes on is its head: it keeps the sequence number over a loss of power.
"""

import json

import board
from micropython import const

from . import health, log
from .aio import Signal
from .devicemodel import EVSES
from .rpc import TRANSACTION

# kinds of items
STARTED = const(0)
UPDATED = const(1)
ENDED = const(2)
SAMPLE = const(3)  # a MeterValueType that goes out with the Ended of its transaction
_METERED = const(4)  # an Updated that is but a reading: the first to go when the journal is full
_SENT = const(5)  # an event that was delivered, without its text

# the head: kind, EVSE, length of the id, 0, seqNo (2), place of the samples in the text (2)
_HEAD = const(8)
_ID_MAX = const(36)
_TEXT_AT = const(_HEAD + _ID_MAX)
_TEXT_MAX = const(2048)
_PIECE = const(128)

_SAMPLES = const(b'"meterValue":[\x01')
_OPENING = const(15)  # ',"meterValue":['

_ATTEMPTS = const("OCPPCommCtrlr.MessageAttempts#TransactionEvent")
_INTERVAL = const("OCPPCommCtrlr.MessageAttemptInterval#TransactionEvent")

_QUEUE_FULL_S = const(2)
_IDLE_S = const(3600)
_MARGIN_S = const(120)


class Text:
    """One text at a time in a buffer of fixed size. What does not fit makes it too long to be committed."""

    def __init__(self):
        self._buffer = bytearray(_TEXT_AT + _TEXT_MAX)
        self.data = memoryview(self._buffer)
        self.clear()

    def clear(self):
        """Begin a new text."""
        self.length = 0
        self.overflow = False

    def room(self):
        """Bytes that still fit."""
        return _TEXT_MAX - self.length

    def put(self, text):
        """Append text."""
        text = text.encode()
        if len(text) > self.room():
            self.overflow = True
            return
        at = _TEXT_AT + self.length
        self.data[at : at + len(text)] = text
        self.length += len(text)

    def find(self, what):
        """Place of some bytes in `data`, or -1."""
        return self._buffer.find(what, _TEXT_AT, _TEXT_AT + self.length)


class Outbox:
    """The queue of transaction events. `text` takes the payload of the next one, then `commit` queues it.

    `online()` says whether the CSMS has accepted the station; whoever makes it change calls `on_online` or
    `on_offline`. `on_response(transaction id, kind, payload, idToken of the request or None)` hears of each
    response, `find(transaction id)` says on which EVSE a transaction goes on (0: none), `idle()` whether
    none does.
    """

    def __init__(self, rpc, model, online):
        self.text = Text()
        self._rpc = rpc
        self._model = model
        self._online = online
        self._kick = Signal()
        self._head = bytearray(_TEXT_AT)
        self._piece = bytearray(_PIECE)
        self._sending = 0  # number of the event under way or waited for, 0: none
        self._waiting = False  # for its answer
        self._failures = 0  # of that event
        self._retry_at = 0
        self._done_to = 0  # no event up to this number is left
        self._sent = {}  # EVSE: number of what is left of its newest delivered event
        self.on_response = self.idle = None
        self.find = lambda transaction_id: 0
        number = self._last = 0
        while True:
            number = board.journal_next(number)
            if number is None:
                break
            self._last = number
            if self._load(number) and self._head[0] == _SENT:
                self._sent[self._head[1]] = number
        self._offline = self._last  # items up to this number are marked as offline (E11.FR.07)
        if self._last:
            log.info("outbox: items up to %d kept", self._last)

    # items

    def _load(self, number):
        """The head of an item and its transaction's id into `_head`; False where there is no such item."""
        n = board.journal_read(number, 0, self._head)
        return n is not None and n >= _HEAD

    def _id(self):
        return bytes(self._head[_HEAD : _HEAD + self._head[2]]).decode()

    def _items(self, transaction_id=None, number=0):
        """Number and kind of each item (of a transaction) above `number`, in order; its head is loaded."""
        while True:
            number = board.journal_next(number)
            if number is None:
                return
            if self._load(number) and (transaction_id is None or self._id() == transaction_id):
                yield number, self._head[0]

    def _first(self):
        """The number of the oldest event, its head loaded; 0 when there is none."""
        for number, kind in self._items(None, self._done_to):
            if kind not in (SAMPLE, _SENT):
                return number
        return 0

    def _delete(self, number):
        try:
            board.journal_delete(number)
        except OSError as e:
            log.error("outbox: item %d stays: %s", number, e)

    # taking in

    def commit(self, kind, evse, transaction_id):
        """Store `text` as an event or sample of a transaction and queue it; False when that cannot be.

        Its seqNo is read from the text. What the link does meanwhile marks the event as offline.
        """
        text = self.text
        name = transaction_id.encode()
        seq = 0
        mark = 0
        if text.overflow or len(name) > _ID_MAX:
            log.error("outbox: event of %s too long", transaction_id)
            return False
        if kind != SAMPLE:
            at = text.find(b'"seqNo":')
            if at >= 0:
                seq = _number_at(text.data, at + 8)
            mark = text.find(_SAMPLES)
            mark = mark + len(_SAMPLES) - 1 - _TEXT_AT if mark >= 0 else 0
            if kind == UPDATED and text.find(b'"triggerReason":"MeterValue') >= 0:
                kind = _METERED
        start = _TEXT_AT - _HEAD - len(name)
        data = text.data[start : _TEXT_AT + text.length]
        data[:_HEAD] = bytes((kind, evse, len(name), 0, seq >> 8 & 255, seq & 255, mark >> 8, mark & 255))
        data[_HEAD : _HEAD + len(name)] = name
        number = self._last + 1
        while True:
            try:
                board.journal_put(number, data)
                break
            except OSError as e:
                if not self._thin_out():
                    log.error("outbox: event of %s lost: %s", transaction_id, e)
                    return False
        self._last = number
        if not self._online():
            self._offline = number
        self._kick.set()
        return True

    def _thin_out(self):
        """The journal is full: every second reading of an EVSE goes (E04.FR.08, E12.FR.09); False: none left.

        Updated events with news go last, Started and Ended never.
        """
        for wanted in (_METERED, SAMPLE, UPDATED):
            seen = {}
            dropped = 0
            for number, kind in self._items():
                if kind == wanted and number != self._sending:
                    evse = self._head[1]
                    seen[evse] = seen.get(evse, 0) + 1
                    if seen[evse] & 1:
                        self._delete(number)
                        dropped += 1
            if dropped:
                log.warn("outbox: full: %d readings dropped", dropped)
                return True
        return False

    # questions

    def pending(self, transaction_id):
        """Are there events of a transaction (None: of any) that have not been delivered?"""
        return any(kind not in (SAMPLE, _SENT) for _, kind in self._items(transaction_id))

    def next_seq(self, transaction_id):
        """The seqNo that follows those of a transaction that goes on; None for one not known, or ended."""
        seq = None
        for _, kind in self._items(transaction_id):
            if kind == ENDED:
                return None
            if kind != SAMPLE:
                seq = max(seq or 0, (self._head[4] << 8 | self._head[5]) + 1)
        return seq

    async def get_status(self, request, link):
        """GetTransactionStatusRequest (E14.FR.01 to E14.FR.08)."""
        name = request.get("transactionId")
        ongoing = ""
        if name is not None:
            ongoing = '"ongoingIndicator":%s,' % ("true" if self.find(name) else "false")
        await link.put('{%s"messagesInQueue":%s}' % (ongoing, "true" if self.pending(name) else "false"))

    # sending

    def on_online(self):
        """The CSMS has accepted the station, or the connection is back (E04.FR.02)."""
        self._kick.set()

    def on_idle(self, evse):
        """A transaction has gone (transactions.on_idle): time to tidy up."""
        self._kick.set()

    def on_offline(self):
        """The connection is gone: what is queued now is sent as offline (E11.FR.07)."""
        self._offline = self._last
        self._kick.set()

    async def run(self):
        """Send the events, one after the other, for ever; erase flash when there is nothing else to do."""
        while True:
            self._kick.flag = False
            seconds = self._step()
            health.promise(health.OUTBOX, seconds + _MARGIN_S)
            await self._kick.wait(seconds * 1000)

    def _step(self):
        """Do what is due; seconds until to look again."""
        if self._waiting:
            return _IDLE_S
        number = self._sending or self._first()
        if not number:
            self._tidy()
            return _IDLE_S
        if number != self._sending:
            self._sending = number
            self._failures = 0
            self._retry_at = 0
        if not self._online():
            return _IDLE_S
        wait = self._retry_at - board.uptime()
        if wait > 0:
            return min(wait, _IDLE_S)
        self._waiting = self._rpc.submit(TRANSACTION, "TransactionEvent", self._build, self._done)
        return _IDLE_S if self._waiting else _QUEUE_FULL_S

    async def _build(self, link):
        """Put the event's payload, from flash in pieces; into an Ended one the samples of its transaction."""
        number = self._sending
        self._load(number)
        head = self._head
        start = _HEAD + head[2]
        mark = head[6] << 8 | head[7]
        name = self._id()
        if number <= self._offline:
            await link.put('{"offline":true,')
            first = 1
        else:
            first = 0
        if not mark:
            await self._copy(link, number, start + first, None)
            return
        await self._copy(link, number, start + first, start + mark - _OPENING)
        rest = start + mark + 1
        opening = ',"meterValue":['
        sample = 0
        while True:
            sample = board.journal_next(sample)
            if sample is None:
                break
            if self._load(sample) and head[0] == SAMPLE and self._id() == name:
                await link.put(opening)
                await self._copy(link, sample, _HEAD + len(name), None)
                opening = ","
        none_follows = board.journal_read(number, rest, self._piece) and self._piece[0] == 93
        if not none_follows:
            await link.put(opening)
        elif opening != ",":
            rest += 1
        await self._copy(link, number, rest, None)

    async def _copy(self, link, number, at, end):
        """Put an item's bytes from `at` to `end` (None: to its end)."""
        piece = self._piece
        while end is None or at < end:
            n = board.journal_read(number, at, piece)
            if not n:
                return
            if end is not None:
                n = min(n, end - at)
            await link.put_bytes(memoryview(piece)[:n])
            at += n

    def _done(self, code, payload):
        """The answer to the event, or why there is none (E13)."""
        self._waiting = False
        self._kick.set()
        if code in ("Disconnected", "Dropped"):
            return
        number = self._sending
        self._failures += 1
        if code is not None and self._failures < self._model.integer(_ATTEMPTS):
            self._retry_at = board.uptime() + self._model.integer(_INTERVAL) * self._failures
            return
        self._sending = 0
        self._done_to = number
        if not self._load(number):
            return
        name = self._id()
        kind = self._head[0]
        token = self._token(number) if code is None and "idTokenInfo" in payload else None
        self._remove(number, kind, name)
        if code is not None:
            log.error("outbox: event of %s discarded: %s", name, code)
        elif self.on_response:
            self.on_response(name, UPDATED if kind == _METERED else kind, payload, token)

    def _token(self, number):
        """The idToken in an event whose head is loaded, or None; `text` is empty afterwards."""
        text = self.text
        data = text.data
        text.length = board.journal_read(number, _HEAD + self._head[2], data[_TEXT_AT:]) or 0
        start = at = text.find(b',"idToken":{') + 11
        end = text.length + _TEXT_AT
        text.clear()
        quoted = False
        while 10 < at < end:
            byte = data[at]
            at += 1
            if byte == 92:
                at += 1
            elif byte == 34:
                quoted = not quoted
            elif byte == 125 and not quoted:
                return json.loads(data[start:at])
        return None

    def _remove(self, number, kind, name):
        """Take the event `number`, whose head is loaded, out of the queue."""
        evse = self._head[1]
        before = self._sent.pop(evse, 0)
        if kind == ENDED:
            self._delete(number)
            for each, kept in self._items(name):
                if kept == SAMPLE:
                    self._delete(each)
        else:
            self._head[0] = _SENT
            try:
                board.journal_put(number, memoryview(self._head)[: _HEAD + self._head[2]])
                self._sent[evse] = number
            except OSError:
                self._delete(number)
        if before and before != number:
            self._delete(before)

    def _tidy(self):
        """Nothing is queued: remove what no transaction needs any more, and erase the spare bank."""
        if not self.idle or not self.idle():
            return
        for evse in range(1, EVSES + 1):
            if board.store_get(b"tx:" + str(evse).encode()) is not None:
                return
        for number, _ in self._items():
            self._delete(number)
        self._sent.clear()
        try:
            board.journal_tidy()
        except OSError as e:
            log.error("outbox: %s", e)


def _number_at(data, at):
    value = 0
    while 48 <= data[at] <= 57:
        value = 10 * value + data[at] - 48
        at += 1
    return value
