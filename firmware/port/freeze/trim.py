"""MicroPython's C without the methods, functions and constants that no frozen module names.

    python port/freeze/trim.py MICROPYTHON OUTPUT PYTHON...

Python finds them by their names, in tables of the C sources. The files that have entries under a name which
neither the Python files (PYTHON: files or folders) look up nor C itself are written to OUTPUT without these
entries, and the linker drops what nothing else refers to. Lines do not move. Not for a program that makes
names at run time; port/freeze refuses those.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

_ENTRY = re.compile(
    r"^[ \t]*\{ MP_ROM_QSTR\(MP_QSTR_(\w+)\), MP_ROM_\w+(?:\(.*\))? \},[ \t]*(?://.*)?$", re.MULTILINE
)
_LOOKUP = re.compile(r"\bmp_load_\w+\([^;{}]*?\bMP_QSTR_(\w+)")
_BESIDE = re.compile(r'^#include "[^/"]+"$', re.MULTILINE)  # would not be found from elsewhere
# The methods of str, bytes and bytearray are sections of one table, by numbers of entries (py/objstr.c).
_COUNTED = {"append", "extend", "hex", "fromhex", "decode", "encode"}
_FOLDERS = ("py", "extmod", "shared/runtime")


def names_of(source: str) -> Iterator[str]:
    """Every name that a Python program looks up."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                yield name
            case ast.alias(name=name):
                yield from name.split(".")
            case ast.Call(
                func=ast.Name(id="getattr" | "hasattr"), args=[_, ast.Constant(value=str(name)), *_]
            ):
                yield name


def trimmed(text: str, used: set[str]) -> str:
    """A C source without the entries of tables under names that are not used; `__names__` stay."""

    def entry(match: re.Match[str]) -> str:
        name = match[1]
        return match[0] if name in used or name.startswith("__") else ""

    return _ENTRY.sub(entry, text)


def used_names(c_sources: Iterable[str], python_sources: Iterable[str]) -> set[str]:
    """Names that the Python sources look up, and C itself."""
    used = {name for source in python_sources for name in names_of(source)}
    return used.union(_COUNTED, *map(_LOOKUP.findall, c_sources))


def main(arguments: list[str]) -> int:
    top, output, *places = map(Path, arguments)
    sources = {
        path.relative_to(top): path.read_text()
        for folder in _FOLDERS
        for path in sorted((top / folder).glob("*.[ch]"))
    }
    port = [path.read_text() for path in sorted(Path(__file__).parents[1].rglob("*.[ch]"))]
    python = [
        path.read_text()
        for place in places
        for path in (sorted(place.rglob("*.py")) if place.is_dir() else [place])
    ]
    used = used_names([*sources.values(), *port], python)
    wanted = {
        path: text
        for path, before in sources.items()
        if (text := trimmed(before, used)) != before and not _BESIDE.search(text)
    }
    for path in output.rglob("*.c"):
        if path.relative_to(output) not in wanted:
            path.unlink()
    for path, text in wanted.items():
        place = output / path
        if not place.exists() or place.read_text() != text:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
