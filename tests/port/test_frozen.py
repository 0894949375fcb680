"""What port/freeze does to frozen modules: nothing that they could notice."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
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
constants, bytecode, names, program, objects = map(
    import_module, ("constants", "bytecode", "names", "program", "objects")
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


def shortened(tool: ModuleType, module: Any, idents: set[str]) -> tuple[dict[str, str], dict[str, Any]]:
    """The module without its names; what they have become, and what decodes its functions."""
    bodies = bytecode.symbolic(tool, module)
    renamed = names.shorten(tool, [module], idents, bodies)
    codes = list(bytecode.functions(module))
    return renamed, names.write(tool, module, codes, bodies, names.keywords(tool, bodies))


def test_only_names_change(tool: ModuleType, tmp_path: Path) -> None:
    before = listing(tool, compiled(tool, tmp_path, SOURCE))
    module = compiled(tool, tmp_path, SOURCE)
    renamed, _ = shortened(tool, module, {"range"})
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
    _, table = shortened(tool, module, set())
    total = next(code for code in bytecode.functions(module) if code.escaped_name == "meter_total")
    addition = next(
        operation
        for operation in bytecode.operations(tool, total)
        if tool.Opcode.mapping[operation.opcode_byte] == "BINARY_OP 5 __iadd__"
        or tool.Opcode.mapping[operation.opcode_byte].startswith("BINARY_OP")
    )
    start = 0x0801_2000
    frozen = json.loads(json.dumps({"functions": table}))
    traceback = Traceback(frozen, {"fun_data_meter_total": Symbol(start, len(total.fun_data))})
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
        names.shorten(tool, [module], set(), bytecode.symbolic(tool, module))


def test_equal_constants_are_written_once(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    modules = [
        compiled(tool, tmp_path, SOURCE),
        compiled(tool, tmp_path, "A = (True, 'Voltage')\nB = (1, 'Voltage')\n", "other.py"),
    ]
    constants.share(tool, modules, ["more"], {})
    tool.const_obj_content = tool.const_table_ptr_content = 0
    for module in modules:
        module.freeze_constants()
    text = capsys.readouterr().out
    assert text.count("mp_rom_obj_tuple_t") == 3
    assert "MP_ROM_PTR(&const_obj_meter_0_2),\n    MP_ROM_PTR(&const_obj_other_1),\n}" in text
    assert "mp_obj_str_t" not in text
    assert tool.global_qstrs.find_by_str("more")


@pytest.mark.parametrize("source", [SOURCE, "\n" * 3000 + "def f(a, b):\n    return a + b\n"])
def test_lines_may_stay(tool: ModuleType, tmp_path: Path, source: str) -> None:
    """Put together again as it was, a function is as it was: names, lines and all."""
    module = compiled(tool, tmp_path, source)
    found = [(bytecode.lines(code), bytes(code.fun_data)) for code in bytecode.functions(module)]
    arguments = [[module.qstr_table[i].str for i in code.names] for code in bytecode.functions(module)]
    bodies = bytecode.symbolic(tool, module)
    names.write(tool, module, list(bytecode.functions(module)), bodies, None)
    for code, (steps, data), called in zip(bytecode.functions(module), found, arguments, strict=True):
        assert bytecode.lines(code) == [(0, 1), *(step for step in steps if step[0])] or (
            bytecode.lines(code) == steps
        )
        assert [module.qstr_table[i].str for i in code.names] == called
        assert len(code.fun_data) == len(data)


PARTS = {
    "main.py": "from box.lid import Lid\nLid()\n",
    "box/__init__.py": "",
    "box/lid.py": """\
import time
from binascii import hexlify
from . import state
from .hinge import SIZE, Hinge

ALL = (1 << SIZE) - 1
LEVEL = 3 if SIZE else 4

class Lid(Hinge):
    limit = ALL

    def open(self, *, wide=None):
        def inner():
            return state.count
        return inner, hexlify(b"")

def helper(n=SIZE):
    state.count = n
    return used_by_none
def used_by_none():
    return time
""",
    "box/hinge.py": """\
SIZE = 4

class Hinge(Exception):
    pass

class Counter:
    made = 0

    def count(self):
        Counter.made += 1
""",
    "box/state.py": "count = 0\nqueue = []\ndef clear():\n    queue.clear()\n",
    "box/alone.py": "print('nobody imports this')\n",
    "box/quiet.py": "def quiet():\n    pass\n",
}


def resolved(tool: ModuleType, folder: Path, looked_up: set[str] | None = None) -> Any:
    (folder / "box").mkdir()
    modules = [compiled(tool, folder, source, name) for name, source in PARTS.items()]
    bodies = {code: body for module in modules for code, body in bytecode.symbolic(tool, module).items()}
    found = program.Program(tool, modules, bodies)
    found.resolve(looked_up)
    return found


def test_bodies_without_effects_are_not_needed(tool: ModuleType, tmp_path: Path) -> None:
    found = resolved(tool, tmp_path)
    assert {home.name for home in found.homes if home.static} == {"box", "box.lid", "box.quiet"}
    # stored to, a list, a class that is stored to; in the order of the imports
    assert [home.name for home in found.homes if not home.static] == ["box.state", "box.hinge", "main"]
    assert [module.source_file.str for module in found.others] == ["box/alone.py"]


def test_what_they_make_is_known(tool: ModuleType, tmp_path: Path) -> None:
    homes = {home.name: home for home in resolved(tool, tmp_path).homes}
    lid = homes["box.lid"].known
    assert (lid["ALL"], lid["LEVEL"], lid["__name__"]) == (15, 3, "box.lid")
    assert lid["Hinge"] is homes["box.hinge"].known["Hinge"] is lid["Lid"].parent
    assert lid["Lid"].members.keys() == {"__module__", "limit", "open"}
    assert lid["Lid"].members["open"].keywords == {"wide": None}
    assert lid["helper"].defaults == (4,)
    assert lid["state"] is homes["box.state"] is homes["box"].known["state"]
    assert lid["time"].symbol == "mp_module_time"
    assert "Counter" not in homes["box.hinge"].known
    assert homes["box.state"].known.keys() == {"clear", "__name__"}
    assert homes["box.hinge"].known["SIZE"] == 4


def test_what_is_known_is_not_looked_up(tool: ModuleType, tmp_path: Path) -> None:
    found = resolved(tool, tmp_path)
    lid = next(home for home in found.homes if home.name == "box.lid")
    steps = {
        function.path: [
            (tool.Opcode.mapping[operation.opcode_byte], getattr(operation, "text", None))
            for operation in found._bodies[function.code]
        ]
        for function in lid.functions.values()
    }
    assert set(steps) == {"Lid.open", "Lid.open.inner", "helper", "used_by_none"}
    # C's modules may say anything, and a global that is stored to is asked for
    assert ("LOAD_ATTR", "hexlify") in steps["Lid.open"]
    assert ("LOAD_ATTR", "count") in steps["Lid.open.inner"]
    for operations in steps.values():
        assert not any("GLOBAL" in kind or kind == "MAKE_FUNCTION" for kind, _ in operations)


def test_names_that_nothing_looks_up_are_left_out(tool: ModuleType, tmp_path: Path) -> None:
    lid = next(home for home in resolved(tool, tmp_path, {"open"}).homes if home.name == "box.lid")
    assert lid.known.keys() == {"__name__", "Lid"}
    assert lid.known["Lid"].members.keys() == {"__module__", "open"}


def test_objects_are_written(tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = resolved(tool, tmp_path)
    for home in found.homes:
        names.write(tool, home.module, list(found.emitted(home)), found._bodies, None)
    constants.share(tool, [home.module for home in found.homes], found.texts(), found.symbols)
    text = objects.declarations(found)
    assert 'frozen_function_1_t fun_obj_box_lid_helper FROZEN_NAME("fun_obj.box_lid.helper");' in text
    tool.bc_content = tool.const_obj_content = tool.const_table_ptr_content = 0
    tool.raw_code_count = tool.raw_code_content = 0
    objects.write(tool, found)
    text = capsys.readouterr().out
    assert "{{&mp_type_tuple}" not in text
    made = "FROZEN_FUNCTION(fun_bc, context_box_lid, NULL, fun_data_box_lid_helper)"
    assert f"fun_obj_box_lid_helper = {{{made}, {{MP_ROM_INT(4)}}}};" in text
    assert "FROZEN_SUBCLASS(MP_QSTR_Lid, class_box_lid_Lid_dict, class_box_hinge_Hinge)" in text
    assert "(mp_obj_dict_t *)&MP_STATE_VM(frozen_globals)[1]" in text  # of box.hinge
    assert "{&body_box_state, NULL, 0, 4, MP_QSTR_box_dot_state, MP_QSTRnull}" in text


def test_tables_are_found_by_hash(
    tool: ModuleType, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Looked for as py/map.c does: from the hash on, to the first empty place."""
    module = compiled(tool, tmp_path, "")
    words = {f"name{number}": number for number in range(40)}
    size = objects._table(tool, module, "some", "some.label", words)
    rows = capsys.readouterr().out.splitlines()[2:-1]
    assert len(words) < size == len(rows) < 52
    for name, value in words.items():
        place = objects._hash(tool, name) % size
        while f"MP_QSTR_{name})" not in rows[place]:
            assert "NULL" not in rows[place]
            place = (place + 1) % size
        assert f"MP_ROM_INT({value})" in rows[place]


def test_more_bodies_than_there_is_room_for_are_refused(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = resolved(tool, tmp_path)
    monkeypatch.setattr(objects, "BODIES_MAX", 2)
    monkeypatch.setattr(objects, "_module", lambda *_: None)
    with pytest.raises(ValueError, match=r"3 modules .* box\.state, box\.hinge, main"):
        objects.write(tool, found)


@pytest.mark.parametrize(("micropython", "ours"), [("a", "b"), ("b", "a")])
def test_the_ports_module_stands_for_micropythons_wherever_they_are(
    micropython: str, ours: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = {
        f"{micropython}/extmod/modtls.c": "MP_REGISTER_MODULE(MP_QSTR_tls, mp_module_tls);\n",
        f"{micropython}/py/modgc.c": "MP_REGISTER_MODULE(MP_QSTR_gc, mp_module_gc);\n",
        f"{ours}/tls/tls.c": "MP_REGISTER_MODULE(MP_QSTR_tls, tls_module);\n",
    }
    for name, text in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(program, "__file__", str(tmp_path / ours / "freeze" / "program.py"))
    found = program._builtin_modules(tmp_path / micropython)
    assert found == {"tls": "tls_module", "gc": "mp_module_gc"}
