"""What is known of frozen modules (see program.py), as constants in C (see port/frozen.h).

A constant's symbol says whose it is, for the memory report: `fun_obj.station_modem.Modem.command`,
`class.station_modem.Modem` with its `members.` and `class_dict.`, `globals.station_modem`, and the module
itself, `context_station_modem`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bytecode import Code, Module, Tool
from execution import Class, Function, Home
from program import Program

BODIES_MAX = 8  # FROZEN_BODIES_MAX in port/frozen.h


def declarations(program: Program) -> str:
    """C that must stand before all constants."""
    text = ['#include "frozen.h"', '#include "genhdr/moduledefs.h"']
    counts = {_extra(function) for home in program.homes for function in home.functions.values()}
    text += [f"FROZEN_FUNCTION_WITH({count});" for count in sorted(counts - {0})]
    for home in program.homes:
        module = home.module.escaped_name
        text.append(f"static const mp_module_context_t context_{module};")
        for function in home.functions.values():
            name = f'FROZEN_NAME("fun_obj.{module}.{function.path}")'
            text.append(f"static const {_type(function)} {function.symbol} {name};")
        for thing in home.classes.values():
            name = f'FROZEN_NAME("class.{module}.{thing.path}")'
            text.append(f"static const frozen_class_t {thing.symbol} {name};")
    return "\n".join(text)


def write(tool: Tool, program: Program) -> None:
    """Print it. Raises ValueError for more modules with a body to execute than there is room for."""
    for home in program.homes:
        _module(tool, program, home)
    executed = [home for home in program.homes if not home.static]
    if len(executed) > BODIES_MAX:
        names = ", ".join(home.name for home in executed)
        raise ValueError(
            f"{len(executed)} modules with a body to execute; FROZEN_BODIES_MAX is {BODIES_MAX}: {names}"
        )
    rows = []
    for home in executed:
        parts = program.parts(home) if program.others else {}
        table = f"parts_{home.module.escaped_name}" if parts else "NULL"
        if parts:
            print(f"static const mp_rom_map_elem_t {table}[] = {{")
            for name, part in parts.items():
                print(f"    {{MP_ROM_QSTR({_qstr(tool, name)}), MP_ROM_PTR(&{part.symbol})}},")
            print("};")
        entries = 0 if home.main else len(home.names | parts.keys()) + 1 + home.package
        path = _qstr(tool, home.path) if home.package else "MP_QSTRnull"
        body = f"body_{home.module.escaped_name}"
        rows.append(f"    {{&{body}, {table}, {len(parts)}, {entries}, {_qstr(tool, home.name)}, {path}}},")
    print("\n".join(["const frozen_body_t frozen_bodies[] = {", *rows, "};"]))
    print(f"const size_t frozen_bodies_count = {len(executed)};")
    modules = {home.name: home for home in program.homes if not home.main}
    size = _table(tool, program.homes[0].module, "frozen_modules", "frozen_modules_table", modules)
    print(f"const mp_map_t frozen_modules = FROZEN_MAP({len(modules)}, {size}, frozen_modules_table);")
    print(f"const bool frozen_imports = {'true' if program.others else 'false'};")


def _module(tool: Tool, program: Program, home: Home) -> None:
    module, name = home.module, home.module.escaped_name
    print("/" * 80)
    print(f"// frozen module {name}")
    print(f"// - frozen file name: {module.source_file.str}")
    if not home.static:
        module.raw_code.freeze()
    for function in home.functions.values():
        function.code.freeze()
    module.freeze_constants()
    for function in home.functions.values():
        _function(tool, function)
    for thing in home.classes.values():
        _class(tool, thing)
    if home.static:
        dictionary = f"globals_{name}_dict"
        _dictionary(tool, module, f"globals_{name}", (f"globals.{name}", f"globals_dict.{name}"), home.known)
    else:
        number = [h for h in program.homes if not h.static].index(home)
        dictionary = "MP_STATE_VM(dict_main)" if home.main else f"MP_STATE_VM(frozen_globals)[{number}]"
    objects = f"(mp_obj_t *)&const_obj_table_data_{name}" if module.obj_table else "NULL"
    print(f"static const mp_module_context_t context_{name} = {{")
    print(f"    .module = {{{{&mp_type_module}}, (mp_obj_dict_t *)&{dictionary}}},")
    print(f"    .constants = {{(qstr_short_t *)&const_qstr_table_data_{name}, {objects}}},")
    print("};")
    if not home.static:
        made = _made("fun_bc", module.raw_code, home)
        print(f"static const frozen_function_t body_{name} = {made};")


def _made(kind: str, code: Code, home: Home) -> str:
    children = f"children_{code.escaped_name}" if code.children else "NULL"
    return f"FROZEN_FUNCTION({kind}, {home.symbol}, {children}, fun_data_{code.escaped_name})"


def _type(function: Function) -> str:
    return f"frozen_function_{_extra(function)}_t" if _extra(function) else "frozen_function_t"


def _extra(function: Function) -> int:
    """Objects behind mp_obj_fun_bc_t: default values, and a dictionary of others."""
    return len(function.defaults) + bool(function.keywords)


def _function(tool: Tool, function: Function) -> None:
    code, module = function.code, function.home.module
    kind = "gen_wrap" if code.scope_flags & tool.MP_SCOPE_FLAG_GENERATOR else "fun_bc"
    made = _made(kind, code, function.home)
    extra = [_reference(module, f"{function.symbol}_{n}", v) for n, v in enumerate(function.defaults)]
    if function.keywords:
        label = f"{module.escaped_name}.{function.path}"
        labels = f"keywords.{label}", f"keywords_dict.{label}"
        extra.append(_dictionary(tool, module, function.symbol, labels, function.keywords))
    if extra:
        made = f"{{{made}, {{{', '.join(extra)}}}}}"
    print(f"static const {_type(function)} {function.symbol} = {made};")


def _class(tool: Tool, thing: Class) -> None:
    module, symbol = thing.home.module, thing.symbol
    label = f"{module.escaped_name}.{thing.path}"
    _dictionary(tool, module, symbol, (f"members.{label}", f"class_dict.{label}"), thing.members)
    made = f"FROZEN_CLASS({_qstr(tool, thing.name)}, {symbol}_dict)"
    if thing.parent:
        made = f"FROZEN_SUBCLASS({_qstr(tool, thing.name)}, {symbol}_dict, {thing.parent.symbol})"
    print(f"static const frozen_class_t {symbol} = {made};")


def _dictionary(
    tool: Tool, module: Module, symbol: str, labels: tuple[str, str], entries: Mapping[str, Any]
) -> str:
    """A dictionary `symbol`_dict; `labels`: of its table and its own."""
    size = _table(tool, module, symbol, labels[0], entries)
    print(f'static const mp_obj_dict_t {symbol}_dict FROZEN_NAME("{labels[1]}");')
    print(f"static const mp_obj_dict_t {symbol}_dict = FROZEN_DICT({len(entries)}, {size}, {symbol}_table);")
    return f"MP_ROM_PTR(&{symbol}_dict)"


def _table(tool: Tool, module: Module, symbol: str, label: str, entries: Mapping[str, Any]) -> int:
    """A hash table as py/map.c looks into it; returns its size. One place at least stays empty."""
    hashes = {name: _hash(tool, name) for name in entries}
    sizes = range(len(entries) + 1, len(entries) + len(entries) // 4 + 3)
    size, places = min(
        ((size, _places(hashes, size)) for size in sizes),
        key=lambda found: sum(_way(h, place, found[0]) for h, place in found[1]) + 2 * found[0],
    )
    names = {place: name for (_, place), name in zip(places, hashes, strict=True)}
    rows = []
    for place in range(size):
        if place in names:
            name = names[place]
            value = _reference(module, f"{symbol}_{place}", entries[name])
            rows.append(f"    {{MP_ROM_QSTR({_qstr(tool, name)}), {value}}},")
        else:
            rows.append("    {MP_ROM_PTR(NULL), MP_ROM_PTR(NULL)},")
    print(f'static const mp_rom_map_elem_t {symbol}_table[{size}] FROZEN_NAME("{label}");')
    print(f"static const mp_rom_map_elem_t {symbol}_table[{size}] = {{")
    print("\n".join(rows))
    print("};")
    return size


def _places(hashes: Mapping[str, int], size: int) -> list[tuple[int, int]]:
    """(hash, place) of each name."""
    taken: set[int] = set()
    found = []
    for number in hashes.values():
        place = next(p for p in _from(number % size, size) if p not in taken)
        taken.add(place)
        found.append((number, place))
    return found


def _from(start: int, size: int) -> Iterator[int]:
    return ((start + step) % size for step in range(size))


def _way(number: int, place: int, size: int) -> int:
    return (place - number) % size


def _hash(tool: Tool, name: str) -> int:
    return int(tool.qstrutil.compute_hash(name.encode(), tool.config.MICROPY_QSTR_BYTES_IN_HASH))


def _qstr(tool: Tool, text: str) -> str:
    return str(tool.QStrType(text).qstr_id)


def _reference(module: Module, name: str, value: Any) -> str:
    return str(module.freeze_constant_obj(f"const_obj_{module.escaped_name}_{name}", value))
