"""What the CSMS of a soak asks of a station with security profile 2: logs, certificates, updates.

Certificates must stay as the station has said they are, and security events must reach the CSMS, each told
again only where its answer may have been lost (A04.FR.02). What is asked runs on while the next thing goes
wrong, except for an update that is to be installed.
"""

from __future__ import annotations

import json
import random
import re
import struct
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator

from bench import updates
from bench.emulators.base import NS_PER_S
from bench.peers.hosts import FILES_HOST, FILES_PORT, TLS_PORTS
from bench.provision import Provisioning, read, read_log
from bench.rig import NotInTime, Rig
from csms_stub.files import Trouble
from csms_stub.messages import Message, Payload, date_time
from csms_stub.pki import Pki, Root, der, hash_data, pem

STORED: dict[Root, str] = {"csms": "x:C:", "manufacturer": "x:M:"}
"""Roots that a station has from the beginning, and where certificates of their type are."""
MANAGED: dict[Root, tuple[str, str]] = {
    "new csms": ("CSMSRootCertificate", "x:C:"),
    "new manufacturer": ("ManufacturerRootCertificate", "x:M:"),
}
LOCATIONS = (f"http://{FILES_HOST}:{FILES_PORT}", f"https://{FILES_HOST}:{TLS_PORTS[FILES_HOST]}")
_LOGS, _BROKEN_FILE, _FILE = "/logs/", "/broken.upd", "/firmware.upd"
_CONTENT = b"no firmware\n" * 400
_ANSWER_S = 60
_INSTALL_S = 4 * 3600
_UPLOAD_S = 600
_ENDS = {"Installed", "DownloadFailed", "InvalidSignature", "InstallVerificationFailed", "InstallationFailed"}
_REPORTED = re.compile(r"security: (\w+)")
_LOGGED_ONLY = {
    "FailedToAuthenticateAtCsms",
    "CsmsFailedToAuthenticate",
    "ReconfigurationOfSecurityParameters",
    "InvalidMessages",
    "AttemptedReplayAttacks",
}
"""Security events that are not critical: the CSMS is not told."""

Steps = Generator[float, None, None]
"""As in bench.soak."""
Disturbed = Callable[[int, int], bool]
"""May an answer given at the first time (virtual ns) not have arrived, as it is seen at the second one?"""


def provisioning(pki: Pki, url: str, variables: dict[str, str]) -> Provisioning:
    """Of a station with security profile 2, and both roots."""
    return Provisioning(
        url=url,
        security_profile=2,
        variables=variables,
        csms_roots=[der(pki.root("csms").certificate)],
        manufacturer_roots=[der(pki.root("manufacturer").certificate)],
    )


class Orders:
    """Of one soak: `kinds` are steps of an actor each; `problems` gets a line for each thing found wrong."""

    def __init__(self, rig: Rig, rand: random.Random, problems: list[str], disturbed: Disturbed) -> None:
        self._rig = rig
        self._pki = rig.hosts.pki
        self._random = rand
        self._problems = problems
        self._disturbed = disturbed
        self._id = 0
        # name -> is it installed? None where an answer did not come
        self._installed: dict[Root, bool | None] = dict.fromkeys(MANAGED, False)
        self._statuses: dict[int, list[str]] = {}
        self._reported: Counter[str] = Counter()
        self._told: dict[str, int | None] = {}
        self._asked: dict[str, str] = {}
        self._arena: int | None = None
        files = rig.hosts.files
        files.files |= {_BROKEN_FILE: _CONTENT, _FILE: updates.of_image(rig.elf)}
        self.kinds = [self._get_log, self._get_log, self._certificate, self._certificate, self._bad_update]
        self.kinds.append(self._update)

    # what is asked

    def _get_log(self) -> Steps:
        """Of either log; now and then the file server is slow, or has no room."""
        trouble = self._random.choice((None, None, Trouble(delay_s=20), Trouble(status=503)))
        self._rig.hosts.files.trouble(_LOGS, trouble, times=1)
        kind = self._random.choice(("DiagnosticsLog", "SecurityLog"))
        yield from self._ask("GetLog", self._log_request(kind, self._random.choice(LOCATIONS)))
        yield self._random.uniform(0, 60)

    def _certificate(self) -> Steps:
        name = self._random.choice(tuple(MANAGED))
        certificate = self._pki.root(name).certificate
        if self._installed[name] and self._random.random() < 0.7:
            hashed = {"certificateHashData": hash_data(certificate)}
            yield from self._manage(name, "DeleteCertificate", hashed, there=False)
        else:
            what = {"certificateType": MANAGED[name][0], "certificate": pem(certificate)}
            yield from self._manage(name, "InstallCertificate", what, there=True)
        yield self._random.uniform(0, 60)

    def _manage(self, name: Root, action: str, payload: Payload, *, there: bool) -> Steps:
        before, self._installed[name] = self._installed[name], None
        answer = yield from self._ask(action, payload)
        if answer is not None:
            done = answer["status"] == "Accepted"
            self._installed[name] = there if done else before
            if not done and before is not None:
                self._problems.append(f"{self._now()}: {action} of {name}: {json.dumps(answer)}")

    def _bad_update(self) -> Steps:
        """A file that is no firmware, or one with the signature of another."""
        signed = self._random.choice((_CONTENT, b"another"))
        yield from self._ask("UpdateFirmware", self._update_request(_BROKEN_FILE, signed))
        yield self._random.uniform(0, 120)

    def _update(self) -> Steps:
        """The station's own firmware, with another version: to its end."""
        request = self._update_request(_FILE, self._rig.hosts.files.files[_FILE])
        before = len(self._rig.resets)
        answer = yield from self._ask("UpdateFirmware", request)
        if answer is None or not answer["status"].startswith("Accepted"):
            return
        for _ in range(_INSTALL_S // 10):
            yield 10
            if len(self._rig.resets) > before:
                # once; others are for the rig to find
                self._rig.expect_reset()
                before = 1 << 30
            if _ENDS.intersection(self._statuses.get(self._id, ())):
                break
        else:
            self._problems.append(f"{self._now()}: an update has not come to its end")
        yield self._random.uniform(0, 60)

    def _ask(self, action: str, payload: Payload) -> Generator[float, None, Payload | None]:
        """The response; None where there is no connection, or no answer came."""
        sessions = self._rig.csms.sessions
        session = next(iter(sessions.values()), None)
        if session is None or not session.connected or session.registration != "Accepted":
            return None
        mid = session.call(action, payload, self._rig.now_ns)
        for _ in range(_ANSWER_S):
            yield 1
            response = session.response(mid)
            if response and response.type == "CALLERROR":
                self._problems.append(f"{self._now()}: {action} is answered {response.error_code}")
                return None
            if response:
                return response.payload
            if session.timed_out(mid):
                return None
        return None

    def _log_request(self, kind: str, location: str) -> Payload:
        self._id += 1
        return {"logType": kind, "requestId": self._id, "log": {"remoteLocation": location + _LOGS}}

    def _update_request(self, path: str, signed: bytes) -> Payload:
        self._id += 1
        signer = self._pki.signer()
        return {
            "requestId": self._id,
            "firmware": {
                "location": self._random.choice(LOCATIONS) + path,
                "retrieveDateTime": date_time(self._rig.csms.epoch, self._rig.now_ns),
                "signingCertificate": pem(signer.certificate),
                "signature": signer.sign(signed),
            },
        }

    # what is seen

    def note(self, message: Message) -> None:
        """Each message of the session."""
        if message.direction == "out":
            if message.type == "CALLRESULT" and (text := self._asked.pop(message.message_id, None)):
                self._told[text] = message.at_ns
        elif message.action == "SecurityEventNotification" and message.type == "CALL":
            text = json.dumps(message.payload, sort_keys=True)
            answered = self._told.setdefault(text, None)
            self._asked[message.message_id] = text
            if answered is not None and not self._disturbed(answered, message.at_ns):
                self._problems.append(f"{self._now()}: {text} came again though its answer had arrived")
        elif message.action == "FirmwareStatusNotification" and message.type == "CALL":
            request = message.payload.get("requestId", 0)
            self._statuses.setdefault(request, []).append(message.payload["status"])

    def look(self, lines: Iterable[str]) -> int | None:
        """New lines of the station's log, and the arena: bytes of it in use while the connection to the CSMS
        is the only one; None where it is not."""
        for line in lines:
            if (found := _REPORTED.search(line)) and found[1] not in _LOGGED_ONLY:
                self._reported[found[1]] += 1
        session = next(iter(self._rig.csms.sessions.values()), None)
        area = self._rig.variable("tls_arena")
        if area is None or not session or not session.connected or len(self._rig.modem.links) != 1:
            return None
        used = arena_in_use(area)
        if self._arena is None:
            self._arena = used
        elif used > self._arena:
            self._problems.append(f"{self._now()}: {used:,} bytes of the arena in use, were {self._arena:,}")
        return used

    # the end

    def judge(self) -> None:
        """After a rest: what has become of events and certificates, and is the security log to be had?"""
        heard = Counter(json.loads(text)["type"] for text, answered in self._told.items() if answered)
        for kind, count in self._reported.items():
            if heard[kind] < count:
                self._problems.append(f"{count} times {kind}, of which the CSMS has heard {heard[kind]}")
        self._judge_certificates()
        self._judge_security_log()

    def _judge_certificates(self) -> None:
        stored = read(self._rig.store_area() or b"")
        there = {(key[:4], value) for key, value in stored.items()}
        wanted: dict[Root, tuple[str, bool | None]] = {name: (place, True) for name, place in STORED.items()}
        wanted |= {name: (MANAGED[name][1], known) for name, known in self._installed.items()}
        for name, (place, known) in wanted.items():
            found = (place, der(self._pki.root(name).certificate)) in there
            if known is not None and found != known:
                self._problems.append(f"the root {name} is {'' if found else 'not '}in the store")

    def _judge_security_log(self) -> None:
        rig = self._rig
        rig.hosts.files.trouble(_LOGS, None)
        request = self._log_request("SecurityLog", LOCATIONS[0])
        before = len(rig.hosts.files.uploads(_LOGS))
        asked: Iterator[float] = self._ask("GetLog", request)
        for seconds in asked:
            rig.run_for(seconds)
        try:
            rig.run_until("log", lambda: rig.hosts.files.uploads(_LOGS)[before:], _UPLOAD_S)
        except NotInTime as error:
            self._problems.append(f"the security log is not uploaded: {error}")
            return
        uploaded = rig.hosts.files.uploads(_LOGS)[-1].received.decode()
        newest = read_log(rig.journal_area() or b"", security=True)[-1:]
        if not newest or newest[0] not in uploaded:
            self._problems.append(f"the security log is without its newest line, {newest}")

    def _now(self) -> str:
        return f"{self._rig.now_ns / NS_PER_S:.3f} s"


def arena_in_use(area: bytes) -> int:
    """Bytes of the arena (firmware/port/tls/arena.c) in blocks that are in use, with what heads them."""
    at, used = 4, 0
    while at < len(area) - 4:
        (head,) = struct.unpack_from("<I", area, at)
        if head < 8:
            break
        used += head & ~1 if head & 1 else 0
        at += head & ~1
    return used
