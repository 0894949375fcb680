"""The function objects of frozen modules in ROM: an array for each module, see port/frozen.c."""

from __future__ import annotations

from bytecode import Code, Module, Tool, operations

MODULES_MAX = 40  # as in port/frozen.h with every feature; the C compiler refuses too many for fewer


def source(tool: Tool, modules: list[Module]) -> str:
    """C of the function objects that modules make without default values, class bodies aside.

    Raises ValueError for too many modules.
    """
    if len(modules) > MODULES_MAX:
        raise ValueError(
            f"{len(modules)} frozen modules; FROZEN_MODULES_MAX in port/frozen.h is {MODULES_MAX}"
        )
    text = ["// function objects, by port/freeze\n", '#include "frozen.h"\n']
    entries = []
    for number, module in enumerate(modules):
        made = _made_by(tool, module.raw_code)
        objects = "NULL, 0"
        if made:
            text.append(f"static const frozen_function_t fun_objs_{module.escaped_name}[] = {{\n")
            text += (_object(code, number, tool) for code in made)
            text.append("};\n")
            objects = f"fun_objs_{module.escaped_name}, {len(made)}"
        entries.append(f"    {{&proto_fun_{module.raw_code.escaped_name}, {objects}}},\n")
    text.append(f"const frozen_functions_t frozen_functions[] = {{\n{''.join(entries)}}};\n")
    text.append(f"const size_t frozen_functions_count = {len(modules)};\n")
    return "".join(text)


def _object(code: Code, module: int, tool: Tool) -> str:
    kind = "gen_wrap" if code.scope_flags & tool.MP_SCOPE_FLAG_GENERATOR else "fun_bc"
    children = f"children_{code.escaped_name}" if code.children else "NULL"
    return f"    FROZEN_FUNCTION({kind}, {module}, {children}, fun_data_{code.escaped_name}),\n"


def _made_by(tool: Tool, code: Code) -> list[Code]:
    """Functions that `code` and everything in it makes while it runs, except class bodies."""
    make = tool.Opcode.MP_BC_MAKE_FUNCTION
    made = {operation.arg for operation in operations(tool, code) if operation.opcode_byte == make}
    found = []
    for number, child in enumerate(code.children):
        if number in made and not _is_class_body(tool, child):
            found.append(child)
        found += _made_by(tool, child)
    return found


def _is_class_body(tool: Tool, code: Code) -> bool:
    store = tool.Opcode.MP_BC_STORE_NAME
    return any(
        operation.opcode_byte == store and code.qstr_table[operation.arg].str == "__module__"
        for operation in operations(tool, code)
    )
