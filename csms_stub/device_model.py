"""What a station has reported about itself: variables (B07, B08) and transactions (E)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from csms_stub.messages import Payload


class VariableKey(NamedTuple):
    """Which variable: Component and Variable of Part 2, "Device Model"."""

    component: str
    component_instance: str | None
    evse: int | None
    connector: int | None
    variable: str
    variable_instance: str | None


@dataclass(slots=True)
class Report:
    """All parts of one report (requestId of GetBaseReport or GetReport)."""

    request_id: int
    seq_nos: list[int] = field(default_factory=list)
    last: int | None = None
    """seqNo of the part with tbc false."""

    @property
    def complete(self) -> bool:
        """All parts from seqNo 0 to the last one are there, in order, each once (B07.FR.10)."""
        return self.last is not None and self.seq_nos == list(range(self.last + 1))


class DeviceModel:
    """Filled by NotifyReport. `variables` maps VariableKey to the ReportDataType last received for it."""

    def __init__(self) -> None:
        self.variables: dict[VariableKey, Payload] = {}
        self.reports: dict[int, Report] = {}

    def add(self, payload: Payload) -> None:
        """Take in a valid NotifyReportRequest."""
        report = self.reports.setdefault(payload["requestId"], Report(payload["requestId"]))
        report.seq_nos.append(payload["seqNo"])
        if not payload.get("tbc", False):
            report.last = payload["seqNo"]
        for data in payload.get("reportData", []):
            component, variable = data["component"], data["variable"]
            evse = component.get("evse", {})
            key = VariableKey(
                component["name"],
                component.get("instance"),
                evse.get("id"),
                evse.get("connectorId"),
                variable["name"],
                variable.get("instance"),
            )
            self.variables[key] = data

    def find(
        self,
        component: str,
        variable: str,
        *,
        evse: int | None = None,
        connector: int | None = None,
        component_instance: str | None = None,
        variable_instance: str | None = None,
    ) -> Payload | None:
        """The ReportDataType of one variable, None where it was not reported. Names are case-insensitive."""
        wanted = _folded(component, component_instance, evse, connector, variable, variable_instance)
        return next((data for key, data in self.variables.items() if _folded(*key) == wanted), None)

    def value(self, name: str, *, attribute: str = "Actual", **where: Any) -> str | None:
        """Value of ``Component.Variable`` or ``Component#instance.Variable#instance``, None where it was not
        reported. `where`: evse, connector as for `find`."""
        component, _, variable = name.partition(".")
        component, _, component_instance = component.partition("#")
        variable, _, variable_instance = variable.partition("#")
        data = self.find(
            component,
            variable,
            component_instance=component_instance or None,
            variable_instance=variable_instance or None,
            **where,
        )
        if data is None:
            return None
        for entry in data["variableAttribute"]:
            if entry.get("type", "Actual") == attribute:
                value: str | None = entry.get("value")
                return value
        return None


@dataclass(slots=True)
class Transaction:
    """All TransactionEventRequest payloads of one transaction, in the order received."""

    transaction_id: str
    events: list[Payload] = field(default_factory=list)

    @property
    def seq_nos(self) -> list[int]:
        return [event["seqNo"] for event in self.events]

    @property
    def missing_seq_nos(self) -> list[int]:
        """Gaps between the first and the last event (E01.FR.07, "Sequence Number Generation")."""
        seen = set(self.seq_nos)
        return [number for number in range(min(seen), max(seen)) if number not in seen] if seen else []

    @property
    def started(self) -> bool:
        return any(event["eventType"] == "Started" for event in self.events)

    @property
    def ended(self) -> bool:
        return any(event["eventType"] == "Ended" for event in self.events)

    @property
    def charging_state(self) -> str | None:
        """The last one reported."""
        states = [event["transactionInfo"].get("chargingState") for event in self.events]
        return next((state for state in reversed(states) if state), None)

    @property
    def stopped_reason(self) -> str | None:
        for event in self.events:
            if event["eventType"] == "Ended":
                # Left out means Local (Part 2, TransactionType).
                reason: str = event["transactionInfo"].get("stoppedReason", "Local")
                return reason
        return None


def _folded(*parts: Any) -> tuple[Any, ...]:
    return tuple(part.casefold() if isinstance(part, str) else part for part in parts)
