"""What a run leaves beside results.json so that the page can be made of the folder alone."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.memory.elf import StaticMemory

RUN, MEMORY = "run.json", "memory.json"
"""About, with time and revision; StaticMemory.to_json by board."""

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class About:
    """What was run: `variant` None for a foreign image; `whole`: every scenario, not a selection."""

    variant: str | None
    emulator: str
    took_s: float
    whole: bool


def keep(folder: Path, about: About, images: Mapping[str, StaticMemory]) -> None:
    """Write run.json and memory.json into `folder`."""
    run = {**asdict(about), "at": datetime.now(UTC).isoformat(timespec="seconds"), "revision": revision()}
    (folder / RUN).write_text(json.dumps(run, indent=1) + "\n")
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
