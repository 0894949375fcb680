"""Whose each byte of a section is: the source it was made of, and the function or datum in it.

The linker map says which object a byte comes from, the symbol table which function or datum it belongs to,
`owners.toml` who answers for the source. Frozen Python is taken apart by the names that mpy-tool and
port/freeze.py give (``fun_data_<module>_<scope>``, ``const_obj_<module>_<n>``), so that it counts for its
module and function. What no object contributed is the heap or stack area, or padding.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.memory.image import Area, Image, Placed, Section
from bench.memory.linkmap import Contribution, LinkMap

OWNERS = Path(__file__).with_name("owners.toml")

PADDING = "padding"
UNKNOWN = "unknown (no linker map)"
NOBODY = "other"
MODULE_BODY = "<module>"
CONSTANTS = "<constants>"
NAMES = "<names>"
OBJECTS = "<function objects>"
REST = "<literals>"
STRINGS = "<strings>"
INTERNED = "interned strings"
FROZEN_TABLES = "frozen module table"

_FROZEN_OBJECT = re.compile(r"(^|/)frozen_content\.o$")
_FROZEN_MODULE = "frozen_module_"
_FUNCTION, _CHILDREN, _OBJECTS = "fun_data_", "children_", "fun_objs_"
_CONSTANT = ("const_obj_table_data_", "const_obj_")
_NAME_TABLE = "const_qstr_table_data_"
_QSTR_POOL = re.compile(r"^mp_qstr_")
_OUR_OBJECT = re.compile(r"^.*/build/firmware/[^/]+/")
_LIBRARY = re.compile(r"(lib[\w+]+\.a)\((\S+)\)$")
_STRINGS = re.compile(r"^\.rodata\.(?:(.+)\.)?str\d+\.\d+$")


@dataclass(frozen=True, slots=True)
class Piece:
    """Addresses [start, end) belong to `symbol` of `source`."""

    start: int
    end: int
    source: str
    symbol: str


@cache
def _owners() -> tuple[tuple[re.Pattern[str], str, str], ...]:
    with OWNERS.open("rb") as stream:
        entries = tomllib.load(stream)["owner"]
    return tuple((re.compile(e["source"]), e["component"], e["block"]) for e in entries)


@cache
def owner_of(source: str) -> tuple[str, str]:
    """Component and functional block by the first entry of owners.toml that matches; else NOBODY."""
    for pattern, component, block in _owners():
        if pattern.search(source):
            return component, block
    return NOBODY, NOBODY


def split(
    section: Section, image: Image, mapped: LinkMap | None, areas: Mapping[str, Area]
) -> Iterator[Piece]:
    """All bytes of a section in order, without gap or overlap."""
    at, end = section.address, section.address + section.size
    if mapped is None:
        yield Piece(at, end, UNKNOWN, UNKNOWN)
        return
    modules = frozen_modules(image)
    mine = [c for c in mapped.contributions if c.section == section.name and at <= c.address < end]
    placed = sorted(
        (s for s in (*image.placed, *_texts(image)) if at <= s.address < end), key=lambda s: s.address
    )
    for contribution in sorted(mine, key=lambda c: c.address):
        start, stop = max(contribution.address, at), min(contribution.address + contribution.size, end)
        yield from _gap(at, start, areas)
        if stop > start:
            yield from _of_object(contribution, start, stop, placed, modules)
        at = max(at, start, stop)
    yield from _gap(at, end, areas)


def _texts(image: Image) -> Iterator[Placed]:
    """The characters of each string constant of frozen modules, under the constant's name.

    A constant is an mp_obj_str_t (py/objstr.h): type, hash, length, data. Equal strings are stored once, and
    count for the first that has them.
    """
    end = 0
    found = []
    for symbol in image.placed:
        if symbol.name.startswith(_CONSTANT[1]) and symbol.size == 16:
            words = image.words(symbol.address, 4)
            if len(words) == 4 and image.words(words[3], 1):
                found.append(Placed(words[3], words[2] + 1, symbol.name))
    for text in sorted(found, key=lambda t: (t.address, -t.size)):
        if text.address >= end:
            yield text
            end = text.address + text.size


def _gap(start: int, end: int, areas: Mapping[str, Area]) -> Iterator[Piece]:
    for name, area in sorted(areas.items(), key=lambda entry: entry[1].start):
        first, last = max(area.start, start), min(area.end, end)
        if first < last:
            if start < first:
                yield Piece(start, first, PADDING, PADDING)
            yield Piece(first, last, name, name)
            start = last
    if start < end:
        yield Piece(start, end, PADDING, PADDING)


def _of_object(
    contribution: Contribution, start: int, stop: int, placed: Sequence[Placed], modules: Mapping[str, str]
) -> Iterator[Piece]:
    source = source_of(contribution.source)
    rest = _name_of_input(contribution.name)
    frozen = _FROZEN_OBJECT.search(contribution.source)
    if frozen:
        source = INTERNED if rest == STRINGS else FROZEN_TABLES
    for symbol in placed:
        if not start <= symbol.address < stop:
            continue
        if start < symbol.address:
            yield Piece(start, symbol.address, source, rest)
        end = min(symbol.address + symbol.size, stop)
        if frozen:
            yield Piece(symbol.address, end, *_frozen(symbol.name, modules))
        elif _QSTR_POOL.match(symbol.name):
            yield Piece(symbol.address, end, INTERNED, symbol.name)
        else:
            yield Piece(symbol.address, end, source, symbol.name)
        start = end
    if start < stop:
        yield Piece(start, stop, source, rest)


def _name_of_input(name: str) -> str:
    """Of what has no symbol: ``.rodata.foo.str1.1`` -> ``<strings of foo>``, ``.text.foo`` -> ``foo``."""
    if strings := _STRINGS.match(name):
        return f"<strings of {strings[1]}>" if strings[1] else STRINGS
    _, _, symbol = name.lstrip(".").partition(".")
    return symbol or REST


def source_of(object_file: str) -> str:
    """The source of an object that the linker map names, without this machine's folders."""
    if library := _LIBRARY.search(object_file):
        return f"{library[1]}({library[2]})"
    return re.sub(r"\.o$", ".c", _OUR_OBJECT.sub("", object_file))


def frozen_modules(image: Image) -> dict[str, str]:
    """Name of a frozen module as mpy-tool writes it -> its file: ``asyncio_core`` -> ``asyncio/core.py``."""
    names = [s.name.removeprefix(_FROZEN_MODULE) for s in image.placed if s.name.startswith(_FROZEN_MODULE)]
    packages = [name.removesuffix("___init__") for name in names if name.endswith("___init__")]
    files = {}
    for name in names:
        package = max((p for p in packages if name.startswith(f"{p}_")), key=len, default="")
        files[name] = f"{package}/{name[len(package) + 1 :]}.py" if package else f"{name}.py"
    return files


def _frozen(symbol: str, modules: Mapping[str, str]) -> tuple[str, str]:
    """Source and function of a datum that mpy-tool named."""
    if _QSTR_POOL.match(symbol):
        return INTERNED, symbol
    for prefix in (_FROZEN_MODULE, _FUNCTION, _CHILDREN, _OBJECTS, *_CONSTANT, _NAME_TABLE):
        if not symbol.startswith(prefix):
            continue
        rest = symbol.removeprefix(prefix)
        module = max((m for m in modules if f"{rest}_".startswith(f"{m}_")), key=len, default=None)
        if module is None:
            break
        if prefix == _NAME_TABLE:
            return modules[module], NAMES
        if prefix == _OBJECTS:
            return modules[module], OBJECTS
        if prefix in (_FUNCTION, _CHILDREN):
            scope = rest[len(module) + 1 :]
            return modules[module], MODULE_BODY if scope == "_lt_module_gt_" else scope
        return modules[module], CONSTANTS
    return FROZEN_TABLES, symbol
