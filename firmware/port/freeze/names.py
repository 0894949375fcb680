"""Identifiers and line numbers taken out of the image.

An identifier is only ever compared with others, so that any interned string will do for it: it gets one
that has to be in the image anyway, as the text of a constant, and that is no identifier itself. The change is
one to one and the same in all modules. Names that text or C may refer to stay: those in C, those that are a
constant's text too (names of classes, of keyword arguments), of modules, and with two underscores.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from bytecode import Code, Module, Operation, Tool, assemble, functions
from constants import key_of, texts

# with these a program gets at names by their text
_BY_TEXT = {"getattr", "setattr", "hasattr", "delattr", "globals", "locals", "dir", "vars", "__dict__"}
_CHECKED = "asyncio/"  # does so with constants of its own


def shorten(
    tool: Tool, modules: list[Module], idents: set[str], bodies: dict[Code, list[Operation]]
) -> dict[str, str]:
    """Give identifiers in `bodies` other names; `idents`: what C has interned, escaped as MP_QSTR_ has it.

    Returns {identifier: what stands for it}. Raises ValueError for a program that looks for names by their
    text.
    """
    renamed = _renamed(tool, modules, idents, bodies)
    for module in modules:
        for operation in (operation for code in functions(module) for operation in bodies[code]):
            constant = operation.opcode_byte == tool.Opcode.MP_BC_LOAD_CONST_STRING
            if operation.fmt == tool.MP_BC_FORMAT_QSTR and not constant:
                operation.text = renamed.get(operation.text, operation.text)
    return renamed


def keywords(tool: Tool, bodies: dict[Code, list[Operation]]) -> set[str]:
    """Text that is a constant, and so may be the keyword of an argument."""
    return {text for body in bodies.values() for operation in body for text in _texts(tool, operation)}


def used(tool: Tool, bodies: dict[Code, list[Operation]]) -> set[str]:
    """All text that functions refer to."""
    operations = (operation for body in bodies.values() for operation in body)
    return {operation.text for operation in operations if operation.fmt == tool.MP_BC_FORMAT_QSTR}


def _texts(tool: Tool, operation: Operation) -> list[str]:
    if operation.opcode_byte == tool.Opcode.MP_BC_LOAD_CONST_STRING:
        return [operation.text]
    if operation.opcode_byte == tool.Opcode.MP_BC_LOAD_CONST_OBJ:
        return list(texts(operation.value))
    return []


def _constants(tool: Tool, modules: list[Module], bodies: dict[Code, list[Any]]) -> dict[str, set[str]]:
    """Text that is a constant -> the modules that have it."""
    found: dict[str, set[str]] = {}
    for module in modules:
        for operation in (operation for code in functions(module) for operation in bodies[code]):
            for text in _texts(tool, operation):
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
                name = operation.text
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


def write(
    tool: Tool,
    module: Module,
    emitted: list[Code],
    bodies: dict[Code, list[Operation]],
    named: set[str] | None,
) -> dict[str, Any]:
    """Give a module's functions `bodies`, and the module tables of what they refer to.

    `named`: the only names that arguments keep; None where names and lines stay in the image. Returns what
    decodes the functions: {symbol of its bytecode: [file, name, offset in the symbol that its lines count
    from, [[offset, line], ...]]}.
    """
    source, decode = module.source_file.str, {}
    table: Counter[str] = Counter()
    objects: Counter[Any] = Counter()
    values: dict[Any, Any] = {}
    for code in emitted:
        for operation in bodies[code]:
            if operation.opcode_byte == tool.Opcode.MP_BC_LOAD_CONST_OBJ:
                key = key_of(operation.value)
                objects[key] += 1
                values.setdefault(key, operation.value)
            elif operation.fmt == tool.MP_BC_FORMAT_QSTR:
                table[operation.text] += 1
        # only a call with keywords looks at an argument's name
        code.arguments = [module.qstr_table[index].str for index in code.names[1:]]
        table.update(name for name in code.arguments if named is None or name in named)
        if named is None:
            table[code.simple_name.str] += 1
    # the first is the name of the file; the next 127 take a byte less
    ordered = [
        source,
        *(text for text, _ in sorted(table.items(), key=lambda e: (-e[1], e[0])) if text != source),
    ]
    index = {text: number for number, text in enumerate(ordered)}
    kept = {key: number for number, (key, _) in enumerate(objects.most_common())}
    for code in emitted:
        for operation in bodies[code]:
            if operation.opcode_byte == tool.Opcode.MP_BC_LOAD_CONST_OBJ:
                operation.arg = kept[key_of(operation.value)]
            elif operation.fmt == tool.MP_BC_FORMAT_QSTR:
                operation.arg = index[operation.text]
        own = index[code.simple_name.str] if named is None else 0
        names = [index[n] if named is None or n in named else 0 for n in code.arguments]
        steps = assemble(tool, code, bodies[code], [own, *names], keep_lines=named is None)
        start = code.offset_closure_info
        decode[code.escaped_name] = [source, code.simple_name.str, start, [list(step) for step in steps]]
    module.qstr_table[:] = [tool.QStrType(text) for text in ordered]
    module.source_file = module.qstr_table[0]
    module.obj_table[:] = [values[key] for key in kept]
    return decode
