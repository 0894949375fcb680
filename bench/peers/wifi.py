"""The Wi-Fi station of the network module: joining, losing and rejoining an access point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bench.peers import NS_PER_MS
from bench.peers.agenda import Action, Agenda

STATION_MODES = (1, 3)
"""AT+CWMODE: station, station and access point."""
TIMED_OUT, WRONG_PASSWORD, NO_ACCESS_POINT, FAILED = 1, 2, 3, 4
"""Error codes of AT+CWJAP."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the module takes, milliseconds; the manual gives no times."""

    boot: float = 500
    command: float = 1
    associate: float = 1200
    address: float = 800
    wrong_password: float = 3000
    no_access_point: float = 2500
    rejoin: float = 1000
    connect: float = 20
    send: float = 2


class Wifi:
    """One access point that can be heard, and the module's relation to it.

    mode, stored, auto_connect      kept in the module's flash (AT+CWMODE, AT+CWJAP, AT+CWAUTOCONN)
    in_range        the access point is there
    joined          associated;   online: with an address too
    say             puts a line on the UART
    """

    def __init__(
        self, ssid: str, password: str, agenda: Agenda, timing: Timing, say: Callable[[str], None]
    ) -> None:
        self.mode = 0
        self.stored: tuple[str, str] | None = None
        self.auto_connect = True
        self.in_range = True
        self.joined = False
        self.online = False
        self._point = (ssid, password)
        self._agenda = agenda
        self._timing = timing
        self._say = say
        self._attempt = 0

    def restore(self) -> None:
        """Factory settings."""
        self.mode, self.stored, self.auto_connect = 0, None, True

    def stop(self) -> None:
        """Disconnected without a word, nothing under way; also a power cut."""
        self.joined = self.online = False
        self._attempt += 1

    def join(
        self,
        wanted: tuple[str, str],
        now_ns: int,
        done: Callable[[], None],
        failed: Callable[[int, int], None],
    ) -> None:
        """Join `wanted` (ssid, password); `failed` gets the error code of AT+CWJAP and the
        time. Neither is called where `stop`, or another `join`, comes first."""
        self._attempt += 1

        def associated(when: int) -> None:
            if not self.in_range:
                failed(NO_ACCESS_POINT, when)
                return
            self.joined = True
            self._say("WIFI CONNECTED\r\n")
            self._later(self._timing.address, when, addressed)

        def addressed(_when: int) -> None:
            self.online = True
            self.stored = wanted
            self._say("WIFI GOT IP\r\n")
            done()

        if not self.in_range or wanted[0] != self._point[0]:
            self._later(self._timing.no_access_point, now_ns, partial(failed, NO_ACCESS_POINT))
        elif wanted != self._point:
            self._later(self._timing.wrong_password, now_ns, partial(failed, WRONG_PASSWORD))
        else:
            self._later(self._timing.associate, now_ns, associated)

    def rejoin(self, now_ns: int) -> None:
        """Join the stored access point from time to time until it works, as the module does by itself."""
        wanted = self.stored
        if wanted is None or self.mode not in STATION_MODES:
            return
        self._attempt += 1

        def again(when: int) -> None:
            self.join(wanted, when, lambda: None, lambda _code, failed_ns: self.rejoin(failed_ns))

        self._later(self._timing.rejoin, now_ns, again)

    def _later(self, milliseconds: float, now_ns: int, action: Action) -> None:
        attempt = self._attempt

        def guarded(when: int) -> None:
            if attempt == self._attempt:
                action(when)

        self._agenda.at(now_ns + int(milliseconds * NS_PER_MS), guarded)
