"""Freezes Python modules into C: MicroPython's makemanifest.py, with what mpy-tool has read made smaller.

    python port/freeze [--names] .../makemanifest.py -o frozen_content.c [its other arguments]

With --names the image keeps its identifiers and line numbers. Without it they go to frozen.json, beside the
C file, and from there into the section .frozen of the ELF, which occupies no memory (bench/memory/image.py).
What is frozen behaves the same either way.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import constants
import lines
import names
import objects
from bytecode import Module, functions, symbolic
from program import Program


def main(arguments: list[str]) -> int:
    """Exit status of makemanifest.py; 1 for what cannot be frozen."""
    keep_names = arguments[:1] == ["--names"]
    script, *rest = arguments[keep_names:]
    sys.path.insert(0, str(Path(script).parent))
    maker = _load("makemanifest", script)
    output = Path(rest[rest.index("-o") + 1])
    children: dict[str, list[str]] = {}
    maker.system = lambda command: _freeze(command, output, keep_names, children)
    sys.argv = [script, *rest]
    maker.main()
    if children:
        sources = lines.frozen_sources([script, *rest])
        output.write_text(lines.with_lines(output.read_text(), str(output), children, sources))
    return 0


def _freeze(
    command: list[str], output: Path, keep_names: bool, children: dict[str, list[str]]
) -> tuple[int, bytes]:
    """In the place of mpy-tool run as `command`: its exit status, and its output (C, or why it failed).

    Notes in `children` the scopes in each scope, as mpy-tool names them.
    """
    tool = _load("mpytool", command[1])
    freeze_mpy = tool.freeze_mpy

    def freeze(idents: set[str], modules: list[Module]) -> None:
        for code in (code for module in modules for code in functions(module)):
            children[code.escaped_name] = [child.escaped_name for child in code.children]
        bodies = {code: body for module in modules for code, body in symbolic(tool, module).items()}
        decode: dict[str, Any] = {}
        looked_up = None
        if not keep_names:
            decode = {"names": names.shorten(tool, modules, idents, bodies), "functions": {}}
            looked_up = {text for text in names.used(tool, bodies) if tool.QStrType(text).qstr_esc in idents}
        keywords = None if keep_names else names.keywords(tool, bodies)
        program = Program(tool, modules, bodies)
        program.resolve(looked_up)
        emitted = {home.module: list(program.emitted(home)) for home in program.homes}
        emitted |= {module: list(functions(module)) for module in program.others}
        for module, codes in emitted.items():
            found = names.write(tool, module, codes, bodies, keywords)
            if not keep_names:
                decode["functions"] |= found
        output.with_name("frozen.json").write_text(json.dumps(decode, indent=0))
        constants.share(tool, modules, program.texts(), program.symbols)
        print(objects.declarations(program))
        freeze_mpy(idents, program.others)
        objects.write(tool, program)

    tool.freeze_mpy = freeze
    text = io.StringIO()
    try:
        with contextlib.redirect_stdout(text):
            tool.main(command[2:])
    except ValueError as error:
        return 1, f"{error}\n".encode()
    return 0, text.getvalue().encode()


def _load(name: str, path: str) -> ModuleType:
    spec = spec_from_file_location(name, path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
