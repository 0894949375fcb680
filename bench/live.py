"""One board live in the terminal: its log and its OCPP messages side by side, or as plain lines."""

from __future__ import annotations

import os
import secrets
import select
import signal
import time
from collections import deque
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificate
from rich.console import Console
from rich.layout import Layout
from rich.live import Live as Screen
from rich.panel import Panel
from rich.text import Text

from bench.emulators import Kind
from bench.emulators.base import NS_PER_S
from bench.peers.hosts import CSMS_HOST, CSMS_PORT
from bench.peers.tcp import TcpNetwork
from bench.platforms import Platform
from bench.provision import Provisioning
from bench.rig import Rig, RigError
from bench.wiretap import WireTap
from csms_stub.csms import Csms
from csms_stub.messages import Message
from csms_stub.session import Session

_KEPT_LINES = 500
_REFRESH_S = 0.1
_CHUNK_S = 1.0
_FOREVER_S = 1e9
_PORTS = {"ws": 80, "wss": 443}


class Live:
    """Boots one provisioned board and shows what it says until `run` ends.

    provisioning of the board; see `outside`
    csms_url    ws:// or wss://host:port/path of a CSMS outside; None: a CSMS in this process
    typed       file descriptor whose lines are typed into the firmware, which answers among its log lines
    Raises what Rig raises.
    """

    def __init__(
        self,
        platform: Platform,
        elf: Path,
        *,
        emulator: Kind,
        provisioning: Provisioning,
        csms_url: str | None,
        console: Console,
        typed: int | None = None,
    ) -> None:
        self._console = console
        self._typed, self._line = typed, b""
        self._messages: deque[str] = deque(maxlen=_KEPT_LINES)
        self._shown = 0
        self._screen: Screen | None = None
        self._refreshed_s = 0.0
        self._interrupted = False
        self._outside: WireTap | None = None
        if csms_url:
            url = urlsplit(csms_url)
            tcp = TcpNetwork()
            tcp.map(CSMS_HOST, CSMS_PORT, str(url.hostname), url.port or _PORTS[url.scheme])
            self._outside = WireTap(tcp, self._saw)
        self._rig = Rig(
            platform,
            elf,
            emulator=emulator,
            provisioning=provisioning,
            csms=Csms(passwords={provisioning.identity: provisioning.password}, on_message=self._saw_message),
            network=self._outside,
            # no message id is used twice (part 4, 4.1.4), and a CSMS outside may know those of a run before
            seed=secrets.randbits(31) if csms_url else 0,
        )

    def run(self, duration_s: float | None, *, paced: bool) -> None:
        """Until `duration_s` virtual seconds have passed or Ctrl-C; `paced` keeps to host time."""
        rig = self._rig
        # Not as an exception wherever it comes: one in a hook of the emulator is lost.
        before = signal.signal(signal.SIGINT, self._interrupt)
        for note in rig.notes:
            self._console.print(f"note: {note}", highlight=False, markup=False)
        try:
            with self._shown_on_terminal():
                rig.power_on()
                remaining = _FOREVER_S if duration_s is None else duration_s
                while remaining > 0:
                    chunk = min(remaining, _CHUNK_S)
                    if paced:
                        rig.run_paced(chunk, self._show)
                    else:
                        rig.run_for(chunk)
                    self._show()
                    remaining -= chunk
        except KeyboardInterrupt:
            pass
        finally:
            signal.signal(signal.SIGINT, before)
            self._interrupted = False
            self._show()
            rig.close()
            if self._outside:
                self._outside.close()
        problems = rig.problems()
        for problem in problems:
            self._console.print(f"problem: {problem}", highlight=False, markup=False, soft_wrap=True)
        self._console.print(f"{rig.now_s:.3f} s of virtual time on {rig.platform.name}", highlight=False)

    def _saw_message(self, _: Session, message: Message) -> None:
        self._saw(message.at_ns, message.direction, message.text)

    def _saw(self, at_ns: int, direction: str, text: str) -> None:
        arrow = "->" if direction == "in" else "<-"
        line = f"{at_ns / NS_PER_S:11.3f} {arrow} {text}"
        if self._screen:
            self._messages.append(line)
        else:
            self._show_log_lines()
            self._print(f"ocpp {line}")

    def _shown_on_terminal(self) -> AbstractContextManager[object]:
        if not self._console.is_terminal or self._typed is not None:
            return nullcontext()
        self._screen = Screen(console=self._console, screen=True, auto_refresh=False)
        return self._screen

    def _interrupt(self, *_: object) -> None:
        self._interrupted = True

    def _show(self) -> None:
        if self._interrupted:
            raise KeyboardInterrupt
        self._take_typed()
        if self._screen is None:
            self._show_log_lines()
            return
        if time.monotonic() - self._refreshed_s < _REFRESH_S:
            return
        self._refreshed_s = time.monotonic()
        height = max(1, self._console.height - 2)
        log = [f"{line.at_ns / NS_PER_S:11.3f} {line.text}" for line in self._rig.log[-height:]]
        layout = Layout()
        title = f"{self._rig.platform.name}  {self._rig.now_s:.1f} s"
        layout.split_row(
            Panel(_lines(log, height), title=title),
            Panel(_lines(list(self._messages), height), title="OCPP (-> to the CSMS)"),
        )
        self._screen.update(layout, refresh=True)

    def _take_typed(self) -> None:
        while self._typed is not None and self._rig.powered and select.select([self._typed], [], [], 0)[0]:
            if not (read := os.read(self._typed, 1024)):
                self._typed = None
                return
            *lines, self._line = (self._line + read).split(b"\n")
            for line in lines:
                self._rig.type(line.decode(errors="replace"))

    def _show_log_lines(self) -> None:
        for line in self._rig.log[self._shown :]:
            self._print(f"log  {line.at_ns / NS_PER_S:11.3f}    {line.text}")
        self._shown = len(self._rig.log)

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


def _lines(lines: list[str], height: int) -> Text:
    return Text("\n".join(lines[-height:]), no_wrap=True, overflow="ellipsis")


def outside(url: str | None, root: Path | None) -> dict[str, Any]:
    """What an installer enters for a CSMS outside: fields of Provisioning.

    root    certificate (PEM or DER file) that the chain of a wss CSMS must lead to
    Raises RigError for a URL or a certificate that the station cannot use.
    """
    if url is None:
        if root:
            raise RigError(f"--root {root} goes with --csms wss://host:port/path")
        return {}
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RigError(
            f"--csms {url}: {error}; must be ws://host:port/path or wss://host:port/path"
        ) from None
    if port == 0:
        raise RigError(f"--csms {url}: nothing can listen on port 0; without a port it is 80, or 443 for wss")
    if parts.scheme not in _PORTS or not parts.hostname:
        raise RigError(f"--csms {url}: must be ws://host:port/path or wss://host:port/path")
    if (parts.scheme == "wss") != (root is not None):
        why = "--root is for wss://" if root else "needs --root FILE, the certificate that its chain leads to"
        raise RigError(f"--csms {url}: {why}")
    found: dict[str, Any] = {"url": url.rstrip("/")}
    if root is not None:
        found |= {"security_profile": 2, "csms_roots": [_der(root)]}
    return found


def _der(path: Path) -> bytes:
    content = path.read_bytes()
    try:
        load = load_pem_x509_certificate if b"-----BEGIN" in content else load_der_x509_certificate
        return load(content).public_bytes(Encoding.DER)
    except ValueError as error:
        raise RigError(f"{path}: no certificate in PEM or DER: {error}") from None
