"""Static memory of a firmware image, to the byte: by region, section, component, functional block, source
and symbol.

Sections and their places come from the ELF file; who contributed which bytes comes from the linker map
beside it (``firmware.map`` for ``firmware.elf``), see `bench.memory.attribution`. Every byte of every
allocated section is counted once in the memory it runs from and, where it is initialised data in RAM, once
more in the memory it is loaded from. Without a map the sources are unknown and the rest still holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from bench.memory.attribution import Attribution, Piece, owner_of
from bench.memory.image import Area, Image, ImageFileError, Section, Symbol, read_image, symbols_of
from bench.memory.linkmap import LinkMap, MapRegion, read_map

__all__ = ["Area", "ImageFileError", "Item", "Kind", "StaticMemory", "Symbol", "measure", "symbols_of"]

Kind = Literal["ROM", "RAM"]
Level = Literal["region", "section", "component", "block", "source", "symbol"]
LEVELS: tuple[Level, ...] = ("region", "section", "component", "block", "source", "symbol")

HEAP, STACK = "heap area", "stack area"
HEAP_SYMBOLS = (("_heap_start", "_heap_end"), ("__HeapBase", "__HeapLimit"), ("_sheap", "_eheap"))
HEAP_OBJECTS = ("gc_heap", "heap", "mp_heap")
STACK_SYMBOLS = (("_stack_start", "_stack_end"), ("_sstack", "_estack"), ("__StackLimit", "__StackTop"))


@dataclass(frozen=True, slots=True)
class Region:
    """A memory of the linker script: `used` of `length` bytes from `origin` on."""

    name: str
    kind: Kind
    origin: int
    length: int | None
    used: int


@dataclass(frozen=True, slots=True)
class Item:
    """`size` bytes at `address`: `symbol` of `source` in `section` of `region`.

    source      ``py/gc.c``, ``station/modem.py``, ``libgcc.a(_udivmoddi4.o)``, or what an area is for
    component   of owners.toml: who made it
    block       of owners.toml: the OCPP functional block that it serves, or what every block needs
    file, line  where it is declared, as far as the debug information tells
    """

    region: str
    kind: Kind
    section: str
    address: int
    size: int
    component: str
    block: str
    source: str
    symbol: str
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class StaticMemory:
    """What an image occupies before it runs. All sizes in bytes; `rom` and `ram` are the sums over `items`.

    `heap` and `stack` are None where no symbols tell. `fixed_ram` is `ram` without them, as far as the image
    reserves them as sections.
    """

    elf: str
    regions: tuple[Region, ...]
    items: tuple[Item, ...]
    heap: Area | None
    stack: Area | None
    fixed_ram: int

    @property
    def rom(self) -> int:
        return sum(item.size for item in self.items if item.kind == "ROM")

    @property
    def ram(self) -> int:
        return sum(item.size for item in self.items if item.kind == "RAM")

    def by(self, *levels: Level) -> dict[tuple[str, ...], dict[Kind, int]]:
        """Names of these levels -> {"ROM": bytes, "RAM": bytes}, largest ROM first; the sum is the image."""
        sums: dict[tuple[str, ...], dict[Kind, int]] = defaultdict(lambda: {"ROM": 0, "RAM": 0})
        for item in self.items:
            sums[tuple(getattr(item, level) for level in levels)][item.kind] += item.size
        return dict(sorted(sums.items(), key=lambda entry: (-entry[1]["ROM"], -entry[1]["RAM"], entry[0])))

    def by_component(self) -> dict[str, dict[Kind, int]]:
        """Component -> {"ROM": bytes, "RAM": bytes}, largest ROM first."""
        return {name: sizes for (name,), sizes in self.by("component").items()}

    def by_section(self) -> dict[tuple[str, str], int]:
        """(region, section) -> bytes."""
        return {(r, s): sum(sizes.values()) for (r, s), sizes in self.by("region", "section").items()}

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
            "blocks": {name: sizes for (name,), sizes in self.by("block").items()},
            "items": [asdict(item) for item in self.items],
            "method": "ELF section sizes; sources by the linker map; symbols by the symbol table; files and "
            "lines by DWARF; owners by owners.toml; .data counts in ROM and in RAM",
        }


def measure(elf: Path, link_map: Path | None = None) -> StaticMemory:
    """Static memory of `elf`; `link_map` defaults to the file of the same name with ``.map``.

    Raises ImageFileError where `elf` is no linked 32-bit Arm image, MapError where the map is none, OSError
    where a file cannot be read.
    """
    map_path = link_map or elf.with_suffix(".map")
    mapped = read_map(map_path) if link_map or map_path.is_file() else None
    image = read_image(elf)
    regions = _regions(mapped, image.sections)
    heap = _area(image.symbols, HEAP_SYMBOLS, HEAP_OBJECTS)
    stack = _area(image.symbols, STACK_SYMBOLS)
    areas = {name: area for name, area in ((HEAP, heap), (STACK, stack)) if area}
    items = tuple(_items(image, regions, mapped, areas))
    used: dict[str, int] = defaultdict(int)
    for item in items:
        used[item.region] += item.size
    reserved = sum(area.size for area in areas.values() if _covered(area, image.sections))
    return StaticMemory(
        elf=str(elf),
        regions=tuple(
            Region(region.name, _kind(region), region.origin, region.length or None, used[region.name])
            for region in regions
            if used[region.name]
        ),
        items=items,
        heap=heap,
        stack=stack,
        fixed_ram=sum(item.size for item in items if item.kind == "RAM") - reserved,
    )


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


def _covered(area: Area, sections: Sequence[Section]) -> bool:
    return any(s.address <= area.start and area.end <= s.address + s.size for s in sections)


def _regions(mapped: LinkMap | None, sections: Sequence[Section]) -> tuple[MapRegion, ...]:
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


def _items(
    image: Image, regions: Sequence[MapRegion], mapped: LinkMap | None, areas: dict[str, Area]
) -> Iterable[Item]:
    attribution = Attribution(image, mapped, areas)
    for section in image.sections:
        runs_in = _region_at(regions, section.address, writable=section.writable)
        loaded_into = _region_at(regions, section.load_address, writable=False) if section.in_file else None
        homes = [(runs_in, section.address)]
        if loaded_into not in (None, runs_in):
            homes.append((loaded_into, section.load_address))
        for piece in attribution.split(section):
            for home, base in homes:
                if home is not None:
                    yield _item(piece, section, home, base)


def _item(piece: Piece, section: Section, home: MapRegion, base: int) -> Item:
    component, block = owner_of(piece.source)
    address = base + piece.start - section.address
    size = piece.end - piece.start
    return Item(
        home.name,
        _kind(home),
        section.name,
        address,
        size,
        component,
        block,
        piece.source,
        piece.symbol,
        *(piece.place or (None, None)),
    )


def _region_at(regions: Sequence[MapRegion], address: int, *, writable: bool) -> MapRegion | None:
    for region in regions:
        if region.length and region.origin <= address < region.origin + region.length:
            return region
    return next((region for region in regions if not region.length and region.writable == writable), None)
