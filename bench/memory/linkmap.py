"""Reader of GNU ld map files: memory regions, and which object contributed which bytes to a section."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


class MapError(Exception):
    """A file that is no GNU ld map."""


@dataclass(frozen=True, slots=True)
class MapRegion:
    name: str
    origin: int
    length: int
    writable: bool


@dataclass(frozen=True, slots=True)
class Contribution:
    """`size` bytes of output section `section` at `address` came from input section `name` of `source`
    (``py/gc.o`` or ``libgcc.a(_udivmoddi4.o)``)."""

    section: str
    name: str
    address: int
    size: int
    source: str


@dataclass(frozen=True, slots=True)
class LinkMap:
    regions: tuple[MapRegion, ...]
    contributions: tuple[Contribution, ...]


_REGION = re.compile(r"^(\S+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s*(\S*)$")
_OUTPUT = re.compile(r"^([.\w][^\s(*]*)(?:\s+0x[0-9a-f]+\s+0x[0-9a-f]+.*)?$")
_INPUT = re.compile(r"^ ([^\s*(]\S*)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s(\S.*)$")
_NAME_ALONE = re.compile(r"^ ([^\s*(]\S*)$")
_NOT_SECTIONS = ("LOAD", "START", "END", "OUTPUT", "GROUP", "TARGET", "Cross")


def read_map(path: Path) -> LinkMap:
    """Raises MapError where `path` is no GNU ld map, OSError where it cannot be read."""
    lines = path.read_text(errors="replace").splitlines()
    try:
        regions_at = lines.index("Memory Configuration")
        sections_at = lines.index("Linker script and memory map")
    except ValueError:
        raise MapError(f"{path}: no GNU ld map (write one with -Wl,-Map=FILE)") from None
    return LinkMap(_regions(lines[regions_at + 1 : sections_at]), _contributions(lines[sections_at + 1 :]))


def _regions(lines: list[str]) -> tuple[MapRegion, ...]:
    matches = [match for line in lines if (match := _REGION.match(line))]
    return tuple(
        MapRegion(name, int(origin, 16), int(length, 16), "w" in attributes and "!w" not in attributes)
        for name, origin, length, attributes in (match.groups() for match in matches)
        if name != "*default*"
    )


def _contributions(lines: list[str]) -> tuple[Contribution, ...]:
    found: list[Contribution] = []
    section = ""
    wrapped = ""
    for raw in lines:
        line = f" {wrapped} {raw.strip()}" if wrapped else raw
        wrapped = ""
        if line.startswith("Cross Reference Table"):
            break
        if line and not line[0].isspace():
            output = _OUTPUT.match(line)
            section = output[1] if output and output[1] not in _NOT_SECTIONS else ""
        elif _NAME_ALONE.match(line):
            wrapped = line.strip()
        elif section and (match := _INPUT.match(line)):
            name, address, size, source = match.groups()
            if int(size, 16):
                found.append(Contribution(section, name, int(address, 16), int(size, 16), source))
    return tuple(found)
