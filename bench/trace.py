"""What happened in a scenario over virtual time, for pictures: trace.json in its output folder.

Bounded whatever the scenario does: the heap is thinned to its highs and lows, of messages and log lines the
middle is left out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

from bench.rig import Rig
from csms_stub.csms import Csms

TRACE = "trace.json"
"""File in a scenario's output folder: one Trace."""

MESSAGES, LINES, TEXT_LENGTH = 1500, 1000, 16_000
_CUT = " ... (cut)"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trace:
    """All times in virtual ns from the first power-on, all sizes in bytes; every list in order of time.

    messages     (ns, "in" from the station, "out" to it, text on the wire); and (ns, "http", line) for each
                 TLS handshake, HTTP upgrade and request for a file
    violations   (ns, what a message did against schemas or OCPP-J)
    heap         (ns, in use with garbage)
    live         (ns, what could be reached)
    collections  (ns, in use right after a collection)
    resets       (ns, cause), power-on included
    acts         (ns, who, what): what the scenario did to the station, its driver and its network
    log          (ns, line of the firmware's log)
    end          virtual ns at the end
    left_out     name of a list -> how many of its middle entries are not in it
    """

    messages: list[tuple[int, str, str]]
    violations: list[tuple[int, str]]
    heap: list[tuple[int, int]]
    live: list[tuple[int, int]]
    collections: list[tuple[int, int]]
    resets: list[tuple[int, str]]
    acts: list[tuple[int, str, str]]
    log: list[tuple[int, str]]
    end: int
    left_out: dict[str, int] = field(default_factory=dict)


def record(rig: Rig, acts: Sequence[tuple[int, str, str]], folder: Path) -> None:
    """Write the trace of a run that has come to its end into its output folder."""
    whole = {
        "messages": len(messages := _messages(rig)),
        "violations": len(violations := _violations(rig.csms)),
        "resets": len(rig.resets),
        "acts": len(acts),
        "log": len(rig.log),
    }
    trace = Trace(
        messages=bounded(messages, MESSAGES),
        violations=bounded(violations),
        heap=rig.ram.in_use.points,
        live=rig.ram.reached.points,
        collections=rig.ram.collected.points,
        resets=bounded([(reset.at_ns, reset.cause) for reset in rig.resets]),
        acts=bounded(acts),
        log=bounded([(line.at_ns, _short(line.text)) for line in rig.log]),
        end=rig.now_ns,
    )
    for name, count in whole.items():
        if left := count - len(getattr(trace, name)):
            trace.left_out[name] = left
    (folder / TRACE).write_text(json.dumps(asdict(trace), separators=(",", ":")))


def bounded(entries: Sequence[T], most: int = LINES) -> list[T]:
    """All of them, or the first and the last, `most` together."""
    if len(entries) <= most:
        return list(entries)
    return [*entries[: most - most // 2], *entries[len(entries) - most // 2 :]]


def _messages(rig: Rig) -> list[tuple[int, str, str]]:
    csms = rig.csms
    found = [(at_ns, "http", line) for at_ns, line in rig.hosts.transcript()]
    found += [
        (shake.at_ns, "http", f"GET {shake.path} {shake.status} {shake.reason}".rstrip())
        for connection in csms.connections
        if (shake := connection.handshake)
    ]
    found += [
        (m.at_ns, str(m.direction), _short(m.text))
        for session in csms.sessions.values()
        for m in session.transcript
    ]
    return sorted(found, key=lambda entry: entry[0])


def _violations(csms: Csms) -> list[tuple[int, str]]:
    found = [
        (message.at_ns, _short(text))
        for session in csms.sessions.values()
        for message in session.transcript
        for text in message.violations
    ]
    return sorted(found, key=lambda entry: entry[0])


def _short(text: str) -> str:
    return text if len(text) <= TEXT_LENGTH else text[:TEXT_LENGTH] + _CUT
