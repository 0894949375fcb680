"""The station runs on CPython in its unit tests; here, that the virtual machine has what it uses."""

import ast
import builtins

from bench.firmware import FIRMWARE_DIR
from firmware.variants import folded, load

from .target import Target

TABLE = load()
VARIANT = TABLE.variant("lite")
"""The image that is asked is this one's."""
ABSENT = {
    module
    for name, feature in TABLE.features.items()
    if name not in VARIANT.features
    for module in feature.modules
}
STATION = sorted(path for path in (FIRMWARE_DIR / "station").rglob("*.py") if path.name not in ABSENT)
TYPES = (str, bytes, bytearray, memoryview, list, tuple, dict, int, set, frozenset)
METHODS = {name for kind in TYPES for name in dir(kind) if not name.startswith("__")}
BATCH = 30


def nodes() -> list[ast.AST]:
    texts = [folded(path.read_text(), path, TABLE, VARIANT) for path in STATION]
    return [node for text in texts for node in ast.walk(ast.parse(text))]


def missing(target: Target, command: str, names: set[str]) -> list[str]:
    ordered = sorted(names)
    batches = [ordered[n : n + BATCH] for n in range(0, len(ordered), BATCH)]
    return [name for batch in batches for name in target.ask(command, batch)]


def test_builtins(target: Target) -> None:
    used = {node.id for node in nodes() if isinstance(node, ast.Name)} & set(dir(builtins))
    assert {"len", "print", "ValueError"} <= used
    assert missing(target, "missing_names", used | {"filter"}) == ["filter"]


def test_methods_of_builtin_types(target: Target) -> None:
    own = {node.name for node in nodes() if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    events = {"set", "clear"}  # of asyncio.Event
    used = {node.attr for node in nodes() if isinstance(node, ast.Attribute)} & METHODS - own - events
    assert {"append", "encode"} <= used
    assert missing(target, "missing_methods", used | {"casefold"}) == ["casefold"]


def test_modules(target: Target) -> None:
    used = {alias.name for node in nodes() if isinstance(node, ast.Import) for alias in node.names}
    used |= {
        node.module for node in nodes() if isinstance(node, ast.ImportFrom) and not node.level and node.module
    }
    assert "board" in used
    assert missing(target, "missing_modules", used | {"struct"}) == ["struct"]


def test_no_set_displays_and_no_fractions() -> None:
    """They compile, and there is nothing to make of them."""
    kinds = (ast.Set, ast.SetComp, ast.Div)
    found = [ast.unparse(node) for node in nodes() if isinstance(node, kinds)]
    found += [repr(n.value) for n in nodes() if isinstance(n, ast.Constant) and isinstance(n.value, float)]
    assert STATION
    assert found == []
