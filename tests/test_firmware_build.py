"""The build of the firmware: reproducible, never stale, and clear about what is missing."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from bench import firmware as firmware_build
from bench.firmware import FirmwareError

Build = Callable[[str], Path]

SYMBOLS = (
    "_SEGGER_RTT",
    "_store_start",
    "_store_end",
    "_heap_start",
    "_heap_end",
    "_stack_start",
    "_stack_end",
    "_noinit_start",
    "_noinit_end",
)


@pytest.fixture(scope="session")
def source() -> Path:
    return firmware_build.ensure_source(firmware_build.BUILD_DIR / "micropython")


def symbols_of(elf: Path) -> dict[str, int]:
    with elf.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        return {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()}


def copy_tree(to: Path) -> Path:
    return Path(shutil.copytree(firmware_build.FIRMWARE_DIR, to / "firmware"))


@pytest.fixture(params=firmware_build.boards())
def board(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_two_builds_in_two_folders_are_the_same_bytes(tmp_path: Path, source: Path, board: str) -> None:
    here = firmware_build.build(board)
    firmware_build.make(copy_tree(tmp_path), board, source, tmp_path / "out")
    there = tmp_path / "out" / "firmware.elf"
    image = here.with_name("firmware.bin").read_bytes()
    assert image == there.with_name("firmware.bin").read_bytes()
    assert len(image) > 50_000
    assert str(firmware_build.ROOT).encode() not in here.read_bytes()
    assert str(tmp_path).encode() not in there.read_bytes()


def test_image_has_what_the_bench_looks_for(firmware: Build, board: str) -> None:
    symbols = symbols_of(firmware(board))
    assert [name for name in SYMBOLS if name not in symbols] == []
    assert symbols["_store_start"] < symbols["_store_end"]
    assert symbols["_stack_start"] < symbols["_stack_end"] <= symbols["_heap_start"] < symbols["_heap_end"]


def test_stack_is_at_the_bottom_of_ram(firmware: Build, board: str) -> None:
    """So that an overflow leaves the memory, which the bus reports."""
    assert symbols_of(firmware(board))["_stack_start"] == 0x2000_0000


def test_bin_is_the_elf_with_its_gaps_erased(firmware: Build, board: str) -> None:
    elf = firmware(board)
    image = elf.with_name("firmware.bin").read_bytes()
    with elf.open("rb") as file:
        segments = [
            (segment["p_paddr"], segment.data())
            for segment in ELFFile(file).iter_segments()
            if segment["p_type"] == "PT_LOAD" and segment["p_filesz"]
        ]
    base = min(address for address, _ in segments)
    covered = bytearray(len(image))
    for address, data in segments:
        offset = address - base
        assert image[offset : offset + len(data)] == data
        covered[offset : offset + len(data)] = b"\x01" * len(data)
    assert {byte for byte, mark in zip(image, covered, strict=True) if not mark} <= {0xFF}


def test_hex_does_not_touch_the_store(firmware: Build, board: str) -> None:
    """Programming the .hex of a new version leaves the station its settings."""
    elf = firmware(board)
    symbols = symbols_of(elf)
    upper = 0
    addresses: set[int] = set()
    for line in elf.with_name("firmware.hex").read_text().splitlines():
        record = bytes.fromhex(line[1:])
        size, address, kind = record[0], int.from_bytes(record[1:3], "big"), record[3]
        if kind == 4:
            upper = int.from_bytes(record[4:6], "big") << 16
        elif kind == 0:
            addresses.update(range(upper + address, upper + address + size))
    assert addresses
    assert not addresses & set(range(symbols["_store_start"], symbols["_store_end"]))


def test_a_second_build_compiles_nothing(board: str) -> None:
    elf = firmware_build.build(board)
    before = elf.stat().st_mtime_ns
    assert firmware_build.build(board) == elf
    assert elf.stat().st_mtime_ns == before
    assert not re.search(
        r"^(CC|LINK|GEN|MPY) ", elf.parent.with_name(f"{board}.log").read_text(), re.MULTILINE
    )


def test_changes_that_time_stamps_do_not_show(tmp_path: Path, source: Path) -> None:
    """A module that changes although its time stamp is old, one that goes away, a heap that does not fit."""
    app = tmp_path / "app"
    app.mkdir()
    manifest = app / "manifest.py"
    manifest.write_text('module("main.py")\nmodule("other.py")\n')
    (app / "main.py").write_text('print("first text")\n')
    (app / "other.py").write_text('print("other module")\n')

    def image(*options: str) -> bytes:
        options = (f"APP_MANIFEST={manifest}", *options)
        firmware_build.make(
            firmware_build.FIRMWARE_DIR, "stm32f4_discovery", source, tmp_path / "out", list(options)
        )
        return (tmp_path / "out" / "firmware.bin").read_bytes()

    first = image()
    assert b"first text" in first
    assert b"other module" in first

    stamp = (app / "main.py").stat().st_mtime - 3600
    (app / "main.py").write_text('print("second text")\n')
    os.utime(app / "main.py", (stamp, stamp))
    second = image()
    assert b"second text" in second
    assert b"first text" not in second

    manifest.write_text('module("main.py")\n')
    third = image()
    assert b"other module" not in third

    with pytest.raises(FirmwareError, match=r"region `RAM' overflowed") as caught:
        image("HEAP_SIZE=131072")
    assert str(tmp_path / "out.log") in str(caught.value)
    assert image() == third


def test_compiler_error_is_one_clear_error(tmp_path: Path, source: Path) -> None:
    tree = copy_tree(tmp_path)
    (tree / "port" / "sha1.c").write_text("int broken(void) { return missing; }\n")
    with pytest.raises(FirmwareError) as caught:
        firmware_build.make(tree, "nrf52840dk", source, tmp_path / "out")
    first = str(caught.value).splitlines()[0]
    assert first.startswith("the firmware of nrf52840dk does not build: port/sha1.c:1:")
    assert "'missing' undeclared" in first
    assert str(tmp_path / "out.log") in str(caught.value).splitlines()[-1]


def test_unknown_board_is_named(firmware: Build) -> None:
    with pytest.raises(FirmwareError, match="no board 'uno'; there are nrf52840dk, stm32f4_discovery"):
        firmware("uno")


def test_makefile_names_an_unknown_board(source: Path) -> None:
    result = subprocess.run(
        ["make", "-C", firmware_build.FIRMWARE_DIR, "BOARD=uno", f"MICROPYTHON_DIR={source}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert "BOARD=uno: no such board; there is: " in result.stderr


def test_makefile_does_not_clear_a_folder_that_is_not_its_own(tmp_path: Path, source: Path) -> None:
    keepsake = tmp_path / "out" / "keepsake"
    keepsake.parent.mkdir()
    keepsake.touch()
    with pytest.raises(FirmwareError, match="the folder holds something else"):
        firmware_build.make(firmware_build.FIRMWARE_DIR, "nrf52840dk", source, tmp_path / "out")
    assert keepsake.exists()


def test_micropython_dir_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROPYTHON_DIR", str(tmp_path))
    with pytest.raises(FirmwareError, match=f"MICROPYTHON_DIR={tmp_path}: no MicroPython sources there"):
        firmware_build.ensure_source(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_micropython_dir_of_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "py").mkdir()
    (tmp_path / "py" / "mkrules.mk").touch()
    (tmp_path / "py" / "mpconfig.h").write_text(
        "#define MICROPY_VERSION_MAJOR 1\n#define MICROPY_VERSION_MINOR 19\n#define MICROPY_VERSION_MICRO 1\n"
    )
    monkeypatch.setenv("MICROPYTHON_DIR", str(tmp_path))
    with pytest.raises(FirmwareError, match=r"MicroPython 1\.19\.1; the port is for 1\.25\.0"):
        firmware_build.ensure_source(tmp_path / "cache")


def test_micropython_dir_is_used_as_it_is(
    source: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MICROPYTHON_DIR", str(source))
    assert firmware_build.ensure_source(tmp_path / "cache") == source
    assert not (tmp_path / "cache").exists()


def test_missing_toolchain_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FirmwareError) as caught:
        firmware_build.ensure_toolchain()
    message = str(caught.value)
    assert "\n" not in message
    for package in ("gcc-arm-none-eabi", "libnewlib-arm-none-eabi", "make", "gcc", "libc6-dev"):
        assert package in message


def test_without_apt_the_way_out_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("MICROPYTHON_DIR", raising=False)
    with pytest.raises(
        FirmwareError,
        match=r"no apt on this machine .* set MICROPYTHON_DIR to an unpacked MicroPython 1\.25\.0",
    ):
        firmware_build.ensure_source(tmp_path / "cache")
