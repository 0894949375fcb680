"""Tracebacks of an image without line numbers: the address of an instruction -> file, line and function.

Beside such an image lies what port/freeze has taken out of it, ``frozen.json``: {"functions": {symbol of a
function's bytecode without its prefix: [file, function, offset in the symbol that the lines count from,
[[offset, line], ...]]}}.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.memory.image import Symbol

TABLE = "frozen.json"
_BYTECODE = "fun_data_"
_ENTRY = re.compile(r"^  at ([0-9a-f]{8})$")


class Traceback:
    """Reads the addresses in lines of the log of `elf`; without its table they stay as they are."""

    def __init__(self, elf: Path, symbols: Mapping[str, Symbol]) -> None:
        self._table = elf.with_name(TABLE)
        self._symbols = symbols
        self._entries: list[tuple[int, Any]] | None = None

    def decoded(self, line: str) -> str:
        """``  at 0801a2b3`` -> ``  File "station/rpc.py", line 93, in run``; other lines unchanged."""
        found = _ENTRY.match(line)
        if not found:
            return line
        if self._entries is None:
            self._entries = self._read()
        address = int(found[1], 16)
        number = bisect_right(self._entries, address, key=lambda entry: entry[0]) - 1
        if number < 0:
            return line
        start, (file, function, base, lines) = self._entries[number]
        _, at = lines[max(bisect_right(lines, address - start - base, key=lambda step: step[0]) - 1, 0)]
        return f'  File "{file}", line {at}, in {function}'

    def _read(self) -> list[tuple[int, Any]]:
        """(address, entry of the table) of each function, by address."""
        try:
            functions = json.loads(self._table.read_text()).get("functions", {})
        except (OSError, ValueError):
            return []
        named = ((self._symbols.get(_BYTECODE + name), entry) for name, entry in functions.items())
        return sorted((symbol.value, entry) for symbol, entry in named if symbol)
