"""N01, N09, N10: upload of the logs, and what is known of a customer."""

import json

import board
from micropython import const

from . import authcache, clock, log
from .aio import Signal
from .http import HttpError, split_url
from .modem import LinkDown
from .websocket import quoted

_RETRIES = const(2)  # where the request leaves them to the station
_INTERVAL_S = const(60)
_LINE_MAX = const(200)
_STAMP = const(21)
_NO_STAMP = const("????-??-??T??:??:??Z ")  # of a line from before the clock was known
_IDLE_MS = const(86400000)
_NEVER = const(0x3FFFFFFF)

_OK = const((200, 201, 202, 204))


class _Job:
    """A GetLogRequest under way."""

    def __init__(self, request, name):
        self.id = request["requestId"]
        self.security = request["logType"] == "SecurityLog"
        where = request["log"]
        self.oldest = clock.parse(where["oldestTimestamp"])[0] if "oldestTimestamp" in where else 0
        self.latest = clock.parse(where["latestTimestamp"])[0] if "latestTimestamp" in where else _NEVER
        self.attempts = 1 + max(0, request.get("retries", _RETRIES))
        self.interval = max(0, request.get("retryInterval", _INTERVAL_S))
        base, mark, query = where["remoteLocation"].partition("?")
        self.url = (base if base.endswith("/") else base + "/") + quoted(name) + mark + query
        self.measure()

    def measure(self):
        """The file as it is now: more lines may come while it is sent, and the oldest ones may go."""
        self.last = self.size = 0
        for number, length in self.lines(_NEVER, bytearray(_LINE_MAX)):
            self.last = number
            self.size += length

    def lines(self, last, buffer):
        """Number, and bytes in the file, of each line asked for up to `last`; `buffer` gets its text.

        A line without a time goes with the one before it.
        """
        number = when = 0
        while True:
            number = board.log_next(self.security, number)
            if number is None or number > last:
                return
            seconds = board.log_time()
            if seconds >= 0:
                when = seconds
            if self.oldest <= when <= self.latest:
                yield number, _STAMP + board.log_text(buffer) + 1


class Diagnostics:
    """Handlers of GetLogRequest and CustomerInformationRequest, and the task that uploads."""

    def __init__(self, transfer, model, notices, authorization):
        self._model = model
        self._notices = notices
        self._cache = authorization.cache
        self._transfer = transfer
        self._line = bytearray(_LINE_MAX + 1)
        self._kick = Signal()
        self._job = None
        clock.on_set.append(_set_clock)

    # N01

    async def get_log(self, request, link):
        """GetLogRequest (N01.FR.01 to N01.FR.05, N01.FR.12, N01.FR.20)."""
        url = request["log"]["remoteLocation"]
        name = "%s-%s-%s.log" % (
            self._model.identity(),
            "security" if request["logType"] == "SecurityLog" else "diagnostics",
            clock.now()[:19].replace("-", "").replace(":", ""),
        )
        try:
            reason = None if split_url(url)[0] in self._transfer.sockets else "UnsupportedParam"
        except ValueError as e:
            log.warn("diagnostics: where to upload to: %s", e)
            reason = "InvalidURL"
        job = None if reason else _Job(request, name)
        if job is None or not job.size:
            # N01.FR.05
            await link.put(
                '{"status":"Rejected","statusInfo":{"reasonCode":"%s"}}' % (reason or "Unspecified")
            )
            return
        before = self._job
        self._job = job
        if before:
            self._notify("AcceptedCanceled", before)
        status = "AcceptedCanceled" if before else "Accepted"
        # though the answer be lost
        self._kick.set()
        await link.put('{"status":"%s","filename":%s}' % (status, json.dumps(name)))

    def _notify(self, status, job):
        self._notices.post("LogStatusNotification", '{"status":"%s","requestId":%d}' % (status, job.id))

    def send_status(self):
        """Send the LogStatusNotificationRequest that the CSMS has asked for (F06.FR.14, F06.FR.15)."""
        if self._job:
            self._notify("Uploading", self._job)
        else:
            self._notices.post("LogStatusNotification", '{"status":"Idle"}')

    async def run(self):
        """Upload what is asked for, for ever."""
        while True:
            job = self._job
            if job:
                await self._upload(job)
            if self._job is job:
                self._job = None
                self._kick.flag = False
                await self._kick.wait(_IDLE_MS)

    async def _upload(self, job):
        """All attempts at one upload; a status for each of them (N01.FR.08 to N01.FR.10)."""
        for attempt in range(job.attempts):
            if attempt:
                self._kick.flag = False
                await self._kick.wait(min(job.interval * 1000, _IDLE_MS))
                if self._job is not job:
                    return
            self._notify("Uploading", job)
            async with self._transfer.lock:
                status = await self._attempt(job)
            if self._job is not job:
                return
            log.info("diagnostics: log of request %d: %s", job.id, status)
            self._notify(status, job)
            if status == "Uploaded":
                return

    async def _attempt(self, job):
        """Upload once: UploadLogStatusEnumType of how it ended."""
        transfer = self._transfer
        transfer.wanted = lambda: self._job is job
        job.measure()
        try:
            await transfer.open(
                "PUT",
                job.url,
                "Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n" % job.size,
            )
            left = job.size
            taken = True
            for _, length in job.lines(job.last, self._line):
                left -= length
                taken = await self._put_line(length)
                if not taken:
                    # the server has answered already, or is gone
                    break
            if taken and left:
                # the ring has turned meanwhile
                return "UploadFailure"
            code = await transfer.answer()
        except (LinkDown, MemoryError) as e:
            log.warn("diagnostics: upload: %s", e)
            return "UploadFailure"
        except HttpError as e:
            log.warn("diagnostics: upload: %s", e)
            return "BadMessage"
        finally:
            await transfer.close()
        if code in _OK:
            return "Uploaded"
        log.warn("diagnostics: upload: the server says %d", code)
        if code in (401, 403):
            return "PermissionDenied"
        if code in (405, 501):
            return "NotSupportedOperation"
        return "BadMessage" if code == 400 else "UploadFailure"

    async def _put_line(self, length):
        seconds = board.log_time()
        stamp = clock.text_of(seconds, 0)[:19] + "Z " if seconds >= 0 else _NO_STAMP
        self._line[length - _STAMP - 1] = 10
        put = self._transfer.put
        return await put(stamp.encode()) and await put(memoryview(self._line)[: length - _STAMP])

    # N09, N10

    async def customer_information(self, request, link):
        """CustomerInformationRequest (N09.FR.02 to N09.FR.09, N10.FR.01 to N10.FR.07).

        What the station keeps of a customer is the idToken's entry in the Authorization Cache. Nothing is
        kept under a customerIdentifier or a certificate.
        """
        given = [key for key in ("idToken", "customerIdentifier", "customerCertificate") if key in request]
        if len(given) != 1:
            status = "Invalid"
        elif not (request["report"] or request["clear"]):
            status = "Rejected"
        else:
            status = "Accepted"
        await link.put('{"status":"%s"}' % status)
        if status != "Accepted":
            return None

        async def after():
            self._tell_of_customer(request)

        return after

    def _tell_of_customer(self, request):
        known = "No data found"
        token = request.get("idToken")
        entry = token and self._cache.get(token["type"], token["idToken"])
        if entry:
            status, mask, group = entry
            known = "Authorization Cache: %s %s: %s" % (token["type"], token["idToken"], status)
            if mask:
                known += ", EVSE %s" % ",".join(str(evse) for evse in range(1, 7) if mask >> evse & 1)
            if group:
                known += ", group %s %s" % (group["type"], group["idToken"])
        if request["clear"]:
            if entry:
                self._cache.drop(authcache.hash_of(token["type"], token["idToken"]))
            if not request["report"]:
                known = "Cleared"
        self._notices.post(
            "NotifyCustomerInformation",
            '{"data":%s,"seqNo":0,"generatedAt":"%s","requestId":%d}'
            % (json.dumps(known), clock.now(), request["requestId"]),
        )


def _set_clock():
    board.log_clock(clock.time()[0])
