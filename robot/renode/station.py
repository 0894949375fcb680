"""What the suites need besides Renode's keywords: a provisioned store, and text out of memory dumps."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench.provision import Provisioning, image  # noqa: E402 found by the line above


def write_store_image(path: str, start: str, end: str) -> None:
    """A file with the store area as an installer leaves it; `start` and `end` are its addresses."""
    size = int(end, 16) - int(start, 16)
    Path(path).write_bytes(image(Provisioning().entries(), size))


def text_of_bytes(dump: str) -> str:
    """Text from what the Monitor's `sysbus ReadBytes` prints."""
    return bytes(int(byte, 16) for byte in re.findall(r"0x([0-9A-Fa-f]{1,2})\b", dump)).decode(
        errors="replace"
    )
