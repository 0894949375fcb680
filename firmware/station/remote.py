"""F05, F06, P01: what the CSMS asks for: unlock a connector, send a message, take vendor's data."""

from . import features
from .rpc import REQUESTED
from .variables import CONNECTOR, EVSES, has_evse


class Remote:
    """Handlers of the requests. `statuses[message]()` sends a status notification other than Idle."""

    def __init__(self, registration, rpc, evse, availability, transactions):
        self._registration = registration
        self._rpc = rpc
        self._evse = evse
        self._availability = availability
        self._transactions = transactions
        self.metering = None
        # feature DIAGNOSTICS
        self.statuses = {}
        # end

    # feature UNLOCK_CONNECTOR
    async def unlock(self, request, link):
        """UnlockConnectorRequest (F05.FR.01 to F05.FR.06)."""
        evse = request["evseId"]
        if not 1 <= evse <= EVSES or request["connectorId"] != 1:
            status = "UnknownConnector"
        elif self._transactions.authorized(evse):
            status = "OngoingAuthorizedTransaction"
        else:
            status = "Unlocked" if await self._evse.lock(evse, False) else "UnlockFailed"
        await link.put('{"status":"%s"}' % status)

    # end

    # feature DATA_TRANSFER
    async def data_transfer(self, request, link):
        """DataTransferRequest: no vendor's extension is known (P01.FR.05)."""
        await link.put('{"status":"UnknownVendorId"}')

    # end

    # F06

    # feature TRIGGER_MESSAGE
    async def trigger(self, request, link):
        """TriggerMessageRequest (F06.FR.04, F06.FR.05, F06.FR.10).

        The messages are queued here and leave after the answer, as that is the one being composed.
        """
        wanted = request["requestedMessage"]
        queued = await self._queue(wanted, request.get("evse"))
        status = "Accepted" if queued else "NotImplemented" if queued is False else "Rejected"
        await link.put('{"status":"%s"}' % status)

    async def _queue(self, wanted, evse):
        """Queue a message: True; None when there is none to be sent, False when it is not implemented."""
        # there may be one for each EVSE
        if self._rpc.full(EVSES):
            return None
        if wanted == "Heartbeat":
            self._registration.send_heartbeat(True)
            return True
        # feature TRIGGER_ALL
        if wanted == "BootNotification":
            # F06.FR.17
            return self._registration.trigger_boot()
        if wanted in ("LogStatusNotification", "FirmwareStatusNotification"):
            # where no log is ever uploaded, no firmware fetched: Idle (F06.FR.15, F06.FR.16)
            if features.DIAGNOSTICS and wanted in self.statuses:
                self.statuses[wanted]()
                return True
            return self._rpc.submit(REQUESTED, wanted, _build_idle)
        if wanted == "StatusNotification":
            # F06.FR.12: only at connector level
            if not has_evse(evse, CONNECTOR):
                return None
            self._availability.send_status(evse["id"])
            return True
        number = evse["id"] if evse else 0
        if not 0 <= number <= EVSES or (evse and not number):
            return None if wanted in ("MeterValues", "TransactionEvent") else False
        # feature CLOCK_ALIGNED
        if wanted == "MeterValues":
            return await self.metering.trigger(number)
        # end
        if wanted == "TransactionEvent":
            # F06.FR.07, F06.FR.11
            transactions = self._transactions
            for n in range(1, EVSES + 1):
                if number in (0, n) and transactions.transaction_id(n):
                    transactions.trigger(number)
                    return True
            return None
        # end
        return False


# end
# feature TRIGGER_ALL
async def _build_idle(link):
    await link.put('{"status":"Idle"}')


# end
