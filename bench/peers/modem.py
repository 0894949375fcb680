"""The network module at the modem UART: ESP-AT v2 manner, emulated in virtual time."""

from __future__ import annotations

from bench.peers.network import Network


class Modem:
    """A Wi-Fi module that speaks ESP-AT (passive and active receive, 5 links).

    Off until `power(True)`; then "ready" after boot. Faults below are what a scenario turns on and off;
    `now_ns` is virtual time, never going back.
    """

    def __init__(
        self, network: Network, *, ssid: str = "bench", password: str = "bench-psk", seed: int = 0
    ) -> None: ...

    def power(self, on: bool, now_ns: int) -> None:
        """The enable pin. Off loses every link and setting; the other sides see the connection cut."""

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes from the board's UART."""

    def poll(self, now_ns: int) -> bytes:
        """Bytes for the board that are due by now."""
        raise NotImplementedError

    def next_event_ns(self) -> int | None:
        raise NotImplementedError

    # faults

    def delay(self, latency_ms: float, jitter_ms: float = 0) -> None:
        """One-way delay of all data on all links (seeded jitter; order is kept)."""

    def outage(self, on: bool, now_ns: int) -> None:
        """The network carries nothing while on; TCP delivers afterwards. New connections time out."""

    def drop(self, now_ns: int) -> None:
        """The links open now are dead without notice for ever (half-open: a NAT forgot them)."""

    def cut(self, now_ns: int, link: int | None = None) -> None:
        """The connection is reset: the module reports "<link>,CLOSED", the CSMS sees the end."""

    def corrupt(self, count: int, now_ns: int, *, direction: str = "down") -> None:
        """Flip a bit in `count` bytes of link data from now on ("down" to the board, "up" to the CSMS)."""

    def corrupt_uart(self, count: int) -> None:
        """Flip a bit in the next `count` bytes the module puts on the UART."""

    def refuse(self, on: bool) -> None:
        """New TCP connections are refused."""

    def wifi(self, up: bool, now_ns: int) -> None:
        """The access point goes (WIFI DISCONNECT, links lost) or comes back (the module rejoins)."""

    def crash(self, now_ns: int) -> None:
        """The module's software stops: silence until power is cycled."""

    def reset(self, now_ns: int) -> None:
        """The module restarts by itself: links lost, settings back to default, "ready"."""

    def busy(self, seconds: float, now_ns: int) -> None:
        """Every command is answered "busy p..." for this long."""
