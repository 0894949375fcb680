"""Fields of a message: where they are, what is expected there, and what to say when it is not.

A path names members by dots and elements of arrays by brackets: ``[0]`` one of them, ``[*]`` every one (and
there is at least one), ``[?]`` at least one::

    transactionInfo.chargingState
    eventData[0].component.evse.id
    meterValue[*].sampledValue[?].context

What is expected is text as Part 6 writes it: ``Charging``, ``Local or omitted``, ``not Charging``,
``present`` (there with any value), ``omitted``. Numbers and booleans are compared with what JSON writes for
them. Anything but text is compared as it is; a list holds alternatives, None means omitted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_SEGMENT = re.compile(r"\[(\*|\?|\d+)\]|([^.\[\]]+)")


class _Missing:
    def __repr__(self) -> str:
        return "omitted"


MISSING = _Missing()


def mismatches(payload: Any, fields: Mapping[str, Any]) -> list[str]:
    """One line for each of `fields` (path -> expected) that `payload` does not have."""
    return [
        text for path, expected in fields.items() if (text := _differs(payload, _split(path), expected, ""))
    ]


def value_at(payload: Any, path: str) -> Any:
    """What stands at `path`, MISSING where nothing does; a list where the path has ``[*]``."""
    return _value(payload, _split(path))


def shown(value: Any) -> str:
    """For a message: strings bare, the rest as JSON, at most 120 characters."""
    if value is MISSING:
        return "omitted"
    text = value if isinstance(value, str) and value else json.dumps(value, default=str)
    return text if len(text) <= 120 else text[:117] + "..."


def _split(path: str) -> list[str]:
    """Raises AssertionError for what is no path."""
    found = [match.group(0) for match in _SEGMENT.finditer(path)]
    if not found or "".join(found) != path.replace(".", ""):
        raise AssertionError(f"{path!r} is no path of a field, as transactionInfo.chargingState is")
    return found


def _value(value: Any, segments: list[str]) -> Any:
    if not segments:
        return value
    head, rest = segments[0], segments[1:]
    if head in ("[*]", "[?]"):
        return [_value(item, rest) for item in value] if isinstance(value, list) else []
    return _value(_step(value, head), rest)


def _step(value: Any, segment: str) -> Any:
    if segment.startswith("["):
        number = int(segment[1:-1])
        return value[number] if isinstance(value, list) and number < len(value) else MISSING
    return value.get(segment, MISSING) if isinstance(value, dict) else MISSING


def _differs(value: Any, segments: list[str], expected: Any, where: str) -> str:
    """What is wrong, or nothing."""
    if not segments:
        fits = _fits(value, expected)
        return "" if fits else f"{where} is {shown(value)}, expected {_expectation(expected)}"
    head, rest = segments[0], segments[1:]
    if head in ("[*]", "[?]"):
        return _elements_differ(value, head, rest, expected, where)
    deeper = f"{where}{head}" if head.startswith("[") or not where else f"{where}.{head}"
    return _differs(_step(value, head), rest, expected, deeper)


def _elements_differ(value: Any, head: str, rest: list[str], expected: Any, where: str) -> str:
    if not isinstance(value, list) or not value:
        return "" if expected == "omitted" else f"{where} is {shown(value)}, expected at least one element"
    found = [_differs(item, rest, expected, f"{where}[{n}]") for n, item in enumerate(value)]
    wrong = [text for text in found if text]
    if not wrong or (head == "[?]" and len(wrong) < len(value)):
        return ""
    return wrong[0] if head == "[*]" or len(wrong) == 1 else f"none of {len(wrong)}: {'; '.join(wrong[:4])}"


def _fits(value: Any, expected: Any) -> bool:
    if isinstance(expected, list | tuple):
        return any(_fits(value, alternative) for alternative in expected)
    if expected is None:
        return value is MISSING
    if not isinstance(expected, str):
        return (type(value) is type(expected) and bool(value == expected)) or _same_number(value, expected)
    if expected.startswith("not "):
        return not _fits(value, expected[4:])
    return any(_is(value, alternative.strip()) for alternative in expected.split(" or "))


def _is(value: Any, word: str) -> bool:
    if word in ("omitted", "present"):
        return (value is MISSING) == (word == "omitted")
    if isinstance(value, str) or value is MISSING:
        return bool(value == word)
    try:
        return bool(json.loads(word) == value) and isinstance(value, bool) == (word in ("true", "false"))
    except ValueError:
        return False


def _same_number(value: Any, expected: Any) -> bool:
    numbers = all(isinstance(n, int | float) and not isinstance(n, bool) for n in (value, expected))
    return numbers and value == expected


def _expectation(expected: Any) -> str:
    if isinstance(expected, list | tuple):
        return " or ".join(map(_expectation, expected))
    return "omitted" if expected is None else shown(expected)
