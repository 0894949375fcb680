"""The Renode models that a board of this bench may have, and the check of a description against them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from . import repl
from .base import PlatformError
from .repl import Description, Entry, Irq, Range, Reference, Registration, Statement, Value

IRQ_LINES = 240
"""The most that an Armv7-M NVIC can have."""
MAX_MEMORY = 64 << 20
PAGE = 0x400
"""Memories start and end on multiples of this."""

NVIC = "IRQControllers.NVIC"
CPU = "CPU.CortexM"
MEMORIES = ("Memory.MappedMemory", "Memory.ArrayMemory")
CPU_TYPES = ("cortex-m4", "cortex-m4f")
SCRIPTED = ("nvmc",)
"""Names of entries of type Python.PythonPeripheral: their script is for Renode, and the model that stands in
for it goes by the entry's name."""


@dataclass(frozen=True, slots=True)
class Model:
    """What an entry of a type may say. `attributes` maps names to kinds: int, bool, str, list, enum, value
    (anything), or the type of the entry referred to. `irqs` are its interrupt outputs, "" the default one;
    `wants_irq` those it is of no use without."""

    size: int | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    irqs: frozenset[str] = frozenset()
    wants_irq: bool = False
    addressed: bool = True


def _one_irq(size: int, **attributes: str) -> Model:
    return Model(size, attributes, irqs=frozenset({"", "IRQ"}), wants_irq=True)


def _guarded_flash(size: int, *more: str) -> Model:
    names = ("guardedStart", "guardedSize", "slotStart", "slotStart2", "slotSize", *more)
    attributes = {"flash": "Memory.MappedMemory"} | dict.fromkeys(names, "int")
    return Model(size, attributes, frozenset(attributes))


MODELS: dict[str, Model] = {
    **{t: Model(None, {"size": "int", "ResetByte": "int"}, frozenset({"size"})) for t in MEMORIES},
    NVIC: Model(
        0x1000,
        {"priorityMask": "int", "systickFrequency": "int"},
        irqs=frozenset({"", "IRQ"}),
        wants_irq=True,
    ),
    CPU: Model(
        None,
        {"cpuType": "str", "nvic": NVIC, "PerformanceInMips": "int"},
        frozenset({"cpuType", "nvic", "PerformanceInMips"}),
        addressed=False,
    ),
    "Miscellaneous.STM32F4_RCC": Model(
        0x400, {"rtcPeripheral": "Timers.STM32F4_RTC"}, irqs=frozenset({"Timer9Reset"})
    ),
    "Timers.STM32F4_RTC": Model(0x400, {}, irqs=frozenset({"AlarmIRQ"})),
    "Miscellaneous.STM32_PWR": Model(0x400),
    "MTD.STM32F4_FlashController": Model(0x400, {"flash": "Memory.MappedMemory"}, frozenset({"flash"})),
    "GPIOPort.STM32_GPIOPort": Model(
        0x400,
        {
            "modeResetValue": "int",
            "outputSpeedResetValue": "int",
            "pullUpPullDownResetValue": "int",
            "numberOfAFs": "int",
            "invertedAFPins": "list",
        },
    ),
    "UART.STM32_UART": _one_irq(0x400, frequency="int"),
    "Timers.STM32_Timer": Model(
        0x400,
        {"frequency": "int", "initialLimit": "int"},
        frozenset({"initialLimit"}),
        frozenset({"", "IRQ"}),
        True,
    ),
    "Miscellaneous.STM32F4_RNG": _one_irq(0x400),
    "Timers.STM32_IndependentWatchdog": Model(
        0x400,
        {"frequency": "int", "windowOption": "bool", "defaultPrescaler": "int"},
        frozenset({"frequency"}),
    ),
    "Miscellaneous.NRF_CLOCK": _one_irq(0x1000),
    "UART.NRF52840_UART": _one_irq(0x1000, easyDMA="bool"),
    "Timers.NRF52840_Timer": Model(
        0x1000, {"numberOfEvents": "int"}, frozenset({"numberOfEvents"}), frozenset({"", "IRQ"}), True
    ),
    "Miscellaneous.NRF52840_RNG": _one_irq(0x1000),
    "Timers.NRF52840_Watchdog": _one_irq(0x1000),
    "GPIOPort.NRF52840_GPIO": Model(0x300),
    # ours, for Renode: platforms/models/
    "Miscellaneous.STM32F4_RCC_ResetFlags": Model(0x400, {"rtcPeripheral": "Timers.STM32F4_RTC"}),
    "MTD.STM32F4_FLASH": _guarded_flash(0x400, "guardedStart2", "guardedSize2"),
    "UART.STM32F4_USART": _one_irq(0x400, frequency="int"),
    "Timers.STM32F4_IWDG": Model(
        0x400,
        {"frequency": "int", "rcc": "Miscellaneous.STM32F4_RCC_ResetFlags"},
        frozenset({"frequency", "rcc"}),
    ),
    "Miscellaneous.NRF52840_POWER_CLOCK": _one_irq(0x1000),
    "UART.NRF52840_UARTE": _one_irq(0x1000),
    "Timers.NRF52840_TIMER": Model(
        0x1000, {"numberOfEvents": "int"}, frozenset({"numberOfEvents"}), frozenset({"", "IRQ"}), True
    ),
    "Timers.NRF52840_WDT": _one_irq(0x1000, power="Miscellaneous.NRF52840_POWER_CLOCK"),
    "MTD.NRF52840_NVMC": _guarded_flash(0x1000),
    "Python.PythonPeripheral": Model(
        None, {"size": "int", "initable": "bool", "script": "str", "filename": "str"}, frozenset({"size"})
    ),
}


@dataclass(frozen=True, slots=True)
class Tag:
    """Addresses that read as a constant (`sysbus: init: Tag <begin, end> "NAME" value`)."""

    name: str
    address: int
    size: int
    value: int


@dataclass(frozen=True, slots=True)
class Poke:
    """Contents of a memory at the start (`sysbus: init: WriteDoubleWord address value`)."""

    address: int
    data: bytes
    statement: Statement


@dataclass(frozen=True, slots=True)
class Board:
    """A description that was found sound: all types known, one CPU, one NVIC, nothing overlaps."""

    description: Description
    cpu: Entry
    nvic: Entry
    memories: list[Entry]
    peripherals: list[Entry]
    tags: list[Tag]
    pokes: list[Poke]


def load(path: Path) -> Board:
    """Read a platform file and check it. Raises PlatformError."""
    return check(repl.read(path))


def check(description: Description) -> Board:
    """Raises PlatformError for what could not be honoured."""
    entries = description.entries
    for entry in entries.values():
        _check_entry(entry, entries)
    cpu = _the_only(description, CPU, "CPU")
    nvic = _the_only(description, NVIC, "NVIC")
    if cpu.attributes["cpuType"] not in CPU_TYPES:
        raise cpu.error(f"cpuType {cpu.attributes['cpuType']!r} is none of {', '.join(CPU_TYPES)}", "cpuType")
    mips = cpu.attributes["PerformanceInMips"]
    if not isinstance(mips, int) or not 0 < mips <= 10_000:
        raise cpu.error(f"PerformanceInMips {mips} is not within 1 to 10000", "PerformanceInMips")
    _check_irqs(entries, nvic, cpu)
    tags, pokes = _statements(description)
    _check_overlaps(entries, tags)
    memories = [entry for entry in entries.values() if entry.type in MEMORIES]
    _check_pokes(memories, pokes)
    others = [e for e in entries.values() if e.type not in {CPU, NVIC, *MEMORIES}]
    return Board(description, cpu, nvic, memories, others, tags, pokes)


def size_of(entry: Entry, registration: Registration) -> int:
    """Bytes that a registration covers."""
    if registration.size is not None:
        return registration.size
    size = entry.attributes.get("size")
    if isinstance(size, int):
        return size
    return MODELS[entry.type].size or 0


def _check_entry(entry: Entry, entries: dict[str, Entry]) -> None:
    model = MODELS.get(entry.type)
    if model is None:
        raise entry.error(f"type {entry.type!r} has no model here; known are {', '.join(sorted(MODELS))}")
    for name, value in entry.attributes.items():
        kind = model.attributes.get(name)
        if kind is None:
            known = ", ".join(sorted(model.attributes)) or "none"
            raise entry.error(f"{entry.type} has no attribute {name!r} here; known: {known}", name)
        _check_value(entry, name, kind, value, entries)
    for name in sorted(model.required):
        if entry.attributes.get(name) is None:
            raise entry.error(f"{entry.type} needs the attribute {name!r}")
    if entry.type == "Python.PythonPeripheral" and entry.name not in SCRIPTED:
        raise entry.error(f"a Python peripheral needs a model of the same name; known: {', '.join(SCRIPTED)}")
    if "ResetByte" in entry.attributes and entry.attributes["ResetByte"] not in {0, 0xFF}:
        raise entry.error("ResetByte is 0 or 0xFF", "ResetByte")
    for section, statements in entry.statements.items():
        if statements:
            raise statements[0].location.error(
                f"{entry.name}: {section} of an entry other than sysbus has no effect here"
            )
    for registration in entry.registrations:
        _check_registration(entry, registration, model)
    if model.addressed and not entry.registrations:
        raise entry.error("is attached to no bus (@ sysbus ADDRESS)")


def _check_value(entry: Entry, name: str, kind: str, value: Value, entries: dict[str, Entry]) -> None:
    plain = {"int": int, "str": str, "list": list}
    if kind == "int" and (type(value) is not int or value < 0):
        raise entry.error(f"{name} is to be a number of 0 or more", name)
    if kind == "bool" and type(value) is not bool:
        raise entry.error(f"{name} is to be true or false", name)
    if kind in plain and not isinstance(value, plain[kind]):
        raise entry.error(f"{name} is to be of kind {kind}", name)
    if "." in kind and value is not None:
        target = entries.get(value.name) if isinstance(value, Reference) else None
        if target is None or target.type != kind:
            raise entry.error(f"{name} is to be the name of an entry of type {kind}", name)


def _check_registration(entry: Entry, registration: Registration, model: Model) -> None:
    if registration.bus != "sysbus":
        raise registration.location.error(
            f"{entry.name}: is attached to {registration.bus!r}; there is only sysbus here"
        )
    if not model.addressed:
        return
    if registration.address is None:
        raise registration.location.error(f"{entry.name}: has no address")
    size = size_of(entry, registration)
    end = registration.address + size
    if registration.address < 0 or end > 1 << 32:
        raise registration.location.error(
            f"{entry.name}: 0x{registration.address:X} + 0x{size:X} is beyond 32 bits"
        )
    if size == 0 or size > (MAX_MEMORY if entry.type in MEMORIES else 1 << 20):
        raise registration.location.error(
            f"{entry.name}: a size of 0x{size:X} bytes is none for {entry.type}"
        )
    if registration.address % 4 or size % 4:
        raise registration.location.error(f"{entry.name}: address and size are to be multiples of 4")
    if entry.type in MEMORIES and (registration.address % PAGE or size % PAGE):
        raise registration.location.error(
            f"{entry.name}: address and size of a memory are multiples of 0x{PAGE:X}"
        )


def _the_only(description: Description, kind: str, what: str) -> Entry:
    found = [entry for entry in description.entries.values() if entry.type == kind]
    if not found:
        raise PlatformError(f"{description.file}:1: the board has no {what} ({kind})")
    if len(found) > 1:
        raise found[1].error(f"a second {what}; the first is {found[0].name}")
    return found[0]


def _check_irqs(entries: dict[str, Entry], nvic: Entry, cpu: Entry) -> None:
    lines: dict[int, Irq] = {}
    for entry in entries.values():
        model = MODELS[entry.type]
        for irq in entry.irqs:
            if irq.source not in model.irqs:
                raise irq.location.error(f"{entry.name}: {entry.type} has no interrupt output {irq.source!r}")
            if entry is nvic:
                if irq.target != cpu.name:
                    raise irq.location.error(f"{entry.name}: is to be connected to the CPU, {cpu.name!r}")
                continue
            if irq.target != nvic.name:
                raise irq.location.error(f"{entry.name}: {irq.target!r} is not the NVIC, {nvic.name!r}")
            if not 0 <= irq.line < IRQ_LINES:
                raise irq.location.error(
                    f"{entry.name}: interrupt {irq.line} is not within 0 to {IRQ_LINES - 1}"
                )
            if irq.line in lines:
                other = lines[irq.line].location.line
                raise irq.location.error(
                    f"{entry.name}: interrupt {irq.line} has a source in line {other} already"
                )
            lines[irq.line] = irq
        if model.wants_irq and not entry.irqs:
            raise entry.error(f"{entry.type} is connected to no interrupt (-> {nvic.name}@N)")


def _check_overlaps(entries: dict[str, Entry], tags: list[Tag]) -> None:
    spans: list[tuple[int, int, Entry, Registration]] = []
    for entry in entries.values():
        for registration in entry.registrations:
            if registration.address is not None and MODELS[entry.type].addressed:
                end = registration.address + size_of(entry, registration)
                spans.append((registration.address, end, entry, registration))
    spans.sort(key=lambda span: span[0])
    for (_, end, first, _), (start, _, second, registration) in pairwise(spans):
        if start < end:
            raise registration.location.error(f"{second.name}: 0x{start:08X} belongs to {first.name} already")


def _statements(description: Description) -> tuple[list[Tag], list[Poke]]:
    tags: list[Tag] = []
    pokes: list[Poke] = []
    widths = {"WriteDoubleWord": 4, "WriteWord": 2, "WriteByte": 1}
    sysbus = description.sysbus
    for name in sysbus.attributes:
        raise sysbus.error(f"the system bus has no attribute {name!r} here", name)
    for registration in sysbus.registrations:
        raise registration.location.error("sysbus cannot be attached to anything")
    for irq in sysbus.irqs:
        raise irq.location.error("sysbus has no interrupts")
    for section, statements in sysbus.statements.items():
        for statement in statements:
            match list(repl.words(statement)) if section == "init" else None:
                case ["Tag", Range() as span, str(name), *rest] if len(rest) <= 1 and all(
                    isinstance(value, int) for value in rest
                ):
                    value = rest[0] if rest else 0
                    assert isinstance(value, int)
                    tags.append(Tag(name, span.begin, span.size, value))
                case [str(command), int(address), int(value)] if command in widths:
                    width = widths[command]
                    if value >> 8 * width:
                        raise statement.location.error(f"0x{value:X} does not fit into {width} bytes")
                    pokes.append(Poke(address, value.to_bytes(width, "little"), statement))
                case _:
                    raise statement.location.error(
                        f"sysbus: {section}: {statement.text.split()[0]!r} is not understood; "
                        f'known in init: Tag <begin, end> "NAME" value, {", ".join(widths)} ADDRESS VALUE'
                    )
    return tags, pokes


def _check_pokes(memories: list[Entry], pokes: list[Poke]) -> None:
    for poke in pokes:
        end = poke.address + len(poke.data)
        if not any(
            r.address is not None and r.address <= poke.address and end <= r.address + size_of(memory, r)
            for memory in memories
            for r in memory.registrations
        ):
            raise poke.statement.location.error(f"0x{poke.address:08X} is in none of the board's memories")
