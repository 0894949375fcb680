"""J01, J02: what the energy meters show, sampled periodically and on the clock.

The meter of an EVSE is that of the EVSE controller. It measures one line: a current and its voltage ($GG),
and in a register the energy that the two make ($GU). So the current is reported with phase L1, the voltage
with L1-N, power and energy with no phase, as all that flows. There are no values of L2 and L3, of single
phases of the register, nor of a main meter (EVSE 0). The location is the default, Outlet. The meter can sign
its register.

A reading is (timestamp, Wh, mA, mV, signature): RFC 3339 text, the register since the meter was made
(J02.FR.17), and None or [signed record, public key, EVSE id - 1], both as pieces of base64 text.
"""

import asyncio

import board
from micropython import const

from . import clock, features, health, log
from .aio import Signal
from .devicemodel import EVSES
from .outbox import SAMPLE
from .rpc import REQUESTED

_DAY_S = const(86400)
_LONGEST_S = const(3600)
_LATE_S = const(10)  # a sample that is later than that is left out
_MARGIN_S = const(120)

_REGISTER = const("Energy.Active.Import.Register")
_KEY_WITH = const("OCPPCommCtrlr.PublicKeyWithSignedMeterValue")
_SIGNED = const(
    (
        ',"signedMeterValue":{"signedMeterData":"',
        '","signingMethod":"ECDSA-secp256r1-SHA256","encodingMethod":"OCMF","publicKey":"',
    )
)

_SAMPLED = const("SampledDataCtrlr")
_ALIGNED = const("AlignedDataCtrlr")
# of each family: what is sent at once, and what is kept for the end of the transaction
_INTERVALS = const(("TxUpdatedInterval", "TxEndedInterval", "Interval", "TxEndedInterval"))
_LISTS = const(("TxUpdatedMeasurands", "TxEndedMeasurands", "Measurands", "TxEndedMeasurands"))


def _milli(value):
    return "%d.%03d" % (value // 1000, value % 1000)


# feature CLOCK_ALIGNED
def _boundary(now, interval):
    """First multiple of the interval since midnight that is after `now`; midnight starts a new count."""
    second = now % _DAY_S
    return now - second + min((second // interval + 1) * interval, _DAY_S)


# end
class Metering:
    """One timer for all samples of all EVSEs. `online()` tells whether the CSMS can be reached.

    `transactions` has to be set before `run`.
    """

    def __init__(self, model, evse, rpc, outbox, online):
        self._model = model
        self._evse = evse
        self._rpc = rpc
        self._outbox = outbox
        self._online = online
        self._kick = Signal()
        # feature SIGNED_METER_VALUES
        self._lock = asyncio.Lock()  # a meter keeps one signed record
        self._told = [False] * EVSES  # has the transaction on it told the public key?
        # end
        # by EVSE id - 1: uptime of the newest reading that was not due, as (seconds, milliseconds)
        self._taken = [None] * EVSES
        # uptime of the start of the transaction, and the seconds after it of the next samples
        self._base = [None] * EVSES
        self._due = [[None, None] for _ in range(EVSES)]
        # feature CLOCK_ALIGNED
        # seconds of the wall clock of the next samples and of the last ones
        self._next = [None, None]
        self._last = [None, None]
        # end
        self.transactions = None
        if features.CLOCK_ALIGNED:
            clock.on_set.append(self._clock_set)

    def measurands(self, key):
        """Value of a variable that lists measurands; nothing where its controller is disabled."""
        enabled = self._model.boolean(key.split(".")[0] + ".Enabled")
        return self._model.get(key) if enabled else ""

    async def read(self, evse):
        """The reading of now for a transaction, or None when the meter does not answer."""
        return await self._read(evse, None, 0, _SAMPLED)

    def put(self, text, reading, context, measurands):
        """Put one MeterValueType of these measurands (a comma list); False when there is nothing to put."""
        if not reading or not measurands:
            return False
        for part in self._parts(reading, context, measurands):
            text.put(part)
        return True

    def _parts(self, reading, context, measurands):
        """MeterValueType as pieces of JSON text."""
        stamp, energy, current, voltage, signature = reading
        yield '{"timestamp":"%s","sampledValue":[' % stamp
        comma = ""
        for name in measurands.split(","):
            if name == "Current.Import":
                value, more = _milli(current), ',"phase":"L1","unitOfMeasure":{"unit":"A"}'
            elif name == "Voltage":
                value, more = _milli(voltage), ',"phase":"L1-N","unitOfMeasure":{"unit":"V"}'
            elif name == "Power.Active.Import":
                value, more = _milli(current * voltage // 1000), ',"unitOfMeasure":{"unit":"W"}'
            else:
                value, more = str(energy), ',"unitOfMeasure":{"unit":"Wh"}'
            yield '%s{"value":%s,"context":"%s","measurand":"%s"%s' % (comma, value, context, name, more)
            if features.SIGNED_METER_VALUES and signature and name == _REGISTER:
                # J01.FR.21, J02.FR.21
                for part in (0, 1):
                    yield _SIGNED[part]
                    for piece in signature[part]:
                        yield piece
                yield '"}'
                if signature[1] and self._model.get(_KEY_WITH) == "OncePerTransaction":
                    signature[1] = ()
                    self._told[signature[2]] = True
            yield "}"
            comma = ","
        yield "]}"

    # transactions

    def started(self, evse, reading):
        """A transaction has begun with this reading: the first of the samples for its end (E06.FR.11).

        It is a periodic one where there are more of them (part 6, TC_J_10_CS).
        """
        # counted from the reading: the periodic ones follow it at exact intervals
        self._base[evse - 1] = self._taken[evse - 1] if reading else (board.uptime(), board.uptime_ms())
        self._keep(
            evse,
            reading,
            "Sample.Periodic" if self._interval(1) else "Transaction.Begin",
            self._list(1),
        )
        self._plan(evse - 1)
        self._kick.set()

    def ended(self, evse):
        """The transaction is about to end."""
        self._base[evse - 1] = None

    def _keep(self, evse, reading, context, measurands):
        """Keep a sample for the TransactionEventRequest that ends the transaction."""
        transaction_id = self.transactions.transaction_id(evse)
        if transaction_id is None:
            return
        outbox = self._outbox
        outbox.clear()
        if self.put(outbox, reading, context, measurands):
            outbox.commit(SAMPLE, evse, transaction_id)

    # F06

    # feature CLOCK_ALIGNED
    # feature TRIGGER_ALL

    async def trigger(self, evse):
        """Queue MeterValuesRequests for an EVSE (0: for all; F06.FR.06): True; or None.

        None when no measurand is configured, a meter does not answer, or too many CALLs are waiting.
        """
        measurands = self._model.get("AlignedDataCtrlr.Measurands")
        readings = []
        for one in range(1, EVSES + 1):
            if measurands and evse in (0, one):
                readings.append((one, await self._read(one, None, 0, _ALIGNED)))
        if not readings or not all(reading for _, reading in readings) or self._rpc.full(EVSES):
            return None
        for one, reading in readings:
            self._send(one, reading, "Trigger", measurands)
        return True

    # end
    # end

    # the timer

    def _list(self, kind):
        return self.measurands((_SAMPLED if kind < 2 else _ALIGNED) + "." + _LISTS[kind])

    def _interval(self, kind):
        return self._model.integer((_SAMPLED if kind < 2 else _ALIGNED) + "." + _INTERVALS[kind])

    def on_change(self):
        """A variable has changed: all due times anew."""
        if features.CLOCK_ALIGNED:
            self._next = [None, None]
            self._align()
        for i in range(EVSES):
            if self._base[i]:
                self._plan(i)
        self._kick.set()

    def _plan(self, i):
        for kind in (0, 1):
            interval = self._interval(kind)
            self._due[i][kind] = (self._elapsed(i)[0] // interval + 1) * interval if interval else None

    # feature CLOCK_ALIGNED
    def _clock_set(self):
        self._align()
        self._kick.set()

    def _align(self):
        """Next multiples of the intervals; not those that were sampled before the clock went back a bit."""
        now = clock.time()[0]
        for kind in (0, 1):
            due = self._next[kind]
            if due is not None and 0 <= now - due < _LATE_S:
                continue  # the clock has just been set forward over it
            interval = self._interval(kind + 2)
            due = _boundary(now, interval) if interval and clock.known else None
            if due is not None and due == self._last[kind]:
                due = _boundary(due, interval)
            self._next[kind] = due

    # end

    def _elapsed(self, i):
        """Seconds and milliseconds since the transaction of an EVSE began."""
        seconds, ms = self._base[i]
        seconds = board.uptime() - seconds
        ms = board.uptime_ms() - ms
        return (seconds - 1, ms + 1000) if ms < 0 else (seconds, ms)

    def _wait_ms(self):
        """Until the next sample."""
        shortest = _LONGEST_S * 1000
        # feature CLOCK_ALIGNED
        seconds, ms = clock.time()
        for due in self._next:
            if due is not None:
                shortest = min(shortest, min(due - seconds, _LONGEST_S) * 1000 - ms)
        # end
        for i in range(EVSES):
            for due in self._due[i]:
                if due is not None and self._base[i]:
                    seconds, ms = self._elapsed(i)
                    shortest = min(shortest, min(due - seconds, _LONGEST_S) * 1000 - ms)
        return max(shortest, 0)

    async def run(self):
        """Take the samples, for ever."""
        self.on_change()
        while True:
            self._kick.flag = False
            ms = self._wait_ms()
            health.promise(health.METERING, ms // 1000 + _MARGIN_S)
            await self._kick.wait(ms)
            if features.CLOCK_ALIGNED:
                await self._sample_clock()
            for i in range(EVSES):
                await self._sample_transaction(i)

    # feature CLOCK_ALIGNED
    async def _sample_clock(self):
        """J01.FR.14, J01.FR.19, J01.FR.20, J01.FR.22: all EVSEs at the same instant."""
        seconds = clock.time()[0]
        wanted = ["", ""]
        stamp = None
        for kind in (0, 1):
            due = self._next[kind]
            if due is None or seconds < due:
                continue
            if seconds - due < _LATE_S:
                wanted[kind] = self._list(kind + 2)
                if seconds == due:
                    stamp = clock.text_of(due, 0)
                self._last[kind] = due
            self._next[kind] = None
        self._align()
        if not wanted[0] and not wanted[1]:
            return
        began = board.uptime()
        running = self.transactions.transaction_id
        for evse in range(1, EVSES + 1):
            if self._model.boolean("AlignedDataCtrlr.SendDuringIdle") and any(
                running(i) is not None for i in range(1, EVSES + 1)
            ):
                return
            if not wanted[0] and running(evse) is None:
                continue
            reading = await self._read(evse, stamp, began, _ALIGNED)
            if reading is None:
                continue
            if running(evse) is not None:
                self._keep(evse, reading, "Sample.Clock", wanted[1])
                if wanted[0]:
                    self.transactions.sampled(evse, "Clock", reading)
            elif wanted[0] and self._online():
                self._send(evse, reading, "Sample.Clock", wanted[0])

    # end

    async def _sample_transaction(self, i):
        """J02.FR.11, and the samples for the end, counted from the start of the transaction."""
        if not self._base[i]:
            return
        wanted = ["", ""]
        stamp = None
        seconds = self._elapsed(i)[0]
        for kind in (0, 1):
            due = self._due[i][kind]
            if due is None or seconds < due:
                continue
            interval = self._interval(kind)
            self._due[i][kind] = (seconds // interval + 1) * interval if interval else None
            if seconds - due < _LATE_S:
                wanted[kind] = self._list(kind)
                if seconds == due:
                    begin, ms = self._base[i]
                    stamp = clock.text_of(*clock.at(begin + due, ms))
        if not wanted[0] and not wanted[1]:
            return
        reading = await self._read(i + 1, stamp, board.uptime(), _SAMPLED)
        if reading is None or not self._base[i]:
            return
        self._keep(i + 1, reading, "Sample.Periodic", wanted[1])
        if wanted[0]:
            self.transactions.sampled(i + 1, "Periodic", reading)

    async def _read(self, evse, stamp, began, family):
        """The reading with the timestamp of the instant it was due, unless it took long."""
        i = evse - 1
        signature = None
        values = await self._evse.read_meter(evse)
        if features.SIGNED_METER_VALUES and values and self._model.boolean(family + ".SignReadings"):
            if not self._base[i]:
                self._told[i] = False
            when = self._model.get(_KEY_WITH)
            with_key = when == "EveryMeterValue" or (when == "OncePerTransaction" and not self._told[i])
            async with self._lock:
                signed = await self._evse.read_signed(evse, with_key)
            if signed:
                values = (signed[0], values[1], values[2])
                signature = [signed[1], signed[2], i]
            else:
                values = None
        if values is None:
            log.warn("metering: %d: the meter does not answer", evse)
            return None
        if stamp is None or board.uptime() - began > 1:
            self._taken[i] = now = (board.uptime(), board.uptime_ms())
            stamp = clock.text_of(*clock.at(*now))
        energy, current, voltage = values
        return stamp, energy, current, voltage, signature

    # MeterValuesRequest

    # feature CLOCK_ALIGNED
    def _send(self, evse, reading, context, measurands):
        async def build(link):
            await link.put('{"evseId":%d,"meterValue":[' % evse)
            for part in self._parts(reading, context, measurands):
                await link.put(part)
            await link.put("]}")

        if not self._rpc.submit(REQUESTED, "MeterValues", build):
            log.warn("metering: meter values of %d given up: too many CALLs are waiting", evse)

    # end
