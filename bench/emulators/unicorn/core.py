"""The Cortex-M4F core of Unicorn: memories, registers in batches, counted runs. Only this file and counter.py
use the binding.

The binding's own wrappers cost 2 to 3 us for each register, so batches go to the C library directly, with
arrays that are allocated once.
"""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Callable, Sequence
from enum import Enum, auto

import unicorn
from unicorn import arm_const as arm
from unicorn import unicorn_const as const
from unicorn.unicorn_py3.unicorn import (
    HOOK_CODE_CFUNC,
    HOOK_INTR_CFUNC,
    HOOK_MEM_ACCESS_CFUNC,
    HOOK_MEM_INVALID_CFUNC,
    MMIO_READ_CFUNC,
    MMIO_WRITE_CFUNC,
    uclib,
)

from ..base import EmulatorError
from . import counter

# qemu/target/arm/cpu.h
_EXCP_SWI = 2
_EXCP_PREFETCH_ABORT = 3
_EXCP_DATA_ABORT = 4
_EXCP_BKPT = 7
_EXCP_EXCEPTION_EXIT = 8
_EXCP_NOCP = 17
_EXCP_INVSTATE = 18
_EXCP_UNALIGNED = 22

_THUMB = 1 << 24
_SYNDROME_UNDEFINED = 0x0200_0000
_SYNDROME_NONE = 0
"""QEMU notes the cause of an undefined instruction in its syndrome register (syn_uncategorized). WFE and
YIELD end a run with the same error, but leave no such cause."""

READ, WRITE, EXECUTE = const.UC_PROT_READ, const.UC_PROT_WRITE, const.UC_PROT_EXEC


class Stop(Enum):
    """Why a run ended."""

    LIMIT = auto()
    WFI = auto()
    WFE = auto()
    """Or YIELD."""
    SVC = auto()
    BKPT = auto()
    EXCEPTION_RETURN = auto()
    UNDEFINED = auto()
    INVALID_STATE = auto()
    NO_COPROCESSOR = auto()
    UNALIGNED = auto()
    READ_FAULT = auto()
    WRITE_FAULT = auto()
    FETCH_FAULT = auto()


_FAULTS = {
    _EXCP_BKPT: Stop.BKPT,
    _EXCP_DATA_ABORT: Stop.UNALIGNED,
    _EXCP_NOCP: Stop.NO_COPROCESSOR,
    _EXCP_INVSTATE: Stop.INVALID_STATE,
    _EXCP_UNALIGNED: Stop.UNALIGNED,
}


_ERRORS = {
    const.UC_ERR_INSN_INVALID: Stop.INVALID_STATE,
    const.UC_ERR_EXCEPTION: Stop.INVALID_STATE,
    const.UC_ERR_READ_UNMAPPED: Stop.READ_FAULT,
    const.UC_ERR_READ_PROT: Stop.READ_FAULT,
    const.UC_ERR_WRITE_UNMAPPED: Stop.WRITE_FAULT,
    const.UC_ERR_WRITE_PROT: Stop.WRITE_FAULT,
    const.UC_ERR_FETCH_UNMAPPED: Stop.FETCH_FAULT,
    const.UC_ERR_FETCH_PROT: Stop.FETCH_FAULT,
}


_running: list[Core] = []
"""The one that executes, if any."""


def _ctrl_c(number: int, frame: object) -> None:
    """Python's own reaction, but never within a run: what is raised on the way into a callback is lost."""
    if _running:
        _running[0]._abort(KeyboardInterrupt())
    else:
        raise KeyboardInterrupt


class BusError(Exception):
    """Raised by a peripheral that answers an access with a bus error."""


class Batch:
    """Registers that are read or written together, in this order."""

    def __init__(self, handle: ctypes.c_void_p, registers: Sequence[int]) -> None:
        count = len(registers)
        self._handle = handle
        self._count = count
        self._ids = (ctypes.c_int * count)(*registers)
        self._values = (ctypes.c_uint32 * count)()
        base = ctypes.addressof(self._values)
        self._pointers = (ctypes.c_void_p * count)(*(base + 4 * i for i in range(count)))

    def read(self) -> list[int]:
        uclib.uc_reg_read_batch(self._handle, self._ids, self._pointers, self._count)
        return list(self._values)

    def write(self, *values: int) -> None:
        self._values[:] = list(values)
        uclib.uc_reg_write_batch(self._handle, self._ids, self._pointers, self._count)


ReadCallback = Callable[[int, int], int]
"""(address, size) -> value"""
WriteCallback = Callable[[int, int, int], None]
"""(address, size, value)"""

REGISTERS = {
    **{f"r{i}": getattr(arm, f"UC_ARM_REG_R{i}") for i in range(13)},
    "sp": arm.UC_ARM_REG_SP,
    "lr": arm.UC_ARM_REG_LR,
    "pc": arm.UC_ARM_REG_PC,
    "xpsr": arm.UC_ARM_REG_XPSR,
    "msp": arm.UC_ARM_REG_MSP,
    "psp": arm.UC_ARM_REG_PSP,
    "primask": arm.UC_ARM_REG_PRIMASK,
    "basepri": arm.UC_ARM_REG_BASEPRI,
    "faultmask": arm.UC_ARM_REG_FAULTMASK,
    "control": arm.UC_ARM_REG_CONTROL,
    "fpscr": arm.UC_ARM_REG_FPSCR,
    **{f"s{i}": getattr(arm, f"UC_ARM_REG_S{i}") for i in range(32)},
}


class Core:
    """One engine.

    `fault_address` and `fault_pc` belong to the last READ_FAULT, WRITE_FAULT or FETCH_FAULT.
    """

    def __init__(self) -> None:
        self._uc = uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
        uc.ctl_set_cpu_model(arm.UC_CPU_ARM_CORTEX_M4)
        found = counter.attach(uc)
        self.executed = found.executed
        self.limit = found.limit
        self._handle = uc._uch
        self._keep: list[object] = []
        self._error: BaseException | None = None
        self._interrupt = 0
        self._bus_error: tuple[Stop, int] | None = None
        self._saved: list[int] = []
        self._stale: list[tuple[int, int]] = []
        self._no_it = ctypes.c_uint32(_THUMB)
        self._no_it_ref = ctypes.byref(self._no_it)
        self._pc = ctypes.c_uint32()
        self._pc_ref = ctypes.byref(self._pc)
        self.fault_address = 0
        self.write_protected: Callable[[int, int, int], bool] | None = None
        """(address, size, value) of a store to read-only memory; False makes it a bus error."""
        self.all_registers = self.batch(
            [REGISTERS[f"r{i}"] for i in range(13)] + [REGISTERS[n] for n in ("sp", "lr", "xpsr")]
        )
        self._syndrome = self.batch([arm.UC_ARM_REG_ESR])
        self._cause = self.batch([arm.UC_ARM_REG_ESR, arm.UC_ARM_REG_XPSR])
        self._syndrome.write(_SYNDROME_NONE)
        self._hook(const.UC_HOOK_INTR, HOOK_INTR_CFUNC(self._on_interrupt))
        invalid = const.UC_HOOK_MEM_UNMAPPED | const.UC_HOOK_MEM_PROT
        self._hook(invalid, HOOK_MEM_INVALID_CFUNC(self._on_invalid))
        unchanged = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if unchanged and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, _ctrl_c)

    def close(self) -> None:
        if self._handle:
            self._uc._Uc__finalizer()
            self._handle = None

    def batch(self, registers: Sequence[int]) -> Batch:
        return Batch(self._handle, registers)

    def _hook(self, kind: int, callback: object, begin: int = 1, end: int = 0) -> None:
        self._keep.append(callback)
        handle = ctypes.c_size_t()
        status = uclib.uc_hook_add(
            self._handle,
            ctypes.byref(handle),
            kind,
            ctypes.cast(callback, ctypes.c_void_p),  # type: ignore[arg-type]
            None,
            ctypes.c_uint64(begin),
            ctypes.c_uint64(end),
        )
        self._check(status)

    @staticmethod
    def _check(status: int) -> None:
        if status != const.UC_ERR_OK:
            raise EmulatorError(f"unicorn: {unicorn.UcError(status)}")

    # Memory

    def map_memory(self, address: int, buffer: ctypes.Array[ctypes.c_char], access: int) -> None:
        """Show this host buffer at an address; the same buffer may appear at several."""
        self._keep.append(buffer)
        self._check(
            uclib.uc_mem_map_ptr(
                self._handle,
                ctypes.c_uint64(address),
                ctypes.c_size_t(len(buffer)),
                access,
                ctypes.addressof(buffer),
            )
        )

    def map_device(self, address: int, size: int, read: ReadCallback, write: WriteCallback) -> None:
        """Call back for every access to a range (multiples of 1 KB)."""

        def on_read(_uc: object, offset: int, width: int, _data: object) -> int:
            try:
                return read(address + offset, width)
            except BusError:
                self._note_bus_error(Stop.READ_FAULT, address + offset)
            except BaseException as error:
                self._abort(error)
            return 0

        def on_write(_uc: object, offset: int, width: int, value: int, _data: object) -> None:
            try:
                write(address + offset, width, value)
            except BusError:
                self._note_bus_error(Stop.WRITE_FAULT, address + offset)
            except BaseException as error:
                self._abort(error)

        callbacks = (MMIO_READ_CFUNC(on_read), MMIO_WRITE_CFUNC(on_write))
        self._keep.append(callbacks)
        self._check(
            uclib.uc_mmio_map(
                self._handle,
                ctypes.c_uint64(address),
                ctypes.c_size_t(size),
                callbacks[0],
                None,
                callbacks[1],
                None,
            )
        )

    def on_block(self, address: int, callback: Callable[[], None]) -> None:
        """Call back before the instruction at an address where code is jumped to: function, return address.

        A run that ends right before it calls back again as the next one begins.
        """

        def on_code(_uc: object, _address: int, _size: int, _data: object) -> None:
            try:
                callback()
            except BaseException as error:
                self._abort(error)

        # With a second UC_HOOK_CODE Unicorn would count instructions the slow way, all of them.
        self._hook(const.UC_HOOK_BLOCK, HOOK_CODE_CFUNC(on_code), address, address)
        self.forget_code(address, 2)

    def count_accesses(self, address: int, size: int, counts: list[int]) -> None:
        """Add every load from and store to a mapped memory to counts[0] and counts[1]: slow.

        An access across two pages is one, each register of an LDM, STM or STRD is one, and a STREX that
        stores is a load and a store. What goes around the core is not counted: the stacking of exceptions,
        vectors, DMA.
        """

        def on_load(_uc: object, _access: int, _a: int, _s: int, _v: int, _d: object) -> None:
            counts[0] += 1
            self._leave_it_block()

        def on_store(_uc: object, _access: int, _a: int, _s: int, _v: int, _d: object) -> None:
            counts[1] += 1
            self._leave_it_block()

        def on_protected_store(_uc: object, _access: int, _a: int, _s: int, _v: int, _d: object) -> None:
            # _on_invalid follows, and a fault needs the bits of the IT block.
            counts[1] += 1

        writable = any(
            start <= address <= end and access & WRITE for start, end, access in self._uc.mem_regions()
        )
        stored = on_store if writable else on_protected_store
        for kind, callback in ((const.UC_HOOK_MEM_READ, on_load), (const.UC_HOOK_MEM_WRITE, stored)):
            self._hook(kind, HOOK_MEM_ACCESS_CFUNC(callback), address, address + size - 1)

    def _leave_it_block(self) -> None:
        """To be called by a memory hook after which the instruction goes on.

        For such a hook Unicorn restores the processor's state from the translation, the ITSTATE bits
        included. Translated code keeps these zero until it leaves an IT block in the middle, so behind one
        they would stay set and make the next piece of code conditional.
        """
        uclib.uc_reg_write(self._handle, arm.UC_ARM_REG_EPSR, self._no_it_ref)

    def forget_code(self, address: int, size: int) -> None:
        """Translations of this range are stale: its host buffer was written to. From within a run, this takes
        effect at its end."""
        if self in _running:
            self._stale.append((address, size))
        else:
            self._uc.ctl_remove_cache(address, address + size)

    # Registers

    def read_register(self, name: str) -> int:
        return int(self._uc.reg_read(REGISTERS[name]))

    def write_register(self, name: str, value: int) -> None:
        self._uc.reg_write(REGISTERS[name], value)

    @property
    def pc(self) -> int:
        uclib.uc_reg_read(self._handle, arm.UC_ARM_REG_PC, self._pc_ref)
        return self._pc.value

    # Running

    def run(self, pc: int, count: int) -> tuple[Stop, int]:
        """Execute up to `count` instructions from `pc`.

        Returns why it ended and how many were executed, an SVC, WFI or WFE included, one that faulted not.
        After that `pc` is the next instruction to execute (after EXCEPTION_RETURN: the EXC_RETURN value
        without bit 0; after a fault: the instruction that faulted).
        """
        _running.append(self)
        status = uclib.uc_emu_start(self._handle, pc | 1, 0, 0, count)
        _running.clear()
        executed = self.executed.value
        if self._stale:
            stale, self._stale = self._stale, []
            for address, size in stale:
                self.forget_code(address, size)
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        if self._bus_error is not None:
            return self._finish_bus_error()
        if self._interrupt:
            return self._finish_interrupt(executed)
        if status == const.UC_ERR_OK:
            if executed > self.limit.value:
                return Stop.LIMIT, executed - 1
            return Stop.WFI, executed
        return self._finish_error(status, executed)

    def _finish_interrupt(self, executed: int) -> tuple[Stop, int]:
        number, self._interrupt = self._interrupt, 0
        if number == _EXCP_SWI:
            return Stop.SVC, executed
        if number == _EXCP_EXCEPTION_EXIT:
            return Stop.EXCEPTION_RETURN, executed
        if number == _EXCP_PREFETCH_ABORT:
            self.fault_address = self.pc
            return Stop.FETCH_FAULT, executed
        if number in _FAULTS:
            self._syndrome.write(_SYNDROME_NONE)
            return _FAULTS[number], executed - 1
        raise EmulatorError(f"unicorn: unexpected exception {number} at 0x{self.pc:08x}")

    def _finish_error(self, status: int, executed: int) -> tuple[Stop, int]:
        if status == const.UC_ERR_INSN_INVALID:
            syndrome, xpsr = self._cause.read()
            if xpsr & _THUMB:
                if syndrome != _SYNDROME_UNDEFINED:
                    return Stop.WFE, executed
                self._syndrome.write(_SYNDROME_NONE)
                return Stop.UNDEFINED, executed - 1
        stop = _ERRORS.get(status)
        if stop is None:
            raise EmulatorError(f"unicorn: {unicorn.UcError(status)} at 0x{self.pc:08x}")
        self._syndrome.write(_SYNDROME_NONE)
        return stop, executed - (stop is not Stop.FETCH_FAULT)

    def _on_interrupt(self, _uc: object, number: int, _data: object) -> None:
        self._interrupt = number
        uclib.uc_emu_stop(self._handle)

    def _on_invalid(
        self, _uc: object, access: int, address: int, size: int, value: int, _data: object
    ) -> bool:
        self.fault_address = address
        try:
            if access == const.UC_MEM_WRITE_PROT and self.write_protected is not None:
                handled = self.write_protected(address, size, value & (1 << 8 * size) - 1)
                if handled:
                    self._leave_it_block()
                return handled
        except BaseException as error:
            self._abort(error)
        return False

    def _abort(self, error: BaseException) -> None:
        """Carry a Python error out of a callback."""
        if self._error is None:
            self._error = error
        self.limit.value = 0

    def _note_bus_error(self, stop: Stop, address: int) -> None:
        """End the run at the next instruction; `run` then undoes what the faulting one did to registers."""
        if self._bus_error is None:
            self._bus_error = (stop, address)
            self._saved = [self.executed.value - 1, self.pc, *self.all_registers.read()]
            self.limit.value = 0

    def _finish_bus_error(self) -> tuple[Stop, int]:
        assert self._bus_error is not None
        (stop, self.fault_address), self._bus_error = self._bus_error, None
        executed, pc, *values = self._saved
        self.all_registers.write(*values)
        self.write_register("pc", pc | 1)
        return stop, executed
