"""L01: secure firmware update, into the slot that does not run (see port/slot.h)."""

import asyncio
import json
from binascii import a2b_base64

import board
from micropython import const

from . import certificates, clock, log, provisioning, websocket
from .aio import Signal
from .http import HttpError, split_url
from .modem import LinkDown
from .variables import EVSES

_RETRIES = const(2)  # where the request leaves them to the station
_INTERVAL_S = const(60)
_LOOK_S = const(3600)
_PAUSE_MS = const(20)  # between erases, so that the other tasks go on
_LAST_MS = const(60000)  # what is left to tell has this long before the reboot
_POLL_MS = const(500)
_OFFLINE_S = const(3600)  # so long the reboot waits for a CSMS that is away
_TRIAL_S = const(600)  # a new image that has not reached the CSMS by then restarts
_FILE_MAX = const(400000)

_JOB_KEY = const(b"fw:job")  # the request under way, as JSON
# two of each: of the request under way, and of one that is about to replace it
_SIGNER_KEYS = const((b"fw:cert", b"fw:cert1"))
_SIGNATURE_KEYS = const((b"fw:sig", b"fw:sig1"))
_JOB_KEYS = const((b"fw:job", b"fw:cert", b"fw:cert1", b"fw:sig", b"fw:sig1"))  # all of it
_STATE_KEY = const(b"fw")  # status, requestId, sequence of the image that is to come: of the last update
_ALLOW_KEY = const("ChargingStation.AllowNewSessionsPendingFirmwareUpdate")

_REBOOTING = const("InstallRebooting")
_FINAL = const(
    ("DownloadFailed", "InstallationFailed", "Installed", "InstallVerificationFailed", "InvalidSignature")
)


class Firmware:
    """Handler of UpdateFirmwareRequest, and the task that carries updates out.

    After a reset before the image is in place the update begins anew with its download; after one behind
    that, the boot stage has decided.
    """

    def __init__(self, transfer, model, notices, events, transactions):
        self._model = model
        self._notices = notices
        self._events = events
        self._transactions = transactions
        self._transfer = transfer
        self._kick = Signal()
        self._job = None
        self._status = None
        self._id = self._sequence = 0
        self._held = self._ended = False
        self.modem = self.link = self.registration = self.availability = None
        state = board.store_get(_STATE_KEY)
        if state:
            status, number, sequence = state.decode().split(",")
            self._status = status or None
            self._id, self._sequence = int(number), int(sequence)
        self._place = 0  # where its certificate and signature are: as many spaces end the job
        job = board.store_get(_JOB_KEY)
        if job:
            self._place = int(job[-1] == 32)
            self._job = json.loads(job)
            if self._job["requestId"] != self._id:
                # the power went while another request was to replace it
                self._id = self._job["requestId"]
                self._status = None
                self._sequence = 0
        transactions.on_idle += (self._on_idle,)

    # the request

    async def update(self, request, link):
        """UpdateFirmwareRequest (L01.FR.21, L01.FR.22, L01.FR.24, L01.FR.27)."""
        status, reason = self._refusal(request)
        if status == "InvalidCertificate":
            # L01.FR.02
            self._events.report("InvalidFirmwareSigningCertificate", reason)
            reason = None
        elif status is None:
            status = "AcceptedCanceled" if self._job else "Accepted"
            try:
                self._begin(request)
            except OSError as e:
                log.error("firmware: the request is not stored: %s", e)
                status, reason = "Rejected", "OutOfStorage"
        await link.put('{"status":"%s"' % status)
        await link.put(',"statusInfo":{"reasonCode":"%s"}}' % reason if reason else "}")

    def _refusal(self, request):
        """(UpdateFirmwareStatusEnumType, why) of a request that is not accepted, else (None, None)."""
        firmware = request["firmware"]
        try:
            a2b_base64(firmware["signature"].encode())
            pem = firmware["signingCertificate"]
        except KeyError:
            return "Rejected", "MissingParam"
        except ValueError:
            return "Rejected", "InvalidValue"
        try:
            reason = certificates.check_signer(pem)
        except MemoryError:
            return "Rejected", "OutOfMemory"
        if reason:
            return "InvalidCertificate", reason
        try:
            if split_url(firmware["location"])[0] not in self._transfer.sockets:
                return "Rejected", "UnsupportedParam"
        except ValueError:
            return "Rejected", "InvalidURL"
        if self._job and self._status == _REBOOTING:
            return "Rejected", "FwUpdateInProgress"
        return None, None

    def _begin(self, request):
        # what is long only in flash; the job last, which makes all of it count
        firmware = request["firmware"]
        place = 1 - self._place if self._job else 0
        board.store_put(_SIGNATURE_KEYS[place], a2b_base64(firmware.pop("signature").encode()))
        board.store_put(_SIGNER_KEYS[place], certificates.first(firmware.pop("signingCertificate")))
        board.store_put(_STATE_KEY, b",%d,0" % request["requestId"])
        board.store_put(_JOB_KEY, (json.dumps(request) + " " * place).encode())
        self._place = place
        self._status = None
        self._id = request["requestId"]
        self._sequence = 0
        self._ended = False
        self._job = request
        self._kick.set()

    # what the CSMS is told

    def _store_state(self):
        state = "%s,%d,%d" % (self._status or "", self._id, self._sequence)
        board.store_put(_STATE_KEY, state.encode())

    def _enter(self, status):
        """A new state (L01.FR.01, L01.FR.10), kept over a reset."""
        if status == self._status:
            return
        log.info("firmware: %s", status)
        self._status = status
        try:
            self._store_state()
        except OSError as e:
            log.error("firmware: the state is not stored: %s", e)
        self._tell()

    def _tell(self):
        self._notices.post(
            "FirmwareStatusNotification", '{"status":"%s","requestId":%d}' % (self._status, self._id)
        )

    def _end(self, status):
        """A final state. The request is forgotten once the CSMS has been told (see run)."""
        self._enter(status)
        self._job = None
        self._ended = True
        self._release()

    def _forget(self):
        self._ended = False
        for key in _JOB_KEYS:
            board.store_delete(key)

    def send_status(self):
        """Send the FirmwareStatusNotificationRequest that the CSMS has asked for (L01.FR.25, L01.FR.26)."""
        if self._status in (None, "Installed"):
            self._notices.post("FirmwareStatusNotification", '{"status":"Idle"}')
        else:
            self._tell()

    # EVSEs

    def _on_idle(self, evse):
        self._kick.set()

    def _hold(self):
        self._held = True
        for evse in range(1, EVSES + 1):
            if not self._transactions.active(evse):
                self.availability.withdraw(evse)

    def _release(self):
        if self._held:
            self._held = False
            for evse in range(1, EVSES + 1):
                self.availability.stay(evse)

    # the task

    async def run(self):
        """Carry out what is asked for, for ever."""
        if board.slot_on_trial():
            await self._prove()
        if self._job:
            await self._resume()
        while True:
            job = self._job
            self._kick.flag = False
            if job:
                await self._carry_out(job)
                if self._job is not job:
                    self._release()
            elif self._ended and self._notices.empty():
                self._forget()
            else:
                await self._kick.wait(_POLL_MS if self._ended else _LOOK_S * 1000)

    async def _prove(self):
        """The new image confirms itself once the CSMS has said that it knows the station; else the boot stage
        goes back."""
        until = board.uptime() + _TRIAL_S
        while self.registration.status not in ("Accepted", "Pending"):
            if board.uptime() >= until:
                log.error("firmware: the CSMS is not reached, the station restarts")
                board.reset()
            await asyncio.sleep_ms(_POLL_MS)
        board.slot_confirm()
        log.info("firmware: image %d confirmed", board.slot_sequence())

    async def _resume(self):
        """What a reset has left."""
        while not clock.known:
            await asyncio.sleep_ms(_POLL_MS)
        if self._status == _REBOOTING and self._sequence:
            if board.slot_sequence() == self._sequence:
                # L01.FR.28, L01.FR.31, L01.FR.32 (a); the event, which is kept on flash, first
                self._events.report("FirmwareUpdated", board.VERSION)
                self._end("Installed")
            else:
                self._end("InstallationFailed")
        elif self._status in _FINAL:
            # the CSMS may not have been told
            self._tell()
            self._end(self._status)
        else:
            # nor of this; all of it begins anew
            self._status = None

    async def _carry_out(self, job):
        firmware = job["firmware"]
        if not (
            await self._wait(job, firmware["retrieveDateTime"], "DownloadScheduled")
            and await self._wait_for_idle(job, "DownloadScheduled")
        ):
            return
        if not await self._download(job):
            if self._job is job:
                self._end("DownloadFailed")
            return
        self._enter("Downloaded")
        # beside an upload by HTTPS there is no room for it in the arena
        async with self._transfer.lock:
            if self._job is not job:
                return
            signer = board.store_get(_SIGNER_KEYS[self._place]) or b""
            signature = board.store_get(_SIGNATURE_KEYS[self._place])
            good = certificates.verify(signer, signature, board.slot_digest())
        if not good:
            self._events.report("InvalidFirmwareSignature")
            self._end("InvalidSignature")
            return
        self._enter("SignatureVerified")
        if not (
            await self._wait(job, firmware.get("installDateTime"), "InstallScheduled")
            and await self._wait_for_idle(job, "InstallScheduled")
        ):
            return
        fault = board.slot_fault()
        if not fault:
            self._hold()
        self._enter("Installing")
        if fault:
            log.error("firmware: the file is %s", fault)
            self._end("InstallVerificationFailed")
            return
        # what was told is in RAM until it is sent, and a new image that cannot reach the CSMS goes back
        until = board.uptime() + _OFFLINE_S
        while not self.registration.online() and board.uptime() < until:
            await asyncio.sleep_ms(_POLL_MS)
        if self._job is job:
            await self._install()

    async def _install(self):
        """Hand the image over to the boot stage (L01.FR.15, L01.FR.32)."""
        self._enter(_REBOOTING)
        for _ in range(_LAST_MS // _POLL_MS):
            if self._notices.empty():
                break
            await asyncio.sleep_ms(_POLL_MS)
        try:
            # from here on the boot stage decides
            self._sequence = board.slot_sequence() + 1
            self._store_state()
            board.slot_commit()
            provisioning.mark_reason("FirmwareUpdate")
        except OSError as e:
            log.error("firmware: the image is not installed: %s", e)
            self._end("InstallationFailed")
            return
        await self.link.leave(websocket.GOING_AWAY)
        board.reset()

    # waiting

    async def _wait(self, job, text, status):
        """Wait for a time (L01.FR.13, L01.FR.16); False when the update is replaced meanwhile."""
        at = clock.parse(text)[0] if text else 0
        while self._job is job:
            left = at - clock.time()[0]
            if left <= 0:
                return True
            self._enter(status)
            await self._kick.wait(min(left, _LOOK_S) * 1000)
            self._kick.flag = False
        return False

    async def _wait_for_idle(self, job, status):
        """Wait for the end of all transactions (L01.FR.06, L01.FR.07, L01.FR.33, L01.FR.34)."""
        waited = False
        while self._job is job and self._transactions.active(0):
            waited = True
            self._enter(status)
            self._hold_for(job)
            await self._kick.wait(_LOOK_S * 1000)
            self._kick.flag = False
        if waited and self._job is job:
            self._hold_for(job)
        return self._job is job

    def _hold_for(self, job):
        """No new session (L01.FR.07), unless those are allowed, or the installation has a time to come."""
        text = job["firmware"].get("installDateTime")
        due = not text or clock.parse(text)[0] <= clock.time()[0]
        if due and not self._model.boolean(_ALLOW_KEY):
            self._hold()

    # the download

    async def _download(self, job):
        """All attempts (L01.FR.30): is the file there, and the update still wanted?"""
        self._enter("Downloading")
        try:
            await self._erase()
        except OSError as e:
            log.error("firmware: no slot to download to: %s", e)
            return False
        for attempt in range(1 + max(0, job.get("retries", _RETRIES))):
            if attempt:
                interval = max(0, job.get("retryInterval", _INTERVAL_S))
                until = board.uptime() + interval
                while self._job is job and board.uptime() < until:
                    await self._kick.wait(min(until - board.uptime(), _LOOK_S) * 1000)
                    self._kick.flag = False
            if self._job is not job:
                return False
            async with self._transfer.lock:
                self._transfer.wanted = lambda: self._job is job
                try:
                    if await self._fetch(job["firmware"]["location"]):
                        return self._job is job
                except (LinkDown, HttpError, OSError, MemoryError) as e:
                    log.warn("firmware: download: %s after %d bytes", e, board.slot_received())
                finally:
                    await self._transfer.close()
        return False

    async def _erase(self):
        """Make room for the image. Nothing is heard meanwhile, so no command awaits its answer then."""
        more = True
        while more:
            async with self.modem.lock:
                more = board.slot_erase()
            await asyncio.sleep_ms(_PAUSE_MS)

    async def _fetch(self, url):
        """One attempt, which goes on where the one before it has ended, if the server can."""
        transfer = self._transfer
        received = board.slot_received()
        await transfer.open("GET", url, "Range: bytes=%d-\r\n" % received if received else "")
        code = await transfer.answer()
        if code == 200 and received:
            await self._erase()
        elif code != 200 and (code != 206 or transfer.first != received):
            log.warn("firmware: download: the server says %d", code)
            return False
        while True:
            piece = await transfer.read()
            if piece is None:
                return True
            if board.slot_received() + len(piece) > _FILE_MAX:
                raise HttpError("the file is too long")
            board.slot_write(piece)
