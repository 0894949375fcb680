"""What the data of frozen Python is: which module, function or constant.

mpy-tool and port/freeze name what they write (``fun_data_<module>_<scope>``, ``const_obj_<module>_<n>``,
``fun_obj.<module>.<Class.method>``); which function is inside which is read from the image itself
(py/emitglue.h of MicroPython 1.25), of functions that have no object in ROM.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from bench.memory.image import Image, Placed
from bench.text import shorten

MODULE_BODY = "<module>"
NAMES = "<table of names>"
CONSTANT_TABLE = "<table of constants>"
GLOBALS = "<globals>"
MODULE_OBJECT = "<frozen module>"
FROZEN_TABLES = "frozen module table"

NAME_TABLE_OF, CONSTANTS_OF = "const_qstr_table_data_", "const_obj_table_data_"
_CONSTANT = "const_obj_"
_MODULE, _BYTECODE, _RAW_CODE, _CHILDREN = "frozen_module_", "fun_data_", "proto_fun_", "children_"
_FUNCTION, _CONTEXT, _BODY_OBJECT = "fun_obj.", "context_", "body_"
_OBJECTS = (_FUNCTION, "keywords.", "keywords_dict.", "class.", "class_dict.", "members.")
_PARTS = "parts_"
_GLOBALS = ("globals.", "globals_dict.")
_TABLES = ("globals.", "members.", "keywords.")
_BODY = "_lt_module_gt_"
_NO_NAME = re.compile(r"_lt_(\w+?)_gt_(\d*)$")
_STRING_TYPES = ("mp_type_str", "mp_type_bytes")
_TUPLE_TYPE = "mp_type_tuple"
_FUNCTION_WORDS = 4  # mp_obj_fun_bc_t; the last is the bytecode
_TEXT_LENGTH = 40


class Frozen:
    """The frozen modules of an image: `modules` is ``asyncio_core`` -> ``asyncio/core.py``."""

    def __init__(self, image: Image) -> None:
        self._image = image
        named = {symbol.name: symbol for symbol in image.placed}
        self.modules = _files(named)
        self._types = {s.value: name for name, s in image.symbols.items() if name.startswith("mp_type_")}
        self._functions: dict[str, tuple[str, str]] = {}
        for module, source in self.modules.items():
            self._functions[f"{module}_{_BODY}"] = source, MODULE_BODY
            self._enter(named, f"{module}_{_BODY}", module, source, "")
        for name, symbol in named.items():
            if name.startswith(_FUNCTION) and (known := self._object(name)):
                words = image.words(symbol.address, _FUNCTION_WORDS)
                if scope := self._scope_at(words[-1]) if words else None:
                    self._functions[scope] = known
                    self._enter(named, scope, scope, known[0], f"{known[1]}.")
        self._named = named

    def of(self, symbol: Placed) -> tuple[str, str] | None:
        """Source and name of what a symbol of the frozen content stands for; None for others."""
        name = symbol.name
        for prefix in (_BYTECODE, _RAW_CODE, _CHILDREN):
            if name.startswith(prefix) and (known := self._functions.get(name.removeprefix(prefix))):
                return known
        if known := self._object(name):
            return known
        for prefix, what in (
            (_MODULE, MODULE_OBJECT),
            (_CONTEXT, MODULE_OBJECT),
            (_BODY_OBJECT, MODULE_BODY),
            (_PARTS, MODULE_OBJECT),
            *((prefix, GLOBALS) for prefix in _GLOBALS),
            (NAME_TABLE_OF, NAMES),
            (CONSTANTS_OF, CONSTANT_TABLE),
            (_CONSTANT, ""),
        ):
            if name.startswith(prefix) and (module := self._module_of(name.removeprefix(prefix))):
                return self.modules[module], what or self._constant(symbol, module)
        return None

    def _object(self, name: str) -> tuple[str, str] | None:
        """Source and name of what the symbol of a function's or a class's object tells."""
        for prefix in _OBJECTS:
            module, _, path = name.removeprefix(prefix).partition(".")
            if name.startswith(prefix) and module in self.modules:
                return self.modules[module], ".".join(_NO_NAME.sub(r"<\1>\2", p) for p in path.split("."))
        return None

    def strings(self) -> Iterator[tuple[str, int, int, str]]:
        """Source, address and length of the characters, and shown text, of each constant string."""
        for symbol, module in self._constants():
            words = self._image.words(symbol.address, 4)
            if len(words) == 4 and self._types.get(words[0]) in _STRING_TYPES:
                yield self.modules[module], words[3], words[2], self._constant(symbol, module)

    def interned(self) -> Iterator[tuple[str, int]]:
        """Source and number of each interned string that a module's code or constants refer to."""
        for module, source in self.modules.items():
            table = self._named.get(NAME_TABLE_OF + module)
            for number in self._image.numbers(table.address, table.size // 2, 2) if table else ():
                yield source, number
        for name, symbol in self._named.items():
            for prefix in _TABLES:
                module = name.removeprefix(prefix).partition(".")[0]
                if name.startswith(prefix) and module in self.modules:
                    for word in self._image.words(symbol.address, symbol.size // 4):
                        if word & 7 == 2:
                            yield self.modules[module], word >> 3
        for symbol, module in self._constants():
            words = self._image.words(symbol.address, symbol.size // 4)
            if not symbol.name.startswith(CONSTANTS_OF):
                words = words[2:] if words and self._types.get(words[0]) == _TUPLE_TYPE else ()
            for word in words:
                if word & 7 == 2:  # MP_OBJ_NEW_QSTR of object representation A
                    yield self.modules[module], word >> 3

    def _constants(self) -> Iterator[tuple[Placed, str]]:
        for name, symbol in self._named.items():
            for prefix in (CONSTANTS_OF, _CONSTANT):
                if name.startswith(prefix) and (module := self._module_of(name.removeprefix(prefix))):
                    yield symbol, module
                    break

    def _module_of(self, rest: str) -> str | None:
        return max((m for m in self.modules if f"{rest}_".startswith(f"{m}_")), key=len, default=None)

    def _constant(self, symbol: Placed, module: str) -> str:
        words = self._image.words(symbol.address, 4)
        kind = self._types.get(words[0], "") if words else ""
        if kind in _STRING_TYPES and len(words) == 4:
            return shown(self._image.content(words[3], words[2]))
        number = symbol.name.removeprefix(f"{_CONSTANT}{module}_")
        return f"<{kind.removeprefix('mp_type_') or 'constant'} {number}>"

    def _enter(self, named: dict[str, Placed], scope: str, prefix: str, source: str, outer: str) -> None:
        """Learn the qualified names, as ``Modem.command``, of what is in a scope."""
        table = named.get(_CHILDREN + scope)
        for address in self._image.words(table.address, table.size // 4) if table else ():
            child = self._scope_at(address)
            if child and child not in self._functions:
                name = outer + _NO_NAME.sub(r"<\1>\2", child.removeprefix(f"{prefix}_"))
                self._functions[child] = source, name
                self._enter(named, child, child, source, f"{name}.")

    def _scope_at(self, address: int) -> str | None:
        symbol = self._image.placed_at(address)
        for prefix in (_BYTECODE, _RAW_CODE):
            if symbol and symbol.name.startswith(prefix):
                return symbol.name.removeprefix(prefix)
        return None


def shown(text: bytes) -> str:
    return shorten(json.dumps(text.decode(errors="replace"), ensure_ascii=False), _TEXT_LENGTH)


def _files(named: Sequence[str] | dict[str, Placed]) -> dict[str, str]:
    found = {n.removeprefix(prefix) for prefix in (_MODULE, _CONTEXT) for n in named if n.startswith(prefix)}
    names = sorted(found)
    packages = [name.removesuffix("___init__") for name in names if name.endswith("___init__")]
    files = {}
    for name in names:
        package = max((p for p in packages if name.startswith(f"{p}_")), key=len, default="")
        files[name] = f"{package}/{name[len(package) + 1 :]}.py" if package else f"{name}.py"
    return files
