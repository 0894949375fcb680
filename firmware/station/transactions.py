"""Blocks E and F01 to F03: the driver, the car and the transaction on each EVSE.

A task looks at one EVSE after the other and works off what happened to it, one thing at a time: each may
start, report or end the transaction. A second task decides about the tokens, as that takes the CSMS.
"""

import json
from binascii import hexlify

import board
from micropython import const

from . import clock, features, health, log
from .aio import Signal
from .authorization import same
from .devicemodel import EVSES
from .outbox import ENDED, STARTED, UPDATED

# what may start a transaction when it comes, and end it when it goes (part 2, 2.6.6)
_CONNECTED = const(1)
_AUTHORIZED = const(2)
_POWER_PATH = const(4)
_ENERGY = const(8)
_SIGNED = const(16)
_START = const("TxCtrlr.TxStartPoint")
_POINTS = const(("EVConnected", "Authorized", "PowerPathClosed", "EnergyTransfer", "DataSigned"))

_ALWAYS = const(32)  # end the transaction whatever TxStopPoint says
_BY_DRIVER = const(6)  # Authorized, PowerPathClosed
_BY_CSMS = const(14)  # and EnergyTransfer (E05.FR.10)

# why a cable stays locked when nobody is authorized
_LEFT = const(1)  # the car has gone, UnlockOnEVSideDisconnect is false (E09.FR.03)
_INVALID = const(2)  # the CSMS did not accept the driver (E05.FR.11)

_UPDATED_KEY = const("SampledDataCtrlr.TxUpdatedMeasurands")
_EVENTS = const(("Started", "Updated", "Ended"))
_FAULTS = const((None, "GroundFault", None, None, None, None, "OvercurrentFault"))

_SETTLE_S = const(4)  # a car that asks for energy has closed the contactor by then
_LOCK_RETRY_S = const(10)
_BLOCKED_S = const(2)
_STORE_RETRY_S = const(60)
_METER_S = const(5)
_POWER_W = const(8000)  # what an EVSE gives at most, and some more
_IDLE_S = const(3600)
_MARGIN_S = const(120)


def new_id():
    """A transaction id never used before: a random UUID (E01.FR.08)."""
    raw = bytearray(board.random(16))
    raw[6] = raw[6] & 15 | 64
    raw[8] = raw[8] & 63 | 128
    text = hexlify(raw).decode()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


class Session:
    """One EVSE: its driver, its car, its transaction."""

    def __init__(self, evse):
        self.evse = evse
        self.id = None  # of the transaction that goes on
        self.seq = 0
        self.state = "Idle"  # ChargingStateEnumType, as last reported
        self.connected = False
        self.points = 0  # what is met of _POINTS
        self.register = None  # Wh at the start
        # the driver
        self.token = None
        self.group = None
        self.authorized = False
        self.until = None  # uptime at which a car has to be connected
        self.reason = None  # ReasonEnumType of what ended the authorization
        self.held = 0
        self.suspended = False
        self.signed = None  # has the meter signed a reading for this driver? None: not asked yet
        self.limit = None  # Wh at which an invalid driver's energy ends (E05.FR.03)
        self.meter_at = 0  # uptime before which that cannot be
        # what the next event has to tell
        self.tell = None  # idToken
        self.remote = None  # remoteStartId
        self.show = False  # evse
        # what happened
        self.granted = None  # (remoteStartId or None,) of an authorization to be told
        self.ending = False
        self.asked = False  # TriggerMessage
        self.stop = None  # (reason, trigger, idToken, points that end the transaction)
        self.stop_at = 0  # uptime before which that cannot be stored
        self.lost = False  # the transaction was going on when the station went down
        # the hardware
        self.offered = None  # uptime since which energy is offered and not taken
        self.lock_at = 0  # uptime before which the lock is left alone, as it was stuck


class Transactions:
    """The sessions of all EVSEs.

    `operative(evse)` says whether a session may begin there, `registration()` what the CSMS said to the last
    BootNotification, None where it has not yet.
    """

    def __init__(self, evse, model, outbox, authorization, metering):
        self._evse = evse
        self._model = model
        self._outbox = outbox
        self._authorization = authorization
        self._metering = metering
        self._wake = Signal()
        self._read = Signal()
        self._tokens = []
        self._accepted = False
        self._sessions = [Session(n) for n in range(1, EVSES + 1)]
        self.on_idle = []
        self.operative = lambda evse: True
        self.registration = None
        for s in self._sessions:
            kept = board.store_get(b"tx:%d" % s.evse)
            if kept:
                s.id = kept.decode()
                s.lost = True

    # what others ask

    def active(self, evse):
        """Is a driver authorized, or a transaction going on, at an EVSE (0: at any)?"""
        return any((not evse or s.evse == evse) and (s.id or s.authorized) for s in self._sessions)

    def authorized(self, evse):
        """Is energy allowed at an EVSE?"""
        return self._sessions[evse - 1].authorized

    def transaction_id(self, evse):
        """Id of the transaction on an EVSE, or None."""
        return self._sessions[evse - 1].id

    def find(self, transaction_id):
        """The EVSE on which a transaction goes on, or 0."""
        for s in self._sessions:
            if s.id == transaction_id:
                return s.evse
        return 0

    # what others tell

    def on_state(self, evse):
        """Something about an EVSE has changed."""
        self._wake.set()

    def on_token(self, evse, kind, token):
        """A token was presented at an EVSE's reader."""
        self._present(self._sessions[evse - 1], {"idToken": token, "type": kind}, None, None)

    def submit_stop(self, evse, reason, trigger):
        """End what goes on at an EVSE."""
        self._stop(self._sessions[evse - 1], reason, trigger, None, _ALWAYS)

    def trigger(self, evse):
        """Send a TransactionEventRequest of the transaction on an EVSE (0: on all of them, F06.FR.07)."""
        for s in self._sessions:
            if evse in (0, s.evse):
                s.asked = s.show = True
        self._wake.set()

    def sampled(self, evse, kind, reading):
        """A reading that is due ("Periodic", "Clock") goes out in an event of its own (J02.FR.11)."""
        s = self._sessions[evse - 1]
        if s.id and not s.lost:
            key = "AlignedDataCtrlr.Measurands" if kind == "Clock" else _UPDATED_KEY
            # what the event to come has to tell is not for this one
            later = s.tell, s.remote, s.show
            s.tell = s.remote = None
            s.show = False
            self._commit(s, 1, "MeterValue" + kind, None, (reading, "Sample." + kind, key))
            s.tell, s.remote, s.show = later

    def on_response(self, transaction_id, kind, payload, token):
        """A TransactionEventResponse, and the idToken of its request: E05, C10.FR.05."""
        info = payload.get("idTokenInfo")
        if not token or not isinstance(info, dict):
            return
        read = self._authorization.remember(token["idToken"], token["type"], info)
        for s in self._sessions:
            if s.id == transaction_id and s.authorized and token == s.token:
                self._judge(s, info, read and read[2])

    def _judge(self, s, info, group):
        """The CSMS's word on the driver of a transaction that goes on (E05.FR.02 to E05.FR.11, E06.FR.04)."""
        if info.get("status") == "Accepted":
            s.group = group or s.group
            return
        log.info("transactions: %d: the CSMS does not accept the driver", s.evse)
        if self._model.boolean("TxCtrlr.StopTxOnInvalidId"):
            s.held = _INVALID
            self._stop(s, "DeAuthorized", "Deauthorized", None, _BY_CSMS)
            return
        most = self._model.integer("TxCtrlr.MaxEnergyOnInvalidId") if features.MAX_ENERGY else 0
        if features.MAX_ENERGY and most and s.register is not None:
            s.limit = s.register + most
            s.meter_at = 0
        else:
            s.suspended = True
        self._wake.set()

    # tokens

    def _present(self, s, token, group, remote):
        """Queue a token, unless one is being decided about at this EVSE."""
        if not self._deciding(s):
            self._tokens.append((s, token, group, remote))
            self._read.set()

    def _deciding(self, s):
        return any(waiting[0] is s for waiting in self._tokens)

    async def read(self):
        """Decide about the tokens, one after the other, for ever."""
        while True:
            if not self._tokens:
                self._read.flag = False
                await self._read.wait(_IDLE_S * 1000)
                continue
            s, token, group, remote = self._tokens[0]
            await self._decide(s, token, group, remote)
            del self._tokens[0]

    async def _decide(self, s, token, group, remote):
        """Who is authorized stops (E07.FR.01, C09, C16) or gets his cable (E09.FR.03), another one begins."""
        if s.authorized:
            if remote is not None:
                return
            if same(token, s.token):
                self._stop(s, "Local", "StopAuthorized", token, _BY_DRIVER)
                return
        elif s.held and same(token, s.token) and not (s.held == _LEFT and s.connected):
            self._release(s)
            return
        elif not (s.held or self._may_begin(s)):
            # a master pass stops what goes on elsewhere
            if not features.MASTER_PASS:
                return
            if remote is not None or not (self.active(0) and self._model.get("AuthCtrlr.MasterPassGroupId")):
                return
        going = s.authorized
        stops = going or s.held
        status, known, _ = await self._authorization.authorize(
            token["type"], token["idToken"], s.evse, bool(stops)
        )
        log.info("transactions: %d: token %s", s.evse, status)
        if status != "Accepted":
            return
        if features.MASTER_PASS and self._authorization.is_master(known):
            # C16.FR.02, C16.FR.03
            for each in self._sessions:
                self._release(each)
                self._stop(each, "MasterPass", "StopAuthorized", token, _BY_DRIVER)
        elif s.authorized:
            if same(known, s.group):
                self._stop(s, "Local", "StopAuthorized", token, _BY_DRIVER)
        elif s.token and (s.held or s.id) and not same(token, s.token):
            # C01.FR.23: a transaction has one driver
            if s.held and same(known, s.group):
                self._release(s)
        elif self._may_begin(s) and not (going and same(known, s.group)):
            self._grant(s, token, known or group, remote)

    def _release(self, s):
        s.held = 0
        self._wake.set()

    def _grant(self, s, token, group, remote):
        """The driver is authorized."""
        s.token = token
        s.group = group
        s.granted = (remote,)
        s.authorized = True
        s.suspended = False
        s.held = 0
        s.limit = s.reason = None
        self._wake.set()

    def _stop(self, s, reason, trigger, token, ends):
        if (s.id or s.authorized) and (s.stop is None or ends == _ALWAYS):
            s.stop = (reason, trigger, token, ends)
            self._wake.set()

    def _ready(self):
        """Is the clock known, and has the CSMS accepted the station (B02, B03)?"""
        status = self.registration()
        if status is not None:
            self._accepted = status == "Accepted"
        return self._accepted and clock.known

    def _may_begin(self, s):
        """May a session begin: the station ready, the EVSE free to be used?"""
        evse = self._evse
        return (
            self._ready()
            and not s.ending
            and evse.reachable(s.evse)
            and not evse.faulted(s.evse)
            and self.operative(s.evse)
        )

    # feature REMOTE_START_STOP
    # F01 to F03

    async def request_start(self, request, link):
        """RequestStartTransactionRequest (F01, F02). A charging profile is ignored (F01.FR.12)."""
        s = None
        if self.registration() == "Accepted":
            wanted = request.get("evseId")
            for each in self._sessions:
                # F01.FR.24: nobody has been authorized for the transaction that goes on
                taken = each.authorized or (each.id and each.token) or self._deciding(each)
                if wanted not in (None, each.evse) or taken or not self._may_begin(each):
                    continue
                # without an EVSE given, one where a car waits (F01.FR.20)
                if s is None or (each.connected and not s.connected):
                    s = each
        if s is None:
            await link.put('{"status":"Rejected"}')
            return None
        if s.id:
            await link.put('{"status":"Accepted","transactionId":"%s"}' % s.id)
        else:
            await link.put('{"status":"Accepted"}')
        given = request["idToken"]
        token = {"idToken": given["idToken"], "type": given["type"]}
        group = request.get("groupIdToken")
        remote = request["remoteStartId"]

        async def after():
            if self._model.boolean("AuthCtrlr.AuthorizeRemoteStart"):
                self._present(s, token, group, remote)
            elif not s.authorized and self._may_begin(s):
                self._grant(s, token, group, remote)

        return after

    async def request_stop(self, request, link):
        """RequestStopTransactionRequest (F03.FR.02, F03.FR.03, F03.FR.07, F03.FR.08)."""
        evse = self.find(request["transactionId"])
        if not evse:
            await link.put('{"status":"Rejected"}')
            return None
        await link.put('{"status":"Accepted"}')

        async def after():
            self._stop(self._sessions[evse - 1], "Remote", "RemoteStop", None, _BY_DRIVER)

        return after

    # end

    # the sessions

    async def run(self):
        """Work off what happens, for ever."""
        while True:
            self._wake.flag = False
            seconds = _IDLE_S
            for s in self._sessions:
                while await self._step(s):
                    pass
                seconds = min(seconds, self._patience(s))
            health.promise(health.TRANSACTIONS, seconds + _MARGIN_S)
            await self._wake.wait(seconds * 1000)

    def _patience(self, s):
        """Seconds until to look again without being woken."""
        now = board.uptime()
        seconds = _IDLE_S
        if s.until is not None:
            seconds = s.until - now
        evse, n = self._evse, s.evse
        if s.lost or (evse.connected(n) != s.connected and evse.reachable(n) and not evse.faulted(n)):
            seconds = min(seconds, _BLOCKED_S)
        if s.offered is not None:
            seconds = min(seconds, s.offered + _SETTLE_S - now)
        if s.lock_at > now:
            seconds = min(seconds, s.lock_at - now)
        if s.stop:
            seconds = min(seconds, s.stop_at - now)
        if features.MAX_ENERGY and s.limit is not None and not s.suspended:
            seconds = min(seconds, s.meter_at - now)
        return max(seconds, 1)

    async def _step(self, s):
        """Work off the next thing that happened at an EVSE; was there one?"""
        evse, n, model = self._evse, s.evse, self._model
        if s.lost:
            if not self._ready():
                await self._drive(s)
                return False
            self._recover(s)
        reason = reading = None
        ends = 0
        if s.granted and s.authorized:
            # first of all: what else has happened may end it
            s.tell = s.token
            s.remote = s.granted[0]
            s.granted = None
            trigger = "Authorized"
            # uptime knows whole seconds only: one more, or it would end before its time
            s.until = (
                None
                if evse.connected(n)
                else board.uptime() + model.integer("TxCtrlr.EVConnectionTimeOut") + 1
            )
        elif s.stop and board.uptime() >= s.stop_at:
            reason, trigger, s.tell, ends = s.stop
            s.stop = None
            s.authorized = False
            if trigger == "Deauthorized":
                # E05.FR.09: the energy ends before it is told
                await self._drive(s)
        elif evse.faulted(n):
            if s.stop or not (s.id or s.authorized):
                await self._drive(s)
                return False
            # E06.FR.16
            trigger, ends = "AbnormalCondition", _ALWAYS
            code = evse.fault(n)
            reason = (_FAULTS[code] if code < len(_FAULTS) else None) or "Other"
            s.authorized = False
        elif evse.reachable(n) and s.connected != evse.connected(n) and self._may_move(s):
            trigger, reason = self._move(s)
        elif s.until is not None and board.uptime() >= s.until:
            # E03.FR.05, F02.FR.07, C01.FR.26
            trigger, reason, ends = "EVConnectTimeout", "Timeout", _ALWAYS
            s.authorized = False
        elif s.asked and s.id:
            s.asked = False
            trigger = "Trigger"
        # feature SIGNED_METER_VALUES
        elif s.signed is None and s.authorized and s.connected and not s.id and self._mask(_START) & _SIGNED:
            # E01.FR.04
            reading = await self._metering.read(n)
            if not reading:
                return False
            s.signed = reading[4] is not None
            if not s.signed:
                log.error("transactions: %d: the meter does not sign", n)
                return True
            trigger = "SignedDataReceived"
        # end
        else:
            s.asked = False
            await self._drive(s)
            trigger = "ChargingStateChanged"
            reason = "DeAuthorized" if s.suspended else "StoppedByEV"
        return await self._report(s, trigger, reason, ends, reading)

    def _move(self, s):
        """The car has come or gone."""
        yes, n = self._model.boolean, s.evse
        s.connected = not s.connected
        if s.connected:
            s.until = None
            s.show = True
            if not s.authorized and not yes("AuthCtrlr.Enabled"):
                self._grant(s, {"idToken": "", "type": "NoAuthorization"}, None, None)
                s.tell = s.token
                s.granted = None
            return "CablePluggedIn", None
        if s.authorized and yes("TxCtrlr.StopTxOnEVSideDisconnect"):
            # E09.FR.01 to E09.FR.03
            s.authorized = False
            if self._evse.plugged(n) and not yes("OCPPCommCtrlr.UnlockOnEVSideDisconnect"):
                s.held = _LEFT
        return "EVCommunicationLost", "EVDisconnected"

    def _may_move(self, s):
        """Is a car that comes or goes to be noticed now?"""
        return s.connected or s.id or s.authorized or self._may_begin(s)

    def _recover(self, s):
        """A transaction was going on when the station went down: it ends now."""
        s.lost = False
        seq = self._outbox.next_seq(s.id)
        if seq is None:
            s.id = None
            self._keep(s)
            self._idle(s)
            return
        s.seq = seq
        s.connected = self._evse.connected(s.evse)
        lost = board.reset_cause() in (board.POWER_ON, board.BROWNOUT)
        self._stop(s, "PowerLoss" if lost else "Reboot", "AbnormalCondition", None, _ALWAYS)

    def _idle(self, s):
        for hook in self.on_idle:
            hook(s.evse)

    async def _drive(self, s):
        """Lock, contactor and offer as the session wants them."""
        evse, n = self._evse, s.evse
        if not evse.reachable(n):
            return
        if not evse.plugged(n):
            s.held = 0
        if features.MAX_ENERGY and s.limit is not None and not s.suspended and board.uptime() >= s.meter_at:
            values = await evse.read_meter(n)
            left = s.limit - values[0] if values else 0
            s.suspended = values is not None and left <= 0
            s.meter_at = board.uptime() + max(left * 3600 // _POWER_W, _METER_S)
        if s.offered is not None and board.uptime() >= s.offered + _SETTLE_S and not evse.closed(n):
            # the report may have been lost
            await evse.refresh(n)
        offer = s.authorized and s.connected and not s.suspended and not evse.faulted(n)
        # feature SIGNED_METER_VALUES
        if s.signed is False and not s.id and not self._mask(_START) & _ENERGY:
            offer = False
        # end
        if evse.enabled(n) and not offer:
            s.offered = None
            await evse.enable(n, False)
        locked = evse.locked(n)
        want = evse.plugged(n) and (
            (s.authorized and s.connected) or (locked and bool(s.authorized or s.held))
        )
        if want == locked:
            s.lock_at = 0
        elif board.uptime() >= s.lock_at:
            s.lock_at = 0 if await evse.lock(n, want) else board.uptime() + _LOCK_RETRY_S
        if offer and evse.locked(n) and not evse.enabled(n) and await evse.enable(n, True):
            s.offered = board.uptime()

    def _charging_state(self, s):
        evse, n = self._evse, s.evse
        if not s.connected:
            return "Idle"
        if not evse.reachable(n):
            return s.state
        if not evse.enabled(n):
            return "SuspendedEVSE" if s.authorized and (s.suspended or s.lock_at) else "EVConnected"
        if evse.closed(n):
            s.offered = None
            return "Charging"
        if s.offered is not None:
            if board.uptime() - s.offered < _SETTLE_S:
                return s.state
            s.offered = None
        return "SuspendedEV"

    def _mask(self, key):
        mask = 0
        for name in self._model.members(key):
            if name in _POINTS:
                mask |= 1 << _POINTS.index(name)
        return mask

    async def _report(self, s, trigger, reason, ends, reading):
        """Start, go on with, or end the transaction after something happened; has anything changed?"""
        state = self._charging_state(s)
        points = _CONNECTED if s.connected else 0
        if s.authorized and not s.granted:
            points |= _AUTHORIZED | (_POWER_PATH if s.connected else 0)
        if state == "Charging":
            points |= _ENERGY
        # feature SIGNED_METER_VALUES
        if s.signed:
            points |= _SIGNED
        # end
        risen, fallen = points & ~s.points, s.points & ~points
        changed = state != s.state
        if trigger == "ChargingStateChanged" and not changed and not risen and not fallen:
            return False
        busy = s.id or s.points & _AUTHORIZED
        s.points = points
        s.state = state
        if not s.authorized:
            s.until = s.signed = None
            s.reason = s.reason or reason
        if s.id:
            stop = self._mask("TxCtrlr.TxStopPoint") | _ALWAYS
            # nothing can end a transaction any more without driver and car
            if fallen & stop or ends & stop or not points & (_CONNECTED | _AUTHORIZED):
                await self._end(s, trigger, s.reason or reason)
            elif trigger == "Trigger":
                reading = await self._metering.read(s.evse)
                self._commit(s, 1, trigger, state, (reading, "Trigger", _UPDATED_KEY))
            else:
                told = changed or trigger == "Deauthorized"
                self._commit(s, 1, trigger, state if told else None)
        else:
            start = self._mask(_START)
            # a driver who comes when the car is there already starts one, too
            if risen & start or (risen & _AUTHORIZED and points & start):
                await self._start(s, trigger, state, reading or await self._metering.read(s.evse))
            elif not s.authorized:
                s.tell = s.remote = None
        if not s.id and not s.authorized:
            s.reason = None
            if busy:
                self._idle(s)
        return True

    async def _start(self, s, trigger, state, reading):
        """E01.FR.02 to E01.FR.09, E01.FR.16."""
        s.register = reading[1] if reading else None
        if not s.authorized and not s.held:
            s.token = s.group = None
        s.id = new_id()
        s.seq = 0
        s.show = True
        self._keep(s)
        sample = (reading, "Transaction.Begin", "SampledDataCtrlr.TxStartedMeasurands")
        if not self._commit(s, 0, trigger, state, sample):
            s.id = None
            s.authorized = False
            self._keep(s)
            return
        log.info("transactions: %d: %s started", s.evse, s.id)
        self._metering.started(s.evse, reading)

    async def _end(self, s, trigger, reason):
        """E06.FR.02 to E06.FR.11: first the energy ends, then the transaction."""
        s.ending = True
        s.authorized = False
        await self._drive(s)
        s.points &= _CONNECTED
        s.state = "EVConnected" if s.connected else "Idle"
        reading = await self._metering.read(s.evse)
        self._metering.ended(s.evse)
        sample = (reading, "Transaction.End", "SampledDataCtrlr.TxEndedMeasurands")
        s.suspended = s.ending = False
        s.signed = None
        if not self._commit(s, 2, trigger, s.state, sample, reason=reason):
            s.stop = (reason, trigger, s.tell, _ALWAYS)
            s.stop_at = board.uptime() + _STORE_RETRY_S
            return
        log.info("transactions: %d: %s ended, %s", s.evse, s.id, reason)
        s.id = s.stop = None
        s.stop_at = 0
        s.limit = None
        self._keep(s)

    def _keep(self, s):
        """Note in flash which transaction goes on."""
        key = b"tx:%d" % s.evse
        try:
            if s.id:
                board.store_put(key, s.id.encode())
            else:
                board.store_delete(key)
        except OSError as e:
            log.error("transactions: %d: not stored: %s", s.evse, e)

    def _commit(self, s, event, trigger, state, sample=None, *, reason=None):
        """Compose a TransactionEventRequest and queue it; False when it could not be stored.

        `sample` is (reading or None, its context, the variable that lists the measurands).
        """
        reading, context, key = sample or (None, None, None)
        outbox = self._outbox
        put = outbox.put
        outbox.clear()
        put('{"eventType":"%s","timestamp":"%s"' % (_EVENTS[event], reading[0] if reading else clock.now()))
        # F02.FR.21
        put(',"triggerReason":"%s","seqNo":%d' % (trigger if s.remote is None else "RemoteStart", s.seq))
        put(',"transactionInfo":{"transactionId":"%s"' % s.id)
        if state:
            put(',"chargingState":"%s"' % state)
        if reason:
            put(',"stoppedReason":"%s"' % reason)
        if s.remote is not None:
            put(',"remoteStartId":%d' % s.remote)
        put("}")
        if state == "Charging":
            # E02.FR.18: a station of one phase
            put(',"numberOfPhasesUsed":1')
        if s.show:
            put(',"evse":{"id":%d,"connectorId":1}' % s.evse)
        if s.tell:
            put(',"idToken":' + json.dumps(s.tell))
        measurands = self._metering.measurands(key) if reading else ""
        if measurands or event == 2:
            put(',"meterValue":[' + ("\x01" if event == 2 else ""))
            if measurands:
                self._metering.put(outbox, reading, context, measurands)
            put("]")
        put("}")
        if not outbox.commit((STARTED, UPDATED, ENDED)[event], s.evse, s.id):
            log.error("transactions: %d: event could not be kept", s.evse)
            return False
        s.seq += 1
        s.tell = s.remote = None
        s.show = False
        return True
