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


def _constants(tool: Tool, modules: list[Module], bodies: dict[Code, list[Any]]) -> dict[str, set[str]]:
    """Text that is a constant -> the modules that have it."""
    found: dict[str, set[str]] = {}
    for module in modules:
        has = [text for value in module.obj_table for text in texts(value)]
        for code in functions(module):
            for operation in bodies[code]:
                if operation.opcode_byte == tool.Opcode.MP_BC_LOAD_CONST_STRING:
                    has.append(module.qstr_table[operation.arg].str)
        for text in has:
            found.setdefault(text, set()).add(module.escaped_name)
    return found


def _renamed(
    tool: Tool, modules: list[Module], idents: set[str], bodies: dict[Code, list[Any]]
) -> dict[str, str]:
    used: dict[str, set[str]] = {}
    parts = _parts(modules)
    fixed = set(parts)
    for module in modules:
        path = module.source_file.str
        for code in functions(module):
            for operation in bodies[code]:
                if operation.fmt != tool.MP_BC_FORMAT_QSTR:
                    continue
                name = module.qstr_table[operation.arg].str
                if operation.opcode_byte == tool.Opcode.MP_BC_IMPORT_NAME:
                    fixed.update((name, *name.split(".")))
                elif operation.opcode_byte != tool.Opcode.MP_BC_LOAD_CONST_STRING:
                    used.setdefault(name, set()).add(module.escaped_name)
                    if name in _BY_TEXT and not path.startswith(_CHECKED):
                        raise ValueError(f"{path}: {name} refers to names by their text: freeze with names")
    constants = _constants(tool, modules, bodies)
    fixed.update(constants)
    fixed.update(name for name in used if name.startswith("__") or tool.QStrType(name).qstr_esc in idents)
    free = {name: users for name, users in used.items() if name not in fixed}
    spare = {text: users for text, users in constants.items() if text not in used and text not in parts}
    renamed: dict[str, str] = {}
    # what one module uses alone takes text of that module, so that a memory report can tell whose it is
    for home in [*({module.escaped_name} for module in modules), None]:
        names = sorted(
            name for name, users in free.items() if name not in renamed and users == (home or users)
        )
        taken = set(renamed.values())
        unused = sorted(
            text for text, users in spare.items() if text not in taken and users == (home or users)
        )
        renamed |= dict(zip(names, unused, strict=False))
    return renamed


def _parts(modules: list[Module]) -> set[str]:
    """What names of modules are made of."""
    return {part for module in modules for part in module.source_file.str.removesuffix(".py").split("/")}


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
