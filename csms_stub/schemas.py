"""Is a payload what OCPP 2.0.1 allows?

The JSON schemas of Part 3 (from the package `ocpp`), and what the schemas cannot say: the primitive
datatypes of Part 2, "Primitive Datatypes" (dateTime, decimal, integer, identifierString).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from jsonschema import Draft6Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

Kind = Literal["Request", "Response"]

_FOLDER = files("ocpp") / "v201" / "schemas"

ACTIONS: frozenset[str] = frozenset(
    entry.name.removesuffix("Request.json")
    for entry in _FOLDER.iterdir()
    if entry.name.endswith("Request.json")
)
"""All actions of OCPP 2.0.1, without the suffix Request or Response."""

STATION_ACTIONS: frozenset[str] = frozenset(
    [
        "Authorize",
        "BootNotification",
        "ClearedChargingLimit",
        "DataTransfer",
        "FirmwareStatusNotification",
        "Get15118EVCertificate",
        "GetCertificateStatus",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "NotifyChargingLimit",
        "NotifyCustomerInformation",
        "NotifyDisplayMessages",
        "NotifyEVChargingNeeds",
        "NotifyEVChargingSchedule",
        "NotifyEvent",
        "NotifyMonitoringReport",
        "NotifyReport",
        "PublishFirmwareStatusNotification",
        "ReportChargingProfiles",
        "ReservationStatusUpdate",
        "SecurityEventNotification",
        "SignCertificate",
        "StatusNotification",
        "TransactionEvent",
    ]
)
"""The actions that a charging station sends (Part 2, "Messages"); all others only the CSMS does."""

ERROR_CODES: frozenset[str] = frozenset(
    [
        "FormatViolation",
        "GenericError",
        "InternalError",
        "MessageTypeNotSupported",
        "NotImplemented",
        "NotSupported",
        "OccurrenceConstraintViolation",
        "PropertyConstraintViolation",
        "ProtocolError",
        "RpcFrameworkError",
        "SecurityError",
        "TypeConstraintViolation",
    ]
)
"""RPC framework error codes (Part 4, 4.3)."""

_DATE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:)(\d\d)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_IDENTIFIER = re.compile(r"[A-Za-z0-9*\-_=:+|@.]*")
_INTEGER_LIMIT = 2**31
_FREE_FORM = ("customData", "data")
"""Members whose contents are the vendor's (AnyType), and so not looked at."""

_CODES = {
    "required": "OccurrenceConstraintViolation",
    "minItems": "OccurrenceConstraintViolation",
    "maxItems": "OccurrenceConstraintViolation",
    "additionalProperties": "FormatViolation",
    "type": "TypeConstraintViolation",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with a payload. `path` is a JSON path from ``$`` (the payload); `code` is the RPC
    framework error code that fits (Part 4, 4.3)."""

    path: str
    value: str
    rule: str
    code: str

    def __str__(self) -> str:
        return f"{self.path} = {self.value}: {self.rule}"


def validate(action: str, kind: Kind, payload: Any) -> list[str]:
    """Violations of `action`'s Request or Response, one line each: JSON path, value, rule. Empty when valid.

    Never raises: an unknown action is a violation too.
    """
    return [str(violation) for violation in check(action, kind, payload)]


def check(action: str, kind: Kind, payload: Any) -> list[Violation]:
    """Like `validate`, with the parts apart; ordered by path."""
    if action not in ACTIONS:
        return [Violation("$", shorten(payload), f"unknown action {action!r}", "NotImplemented")]
    found = [_violation(error) for error in _validator(action + kind).iter_errors(payload)]
    found += _datatypes(payload, "$")
    return sorted(found, key=lambda violation: (violation.path, violation.rule))


def enumeration(message: str, name: str) -> list[str]:
    """The values of enumeration type `name` as `message` (``AuthorizeResponse``) defines it.

    Raises KeyError where it does not.
    """
    values: list[str] = _schema(message)["definitions"][name]["enum"]
    return values


def is_date_time(text: str) -> bool:
    """RFC 3339 date-time, with at most 3 decimals of a second (Part 2, "Primitive Datatypes", dateTime)."""
    match = _DATE_TIME.fullmatch(text)
    if match is None or len(match[4] or "") > 4:
        return False
    # RFC 3339 5.7 allows second 60; datetime does not.
    seconds = "59" if match[3] == "60" else match[3]
    try:
        datetime.fromisoformat(f"{match[1]}T{match[2]}{seconds}")
    except ValueError:
        return False
    return True


def shorten(value: Any, limit: int = 80) -> str:
    """`value` as JSON in at most `limit` characters, for a message to people."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = f"<{type(value).__name__}>"
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _is_integer(_checker: Any, instance: Any) -> bool:
    return isinstance(instance, int) and not isinstance(instance, bool)


_Validator: Any = extend(  # type: ignore[no-untyped-call]
    Draft6Validator, type_checker=Draft6Validator.TYPE_CHECKER.redefine("integer", _is_integer)
)
_formats = FormatChecker(formats=())


@_formats.checks("date-time")
def _date_time_format(instance: object) -> bool:
    return not isinstance(instance, str) or is_date_time(instance)


@cache
def _schema(message: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((_FOLDER / f"{message}.json").read_text(encoding="utf-8-sig"))
    return schema


@cache
def _validator(message: str) -> Validator:
    validator: Validator = _Validator(_schema(message), format_checker=_formats)
    return validator


def _violation(error: ValidationError) -> Violation:
    instance: Any = error.instance
    schema: Any = error.schema
    limit: Any = error.validator_value
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
    keyword = str(error.validator)
    match keyword:
        case "required":
            missing = [name for name in limit if name not in instance]
            # jsonschema reports each missing member on its own and names it only in the message.
            name = next((name for name in missing if repr(name) in error.message), missing[0])
            return Violation(f"${path}.{name}", "(missing)", "is required", _CODES[keyword])
        case "additionalProperties":
            extra = sorted(set(instance) - set(schema.get("properties", {})))
            value = shorten(instance[extra[0]])
            return Violation(f"${path}.{extra[0]}", value, "is not defined here", _CODES[keyword])
        case "enum":
            rule = f"is none of {', '.join(map(str, limit))}"
        case "type":
            rule = f"is no {limit}"
        case "maxLength":
            rule = f"has {len(instance)} characters, at most {limit} are allowed"
        case "format":
            rule = "is no RFC 3339 date-time with at most 3 decimals of a second"
        case "minItems" | "maxItems":
            bound = "at least" if keyword == "minItems" else "at most"
            rule = f"has {len(instance)} items, {bound} {limit} are allowed"
        case "minimum" | "maximum":
            rule = f"is {'below' if keyword == 'minimum' else 'above'} the {keyword} {limit}"
        case _:
            rule = f"violates {keyword} {shorten(limit)}"
    return Violation("$" + path, shorten(instance), rule, _CODES.get(keyword, "PropertyConstraintViolation"))


def _datatypes(value: Any, path: str, parent: str = "", name: str = "") -> Iterator[Violation]:
    code = "PropertyConstraintViolation"
    if isinstance(value, dict):
        for key, member in value.items():
            if key not in _FREE_FORM:
                yield from _datatypes(member, f"{path}.{key}", name, key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _datatypes(item, f"{path}[{index}]", parent, name)
    elif isinstance(value, bool):
        return
    elif isinstance(value, int):
        if not -_INTEGER_LIMIT <= value < _INTEGER_LIMIT:
            yield Violation(path, shorten(value), "does not fit a 32 bit integer", code)
    elif isinstance(value, float):
        if round(value, 6) != value:
            yield Violation(path, shorten(value), "has more than 6 decimal places", code)
    elif isinstance(value, str):
        in_model = name in ("name", "instance") and parent in ("component", "variable")
        if (in_model or name in ("idToken", "transactionId")) and not _IDENTIFIER.fullmatch(value):
            yield Violation(path, shorten(value), "has a character outside identifierString", code)
