"""The device model: GetVariables, SetVariables, and what a report of it must hold."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

from robot.api.deco import keyword

from bench.keywords.base import connectors
from bench.keywords.csms import CsmsKeywords, component_variable, variable_name
from csms_stub.messages import Payload

_LISTS = ("OptionList", "SequenceList", "MemberList")


class ModelKeywords(CsmsKeywords):
    @keyword("Results Of GetVariables")
    def results_of_get_variables(self, *names: str, attribute: str | None = None) -> list[Payload]:
        """GetVariablesRequest for these variables (``OCPPCommCtrlr.MessageTimeout#Default``); `attribute` is
        the attributeType, left out when omitted. Returns the GetVariableResults in the order asked for; fails
        unless there is one for each, with its attributeType (B06.FR.01 to FR.03, FR.11).
        """
        asked = [component_variable(name) | _attribute(attribute) for name in names]
        response = self.csms_sends("GetVariables", getVariableData=asked)
        return self._results(asked, response.payload["getVariableResult"])

    @keyword("Results Of SetVariables")
    def results_of_set_variables(self, *settings: str, attribute: str | None = None) -> list[Payload]:
        """SetVariablesRequest of ``OCPPCommCtrlr.OfflineThreshold=300``, ...; otherwise as `Results Of
        GetVariables` (B05.FR.01 to FR.03, FR.12).
        """
        asked = []
        for setting in settings:
            name, _, value = setting.partition("=")
            asked.append(component_variable(name) | {"attributeValue": value} | _attribute(attribute))
        response = self.csms_sends("SetVariables", setVariableData=asked)
        return self._results(asked, response.payload["setVariableResult"])

    @keyword
    def report_holds_the_required_variables(
        self, report: list[Payload], listing: str, only_settable: bool = False
    ) -> None:
        """Every variable that the listing (CSV) requires is in the report, for every EVSE and connector of
        ``@{CONNECTORS}``; with `only_settable`, those of them that can be set.
        """
        present = {_place(data) for data in report}
        missing = [
            str(place)
            for row in _rows(listing)
            if row["required"] == "yes"
            and (not only_settable or "Write" in row["mutability"].split(" or ")[0])
            for place in _places(row)
            if place not in present
        ]
        if missing:
            raise AssertionError(f"The report lacks {', '.join(missing)}{self._story()}")

    @keyword
    def report_follows_the_standard(self, report: list[Payload], listing: str) -> None:
        """Each reported variable agrees with the listing (CSV) where that has it: data type, mutability,
        unit, limits, values; and with itself: lists have valuesList, values are of their data type, within
        limits and valuesList, left out for WriteOnly and only for that (errata 6.2.19, EVSE.Power aside),
        writable ones are persistent, and none is there twice.
        """
        standard = {place: row for row in _rows(listing) for place in _places(row)}
        wrong: list[str] = []
        seen: set[Place] = set()
        for data in report:
            place = _place(data)
            if place in seen:
                wrong.append(f"{place} is reported twice")
            seen.add(place)
            wrong += [f"{place} {text}" for text in _faults(data, standard.get(place), place)]
        if wrong:
            raise AssertionError("\n".join(wrong))

    @keyword
    def report_holds_only(self, report: list[Payload], *mutabilities: str) -> None:
        """Every reported variable has one of these mutabilities."""
        for data in report:
            for attribute in data["variableAttribute"]:
                mutability = attribute.get("mutability", "ReadWrite")
                if mutability not in mutabilities:
                    raise AssertionError(f"{_place(data)} is {mutability}")

    def _results(self, asked: list[Payload], results: list[Payload]) -> list[Payload]:
        if len(results) != len(asked):
            raise AssertionError(f"{len(results)} results for {len(asked)} variables{self._story()}")
        ordered = []
        for item in asked:
            kind = item.get("attributeType", "Actual")
            found = [
                result
                for result in results
                if variable_name(result) == variable_name(item) and result.get("attributeType") == kind
            ]
            if len(found) != 1:
                raise AssertionError(
                    f"{len(found)} results for {variable_name(item)}, attributeType {kind}{self._story()}"
                )
            ordered.append(found[0])
        return ordered


def _boolean(value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError(value)
    return value == "true"


_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "boolean": _boolean,
    "integer": int,
    "decimal": Decimal,
    "dateTime": datetime.fromisoformat,
}


class Place(NamedTuple):
    """Where a variable stands; names are compared as they are spelt."""

    component: str
    evse: int | None
    connector: int | None
    variable: str
    instance: str | None

    def __str__(self) -> str:
        where = "".join(f" {n}" for n in (self.evse, self.connector) if n is not None)
        return f"{self.component}{where}.{self.variable}" + (f"[{self.instance}]" if self.instance else "")


def _attribute(kind: str | None) -> dict[str, str]:
    return {} if kind is None else {"attributeType": kind}


def _rows(listing: str) -> list[dict[str, str]]:
    with Path(listing).open(newline="") as stream:
        return list(csv.DictReader(stream))


def _places(row: Mapping[str, str]) -> Iterator[Place]:
    """Where the variable of a row is to be found on the station of ``@{CONNECTORS}``."""
    if row["tier"] == "connector":
        tiers: list[tuple[int | None, int | None]] = [*connectors()]
    elif row["tier"] == "EVSE":
        tiers = [(evse, None) for evse in dict.fromkeys(evse for evse, _ in connectors())]
    else:
        tiers = [(None, None)]
    for evse, connector in tiers:
        yield Place(row["component"], evse, connector, row["variable"], row["instance"] or None)


def _place(data: Payload) -> Place:
    evse = data["component"].get("evse", {})
    return Place(
        data["component"]["name"],
        evse.get("id"),
        evse.get("connectorId"),
        data["variable"]["name"],
        data["variable"].get("instance"),
    )


def _faults(data: Payload, row: Mapping[str, str] | None, place: Place) -> Iterator[str]:
    traits = data.get("variableCharacteristics")
    if traits is None:
        yield "has no variableCharacteristics"
        return
    allowed = traits.get("valuesList", "").split(",") if traits.get("valuesList") else []
    if traits["dataType"] in _LISTS and not allowed:
        yield f"is a {traits['dataType']} with no valuesList"
    if row:
        yield from _deviations(traits, allowed, row)
    for attribute in data["variableAttribute"]:
        mutability = attribute.get("mutability", "ReadWrite")
        if row and mutability not in row["mutability"].split(" or "):
            yield f"is {mutability}, not {row['mutability']}"
        if mutability != "ReadOnly" and not attribute.get("persistent", False):
            yield f"is {mutability} but not persistent"
        value = attribute.get("value")
        if mutability == "WriteOnly":
            if value is not None:
                yield "is WriteOnly and has a value"
        elif value is None:
            if (place.component, place.variable) != ("EVSE", "Power"):
                yield "has no value"
        elif fault := _misfit(value, traits, allowed):
            yield f"has the value {value!r}: {fault}"


def _deviations(traits: Payload, allowed: list[str], row: Mapping[str, str]) -> Iterator[str]:
    if traits["dataType"] != row["dataType"]:
        yield f"is a {traits['dataType']}, not a {row['dataType']}"
    if row["unit"] and traits.get("unit") not in row["unit"].split(" or "):
        yield f"has the unit {traits.get('unit')}, not {row['unit']}"
    limit, _, bound = row["limit"].partition(" ")
    if limit and limit not in traits:
        yield f"has no {limit}"
    elif bound and (traits[limit] > int(bound) if limit == "maxLimit" else traits[limit] < int(bound)):
        yield f"has {limit} {traits[limit]}, beyond {bound}"
    if row["values"] and (extra := set(allowed) - set(row["values"].split(","))):
        yield f"allows {', '.join(sorted(extra))}, which the standard does not know"


def _misfit(value: str, traits: Payload, allowed: list[str]) -> str | None:
    kind = traits["dataType"]
    if kind in _LISTS:
        items = value.split(",") if value else []
        if unknown := [item for item in items if item not in allowed]:
            return f"{', '.join(unknown)} not in valuesList"
        if kind == "OptionList" and len(items) != 1:
            return "an OptionList has one value"
        return "the same more than once" if len(set(items)) != len(items) else None
    if kind in _PARSERS:
        try:
            number = _PARSERS[kind](value)
        except (ValueError, InvalidOperation):
            return f"not {kind}"
        return _outside(Decimal(number), traits) if kind in ("integer", "decimal") else None
    return _outside(Decimal(len(value)), traits)


def _outside(size: Decimal, traits: Payload) -> str | None:
    low, high = traits.get("minLimit"), traits.get("maxLimit")
    if low is not None and size < Decimal(str(low)):
        return f"below minLimit {low}"
    if high is not None and size > Decimal(str(high)):
        return f"above maxLimit {high}"
    return None
