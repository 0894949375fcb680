"""Power cuts over an update and over changes of the certificates of the emulated boards.

POWER_CUTS=100 pytest tests/powercuts cuts the power at a hundred points of each; by default at few of some.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import firmware as firmware_build
from bench.powercuts import SPANS
from bench.powercuts.branch import Branch
from bench.powercuts.certificates import Certificates
from bench.powercuts.update import Update
from bench.powercuts.walk import Verdict, walk

CUTS = int(os.environ.get("POWER_CUTS", "0"))
SOME = (("stm32f4_discovery", "update"), ("nrf52840dk", "certificates"), ("nrf52840dk", "replacement"))
ALL = [(board, span) for board in firmware_build.boards() for span in SPANS]
FEW = 5
HIT = {"update": {"erase slot", "program slot"}, "certificates": {"program store"}}


@pytest.mark.parametrize(("board", "span"), ALL if CUTS else SOME)
def test_whole_after_each_cut(board: str, span: str, firmware: Callable[..., Path]) -> None:
    firmware(board, "secure")
    count, jobs = CUTS or FEW, os.cpu_count() or 1
    report = walk(board, SPANS[span](board, 1), count=count, seed=1, jobs=jobs, follow=lambda n: n % 10 == 9)
    assert report.problems() == []
    assert len(report.cuts) == count
    assert HIT.get(span, set()) <= {cut.hit for cut in report.cuts}


def test_what_is_lost_is_noticed(firmware: Callable[..., Path]) -> None:
    """Settings, events, certificates and images that a cut would have damaged."""
    board = firmware_build.boards()[0]
    firmware(board, "secure")
    station = Update(board, 1)
    rig = station.rig
    station.start()
    station.remember()
    store, journal = rig.store, rig.journal
    assert store
    assert journal
    places = {
        "MessageAttempts": ("MessageAttempts#", store),
        "x:M:0": ("x:M:0", store),
        "queue": ("seqNo", journal),
    }

    def damage(address: int) -> list[str]:
        rig.power_off()
        rig.emulator.write_memory(address, b"\0")
        rig.power_on()
        verdict = Verdict()
        station.back(verdict)
        return verdict.problems

    for name, (text, area) in places.items():
        found = rig.emulator.read_memory(area.start, area.size).index(text.encode())
        problems = Branch(lambda at=area.start + found: damage(at)).result()  # type: ignore[misc]
        assert any(name in problem for problem in problems), (name, problems)
    verdict = Verdict()
    rig.emulator.write_memory(station.slots[0] + 0x400, b"\0\0\0\0\0\0\0\0")
    station._judge_image(verdict, station.old)
    assert verdict.problems == [f"the image of {station.old} in slot 0 is not whole"]
    rig.close()


def test_certificates_that_should_not_be_there_are_noticed(firmware: Callable[..., Path]) -> None:
    board = firmware_build.boards()[0]
    firmware(board, "secure")
    station = Certificates(board, 1)
    station.start()
    station.remember()
    station.ask(
        "InstallCertificate", station._payload("InstallCertificate", "CSMSRootCertificate", "unknown")
    )
    station.rig.power_off()
    station.rig.power_on()
    verdict = station.judge(follow=False)
    assert verdict.outcome == "lost"
    assert "installed are" in verdict.problems[-1]
    station.rig.close()
