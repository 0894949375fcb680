"""Where functions and data were declared: file and line by address, from an image's debug information."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import NamedTuple

from elftools.dwarf.compileunit import CompileUnit
from elftools.dwarf.die import DIE
from elftools.dwarf.dwarfinfo import DWARFInfo
from elftools.elf.elffile import ELFFile

_WHOLE = ("DW_AT_specification", "DW_AT_abstract_origin")
_AN_ADDRESS = 0x03  # DW_OP_addr
_MAPPED = ("firmware", "micropython", "mbedtls", "build")
"""What firmware/Makefile makes of this machine's folders."""


class Place(NamedTuple):
    """`line` is None for what a file as a whole brings."""

    file: str
    line: int | None


def declarations(image: ELFFile) -> dict[int, Place]:
    """Address of each function and variable of the outermost scope -> where it is declared.

    Empty for an image without debug information. Frozen Python has the lines of its own sources
    (firmware/port/freeze/lines.py).
    """
    if not image.has_dwarf_info():
        return {}
    information = image.get_dwarf_info()
    found: dict[int, Place] = {}
    for unit in information.iter_CUs():
        files = _files(information, unit)
        for die in unit.get_top_DIE().iter_children():
            address = _address(die)
            file, line = _attribute(die, "DW_AT_decl_file"), _attribute(die, "DW_AT_decl_line")
            if address is not None and line and file in files:
                found[address] = Place(files[file], line)
    return found


def _address(die: DIE) -> int | None:
    if die.tag == "DW_TAG_subprogram" and "DW_AT_low_pc" in die.attributes:
        return int(die.attributes["DW_AT_low_pc"].value) & ~1
    if die.tag == "DW_TAG_variable" and "DW_AT_location" in die.attributes:
        location = die.attributes["DW_AT_location"].value
        if isinstance(location, list) and len(location) == 5 and location[0] == _AN_ADDRESS:
            return int.from_bytes(bytes(location[1:]), "little")
    return None


def _attribute(die: DIE, name: str) -> int | None:
    """Of the entry, or of the one that it completes or is a copy of."""
    if name in die.attributes:
        return int(die.attributes[name].value)
    for link in _WHOLE:
        if link in die.attributes:
            return _attribute(die.get_DIE_from_attribute(link), name)
    return None


def _files(information: DWARFInfo, unit: CompileUnit) -> dict[int, str]:
    """Number of a file in this unit -> its path, without this machine's folders where the build did that."""
    program = information.line_program_for_CU(unit)
    if program is None:
        return {}
    compiled_in = unit.get_top_DIE().attributes.get("DW_AT_comp_dir")
    root = PurePosixPath(compiled_in.value.decode(errors="replace") if compiled_in else "")
    header = program.header
    # DWARF 5, 6.2.4: directories and files count from 0, before that from 1, 0 being where it was compiled.
    first = 0 if header.version >= 5 else 1
    folders = [name.decode(errors="replace") for name in header.include_directory]
    paths = {}
    for number, entry in enumerate(header.file_entry, first):
        inside = entry.dir_index - first
        path = PurePosixPath(folders[inside] if inside >= 0 else "", entry.name.decode(errors="replace"))
        whole = path if path.parts[0] in _MAPPED else root / path
        if not whole.is_absolute():  # such are of the machine that the compiler's libraries were made on
            paths[number] = str(whole)
    return paths
