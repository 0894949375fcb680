"""Functions of frozen modules are in ROM where they can be, and behave no differently."""

from __future__ import annotations

import pytest

from bench.firmware import FIRMWARE_DIR
from tests.loading import load

from .target import Target

freeze = load(FIRMWARE_DIR / "port" / "freeze.py")


def test_functions_without_default_values_are_in_rom(target: Target) -> None:
    places = target.ask("function_places")
    heap = range(target.symbols["_heap_start"], target.symbols["_heap_end"])
    in_ram = {name for name, address in places.items() if address in heap}
    assert in_ram == {"made", "closure"}
    for name in set(places) - in_ram:
        assert places[name] < heap.start, name


def test_functions_do_what_they_did(target: Target) -> None:
    assert target.ask("function_results") == [1, 3, 4, [2, 3], 5, 4, 7]
    assert target.ask("function_results") == [5, 3, 4, [6, 7], 5, 8, 7]


@pytest.mark.parametrize(
    ("signature", "flags"),
    [
        (b"\x49", 0),  # one byte: no flags
        (b"\x80\x40", 1),  # a generator
        (b"\x80\x00", 0),
        (b"\x80\x80\x40", 2),  # *args
        (b"\x80\xc0\x40", 3),
    ],
)
def test_scope_flags_are_read_as_the_virtual_machine_reads_them(signature: bytes, flags: int) -> None:
    assert freeze.scope_flags(signature) == flags


SOURCE = """\
static const byte fun_data_m__lt_module_gt_[4] = {
    0x10,0x02, // prelude
    0x32,0x00, // MAKE_FUNCTION 0
    0x33,0x01, // MAKE_FUNCTION_DEFARGS 1
    0x32,0x02, // MAKE_FUNCTION 2
};
static const byte fun_data_m_f[4] = {
    0x80,0x40,0x02, // prelude
    0x63, // RETURN_VALUE
};
static const byte fun_data_m_g[4] = {
    0x10,0x02, // prelude
};
static const byte fun_data_m_C[4] = {
    0x10,0x02, // prelude
    0x16,0x03, // STORE_NAME '__module__'
    0x32,0x00, // MAKE_FUNCTION 0
};
static const byte fun_data_m_C_h[4] = {
    0x10,0x02, // prelude
};
static const mp_raw_code_t *const children_m_C[] = {
    (const mp_raw_code_t *)&proto_fun_m_C_h,
};
static const mp_raw_code_t *const children_m__lt_module_gt_[] = {
    (const mp_raw_code_t *)&proto_fun_m_f,
    (const mp_raw_code_t *)&proto_fun_m_g,
    (const mp_raw_code_t *)&proto_fun_m_C,
};
static const mp_frozen_module_t frozen_module_m = {
"""


def test_objects_are_written_for_what_modules_and_classes_define() -> None:
    text = freeze.function_objects(SOURCE)
    assert "FROZEN_FUNCTION(gen_wrap, 0, NULL, fun_data_m_f)" in text
    assert "FROZEN_FUNCTION(fun_bc, 0, NULL, fun_data_m_C_h)" in text
    assert "{&proto_fun_m__lt_module_gt_, fun_objs_m, 2}" in text
    assert "fun_data_m_g" not in text
    assert "fun_data_m_C)" not in text


def test_what_mpy_tool_does_not_write_is_refused() -> None:
    with pytest.raises(ValueError, match="no bytecode of m__lt_module_gt_"):
        freeze.function_objects("static const mp_frozen_module_t frozen_module_m = {\n")
    many = "".join(f"static const mp_frozen_module_t frozen_module_m{n} = {{\n" for n in range(99))
    with pytest.raises(ValueError, match="99 frozen modules"):
        freeze.function_objects(many)
