"""The conditions of Part 5's lists of test cases, as they are printed there.

expression   with or, and, NOT (in any case, binding in this order, the last most) and parentheses
C-09.1       a feature; AQ-2 a question, HFS-1 hardware
C-30 - C-35  any of those; also printed as C-36-(or) C-39
HFS-8 > 1    a number
Smart Charging, ISO 15118 support, ...   a certification profile
Product Subtype "Mode 1/2-only Charging Station"
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bench.conformance.pics import Pics

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<paren>[()])
      | (?P<word>and|or|not)\b
      | (?P<feature>[A-Z]{1,3}-\d+(?:\.\d+)*)
      | (?P<to>-(?:\s*\(or\))?)
      | (?P<more>>\s*(?P<number>\d+))
      | Product\ Subtype\ "(?P<subtype>[^"]+)"
      | (?P<profile>[A-Z][A-Za-z]*(?:\ (?!and\b|or\b|not\b)[A-Za-z0-9]+)*)
    )""",
    re.VERBOSE | re.IGNORECASE,
)


class ConditionError(Exception):
    """A condition that cannot be parsed. The message is one clear line."""


class Condition:
    """Part of a condition. `holds` looks at all of it, and raises PicsError for what is not declared."""

    def holds(self, pics: Pics) -> bool:
        raise NotImplementedError

    def features(self, pics: Pics) -> list[str]:
        """Names of all that it looks at, in their order."""
        raise NotImplementedError

    def unmet(self, pics: Pics) -> list[Condition]:
        """The smallest parts that must hold and do not; empty where the whole holds."""
        return [] if self.holds(pics) else [self]


@dataclass(frozen=True, slots=True)
class Feature(Condition):
    name: str

    def holds(self, pics: Pics) -> bool:
        return bool(pics.feature(self.name))

    def features(self, pics: Pics) -> list[str]:
        return [self.name]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class AnyBetween(Condition):
    first: str
    last: str

    def holds(self, pics: Pics) -> bool:
        return any(pics.feature(name) for name in self.features(pics))

    def features(self, pics: Pics) -> list[str]:
        return pics.between(self.first, self.last)

    def __str__(self) -> str:
        return f"{self.first} - {self.last}"


@dataclass(frozen=True, slots=True)
class MoreThan(Condition):
    name: str
    number: int

    def holds(self, pics: Pics) -> bool:
        value = pics.feature(self.name)
        if not isinstance(value, int):
            raise ConditionError(f"{self}: {self.name} is declared as {value!r}, which is no number")
        return value > self.number

    def features(self, pics: Pics) -> list[str]:
        return [self.name]

    def __str__(self) -> str:
        return f"{self.name} > {self.number}"


@dataclass(frozen=True, slots=True)
class Profile(Condition):
    name: str

    def holds(self, pics: Pics) -> bool:
        return pics.profile(self.name)

    def features(self, pics: Pics) -> list[str]:
        return [self.name]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Subtype(Condition):
    name: str

    def holds(self, pics: Pics) -> bool:
        return pics.product_subtype.value == self.name

    def features(self, pics: Pics) -> list[str]:
        return ["Product Subtype"]

    def __str__(self) -> str:
        return f'Product Subtype "{self.name}"'


@dataclass(frozen=True, slots=True)
class Not(Condition):
    part: Condition

    def holds(self, pics: Pics) -> bool:
        return not self.part.holds(pics)

    def features(self, pics: Pics) -> list[str]:
        return self.part.features(pics)

    def __str__(self) -> str:
        text = str(self.part)
        return f"NOT ({text})" if isinstance(self.part, All | AnyOf | AnyBetween) else f"NOT {text}"


@dataclass(frozen=True, slots=True)
class All(Condition):
    parts: tuple[Condition, ...]

    def holds(self, pics: Pics) -> bool:
        held = [part.holds(pics) for part in self.parts]
        return all(held)

    def features(self, pics: Pics) -> list[str]:
        return [name for part in self.parts for name in part.features(pics)]

    def unmet(self, pics: Pics) -> list[Condition]:
        return [each for part in self.parts for each in part.unmet(pics)]

    def __str__(self) -> str:
        return " and ".join(f"({part})" if isinstance(part, AnyOf) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf(Condition):
    parts: tuple[Condition, ...]

    def holds(self, pics: Pics) -> bool:
        held = [part.holds(pics) for part in self.parts]
        return any(held)

    def features(self, pics: Pics) -> list[str]:
        return [name for part in self.parts for name in part.features(pics)]

    def __str__(self) -> str:
        return " or ".join(map(str, self.parts))


def parse(text: str) -> Condition:
    """Raises ConditionError with the place that cannot be understood."""
    return _Parser(text).whole()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def _tokens(text: str) -> list[_Token]:
    tokens, at = [], 0
    stripped = text.rstrip()
    while at < len(stripped):
        match = _TOKEN.match(stripped, at)
        if not match:
            raise ConditionError(f"{text!r}: cannot read {stripped[at:].strip()!r}")
        kind = match.lastgroup or ""
        tokens.append(_Token(kind, match[kind]))
        at = match.end()
    return tokens


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._left: Sequence[_Token] = _tokens(text)

    def whole(self) -> Condition:
        condition = self._or()
        if self._left:
            raise self._error()
        return condition

    def _or(self) -> Condition:
        parts = [self._and()]
        while self._took("word", "or"):
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _and(self) -> Condition:
        parts = [self._not()]
        while self._took("word", "and"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _not(self) -> Condition:
        if self._took("word", "not"):
            return Not(self._not())
        if self._took("paren", "("):
            inner = self._or()
            if not self._took("paren", ")"):
                raise self._error()
            return inner
        if self._next("feature"):
            return self._feature(self._take())
        if self._next("profile"):
            return Profile(self._take())
        if self._next("subtype"):
            return Subtype(self._take())
        raise self._error()

    def _feature(self, name: str) -> Condition:
        if self._took("to"):
            if not self._next("feature"):
                raise self._error()
            return AnyBetween(name, self._take())
        if self._next("more"):
            return MoreThan(name, int(self._take()[1:]))
        return Feature(name)

    def _next(self, kind: str, text: str | None = None) -> bool:
        return bool(
            self._left
            and self._left[0].kind == kind
            and (text is None or self._left[0].text.casefold() == text)
        )

    def _took(self, kind: str, text: str | None = None) -> bool:
        if not self._next(kind, text):
            return False
        self._take()
        return True

    def _take(self) -> str:
        token, *self._left = self._left
        return token.text

    def _error(self) -> ConditionError:
        found = repr(self._left[0].text) if self._left else "its end"
        return ConditionError(f"{self._text!r}: cannot read on at {found}")
