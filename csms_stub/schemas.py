"""Is a payload what OCPP 2.0.1 allows: the JSON schemas of Part 3, and RFC 3339 date-times."""

from __future__ import annotations

from typing import Any, Literal

Kind = Literal["Request", "Response"]

ACTIONS: frozenset[str] = frozenset()
"""All actions of OCPP 2.0.1, without the Request and Response suffix."""


def validate(action: str, kind: Kind, payload: Any) -> list[str]:
    """Violations of the schema of `action`, one line each: JSON path, value, rule; empty when valid."""
    raise NotImplementedError


def is_date_time(text: str) -> bool:
    """RFC 3339 date-time with an offset, as OCPP 2.0.1 Part 2, 'dateTime' asks for."""
    raise NotImplementedError
