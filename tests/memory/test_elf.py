"""Static memory of a small image whose sizes are known, and of the firmware itself."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bench.memory.elf import ImageFileError, measure
from bench.memory.linkmap import MapError, read_map

GCC = "arm-none-eabi-gcc"
SOURCES = {
    "py/vm.c": (
        "unsigned char vm_state[40]; const unsigned char vm_table[100] = {1}; int vm(int a) { return a / 3; }"
    ),
    "port/uart.c": "unsigned char ring[64]; unsigned int tx_level = 7; unsigned short odd = 9;",
    "frozen_content.c": "const unsigned char station[333] = {2};",
    "main.c": (
        "extern const unsigned char vm_table[], station[]; extern unsigned char vm_state[], ring[];"
        "extern unsigned int tx_level; extern unsigned short odd; int vm(int);"
        "long long div(long long a, long long b) { return a / b; }"
        "void reset(void) { ring[0] = station[vm(1)] + vm_table[2] + tx_level + odd;"
        " vm_state[0] = (unsigned char)div(tx_level, odd); for (;;) {} }"
    ),
}
LINKER_SCRIPT = """
MEMORY { FLASH (rx) : ORIGIN = 0x08000000, LENGTH = 64K   SRAM (rwx) : ORIGIN = 0x20000000, LENGTH = 16K }
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
    if not shutil.which(GCC):
        pytest.skip(f"{GCC} is not installed (Debian: gcc-arm-none-eabi)")
    root = tmp_path_factory.mktemp("small image")
    for name, text in SOURCES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    (root / "link.ld").write_text(LINKER_SCRIPT)
    cpu = ["-mcpu=cortex-m4", "-mthumb", "-Os", "-ffunction-sections", "-fdata-sections", "-ffreestanding"]
    objects = []
    for name in SOURCES:
        objects.append(name.replace(".c", ".o"))
        subprocess.run([GCC, *cpu, "-c", name, "-o", objects[-1]], cwd=root, check=True)
    link = ["-nostdlib", "-nostartfiles", "-T", "link.ld", "-Wl,-Map=firmware.map", "-o", "firmware.elf"]
    subprocess.run([GCC, *cpu, *objects, *link, "-lgcc"], cwd=root, check=True)
    return root / "firmware.elf"


def test_components_hold_what_their_sources_declare(small_image: Path) -> None:
    memory = measure(small_image)
    components = memory.by_component()
    assert components["station (frozen)"] == {"ROM": 333, "RAM": 0}
    assert components["MicroPython"]["RAM"] == 40
    assert components["MicroPython"]["ROM"] > 100
    assert components["port"]["RAM"] == 64 + 4 + 2
    assert components["libraries"]["ROM"] > 0
    assert memory.heap is not None
    assert memory.heap.size == 1024
    assert memory.stack is not None
    assert memory.stack.size == 512


def test_sums_are_those_of_the_toolchain(small_image: Path) -> None:
    agrees_with_size_tool(small_image)


def test_firmware_sums_are_those_of_the_toolchain(firmware: dict[str, Path]) -> None:
    for elf in firmware.values():
        agrees_with_size_tool(elf)
        components = measure(elf).by_component()
        assert components["station (frozen)"]["ROM"] > 0
        assert components["MicroPython"]["ROM"] > components["libraries"]["ROM"]


def agrees_with_size_tool(elf: Path) -> None:
    memory = measure(elf)
    rows = subprocess.run(
        ["arm-none-eabi-size", "-A", "-d", elf], check=True, capture_output=True, text=True
    ).stdout
    sizes = {
        name: int(size) for name, size in re.findall(r"^(\.\w\S*)\s+(\d+)\s+[1-9]\d*$", rows, re.MULTILINE)
    }
    for (region, section), size in memory.by_section().items():
        assert size == sizes[section], f"{section} in {region}"
    assert sum(region.used for region in memory.regions) == memory.rom + memory.ram
    assert {section for _, section in memory.by_section()} >= {
        s for s in sizes if not s.startswith(".debug")
    } - {
        ".ARM.attributes",
        ".comment",
    }
    assert memory.rom == sum(r.used for r in memory.regions if r.kind == "ROM")
    assert memory.ram == sum(r.used for r in memory.regions if r.kind == "RAM")


def test_image_without_a_map_keeps_its_totals(small_image: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.elf"
    shutil.copy(small_image, alone)
    with_map, without = measure(small_image), measure(alone)
    assert (without.rom, without.ram) == (with_map.rom, with_map.ram)
    assert list(without.by_component()) == ["unknown (no linker map)"]


def test_files_that_are_no_images(tmp_path: Path) -> None:
    text = tmp_path / "firmware.elf"
    text.write_text("not an image")
    with pytest.raises(ImageFileError, match=r"firmware\.elf: not an ELF file"):
        measure(text)
    with pytest.raises(ImageFileError, match="not an image for a 32-bit Arm"):
        measure(Path("/proc/self/exe"))
    with pytest.raises(MapError, match="no GNU ld map"):
        read_map(text)
