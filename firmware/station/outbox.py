"""E04, E11 to E14: transaction events, kept in flash from their making to their answer, sent in order.

Each event is an item of the journal (`board.journal_*`), under a number that grows: the payload's text, which
goes into flash as it is composed, the transaction's id, and a tail of fixed layout. What is left of the
newest delivered event while its transaction goes on are its id and tail: they keep the sequence number over a
loss of power.
"""

import json

import board
from micropython import const

from . import health, log
from .aio import Signal
from .rpc import TRANSACTION

# kinds of items
STARTED = const(0)
UPDATED = const(1)
ENDED = const(2)
SAMPLE = const(3)  # a MeterValueType that goes out with the Ended of its transaction
_METERED = const(4)  # an Updated that is but a reading: the first to go when the journal is full
_SENT = const(5)  # an event that was delivered, without its text

# the tail: kind, EVSE, length of the id, length of the text (2), seqNo (3)
_TAIL = const(8)
_SIZE_AT = const(3)
_SEQ_AT = const(5)
_ID_MAX = const(36)
_PIECE = const(128)

_SAMPLES = const(b',"meterValue":[\x01')
_OPENING = const(',"meterValue":[')
_SEQ = const(b'"seqNo":')
_METER = const(b'"triggerReason":"MeterValue')
_TOKEN = const(b'"idToken":{')

_ATTEMPTS = const("OCPPCommCtrlr.MessageAttempts#TransactionEvent")
_INTERVAL = const("OCPPCommCtrlr.MessageAttemptInterval#TransactionEvent")

_QUEUE_FULL_S = const(2)
_IDLE_S = const(3600)
_MARGIN_S = const(120)


class Outbox:
    """The queue of transaction events: `clear`, `put` the payload of one without waiting, then `commit` it.

    `online()` says whether the CSMS has accepted the station; whoever makes it change calls `on_online` or
    `on_offline`. `on_response(transaction id, kind, payload, idToken of the request or None)` hears of each
    response, `find(transaction id)` says on which EVSE a transaction goes on (0: none), `idle()` whether none
    does.
    """

    def __init__(self, rpc, model, online):
        self._rpc = rpc
        self._model = model
        self._online = online
        self._kick = Signal()
        self._tail = bytearray(_ID_MAX + _TAIL)  # the end of the item that was loaded
        self._at = 0  # where its tail is in there
        self._piece = bytearray(_PIECE)
        # the event being composed
        self._length = None  # of its text, None: not begun
        self._seq = 0
        self._metered = self._failed = False
        # the oldest one
        self._sending = 0  # number of the event under way or waited for, 0: none
        self._waiting = False  # for its answer
        self._building = None  # id of the transaction whose samples are being sent
        self._failures = 0
        self._retry_at = 0
        self._done_to = 0  # no event up to this number is left
        self._sent = {}  # EVSE: number of what is left of its newest delivered event
        self.on_response = self.idle = None
        # feature DIAGNOSTICS
        self.report = None  # takes security events
        # end
        self.find = lambda transaction_id: 0
        self._last = 0
        number = 0
        while True:
            number = board.journal_next(number)
            if number is None:
                break
            self._last = number
            kind = self._load(number)
            if kind is None:
                # the power went when `clear` was about to delete it
                self._delete(number)
            elif kind == _SENT:
                self._sent[self._tail[self._at + 1]] = number
        self._offline = self._last  # items up to this number are marked as offline (E11.FR.07)
        if self._last:
            log.info("outbox: items up to %d kept", self._last)

    # items

    def _load(self, number):
        """The kind of an item, None where there is no such or it has no tail; its id and tail are loaded."""
        n = board.journal_read(number, -_ID_MAX - _TAIL, self._tail)
        if n is None or n < _TAIL:
            return None
        self._at = n - _TAIL
        kind = self._tail[self._at]
        return kind if kind <= _SENT else None  # text has no control characters

    def _id(self):
        return bytes(self._tail[self._at - self._tail[self._at + 2] : self._at]).decode()

    def _word(self, place):
        at = self._at + place
        return self._tail[at] << 8 | self._tail[at + 1]

    def _items(self, transaction_id=None, number=0):
        """Number and kind of each item (of a transaction) above `number`, in order; its tail is loaded."""
        while True:
            number = board.journal_next(number)
            if number is None:
                return
            kind = self._load(number)
            if kind is not None and (transaction_id is None or self._id() == transaction_id):
                yield number, kind

    def _first(self):
        """The number of the oldest event, its tail loaded; 0 when there is none."""
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

    def clear(self):
        """Begin a new text; one that was not committed is lost."""
        if self._length is not None:
            self._length = None
            try:
                board.journal_end()
            except OSError:
                return
            self._delete(self._last + 1)

    def put(self, text):
        """Append text to the payload; the seqNo and the triggerReason each in one piece."""
        data = text.encode()
        if self._length is None:
            self._length = self._seq = 0
            self._metered = False
            self._failed = not self._begin()
        if self._failed:
            return
        try:
            board.journal_append(data)
        except OSError as e:
            log.error("outbox: event not stored: %s", e)
            self._failed = True
            return
        self._length += len(data)
        at = data.find(_SEQ) + 8
        if at > 7:
            while at < len(data) and 48 <= data[at] <= 57:
                self._seq = 10 * self._seq + data[at] - 48
                at += 1
        if data.find(_METER) >= 0:
            self._metered = True

    def _begin(self):
        while True:
            try:
                board.journal_begin(self._last + 1)
                return True
            except OSError as e:
                if not self._thin_out():
                    log.error("outbox: event lost: %s", e)
                    return False

    def commit(self, kind, evse, transaction_id):
        """Queue what was put as an event or sample of a transaction; False when that cannot be."""
        name = transaction_id.encode()
        if self._length is None or self._failed or len(name) > _ID_MAX:
            log.error("outbox: no event of %s", transaction_id)
            self.clear()
            return False
        n = self._length
        seq = self._seq
        if kind == UPDATED and self._metered:
            kind = _METERED
        try:
            board.journal_append(name)
            board.journal_append(bytes((kind, evse, len(name), n >> 8, n & 255)))
            board.journal_append(bytes((seq >> 16, seq >> 8 & 255, seq & 255)))
            board.journal_end()
        except OSError as e:
            log.error("outbox: event of %s lost: %s", transaction_id, e)
            self.clear()
            return False
        self._length = None
        self._last += 1
        if not self._online():
            self._offline = self._last
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
                if kind == wanted and number != self._sending and self._id() != self._building:
                    evse = self._tail[self._at + 1]
                    seen[evse] = seen.get(evse, 0) + 1
                    if seen[evse] & 1:
                        self._delete(number)
                        dropped += 1
            if dropped:
                log.warn("outbox: full: %d readings dropped", dropped)
                # feature DIAGNOSTICS
                if self.report:
                    self.report("MemoryExhaustion", "journal")
                    self.report = None  # once a boot
                # end
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
                high = self._tail[self._at + _SEQ_AT]
                seq = max(seq or 0, (high << 16 | self._word(_SEQ_AT + 1)) + 1)
        return seq

    # feature TRANSACTION_STATUS
    async def get_status(self, request, link):
        """GetTransactionStatusRequest (E14.FR.01 to E14.FR.08)."""
        name = request.get("transactionId")
        ongoing = ""
        if name is not None:
            ongoing = '"ongoingIndicator":%s,' % ("true" if self.find(name) else "false")
        await link.put('{%s"messagesInQueue":%s}' % (ongoing, "true" if self.pending(name) else "false"))

    # end

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
        name = self._id()
        end = self._word(_SIZE_AT)
        first = 0
        if number <= self._offline:
            await link.put('{"offline":true,')
            first = 1
        mark = board.journal_find(number, _SAMPLES)
        if mark < 0:
            await self._copy(link, number, first, end)
            return
        await self._copy(link, number, first, mark)
        rest = mark + len(_SAMPLES)
        opening = _OPENING
        self._building = name
        for sample, kind in self._items(name):
            if kind == SAMPLE:
                size = self._word(_SIZE_AT)
                await link.put(opening)
                await self._copy(link, sample, 0, size)
                opening = ","
        none_follows = board.journal_read(number, rest, self._piece) and self._piece[0] == 93
        if not none_follows:
            await link.put(opening)
        elif opening != ",":
            rest += 1
        await self._copy(link, number, rest, end)

    async def _copy(self, link, number, at, end):
        """Put an item's bytes from `at` to `end`."""
        piece = self._piece
        while at < end:
            n = min(board.journal_read(number, at, piece) or 0, end - at)
            if not n:
                return
            await link.put_bytes(memoryview(piece)[:n])
            at += n

    def _done(self, code, payload):
        """The answer to the event, or why there is none (E13)."""
        self._waiting = False
        self._building = None
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
        kind = self._load(number)
        if kind is None:
            return
        name = self._id()
        token = self._token(number) if code is None and "idTokenInfo" in payload else None
        self._remove(number, kind, name)
        if code is not None:
            log.error("outbox: event of %s discarded: %s", name, code)
        elif self.on_response:
            self.on_response(name, UPDATED if kind == _METERED else kind, payload, token)

    def _token(self, number):
        """The idToken in an event, or None."""
        at = board.journal_find(number, _TOKEN)
        n = board.journal_read(number, at + 10, self._piece) if at >= 0 else 0
        quoted = False
        at = 0
        while at < n:
            byte = self._piece[at]
            at += 1
            if byte == 92:
                at += 1
            elif byte == 34:
                quoted = not quoted
            elif byte == 125 and not quoted:
                return json.loads(memoryview(self._piece)[:at])
        return None

    def _remove(self, number, kind, name):
        """Take the event `number`, whose tail is loaded, out of the queue."""
        tail, at = self._tail, self._at
        evse = tail[at + 1]
        before = self._sent.pop(evse, 0)
        if kind == ENDED:
            self._delete(number)
            for each, kept in self._items(name):
                if kept == SAMPLE:
                    self._delete(each)
        else:
            tail[at] = _SENT
            tail[at + _SIZE_AT] = tail[at + _SIZE_AT + 1] = 0
            try:
                board.journal_put(number, memoryview(tail)[at - tail[at + 2] : at + _TAIL])
                self._sent[evse] = number
            except OSError:
                self._delete(number)
        if before and before != number:
            self._delete(before)

    def _tidy(self):
        """Nothing is queued: remove what no transaction needs any more, and erase the spare banks."""
        if not self.idle or not self.idle():
            return
        for number, _ in self._items():
            self._delete(number)
        self._sent.clear()
        try:
            board.tidy()
        except OSError as e:
            log.error("outbox: %s", e)
