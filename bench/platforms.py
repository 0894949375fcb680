"""Which boards there are: a .repl and .resc for the emulators, and a .toml beside them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from .emulators.base import PlatformError

T = TypeVar("T")

PLATFORMS = Path(__file__).resolve().parent.parent / "platforms"


@dataclass(frozen=True, slots=True)
class Platform:
    """A board. UARTs and GPIO ports go by their names in the .repl."""

    name: str
    repl: Path
    resc: Path
    modem_uart: str
    evse_uart: str
    modem_enable: tuple[str, int] | None
    """Port and pin that switch the network module on."""
    rtt_symbol: str | None
    store_symbols: tuple[str, str] | None
    """Linker symbols of the begin and the end of the store."""
    journal_symbols: tuple[str, str] | None = None
    """The same of the journal."""
    hse_hz: int | None = None
    """Frequency of the external crystal, where the chip does not fix it."""


def names() -> list[str]:
    """Names of the project's own boards."""
    return sorted(path.stem for path in PLATFORMS.glob("*.repl"))


def load_platform(name_or_path: str | Path) -> Platform:
    """A board of the project by its name, or any board by the path of its .repl, with the .toml beside it.

    Raises PlatformError.
    """
    text = str(name_or_path)
    is_name = isinstance(name_or_path, str) and "/" not in text and not text.endswith(".repl")
    path = PLATFORMS / f"{text}.repl" if is_name else Path(name_or_path)
    if not path.is_file():
        known = f"; known boards: {', '.join(names())}" if is_name else ""
        raise PlatformError(f"{path}:1: no such platform file{known}")
    toml = path.with_suffix(".toml")
    try:
        data = tomllib.loads(toml.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlatformError(f"{toml}:1: {error.strerror}; it says which UART is the modem's") from None
    except ValueError as error:
        raise PlatformError(f"{toml}:1: {error}") from None
    reader = _Reader(toml, data)
    enable = reader.get("gpio", "modem_enable", str)
    return Platform(
        name=path.stem,
        repl=path,
        resc=path.with_suffix(".resc"),
        modem_uart=reader.need("uart", "modem", str),
        evse_uart=reader.need("uart", "evse", str),
        modem_enable=None if enable is None else reader.pin(enable),
        rtt_symbol=reader.get("log", "rtt", str),
        store_symbols=reader.range("store"),
        journal_symbols=reader.range("journal"),
        hse_hz=reader.get("clock", "hse_hz", int),
    )


_KNOWN = {
    "uart": {"modem", "evse"},
    "gpio": {"modem_enable"},
    "log": {"rtt"},
    "store": {"start", "end"},
    "journal": {"start", "end"},
    "clock": {"hse_hz"},
}


class _Reader:
    def __init__(self, file: Path, data: dict[str, Any]) -> None:
        self._file = file
        self._data = data
        for name in data:
            if name not in _KNOWN:
                raise self._error(f"{name!r} is nothing that is known here; there are {', '.join(_KNOWN)}")
            for key in self.table(name):
                if key not in _KNOWN[name]:
                    known = ", ".join(sorted(_KNOWN[name]))
                    raise self._error(f"[{name}] has no {key!r}; there are {known}")

    def _error(self, reason: str) -> PlatformError:
        return PlatformError(f"{self._file}:1: {reason}")

    def table(self, name: str) -> dict[str, Any]:
        value = self._data.get(name, {})
        if not isinstance(value, dict):
            raise self._error(f"[{name}] is to be a table")
        return value

    def get(self, name: str, key: str, kind: type[T]) -> T | None:
        value = self.table(name).get(key)
        if value is not None and type(value) is not kind:
            raise self._error(f"{name}.{key} is to be of type {kind.__name__}")
        return value

    def need(self, name: str, key: str, kind: type[T]) -> T:
        value = self.get(name, key, kind)
        if value is None:
            raise self._error(f"{name}.{key} is missing")
        return value

    def range(self, name: str) -> tuple[str, str] | None:
        if not self.table(name):
            return None
        return self.need(name, "start", str), self.need(name, "end", str)

    def pin(self, text: str) -> tuple[str, int]:
        port, _, number = text.partition(".")
        if not port or not number.isdecimal() or int(number) > 31:
            raise self._error(f"gpio.modem_enable {text!r} is to be PORT.PIN, as in gpioPortA.4")
        return port, int(number)
