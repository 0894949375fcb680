"""A module's or a class's body, executed while it is frozen, and the objects that it makes."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Any, Protocol

from bytecode import Code, Module, Operation, Tool

_OPERATORS = {
    "__or__": operator.or_,
    "__xor__": operator.xor,
    "__and__": operator.and_,
    "__lshift__": operator.lshift,
    "__rshift__": operator.rshift,
    "__add__": operator.add,
    "__sub__": operator.sub,
    "__mul__": operator.mul,
}
_BUILD_CLASS, _NULL = object(), object()


class NotStatic(Exception):
    """Something that only the board can execute."""


class Rom:
    """An object of the image; `symbol` is its name in C."""

    symbol = ""


@dataclass(eq=False)
class Builtin(Rom):
    """One of MicroPython's own."""

    symbol: str


@dataclass(eq=False)
class Attribute:
    """What a module of C has under a name: known to exist, but not where."""

    module: Builtin
    name: str


@dataclass(eq=False)
class Function(Rom):
    """`path`: as ``Modem.command``. `defaults`: of its last positional arguments, `keywords`: of others."""

    code: Code
    home: Home
    path: str
    defaults: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)

    @property
    def symbol(self) -> str:
        return f"fun_obj_{self.code.escaped_name}"


@dataclass(eq=False)
class Class(Rom):
    """`parent`: a class or an exception of MicroPython's."""

    code: Code
    home: Home
    path: str
    name: str
    parent: Rom | None
    members: dict[str, Any]

    @property
    def symbol(self) -> str:
        return f"class_{self.code.escaped_name}"


@dataclass(eq=False)
class Home(Rom):
    """A frozen module, by its full `name`.

    known    what is known of its globals
    static   its body need not be executed
    names    that it has in RAM, if it is not
    """

    module: Module
    name: str
    package: bool
    main: bool = False
    known: dict[str, Any] = field(default_factory=dict)
    functions: dict[Code, Function] = field(default_factory=dict)
    classes: dict[Code, Class] = field(default_factory=dict)
    static: bool = False
    done: bool = False
    names: set[str] = field(default_factory=set)

    @property
    def symbol(self) -> str:
        return f"context_{self.module.escaped_name}"

    @property
    def path(self) -> str:
        """Where the virtual machine looks for a package's modules (MP_FROZEN_PATH_PREFIX)."""
        return f".frozen/{self.name.replace('.', '/')}"


class Surroundings(Protocol):
    """What a body asks for beyond itself. All raise NotStatic."""

    def look_up(self, home: Home, scope: dict[str, Any], name: str) -> Any: ...

    def attribute(self, thing: Any, name: str) -> Any: ...

    def imported(self, home: Home, name: str, given: Any, level: int) -> Any: ...

    def function(self, home: Home, code: Code, defaults: Any = (), keywords: Any = ()) -> Any: ...

    def make_class(self, home: Home, code: Any, name: Any, parent: Any = None) -> Class: ...


class Execution:
    """Of one body: names go into `scope`, and those that are declared global into the module's."""

    def __init__(
        self, tool: Tool, around: Surroundings, home: Home, body: list[Operation], scope: dict[str, Any]
    ) -> None:
        self._tool, self._around, self._home = tool, around, home
        self._body, self._scope = body, scope
        self._stack: list[Any] = []
        self._at = 0

    def run(self, code: Code) -> None:
        """To its end. Raises NotStatic."""
        self._children = code.children
        while self._at < len(self._body):
            operation = self._body[self._at]
            self._at += 1
            if constant := constant_of(self._tool, operation):
                self._stack += constant
                continue
            kind = self._tool.Opcode.mapping[operation.opcode_byte].split()[0]
            if kind == "RETURN_VALUE" and self._stack == [None]:
                return
            step = getattr(self, f"_{kind.lower()}", None)
            if step is None:
                raise NotStatic
            step(operation)
        raise NotStatic

    def _load_null(self, _: Operation) -> None:
        self._stack.append(_NULL)

    def _load_name(self, operation: Operation) -> None:
        self._stack.append(self._around.look_up(self._home, self._scope, operation.text))

    _load_global = _load_name

    def _store_name(self, operation: Operation) -> None:
        self._scope[operation.text] = _kept(self._stack.pop())

    def _store_global(self, operation: Operation) -> None:
        self._home.known[operation.text] = _kept(self._stack.pop())

    def _load_attr(self, operation: Operation) -> None:
        self._stack.append(self._around.attribute(self._stack.pop(), operation.text))

    def _import_name(self, operation: Operation) -> None:
        given, level = self._stack.pop(), self._stack.pop()
        self._stack.append(self._around.imported(self._home, operation.text, given, level))

    def _import_from(self, operation: Operation) -> None:
        self._stack.append(self._around.attribute(self._stack[-1], operation.text))

    def _pop_top(self, _: Operation) -> None:
        self._stack.pop()

    def _build_tuple(self, operation: Operation) -> None:
        first = len(self._stack) - operation.arg
        items = tuple(map(_kept, self._stack[first:]))
        if any(isinstance(item, Attribute) for item in items):
            raise NotStatic
        self._stack[first:] = [items]

    def _build_map(self, _: Operation) -> None:
        self._stack.append({})

    def _store_map(self, _: Operation) -> None:
        key, value = self._stack.pop(), self._stack.pop()
        self._stack[-1][key] = _kept(value)

    def _jump(self, operation: Operation) -> None:
        self._at = self._body.index(operation.target)

    def _pop_jump_if_true(self, operation: Operation) -> None:
        if self._condition():
            self._jump(operation)

    def _pop_jump_if_false(self, operation: Operation) -> None:
        if not self._condition():
            self._jump(operation)

    def _condition(self) -> bool:
        value = self._stack.pop()
        if not isinstance(value, int | str | None):
            raise NotStatic
        return bool(value)

    def _binary_op(self, operation: Operation) -> None:
        name = self._tool.Opcode.mapping[operation.opcode_byte].split()[2]
        right, left = self._stack.pop(), self._stack.pop()
        if name not in _OPERATORS or type(left) is not int or type(right) is not int:
            raise NotStatic
        self._stack.append(_OPERATORS[name](left, right))

    def _make_function(self, operation: Operation) -> None:
        self._stack.append(self._around.function(self._home, self._children[operation.arg]))

    def _make_function_defargs(self, operation: Operation) -> None:
        keywords, defaults = (() if v is _NULL else v for v in (self._stack.pop(), self._stack.pop()))
        code = self._children[operation.arg]
        self._stack.append(self._around.function(self._home, code, defaults, keywords))

    def _load_build_class(self, _: Operation) -> None:
        self._stack.append(_BUILD_CLASS)

    def _call_function(self, operation: Operation) -> None:
        """Of __build_class__ with a body, a name, and a parent or none."""
        arguments = [_kept(self._stack.pop()) for _ in range(operation.arg)][::-1]
        if self._stack.pop() is not _BUILD_CLASS or len(arguments) not in (2, 3):
            raise NotStatic
        self._stack.append(self._around.make_class(self._home, *arguments))


def constant_of(tool: Tool, operation: Operation) -> tuple[Any, ...]:
    """The constant that an operation loads; nothing for another operation."""
    kind, *details = tool.Opcode.mapping[operation.opcode_byte].split()
    match kind:
        case "LOAD_CONST_NONE":
            return (None,)
        case "LOAD_CONST_TRUE" | "LOAD_CONST_FALSE":
            return (kind == "LOAD_CONST_TRUE",)
        case "LOAD_CONST_STRING":
            return (operation.text,)
        case "LOAD_CONST_OBJ":
            return (operation.value,)
        case "LOAD_CONST_SMALL_INT":
            return (int(details[0]) if details else operation.arg,)
    return ()


def _kept(value: Any) -> Any:
    """A dictionary that is made could be changed."""
    if value is _NULL or value is _BUILD_CLASS or isinstance(value, dict):
        raise NotStatic
    return value
