"""What port/freeze does to frozen modules: nothing that they could notice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bench.firmware import BUILD_DIR, FIRMWARE_DIR, ensure_source
from bench.memory.image import Symbol
from bench.traceback import Traceback
from tests.loading import load

from .target import Target

sys.path.insert(0, str(FIRMWARE_DIR / "port" / "freeze"))
bytecode, constants, names, objects = (
    load(FIRMWARE_DIR / "port" / "freeze" / f"{name}.py")
    for name in ("bytecode", "constants", "names", "objects")
)

SOURCE = """\
LIMITS = (1, "Voltage", (True, "Voltage"))
OTHER = (1, "Voltage", (True, "Voltage"))

class Meter:
    def __init__(self, first_register):
        self.first_register = first_register

    def read(self, *, scale=1):
        for attempt in range(3):
            if attempt > self.first_register:
                break
        return self.first_register * scale

def total(meters):
    found = 0
    for meter in meters:
        found += meter.read(scale=2)
    return found, "a text that is long enough to be kept as an object"

def numbers():
    yield 1
"""


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


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    folder = ensure_source(BUILD_DIR / "micropython") / "tools"
    monkeypatch.syspath_prepend(folder)
    tool = load(folder / "mpy-tool.py")
    tool.global_qstrs = tool.GlobalQStrList()
    tool.config.MICROPY_LONGINT_IMPL = tool.config.MICROPY_LONGINT_IMPL_LONGLONG
    tool.config.MICROPY_QSTR_BYTES_IN_HASH = tool.config.MICROPY_QSTR_BYTES_IN_LEN = 1
    tool.config.native_arch = tool.MP_NATIVE_ARCH_NONE
    return tool


def compiled(tool: ModuleType, folder: Path, source: str, name: str = "meter.py") -> Any:
    (folder / name).write_text(source)
    output = folder / f"{name}.mpy"
    compiler = BUILD_DIR / "mpy-cross" / "mpy-cross"
    if not compiler.exists():
        pytest.skip("mpy-cross is built with the first image: ocpp-bench build")
    subprocess.run([compiler, "-s", name, "-o", output, folder / name], check=True)
    return tool.read_mpy(str(output))


def listing(tool: ModuleType, module: Any) -> list[list[tuple[str, Any]]]:
    """Of each function its operations, jumps by the number of the operation that they lead to."""
    found = []
    for code in bytecode.functions(module):
        body = bytecode.operations(tool, code)
        steps = []
        for operation in body:
            argument = operation.arg
            if operation.fmt == tool.MP_BC_FORMAT_QSTR:
                argument = module.qstr_table[operation.arg].str
            elif operation.fmt == tool.MP_BC_FORMAT_OFFSET:
                argument = body.index(operation.target)
            elif operation.opcode_byte == tool.Opcode.MP_BC_LOAD_CONST_OBJ:
                argument = module.obj_table[operation.arg]
            kind = tool.Opcode.mapping[operation.opcode_byte].replace("CONST_OBJ", "CONST_STRING")
            steps.append((kind, argument))
        found.append(steps)
    return found


def test_only_names_change(tool: ModuleType, tmp_path: Path) -> None:
    before = listing(tool, compiled(tool, tmp_path, SOURCE))
    module = compiled(tool, tmp_path, SOURCE)
    decode = names.shorten(tool, [module], {"range"})
    renamed = decode["names"]
    assert len(set(renamed.values())) == len(renamed) > 0
    # of a class, a keyword, in C, of the module: as they were
    assert not renamed.keys() & {"Meter", "scale", "range", "meter", "__init__", "__module__"}
    assert {"first_register"} <= renamed.keys()
    expected = [
        [(kind, renamed.get(value, value) if "CONST" not in kind else value) for kind, value in steps]
        for steps in before
    ]
    assert listing(tool, module) == expected
    arguments = [[module.qstr_table[i].str for i in code.names[1:]] for code in bytecode.functions(module)]
    assert ["meter.py", "scale"] in arguments


def test_lines_are_decoded_from_addresses(tool: ModuleType, tmp_path: Path) -> None:
    module = compiled(tool, tmp_path, SOURCE)
    table = names.shorten(tool, [module], set())["functions"]
    total = next(code for code in bytecode.functions(module) if code.escaped_name == "meter_total")
    addition = next(
        operation
        for operation in bytecode.operations(tool, total)
        if tool.Opcode.mapping[operation.opcode_byte] == "BINARY_OP 5 __iadd__"
        or tool.Opcode.mapping[operation.opcode_byte].startswith("BINARY_OP")
    )
    (tmp_path / "frozen.json").write_text(json.dumps({"functions": table}))
    start = 0x0801_2000
    traceback = Traceback(
        tmp_path / "firmware.elf", {"fun_data_meter_total": Symbol(start, len(total.fun_data))}
    )
    at = start + total.offset_opcodes + addition.offset
    assert traceback.decoded(f"  at {at:08x}") == '  File "meter.py", line 17, in total'
    assert traceback.decoded(f"  at {start - 4:08x}") == f"  at {start - 4:08x}"
    assert traceback.decoded("I 0 boot") == "I 0 boot"


@pytest.mark.parametrize("name", ["getattr", "globals", "__dict__"])
def test_a_program_that_looks_for_names_by_text_is_refused(
    tool: ModuleType, tmp_path: Path, name: str
) -> None:
    use = f"x = board.{name}" if name == "__dict__" else f"x = {name}"
    module = compiled(tool, tmp_path, use)
    with pytest.raises(ValueError, match=rf"^meter.py: {name} refers to names by their text"):
        names.shorten(tool, [module], set())


def test_equal_constants_are_written_once(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    modules = [
        compiled(tool, tmp_path, SOURCE),
        compiled(tool, tmp_path, "A = (True, 'Voltage')\nB = (1, 'Voltage')\n", "other.py"),
    ]
    constants.share(tool, modules)
    tool.const_obj_content = tool.const_table_ptr_content = 0
    for module in modules:
        module.freeze_constants()
    text = capsys.readouterr().out
    assert text.count("mp_rom_obj_tuple_t") == 3
    assert "MP_ROM_PTR(&const_obj_meter_0_2),\n    MP_ROM_PTR(&const_obj_other_1),\n}" in text
    assert "mp_obj_str_t" not in text


def test_objects_are_written_for_what_modules_and_classes_define(tool: ModuleType, tmp_path: Path) -> None:
    text = objects.source(tool, [compiled(tool, tmp_path, SOURCE)])
    assert "FROZEN_FUNCTION(gen_wrap, 0, NULL, fun_data_meter_numbers)" in text
    assert "FROZEN_FUNCTION(fun_bc, 0, NULL, fun_data_meter_Meter___init__)" in text
    assert "{&proto_fun_meter__lt_module_gt_, fun_objs_meter, 3}" in text
    assert "fun_data_meter_Meter_read" not in text  # has a default value
    assert "fun_data_meter_Meter)" not in text


def test_more_modules_than_there_is_room_for_are_refused(tool: ModuleType, tmp_path: Path) -> None:
    module = compiled(tool, tmp_path, SOURCE)
    with pytest.raises(ValueError, match="99 frozen modules"):
        objects.source(tool, [module] * 99)
