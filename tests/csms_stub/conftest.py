"""A charging station as the tests need it: a WebSocket client without I/O on a `Connection`."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from csms_stub import Csms
from csms_stub.connection import Connection

S = 1_000_000_000
BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}


class Station:
    """One connection to a Csms; `now` is virtual time."""

    def __init__(self, csms: Csms, *, now: int = 0) -> None:
        self.csms = csms
        self.now = now
        connection = csms.accept(now)
        assert connection is not None, "the CSMS does not listen"
        self.connection: Connection = connection
        self.protocol: ClientProtocol | None = None
        self.texts: list[Any] = []
        self.frames: list[Frame] = []
        self.response: Response | None = None

    def open(
        self,
        path: str = "/ocpp/CS1",
        *,
        user: str | None = None,
        password: str = "",
        subprotocols: Sequence[str] = ("ocpp2.0.1",),
        headers: dict[str, str] | None = None,
    ) -> Station:
        self.protocol = ClientProtocol(
            parse_uri(f"ws://csms{path}"),
            # The client takes None for "no such header".
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
        )
        request = self.protocol.connect()
        # Chosen by the client at random; here the same in every run.
        del request.headers["Sec-WebSocket-Key"]
        request.headers["Sec-WebSocket-Key"] = base64.b64encode(bytes(16)).decode()
        self.protocol.key = request.headers["Sec-WebSocket-Key"]
        if user is not None:
            token = base64.b64encode(f"{user}:{password}".encode()).decode()
            request.headers["Authorization"] = f"Basic {token}"
        for name, value in (headers or {}).items():
            request.headers[name] = value
        self.protocol.send_request(request)
        self.pump()
        return self

    def pump(self) -> None:
        """Move bytes both ways until there are none."""
        assert self.protocol is not None
        for _ in range(10):
            sent = b"".join(self.protocol.data_to_send())
            if sent:
                self.connection.receive(sent, self.now)
            received = self.connection.take(self.now)
            if received:
                self.protocol.receive_data(received)
            if not sent and not received:
                break
        if self.connection.closed:
            self.protocol.receive_eof()
        for event in self.protocol.events_received():
            if isinstance(event, Response):
                self.response = event
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                text = bytes(event.data).decode()
                try:
                    self.texts.append(json.loads(text))
                except ValueError:
                    self.texts.append(text)
            elif isinstance(event, Frame):
                self.frames.append(event)

    def say(self, message: Any) -> Any:
        """Send a text (or a JSON value); the next text of the CSMS, None where there is none."""
        assert self.protocol is not None
        text = message if isinstance(message, str) else json.dumps(message)
        before = len(self.texts)
        self.protocol.send_text(text.encode())
        self.pump()
        return self.texts[before] if len(self.texts) > before else None

    def call(self, message_id: str, action: str, payload: Any) -> Any:
        return self.say([2, message_id, action, payload])

    def boot(self, message_id: str = "boot") -> Station:
        assert self.call(message_id, "BootNotification", BOOT)[0] == 3
        return self


@pytest.fixture
def csms() -> Csms:
    return Csms(tokens={"04A1B2C3": "Accepted", "BLOCKED": {"status": "Blocked", "cacheExpiryDateTime": "x"}})


@pytest.fixture
def station(csms: Csms) -> Station:
    """Connected and booted."""
    return Station(csms).open().boot()
