"""The CSMS over TCP or TLS: asyncio round the same Connection that scenarios use in lock step.

    python -m csms_stub --port 9000
    python -m csms_stub --port 9443 --tls --basic-auth OLB-0001:0123456789abcdef

Prints one line a message, its violations below it; Ctrl-C ends it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import ssl
import sys
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO, get_args

from rich.console import Console
from rich.text import Text

from csms_stub import schemas
from csms_stub.connection import Connection
from csms_stub.csms import Csms
from csms_stub.messages import CsmsError, Message
from csms_stub.pki import Kind, Pki, pem
from csms_stub.session import Session
from csms_stub.tls import Service, Stream, TlsEndpoint, TlsStream

READ_SIZE = 1 << 16
LINE_LENGTH = 160


class ServerError(Exception):
    """The server cannot start, or go on. The message is one clear line."""


class CsmsServer:
    """Serves `csms` on a TCP port.

        async with CsmsServer(Csms(), port=0) as server:
            print(server.port)

    `port` 0 takes a free one. `tls`: an SSLContext for the server side. `service`: who accepts connections
    instead of `csms` itself, as a `TlsEndpoint` before it. Virtual time of the sessions is the event loop's
    clock since the server was made; `Csms.epoch` should be the time of day then.
    """

    def __init__(
        self,
        csms: Csms,
        *,
        host: str = "127.0.0.1",
        port: int = 9000,
        tls: ssl.SSLContext | None = None,
        service: Service | None = None,
        on_connection: Callable[[Connection, str], None] | None = None,
    ) -> None:
        self.csms = csms
        self.host = host
        self.port = port
        self._tls = tls
        self._service: Service = service or csms
        self._on_connection = on_connection
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake: set[asyncio.Event] = set()
        self._begun = 0.0

    @property
    def now_ns(self) -> int:
        """Virtual time now."""
        return int((asyncio.get_running_loop().time() - self._begun) * 1_000_000_000)

    async def start(self) -> None:
        """Listen. Raises ServerError where the address cannot be had."""
        self._begun = asyncio.get_running_loop().time()
        try:
            self._server = await asyncio.start_server(
                self._accepted, self.host, self.port, ssl=self._tls, limit=READ_SIZE
            )
        except (OSError, OverflowError, UnicodeError) as error:
            # asyncio puts its own words into strerror.
            number = getattr(error, "errno", None)
            reason = os.strerror(number) if number and number > 0 else getattr(error, "strerror", str(error))
            raise ServerError(f"cannot listen on {self.host}:{self.port}: {reason}") from None
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close all connections with 1001 (going away), then the port."""
        if self._server is None:
            return
        self._server.close()
        self.csms.close_all(1001, "the CSMS is shutting down", self.now_ns)
        self.wake()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._server = None

    async def __aenter__(self) -> CsmsServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def wake(self) -> None:
        """Send what sessions and connections were given to send from outside (`Session.call`, ...)."""
        for event in self._wake:
            event.set()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        connection = self._service.accept(self.now_ns, secure=self._tls is not None)
        try:
            if connection is not None:
                await self._serve(connection, reader, writer)
        except (OSError, ssl.SSLError):
            # The station is gone; that is its connection's end, and no fault of the server.
            pass
        finally:
            if connection is not None:
                connection.receive_eof(self.now_ns)
                self._tell(connection, "closed")
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError):
                await writer.wait_closed()

    async def _serve(
        self, connection: Stream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        wake = asyncio.Event()
        self._wake.add(wake)
        reading = asyncio.ensure_future(reader.read(READ_SIZE))
        waking = asyncio.ensure_future(wake.wait())
        told = False
        try:
            while True:
                if data := connection.take(self.now_ns):
                    writer.write(data)
                    await writer.drain()
                if not told and (inner := _inside(connection)) and inner.handshake is not None:
                    told = True
                    self._tell(connection, "opened")
                if connection.closed:
                    return
                due = connection.next_event_ns()
                timeout = None if due is None else max(0.0, (due - self.now_ns) / 1e9)
                done, _ = await asyncio.wait(
                    {reading, waking}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED
                )
                if waking in done:
                    wake.clear()
                    waking = asyncio.ensure_future(wake.wait())
                if reading in done:
                    data = reading.result()
                    if not data:
                        connection.receive_eof(self.now_ns)
                        continue
                    connection.receive(data, self.now_ns)
                    # An answer may be for another connection of the same station.
                    self.wake()
                    reading = asyncio.ensure_future(reader.read(READ_SIZE))
        finally:
            self._wake.discard(wake)
            reading.cancel()
            waking.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError, ssl.SSLError):
                await reading

    def _tell(self, stream: Stream, what: str) -> None:
        if self._on_connection is not None and (connection := _inside(stream)):
            self._on_connection(connection, what)


def _inside(stream: Stream) -> Connection | None:
    """The OCPP-J connection in a stream, under TLS or not."""
    if isinstance(stream, TlsStream):
        stream = stream.inner
    return stream if isinstance(stream, Connection) else None


class _Terminal:
    """One line a message, and the JSON-lines transcript."""

    def __init__(self, console: Console, log: TextIO | None) -> None:
        self._console = console
        self._log = log

    def message(self, session: Session, message: Message) -> None:
        arrow = "->" if message.direction == "in" else "<-"
        clock = session.time(message.at_ns)[11:23]
        style = {"CALLERROR": "yellow", "INVALID": "red"}.get(message.type, "")
        line = f"{clock} {session.identity} {arrow} {message.type} {message.action} {_gist(message)}"
        self._print(line, style)
        for violation in message.violations:
            self._print(f"             violation: {violation}", "bold red")
        if self._log is not None:
            entry: dict[str, Any] = {
                "time": session.time(message.at_ns),
                "station": session.identity,
                **message.as_json(),
            }
            self._log.write(json.dumps(entry) + "\n")
            self._log.flush()

    def connection(self, connection: Connection, what: str) -> None:
        handshake = connection.handshake
        who = "?" if handshake is None else handshake.identity or handshake.path
        if what == "opened" and handshake is not None:
            outcome = f"HTTP {handshake.status} {handshake.reason}".rstrip()
            self._print(f"             {who}: {outcome}", "dim" if handshake.status == 101 else "yellow")
        elif connection.session is not None:
            code = f"{connection.close_code} {connection.close_reason}".rstrip()
            self._print(f"             {who}: connection closed, {code}", "dim")
        if what == "closed":
            for violation in connection.violations:
                self._print(f"             violation: {violation}", "bold red")

    def _print(self, line: str, style: str = "") -> None:
        # A control character from the wire must not reach the terminal.
        safe = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)
        self._console.print(Text(safe, style=style), soft_wrap=True)


def _gist(message: Message) -> str:
    if message.type == "INVALID":
        body = message.text
    elif message.type == "CALLERROR":
        body = f"{message.error_code} {message.error_description}"
    else:
        body = json.dumps(message.payload, ensure_ascii=False)
    return body if len(body) <= LINE_LENGTH else body[: LINE_LENGTH - 3] + "..."


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m csms_stub", description="A CSMS for OCPP 2.0.1 that checks every message."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=9000, help="TCP port, 0 for a free one (%(default)s)")
    parser.add_argument("--path", default="/ocpp", help="of the endpoint; stations append their identity")
    parser.add_argument(
        "--basic-auth",
        action="append",
        metavar="ID:PASSWORD",
        help="let only this station in (repeatable); without it everyone may come",
    )
    parser.add_argument(
        "--tls",
        nargs="*",
        metavar="CERT KEY",
        help="serve wss instead of ws: with these PEM files, or with certificates made for a test",
    )
    parser.add_argument("--name", help="of the server in its test certificate (localhost)")
    parser.add_argument(
        "--root", metavar="FILE", help="write the roots of the test certificates, for stations to trust"
    )
    parser.add_argument(
        "--token",
        action="append",
        default=[],
        metavar="TOKEN[=STATUS]",
        help="idToken to accept (repeatable)",
    )
    parser.add_argument("--interval", type=int, default=300, help="heartbeat interval, s (%(default)s)")
    parser.add_argument("--log", metavar="FILE", help="write the transcript to this file as JSON lines")
    options = parser.parse_args(arguments)
    if options.tls is not None and len(options.tls) not in (0, 2):
        parser.error("argument --tls: give a certificate and its key, or neither")
    for name in ("name", "root"):
        if getattr(options, name) and options.tls != []:
            parser.error(f"argument --{name}: there are test certificates with --tls alone")
    options.name = options.name or "localhost"
    if not 0 <= options.port <= 65535:
        parser.error(f"argument --port: {options.port} is no TCP port (0 to 65535)")
    if options.interval < 1:
        parser.error(f"argument --interval: {options.interval} is below 1 s")
    for entry in options.basic_auth or []:
        if not all(entry.partition(":")[::2]):
            parser.error(f"argument --basic-auth: {entry!r} is not ID:PASSWORD")
    return options


def _csms(options: argparse.Namespace, terminal: _Terminal) -> Csms:
    passwords = None
    if options.basic_auth:
        passwords = dict(entry.split(":", 1) for entry in options.basic_auth)
    statuses = schemas.enumeration("AuthorizeResponse", "AuthorizationStatusEnumType")
    tokens = {}
    for entry in options.token:
        token, _, status = entry.partition("=")
        if status not in ("", *statuses):
            raise ServerError(f"--token {entry}: {status!r} is none of {', '.join(statuses)}")
        tokens[token] = status or "Accepted"
    return Csms(
        passwords=passwords,
        tokens=tokens,
        path=options.path,
        heartbeat_interval_s=options.interval,
        expect_boot=False,
        epoch=datetime.now(UTC),
        # Message ids must not come again after a restart (Part 4, 4.1.4).
        id_prefix=f"{uuid.uuid4().hex[:12]}-",
        keep_messages=10_000,
        on_message=terminal.message,
    )


def tls_context(certificate: str, key: str) -> ssl.SSLContext:
    """Server side TLS 1.2 or later (A00.FR.313). Raises ServerError for files that are no such PEM files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for name in (certificate, key):
        try:
            with open(name, "rb"):  # noqa: PTH123
                pass
        except OSError as error:
            raise ServerError(f"--tls {name}: {error.strerror}") from None
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (ssl.SSLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise ServerError(
            f"--tls {certificate} {key}: not a PEM certificate and its unencrypted key ({reason})"
        ) from None
    return context


def _test_endpoint(csms: Csms, options: argparse.Namespace) -> TlsEndpoint:
    """TLS with certificates that are valid from yesterday on."""
    pki = Pki(epoch=csms.epoch)
    if options.root:
        try:
            with open(options.root, "w", encoding="ascii") as file:  # noqa: PTH123
                kinds: tuple[Kind, ...] = get_args(Kind)
                file.writelines(pem(pki.root("csms", kind).certificate) for kind in kinds)
        except OSError as error:
            raise ServerError(f"--root {options.root}: {error.strerror}") from None
    return TlsEndpoint(csms, pki, options.name, randomness=os.urandom)


async def _run(options: argparse.Namespace, console: Console, log: TextIO | None) -> None:
    tls = tls_context(*options.tls) if options.tls else None
    terminal = _Terminal(console, log)
    csms = _csms(options, terminal)
    server = CsmsServer(
        csms,
        host=options.host,
        port=options.port,
        tls=tls,
        service=_test_endpoint(csms, options) if options.tls == [] else None,
        on_connection=terminal.connection,
    )
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Windows has no such handlers; there Ctrl-C comes as KeyboardInterrupt.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, ended.set)
    async with server:
        scheme = "ws" if options.tls is None else "wss"
        line = f"CSMS listening at {scheme}://{server.host}:{server.port}{server.csms.path}/<identity>"
        if options.tls == []:
            line += f", with a certificate of {options.name}"
        console.print(Text(line), soft_wrap=True)
        await ended.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server until Ctrl-C; exit code 0, or 2 with one line on stderr where it cannot."""
    options = _arguments(arguments)
    console = Console(highlight=False)
    with contextlib.ExitStack() as stack:
        try:
            log = None
            if options.log:
                try:
                    log = stack.enter_context(open(options.log, "a", encoding="utf-8"))  # noqa: PTH123
                except OSError as error:
                    raise ServerError(f"--log {options.log}: {error.strerror}") from None
            asyncio.run(_run(options, console, log))
        except KeyboardInterrupt:
            pass
        except (ServerError, CsmsError) as error:
            print(f"csms_stub: {error}", file=sys.stderr)
            return 2
    return 0
