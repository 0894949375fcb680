"""What an ELF image says of itself: sections with the places they load to and run from, and symbols."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from bench.memory.declared import Place, declarations

_MAGIC = b"\x7fELF"
_WITH_SIZE = ("STT_FUNC", "STT_OBJECT", "STT_NOTYPE")


class ImageFileError(Exception):
    """A file that is no linked 32-bit Arm ELF image. The message is one clear line."""


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
class Placed:
    """A function or datum: [address, address + size). Static ones of several files may share a name."""

    address: int
    size: int
    name: str


@dataclass(frozen=True, slots=True)
class Section:
    """An allocated section; `in_file`: it has `content`, loaded at `load_address`."""

    name: str
    address: int
    load_address: int
    size: int
    in_file: bool
    writable: bool
    content: bytes


@dataclass(frozen=True, slots=True)
class Image:
    """`placed`: by address, without the overlapping aliases of a place; `declared`: places by address.

    frozen    what port/freeze has taken out: {"names": {name in the source: name in the image}, "functions":
              {symbol of a function's bytecode without its prefix: [file, function, offset in the symbol that
              the lines count from, [[offset, line], ...]]}}; empty for an image that has it all, and others
    """

    sections: tuple[Section, ...]
    symbols: dict[str, Symbol]
    placed: tuple[Placed, ...]
    declared: dict[int, Place]
    frozen: Mapping[str, Any]

    def content(self, address: int, size: int) -> bytes:
        """`size` bytes from `address` on; fewer where a section's content ends."""
        for section in self.sections:
            if section.address <= address < section.address + len(section.content):
                start = address - section.address
                return section.content[start : start + size]
        return b""

    def numbers(self, address: int, count: int, width: int) -> tuple[int, ...]:
        """`count` little-endian numbers of `width` bytes from `address` on; fewer where the content ends."""
        data = self.content(address, width * count)
        return tuple(int.from_bytes(data[n : n + width], "little") for n in range(0, len(data), width))

    def words(self, address: int, count: int) -> tuple[int, ...]:
        """Numbers of 32 bits."""
        return self.numbers(address, count, 4)

    def placed_at(self, address: int) -> Placed | None:
        """What begins at `address`."""
        at = bisect_left(self.placed, address, key=lambda symbol: symbol.address)
        found = self.placed[at] if at < len(self.placed) else None
        return found if found and found.address == address else None


def read_image(elf: Path) -> Image:
    """Raises ImageFileError where `elf` is no linked 32-bit Arm image, OSError where it cannot be read."""
    with elf.open("rb") as stream:
        try:
            image = ELFFile(stream)
            if image["e_machine"] != "EM_ARM" or image.elfclass != 32:
                raise ImageFileError(f"{elf}: not an image for a 32-bit Arm ({image['e_machine']})")
            if image["e_type"] != "ET_EXEC":
                raise ImageFileError(f"{elf}: not linked ({image['e_type']})")
            found = Image(
                tuple(_sections(image)),
                _symbols(image),
                tuple(_placed(image)),
                declarations(image),
                _frozen(image),
            )
        except ELFError as error:
            raise _unreadable(elf, error) from None
    if not found.sections:
        raise ImageFileError(f"{elf}: no section occupies memory")
    return found


def _frozen(image: ELFFile) -> Mapping[str, Any]:
    section = image.get_section_by_name(".frozen")
    try:
        found = json.loads(section.data()) if section else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def symbols_of(elf: Path) -> dict[str, Symbol]:
    """All symbols an image defines; none for a stripped one. Raises ImageFileError for no ELF file."""
    with elf.open("rb") as stream:
        try:
            return _symbols(ELFFile(stream))
        except ELFError as error:
            raise _unreadable(elf, error) from None


def _unreadable(elf: Path, error: ELFError) -> ImageFileError:
    with elf.open("rb") as stream:
        begins_as_one = stream.read(len(_MAGIC)) == _MAGIC
    what = "an ELF file that is cut short or damaged" if begins_as_one else "not an ELF file"
    return ImageFileError(f"{elf}: {what} ({error})")


def _sections(image: ELFFile) -> Iterator[Section]:
    segments = [segment for segment in image.iter_segments() if segment["p_type"] == "PT_LOAD"]
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
        content = section.data() if in_file else b""
        yield Section(section.name, address, load_address, size, in_file, writable, content)


def _symbols(image: ELFFile) -> dict[str, Symbol]:
    table = image.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        return {}
    return {
        symbol.name: Symbol(symbol["st_value"], symbol["st_size"])
        for symbol in table.iter_symbols()
        if symbol.name and symbol["st_shndx"] != "SHN_UNDEF"
    }


def _placed(image: ELFFile) -> Iterator[Placed]:
    table = image.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        return
    found = []
    for symbol in table.iter_symbols():
        kind = symbol["st_info"]["type"]
        if symbol["st_size"] and kind in _WITH_SIZE and isinstance(symbol["st_shndx"], int):
            # bit 0 of a function's value says Thumb (ELF for the Arm architecture, 5.5.3)
            address = symbol["st_value"] & ~1 if kind == "STT_FUNC" else symbol["st_value"]
            found.append(Placed(address, symbol["st_size"], symbol.name))
    end = 0
    for one in sorted(found, key=lambda s: (s.address, -s.size, s.name)):
        if one.address >= end:
            yield one
            end = one.address + one.size
