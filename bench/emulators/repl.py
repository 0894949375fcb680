"""Reader of Renode platform descriptions (.repl), with no emulator behind it.

It follows the grammar of Renode 1.16 (documentation, "Describing platforms"): the indented and the braced
form, comments, `using`, entries with registration points, constructor arguments and properties, interrupt
connections, `init` sections. What stands in a file but cannot be honoured is an error, never ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NoReturn

from .base import PlatformError

MAX_USING_DEPTH = 16


@dataclass(frozen=True, slots=True)
class Location:
    file: Path
    line: int

    def error(self, reason: str) -> PlatformError:
        return PlatformError(f"{self.file}:{self.line}: {reason}")


@dataclass(frozen=True, slots=True)
class Reference:
    """The name of another entry."""

    name: str


@dataclass(frozen=True, slots=True)
class EnumName:
    """``Type.Member`` or ``.Member``; `member` is its last part."""

    member: str


@dataclass(frozen=True, slots=True)
class Range:
    """``<begin, end>`` or ``<begin, +size>``."""

    begin: int
    size: int


@dataclass(frozen=True, slots=True)
class New:
    """``new Type { ... }``."""

    type: str
    attributes: dict[str, Value]


Value = str | int | float | bool | Reference | EnumName | Range | New | list["Value"] | None
Section = Literal["init", "preinit", "reset"]


@dataclass(frozen=True, slots=True)
class Registration:
    """Where an entry is attached: `address` None where it has none (a CPU on the bus), `size` None where the
    model itself says how large it is, `region` for a part of the model other than its registers."""

    bus: str
    address: int | None
    size: int | None
    region: str | None
    location: Location


@dataclass(frozen=True, slots=True)
class Irq:
    """``source -> target@line``; the default output has the source ``""``."""

    source: str
    target: str
    line: int
    location: Location


@dataclass(frozen=True, slots=True)
class Statement:
    """A monitor command of an `init` section, as it stands there."""

    text: str
    location: Location


@dataclass(slots=True)
class Entry:
    name: str
    type: str
    location: Location
    registrations: list[Registration] = field(default_factory=list)
    attributes: dict[str, Value] = field(default_factory=dict)
    places: dict[str, Location] = field(default_factory=dict)
    """Where each attribute stands."""
    irqs: list[Irq] = field(default_factory=list)
    statements: dict[Section, list[Statement]] = field(default_factory=dict)

    def error(self, reason: str, attribute: str | None = None) -> PlatformError:
        location = self.places.get(attribute, self.location) if attribute else self.location
        return location.error(f"{self.name}: {reason}")


@dataclass(slots=True)
class Description:
    """All entries of a platform in the order of the file. `sysbus` has what is said about the bus itself."""

    file: Path
    entries: dict[str, Entry]
    sysbus: Entry


def read(path: Path) -> Description:
    """Parse a platform file and those it uses. Raises PlatformError."""
    description = Description(path, {}, Entry("sysbus", "", Location(path, 1)))
    _load(path, "", description, Location(path, 1), ())
    return description


def _load(path: Path, prefix: str, into: Description, asked_at: Location, stack: tuple[Path, ...]) -> None:
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise Location(path, 1).error(f"not UTF-8 text: byte {error.start}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise asked_at.error(f"cannot read platform file {path}: {reason}") from None
    resolved = path.resolve()
    if resolved in stack:
        raise asked_at.error(f"{path} uses itself")
    if len(stack) >= MAX_USING_DEPTH:
        raise asked_at.error(f"more than {MAX_USING_DEPTH} files use one another")
    try:
        usings, raw = _Parser(text, path).description()
    except RecursionError:
        raise Location(path, 1).error("nested too deeply") from None
    for name, using_prefix, location in usings:
        _load(path.parent / name, prefix + using_prefix, into, location, (*stack, resolved))
    for entry in raw:
        _merge(_prefixed(entry, prefix), into)


def _prefixed(entry: Entry, prefix: str) -> Entry:
    if not prefix:
        return entry

    def own(name: str) -> str:
        return name if name == "sysbus" else prefix + name

    def value(v: Value) -> Value:
        if isinstance(v, Reference):
            return Reference(own(v.name))
        if isinstance(v, list):
            return [value(item) for item in v]
        if isinstance(v, New):
            return New(v.type, {key: value(item) for key, item in v.attributes.items()})
        return v

    return replace(
        entry,
        name=own(entry.name),
        registrations=[replace(r, bus=own(r.bus)) for r in entry.registrations],
        attributes={key: value(v) for key, v in entry.attributes.items()},
        irqs=[replace(irq, target=own(irq.target)) for irq in entry.irqs],
    )


def _merge(entry: Entry, into: Description) -> None:
    if entry.name == "sysbus":
        known = into.sysbus
        if entry.type:
            raise entry.error("the system bus is there already and cannot be declared")
    elif entry.type:
        if entry.name in into.entries:
            first = into.entries[entry.name].location
            raise entry.error(f"declared twice, first in {first.file}:{first.line}")
        into.entries[entry.name] = entry
        return
    elif entry.name not in into.entries:
        raise entry.error("is updated here, but was never declared (an entry needs a type)")
    else:
        known = into.entries[entry.name]
    if entry.registrations:
        known.registrations = entry.registrations
    known.attributes.update(entry.attributes)
    known.places.update(entry.places)
    replaced = {irq.source for irq in entry.irqs}
    known.irqs = [irq for irq in known.irqs if irq.source not in replaced] + entry.irqs
    for section, statements in entry.statements.items():
        known.statements.setdefault(section, []).extend(statements)


# From indentation to braces


_STRING = re.compile(r"'''(?:[^\\]|\\.)*?'''|\"(?:[^\"\\\n]|\\.)*\"", re.DOTALL)


def _without_comments(text: str, file: Path) -> tuple[str, list[bool]]:
    """Comments as spaces, so that every character keeps its line and column; and for each character whether
    it belongs to a string."""
    out = list(text)
    quoted = [False] * len(text)
    i = 0
    while i < len(text):
        if text[i] == '"' or text.startswith("'''", i):
            match = _STRING.match(text, i)
            if match is None:
                raise Location(file, text.count("\n", 0, i) + 1).error("string without an end")
            quoted[i : match.end()] = [True] * (match.end() - i)
            i = match.end()
        elif text.startswith("//", i):
            end = text.find("\n", i)
            end = len(text) if end < 0 else end
            out[i:end] = " " * (end - i)
            i = end
        elif text.startswith("/*", i):
            end = text.find("*/", i + 2)
            if end < 0:
                raise Location(file, text.count("\n", 0, i) + 1).error("comment without an end")
            out[i : end + 2] = [c if c == "\n" else " " for c in text[i : end + 2]]
            i = end + 2
        else:
            i += 1
    return "".join(out), quoted


def _braced(text: str, file: Path) -> str:
    """The same text in the braced form, every token on its line."""
    text = text.replace("\r", "")
    plain, quoted = _without_comments(text, file)
    lines: list[str] = []
    depth = 0
    indent = 0
    last = -1
    position = 0
    for number, line in enumerate(plain.split("\n")):
        starts_in_string = (
            position < len(quoted) and position > 0 and quoted[position - 1] and quoted[position]
        )
        flags = quoted[position : position + len(line)]
        position += len(line) + 1
        lines.append(line)
        if starts_in_string:
            last = number
        if not line.strip() or starts_in_string:
            depth = _brace_depth(line, flags, depth)
            continue
        if depth == 0:
            width = len(line) - len(line.lstrip(" "))
            if line[width] == "\t":
                raise Location(file, number + 1).error(
                    "indented with a tab; Renode takes four spaces a level"
                )
            if width % 4:
                raise Location(file, number + 1).error(
                    f"indented by {width} spaces, which is no multiple of four"
                )
            if last < 0 and width:
                raise Location(file, number + 1).error("the first entry is indented")
            level = width // 4
            if last >= 0:
                if level > indent + 1:
                    raise Location(file, number + 1).error("indented by more than one level at once")
                lines[last] += " {" if level > indent else "}" * (indent - level) + ";"
            indent = level
        last = number
        depth = _brace_depth(line, flags, depth)
        if depth < 0:
            raise Location(file, number + 1).error("closing brace without an opening one")
    if last >= 0:
        lines[last] += "}" * indent
    return "\n".join(lines)


def _brace_depth(line: str, quoted: list[bool], depth: int) -> int:
    for character, is_quoted in zip(line, quoted, strict=True):
        if not is_quoted:
            depth += {"{": 1, "}": -1}.get(character, 0)
    return depth


# The grammar


_SPACE = re.compile(r"\s*")
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*")
_HEX = re.compile(r"-?0x[0-9A-Fa-f]+(?:_[0-9A-Fa-f]+)*")
_DECIMAL = re.compile(r"-?[0-9]+(?:_[0-9]+)*(?:\.[0-9]+)?")
_NATURAL = re.compile(r"[0-9]+")
_SECTION = re.compile(r"(init|preinit|reset)(?:\s+add)?\s*:\s*(?=\{)")
_STATEMENT = re.compile(r'(?:[^;{}"\n]|"(?:[^"\\\n]|\\.)*")*')
_KEYWORDS = {"true", "false", "none", "empty"}


class _Parser:
    def __init__(self, text: str, file: Path) -> None:
        self._file = file
        self._text = _braced(text, file)
        self._at = 0

    # Scanning

    def _location(self, at: int | None = None) -> Location:
        return Location(self._file, self._text.count("\n", 0, self._at if at is None else at) + 1)

    def _fail(self, wanted: str) -> NoReturn:
        self._space()
        rest = self._text[self._at :].split("\n", 1)[0].strip()
        found = (
            f"'{rest[:30]}'" if rest else "the end of the line" if self._at < len(self._text) else "the end"
        )
        raise self._location().error(f"{wanted} expected, found {found}")

    def _space(self) -> None:
        match = _SPACE.match(self._text, self._at)
        if match:
            self._at = match.end()

    def _peek(self, token: str) -> bool:
        self._space()
        return self._text.startswith(token, self._at)

    def _accept(self, token: str) -> bool:
        if self._peek(token):
            self._at += len(token)
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._accept(token):
            self._fail(f"'{token}'")

    def _match(self, pattern: re.Pattern[str]) -> str | None:
        self._space()
        match = pattern.match(self._text, self._at)
        if match is None:
            return None
        self._at = match.end()
        return match.group()

    def _need(self, pattern: re.Pattern[str], what: str) -> str:
        found = self._match(pattern)
        if found is None:
            self._fail(what)
        return found

    def _keyword(self, word: str) -> bool:
        self._space()
        match = _IDENTIFIER.match(self._text, self._at)
        if match is not None and match.group() == word:
            self._at = match.end()
            return True
        return False

    def _number(self, what: str) -> int:
        text = self._match(_HEX) or self._match(_NATURAL)
        if text is None:
            self._fail(what)
        return _integer(text)

    # Grammar

    def description(self) -> tuple[list[tuple[str, str, Location]], list[Entry]]:
        usings: list[tuple[str, str, Location]] = []
        entries: list[Entry] = []
        self._space()
        while self._at < len(self._text):
            location = self._location()
            if not entries and self._keyword("using"):
                name = self._string("the path of a file")
                prefix = self._string("a prefix") if self._keyword("prefixed") else ""
                usings.append((name, prefix, location))
            else:
                entries.append(self._entry())
            self._space()
            if self._at < len(self._text):
                self._expect(";")
                self._space()
        return usings, entries

    def _entry(self) -> Entry:
        location = self._location()
        self._keyword("local")
        name = self._need(_IDENTIFIER, "the name of an entry")
        self._expect(":")
        entry = Entry(name, "", location)
        if not self._peek("@") and not self._peek("{") and not self._peek(";"):
            entry.type = self._match(_TYPE) or ""
        if self._accept("@"):
            entry.registrations = self._registrations()
        if self._keyword("as"):
            self._string("an alias")
        if self._peek("{"):
            self._attributes(entry)
        return entry

    def _registrations(self) -> list[Registration]:
        if self._accept("{"):
            found = [self._registration()]
            while self._accept(";"):
                if self._peek("}"):
                    break
                found.append(self._registration())
            self._expect("}")
            return found
        if self._keyword("none"):
            return []
        return [self._registration()]

    def _registration(self) -> Registration:
        location = self._location()
        bus = self._need(_IDENTIFIER, "what the entry is attached to")
        self._space()
        if self._at >= len(self._text) or self._text[self._at] in ";{}" or self._peek_word("as"):
            return Registration(bus, None, None, None, location)
        point = self._value()
        if isinstance(point, bool):
            raise location.error(f"{bus}: a registration point is an address or a range")
        if isinstance(point, int):
            return Registration(bus, point, None, None, location)
        if isinstance(point, Range):
            return Registration(bus, point.begin, point.size, None, location)
        if isinstance(point, New):
            address, size = point.attributes.get("address"), point.attributes.get("size")
            region = point.attributes.get("region")
            if type(address) is int and type(size) in {int, type(None)} and isinstance(region, str | None):
                return Registration(bus, address, size, region, location)  # type: ignore[arg-type]
        raise location.error(
            f"{bus}: a registration point is an address, a range, or a Bus registration object"
        )

    def _peek_word(self, word: str) -> bool:
        match = _IDENTIFIER.match(self._text, self._at)
        return match is not None and match.group() == word

    def _attributes(self, entry: Entry) -> None:
        self._expect("{")
        while not self._accept("}"):
            self._attribute(entry)
            if not self._peek("}"):
                self._expect(";")

    def _attribute(self, entry: Entry) -> None:
        self._space()
        location = self._location()
        section = _SECTION.match(self._text, self._at)
        if section is not None:
            self._at = section.end()
            name: Section = section.group(1)  # type: ignore[assignment]
            entry.statements.setdefault(name, []).extend(self._statements())
            return
        start = self._at
        word = self._match(_IDENTIFIER)
        if word is not None and self._accept(":"):
            if word in entry.attributes:
                raise location.error(f"{entry.name}: {word} is set twice")
            entry.places[word] = location
            entry.attributes[word] = self._value()
            return
        self._at = start
        self._connection(entry, location)

    def _statements(self) -> list[Statement]:
        self._expect("{")
        found: list[Statement] = []
        while True:
            self._space()
            location = self._location()
            text = self._match(_STATEMENT) or ""
            if text.strip():
                found.append(Statement(text.strip(), location))
            if self._accept("}"):
                return found
            self._expect(";")

    def _connection(self, entry: Entry, location: Location) -> None:
        sources = [""] if self._peek("->") else self._ends(with_names=True)
        self._expect("->")
        if self._keyword("none"):
            return
        while True:
            target = self._need(_IDENTIFIER, "the target of an interrupt")
            if self._accept("#"):
                self._number("an index")
            self._expect("@")
            lines = self._ends(with_names=False)
            if len(lines) != len(sources):
                raise location.error(
                    f"{entry.name}: {len(sources)} interrupt sources are connected to {len(lines)} lines"
                )
            entry.irqs += [
                Irq(source, target, int(line), location) for source, line in zip(sources, lines, strict=True)
            ]
            if not self._accept("|"):
                return

    def _ends(self, *, with_names: bool) -> list[str]:
        if not self._accept("["):
            return self._end(with_names)
        found = self._end(with_names)
        while self._accept(","):
            found += self._end(with_names)
        self._expect("]")
        return found

    def _end(self, with_names: bool) -> list[str]:
        if with_names:
            name = self._match(_IDENTIFIER)
            if name is not None:
                return [name]
        location = self._location()
        first = self._number("an interrupt number")
        if not self._accept("-"):
            return [str(first)]
        if self._peek(">"):  # "0->", not a range
            self._at -= 1
            return [str(first)]
        end = self._number("the end of the range")
        if abs(end - first) > 1024:
            raise location.error(f"the interrupt range {first}-{end} is too large")
        step = 1 if end >= first else -1
        return [str(i) for i in range(first, end + step, step)]

    def _string(self, what: str) -> str:
        text = self._match(_STRING)
        if text is None:
            self._fail(f"{what} in quotes")
        return _unquoted(text)

    def _value(self) -> Value:
        self._space()
        string = self._match(_STRING)
        if string is not None:
            return _unquoted(string)
        if self._peek("<"):
            return self._range()
        if self._peek("["):
            return self._list()
        number = self._match(_HEX) or self._match(_DECIMAL)
        if number is not None:
            return float(number.replace("_", "")) if "." in number else _integer(number)
        if self._accept("."):
            return EnumName(self._need(_IDENTIFIER, "the name of an enum value"))
        return self._word()

    def _word(self) -> Value:
        location = self._location()
        word = self._need(_TYPE, "a value")
        if word == "new":
            shell = Entry(self._need(_TYPE, "a type"), "", location)
            if self._peek("{"):
                self._attributes(shell)
            return New(shell.name, shell.attributes)
        if word in _KEYWORDS:
            return {"true": True, "false": False}.get(word)
        return EnumName(word.rpartition(".")[2]) if "." in word else Reference(word)

    def _range(self) -> Range:
        location = self._location()
        self._expect("<")
        begin = self._number("the begin of the range")
        self._expect(",")
        is_size = self._accept("+")
        end = self._number("the end of the range")
        self._expect(">")
        size = end if is_size else end - begin
        if size <= 0:
            raise location.error(f"the range at 0x{begin:X} is empty")
        return Range(begin, size)

    def _list(self) -> list[Value]:
        self._expect("[")
        found: list[Value] = []
        while not self._accept("]"):
            found.append(self._value())
            if not self._peek("]"):
                self._expect(",")
        return found


def _integer(text: str) -> int:
    return int(text.replace("_", ""), 16 if "0x" in text else 10)


def _unquoted(text: str) -> str:
    if text.startswith("'''"):
        return text[3:-3].replace("\\'''", "'''")
    return re.sub(r"\\([\"\\])", r"\1", text[1:-1])


# Monitor commands of init sections


def words(statement: Statement) -> Iterator[str | int | Range]:
    """A monitor command in words: names and strings, numbers, ranges ``<begin, end>`` (end included).

    Raises PlatformError for anything else.
    """
    text = statement.text
    at = 0
    readers: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str | int | Range]], ...] = (
        (re.compile(r"<\s*(0x[0-9A-Fa-f]+|\d+)\s*,?\s*(\+?)(0x[0-9A-Fa-f]+|\d+)\s*>"), _monitor_range),
        (re.compile(r"0x[0-9A-Fa-f]+|\d+"), lambda m: _integer(m.group())),
        (re.compile(r"\"((?:[^\"\\]|\\.)*)\""), lambda m: m.group(1)),
        (re.compile(r"[A-Za-z_@.][^\s\"<>]*"), lambda m: m.group()),
    )
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        for pattern, make in readers:
            match = pattern.match(text, at)
            if match is not None:
                yield make(match)
                at = match.end()
                break
        else:
            raise statement.location.error(f"monitor command not understood at '{text[at : at + 20]}'")


def _monitor_range(match: re.Match[str]) -> Range:
    begin, plus, end = _integer(match.group(1)), match.group(2), _integer(match.group(3))
    return Range(begin, max(end if plus else end - begin + 1, 0))
