"""Links on real sockets, for a CSMS outside the process. Non-blocking; time is the host's here only."""

from __future__ import annotations

from bench.peers.network import Link


class TcpNetwork:
    """Opens real TCP connections. `map("csms.local", 9000, "127.0.0.1", 8180)` redirects a name; others go to
    the host's resolver."""

    def map(self, host: str, port: int, to_host: str, to_port: int) -> None:
        raise NotImplementedError

    def open(self, host: str, port: int, now_ns: int) -> Link | None:
        raise NotImplementedError

    def wait(self, timeout_s: float) -> bool:
        """Block in select until one of the links has something or the timeout is over; the only wait here."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError
