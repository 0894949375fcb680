"""The station under MicroPython on this machine: boot, requests, reports, and a day that leaves no garbage.

Needs a `micropython` 1.25 for workstations (unix port) on the PATH, or named by MICROPYTHON.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MICROPYTHON = os.environ.get("MICROPYTHON") or shutil.which("micropython")


@pytest.mark.skipif(not MICROPYTHON, reason="no micropython on the PATH, and MICROPYTHON is not set")
def test_smoke():
    path = os.pathsep.join((str(HERE / "fakes"), str(HERE.parents[1] / "firmware"), ".frozen"))
    run = subprocess.run(
        [str(MICROPYTHON), "-X", "heapsize=256k", str(HERE / "smoke.py")],
        env={"MICROPYPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.stdout.splitlines()[-1].startswith("ok"), run.stdout + run.stderr
