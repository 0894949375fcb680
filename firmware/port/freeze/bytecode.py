"""Functions as mpy-tool has read them, taken apart into operations and put together again."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from constants import texts

Tool = Any  # the module mpy-tool.py
Code = Any  # its RawCodeBytecode
Module = Any  # its CompiledModule
Operation = Any
"""Its Opcode; `arg` of a jump is an offset in the bytecode, `target` the operation there. In symbolic()'s,
`text` is what an interned string says, and `value` an object among the module's constants."""


def functions(module: Module) -> Iterator[Code]:
    """The module's body and all functions in it, each before those that it holds."""
    left = [module.raw_code]
    while left:
        code = left.pop()
        left += reversed(code.children)
        yield code


def operations(tool: Tool, code: Code) -> list[Operation]:
    """What a function does, in order."""
    found, at, body = {}, 0, code.fun_data[code.offset_opcodes :]
    while at < len(body):
        kind, size, arg, extra = tool.mp_opcode_decode(body, at)
        operation = tool.Opcode(at, kind, body[at], arg, extra)
        found[at] = operation
        at += size
        if kind == tool.MP_BC_FORMAT_OFFSET:
            operation.arg += at - (extra is not None)
    for operation in found.values():
        if operation.fmt == tool.MP_BC_FORMAT_OFFSET:
            operation.target = found[operation.arg]
    return list(found.values())


def symbolic(tool: Tool, module: Module) -> dict[Code, list[Operation]]:
    """The operations of all functions of a module, without the numbers of its tables.

    Text among its objects becomes an interned string, which takes less.
    """
    bodies = {code: operations(tool, code) for code in functions(module)}
    for operation in (operation for body in bodies.values() for operation in body):
        if operation.opcode_byte == tool.Opcode.MP_BC_LOAD_CONST_OBJ:
            load(tool, operation, module.obj_table[operation.arg])
        elif operation.fmt == tool.MP_BC_FORMAT_QSTR:
            operation.text = module.qstr_table[operation.arg].str
    return bodies


def load(tool: Tool, operation: Operation, value: object) -> None:
    """Make of an operation one that loads a constant."""
    codes = tool.Opcode
    simple = {
        None: codes.MP_BC_LOAD_CONST_NONE,
        True: codes.MP_BC_LOAD_CONST_TRUE,
        False: codes.MP_BC_LOAD_CONST_FALSE,
    }
    operation.arg = operation.extra_arg = None
    if value is None or isinstance(value, bool):
        operation.opcode_byte, operation.fmt = simple[value], tool.MP_BC_FORMAT_BYTE
    elif list(texts(value)) == [value]:
        operation.opcode_byte, operation.fmt = codes.MP_BC_LOAD_CONST_STRING, tool.MP_BC_FORMAT_QSTR
        operation.text = value
    elif isinstance(value, int) and -(1 << 30) <= value < 1 << 30:
        operation.opcode_byte, operation.fmt = codes.MP_BC_LOAD_CONST_SMALL_INT, tool.MP_BC_FORMAT_VAR_UINT
        operation.arg = value
        first = -codes.MP_BC_LOAD_CONST_SMALL_INT_MULTI_EXCESS
        if first <= value < first + codes.MP_BC_LOAD_CONST_SMALL_INT_MULTI_NUM:
            operation.opcode_byte = codes.MP_BC_LOAD_CONST_SMALL_INT_MULTI + value - first
            operation.arg, operation.fmt = None, tool.MP_BC_FORMAT_BYTE
    else:
        operation.opcode_byte, operation.fmt = codes.MP_BC_LOAD_CONST_OBJ, tool.MP_BC_FORMAT_VAR_UINT
        operation.value = value


def lines(code: Code) -> list[tuple[int, int]]:
    """(offset in the bytecode, line of the source from there on), by offset (py/bc.h, source line table)."""
    table = code.fun_data[code.offset_line_info : code.offset_closure_info]
    found = [(0, 1)]
    at = 0
    while at < len(table):
        first = table[at]
        if first & 0x80:
            count, step = first & 0xF, first << 4 & 0x700 | table[at + 1]
            at += 2
        else:
            count, step = first & 0x1F, first >> 5
            at += 1
        found.append((found[-1][0] + count, found[-1][1] + step))
    # the steps before an offset all count
    return list(dict(found).items())


def line_table(steps: list[tuple[int, int]]) -> bytes:
    """What lines() reads, of the same."""
    table = bytearray()
    at, line = 0, 1
    for offset, number in steps:
        count, step = offset - at, number - line
        at, line = offset, number
        while count or step:
            if count > 15 or step < 4:
                size = min(count, 31)
                up = min(step, 3) if size == count else 0
                table.append(size | up << 5)
            else:
                size, up = min(count, 15), min(step, 0x7FF)
                table += bytes((0x80 | size | up >> 4 & 0x70, up & 0xFF))
            count, step = count - size, step - up
    return bytes(table)


def assemble(
    tool: Tool, code: Code, body: list[Operation], table: list[int], keep_lines: bool
) -> list[tuple[int, int]]:
    """Give a function these operations and, by index, the names of itself and its arguments.

    Returns its lines, as lines() would, and keeps them in it if so asked.
    """
    steps = lines(code)
    starts = [offset for offset, _ in steps]
    line_of = [steps[bisect_right(starts, operation.offset) - 1][1] for operation in body]
    changed = True
    while changed:
        changed = overflow = False
        opcodes = b""
        for operation in body:
            changed |= operation.offset != len(opcodes)
            operation.offset = len(opcodes)
            too_far, encoded = tool.mp_opcode_encode(operation)
            overflow |= too_far
            opcodes += encoded
    if overflow:
        raise ValueError(f"{code.escaped_name}: a jump is too far")
    steps = [(0, 1)]
    for operation, line in zip(body, line_of, strict=True):
        if line != steps[-1][1]:
            steps.append((operation.offset, line))
    steps = list(dict(steps).items())
    head = b"".join(bytes(tool.mp_encode_uint(index)) for index in table)
    head += line_table(steps) if keep_lines else b""
    cells = code.fun_data[code.offset_closure_info : code.offset_opcodes]
    size = tool.encode_prelude_size(len(head), len(cells))
    code.fun_data = code.fun_data[: code.offset_prelude_size] + bytes(size) + head + cells + opcodes
    (
        code.offset_prelude_size,
        code.offset_source_info,
        code.offset_line_info,
        code.offset_closure_info,
        code.offset_opcodes,
        code.prelude_signature,
        code.prelude_size,
        code.names,
    ) = tool.extract_prelude(code.fun_data, 0)
    return steps
