"""Constants of frozen modules: equal ones are stored once, and text as interned strings, which take less."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

LONGEST = 255  # bytes of an interned string (MICROPY_QSTR_BYTES_IN_LEN)


def texts(value: object) -> Iterator[str]:
    """All text in a constant that can be interned."""
    if isinstance(value, str) and 0 < len(value.encode()) <= LONGEST:
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from texts(item)


def share(tool: Any, modules: list[Any], others: Iterable[str], symbols: Mapping[Any, str]) -> None:
    """Intern what is used and nothing else, `others` too, and let mpy-tool write each constant but once.

    `modules` are mpy-tool's. A constant with a `symbol` is an object that is in C under that name. `symbols`
    says, by key_of, what constants are to be called.
    """
    interned = {q.str: q for module in modules for q in module.qstr_table}
    for text in others:
        interned.setdefault(text, tool.QStrType(text))
    for module in modules:
        for value in module.obj_table:
            for text in texts(value):
                interned.setdefault(text, tool.QStrType(text))
    tool.global_qstrs.qstrs = [None, *interned.values()]
    tool.global_qstrs.find_by_str = interned.get

    write = tool.CompiledModule.freeze_constant_obj
    written: dict[Any, str] = {}

    def write_once(module: Any, name: str, value: Any) -> str:
        if symbol := getattr(value, "symbol", None):
            return f"MP_ROM_PTR(&{symbol})"
        key = key_of(value)
        if key not in written:
            written[key] = write(module, symbols.get(key, name), value)
        return written[key]

    tool.CompiledModule.freeze_constant_obj = write_once


def key_of(value: object) -> Any:
    """Equal for constants that are the same: 1 is not True."""
    return tuple(map(key_of, value)) if isinstance(value, tuple) else (type(value), value)
