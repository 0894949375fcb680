"""Tables of MicroPython's C lose what no frozen module names, and nothing else."""

from __future__ import annotations

import re

from bench.firmware import FIRMWARE_DIR
from tests.images import Firmware
from tests.loading import load

trim = load(FIRMWARE_DIR / "port" / "freeze" / "trim.py")

PYTHON = """
from machine.pins import Pin as Input
def later(values, key=None):
    values.sort(reverse=True)
    if hasattr(values, "send"):
        return values["popitem"]
"""
C = """\
static const mp_rom_map_elem_t list_locals_dict_table[] = {
    { MP_ROM_QSTR(MP_QSTR___enter__), MP_ROM_PTR(&list_enter_obj) },
    { MP_ROM_QSTR(MP_QSTR_sort), MP_ROM_PTR(&list_sort_obj) },
    { MP_ROM_QSTR(MP_QSTR_popitem), MP_ROM_PTR(&list_popitem_obj) }, // last
    { MP_ROM_QSTR(MP_QSTR_keys), MP_ROM_PTR(&list_keys_obj) },
    { MP_ROM_QSTR(MP_QSTR_LIMIT), MP_ROM_INT(3) },
};
    mp_load_method(kw_value, MP_QSTR_keys, dest);
    mp_obj_new_type(MP_QSTR_popitem);
"""


def test_names_are_those_that_a_program_looks_up() -> None:
    found = set(trim.names_of(PYTHON))
    assert {"Pin", "values", "sort", "reverse", "hasattr", "send"} <= found
    assert not found & {"later", "popitem"}


def test_entries_that_nobody_names_go_and_lines_stay() -> None:
    used = trim.used_names([C], [PYTHON])
    text = trim.trimmed(C, used)
    assert re.findall(r"MP_ROM_QSTR\(MP_QSTR_(\w+)", text) == ["__enter__", "sort", "keys"]
    assert text.count("\n") == C.count("\n")
    assert trim.trimmed(C, used | {"popitem", "LIMIT"}) == C


def test_the_image_is_without_what_the_station_does_not_name(firmware: Firmware) -> None:
    symbols = firmware("stm32f4_discovery").with_suffix(".map").read_text()
    assert "str_find" in symbols
    assert not re.search(r"^ \.\w+\.str_rpartition\n? +0x0*[1-9a-f]", symbols, re.MULTILINE)
