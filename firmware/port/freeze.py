"""MicroPython's makemanifest.py, and then: the function objects of frozen modules in ROM, and their lines.

    python freeze.py .../makemanifest.py -o frozen_content.c [its other arguments]

To C that mpy-tool wrote, an array of function objects is added for each module, of the functions that its
bytecode makes without default values (MAKE_FUNCTION), class bodies aside. See port/frozen.c, which uses them.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from lines import frozen_sources, with_lines

MARK = "// function objects, by port/freeze.py\n"
MODULES_MAX = 40  # as in port/frozen.h
_GENERATOR = 0x01  # MP_SCOPE_FLAG_GENERATOR

_FUNCTION = re.compile(r"^static const byte fun_data_(\w+)\[\d+\] = \{\n(.*?)^\};", re.MULTILINE | re.DOTALL)
_BYTES = re.compile(r"^    ((?:0x[0-9a-f]{2},)+)(?: // (.*))?$", re.MULTILINE)
_MAKES = re.compile(r"^MAKE_FUNCTION (\d+)$")
_CHILDREN = re.compile(
    r"^static const mp_raw_code_t \*const children_(\w+)\[\] = \{\n(.*?)^\};", re.MULTILINE | re.DOTALL
)
_MODULE = re.compile(r"^static const mp_frozen_module_t frozen_module_(\w+) = \{", re.MULTILINE)


def scope_flags(signature: bytes) -> int:
    """MP_SCOPE_FLAG_... of a function from the head of its bytecode (py/bc.h, MP_BC_PRELUDE_SIG_DECODE)."""
    flags = shift = 0
    for at, byte in enumerate(signature):
        if at:
            flags |= (byte >> 6 & 1) << shift
            shift += 1
        if not byte & 0x80:
            break
    return flags


def function_objects(source: str) -> str:
    """C for the function objects of all frozen modules. Raises ValueError for what is not mpy-tool's."""
    children = _children(source)
    code = {name: _BYTES.findall(body) for name, body in _FUNCTION.findall(source)}
    lines = [MARK, '#include "frozen.h"\n']
    table = []
    modules = _MODULE.findall(source)
    if len(modules) > MODULES_MAX:
        raise ValueError(
            f"{len(modules)} frozen modules; FROZEN_MODULES_MAX in port/frozen.h is {MODULES_MAX}"
        )
    for number, module in enumerate(modules):
        made = _made_by(f"{module}__lt_module_gt_", code, children)
        for name in made:
            flags = scope_flags(bytes(int(byte, 16) for byte in code[name][0][0].strip(",").split(",")))
            kind = "gen_wrap" if flags & _GENERATOR else "fun_bc"
            table.append(
                f"    FROZEN_FUNCTION({kind}, {number}, {f'children_{name}' if name in children else 'NULL'},"
                f" fun_data_{name}),\n"
            )
        if made:
            lines.append(f"static const frozen_function_t fun_objs_{module}[] = {{\n{''.join(table)}}};\n")
        table.clear()
        objects = f"fun_objs_{module}, {len(made)}" if made else "NULL, 0"
        modules[number] = f"    {{&proto_fun_{module}__lt_module_gt_, {objects}}},\n"
    lines.append(f"const frozen_functions_t frozen_functions[] = {{\n{''.join(modules)}}};\n")
    lines.append(f"const size_t frozen_functions_count = {len(modules)};\n")
    return "".join(lines)


def _children(source: str) -> dict[str, list[str]]:
    return {name: re.findall(r"&proto_fun_(\w+)", body) for name, body in _CHILDREN.findall(source)}


def _made_by(name: str, code: dict[str, list[tuple[str, str]]], children: dict[str, list[str]]) -> list[str]:
    """Functions that `name` and everything in it makes while it runs, except class bodies."""
    if name not in code:
        raise ValueError(f"no bytecode of {name}")
    operations = [comment for _, comment in code[name]]
    made = {int(match[1]) for operation in operations if (match := _MAKES.match(operation))}
    found = []
    for number, child in enumerate(children.get(name, ())):
        if number in made and "STORE_NAME '__module__'" not in [comment for _, comment in code[child]]:
            found.append(child)
        found += _made_by(child, code, children)
    return found


def main(arguments: list[str]) -> int:
    done = subprocess.run([sys.executable, *arguments], check=False)
    if done.returncode:
        return done.returncode
    output = Path(arguments[arguments.index("-o") + 1])
    source = output.read_text()
    if MARK in source:
        return 0
    try:
        objects = function_objects(source)
    except (ValueError, KeyError) as error:
        output.unlink()
        print(f"{output}: error: not as mpy-tool of MicroPython 1.25 writes it: {error}", file=sys.stderr)
        return 1
    lines = with_lines(source, str(output), _children(source), frozen_sources(arguments))
    output.write_text(lines + objects)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
