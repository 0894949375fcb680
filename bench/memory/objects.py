"""Names for what lives in MicroPython's heap: who holds it, in the words of the source.

The object graph is read from RAM as py/obj*.h of version 1.25 lay it out, with types told by their symbols.
It is walked as the collector walks it, so that every byte the collector would keep gets an owner, and only
one: the first that leads to it, breadth first, from the imported modules, then from the virtual machine's
other roots, then from the stack. Owners are

    station.rpc.Rpc            an instance, and the table of its attributes
    station.rpc.Rpc._queue     what an attribute leads to, up to the next instance
    station.clock.on_set       the same of a module's global
    station.rpc (names)        a module, and the table of its globals
    station.rpc.Rpc (class)    a class, and what its body made
    station.rpc.Rpc.run()      a coroutine, and what only it holds; of an image with names without its class
    mp_state_vm.NAME           another root of the virtual machine
    (stack)                    what only the stack or a register leads to

Where an object's type is not known, its words are followed as the collector does.
"""

from __future__ import annotations

import struct
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bench.memory.heap import BLOCK, Snapshot
from bench.memory.image import Image
from bench.memory.layout import ObjectLayout

_INSTANCE_TYPE = 0x0200
"""Of mp_obj_type_t.flags: a class of Python's (py/obj.h)."""
_SLOTS_AT, _LOCALS_SLOT = 20, 19
"""Offsets in mp_obj_type_t of its slots, and of the number of the one for locals_dict."""
_FUNCTIONS = ("mp_type_fun_bc", "mp_type_gen_wrap")
_POOLS_MAX = 1000
_BUFFER_MIN = 32


@dataclass(slots=True)
class Held:
    """What was found in one snapshot.

    owners   bytes by owner, whole blocks
    buffers  address of a bytearray's bytes -> the attribute or global that leads to it, and its size
    lists    attribute or global that is a list -> address of that reference
    """

    owners: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    buffers: dict[int, tuple[str, int]] = field(default_factory=dict)
    lists: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Program:
    """What a firmware's image tells of its objects; kept for all snapshots of it.

    names      name in the image -> name in the source, where it has another
    functions  address of a function's bytecode -> its name, where the image does not have it
    types      address -> name of MicroPython's own types
    texts      interned strings that are in ROM, by number, as they get known
    """

    image: Image
    layout: ObjectLayout
    names: Mapping[str, str]
    functions: Mapping[int, str]
    types: Mapping[int, str]
    texts: dict[int, str] = field(default_factory=dict)


class Objects:
    """The heap of one snapshot."""

    def __init__(self, seen: Snapshot, program: Program) -> None:
        self._seen = seen
        self._image = program.image
        self._layout = program.layout
        self._names = program.names
        self._functions = program.functions
        self._types = program.types
        self._texts = dict(program.texts)
        self._lasting = program.texts
        self._module_of: dict[int, str] = {}
        self._classes: dict[int, str] = {}
        self._reached: set[int] = set()
        self._waiting: deque[tuple[int, str]] = deque()
        self._held = Held()
        self._ranks: dict[int, tuple[bool, int, str]] = {}

    def held(self) -> Held:
        """Everything that the collector would keep, by owner."""
        modules = list(self._modules())
        for name, module, dictionary in modules:
            for _, value in self._entries(dictionary + 4):
                if self._is_class(value):
                    self._module_of.setdefault(value, name)
            self._own(module, f"{name} (names)")
            self._own(dictionary, f"{name} (names)")
            self._own_table(dictionary + 4, f"{name} (names)")
        for name, _, dictionary in modules:
            for key, value, slot in self._slots(dictionary + 4):
                self._found(value, slot, f"{name}.{self._identifier(self._text_of(key))}")
        self._walk()
        roots = self._layout.roots
        start = self._seen.layout.roots_start
        for place, word in enumerate(self._seen.roots()):
            address = start + 4 * place
            name = next((name for at, name in reversed(roots) if at <= address), "?")
            self._wait(word, f"mp_state_vm.{name}")
        self._walk()
        for word in self._seen.stacked():
            self._wait(word, "(stack)")
        self._walk()
        return self._held

    # the walk

    def _walk(self) -> None:
        waiting = self._waiting
        while waiting:
            pointer, owner = waiting.popleft()
            self._visit(pointer, owner)

    def _wait(self, word: int, owner: str) -> None:
        if self._seen.pool <= word < self._seen.pool_end:
            self._waiting.append((word, owner))

    def _own(self, pointer: int, owner: str) -> tuple[int, ...] | None:
        """The words of an object that nobody owned so far; None of any other."""
        extent = self._seen.extent(pointer)
        if extent is None or extent[0] in self._reached:
            return None
        head, behind = extent
        self._reached.add(head)
        self._held.owners[owner] += BLOCK * (behind - head)
        return self._seen.words(self._seen.pool + head * BLOCK, (behind - head) * BLOCK // 4)

    def _own_table(self, map_address: int, owner: str) -> None:
        if words := self._words(map_address, 3):
            self._own(words[2], owner)

    def _visit(self, pointer: int, owner: str) -> None:
        extent = self._seen.extent(pointer)
        if extent is None or extent[0] in self._reached:
            return
        kind = self._word(pointer)
        name = self._types.get(kind)
        if self._is_class(kind):
            self._visit_instance(pointer, self._class_name(kind))
        elif name == "mp_type_type":
            owner = f"{self._class_name(pointer)} (class)"
            words = self._own(pointer, owner) or ()
            self._spread(words, owner)
        elif name == "mp_type_dict":
            self._own(pointer, owner)
            self._own_table(pointer + 4, owner)
            for key, value in self._entries(pointer + 4):
                self._wait(key, owner)
                self._wait(value, owner)
        elif name == "mp_type_gen_instance":
            owner = self._function_name(self._word(pointer + 8)) or owner
            self._spread(self._own(pointer, owner) or (), owner)
        else:
            self._spread(self._own(pointer, owner) or (), owner)

    def _visit_instance(self, pointer: int, name: str) -> None:
        words = self._own(pointer, name) or ()
        self._own_table(pointer + 4, name)
        for key, value, slot in self._slots(pointer + 4):
            self._found(value, slot, f"{name}.{self._identifier(self._text_of(key))}")
        self._spread(words[4:], name)

    def _spread(self, words: tuple[int, ...], owner: str) -> None:
        for word in words:
            self._wait(word, owner)

    def _found(self, value: int, slot: int, path: str) -> None:
        """An attribute or a global: is it a buffer or a list?"""
        self._wait(value, path)
        if self._seen.extent(value) is None:
            return
        words = self._words(value, 4)
        name = self._types.get(words[0]) if len(words) == 4 else None
        if name == "mp_type_list":
            self._held.lists[path] = slot
        elif name in ("mp_type_bytearray", "mp_type_memoryview"):
            size = words[2] + ((words[1] >> 8) if name == "mp_type_memoryview" else 0)
            extent = self._seen.extent(words[3])
            if extent and _BUFFER_MIN <= size <= BLOCK * (extent[1] - extent[0]):
                self._note_buffer(path, words[3], size, name == "mp_type_memoryview")

    def _note_buffer(self, path: str, address: int, size: int, view: bool) -> None:
        """Of several names for one buffer the bytearray's own, else the shortest."""
        rank = view, len(path), path
        if address not in self._ranks or rank < self._ranks[address]:
            self._ranks[address] = rank
            self._held.buffers[address] = path, size

    # reading

    def _words(self, address: int, count: int) -> tuple[int, ...]:
        return self._seen.words(address, count) or self._image.words(address, count)

    def _word(self, address: int) -> int:
        """0 where nothing is: RAM may be in any state."""
        words = self._words(address, 1)
        return words[0] if words else 0

    def _half(self, address: int) -> int:
        return self._word(address & ~3) >> 8 * (address & 2) & 0xFFFF

    def _byte(self, address: int) -> int:
        return self._half(address & ~1) >> 8 * (address & 1) & 0xFF

    def _entries(self, map_address: int) -> Iterator[tuple[int, int]]:
        """Keys and values of an mp_map_t."""
        return ((key, value) for key, value, _ in self._slots(map_address))

    def _slots(self, map_address: int) -> Iterator[tuple[int, int, int]]:
        """Keys, values and the addresses of the values of an mp_map_t (py/obj.h)."""
        words = self._words(map_address, 3)
        if len(words) < 3 or not words[1]:
            return
        slots = self._words(words[2], 2 * words[1])
        for place in range(0, len(slots) - 1, 2):
            if slots[place] not in (0, 4):  # MP_OBJ_NULL, MP_OBJ_SENTINEL
                yield slots[place], slots[place + 1], words[2] + 4 * place + 4

    def _modules(self) -> Iterator[tuple[str, int, int]]:
        """Name, module object and dictionary of globals of each imported module."""
        for key, module in self._entries(self._layout.modules + 4):
            words = self._words(module, 2)
            if len(words) == 2 and self._types.get(words[0]) == "mp_type_module":
                yield self._text_of(key), module, words[1]

    def _is_class(self, pointer: int) -> bool:
        words = self._words(pointer, 2) if pointer & 3 == 0 and pointer not in self._types else ()
        return (
            len(words) == 2
            and self._types.get(words[0]) == "mp_type_type"
            and bool(words[1] & _INSTANCE_TYPE)
        )

    def _class_name(self, pointer: int) -> str:
        if pointer not in self._classes:
            name = self._text(self._word(pointer + 4) >> 16)
            self._classes[pointer] = f"{self._class_module(pointer)}.{name}"
        return self._classes[pointer]

    def _class_module(self, pointer: int) -> str:
        """What its body has noted; where that is gone, the first module that knows the class."""
        slot = self._byte(pointer + _LOCALS_SLOT)
        body = self._word(pointer + _SLOTS_AT + 4 * (slot - 1)) if slot else 0
        for key, value in self._entries(body + 4):
            if self._text_of(key) == "__module__":
                return self._text_of(value)
        return self._module_of.get(pointer, "?")

    def _function_name(self, function: int) -> str | None:
        """``module.function()`` of an mp_obj_fun_bc_t; the name stands in its prelude (py/bc.h)."""
        words = self._words(function, 4)
        if len(words) < 4 or self._types.get(words[0]) not in _FUNCTIONS:
            return None
        context = self._words(words[1], 4)
        at = words[3]
        if at in self._functions:
            return self._functions[at]
        for _ in range(2):  # signature, sizes
            while self._byte(at) & 0x80:
                at += 1
            at += 1
        number = 0
        while True:
            byte = self._byte(at)
            number, at = number << 7 | byte & 0x7F, at + 1
            if not byte & 0x80:
                break
        if len(context) < 4:
            return None
        name = self._identifier(self._text(self._half(context[2] + 2 * number)))
        return f"{self._module_name(context[1])}.{name}()"

    def _module_name(self, dictionary: int) -> str:
        for key, value in self._entries(dictionary + 4):
            if self._text_of(key) == "__name__":
                return self._text_of(value)
        return "?"

    def _identifier(self, name: str) -> str:
        """Of an attribute, a global or a function, as in the source."""
        return self._names.get(name, name)

    def _text_of(self, value: int) -> str:
        """Of an interned string as an object: bits 1 and 0 are 1 and 0 (object representation A)."""
        return self._text(value >> 3) if value & 7 == 2 else "?"

    def _text(self, number: int) -> str:
        if number not in self._texts:
            self._texts[number] = self._read_text(number)
        return self._texts[number]

    def _read_text(self, number: int) -> str:
        prev, before, count, lengths, texts = self._layout.pool
        pool = self._word(self._layout.last_pool)
        for _ in range(_POOLS_MAX):
            head = self._words(pool, texts // 4)
            if len(head) < texts // 4:
                break
            first = head[before // 4] & 0x7FFF_FFFF
            if number >= first:
                place = number - first
                if place >= head[count // 4]:
                    break
                start = self._word(pool + texts + 4 * place)
                size = self._byte(head[lengths // 4] + place)
                words = self._words(start & ~3, size // 4 + 2)
                data = struct.pack(f"<{len(words)}I", *words)[start & 3 :][:size]
                text = data.decode(errors="replace")
                if not self._seen.start <= pool < self._seen.end:
                    self._lasting[number] = text
                return text
            pool = head[prev // 4]
        return f"qstr {number}"


def program_of(image: Image, layout: ObjectLayout) -> Program:
    """With the names that port/freeze has taken out of the image, where it has."""
    names: dict[str, str] = {}
    functions: dict[int, str] = {}
    try:
        names = {short: name for name, short in image.frozen["names"].items()}
        for key, (file, name, *_) in image.frozen["functions"].items():
            if symbol := image.symbols.get(f"fun_data_{key}"):
                functions[symbol.value] = _qualified(key, file, name)
    except (ValueError, KeyError, AttributeError, TypeError):
        pass  # another firmware, or one that has all names in it
    return Program(image, layout, names, functions, type_names(image))


def _qualified(key: str, file: str, name: str) -> str:
    """``station_rpc_Rpc__call``, ``station/rpc.py``, ``_call`` -> ``station.rpc.Rpc._call()``."""
    stem = file.removesuffix(".py")
    inside = key.removeprefix(stem.replace("/", "_") + "_").removesuffix(name).removesuffix("_")
    module = stem.removesuffix("/__init__").replace("/", ".")
    return ".".join(part for part in (module, inside, name) if part) + "()"


def type_names(image: Image) -> Mapping[int, str]:
    """Address -> name of MicroPython's own types."""
    return {
        symbol.value: name
        for name, symbol in image.symbols.items()
        if name.startswith("mp_type_") or name.endswith("_type")
    }
