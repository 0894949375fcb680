"""A small linked image for tests of what reads ELF files, built with the cross compiler."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Firmware = Callable[..., Path]
"""The fixture `firmware`: board, or board and variant -> its ELF image."""

GCC = "arm-none-eabi-gcc"
SOURCES = {
    "py/vm.c": (
        "unsigned char vm_state[40]; const unsigned char vm_table[100] = {1}; int vm(int a) { return a / 3; }"
    ),
    "port/uart.c": "unsigned char ring[64]; unsigned int tx_level = 7; unsigned short odd = 9;",
    "frozen_content.c": "const unsigned char station[333] = {2};",
    "port/main.c": (
        "extern const unsigned char vm_table[], station[]; extern unsigned char vm_state[], ring[];"
        "extern unsigned int tx_level; extern unsigned short odd; int vm(int);"
        "unsigned char _SEGGER_RTT[64];"
        "long long div(long long a, long long b) { return a / b; }"
        "void reset(void) { ring[0] = station[vm(1)] + vm_table[2] + tx_level + odd + _SEGGER_RTT[0];"
        " vm_state[0] = (unsigned char)div(tx_level, odd); for (;;) {} }"
    ),
}
LINKER_SCRIPT = """
MEMORY {
  FLASH (rx) : ORIGIN = 0x08000000, LENGTH = 64K
  STORE (r)  : ORIGIN = 0x08010000, LENGTH = 8K
  SRAM (rwx) : ORIGIN = 0x20000000, LENGTH = 16K
}
_store_start = ORIGIN(STORE); _store_end = ORIGIN(STORE) + LENGTH(STORE);
ENTRY(reset)
SECTIONS {
  .text : { *(.text*) *(.rodata*) . = ALIGN(16); } > FLASH
  .data : { *(.data*) } > SRAM AT > FLASH
  .bss (NOLOAD) : { *(.bss*) *(COMMON) } > SRAM
  .heap (NOLOAD) : { _heap_start = .; . += 1024; _heap_end = .; } > SRAM
  .stack (NOLOAD) : { _stack_start = .; . += 512; _stack_end = .; } > SRAM
}
"""


@pytest.fixture(scope="session")
def small_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """firmware.elf with firmware.map beside it: 1 kB heap, 512 bytes stack, 333 bytes frozen station."""
    if not shutil.which(GCC):
        pytest.skip(f"{GCC} is not installed (Debian: gcc-arm-none-eabi)")
    return link_image(tmp_path_factory.mktemp("small image"), SOURCES)


@pytest.fixture(scope="session")
def grown_image(small_image: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small image with 1,024 bytes more of frozen code, and 100 bytes less of a buffer."""
    sources = dict(SOURCES)
    sources["frozen_content.c"] = sources["frozen_content.c"].replace("333", "1357")
    sources["py/vm.c"] = sources["py/vm.c"].replace("vm_state[40]", "vm_state[20]")
    return link_image(tmp_path_factory.mktemp("grown"), sources)


def link_image(root: Path, sources: dict[str, str]) -> Path:
    """firmware.elf and firmware.map in `root`, of C sources by file name."""
    for name, text in sources.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    (root / "link.ld").write_text(LINKER_SCRIPT)
    cpu = ["-mcpu=cortex-m4", "-mthumb", "-Os", "-ffunction-sections", "-fdata-sections", "-ffreestanding"]
    objects = []
    for name in sources:
        objects.append(name.replace(".c", ".o"))
        subprocess.run([GCC, *cpu, "-c", name, "-o", objects[-1]], cwd=root, check=True)
    link = ["-nostdlib", "-nostartfiles", "-T", "link.ld", "-Wl,-Map=firmware.map", "-o", "firmware.elf"]
    subprocess.run([GCC, *cpu, *objects, *link, "-lgcc"], cwd=root, check=True)
    return root / "firmware.elf"
