"""Static memory of a small image whose sizes are known, and of the firmware itself."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from bench.firmware import FIRMWARE_DIR, RELEASE, table, variants
from bench.memory.attribution import NOBODY, PADDING
from bench.memory.elf import LEVELS, ImageFileError, StaticMemory, measure, symbols_of
from bench.memory.linkmap import MapError, read_map
from bench.memory.strings import OF_C, SHARED
from bench.platforms import names
from tests.images import Firmware

images = pytest.mark.parametrize(
    ("board", "variant"), [(board, variant) for variant in variants() for board in names()]
)


def test_components_hold_what_their_sources_declare(small_image: Path) -> None:
    memory = measure(small_image)
    components = memory.by_component()
    assert components["station (frozen)"] == {"ROM": 333, "RAM": 0}
    assert components["MicroPython"]["RAM"] == 40
    assert components["MicroPython"]["ROM"] > 100
    assert components["port"]["RAM"] == 64 + 64 + 4 + 2  # ring and data of uart.c, control block of main.c
    assert components["libraries"]["ROM"] > 0
    assert components["heap area"] == {"ROM": 0, "RAM": 1024}
    assert components["stack area"] == {"ROM": 0, "RAM": 512}
    assert memory.heap is not None
    assert memory.heap.size == 1024
    assert memory.stack is not None
    assert memory.stack.size == 512


def test_sums_are_those_of_the_toolchain(small_image: Path) -> None:
    agrees_with_size_tool(small_image)


@images
def test_firmware_sums_are_those_of_the_toolchain(board: str, variant: str, firmware: Firmware) -> None:
    elf = firmware(board, variant)
    agrees_with_size_tool(elf)
    components = measure(elf).by_component()
    assert components["station (frozen)"]["ROM"] > 0
    assert components["MicroPython"]["ROM"] > components["libraries"]["ROM"]


@images
def test_every_byte_of_the_firmware_has_an_owner_and_a_symbol(
    board: str, variant: str, firmware: Firmware
) -> None:
    memory = measure(firmware(board, variant))
    assert {item.source for item in memory.items if NOBODY in (item.component, item.block)} == set()
    for level in LEVELS:
        totals = memory.by(level).values()
        assert sum(sizes["ROM"] for sizes in totals) == memory.rom, level
        assert sum(sizes["RAM"] for sizes in totals) == memory.ram, level
    without_gaps(memory)
    padding = memory.by("source")[PADDING,]
    assert padding["ROM"] < memory.rom / 100
    assert not any(item.source.startswith("/") for item in memory.items)
    roots = {item.file.partition("/")[0] for item in memory.items if item.file}
    assert roots - {"mbedtls"} == {"firmware", "micropython", "build"}


def test_frozen_python_counts_for_its_module_and_function(firmware: Firmware) -> None:
    memory = measure(firmware("stm32f4_discovery"))
    features = [f for f in table().features.values() if f.name not in table().variant(RELEASE).features]
    absent = {"features.py", *(module for feature in features for module in feature.modules)}
    modules = {path.name for path in (FIRMWARE_DIR / "station").glob("*.py")} - absent
    measured = {source.removeprefix("station/") for (source,) in memory.by("source") if "station/" in source}
    assert measured == modules
    symbols = {symbol for source, symbol in memory.by("source", "symbol") if source == "station/modem.py"}
    assert {"<globals>", "<table of constants>", "<table of names>", "Modem", "Modem.command"} <= symbols
    assert "<module>" not in symbols  # needs no code
    symbols = {symbol for source, symbol in memory.by("source", "symbol") if source == "station/clock.py"}
    assert {"<module>", "<frozen module>", "set_from"} <= symbols


def test_frozen_functions_are_where_their_def_is(firmware: Firmware) -> None:
    """Each line that the debug information names has the function's name in it."""
    places = {
        (item.file, item.line, item.symbol)
        for item in measure(firmware("stm32f4_discovery")).items
        if item.source.startswith(("station/", "main")) and item.line
    }
    assert len(places) > 300
    for file, line, symbol in places:
        assert file is not None
        assert line is not None
        text = (FIRMWARE_DIR.parent / file).read_text().splitlines()[line - 1]
        name = symbol.rpartition(".")[2].rstrip("0123456789")
        if not name.startswith("<"):
            assert re.search(rf"\b(def|class) {name}\w*\b", text), (file, line, symbol, text)
        elif name == "<lambda>":
            assert "lambda" in text, (file, line, symbol, text)


def test_code_of_the_port_is_where_it_is_declared(firmware: Firmware) -> None:
    """Of functions that the compiler made one, any."""
    aliases: dict[int, list[str]] = defaultdict(list)
    for name, symbol in symbols_of(firmware("stm32f4_discovery")).items():
        aliases[symbol.value & ~1].append(name.partition(".")[0])
    items = [item for item in measure(firmware("stm32f4_discovery")).items if item.component == "port"]
    placed = [item for item in items if item.file and not item.symbol.startswith("<")]
    assert sum(item.size for item in placed) > sum(item.size for item in items) * 0.9
    for item in placed:
        assert item.file is not None
        assert item.line is not None
        lines = (FIRMWARE_DIR.parent / item.file).read_text().splitlines()
        called = {item.symbol.partition(".")[0], *aliases[item.address]}
        assert any(name in lines[item.line - 1] for name in called), item


def test_strings_belong_to_who_needs_them(firmware: Firmware) -> None:
    """A name that is attributed to one module stands in that module, and a shared one in several."""
    memory = measure(firmware("stm32f4_discovery"))
    sources = {f"station/{path.name}": path.read_text() for path in (FIRMWARE_DIR / "station").glob("*.py")}
    words = {source: set(re.findall(r"\w+", text)) for source, text in sources.items()}
    checked = 0
    for (source, symbol), sizes in memory.by("source", "symbol").items():
        if not (name := re.fullmatch(r'"(\w+)"', symbol)) or sizes["ROM"] < 4:
            continue
        if source in words:
            assert name[1] in words[source], (source, symbol)
            checked += 1
    assert checked > 50
    owners = {symbol: source for source, symbol in memory.by("source", "symbol")}
    assert owners['"idTokenInfo"'] in (SHARED, "station/authorization.py")
    assert owners['"ZeroDivisionError"'] == OF_C
    assert owners['"AT+CIPRECVDATA=%d,%d"'] == "station/modem.py"


def test_padding_is_named_by_what_it_stands_before(firmware: Firmware) -> None:
    padding = [i for i in measure(firmware("stm32f4_discovery")).items if i.source == PADDING]
    assert padding
    assert all(item.symbol.startswith(("before ", "at the end of .")) for item in padding)


def test_data_counts_where_it_runs_and_where_it_is_loaded(small_image: Path) -> None:
    places = {(i.kind, i.region): i for i in measure(small_image).items if i.symbol == "tx_level"}
    assert set(places) == {("RAM", "SRAM"), ("ROM", "FLASH")}
    assert places["RAM", "SRAM"].size == places["ROM", "FLASH"].size == 4
    assert {item.source for item in places.values()} == {"port/uart.c"}


def without_gaps(memory: StaticMemory) -> None:
    """Each section's items follow one another."""
    for (region, section), size in memory.by_section().items():
        items = sorted(
            (i for i in memory.items if (i.region, i.section) == (region, section)), key=lambda i: i.address
        )
        assert items[-1].address + items[-1].size - items[0].address == size
        for one, following in pairwise(items):
            assert one.address + one.size == following.address, (region, section, one, following)


def agrees_with_size_tool(elf: Path) -> None:
    memory = measure(elf)
    command = ["arm-none-eabi-size", "-A", "-d", str(elf)]
    rows = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    sizes = {name: int(size) for name, size in re.findall(r"^(\.\w\S*)\s+(\d+)\s+\d+$", rows, re.MULTILINE)}
    nowhere = (".debug", ".comment", ".ARM.attr", ".frozen")
    in_memory = {n for n, size in sizes.items() if size and not n.startswith(nowhere)}
    for (region, section), size in memory.by_section().items():
        assert size == sizes[section], f"{section} in {region}"
    assert {section for _, section in memory.by_section()} == in_memory
    assert memory.rom == sum(region.used for region in memory.regions if region.kind == "ROM")
    assert memory.ram == sum(region.used for region in memory.regions if region.kind == "RAM")
    twice = sum(sizes[s] for r, s in memory.by_section() if s == ".data") // 2
    assert memory.rom + memory.ram == sum(sizes[section] for section in in_memory) + twice


def test_image_without_a_map_keeps_its_totals(small_image: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.elf"
    shutil.copy(small_image, alone)
    with_map, without = measure(small_image), measure(alone)
    assert (without.rom, without.ram) == (with_map.rom, with_map.ram)
    assert list(without.by_component()) == ["unknown (no linker map)"]


def test_files_that_are_no_images(small_image: Path, tmp_path: Path) -> None:
    text = tmp_path / "firmware.elf"
    text.write_text("not an image")
    with pytest.raises(ImageFileError, match=r"firmware\.elf: not an ELF file"):
        measure(text)
    for size in (4, 40, 1000):
        text.write_bytes(small_image.read_bytes()[:size])
        for read in (measure, symbols_of):
            with pytest.raises(ImageFileError, match=r"firmware\.elf: an ELF file that is cut short"):
                read(text)
    with pytest.raises(ImageFileError, match="not an image for a 32-bit Arm"):
        measure(Path("/proc/self/exe"))
    with pytest.raises(MapError, match="no GNU ld map"):
        read_map(text)
