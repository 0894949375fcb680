"""B11, B12: reset of the station or of one EVSE, at once or when idle."""

import asyncio
import sys

import board
from micropython import const

from . import features, log, provisioning, websocket
from .aio import Signal
from .variables import EVSES

_LAST_S = const(60)  # what is left to send has this long before a reset, or goes out after it
_POLL_MS = const(500)
_END_MS = const(15000)  # a transaction that is told to stop has this long, its meter may be mute
_LOOK_MS = const(60000)
_RETRIES_KEY = const("OCPPCommCtrlr.ResetRetries")


def _evses(target):
    return (target,) if target else range(1, EVSES + 1)


class Reset:
    """Handler of ResetRequest, and the task that carries a reset out.

    A reset to come keeps new sessions off its EVSEs. One of the station includes any of an EVSE.
    """

    def __init__(self, registration, model, evse, transactions, availability):
        self._registration = registration
        self._model = model
        self._evse = evse
        self.link = self.outbox = None
        self._transactions = transactions
        self._availability = availability
        self._idle = Signal()
        self._wanted = 0  # bit per EVSE id; bit 0: the station
        self._at_once = 0  # those that do not wait for the end of a transaction
        self._scheduled = False  # the reset of the station was answered Scheduled
        self._running = False

    async def reset(self, request, link):
        """ResetRequest (B11.FR.01 to B11.FR.10, B12.FR.01, B12.FR.02).

        Whatever goes out on its account waits for the answer, which has the link; it comes though the answer
        be lost, as its EVSEs are held from now on.
        """
        target = request.get("evseId", 0)
        if not features.RESET_EVSE:
            # B11.FR.09, B12.FR.09
            if "evseId" in request:
                await link.put('{"status":"Rejected","statusInfo":{"reasonCode":"UnsupportedParam"}}')
                return
        elif "evseId" in request and not 1 <= target <= EVSES:
            await link.put('{"status":"Rejected","statusInfo":{"reasonCode":"UnknownEvse"}}')
            return
        if not self._running:
            asyncio.create_task(self._run())
            self._running = True
        self._idle.set()
        bit = 1 << target
        waits = request["type"] == "OnIdle" and not self._is_idle(target)
        if not waits:
            self._at_once |= bit
        if not target:
            self._scheduled = waits
        self._wanted |= bit
        for evse in _evses(target):
            # B12, 3a: those that are Available become Unavailable
            self._availability.hold(evse, waits and self._availability.status(evse) == "Available")
        await link.put('{"status":"Scheduled"}' if waits else '{"status":"Accepted"}')

    def on_idle(self, evse):
        """An EVSE has become free."""
        self._idle.set()

    def _is_idle(self, target):
        """No session on the EVSE (0: on any), and no cable locked (errata 2025-09 to B11)."""
        if self._transactions.active(target):
            return False
        return not any(map(self._evse.locked, _evses(target)))

    async def _run(self):
        try:
            while self._wanted:
                self._idle.flag = False
                for target in range(EVSES + 1):
                    bit = 1 << target
                    if self._wanted & bit and (self._at_once & bit or self._is_idle(target)):
                        await self._carry_out(target)
                        self._wanted &= ~bit
                        self._at_once &= ~bit
                if self._wanted:
                    await self._idle.wait(_LOOK_MS)
            self._running = False
        except Exception as e:
            log.error("reset: failed, the station restarts")
            sys.print_exception(e)
            board.reset()

    async def _carry_out(self, target):
        log.info("reset: EVSE %d" if target else "reset: station", *(target,) if target else ())
        if self._at_once & 1 << target:
            await self._stop(target)
        # B12, 3a; what cannot be delivered stays in the queue (B12.FR.05)
        for _ in range(_LAST_S * 1000 // _POLL_MS):
            if not (self._registration.online() and self.outbox.pending(None)):
                break
            await asyncio.sleep_ms(_POLL_MS)
        if features.RESET_EVSE and target:
            await self._reset_evse(target)
            return
        try:
            provisioning.mark_reason("ScheduledReset" if self._scheduled else "RemoteReset")
        except OSError:
            log.error("reset: the reason could not be stored")
        await self.link.leave(websocket.GOING_AWAY)
        board.reset()

    async def _stop(self, target):
        """End the transactions that are under way (B12.FR.04, B12.FR.08)."""
        transactions = self._transactions
        for evse in _evses(target):
            if transactions.active(evse):
                transactions.submit_stop(evse, "ImmediateReset", "ResetCommand")
        for _ in range(_END_MS // _POLL_MS):
            if not transactions.active(target):
                break
            await asyncio.sleep_ms(_POLL_MS)

    # feature RESET_EVSE
    async def _reset_evse(self, evse):
        """Everything that the controller does for the EVSE begins anew (B11.FR.08)."""
        self._availability.hold(evse, True)
        for _ in range(1 + self._model.integer(_RETRIES_KEY)):
            if await self._evse.reset(evse):
                break
            log.warn("reset: EVSE %d does not answer", evse)
        if not self._wanted & 1:
            self._availability.release(evse)

    # end
