"""No secret is in anything that a run leaves behind."""

from __future__ import annotations

import base64
import re
from pathlib import Path

from typer.testing import CliRunner

from bench.cli import app
from bench.provision import Provisioning
from bench.scenarios import ROOT
from tests.images import Firmware

BOARD = "stm32f4_discovery"
SCENARIOS = ("TC_A_01_CS", "TC_A_09_CS")
"""They authenticate the station, give it another password, and look at both."""


def passwords() -> list[str]:
    resource = (ROOT / "resources" / "ocpp.resource").read_text()
    return re.findall(r"^\$\{(?:NEW )?PASSWORD} +(\S+)$", resource, re.MULTILINE)


def test_a_run_tells_no_password_and_no_private_key(firmware: Firmware, tmp_path: Path) -> None:
    assert len(passwords()) == 2
    known = [*passwords(), Provisioning.password, Provisioning.wifi_password]
    logins = [base64.b64encode(f"{Provisioning.identity}:{secret}".encode()).decode() for secret in known]
    options = ["--board", BOARD, "--firmware", str(firmware(BOARD)), "--report", str(tmp_path / "report")]
    tests = [word for name in SCENARIOS for word in ("--test", name)]
    done = CliRunner().invoke(app, ["run", *options, *tests, "--jobs", "1"])
    assert done.exit_code == 0, done.output
    left = {path: path.read_bytes() for path in (tmp_path / "report").rglob("*") if path.is_file()}
    assert any(b"SetVariables" in content for content in left.values()), "the transcript is there"
    left[tmp_path / "what was printed"] = done.output.encode()
    for secret in (*known, *logins, "PRIVATE KEY"):
        found = [str(path) for path, content in left.items() if secret.encode() in content]
        assert not found, f"{secret[:3]}... is in {found}"
