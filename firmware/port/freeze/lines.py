"""The Python sources' lines in the debug information of what mpy-tool made of them.

Bytecode in ROM need not know its lines. But a debugger and a memory report want to know them, and the C
compiler notes for each array where it is declared: #line makes that the function's `def`.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_MODULE = re.compile(r"^// frozen module (\S+)$")
_FILE = re.compile(r"^// - frozen file name: (\S+)$")
_BYTECODE = re.compile(r"^static const byte fun_data_(\w+)\[\d+\] = \{$")
_BODY = "__lt_module_gt_"
_SCOPES = {
    ast.Lambda: "_lt_lambda_gt_",
    ast.ListComp: "_lt_listcomp_gt_",
    ast.SetComp: "_lt_setcomp_gt_",
    ast.DictComp: "_lt_dictcomp_gt_",
    ast.GeneratorExp: "_lt_genexpr_gt_",
}

Scope = tuple[str, int, ast.AST]
"""Name as in mpy-tool's identifiers, line, node."""


def frozen_sources(arguments: Sequence[str]) -> dict[str, Path]:
    """Name of a frozen file -> its source, by the arguments of makemanifest.py, the first being its path."""
    sys.path.insert(0, str(Path(arguments[0]).parent))
    import manifestfile

    parser = argparse.ArgumentParser()
    parser.add_argument("-v", action="append", default=[])
    for name in ("-o", "-b", "-f", "--mpy-tool-flags"):
        parser.add_argument(name)
    parser.add_argument("manifests", nargs="+")
    given = parser.parse_args(arguments[1:])
    pairs = (variable.split("=", 1) for variable in given.v)
    variables = {name: str(Path(value).resolve()) if Path(value).exists() else value for name, value in pairs}
    manifest = manifestfile.ManifestFile(manifestfile.MODE_FREEZE, variables)
    for path in given.manifests:
        manifest.execute(path)
    return {result.target_path: Path(result.full_path) for result in manifest.files()}


def with_lines(
    text: str, name: str, children: Mapping[str, Sequence[str]], sources: Mapping[str, Path]
) -> str:
    """C that mpy-tool wrote, to be kept as `name`, with a #line for each function of the bytecode.

    `children`: identifier of a scope -> those of the scopes in it.
    """
    lines: list[str] = []
    source = shown = None
    module = ""
    places: dict[str, int] = {}
    inside = False
    for line in text.splitlines():
        if match := _MODULE.match(line):
            module = match[1]
        elif match := _FILE.match(line):
            source = sources.get(match[1])
            places = _places(f"{module}{_BODY}", source, children) if source else {}
            # What a variant freezes is a copy whose lines are those of the original.
            shown = Path(match[1]).resolve() if Path(match[1]).is_file() else source
        elif source and (match := _BYTECODE.match(line)) and match[1] in places:
            lines.append(f'#line {places[match[1]]} "{shown}"')
            inside = True
        lines.append(line)
        if inside and line == "};":
            lines.append(f'#line {len(lines) + 2} "{name}"')
            inside = False
    return "\n".join(lines) + "\n"


def _places(body: str, source: Path, children: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Identifier of each scope in a module -> line."""
    places = {body: 1}

    def enter(identifier: str, prefix: str, node: ast.AST) -> None:
        inner = list(_scopes(ast.iter_child_nodes(node)))
        for child in children.get(identifier, ()):
            name = child.removeprefix(prefix + "_")
            # mpy-tool numbers what would have the same name: f, f2, f3
            found = next((s for s in inner if s[0] in (name, name.rstrip("0123456789"))), None)
            if found:
                inner.remove(found)
                places[child] = found[1]
                enter(child, child, found[2])

    enter(body, body.removesuffix(_BODY), ast.parse(source.read_text(encoding="utf-8")))
    return places


def _scopes(nodes: Iterator[ast.AST]) -> Iterator[Scope]:
    """Those that a scope's own code makes, in their order, without what is in them."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno, node
        elif type(node) in _SCOPES:
            yield _SCOPES[type(node)], getattr(node, "lineno", 1), node
        else:
            yield from _scopes(ast.iter_child_nodes(node))
