"""Constants of frozen modules: equal ones are stored once, and text as interned strings, which take less."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bytecode import Module, Tool

LONGEST = 255  # bytes of an interned string (MICROPY_QSTR_BYTES_IN_LEN)


def texts(value: object) -> Iterator[str]:
    """All text in a constant that can be interned."""
    if isinstance(value, str) and 0 < len(value.encode()) <= LONGEST:
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from texts(item)


def share(tool: Tool, modules: list[Module]) -> None:
    """Intern what is used and nothing else, and let mpy-tool write each constant but once."""
    interned = {q.str: q for module in modules for q in module.qstr_table}
    for module in modules:
        for value in module.obj_table:
            for text in texts(value):
                interned.setdefault(text, tool.QStrType(text))
    tool.global_qstrs.qstrs = [None, *interned.values()]
    tool.global_qstrs.find_by_str = interned.get

    write = tool.CompiledModule.freeze_constant_obj
    written: dict[Any, str] = {}

    def write_once(module: Module, name: str, value: object) -> str:
        key = _key(value)
        if key not in written:
            written[key] = write(module, name, value)
        return written[key]

    tool.CompiledModule.freeze_constant_obj = write_once


def _key(value: object) -> Any:
    """Equal for constants that are the same: 1 is not True."""
    return tuple(map(_key, value)) if isinstance(value, tuple) else (type(value), value)
