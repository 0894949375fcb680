"""What the bodies of frozen modules make, found out while they are frozen.

A module's body is executed here, in the order of the imports that begins with main.py, as far as it only
imports, defines functions and classes, and computes constants. What it makes is then known: functions,
classes and the table of its globals can lie in ROM, and a body that does nothing else is not needed in the
image. What refers to them by a global's name, refers to them directly.

A body that does more is executed on the board, at boot, and its module's globals are in RAM; so are those of
a module that is stored to, from outside or by its own functions. What neither main.py nor anything that it
imports asks for, is imported as ever.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bytecode import Code, Module, Operation, Tool, load
from constants import key_of, texts
from execution import Attribute, Builtin, Class, Execution, Function, Home, NotStatic, constant_of

_REGISTERED = re.compile(r"^MP_REGISTER_(?:EXTENSIBLE_)?MODULE\(MP_QSTR_(\w+), (\w+)\);", re.MULTILINE)
_CASES = {"__name__", "__module__", "__path__"}
"""Globals and attributes that the virtual machine or the bench looks for."""


class Program:
    """All frozen modules. `bodies`: their functions' operations, which are changed by resolve().

    homes   those that main.py leads to and those without a body to execute, in the order of their imports
    others  those that are imported by name, if at all
    symbols what globals' constants are called in C, by key_of: theirs are they, whoever uses them
    """

    def __init__(self, tool: Tool, modules: list[Module], bodies: dict[Code, list[Operation]]) -> None:
        self._tool, self._bodies = tool, bodies
        self._by_name = {home.name: home for home in map(_home, modules)}
        self._builtins = _builtin_modules(Path(tool.__file__).parents[1])
        self._stored = self._stores()
        self._dry = False
        self.homes: list[Home] = []
        self.others: list[Module] = []
        self.symbols: dict[Any, str] = {}

    def resolve(self, looked_up: set[str] | None) -> None:
        """Find out what is known, and change the operations so that they make use of it.

        Names of globals, methods and constants of classes that nothing looks up are left out, but for those
        in `looked_up`; None: all names stay.
        """
        if main := self._by_name.get("main"):
            main.main = True
            self._execute(main)
        else:
            raise ValueError("no main.py is frozen")
        for home in list(self._by_name.values()):
            if not home.done and self._is_static(home):
                self._execute(home)
        self.others = [home.module for home in self._by_name.values() if not home.done]
        for home in self.homes:
            for code, body in self._codes(home):
                self._shorten(home, code, body)
        self._complete()
        if looked_up is not None:
            self._prune(looked_up)
        self._drop_children()

    def emitted(self, home: Home) -> Iterator[Code]:
        """Functions whose bytecode is in the image."""
        if not home.static:
            yield home.module.raw_code
        for function in home.functions.values():
            yield function.code
        seen = set(home.functions) | {home.module.raw_code}
        left = list(seen if not home.static else home.functions)
        while left:
            for child in left.pop().children:
                if child not in seen:
                    seen.add(child)
                    left.append(child)
                    yield child

    def parts(self, home: Home) -> dict[str, Home]:
        """The modules in a package."""
        split = ((other.name.rpartition("."), other) for other in self.homes if home.package)
        return {name: other for (package, dot, name), other in split if dot and package == home.name}

    def texts(self) -> Iterator[str]:
        """All text that must be interned for what objects.py writes."""
        for home in self.homes:
            yield home.name
            if home.package:
                yield home.path
                yield from self.parts(home)
            tables = [home.known if home.static else {}, *(c.members for c in home.classes.values())]
            for table in tables:
                for name, value in table.items():
                    yield name
                    yield from texts(value)
            for thing in home.classes.values():
                yield thing.name
            for function in home.functions.values():
                yield from texts(function.defaults)
                yield from texts(tuple(function.keywords.values()))
                yield from function.keywords

    # before anything is executed

    def _stores(self) -> set[tuple[str, str]]:
        """(module, or the name of a module or class, name in it) of what functions store to."""
        codes = self._tool.Opcode
        found: set[tuple[str, str]] = set()
        for home in self._by_name.values():
            for code, body in self._codes(home):
                last = None
                for number, operation in enumerate(body):
                    kind = operation.opcode_byte
                    if kind in (codes.MP_BC_STORE_GLOBAL, codes.MP_BC_DELETE_GLOBAL):
                        if code is not home.module.raw_code:
                            found.add((home.name, operation.text))
                    elif kind == codes.MP_BC_STORE_ATTR and last:
                        found.add((last, operation.text))
                    elif kind == codes.MP_BC_DUP_TOP and last:  # x.y += 1
                        found.add((last, getattr(body[number + 1], "text", "")))
                    loads = kind in (codes.MP_BC_LOAD_GLOBAL, codes.MP_BC_LOAD_NAME)
                    last = operation.text if loads else None
        return found

    def _is_stored_to(self, thing: str, name: str | None = None) -> bool:
        places = (thing, thing.rpartition(".")[2])
        return any(place in places and name in (None, stored) for place, stored in self._stored)

    def _codes(self, home: Home) -> Iterator[tuple[Code, list[Operation]]]:
        left = [home.module.raw_code]
        while left:
            code = left.pop()
            left += reversed(code.children)
            yield code, self._bodies[code]

    # execution

    def _is_static(self, home: Home) -> bool:
        """Could its body be left out? Executes no other module's."""
        self._dry = True
        try:
            self._run(Home(home.module, home.name, home.package))
        except NotStatic:
            return False
        finally:
            self._dry = False
        return not self._is_stored_to(home.name)

    def _execute(self, home: Home) -> None:
        """A module's body, once, and those of what it imports before it."""
        home.done = True
        if not home.main and not self._is_stored_to(home.name):
            try:
                self._run(home)
                home.static = True
            except NotStatic:
                home.known, home.functions, home.classes = {}, {}, {}
        if not home.static:
            self._scan(home)
        self.homes.append(home)

    def _import(self, home: Home) -> Home:
        parent = self._by_name.get(home.name.rpartition(".")[0])
        if parent and not parent.done and not self._dry:
            self._execute(parent)
        if not home.done and not self._dry:
            self._execute(home)
        elif home not in self.homes:
            raise NotStatic  # imports itself, or would have to be executed
        return home

    def _run(self, home: Home) -> None:
        code = home.module.raw_code
        Execution(self._tool, self, home, self._bodies[code], home.known).run(code)

    def look_up(self, home: Home, scope: dict[str, Any], name: str) -> Any:
        for table in (scope, home.known):
            if name in table:
                return table[name]
        if name == "__name__":
            return home.name
        if name.endswith(("Error", "Exception")) and not self._is_global(home, name):
            return Builtin(f"mp_type_{name}")
        raise NotStatic

    def _is_global(self, home: Home, name: str) -> bool:
        codes = self._tool.Opcode
        stores = (codes.MP_BC_STORE_NAME, codes.MP_BC_STORE_GLOBAL)
        return any(o.opcode_byte in stores and o.text == name for o in self._bodies[home.module.raw_code])

    def attribute(self, thing: Any, name: str) -> Any:
        if isinstance(thing, Builtin):
            return Attribute(thing, name)
        if isinstance(thing, Home):
            if name in thing.known:
                return thing.known[name]
            if thing.package and (part := self._by_name.get(f"{thing.name}.{name}")):
                return self._import(part)
        raise NotStatic

    def imported(self, home: Home, name: str, given: Any, level: int) -> Any:
        """What IMPORT_NAME leaves: a module, or the package that a dotted name begins with."""
        if level:
            parts = home.name.split(".")
            package = parts[: len(parts) - level + home.package]
            name = ".".join([*package, name] if name else package)
        found = self._by_name.get(name)
        if found is None and not level and name in self._builtins:
            return Builtin(self._builtins[name])
        if found is None:
            raise NotStatic
        self._import(found)
        return found if given else self._by_name[name.partition(".")[0]]

    def function(self, home: Home, code: Code, defaults: Any = (), keywords: Any = ()) -> Any:
        if self._is_class_body(code):
            return code
        if not isinstance(defaults, tuple):
            raise NotStatic
        if any(isinstance(value, Attribute) for value in (*defaults, *dict(keywords).values())):
            raise NotStatic
        if code not in home.functions:
            path = self._path(home, code)
            home.functions[code] = Function(code, home, path, defaults, dict(keywords))
        return home.functions[code]

    def make_class(self, home: Home, code: Any, name: Any, parent: Any = None) -> Class:
        if not isinstance(name, str) or not self._is_class_body(code) or self._is_stored_to(name):
            raise NotStatic
        if parent is not None and not isinstance(parent, Class | Builtin):
            raise NotStatic
        members: dict[str, Any] = {}
        Execution(self._tool, self, home, self._bodies[code], members).run(code)
        if "__new__" in members or any(isinstance(value, Attribute) for value in members.values()):
            raise NotStatic
        members.pop("__qualname__", None)
        home.classes[code] = Class(code, home, self._path(home, code), name, parent, members)
        return home.classes[code]

    def _is_class_body(self, code: Any) -> bool:
        store = self._tool.Opcode.MP_BC_STORE_NAME
        return code in self._bodies and any(
            operation.opcode_byte == store and operation.text == "__module__"
            for operation in self._bodies[code]
        )

    # what is executed on the board

    def _scan(self, home: Home) -> None:
        """A body that cannot be executed here: imports, classes and functions are known all the same."""
        codes = self._tool.Opcode
        body = self._bodies[home.module.raw_code]
        stores = Counter(
            operation.text
            for operation in body
            if operation.opcode_byte in (codes.MP_BC_STORE_NAME, codes.MP_BC_STORE_GLOBAL)
        )
        home.names = set(stores)
        at = reach = 0
        given = None
        while at < len(body):
            operation = body[at]
            value: Any = None
            start = at
            if operation.fmt == self._tool.MP_BC_FORMAT_OFFSET:
                reach = max(reach, operation.target.offset)
            surely = operation.offset >= reach
            if operation.opcode_byte == codes.MP_BC_IMPORT_NAME:
                start, wanted, level = self._before_import(body, at)
                try:
                    given = self.imported(home, operation.text, wanted, level)
                except NotStatic:
                    given = None
                value = given if isinstance(given, Home) else None
            elif operation.opcode_byte == codes.MP_BC_IMPORT_STAR and isinstance(given, Home):
                names = given.known if given.static else given.names
                home.names |= {name for name in names if not name.startswith("_")}
            elif operation.opcode_byte == codes.MP_BC_LOAD_BUILD_CLASS:
                end = next(
                    n for n in range(at, len(body)) if body[n].opcode_byte == codes.MP_BC_CALL_FUNCTION
                )
                value = self._class_of(home, body[at : end + 1])
                at = end if value else at
            elif operation.opcode_byte == codes.MP_BC_MAKE_FUNCTION:
                made = self.function(home, home.module.raw_code.children[operation.arg])
                value = made if isinstance(made, Function) else None
            if value is not None:
                load(self._tool, body[start], value)
                del body[start + 1 : at + 1]
                at = start
            constant = constant_of(self._tool, body[at])
            at += 1
            if constant and at < len(body) and body[at].opcode_byte == codes.MP_BC_STORE_NAME:
                name = body[at].text
                if surely and stores[name] == 1 and not self._is_stored_to(home.name, name):
                    home.known[name] = constant[0]

    def _before_import(self, body: list[Operation], at: int) -> tuple[int, Any, int]:
        """Where the operations for an import begin, its list of names, and its level."""
        codes = self._tool.Opcode
        start = at - 2
        given: Any = True
        if body[at - 1].opcode_byte == codes.MP_BC_BUILD_TUPLE:
            start -= body[at - 1].arg
        else:
            given = next(iter(constant_of(self._tool, body[at - 1])), True)
        level = next(iter(constant_of(self._tool, body[start])), 0)
        return start, given, level

    def _class_of(self, home: Home, body: list[Operation]) -> Class | None:
        """What LOAD_BUILD_CLASS ... CALL_FUNCTION make; None where that is not static."""
        codes = self._tool.Opcode
        if body[1].opcode_byte != codes.MP_BC_MAKE_FUNCTION or len(body) not in (4, 5):
            return None
        functions, classes = dict(home.functions), dict(home.classes)
        try:
            parent = None
            if len(body) == 5:
                parent = self.look_up(home, {}, getattr(body[3], "text", ""))
            return self.make_class(home, home.module.raw_code.children[body[1].arg], body[2].text, parent)
        except NotStatic:
            home.functions, home.classes = functions, classes
            return None

    # use

    def _shorten(self, home: Home, code: Code, body: list[Operation]) -> None:
        """Functions that are made, and globals that are known, become constants."""
        codes = self._tool.Opcode
        if code in home.classes or (home.static and code is home.module.raw_code):
            return
        at = 0
        while at < len(body):
            operation = body[at]
            kind = operation.opcode_byte
            if kind == codes.MP_BC_MAKE_FUNCTION:
                made = self.function(home, code.children[operation.arg])
                if isinstance(made, Function):
                    load(self._tool, operation, made)
            elif kind == codes.MP_BC_LOAD_GLOBAL and operation.text in home.known:
                value = home.known[operation.text]
                if isinstance(value, Attribute):
                    load(self._tool, operation, value.module)
                    fetch = self._tool.Opcode(
                        operation.offset, self._tool.MP_BC_FORMAT_QSTR, codes.MP_BC_LOAD_ATTR, 0, None
                    )
                    fetch.text = value.name
                    body.insert(at + 1, fetch)
                else:
                    load(self._tool, operation, value)
            at += 1

    def _path(self, home: Home, code: Code) -> str:
        """As ``Modem.command``; one of several of a name ends with a number."""
        for outer, _ in self._codes(home):
            if code in outer.children:
                if outer is home.module.raw_code:
                    return str(code.escaped_name.removeprefix(f"{home.module.escaped_name}_"))
                name = code.escaped_name.removeprefix(f"{outer.escaped_name}_")
                return f"{self._path(home, outer)}.{name}"
        raise AssertionError(code.escaped_name)

    def _complete(self) -> None:
        """Give static modules the globals that importing makes, and constants their names in C."""
        for home in self.homes:
            home.known = {n: value for n, value in home.known.items() if not isinstance(value, Attribute)}
            if home.static:
                home.known |= self.parts(home)
            home.known["__name__"] = home.name
            if home.package:
                home.known["__path__"] = home.path
        for home in self.homes:
            for number, value in enumerate(home.known.values()):
                if isinstance(value, tuple | str | bytes):
                    symbol = f"const_obj_{home.module.escaped_name}_g{number}"
                    self.symbols.setdefault(key_of(value), symbol)

    def _prune(self, looked_up: set[str]) -> None:
        codes = self._tool.Opcode
        unasked = (codes.MP_BC_LOAD_CONST_STRING, codes.MP_BC_STORE_NAME, codes.MP_BC_STORE_GLOBAL)
        asked = looked_up | _CASES
        own: dict[str, set[str]] = {}
        for home in self._by_name.values():
            names = own.setdefault(home.name, set())
            for code, body in self._codes(home):
                if home.done and (code in home.classes or (home.static and code is home.module.raw_code)):
                    continue
                for operation in body:
                    kind = operation.opcode_byte
                    if operation.fmt != self._tool.MP_BC_FORMAT_QSTR:
                        continue
                    if kind in (codes.MP_BC_LOAD_GLOBAL, codes.MP_BC_LOAD_NAME):
                        names.add(operation.text)
                    elif kind not in unasked or home.name.startswith("asyncio"):
                        asked.add(operation.text)
        for home in self.homes:
            if home.static:
                wanted = asked | own[home.name]
                home.known = {name: value for name, value in home.known.items() if name in wanted}
            for thing in home.classes.values():
                members = thing.members.items()
                thing.members = {n: value for n, value in members if n in asked or n.startswith("__")}

    def _drop_children(self) -> None:
        """Functions that are constants are not children of what used to make them."""
        codes = self._tool.Opcode
        makers = (
            codes.MP_BC_MAKE_FUNCTION,
            codes.MP_BC_MAKE_FUNCTION_DEFARGS,
            codes.MP_BC_MAKE_CLOSURE,
            codes.MP_BC_MAKE_CLOSURE_DEFARGS,
        )
        for home in self.homes:
            for code, body in list(self._codes(home)):
                left = [operation for operation in body if operation.opcode_byte in makers]
                kept = sorted({operation.arg for operation in left})
                for operation in left:
                    operation.arg = kept.index(operation.arg)
                code.children = [code.children[number] for number in kept]


def _home(module: Module) -> Home:
    name = module.source_file.str.removesuffix(".py").replace("/", ".")
    package = name.endswith(".__init__")
    return Home(module, name.removesuffix(".__init__"), package)


def _builtin_modules(top: Path) -> dict[str, str]:
    """Name of each module of C that there may be -> its symbol; the port's where MicroPython has one, too."""
    port = Path(__file__).resolve().parents[1]
    sources = [*sorted(top.glob("py/*.c")), *sorted(top.glob("extmod/*.c")), *sorted(port.rglob("*.c"))]
    found: dict[str, str] = {}
    for path in sources:
        found |= dict(_REGISTERED.findall(path.read_text(errors="replace")))
    return found
