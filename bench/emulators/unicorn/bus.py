"""Which peripheral answers at which address."""

from __future__ import annotations

from .. import catalogue
from ..catalogue import PAGE, Tag
from .core import BusError, Core, ReadCallback, WriteCallback
from .peripherals.base import Peripheral
from .system import DWT, SCS, CycleCounter, SystemControl

_Span = tuple[int, int, Peripheral | Tag]
Counts = list[int]
"""[reads, writes]"""


def map_devices(
    core: Core, peripherals: list[Peripheral], tags: list[Tag], counts: dict[str, Counts]
) -> None:
    """Put all peripherals and tags at their addresses. Every access is added to `counts` by name."""
    spans: list[_Span] = [(tag.address, tag.address + tag.size, tag) for tag in tags]
    for peripheral in peripherals:
        for registration in peripheral.entry.registrations:
            if registration.address is not None and registration.region is None:
                size = catalogue.size_of(peripheral.entry, registration)
                spans.append((registration.address, registration.address + size, peripheral))
    pages: dict[int, list[_Span]] = {}
    for span in spans:
        for page in range(span[0] // PAGE, -(-span[1] // PAGE)):
            pages.setdefault(page, []).append(span)
    for page, owners in sorted(pages.items()):
        start, end, only = owners[0]
        if (
            len(owners) == 1
            and isinstance(only, Peripheral)
            and start <= page * PAGE
            and (page + 1) * PAGE <= end
        ):
            read, write = _callbacks(only, start, counts[only.name])
        else:
            read, write = _shared(owners, counts)
        core.map_device(page * PAGE, PAGE, read, write)


def map_system(core: Core, system: SystemControl, cycles: CycleCounter, counts: Counts) -> None:
    """The private peripheral bus."""
    for base, block in ((SCS, system), (DWT, cycles)):
        _map_block(core, base, block, counts)


def _map_block(core: Core, base: int, block: SystemControl | CycleCounter, counts: Counts) -> None:
    def read(address: int, size: int) -> int:
        counts[0] += 1
        return block.read(address, size)

    def write(address: int, size: int, value: int) -> None:
        counts[1] += 1
        block.write(address, size, value)

    core.map_device(base, 0x1000, read, write)


def _callbacks(peripheral: Peripheral, base: int, counts: Counts) -> tuple[ReadCallback, WriteCallback]:
    read_word, write_word = peripheral.read, peripheral.write

    def read(address: int, size: int) -> int:
        counts[0] += 1
        if not peripheral.clocked:
            return 0
        offset = address - base
        if size == 4 and not offset & 3:
            return read_word(offset)
        return read_word(offset & ~3) >> 8 * (offset & 3) & (1 << 8 * size) - 1

    def write(address: int, size: int, value: int) -> None:
        counts[1] += 1
        if peripheral.clocked:
            offset = address - base
            write_word(offset & ~3, (value << 8 * (offset & 3)) & 0xFFFF_FFFF)

    return read, write


def _tag_callbacks(tag: Tag) -> tuple[ReadCallback, WriteCallback]:
    def read(address: int, size: int) -> int:
        return tag.value >> 8 * (address - tag.address) & (1 << 8 * size) - 1

    return read, lambda _address, _size, _value: None


def _shared(owners: list[_Span], counts: dict[str, Counts]) -> tuple[ReadCallback, WriteCallback]:
    """A page with several owners, or with addresses that nobody owns."""
    parts: list[tuple[int, int, ReadCallback, WriteCallback]] = []
    for start, end, target in owners:
        pair = (
            _tag_callbacks(target)
            if isinstance(target, Tag)
            else _callbacks(target, start, counts[target.name])
        )
        parts.append((start, end, *pair))

    def owner(address: int) -> tuple[ReadCallback, WriteCallback]:
        for start, end, read, write in parts:
            if start <= address < end:
                return read, write
        raise BusError

    def read(address: int, size: int) -> int:
        return owner(address)[0](address, size)

    def write(address: int, size: int, value: int) -> None:
        owner(address)[1](address, size, value)

    return read, write
