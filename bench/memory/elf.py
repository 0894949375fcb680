"""Static memory of a firmware image, to the byte: by region, section and component.

Sections and their places come from the ELF file; who contributed which bytes comes from the linker map
beside it (``firmware.map`` for ``firmware.elf``). Every byte of every allocated section is counted once
in the memory it runs from and, where it is initialised data in RAM, once more in the memory it is loaded
from. What no object contributed is the heap or stack area, or ``padding`` (alignment and what the linker
script wrote itself).
Without a map the components are unknown and the rest still holds.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from bench.memory.linkmap import Contribution, LinkMap, MapRegion, read_map

Kind = Literal["ROM", "RAM"]

PADDING, HEAP, STACK = "padding", "heap area", "stack area"
UNKNOWN = "unknown (no linker map)"
_COMPONENTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("station (frozen)", re.compile(r"frozen_content")),
    ("libraries", re.compile(r"lib(gcc|c|c_nano|m|g|g_nano|nosys|stdc\+\+\w*)\.a\(|/crt\w*\.o$|^crt\w*\.o$")),
    ("MicroPython", re.compile(r"(^|/)(py|extmod|shared|drivers|lib|genhdr)/|mpversion")),
    ("port", re.compile(r"")),
)

HEAP_SYMBOLS = (("_heap_start", "_heap_end"), ("__HeapBase", "__HeapLimit"), ("_sheap", "_eheap"))
HEAP_OBJECTS = ("gc_heap", "heap", "mp_heap")
STACK_SYMBOLS = (("_stack_start", "_stack_end"), ("_sstack", "_estack"), ("__StackLimit", "__StackTop"))


class ImageFileError(Exception):
    """A file that is no linked 32-bit Arm ELF image. The message is one clear line."""


@dataclass(frozen=True, slots=True)
class Region:
    """A memory of the linker script: `used` of `length` bytes from `origin` on."""

    name: str
    kind: Kind
    origin: int
    length: int | None
    used: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of one component in one section of one region."""

    region: str
    kind: Kind
    section: str
    component: str
    size: int


@dataclass(frozen=True, slots=True)
class Area:
    """A named stretch of RAM: [start, end)."""

    start: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Symbol:
    """Value (address) and size in bytes (0 where the symbol has none)."""

    value: int
    size: int


@dataclass(frozen=True, slots=True)
class StaticMemory:
    """What an image occupies before it runs. All sizes in bytes; `rom` and `ram` are the sums over `pieces`.

    `heap` and `stack` are None where no symbols tell. `fixed_ram` is `ram` without them, as far as the image
    reserves them as sections.
    """

    elf: str
    regions: tuple[Region, ...]
    pieces: tuple[Piece, ...]
    heap: Area | None
    stack: Area | None
    fixed_ram: int

    @property
    def rom(self) -> int:
        return sum(piece.size for piece in self.pieces if piece.kind == "ROM")

    @property
    def ram(self) -> int:
        return sum(piece.size for piece in self.pieces if piece.kind == "RAM")

    def by_component(self) -> dict[str, dict[Kind, int]]:
        """Component -> {"ROM": bytes, "RAM": bytes}, largest ROM first."""
        sums: dict[str, dict[Kind, int]] = defaultdict(lambda: {"ROM": 0, "RAM": 0})
        for piece in self.pieces:
            sums[piece.component][piece.kind] += piece.size
        return dict(sorted(sums.items(), key=lambda item: (-item[1]["ROM"], -item[1]["RAM"], item[0])))

    def by_section(self) -> dict[tuple[str, str], int]:
        """(region, section) -> bytes."""
        sums: dict[tuple[str, str], int] = defaultdict(int)
        for piece in self.pieces:
            sums[piece.region, piece.section] += piece.size
        return dict(sums)

    def to_json(self) -> dict[str, Any]:
        return {
            "elf": self.elf,
            "rom": self.rom,
            "ram": self.ram,
            "fixed_ram": self.fixed_ram,
            "heap": asdict(self.heap) | {"size": self.heap.size} if self.heap else None,
            "stack": asdict(self.stack) | {"size": self.stack.size} if self.stack else None,
            "regions": [asdict(region) for region in self.regions],
            "components": self.by_component(),
            "pieces": [asdict(piece) for piece in self.pieces],
            "method": "ELF section sizes; components by the linker map; .data counts in ROM and in RAM",
        }


@dataclass(frozen=True, slots=True)
class _Section:
    name: str
    address: int
    load_address: int
    size: int
    in_file: bool
    writable: bool


def measure(elf: Path, link_map: Path | None = None) -> StaticMemory:
    """Static memory of `elf`; `link_map` defaults to the file of the same name with ``.map``.

    Raises ImageFileError where `elf` is no linked 32-bit Arm image, MapError where the map is none, OSError
    where a file cannot be read.
    """
    map_path = link_map or elf.with_suffix(".map")
    mapped = read_map(map_path) if link_map or map_path.is_file() else None
    with elf.open("rb") as stream:
        try:
            image = ELFFile(stream)
            if image["e_machine"] != "EM_ARM" or image.elfclass != 32:
                raise ImageFileError(f"{elf}: not an image for a 32-bit Arm ({image['e_machine']})")
            if image["e_type"] != "ET_EXEC":
                raise ImageFileError(f"{elf}: not linked ({image['e_type']})")
            sections = _sections(image)
            symbols = _symbols(image)
        except ELFError as error:
            raise ImageFileError(f"{elf}: not an ELF file ({error})") from None
    if not sections:
        raise ImageFileError(f"{elf}: no section occupies memory")
    regions = _regions(mapped, sections)
    heap = _area(symbols, HEAP_SYMBOLS, HEAP_OBJECTS)
    stack = _area(symbols, STACK_SYMBOLS)
    areas = {name: area for name, area in ((HEAP, heap), (STACK, stack)) if area}
    pieces = list(_pieces(sections, regions, mapped, areas))
    used: dict[str, int] = defaultdict(int)
    for piece in pieces:
        used[piece.region] += piece.size
    reserved = sum(area.size for area in areas.values() if _covered(area, sections))
    return StaticMemory(
        elf=str(elf),
        regions=tuple(
            Region(region.name, _kind(region), region.origin, region.length or None, used[region.name])
            for region in regions
            if used[region.name]
        ),
        pieces=tuple(pieces),
        heap=heap,
        stack=stack,
        fixed_ram=sum(piece.size for piece in pieces if piece.kind == "RAM") - reserved,
    )


def _sections(image: ELFFile) -> list[_Section]:
    segments = [segment for segment in image.iter_segments() if segment["p_type"] == "PT_LOAD"]
    found = []
    for section in image.iter_sections():
        if not section["sh_flags"] & SH_FLAGS.SHF_ALLOC or not section["sh_size"]:
            continue
        address, size = section["sh_addr"], section["sh_size"]
        end = address + size
        home = next(
            (s for s in segments if s["p_vaddr"] <= address and end <= s["p_vaddr"] + s["p_memsz"]), None
        )
        load_address = address if home is None else home["p_paddr"] + address - home["p_vaddr"]
        in_file = section["sh_type"] != "SHT_NOBITS"
        writable = bool(section["sh_flags"] & SH_FLAGS.SHF_WRITE)
        found.append(_Section(section.name, address, load_address, size, in_file, writable))
    return found


def _symbols(image: ELFFile) -> dict[str, Symbol]:
    table = image.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        return {}
    return {
        symbol.name: Symbol(symbol["st_value"], symbol["st_size"])
        for symbol in table.iter_symbols()
        if symbol.name and symbol["st_shndx"] != "SHN_UNDEF"
    }


def symbols_of(elf: Path) -> dict[str, Symbol]:
    """All symbols an image defines; none for a stripped one. Raises ImageFileError for no ELF file."""
    with elf.open("rb") as stream:
        try:
            return _symbols(ELFFile(stream))
        except ELFError as error:
            raise ImageFileError(f"{elf}: not an ELF file ({error})") from None


def _area(
    symbols: dict[str, Symbol], bounds: Iterable[tuple[str, str]], objects: Iterable[str] = ()
) -> Area | None:
    for start, end in bounds:
        if start in symbols and end in symbols and symbols[end].value > symbols[start].value:
            return Area(symbols[start].value, symbols[end].value)
    for name in objects:
        if name in symbols and symbols[name].size:
            return Area(symbols[name].value, symbols[name].value + symbols[name].size)
    return None


def _covered(area: Area, sections: Sequence[_Section]) -> bool:
    return any(s.address <= area.start and area.end <= s.address + s.size for s in sections)


def _regions(mapped: LinkMap | None, sections: Sequence[_Section]) -> tuple[MapRegion, ...]:
    if mapped and mapped.regions:
        return mapped.regions
    ram = [section.address for section in sections if section.writable]
    rom = [section.load_address for section in sections if section.in_file]
    return tuple(
        MapRegion(name, min(places), 0, name == "RAM")
        for name, places in (("ROM", rom), ("RAM", ram))
        if places
    )


def _kind(region: MapRegion) -> Kind:
    return "RAM" if region.writable else "ROM"


def _pieces(
    sections: Sequence[_Section],
    regions: Sequence[MapRegion],
    mapped: LinkMap | None,
    areas: dict[str, Area],
) -> Iterable[Piece]:
    for section in sections:
        runs_in = _region_at(regions, section.address, writable=section.writable)
        loaded_into = _region_at(regions, section.load_address, writable=False) if section.in_file else None
        shares = _shares(section, mapped, areas)
        homes = [runs_in] if loaded_into in (None, runs_in) else [runs_in, loaded_into]
        for home in homes:
            if home is None:
                continue
            for component, size in shares.items():
                yield Piece(home.name, _kind(home), section.name, component, size)


def _region_at(regions: Sequence[MapRegion], address: int, *, writable: bool) -> MapRegion | None:
    for region in regions:
        if region.length and region.origin <= address < region.origin + region.length:
            return region
    return next((region for region in regions if not region.length and region.writable == writable), None)


def _shares(section: _Section, mapped: LinkMap | None, areas: dict[str, Area]) -> dict[str, int]:
    """Component -> bytes of the section; the values add up to its size."""
    if mapped is None:
        return {UNKNOWN: section.size}
    shares: dict[str, int] = defaultdict(int)
    at, end = section.address, section.address + section.size
    mine = [c for c in mapped.contributions if c.section == section.name and at <= c.address < end]
    for contribution in sorted(mine, key=lambda c: c.address):
        start, stop = max(contribution.address, at), min(contribution.address + contribution.size, end)
        _add_gap(shares, at, start, areas)
        if stop > start:
            shares[_component(contribution)] += stop - start
        at = max(at, start, stop)
    _add_gap(shares, at, end, areas)
    return dict(shares)


def _add_gap(shares: dict[str, int], start: int, end: int, areas: dict[str, Area]) -> None:
    padding = end - start
    for name, area in areas.items():
        inside = min(end, area.end) - max(start, area.start)
        if inside > 0:
            shares[name] += inside
            padding -= inside
    if padding > 0:
        shares[PADDING] += padding


def _component(contribution: Contribution) -> str:
    return next(name for name, pattern in _COMPONENTS if pattern.search(contribution.source))
