"""B01 to B04, G01, G02: registration at the CSMS, heartbeat and connector status."""

import json

import board
from micropython import const

from . import clock, devicemodel, health, log
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

    `status` is None (never answered), "Accepted", "Pending" or "Rejected". `connector_status(evse)` gives
    the present status of the connector of an EVSE. `on_online()` and `on_offline()` hear of changes of
    `online()`.
    """

    def __init__(self, link, rpc, model, connector_status):
        self._link = link
        self._rpc = rpc
        self._model = model
        self._connector_status = connector_status
        self._reason = boot_reason()
        self._kick = Signal()
        self._boot_due = board.uptime()
        self._booting = False
        self._beating = False
        self._last_beat = 0
        self._lost_at = None
        self._unreported = 0  # bit per EVSE: its status has to be sent
        self._queued = 0  # bit per EVSE: its status waits in the queue
        self._started = "StartupOfTheDevice" if self._reason == "PowerUp" else "ResetOrReboot"
        self.status = None
        self.on_online = self.on_offline = None
        rpc.gate = self._gate
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
            if board.uptime() - self._lost_at > self._model.integer("OCPPCommCtrlr.OfflineThreshold"):
                self._unreported = (1 << devicemodel.EVSES) - 1
            self._send_statuses()
            self._send_started()
            self._send_heartbeat()
            self.on_online()
        self._kick.set()

    def on_down(self):
        """The connection is gone."""
        self._lost_at = board.uptime()
        self._rpc.disconnected()
        self._model.disconnected()
        self.on_offline()
        self._kick.set()

    def on_status(self, evse):
        """The status of a connector has changed (G01.FR.03, G01.FR.04)."""
        self._unreported |= 1 << evse - 1
        self._send_statuses()

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
            self._send_statuses()
            self._send_started()
            # other traffic defers the heartbeat, but one a day sets the clock (G02.FR.05, G02.FR.07)
            interval = self._model.integer(_HEARTBEAT_KEY)
            due = min(
                max(self._rpc.sent, self._last_beat) + interval, self._last_beat + max(interval, _DAY_S)
            )
            if now >= due:
                self._send_heartbeat()
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
                            "serialNumber": "".join("%02X" % byte for byte in board.unique_id())[:25],
                        },
                    }
                )
            )

        self._booting = self._rpc.submit(BOOT, "BootNotification", build, self._boot_done)
        if not self._booting:
            self._boot_due = board.uptime() + _BOOT_RETRY_S
        return self._booting

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
        self._boot_due = (
            now if code == "Disconnected" else now + (interval if interval > 0 else _BOOT_RETRY_S)
        )
        if self.status == "Accepted":
            if interval > 0:
                self._model.set_for_now(_HEARTBEAT_KEY, str(interval))
            self._last_beat = now
            self._unreported = (1 << devicemodel.EVSES) - 1
            self._send_statuses()
            self._send_started()
            self.on_online()
        elif self.status == "Rejected":
            self._rpc.drop_queue("Dropped")
        self._kick.set()

    # SecurityEventNotificationRequest

    def _send_started(self):
        """Queue the security event of the start-up, once (A04.FR.01; part 2, appendix 1)."""
        kind = self._started
        if not kind or self.status != "Accepted" or not self._link.up:
            return
        self._started = None

        async def build(link):
            await link.put('{"type":"%s","timestamp":"%s"}' % (kind, clock.now()))

        def done(code, payload):
            if code in ("Disconnected", "Dropped"):
                self._started = kind

        if not self._rpc.submit(STATUS, "SecurityEventNotification", build, done):
            self._started = kind

    # HeartbeatRequest

    def _send_heartbeat(self):
        if self._beating:
            return True
        self._beating = self._rpc.submit(HEARTBEAT, "Heartbeat", _build_empty, self._heartbeat_done)
        return self._beating

    def _heartbeat_done(self, code, payload):
        self._beating = False
        self._last_beat = board.uptime()
        if code is None:
            try:
                clock.set_from(payload["currentTime"])
            except (KeyError, TypeError, ValueError, IndexError) as e:
                log.error("heartbeat: response not usable: %s", e)
        self._kick.set()

    # StatusNotificationRequest

    def _send_statuses(self):
        """Queue the status of each connector that has to be reported (B01.FR.05, B04.FR.01, B04.FR.02)."""
        if self.status != "Accepted" or not self._link.up:
            return
        for evse in range(1, devicemodel.EVSES + 1):
            bit = 1 << evse - 1
            if self._unreported & bit and not self._queued & bit:
                self.send_status(evse)

    def send_status(self, evse):
        """Queue a StatusNotificationRequest; False when the queue is full."""
        bit = 1 << evse - 1

        async def build(link):
            self._queued &= ~bit
            self._unreported &= ~bit
            await link.put(
                '{"timestamp":"%s","connectorStatus":"%s","evseId":%d,"connectorId":1}'
                % (clock.now(), self._connector_status(evse), evse)
            )

        def done(code, payload):
            if code in ("Disconnected", "Dropped"):
                self._queued &= ~bit
                self._unreported |= bit
            self._send_statuses()

        if not self._rpc.submit(STATUS, "StatusNotification", build, done):
            return False
        self._queued |= bit
        return True

    # F06

    async def trigger(self, request, link):
        """TriggerMessageRequest: the answer, then the message (F06.FR.04)."""
        wanted = request["requestedMessage"]
        evse = request.get("evse")
        status = "Accepted"
        after = None
        if self._rpc.full():
            status = "Rejected"
        elif wanted == "BootNotification":
            # F06.FR.17
            if self.status == "Accepted" or self._booting:
                status = "Rejected"
            else:
                after = self._trigger_boot
        elif wanted == "Heartbeat":
            after = self._trigger_heartbeat
        elif wanted == "StatusNotification":
            # F06.FR.12: only at connector level
            if devicemodel.has_evse(evse, 2):

                async def after():
                    self.send_status(evse["id"])

            else:
                status = "Rejected"
        else:
            status = "NotImplemented"
        await link.put('{"status":"%s"}' % status)
        return after

    async def _trigger_boot(self):
        self._send_boot("Triggered")

    async def _trigger_heartbeat(self):
        self._send_heartbeat()


async def _build_empty(link):
    await link.put("{}")
