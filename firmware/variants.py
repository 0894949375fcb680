"""The features and variants of variants.toml, and the application that a variant freezes.

    python variants.py VARIANT [--without FEATURE]... [--application FOLDER]

prints NAME=VALUE settings for the Makefile, and writes main.py and the station to FOLDER as they are frozen:
without the modules of features that are off; with ``features.NAME`` folded to True or False, so that
mpy-cross leaves out what is not reached; and without the lines from ``# feature NAME`` to ``# end`` of those
that are off, and from ``# without NAME`` to ``# end`` of those that are on; without statements that call what
belongs to a feature that is off. No line moves. Standard library only: it runs wherever make does.
"""

from __future__ import annotations

import argparse
import ast
import re
import shutil
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
TABLE = FOLDER / "variants.toml"

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_CASES = re.compile(r"[A-P]|TC_[A-P]_\d+_CS")
_USE = re.compile(r"\bfeatures\.([A-Z][A-Z0-9_]*)\b")
_IMPORT = re.compile(r"^([ \t]*from \. import )(.+)$", re.MULTILINE)
_CONST = re.compile(r"^from micropython import const$", re.MULTILINE)
_BEGIN = re.compile(r"\s*# (feature|without) ([A-Z][A-Z0-9_]*)\s*")
_END = re.compile(r"\s*# end\s*")
_DEFINE = re.compile(r"\bFEATURE_([A-Z][A-Z0-9_]*)\b")


class VariantError(Exception):
    """variants.toml, or what refers to it, is not what it should be. The message is one clear line."""


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that an image may have or not have.

    modules   files of firmware/station that are frozen only with it
    calls     functions, as log.debug: statements that call them are left out without it
    sources   C files (patterns) that are compiled only with it
    needs     features without which it cannot be
    cases     test cases, or blocks by their letter, that cannot pass without it
    off       ids of the conformance statement that are answered no without it
    on        id -> (value, reason) of the statement with it, where firmware/pics.toml says otherwise
    """

    name: str
    text: str
    modules: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    on: tuple[tuple[str, Any, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Variant:
    """A named selection of features; heap and stack in bytes."""

    name: str
    text: str
    features: frozenset[str]
    heap: int
    stack: int


@dataclass(frozen=True, slots=True)
class Table:
    """All of variants.toml, in its order."""

    features: dict[str, Feature]
    variants: dict[str, Variant]

    def variant(self, name: str, without: tuple[str, ...] = ()) -> Variant:
        """A variant, less some features and what needs them. Raises VariantError for names that are none."""
        if name not in self.variants:
            raise VariantError(f"no variant {name!r}; there are {', '.join(self.variants)}")
        chosen = self.variants[name]
        for feature in without:
            if feature not in chosen.features:
                raise VariantError(f"the variant {name} has no feature {feature!r} to leave out")
        off = set(without)
        while more := {f for f in chosen.features - off if off.intersection(self.features[f].needs)}:
            off |= more
        return Variant(chosen.name, chosen.text, chosen.features - off, chosen.heap, chosen.stack)


def load(path: Path = TABLE) -> Table:
    """Raises VariantError for what is not TOML, or has another shape."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        features = {name: _feature(name, entry) for name, entry in content.get("feature", {}).items()}
        variants: dict[str, Variant] = {}
        for name, entry in content.get("variant", {}).items():
            variants[name] = _variant(name, entry, variants)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, VariantError) as error:
        raise VariantError(f"{path}: {error}") from None
    for owner, needed in [
        *((f"feature {feature.name}", feature.needs) for feature in features.values()),
        *((f"variant {variant.name}", tuple(variant.features)) for variant in variants.values()),
    ]:
        for name in needed:
            if name not in features:
                raise VariantError(f"{path}: {owner} names {name!r}, which is no feature")
    for variant in variants.values():
        for name in sorted(variant.features):
            for needed_one in features[name].needs:
                if needed_one not in variant.features:
                    raise VariantError(f"{path}: variant {variant.name} has {name} but not {needed_one}")
    return Table(features, variants)


def _feature(name: str, entry: dict[str, Any]) -> Feature:
    lists = ("modules", "calls", "sources", "needs", "cases", "off")
    if not _NAME.fullmatch(name) or entry.keys() - {"text", "on", *lists} or not entry.get("text"):
        raise VariantError(f"feature {name!r} has text and may have on, {', '.join(lists)}")
    for key in lists:
        value = entry.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise VariantError(f"{key} of feature {name} must be a list of texts")
    for case in entry.get("cases", ()):
        if not _CASES.fullmatch(case):
            raise VariantError(f"{case!r} of feature {name} is no test case, nor the letter of a block")
    for module in entry.get("modules", ()):
        if not (FOLDER / "station" / module).is_file():
            raise VariantError(f"feature {name} has a module {module!r} that is not in firmware/station")
    on = entry.get("on", {})
    if not all(isinstance(said, dict) and said.keys() == {"value", "reason"} for said in on.values()):
        raise VariantError(f"on of feature {name} must be ID = {{ value = ..., reason = ... }}")
    return Feature(
        name,
        entry["text"],
        on=tuple((key, said["value"], said["reason"]) for key, said in on.items()),
        **{key: tuple(entry.get(key, ())) for key in lists},
    )


def _variant(name: str, entry: dict[str, Any], known: dict[str, Variant]) -> Variant:
    keys = {"text", "like", "features", "with", "without", "heap", "stack"}
    if not _NAME.fullmatch(name) or entry.keys() - keys or not {"text", "heap", "stack"} <= entry.keys():
        raise VariantError(f"variant {name!r} must have text, heap, stack, and like or features")
    if ("like" in entry) == ("features" in entry) or (entry.get("like", name) not in {name, *known}):
        raise VariantError(f"variant {name!r} has either features, or is like one above it, with and without")
    base = set(known[entry["like"]].features) if "like" in entry else set(entry["features"])
    for feature in entry.get("without", ()):
        if feature not in base:
            raise VariantError(f"variant {name}: {entry.get('like')} has no {feature!r} to be without")
    chosen = (base | set(entry.get("with", ()))) - set(entry.get("without", ()))
    heap, stack = entry["heap"], entry["stack"]
    if type(heap) is not int or type(stack) is not int or heap % 16 or stack % 8:
        raise VariantError(f"variant {name}: heap is a number of 16 bytes, stack of 8")
    return Variant(name, entry["text"], frozenset(chosen), heap, stack)


def in_c(table: Table) -> set[str]:
    """Features that C code and make ask for. Raises VariantError for one that the table does not have."""
    c_files = [
        path for pattern in ("*.c", "*.h", "*.ld", "*.mk") for path in FOLDER.glob(f"port/**/{pattern}")
    ]
    return {
        _known(table, name, path)
        for path in sorted([FOLDER / "Makefile", *c_files])
        for name in _DEFINE.findall(path.read_text(encoding="utf-8"))
    }


def settings(table: Table, variant: Variant) -> dict[str, str]:
    """What the Makefile has to know. Raises VariantError as `in_c` does."""
    used = in_c(table)
    on = {name: name in variant.features for name in table.features}
    return {
        "HEAP_SIZE": str(variant.heap),
        "STACK_SIZE": str(variant.stack),
        "FEATURES": ",".join(name for name, here in on.items() if here),
        **{f"FEATURE_{name.upper()}": str(int(on[name])) for name in sorted(used)},
        "DEFINES": ",".join(f"-DFEATURE_{name.upper()}={int(on[name])}" for name in sorted(used)),
        **{
            key: ",".join(
                str(path.relative_to(FOLDER))
                for feature in table.features.values()
                if on[feature.name] == here
                for pattern in feature.sources
                for path in sorted(FOLDER.glob(pattern))
            )
            for key, here in (("SOURCES_ON", True), ("SOURCES_OFF", False))
        },
    }


def write_application(table: Table, variant: Variant, folder: Path) -> None:
    """Write main.py and station/ as `variant` freezes them, and their manifest; what was there is gone.

    Raises VariantError.
    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "station").mkdir(parents=True)
    left_out = {"features.py"} | {module for feature in _off(table, variant) for module in feature.modules}
    paths = [path for path in sorted((FOLDER / "station").glob("*.py")) if path.name not in left_out]
    for path in [FOLDER / "main.py", *paths]:
        text = folded(path.read_text(encoding="utf-8"), path, table, variant)
        (folder / path.relative_to(FOLDER)).write_text(text, encoding="utf-8")
    # Named one by one, for a folder is listed in an order of its own on each machine.
    names = ", ".join(f'"{path.name}"' for path in paths)
    # mpy-cross leaves out assert statements from 1 on. Line numbers are left to port/freeze.
    opt = 0 if "asserts" in variant.features else 1
    manifest = f'module("main.py", opt={opt})\npackage("station", ({names}), opt={opt})\n'
    (folder / "manifest.py").write_text(manifest)


def folded(text: str, path: Path, table: Table, variant: Variant) -> str:
    """A module as `variant` freezes it. Raises VariantError naming `path`."""

    def value(match: re.Match[str]) -> str:
        return str(_known(table, match[1], path) in variant.features)

    gone = {
        "features",
        *(Path(module).stem for feature in _off(table, variant) for module in feature.modules),
    }

    def names(match: re.Match[str]) -> str:
        kept = [name for name in match[2].split(", ") if name not in gone]
        return match[1] + ", ".join(kept) if kept else match[1].replace("from . import ", "pass")

    lines: list[str] = []
    wanted: list[bool] = []
    for number, line in enumerate(text.split("\n"), 1):
        begin = _BEGIN.fullmatch(line)
        if begin:
            on = _known(table, begin[2], path) in variant.features
            wanted.append(on == (begin[1] == "feature"))
        elif _END.fullmatch(line):
            if not wanted:
                raise VariantError(f"{path}:{number}: '# end' without '# feature NAME'")
            wanted.pop()
        lines.append(line if all(wanted) and not begin else "")
    if wanted:
        raise VariantError(f"{path}: '# feature NAME' without '# end'")
    # mpy-cross knows const() without; a name less in each module
    text = _USE.sub(value, _IMPORT.sub(names, _CONST.sub("", "\n".join(lines))))
    if re.search(r"^\s*(from|import) .*\bfeatures\b", text, re.MULTILINE):
        raise VariantError(f"{path}: features can be had by 'from . import features' in one line")
    calls = {call for feature in _off(table, variant) for call in feature.calls}
    try:
        return _without_calls(text, calls) if calls else text
    except SyntaxError as error:
        raise VariantError(f"{path}: as {variant.name} freezes it: {error}") from None


def _without_calls(text: str, calls: set[str]) -> str:
    """Python with ``pass`` in place of each statement that does nothing but call one of `calls`."""
    lines = text.split("\n")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            first, last = node.lineno, node.end_lineno or node.lineno
            if ast.unparse(node.value.func) in calls:
                lines[first - 1 : last] = [
                    lines[first - 1][: node.col_offset] + "pass",
                    *[""] * (last - first),
                ]
    return "\n".join(lines)


def _off(table: Table, variant: Variant) -> list[Feature]:
    return [feature for name, feature in table.features.items() if name not in variant.features]


def _known(table: Table, name: str, path: Path) -> str:
    if name.lower() not in table.features:
        raise VariantError(f"{path}: {name}: no such feature in {TABLE.name}")
    return name.lower()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="variants.py", description="What a variant is made of.")
    parser.add_argument("variant")
    parser.add_argument("--without", action="append", default=[])
    parser.add_argument("--application", type=Path)
    options = parser.parse_args(arguments)
    try:
        table = load()
        variant = table.variant(options.variant, tuple(options.without))
        if options.application:
            write_application(table, variant, options.application)
        for name, value in settings(table, variant).items():
            print(f"{name}={value}")
    except VariantError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
