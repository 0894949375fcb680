"""Where Unicorn keeps the number of executed instructions.

``uc_emu_start(count=N)`` counts every instruction in a field of the private ``struct uc_struct`` and stops
when the count exceeds a second field beside it. Neither has a public accessor, and virtual time is made of
the first. So the two fields are found by running programs of known length, and checked from inside a run
before anything relies on them. Where that does not work out, nothing runs: a wrong clock is worse than none.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache

import unicorn
from unicorn.arm_const import UC_ARM_REG_PC, UC_CPU_ARM_CORTEX_M4

from ..base import EmulatorError

SUPPORTED_VERSION = "2.1.4"

_WORD = ctypes.sizeof(ctypes.c_size_t)
_CODE = 0x1000
_DEVICE = 0x4000_0000
_LENGTHS = (4099, 271, 65521)
_DEVICE_INSTRUCTION = 7
"""The position, from 1, of the load in the checking program."""


class CalibrationError(EmulatorError):
    """The executed-instruction counter of this Unicorn build was not found, or does not count as expected."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"unicorn {unicorn.__version__}: {reason}; virtual time would be wrong, so no board is started. "
            f"Install unicorn=={SUPPORTED_VERSION} from its own wheel"
        )


@dataclass(frozen=True, slots=True)
class Counter:
    """The two fields of one engine, as live views.

    `executed.value` counts the instruction being executed too; `limit.value` may be lowered during a run,
    which then ends before the first instruction whose count would exceed it.
    """

    executed: ctypes.c_size_t
    limit: ctypes.c_size_t


def attach(uc: unicorn.Uc) -> Counter:
    """The counter of this engine. Raises CalibrationError."""
    offset = locate()
    address = _address(uc)
    return Counter(
        ctypes.c_size_t.from_address(address + offset), ctypes.c_size_t.from_address(address + offset + _WORD)
    )


@cache
def locate() -> int:
    """Offset of the counter in ``struct uc_struct``, in bytes. Raises CalibrationError."""
    if unicorn.__version__ != SUPPORTED_VERSION:
        raise CalibrationError(f"this bench knows version {SUPPORTED_VERSION} only")
    uc = _engine()
    candidates: set[int] | None = None
    for length in _LENGTHS:
        uc.emu_start(_CODE | 1, 0, count=length)
        words = _words(uc)
        found = {
            i * _WORD for i in range(len(words) - 1) if words[i] == length + 1 and words[i + 1] == length
        }
        candidates = found if candidates is None else candidates & found
    if not candidates:
        raise CalibrationError("the counter of executed instructions was not found")
    if len(candidates) > 1:
        raise CalibrationError(f"{len(candidates)} fields look like the counter of executed instructions")
    offset = candidates.pop()
    _check(offset)
    return offset


def _engine() -> unicorn.Uc:
    uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
    uc.ctl_set_cpu_model(UC_CPU_ARM_CORTEX_M4)
    uc.mem_map(_CODE, 0x1000)
    nops = b"\x00\xbf" * 63 + b"\xbf\xe7"  # 63 NOPs and a branch back to the first
    uc.mem_write(_CODE, nops)
    return uc


def _check(offset: int) -> None:
    """From inside a run: the count at a known instruction, and a lowered limit that ends the run after it."""
    uc = _engine()
    executed = ctypes.c_size_t.from_address(_address(uc) + offset)
    limit = ctypes.c_size_t.from_address(_address(uc) + offset + _WORD)
    seen: list[int] = []

    def load(_uc: unicorn.Uc, _offset: int, _size: int, _data: object) -> int:
        seen.append(executed.value)
        limit.value = executed.value
        return 0

    uc.mmio_map(_DEVICE, 0x1000, load, None, None, None)
    uc.mem_write(_CODE + 2 * (_DEVICE_INSTRUCTION - 1), b"\x01\x68")  # ldr r1, [r0]
    uc.reg_write(unicorn.arm_const.UC_ARM_REG_R0, _DEVICE)
    uc.emu_start(_CODE | 1, 0, count=1000)
    if seen != [_DEVICE_INSTRUCTION]:
        raise CalibrationError(f"at instruction {_DEVICE_INSTRUCTION} the counter read {seen}")
    if (
        executed.value != _DEVICE_INSTRUCTION + 1
        or uc.reg_read(UC_ARM_REG_PC) != _CODE + 2 * _DEVICE_INSTRUCTION
    ):
        raise CalibrationError("a lowered limit does not end the run at the next instruction")


def _words(uc: unicorn.Uc) -> list[int]:
    """The engine's private structure as machine words, no further than the allocator gave it."""
    try:
        usable_size = ctypes.CDLL(None).malloc_usable_size
    except (AttributeError, OSError, TypeError):
        raise CalibrationError(
            "the C library does not tell the size of an allocation (malloc_usable_size)"
        ) from None
    usable_size.restype = ctypes.c_size_t
    usable_size.argtypes = [ctypes.c_void_p]
    address = _address(uc)
    size = usable_size(address)
    return list((ctypes.c_size_t * (size // _WORD)).from_address(address))


def _address(uc: unicorn.Uc) -> int:
    handle = getattr(uc, "_uch", None)
    address = getattr(handle, "value", None)
    if not isinstance(address, int) or address == 0:
        raise CalibrationError("the binding does not expose the engine's handle")
    return address
