"""Functions as mpy-tool has read them, taken apart into operations and put together again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Tool = Any  # the module mpy-tool.py
Code = Any  # its RawCodeBytecode
Module = Any  # its CompiledModule
Operation = Any  # its Opcode; `arg` of a jump is an offset in the bytecode, `target` the operation there


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


def assemble(tool: Tool, code: Code, body: list[Operation], table: list[int]) -> None:
    """Give a function these operations and, by index, the names of itself and its arguments; no lines."""
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
    head = b"".join(bytes(tool.mp_encode_uint(index)) for index in table)
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
