"""What a run leaves beside results.json so that the page can be made of the folder alone."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.memory.elf import StaticMemory

RUN, MEMORY = "run.json", "memory.json"
"""What was run, and StaticMemory by board."""

ROOT = Path(__file__).resolve().parents[2]


def keep(
    folder: Path,
    images: Mapping[str, StaticMemory],
    *,
    variant: str,
    emulator: str,
    took_s: float,
    whole: bool,
) -> None:
    """Write run.json and memory.json into `folder`. `whole`: every scenario was run, not a selection."""
    about: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": revision(),
        "variant": variant,
        "emulator": emulator,
        "took_s": round(took_s, 1),
        "whole": whole,
    }
    (folder / RUN).write_text(json.dumps(about, indent=1) + "\n")
    content = {board: memory.to_json() for board, memory in images.items()}
    (folder / MEMORY).write_text(json.dumps(content, separators=(",", ":")) + "\n")


def revision(root: Path = ROOT) -> str | None:
    """Short commit id, with ``+`` where files differ from it; None outside a git work tree."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty=+", "--exclude=*"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
