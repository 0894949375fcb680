"""Requests that tell the CSMS of something; what is to reach it in any case: security events (A04)."""

import json

import board
from micropython import const

from . import clock, log
from .rpc import REQUESTED, STATUS

_QUEUE_MAX = const(12)
_LINE_MAX = const(200)
_SENT_KEY = const(b"sec")
_ATTEMPTS = const(5)  # where the CSMS says that it has failed
# security events that are not critical: they stay in the log (part 2 appendices, 1)
_LOGGED_ONLY = const(
    (
        "FailedToAuthenticateAtCsms",
        "CsmsFailedToAuthenticate",
        "ReconfigurationOfSecurityParameters",
        "InvalidMessages",
        "AttemptedReplayAttacks",
    )
)


class Notices:
    """A bounded queue: sent in order, and again after a lost connection; not again without an answer in time.

    Whoever knows that something can be sent calls `pump`.
    """

    def __init__(self, rpc, online):
        self._rpc = rpc
        self._online = online
        self._queue = []  # (action, payload)
        self._under_way = False

    def post(self, action, payload):
        """Queue a request, its payload as JSON text; when the queue is full, the oldest one goes."""
        if len(self._queue) == _QUEUE_MAX:
            log.warn("notices: %s dropped", self._queue.pop(self._under_way)[0])
        self._queue.append((action, payload))
        self.pump()

    def empty(self):
        """Has all been answered?"""
        return not self._queue

    def pump(self):
        """Send the oldest one, when it can be sent."""
        if self._queue and not self._under_way and self._online():
            action = self._queue[0][0]
            self._under_way = self._rpc.submit(REQUESTED, action, self._build, self._done)

    async def _build(self, link):
        await link.put(self._queue[0][1])

    def _done(self, code, payload):
        self._under_way = False
        if code not in ("Disconnected", "Dropped"):
            self._queue.pop(0)
        self.pump()


class SecurityEvents:
    """The security log on flash (A04.FR.04), which is the queue of SecurityEventNotificationRequests, too
    (A04.FR.01, A04.FR.02): what has been answered is known by its line's number, kept in the store.
    """

    def __init__(self, rpc, online):
        self._rpc = rpc
        self._online = online
        self._under_way = False
        self._number = 0  # of the line under way
        self._failures = 0
        self._sent = int(board.store_get(_SENT_KEY) or b"0")

    def report(self, kind, tech=None):
        """A security event has happened: `kind` as the appendix names it, `tech` tells more, no secrets."""
        log.warn("security: %s %s", kind, tech or "")
        text = kind + " " + tech if tech else kind
        if not board.log_add(text.encode()):
            log.error("security: no room for the event")
        self.pump()

    def pump(self):
        """Send the oldest event that the CSMS has not heard of, when it can be sent."""
        while not self._under_way and self._online():
            number = board.log_next(True, self._sent)
            if number is None:
                return
            text = self._text()
            if text.split(" ")[0] in _LOGGED_ONLY:
                self._sent = number
            elif self._rpc.submit(STATUS, "SecurityEventNotification", self._build, self._done):
                self._under_way = True
            else:
                return

    def _text(self):
        buffer = bytearray(_LINE_MAX)
        n = board.log_text(buffer)
        try:
            return str(memoryview(buffer)[:n], "utf-8")
        except UnicodeError:
            return str(bytes(byte if 32 <= byte < 127 else 63 for byte in buffer[:n]), "utf-8")

    async def _build(self, link):
        self._number = board.log_next(True, self._sent) or self._sent
        seconds = board.log_time()
        kind, _, tech = self._text().partition(" ")
        # one of a boot that never knew the time has none
        stamp = clock.text_of(seconds, 0) if seconds >= 0 else clock.now()
        await link.put('{"type":"%s","timestamp":"%s"' % (kind, stamp))
        await link.put(',"techInfo":%s}' % json.dumps(tech) if tech else "}")

    def _done(self, code, payload):
        self._under_way = False
        if code in ("InternalError", "GenericError"):
            self._failures += 1
            if self._failures < _ATTEMPTS:
                code = "Timeout"
        if code == "Timeout":
            # again when something else makes it look, so that it does not keep all others from being sent
            return
        if code not in ("Disconnected", "Dropped"):
            self._failures = 0
            self._sent = self._number
            try:
                board.store_put(_SENT_KEY, str(self._sent).encode())
            except OSError as e:
                log.error("security: %s", e)
        self.pump()
