from __future__ import annotations

from pathlib import Path

import pytest

from bench.emulators import catalogue
from bench.emulators.base import PlatformError
from bench.platforms import PLATFORMS, load_platform, names


@pytest.mark.parametrize("name", ["stm32f4_discovery", "nrf52840dk"])
def test_the_boards_of_the_project(name: str) -> None:
    assert name in names()
    platform = load_platform(name)
    assert platform.name == name
    assert platform.resc.is_file()
    board = catalogue.load(platform.repl)
    entries = board.description.entries
    for uart in (platform.modem_uart, platform.evse_uart):
        assert entries[uart].type.startswith("UART.")
    assert platform.modem_enable is not None
    assert entries[platform.modem_enable[0]].type.startswith("GPIOPort.")
    assert (platform.rtt_symbol, platform.store_symbols) == ("_SEGGER_RTT", ("_store_start", "_store_end"))


def test_a_path_takes_the_toml_beside_it(tmp_path: Path) -> None:
    repl = tmp_path / "mine.repl"
    repl.write_bytes((PLATFORMS / "nrf52840dk.repl").read_bytes())
    with pytest.raises(PlatformError, match=r"mine.toml:1: No such file"):
        load_platform(repl)
    repl.with_suffix(".toml").write_text('[uart]\nmodem = "a"\nevse = "b"\n')
    platform = load_platform(str(repl))
    assert (platform.name, platform.modem_enable) == ("mine", None)
    assert (platform.rtt_symbol, platform.store_symbols, platform.hse_hz) == (None, None, None)


def test_an_unknown_name() -> None:
    with pytest.raises(PlatformError, match="known boards: nrf52840dk, stm32f4_discovery"):
        load_platform("esp32")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("uart =", "Invalid value"),
        ('[uart]\nmodem = "a"', "uart.evse is missing"),
        ('[uart]\nmodem = 5\nevse = "b"', "uart.modem is to be of type str"),
        ("uart = 1", r"\[uart\] is to be a table"),
        ('[uart]\nmodem = "a"\nevse = "b"\n[gpio]\nmodem_enable = "p"', "is to be PORT.PIN"),
        ('[uart]\nmodem = "a"\nevse = "b"\n[store]\nstart = "s"', "store.end is missing"),
        ('chip = "x"', "'chip' is nothing that is known here; there are uart, gpio"),
        ('[uart]\nmodm = "a"', r"\[uart\] has no 'modm'; there are evse, modem"),
    ],
)
def test_errors_name_the_file(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "x.repl").write_text("")
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(PlatformError, match=rf"x\.toml:1: .*{reason}"):
        load_platform(tmp_path / "x.repl")
