"""The variant debug: Python is typed into the running station, in virtual time."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import firmware
from bench.platforms import load_platform
from bench.provision import Provisioning
from bench.rig import Rig, RigError

BOARD = "stm32f4_discovery"


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig(
        load_platform(BOARD),
        firmware.build(BOARD, variant="debug"),
        emulator="unicorn",
        provisioning=Provisioning(),
    )
    made.power_on()
    made.run_for(10)
    yield made
    made.close()


def said(rig: Rig, *lines: str) -> list[str]:
    """What the station prints on these lines, prompts left out."""
    since = len(rig.log)
    for line in lines:
        rig.type(line)
    rig.run_for(3)
    return [line.text.lstrip(">. ") for line in rig.log[since:]]


def test_expressions_statements_blocks_and_exceptions(rig: Rig) -> None:
    assert "42" in said(rig, "6 * 7")
    assert "'stm32f4_discovery'" in said(rig, "board.NAME")
    assert "'Accepted'" in said(rig, "station.provisioning.status")
    assert "[0, 1, 4]" in said(
        rig, "squares = []", "for n in range(3):", "    squares.append(n * n)", "", "squares"
    )
    trouble = said(rig, "1 // 0")
    assert "ZeroDivisionError: divide by zero" in trouble
    assert any('File "typed", line 1' in line for line in trouble)
    assert any("SyntaxError" in line for line in said(rig, "1 +"))
    assert "3" in said(rig, "1 + 2")


def test_the_station_goes_on_while_somebody_types(rig: Rig) -> None:
    said(rig, "station.provisioning.send_heartbeat()")
    sent = [message.action for session in rig.csms.sessions.values() for message in session.transcript]
    assert "Heartbeat" in sent
    said(rig, "text = '" + "x" * 500 + "'")
    assert "500" in said(rig, "len(text)")
    assert rig.problems() == []


def test_debug_has_asserts_and_lines(rig: Rig) -> None:
    assert any("AssertionError" in line for line in said(rig, "assert 1 == 2"))
    assert any('"station/' in line and "line" in line for line in said(rig, "station.model.get('no')"))


def test_the_release_takes_nothing_that_is_typed() -> None:
    rig = Rig(load_platform(BOARD), firmware.build(BOARD), emulator="unicorn", provisioning=Provisioning())
    try:
        rig.power_on()
        rig.run_for(1)
        with pytest.raises(RigError, match="build the variant debug"):
            rig.type("1")
    finally:
        rig.close()


def test_image_of_the_release_has_no_compiler() -> None:
    assert b"typed" not in Path(firmware.build(BOARD)).with_suffix(".bin").read_bytes()
