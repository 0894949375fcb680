"""G01, G03, G04: the status of the connectors, and what the CSMS has put out of operation."""

import board
from micropython import const

from . import clock, log
from .rpc import STATUS
from .variables import EVSES

_KEY = const(b"inoperative")
_ALL = (1 << EVSES) - 1
_REPORTED = const(("Available", "Occupied", "Unavailable"))

# bits of what is stored
_STATION = const(1)
_EVSE = const(1)  # << 2 n - 1 for EVSE n, followed by its connector
_BOTH = const(3)


def _tiers(evse):
    """Bits of what an EVSE's being in operation takes."""
    return _STATION | _BOTH << 2 * evse - 1


class Availability:
    """What may be used, and what the CSMS is told about it.

    Station, EVSEs and connectors have states of their own (G03, note 1), kept in the store. A change to
    Inoperative during a transaction is stored at once, and shows when the EVSE is idle.
    """

    def __init__(self, registration, rpc, evse, transactions):
        self._registration = registration
        self._rpc = rpc
        self._evse = evse
        self._transactions = transactions
        self._inoperative = (board.store_get(_KEY) or b"\0")[0]
        self._unreported = 0  # bit per EVSE: its status has to be sent
        self._queued = 0  # bit per EVSE: its status waits in the queue
        self._held = 0  # bit per EVSE: a reset is to come, no session may begin
        self._withdrawn = 0  # bit per EVSE: and it is Unavailable on that account
        # feature FIRMWARE_UPDATE
        self._leaving = 0  # bit per EVSE: a new firmware is to come, no session may begin
        self._left = 0  # bit per EVSE: and it is Unavailable on that account
        # end
        self._known = [self.status(n) for n in range(1, EVSES + 1)]

    # the states

    def operative(self, evse):
        """May a session begin on the EVSE?"""
        held = self._held
        # feature FIRMWARE_UPDATE
        held |= self._leaving
        # end
        return not (self._inoperative & _tiers(evse) or held & 1 << evse - 1)

    def status(self, evse):
        """ConnectorStatusEnumType of the connector of an EVSE (G03.FR.06, G04.FR.07)."""
        status = self._evse.status(evse)
        if status == "Faulted":
            return status
        withdrawn = self._withdrawn
        # feature FIRMWARE_UPDATE
        withdrawn |= self._left
        # end
        if withdrawn & 1 << evse - 1:
            return "Unavailable"
        # a change that waits for the end of the transaction shows when the cable is pulled (G01.FR.05)
        if self._inoperative & _tiers(evse) and (
            status == "Available" or not self._transactions.active(evse)
        ):
            return "Unavailable"
        return status

    def station_status(self):
        """AvailabilityState of the station: of its best EVSE."""
        states = [self.status(evse) for evse in range(1, EVSES + 1)]
        for state in _REPORTED:
            if state in states:
                return state
        return "Faulted"

    def hold(self, evse, withdraw):
        """A reset of the EVSE is to come: no session begins any more; `withdraw`: it shows Unavailable."""
        self._held |= 1 << evse - 1
        if withdraw:
            self._withdrawn |= 1 << evse - 1
        self.on_status(evse)

    # feature FIRMWARE_UPDATE
    def withdraw(self, evse):
        """A new firmware is to come: no session begins any more; what is occupied shows Unavailable once it
        has become, and was reported as, Available (L01.FR.07)."""
        bit = 1 << evse - 1
        self._leaving |= bit
        if self._known[evse - 1] == "Available" and not self._unreported & bit:
            self._left |= bit
            self.on_status(evse)

    def stay(self, evse):
        """No new firmware is to come any more."""
        self._leaving &= ~(1 << evse - 1)
        self._left &= ~(1 << evse - 1)
        self.on_status(evse)

    # end

    # feature RESET_EVSE
    def release(self, evse):
        """It was reset, or is not to be any more: what the CSMS has set holds again (B12.FR.06)."""
        self._held &= ~(1 << evse - 1)
        self._withdrawn &= ~(1 << evse - 1)
        self.on_status(evse)

    # end

    # ChangeAvailability

    # feature CHANGE_AVAILABILITY
    async def change(self, request, link):
        """ChangeAvailabilityRequest (G03, G04): the answer, then the status of what it names.

        Connectors that keep their status are reported too, as TC_G_13 wants it.
        """
        evse = request.get("evse")
        number = connector = 0
        if evse is not None:
            number, connector = evse["id"], evse.get("connectorId", 0)
            if not 1 <= number <= EVSES:
                await link.put('{"status":"Rejected","statusInfo":{"reasonCode":"UnknownEvse"}}')
                return
            if "connectorId" in evse and connector != 1:
                await link.put('{"status":"Rejected","statusInfo":{"reasonCode":"UnknownConnectorId"}}')
                return
        stop = request["operationalStatus"] == "Inoperative"
        bit = _EVSE << 2 * number - 1 + connector if number else _STATION
        wanted = self._inoperative | bit if stop else self._inoperative & ~bit
        if wanted != self._inoperative:
            try:
                board.store_put(_KEY, bytes((wanted,)))
            except OSError:
                await link.put('{"status":"Rejected","statusInfo":{"reasonCode":"OutOfStorage"}}')
                return
            self._inoperative = wanted
            log.info("availability: inoperative components %x", wanted)
        evses = 1 << number - 1 if number else _ALL
        busy = 0
        for n in range(1, EVSES + 1):
            if evses & 1 << n - 1 and self._transactions.active(n):
                busy |= 1 << n - 1
        # goes out after the answer, which has the link, and though the answer be lost
        self.report(evses & ~busy)
        # G03.FR.05, G04.FR.06; what goes on need not be scheduled (G03.FR.03)
        await link.put('{"status":"Scheduled"}' if busy and stop else '{"status":"Accepted"}')

    # end

    # StatusNotificationRequest

    def on_status(self, evse):
        """Something that the status of a connector follows has changed (G01.FR.03 to G01.FR.07)."""
        status = self.status(evse)
        if status != self._known[evse - 1]:
            self.report(1 << evse - 1)

    def report(self, evses):
        """Send the status of these EVSEs (a bit each) as soon as it may be."""
        self._unreported |= evses
        for n in range(EVSES):
            if evses & 1 << n:
                self._known[n] = self.status(n + 1)
        self.send_due()

    def on_news(self, all):
        """The CSMS may be told again, `all`: of each connector (B01.FR.05, B04.FR.01, B04.FR.02)."""
        self.report(_ALL if all else 0)

    def send_due(self):
        """Queue the status of each connector that has to be reported."""
        if not self._registration.online():
            return
        for evse in range(1, EVSES + 1):
            bit = 1 << evse - 1
            if self._unreported & bit and not self._queued & bit:
                self.send_status(evse)

    def send_status(self, evse):
        """Queue a StatusNotificationRequest, unless the queue is full."""
        bit = 1 << evse - 1

        async def build(link):
            self._queued &= ~bit
            self._unreported &= ~bit
            self._known[evse - 1] = status = self.status(evse)
            # feature FIRMWARE_UPDATE
            if self._leaving & ~self._left & bit and status == "Available":
                self._left |= bit
                self._unreported |= bit
            # end
            await link.put(
                '{"timestamp":"%s","connectorStatus":"%s","evseId":%d,"connectorId":1}'
                % (clock.now(), status, evse)
            )

        def done(code, payload):
            if code in ("Disconnected", "Dropped"):
                self._queued &= ~bit
                self._unreported |= bit
            self.send_due()

        if self._rpc.submit(STATUS, "StatusNotification", build, done):
            self._queued |= bit
