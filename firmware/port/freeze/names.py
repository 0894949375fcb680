"""Identifiers and line numbers taken out of the image.

An identifier is only ever compared with others, so that any interned string will do for it: it gets one
that has to be in the image anyway, as the text of a constant, and that is no identifier itself. The change is
one to one and the same in all modules. Names that text or C may refer to stay: those in C, those that are a
constant's text too (names of classes, of keyword arguments), of modules, and with two underscores.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from bytecode import Code, Module, Tool, assemble, functions, lines, operations
from constants import texts

# with these a program gets at names by their text
_BY_TEXT = {"getattr", "setattr", "hasattr", "delattr", "globals", "locals", "dir", "vars", "__dict__"}
_CHECKED = "asyncio/"  # does so with constants of its own


def shorten(tool: Tool, modules: list[Module], idents: set[str]) -> dict[str, Any]:
    """Take names and lines out of `modules`; `idents`: what C has interned, escaped as MP_QSTR_ has it.

    Returns what decodes them: names, {identifier: what stands for it}, and functions, {symbol of its
    bytecode: [file, name, offset in the symbol that its lines count from, [[offset, line], ...]]}. Raises
    ValueError for a program that looks for names by their text.
    """
    bodies = {code: operations(tool, code) for module in modules for code in functions(module)}
    renamed = _renamed(tool, modules, idents, bodies)
    decode: dict[str, Any] = {"names": renamed, "functions": {}}
    keywords = set(_constants(tool, modules, bodies))
    for module in modules:
        decode["functions"] |= _rewrite(tool, module, bodies, renamed, keywords)
    return decode


def _constants(tool: Tool, modules: list[Module], bodies: dict[Code, list[Any]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for module in modules:
        for value in module.obj_table:
            found.update(texts(value))
        for code in functions(module):
            for operation in bodies[code]:
                if operation.opcode_byte == tool.Opcode.MP_BC_LOAD_CONST_STRING:
                    found[module.qstr_table[operation.arg].str] += 1
    return found


def _renamed(
    tool: Tool, modules: list[Module], idents: set[str], bodies: dict[Code, list[Any]]
) -> dict[str, str]:
    used: set[str] = set()
    fixed: set[str] = set()
    for module in modules:
        path = module.source_file.str
        fixed.update(path.removesuffix(".py").split("/"))
        for code in functions(module):
            for operation in bodies[code]:
                if operation.fmt != tool.MP_BC_FORMAT_QSTR:
                    continue
                name = module.qstr_table[operation.arg].str
                if operation.opcode_byte == tool.Opcode.MP_BC_IMPORT_NAME:
                    fixed.update((name, *name.split(".")))
                elif operation.opcode_byte != tool.Opcode.MP_BC_LOAD_CONST_STRING:
                    used.add(name)
                    if name in _BY_TEXT and not path.startswith(_CHECKED):
                        raise ValueError(f"{path}: {name} refers to names by their text: freeze with names")
    constants = _constants(tool, modules, bodies)
    free = [
        name
        for name in used - fixed
        if name not in constants and not name.startswith("__") and tool.QStrType(name).qstr_esc not in idents
    ]
    spare = [text for text in constants if text not in used and text not in fixed]
    return dict(zip(sorted(free, key=lambda name: (-len(name), name)), sorted(spare), strict=False))


def _rewrite(
    tool: Tool,
    module: Module,
    bodies: dict[Code, list[Any]],
    renamed: dict[str, str],
    keywords: set[str],
) -> dict[str, Any]:
    """Give a module its new names, and tables of what it still refers to; what decodes its functions."""
    source, decode = module.source_file.str, {}
    table: Counter[str] = Counter()
    objects: Counter[int] = Counter()
    for code in functions(module):
        for operation in bodies[code]:
            if operation.opcode_byte == tool.Opcode.MP_BC_LOAD_CONST_OBJ:
                value = module.obj_table[operation.arg]
                if list(texts(value)) == [value]:
                    operation.opcode_byte = tool.Opcode.MP_BC_LOAD_CONST_STRING
                    operation.fmt = tool.MP_BC_FORMAT_QSTR
                    operation.text = value
                else:
                    objects[operation.arg] += 1
            elif operation.fmt == tool.MP_BC_FORMAT_QSTR:
                operation.text = module.qstr_table[operation.arg].str
                if operation.opcode_byte != tool.Opcode.MP_BC_LOAD_CONST_STRING:
                    operation.text = renamed.get(operation.text, operation.text)
            if operation.fmt == tool.MP_BC_FORMAT_QSTR:
                table[operation.text] += 1
        # only a call with keywords looks at an argument's name
        code.arguments = [module.qstr_table[index].str for index in code.names[1:]]
        table.update(name for name in code.arguments if name in keywords)
    # the first is the name of the file; the next 127 take a byte less
    ordered = [
        source,
        *(text for text, _ in sorted(table.items(), key=lambda e: (-e[1], e[0])) if text != source),
    ]
    index = {text: number for number, text in enumerate(ordered)}
    kept = [number for number, _ in sorted(objects.items(), key=lambda e: (-e[1], e[0]))]
    for code in functions(module):
        steps, starts = lines(code), {operation: operation.offset for operation in bodies[code]}
        for operation in bodies[code]:
            if operation.opcode_byte == tool.Opcode.MP_BC_LOAD_CONST_OBJ:
                operation.arg = kept.index(operation.arg)
            elif operation.fmt == tool.MP_BC_FORMAT_QSTR:
                operation.arg = index[operation.text]
        assemble(tool, code, bodies[code], [0, *(index[n] if n in keywords else 0 for n in code.arguments)])
        moved = {before: operation.offset for operation, before in starts.items()}
        decode[code.escaped_name] = [
            source,
            code.simple_name.str,
            code.offset_closure_info,
            [[moved[offset], line] for offset, line in steps if offset in moved],
        ]
    module.qstr_table[:] = [tool.QStrType(text) for text in ordered]
    module.source_file = module.qstr_table[0]
    module.obj_table[:] = [module.obj_table[number] for number in kept]
    return decode
