"""B01 to B04, G02: registration at the CSMS, and heartbeat."""

import json
from binascii import hexlify

import board
from micropython import const

from . import clock, devicemodel, features, health, log
from .aio import Signal
from .rpc import BOOT, HEARTBEAT, STATUS
from .schema import OcppError

_BOOT_RETRY_S = const(60)  # the station's own interval (B02.FR.07, B03.FR.05, B01 error handling)
_DAY_S = const(86400)
_MARGIN_S = const(120)

_REASON_KEY = const(b"boot-reason")
_HEARTBEAT_KEY = const("OCPPCommCtrlr.HeartbeatInterval")


def boot_reason():
    """BootReasonEnumType from the reset cause and the mark that a commanded reset left (B01.FR.09)."""
    mark = board.store_get(_REASON_KEY)
    if mark is not None:
        board.store_delete(_REASON_KEY)
    cause = board.reset_cause()
    if cause == board.WATCHDOG:
        return "Watchdog"
    if cause in (board.POWER_ON, board.BROWNOUT):
        return "PowerUp"
    if cause == board.PIN:
        return "LocalReset"
    if cause == board.SOFTWARE:
        return mark.decode() if mark else "ApplicationReset"
    return "ApplicationReset" if cause == board.LOCKUP else "Unknown"


def mark_reason(reason):
    """Leave the reason of a commanded reset for the next boot."""
    board.store_put(_REASON_KEY, reason.encode())


class Provisioning:
    """State of the registration, and everything that is sent on its account.

    `status` is None (never answered), "Accepted", "Pending" or "Rejected". `on_online()` and `on_offline()`
    hear of changes of `online()`. `on_news(all)` is called when the station may send again what it holds
    back; `all`: the CSMS has to be told all states. `started` is the security event of the start-up; where
    there is a security log, it goes there, and `on_ready()` is called when something can be sent that found
    no way before.
    """

    def __init__(self, link, rpc, model):
        self._link = link
        self._rpc = rpc
        self._model = model
        self._reason = boot_reason()
        self._kick = Signal()
        self._boot_due = board.uptime()
        self._booting = False
        self._beating = False
        self._last_beat = 0
        self._lost_at = None
        self.started = "StartupOfTheDevice" if self._reason == "PowerUp" else "ResetOrReboot"
        self.status = None
        self.on_news = self.on_online = self.on_offline = None
        # feature DIAGNOSTICS
        self.on_ready = None
        # end
        rpc.gate = self._gate
        rpc.on_room = self._kick.set
        log.info("boot: reason %s", self._reason)

    def online(self):
        """Connected, and accepted by the CSMS?"""
        return self._link.up and self.status == "Accepted"

    # what the link and the EVSEs report

    def on_up(self, switched):
        """Connected. After a mere reconnection no BootNotification is sent (part 4, 5.3; B10.FR.10)."""
        self._rpc.connected()
        if switched:
            self.status = None
            self._boot_due = board.uptime()
        if self.status == "Accepted":
            # B04.FR.01, B04.FR.02
            away = board.uptime() - self._lost_at
            self.on_news(away > self._model.integer("OCPPCommCtrlr.OfflineThreshold"))
            self._send_started()
            self.send_heartbeat()
            self.on_online()
        self._kick.set()

    def on_down(self):
        """The connection is gone."""
        self._lost_at = board.uptime()
        self._rpc.disconnected()
        if features.BASE_REPORT:
            self._model.no_report()
        self.on_offline()
        self._kick.set()

    def on_interval(self):
        """An interval that the CSMS may set has changed."""
        self._kick.set()

    def _gate(self, action):
        """Rejected, or not yet answered: no request of the CSMS is processed (B03.FR.08)."""
        if self.status not in ("Accepted", "Pending"):
            raise OcppError("SecurityError", "the station is not accepted")

    # the timer

    async def run(self):
        """Send what is due, for ever."""
        while True:
            self._kick.flag = False
            seconds = self._next()
            health.promise(health.PROVISIONING, seconds + _MARGIN_S)
            await self._kick.wait(seconds * 1000)

    def _next(self):
        """Send what is due; seconds until the next thing is."""
        now = board.uptime()
        if not self._link.up:
            return 3600
        if self.status == "Accepted":
            # what found the queue full
            self.on_news(False)
            self._send_started()
            # other traffic defers the heartbeat, but one a day sets the clock (G02.FR.05, G02.FR.07)
            interval = self._model.integer(_HEARTBEAT_KEY)
            due = min(
                max(self._rpc.sent, self._last_beat) + interval, self._last_beat + max(interval, _DAY_S)
            )
            if now >= due:
                self.send_heartbeat()
                due = now + interval
        elif self._booting:
            return 3600
        else:
            due = self._boot_due
            if now >= due:
                self._send_boot(self._reason)
                return 3600
        return min(max(1, due - now), 3600)

    # BootNotification

    def _send_boot(self, reason):
        async def build(link):
            await link.put(
                json.dumps(
                    {
                        "reason": reason,
                        "chargingStation": {
                            "model": devicemodel.MODEL,
                            "vendorName": devicemodel.VENDOR,
                            "firmwareVersion": board.VERSION,
                            "serialNumber": hexlify(board.unique_id()).decode().upper()[:25],
                        },
                    }
                )
            )

        self._booting = self._rpc.submit(BOOT, "BootNotification", build, self._boot_done)
        if not self._booting:
            self._boot_due = board.uptime() + _BOOT_RETRY_S

    def _boot_done(self, code, payload):
        self._booting = False
        now = board.uptime()
        interval = 0
        try:
            if code is None:
                clock.set_from(payload["currentTime"])
                interval = payload["interval"]
                if type(interval) is not int or payload["status"] not in ("Accepted", "Pending", "Rejected"):
                    raise ValueError("no such status")
                self.status = payload["status"]
                log.info("boot: %s, interval %d s", self.status, interval)
        except (KeyError, TypeError, ValueError, IndexError) as e:
            log.error("boot: response not usable: %s", e)
            interval = 0
        # of uptime only whole seconds are known: one more, or the interval ends early (B02.FR.04, B03.FR.06)
        wait = 0 if code == "Disconnected" else 1 + (interval if interval > 0 else _BOOT_RETRY_S)
        self._boot_due = now + wait
        if self.status == "Accepted":
            if interval > 0:
                self._model.set_for_now(_HEARTBEAT_KEY, str(interval))
            self._last_beat = now
            self.on_news(True)
            self._send_started()
            self.on_online()
        elif self.status == "Rejected":
            self._rpc.drop_queue("Dropped")
            if features.BASE_REPORT:
                self._model.no_report()
        self._kick.set()

    # feature TRIGGER_ALL
    def trigger_boot(self):
        """Queue the BootNotificationRequest that the CSMS has asked for, unless it has accepted one or one is
        on its way (F06.FR.17): None."""
        if self.status == "Accepted" or self._booting:
            return None
        self._send_boot("Triggered")
        return True

    # end

    # SecurityEventNotificationRequest

    def _send_started(self):
        """Queue the security event of the start-up, once (A04.FR.01; part 2, appendix 1)."""
        if features.DIAGNOSTICS:
            if self.on_ready:
                self.on_ready()
            return
        kind = self.started
        if not kind or not self.online():
            return
        self.started = None

        async def build(link):
            await link.put('{"type":"%s","timestamp":"%s"}' % (kind, clock.now()))

        def done(code, payload):
            if code in ("Disconnected", "Dropped", "Timeout"):
                self.started = kind

        if not self._rpc.submit(STATUS, "SecurityEventNotification", build, done):
            self.started = kind

    # HeartbeatRequest

    def send_heartbeat(self, asked=False):
        """Queue a HeartbeatRequest unless one is on its way; one more if the CSMS has `asked` (F06.FR.04)."""
        if asked or not self._beating:
            self._beating = self._rpc.submit(HEARTBEAT, "Heartbeat", _build_empty, self._heartbeat_done)

    def _heartbeat_done(self, code, payload):
        self._beating = False
        self._last_beat = board.uptime()
        if code is None:
            try:
                clock.set_from(payload["currentTime"])
            except (KeyError, TypeError, ValueError, IndexError) as e:
                log.error("heartbeat: response not usable: %s", e)
        self._kick.set()


async def _build_empty(link):
    await link.put("{}")
