"""Payloads made from the JSON schemas of part 3: a full one of each request, and all ways to spoil it."""

import copy
import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

SCHEMAS = files("ocpp") / "v201" / "schemas"
CUSTOM = {"vendorId": "com.example.bench", "more": {"of": ["anything", 1, None]}}
ITEMS_MAX = 10
UNBOUNDED = {"additionalInfo", "certificateType"}
"""Lists that neither the schemas nor ITEMS_MAX limit."""

Place = tuple[str | int, ...]


@cache
def loaded(action: str) -> dict[str, Any]:
    """The schema of a request."""
    schema: dict[str, Any] = json.loads((SCHEMAS / f"{action}Request.json").read_text("utf-8-sig"))
    return schema


def resolved(node: dict[str, Any], action: str) -> dict[str, Any]:
    """A node of the schema, or what it refers to."""
    if "$ref" in node:
        found: dict[str, Any] = loaded(action)["definitions"][node["$ref"].rsplit("/", 1)[1]]
        return found
    return node


def _value(node: dict[str, Any], action: str, *, custom: bool) -> Any:
    node = resolved(node, action)
    if "enum" in node:
        return node["enum"][0]
    if node.get("format") == "date-time":
        return "2026-01-01T00:00:00Z"
    kind = node.get("type", "anything")
    if kind == "object":
        return {
            name: copy.deepcopy(CUSTOM) if name == "customData" else _value(inner, action, custom=custom)
            for name, inner in node.get("properties", {}).items()
            if custom or name != "customData"
        }
    if kind == "array":
        return [_value(node["items"], action, custom=custom)]
    return {"string": "a", "integer": 1, "number": 1.5, "boolean": True, "anything": {"x": [1, "y"]}}[kind]


def full(action: str, *, custom: bool = False) -> dict[str, Any]:
    """A valid payload with every optional field, and customData in every object on demand."""
    payload: dict[str, Any] = _value(loaded(action), action, custom=custom)
    return payload


def _changed(payload: Any, place: Place, change: Any) -> Any:
    """A copy in which `change(container, key)` was done at a place."""
    payload = copy.deepcopy(payload)
    container = payload
    for key in place[:-1]:
        container = container[key]
    change(container, place[-1])
    return payload


def _set(value: Any) -> Any:
    def change(container: Any, key: Any) -> None:
        container[key] = value

    return change


def _remove(container: Any, key: Any) -> None:
    del container[key]


def _add(name: str, value: Any) -> Any:
    def change(container: Any, key: Any) -> None:
        container[key][name] = value

    return change


def spoilt(action: str) -> Iterator[tuple[str, dict[str, Any], str]]:
    """(what was done, payload, error code of part 4, 4.3) for each single violation of the schema."""
    root = {"": full(action)}

    def bad(place: Place, what: str, change: Any, code: str) -> tuple[str, dict[str, Any], str]:
        name = ".".join(map(str, place[1:])) or "the payload"
        return f"{action}: {what} {name}", _changed(root, place, change)[""], code

    def walk(node: dict[str, Any], place: Place) -> Iterator[tuple[str, dict[str, Any], str]]:
        node = resolved(node, action)
        kind = node.get("type")
        if kind is None:
            return
        others: list[Any] = [None, {}, [], True, 7, "7", 1.5]
        for value in others:
            if not _is_a(value, kind) and (len(place) > 1 or isinstance(value, list)):
                code = "TypeConstraintViolation" if len(place) > 1 else "ProtocolError"
                yield bad(place, f"{json.dumps(value)} as", _set(value), code)
        for value in _out_of_bounds(node):
            yield bad(place, f"{value!r:.20} as", _set(value), "PropertyConstraintViolation")
        if kind == "array":
            yield bad(place, "no items in", _set([]), "OccurrenceConstraintViolation")
            most = node.get("maxItems", ITEMS_MAX)
            if most <= ITEMS_MAX and not UNBOUNDED.intersection(place):
                many = [_value(node["items"], action, custom=False)] * (most + 1)
                yield bad(place, "too many items in", _set(many), "OccurrenceConstraintViolation")
            yield from walk(node["items"], (*place, 0))
        elif kind == "object":
            yield bad(place, "an unknown field in", _add("unknown", 1), "ProtocolError")
            yield from _bad_custom(bad, place)
            for name, inner in node.get("properties", {}).items():
                if name == "customData":
                    continue
                if name in node.get("required", ()):
                    yield bad((*place, name), "no", _remove, "OccurrenceConstraintViolation")
                yield from walk(inner, (*place, name))

    yield from walk(loaded(action), ("",))


def _out_of_bounds(node: dict[str, Any]) -> list[Any]:
    """Values of the right type that the schema, or the 32 bits of part 2, 2.1.4, rule out."""
    if "enum" in node:
        return ["", "Nonsense", node["enum"][0].swapcase()]
    if "maxLength" in node:
        return ["x" * (node["maxLength"] + 1)]
    if node.get("format") == "date-time":
        return ["", "yesterday", "2026-02-30T00:00:00Z", "2026-01-01"]
    if node.get("type") == "integer":
        return [2**31, -(2**31) - 1, *([int(node["minimum"]) - 1] if "minimum" in node else [])]
    return []


def _bad_custom(bad: Any, place: Place) -> Iterator[tuple[str, dict[str, Any], str]]:
    for value, code in (
        (None, "TypeConstraintViolation"),
        ([], "TypeConstraintViolation"),
        ("x", "TypeConstraintViolation"),
        ({"vendorId": 1}, "TypeConstraintViolation"),
        ({}, "OccurrenceConstraintViolation"),
        ({"vendorId": "x" * 256}, "PropertyConstraintViolation"),
    ):
        yield bad(place, f"customData {json.dumps(value)[:20]} in", _add("customData", value), code)


def _is_a(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return {
        "string": isinstance(value, str),
        "integer": isinstance(value, int),
        "number": isinstance(value, int | float),
        "object": isinstance(value, dict),
        "array": isinstance(value, list),
        "boolean": False,
    }[kind]
