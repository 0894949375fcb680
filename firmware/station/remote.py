"""Requests of the CSMS that command the station: Reset (B11, B12)."""

import board

from . import health, log, provisioning, websocket


class Remote:
    """Handlers of the commands."""

    def __init__(self, link, registration):
        self._link = link
        self._registration = registration

    async def reset(self, request, link):
        """ResetRequest: the station as a whole, at once, as no transaction can be under way (B11.FR.03).

        A single EVSE cannot be reset: Rejected (B11.FR.09).
        """
        if "evseId" in request:
            await link.put('{"status":"Rejected","statusInfo":{"reasonCode":"UnsupportedParam"}}')
            return None
        await link.put('{"status":"Accepted"}')
        return self._reboot

    async def _reboot(self):
        log.info("remote: reset by the CSMS")
        try:
            provisioning.mark_reason("RemoteReset")
        except OSError:
            log.error("remote: the reason of the reset could not be stored")
        health.promise(health.LINK, 60)
        await self._link.close(websocket.GOING_AWAY)
        board.reset()
