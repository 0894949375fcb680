"""Tracebacks of an image without line numbers: the address of an instruction -> file, line and function."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

from bench.memory.image import Symbol

_BYTECODE = "fun_data_"
_ENTRY = re.compile(r"^  at ([0-9a-f]{8})$")


class Traceback:
    """Reads the addresses in a firmware's log; without `frozen` of its Image they stay as they are."""

    def __init__(self, frozen: Mapping[str, Any], symbols: Mapping[str, Symbol]) -> None:
        named = (
            (symbols.get(_BYTECODE + name), entry) for name, entry in frozen.get("functions", {}).items()
        )
        self._entries = sorted((symbol.value, entry) for symbol, entry in named if symbol)

    def decoded(self, line: str) -> str:
        """``  at 0801a2b3`` -> ``  File "station/rpc.py", line 93, in run``; other lines unchanged."""
        found = _ENTRY.match(line)
        if not found:
            return line
        address = int(found[1], 16)
        number = bisect_right(self._entries, address, key=lambda entry: entry[0]) - 1
        if number < 0:
            return line
        start, (file, function, base, lines) = self._entries[number]
        _, at = lines[max(bisect_right(lines, address - start - base, key=lambda step: step[0]) - 1, 0)]
        return f'  File "{file}", line {at}, in {function}'
