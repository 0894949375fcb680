"""Where an image keeps what is measured while it runs, from its debug information (DWARF).

Of MicroPython: the collector's state, its roots, modules and interned strings (py/mpstate.h, py/qstr.h). Of
the port: rings, which are structures of this form, wherever they lie in a variable::

    struct { uint8_t *data; uint16_t size; uint16_t in; uint16_t out; }   /* in and out run freely */
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from elftools.dwarf.compileunit import CompileUnit
from elftools.dwarf.die import DIE
from elftools.elf.elffile import ELFFile

from bench.memory.image import Symbol, symbols_of

_RING = ("data", "size", "in", "out")
_AREA = ("gc_alloc_table_start", "gc_alloc_table_byte_len", "gc_pool_start", "gc_pool_end")
_POOL = ("prev", "total_prev_len", "len", "lengths", "qstrs")


@dataclass(frozen=True, slots=True)
class GcLayout:
    """Addresses of the variables that tell where MicroPython's allocation table and its pool are, and of the
    part of mp_state_ctx that its collector takes for roots (py/gc.c, gc_collect_start).
    """

    table_start: int
    table_length: int
    pool_start: int
    pool_end: int
    roots_start: int
    roots_end: int


@dataclass(frozen=True, slots=True)
class ObjectLayout:
    """What naming MicroPython's objects takes.

    modules     address of the dictionary of imported modules (mp_obj_dict_t)
    last_pool   address of the pointer to the last pool of interned strings
    pool        offsets in a pool: prev, total_prev_len, len, lengths, qstrs
    roots       (address, name) of each member of mp_state_vm_t, in order of address
    """

    modules: int
    last_pool: int
    pool: tuple[int, ...]
    roots: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Ring:
    """A ring buffer: the variable that holds its bytes, its size, and the addresses of its 16-bit indexes."""

    name: str
    size: int
    written: int
    read: int


@dataclass(frozen=True, slots=True)
class Layout:
    """None and empty where the image has no such thing, or no debug information."""

    gc: GcLayout | None = None
    objects: ObjectLayout | None = None
    rings: tuple[Ring, ...] = ()


def read_layout(elf: Path) -> Layout:
    symbols = symbols_of(elf)
    gc: GcLayout | None = None
    objects: ObjectLayout | None = None
    rings: list[Ring] = []
    with elf.open("rb") as stream:
        image = ELFFile(stream)
        if not image.has_dwarf_info():
            return Layout()
        for unit in image.get_dwarf_info().iter_CUs():
            name = _name(unit.get_top_DIE())
            if name.endswith("py/mpstate.c") and "mp_state_ctx" in symbols:
                gc, objects = _state(unit, symbols["mp_state_ctx"].value)
            elif "port/" in name:
                rings += _rings(unit, image, symbols)
    return Layout(gc, objects, tuple(rings))


def _state(unit: CompileUnit, start: int) -> tuple[GcLayout | None, ObjectLayout | None]:
    context = next((_type(die) for die in _variables(unit) if _name(die) == "mp_state_ctx"), None)
    if context is None:
        return None, None
    paths: list[tuple[str, ...]] = [("mem", "area", name) for name in _AREA]
    paths += [("thread", "dict_locals"), ("vm", "qstr_last_chunk")]
    found = _offsets(context, paths)
    gc = GcLayout(*(start + offset for offset in found)) if found else None
    named = _offsets(context, [("vm", "mp_loaded_modules_dict"), ("vm", "last_pool")])
    state, pool = _member(context, "vm"), _structure(unit, "_qstr_pool_t")
    pool_offsets = _offsets(pool, [(name,) for name in _POOL]) if pool else None
    if not named or not state or not pool_offsets:
        return gc, None
    roots = tuple((start + state[0] + offset, name) for offset, name, _ in _members(state[1]))
    modules, last_pool = (start + offset for offset in named)
    return gc, ObjectLayout(modules, last_pool, pool_offsets, roots)


def _rings(unit: CompileUnit, image: ELFFile, symbols: dict[str, Symbol]) -> Iterator[Ring]:
    by_address = {symbol.value: name for name, symbol in symbols.items() if symbol.size}
    for variable in _variables(unit):
        symbol = symbols.get(_name(variable))
        if symbol is None or not symbol.size:
            continue
        for offset in _rings_in(_type(variable), symbol.size):
            place, structure = offset
            offsets = _offsets(structure, [(name,) for name in _RING])
            assert offsets is not None
            data, size = (_initial(image, symbol.value + place + at) for at in offsets[:2])
            if data in by_address:
                written, read = (symbol.value + place + at for at in offsets[2:])
                yield Ring(by_address[data], size & 0xFFFF, written, read)


def _rings_in(kind: DIE, size: int) -> Iterator[tuple[int, DIE]]:
    """(offset, structure) of each ring in a type that takes `size` bytes, arrays and members included."""
    if kind.tag == "DW_TAG_array_type":
        element = _type(kind)
        step = element.attributes["DW_AT_byte_size"].value if "DW_AT_byte_size" in element.attributes else 0
        for start in range(0, size, step) if step else ():
            yield from ((start + offset, found) for offset, found in _rings_in(element, step))
    elif kind.tag == "DW_TAG_structure_type":
        if _offsets(kind, [(name,) for name in _RING]):
            yield 0, kind
            return
        for offset, _, member in _members(kind):
            if member.tag in ("DW_TAG_structure_type", "DW_TAG_array_type"):
                length = member.attributes.get("DW_AT_byte_size")
                yield from (
                    (offset + place, found)
                    for place, found in _rings_in(member, length.value if length else 0)
                )


def _initial(image: ELFFile, address: int) -> int:
    """The word that initialised data has at an address; 0 where it has none."""
    for section in image.iter_sections():
        start = section["sh_addr"]
        if section["sh_type"] == "SHT_PROGBITS" and start <= address < start + section["sh_size"] and start:
            return int.from_bytes(section.data()[address - start : address - start + 4], "little")
    return 0


def _variables(unit: CompileUnit) -> Iterator[DIE]:
    for die in unit.get_top_DIE().iter_children():
        if die.tag == "DW_TAG_variable" and "DW_AT_type" in die.attributes and _name(die):
            yield die


def _structure(unit: CompileUnit, name: str) -> DIE | None:
    dies = unit.get_top_DIE().iter_children()
    return next(
        (
            die
            for die in dies
            if die.tag == "DW_TAG_structure_type"
            and _name(die) == name
            and "DW_AT_declaration" not in die.attributes
        ),
        None,
    )


def _offsets(structure: DIE, paths: Sequence[tuple[str, ...]]) -> tuple[int, ...] | None:
    """Offsets of members of members; None where one is missing."""
    offsets = []
    for path in paths:
        offset, kind = 0, structure
        for name in path:
            member = _member(kind, name)
            if member is None:
                return None
            offset, kind = offset + member[0], member[1]
        offsets.append(offset)
    return tuple(offsets)


def _member(structure: DIE, name: str) -> tuple[int, DIE] | None:
    return next(((offset, kind) for offset, found, kind in _members(structure) if found == name), None)


def _members(structure: DIE) -> Iterator[tuple[int, str, DIE]]:
    """Offset, name and type; of a bit-field the offset of the word that holds it."""
    for child in structure.iter_children():
        if child.tag != "DW_TAG_member":
            continue
        if "DW_AT_data_member_location" in child.attributes:
            offset = int(child.attributes["DW_AT_data_member_location"].value)
        else:
            offset = int(child.attributes["DW_AT_data_bit_offset"].value) // 32 * 4
        yield offset, _name(child), _type(child)


def _name(die: DIE) -> str:
    attribute = die.attributes.get("DW_AT_name")
    return attribute.value.decode(errors="replace") if attribute else ""


def _type(die: DIE) -> DIE:
    """The type of a variable or member, behind typedefs and qualifiers."""
    kind = die.get_DIE_from_attribute("DW_AT_type")
    while kind.tag in ("DW_TAG_typedef", "DW_TAG_const_type", "DW_TAG_volatile_type"):
        if "DW_AT_type" not in kind.attributes:
            break
        kind = kind.get_DIE_from_attribute("DW_AT_type")
    return kind
