"""The Renode process and the bench's link into it (Link.cs): requests, answers, and a clean end."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import struct
import subprocess
import threading
from collections import deque
from pathlib import Path

from bench.emulators.base import EmulatorError
from bench.platforms import Platform

from .locate import parse_version

LINK = Path(__file__).with_name("Link.cs")

START_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 120.0
_END_TIMEOUT_S = 5.0
_OPTIONS = ("--disable-gui", "--plain", "--hide-analyzers", "-P", "0")
"""``-P 0`` lets the Monitor's telnet server, which nobody uses here, take any free port instead of 1234."""
_LOG_LINES, _TAIL_LINES, _LINE_MAX = 1000, 8, 400


class Renode:
    """A headless Renode, started by the constructor.

    Raises EmulatorError where it does not start, RenodeMissing where it is too old. Every method raises
    EmulatorError, with the tail of Renode's log, once the process has ended or does not answer in
    ANSWER_TIMEOUT_S of host time; the process is ended then.
    """

    def __init__(self, executable: Path) -> None:
        self.executable = executable
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._lock = threading.Lock()
        self._link: socket.socket | None = None
        self.platform: Platform | None = None
        """Whose machine is loaded."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            try:
                self._process = subprocess.Popen(
                    [str(executable), *_OPTIONS, "-e", f"include @{quoted(LINK)}; bench_link {port}"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise EmulatorError(f"cannot start Renode at {executable}: {error.strerror}") from None
            _running.add(self)
            self._reader = threading.Thread(target=self._read_log, name="Renode's log", daemon=True)
            self._reader.start()
            self._link = self._accept(server)
        self.version = parse_version(self.command("version"))

    @property
    def alive(self) -> bool:
        return self._link is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def unload(self) -> None:
        """Take away the machine, which ends what it writes into files."""
        self.platform = None
        self.request(b"D")
        self.command("Clear")

    def load_platform(self, platform: Platform, elf: Path) -> None:
        """Put a board, with `elf` for the ``$bin`` of its .resc, in place of whatever was loaded.

        A board without a .resc is its .repl alone.
        """
        self.unload()
        if platform.resc.is_file():
            self.command(f"$bin=@{quoted(elf.resolve())}")
            self.command(f"include @{quoted(platform.resc.resolve())}")
        else:
            self.command(f'mach create "{platform.name}"')
            self.command(f"machine LoadPlatformDescription @{quoted(platform.repl.resolve())}")
        # what a script does at a reset is for people at the Monitor, and takes time
        self.command('macro reset "#"')
        self.platform = platform

    def command(self, line: str) -> str:
        """What the Monitor prints at a command. Raises EmulatorError with its message where it refuses."""
        text = line.encode()
        return self.request(b"M", struct.pack("<I", len(text)) + text).decode()

    def request(self, operation: bytes, payload: bytes = b"") -> bytes:
        """One operation of Link.cs. Raises EmulatorError with its message where it fails."""
        with self._lock:
            if self._link is None:
                raise EmulatorError("Renode was ended")
            try:
                self._link.sendall(struct.pack("<I", len(payload) + 1) + operation + payload)
                (length,) = struct.unpack("<I", self._receive(4))
                answer = self._receive(length)
            except TimeoutError:
                raise self._failed(f"Renode does not answer for {ANSWER_TIMEOUT_S:g} s") from None
            except OSError:
                raise self._failed("Renode ended unexpectedly") from None
            except KeyboardInterrupt:
                self.close()
                raise
        if answer[0]:
            raise EmulatorError(f"Renode: {answer[1:].decode(errors='replace').strip()}")
        return answer[1:]

    def close(self) -> None:
        """End the process, which ends itself at the end of its standard input; kill it where it does not."""
        _running.discard(self)
        if self._link is not None:
            self._link.close()
            self._link = None
        if self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join(_END_TIMEOUT_S)

    def log_tail(self) -> str:
        """The last lines that Renode logged, worth a look when it fails."""
        return "\n".join(f"    {line}" for line in list(self._log)[-_TAIL_LINES:])

    def _read_log(self) -> None:
        """Firmware can make Renode log without an end, so only the last lines are kept."""
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in iter(lambda: stream.readline(_LINE_MAX), b""):
                self._log.append(line.decode(errors="replace").rstrip())

    def _accept(self, server: socket.socket) -> socket.socket:
        server.settimeout(0.25)
        waited = 0.0
        while waited < START_TIMEOUT_S:
            try:
                link, _ = server.accept()
            except TimeoutError:
                waited += 0.25
                if self._process.poll() is not None:
                    raise self._failed("Renode ended at its start") from None
                continue
            link.settimeout(ANSWER_TIMEOUT_S)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return link
        raise self._failed(f"Renode did not start within {START_TIMEOUT_S:g} s")

    def _receive(self, size: int) -> bytes:
        assert self._link is not None
        parts = []
        while size:
            part = self._link.recv(size)
            if not part:
                raise ConnectionError
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _failed(self, what: str) -> EmulatorError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.5)
        status = self._process.poll()
        ending = (
            f" (signal {-status})" if status and status < 0 else f" (exit status {status})" if status else ""
        )
        tail = self.log_tail()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self.close()
        return EmulatorError(f"{what}{ending}; its log ends:\n{tail}" if tail else f"{what}{ending}")


def quoted(path: Path) -> str:
    """A path as the Monitor takes it behind an @."""
    return str(path).replace("\\", "/").replace(" ", "\\ ")


_running: set[Renode] = set()


@atexit.register
def _close_all() -> None:
    for renode in tuple(_running):
        renode.close()
