"""The core alone."""

from __future__ import annotations

import ctypes
import signal
import struct

import pytest
from unicorn import unicorn_const as const

from bench.emulators.unicorn.core import Core

RAM, DEVICE = 0x2000_0000, 0x4000_0000
LOAD_FOR_EVER = struct.pack("<2H", 0x6808, 0xE7FD)  # ldr r0, [r1]; b back


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_within_a_callback_ends_the_run_and_not_the_callback() -> None:
    """As it comes between two instructions of Python, it may come before what the callback catches."""
    core = Core()
    finished = []

    def read(_address: int, _size: int) -> int:
        signal.raise_signal(signal.SIGINT)
        finished.append(True)
        return 0

    core.map_memory(RAM, ctypes.create_string_buffer(LOAD_FOR_EVER, 0x1000), const.UC_PROT_ALL)
    core.map_device(DEVICE, 0x400, read, lambda *_: None)
    core.write_register("r1", DEVICE)
    with pytest.raises(KeyboardInterrupt):
        core.run(RAM, 1000)
    core.close()
    assert finished == [True]
