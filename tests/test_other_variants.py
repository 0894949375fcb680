"""Scenarios that the release leaves out, on the variants that have what they need."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.conformance.core import load_core
from bench.conformance.matrix import added
from bench.conformance.pics import statements
from bench.scenarios import discover
from firmware.variants import load
from tests.test_cli import BOARDS, ocpp_bench


def only_of(variant: str) -> list[str]:
    """Ids of the scenarios that apply to `variant` and not to the release."""
    declared, cases = statements(load()), {case.id: case for case in load_core()}
    return [each.id for each in added(discover(), cases, declared[variant], declared["lite"])]


@pytest.mark.parametrize("variant", ["minimal", "secure"])
def test_scenarios_pass_on_both_boards(variant: str, tmp_path: Path) -> None:
    names = only_of(variant)
    assert names
    options = [option for name in names for option in ("--test", name)]
    done = ocpp_bench("run", "--variant", variant, "--report", tmp_path, *options)
    results = json.loads((tmp_path / "results.json").read_text())
    assert [result for result in results if result["verdict"] != "PASS"] == []
    assert {(result["board"], result["id"]) for result in results} == {
        (board, name) for board in BOARDS for name in names
    }
    assert done.returncode == 0, done.stderr
