"""Whose each byte of a section is: the source it was made of, and the function or datum in it.

The linker map says which object a byte comes from, the symbol table which function or datum it belongs to,
`owners.toml` who answers for the source. Frozen Python counts for its module and function
(`bench.memory.frozen`), a string for who needs it (`bench.memory.strings`). What no object contributed is the
heap or stack area, or padding, which is named by what it stands before.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.memory.declared import Place
from bench.memory.frozen import FROZEN_TABLES, Frozen
from bench.memory.image import Area, Image, Placed, Section
from bench.memory.linkmap import Contribution, LinkMap
from bench.memory.strings import string_parts

OWNERS = Path(__file__).with_name("owners.toml")

PADDING = "padding"
UNKNOWN = "unknown (no linker map)"
NOBODY = "other"
REST = "<literals>"
STRINGS = "<strings>"

_FROZEN_OBJECT = re.compile(r"(^|/)frozen_content\.o$")
_OUR_OBJECT = re.compile(r"^.*/build/firmware/[^/]+/")
_LIBRARY = re.compile(r"(lib[\w+]+\.a)\((\S+)\)$")
_STRINGS = re.compile(r"^\.rodata\.(?:(.+)\.)?str\d+\.\d+$")


@dataclass(frozen=True, slots=True)
class Piece:
    """Addresses [start, end) belong to `symbol` of `source`; `place`: where that is declared."""

    start: int
    end: int
    source: str
    symbol: str
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class _Named:
    """What is known of [address, end): `source` where it is another than the object's."""

    address: int
    end: int
    source: str | None
    symbol: str
    place: Place | None


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


class Attribution:
    """Of all sections of an image."""

    def __init__(self, image: Image, mapped: LinkMap | None, areas: Mapping[str, Area]) -> None:
        self._mapped = mapped is not None
        self._areas = sorted(areas.items(), key=lambda entry: entry[1].start)
        self._contributions: dict[str, list[Contribution]] = defaultdict(list)
        for contribution in sorted(mapped.contributions if mapped else (), key=lambda c: c.address):
            self._contributions[contribution.section].append(contribution)
        self._names = _names(image) if mapped else []
        self._starts = [name.address for name in self._names]
        self._declared = {name.symbol: name.place for name in self._names if name.place}

    def split(self, section: Section) -> Iterator[Piece]:
        """All bytes of a section in order, without gap or overlap."""
        at, end = section.address, section.address + section.size
        if not self._mapped:
            yield Piece(at, end, UNKNOWN, UNKNOWN)
            return
        for contribution in self._contributions[section.name]:
            start, stop = max(contribution.address, at), min(contribution.address + contribution.size, end)
            if start >= stop:
                continue
            pieces = list(self._of_object(contribution, start, stop))
            yield from self._gap(at, start, f"before {pieces[0].source}: {pieces[0].symbol}")
            yield from pieces
            at = stop
        yield from self._gap(at, end, f"at the end of {section.name}")

    def _gap(self, start: int, end: int, what: str) -> Iterator[Piece]:
        for name, area in self._areas:
            first, last = max(area.start, start), min(area.end, end)
            if first < last:
                if start < first:
                    yield Piece(start, first, PADDING, f"before {name}")
                yield Piece(first, last, name, name)
                start = last
        if start < end:
            yield Piece(start, end, PADDING, what)

    def _of_object(self, contribution: Contribution, start: int, stop: int) -> Iterator[Piece]:
        frozen = _FROZEN_OBJECT.search(contribution.source)
        source = FROZEN_TABLES if frozen else source_of(contribution.source)
        rest, function = _name_of_input(contribution.name)
        place = self._declared.get(function)
        if place and not place.file.endswith(source):
            place = None  # a static one of the same name
        for name in self._names[bisect_left(self._starts, start) : bisect_left(self._starts, stop)]:
            if start < name.address:
                yield Piece(start, name.address, source, rest, place)
            end = min(name.end, stop)
            yield Piece(name.address, end, name.source or source, name.symbol, name.place)
            start = end
        if start < stop:
            yield Piece(start, stop, source, rest, place)


def _names(image: Image) -> list[_Named]:
    """What is known of which addresses, in order and without overlap; the finer goes before the coarser."""
    frozen = Frozen(image)
    parts = list(string_parts(image, frozen))
    covered = sorted(part.address for part, _ in parts)
    named: list[tuple[Placed, str | None, str]] = [(part, source, part.name) for part, source in parts]
    for symbol in image.placed:
        finer = bisect_left(covered, symbol.address)
        if finer == len(covered) or covered[finer] >= symbol.address + symbol.size:
            named.append((symbol, *(frozen.of(symbol) or (None, symbol.name))))
    lines = {
        (source, name): place
        for symbol, source, name in named
        if source and (place := image.declared.get(symbol.address)) and place.file.endswith(source)
    }
    files = {source: place.file for (source, _), place in lines.items()}

    def place_of(symbol: Placed, source: str | None, name: str) -> Place | None:
        if source in files:
            return lines.get((source, name), Place(files[source], None))
        return None if source else image.declared.get(symbol.address)

    found = [
        _Named(symbol.address, symbol.address + symbol.size, source, name, place_of(symbol, source, name))
        for symbol, source, name in named
    ]
    return sorted(found, key=lambda each: each.address)


def _name_of_input(name: str) -> tuple[str, str]:
    """Of what has no symbol, and the function it is of: ``.rodata.foo.str1.1`` -> ``<strings of foo>``."""
    if strings := _STRINGS.match(name):
        return (f"<strings of {strings[1]}>", strings[1]) if strings[1] else (STRINGS, "")
    _, _, symbol = name.lstrip(".").partition(".")
    return symbol or REST, symbol


def source_of(object_file: str) -> str:
    """The source of an object that the linker map names, without this machine's folders."""
    if library := _LIBRARY.search(object_file):
        return f"{library[1]}({library[2]})"
    return re.sub(r"\.o$", ".c", _OUR_OBJECT.sub("", object_file))
