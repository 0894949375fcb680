"""Chromium without a window, by its DevTools protocol: what a page does, says and loads."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_S = 60


def find() -> str | None:
    """Path of Chromium, None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One tab. `complaints`: exceptions and messages of its console; `requests`: URLs it asked for."""

    def __init__(self, program: str, profile: Path) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._count = 0
        command = [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
        self._process = subprocess.Popen(
            [*command, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._connected = ExitStack()
        self._connected.callback(self._process.wait)
        self._connected.callback(self._process.kill)
        address = self._address(profile / "DevToolsActivePort")
        self._socket = self._connected.enter_context(connect(address, max_size=None))
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=PATIENCE_S))
            if answer.get("id") == self._count:
                assert "error" not in answer, answer["error"]
                return dict(answer["result"])
            self._note(answer["method"], answer["params"])

    def evaluate(self, expression: str) -> Any:
        """Value of JavaScript, of a promise when it is one."""
        done = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def open(self, path: Path, *, width: int = 1280, dark: bool = False, anchor: str = "") -> None:
        """Show the page and wait until it says that it is drawn."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=path.resolve().as_uri() + anchor)
        self.wait("document.documentElement?.dataset.ready")

    def wait(self, expression: str) -> None:
        """Until it is true, as JavaScript sees it."""
        until = time.monotonic() + PATIENCE_S
        while not self.evaluate(f"Boolean({expression})"):
            assert time.monotonic() < until, (expression, self.complaints)
            time.sleep(0.05)

    def close(self) -> None:
        self._connected.close()

    def _address(self, port_file: Path) -> str:
        until = time.monotonic() + PATIENCE_S
        while not port_file.is_file() or not (lines := port_file.read_text().splitlines()):
            assert self._process.poll() is None, "Chromium ended"
            assert time.monotonic() < until, "Chromium does not answer"
            time.sleep(0.05)
        with urllib.request.urlopen(f"http://127.0.0.1:{lines[0]}/json") as answer:
            tabs = json.load(answer)
        return str(next(tab for tab in tabs if tab["type"] == "page")["webSocketDebuggerUrl"])

    def _note(self, method: str, event: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            details = event["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(str(event["args"]))
        elif method == "Log.entryAdded":
            self.complaints.append(event["entry"]["text"])
        elif method == "Network.requestWillBeSent" and not re.match("about:|data:", event["request"]["url"]):
            self.requests.append(event["request"]["url"])
