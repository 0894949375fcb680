"""Where Renode is on this machine."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from bench.emulators.base import EmulatorError

OLDEST = (1, 16)
PATH_VARIABLE = "RENODE_PATH"
HOW_TO_GET = (
    "get it with: pip install 'git+https://github.com/antmicro/renode-run' && renode-run download -d 1.16.1 "
    f"(or set {PATH_VARIABLE}, or put renode on PATH)"
)

_RENODE_RUN = Path(".config/renode/renode-run.json")
_EXECUTABLES = ("renode", "renode.exe")


class RenodeMissing(EmulatorError):
    """No Renode that would do. The message says where it was looked for and how to get one.

    `asked_for`: one was named (a path, RENODE_PATH) or found, so that nothing else may be taken for it.
    """

    def __init__(self, message: str, *, asked_for: bool = True) -> None:
        super().__init__(message)
        self.asked_for = asked_for


def locate(given: Path | None = None) -> Path:
    """The Renode to use: `given`, else RENODE_PATH, else on PATH, else renode-run's default or newest.

    A folder stands for the executable in it. Raises RenodeMissing where there is none, also where the one
    that was asked for by name does not exist: another is never taken in its place.
    """
    named = [(given, "the given path")] if given else []
    if variable := os.environ.get(PATH_VARIABLE):
        named.append((Path(variable), PATH_VARIABLE))
    for path, origin in named:
        if found := _executable(path):
            return found
        raise RenodeMissing(f"no Renode at {path} ({origin}); {HOW_TO_GET}")
    if on_path := shutil.which("renode"):
        return Path(on_path)
    for path in _installed_by_renode_run(Path.home() / _RENODE_RUN):
        if found := _executable(path):
            return found
    raise RenodeMissing(
        f"Renode not found ({PATH_VARIABLE} is not set, no renode on PATH, none installed by renode-run); "
        f"{HOW_TO_GET}",
        asked_for=False,
    )


def parse_version(text: str) -> tuple[int, ...]:
    """(1, 16, 1) from what Renode says of itself, e.g. ``Renode, version 1.16.1 (0123abcd-...)``.

    Raises RenodeMissing where it is older than OLDEST or does not tell.
    """
    match = re.search(r"\bv(?:ersion )?(\d+(?:\.\d+)+)", text)
    if match is None:
        raise RenodeMissing(f"Renode does not tell its version (it says {text.strip()[:80]!r}); {HOW_TO_GET}")
    version = tuple(int(part) for part in match[1].split("."))
    if version < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise RenodeMissing(f"Renode {match[1]} is too old, {oldest} or newer is needed; {HOW_TO_GET}")
    return version


def _executable(path: Path) -> Path | None:
    candidates = [path / name for name in _EXECUTABLES] if path.is_dir() else [path]
    return next((each.resolve() for each in candidates if each.is_file() and os.access(each, os.X_OK)), None)


def _installed_by_renode_run(config: Path) -> list[Path]:
    """Folders from renode-run's configuration (``default`` and ``installations``, in that order)."""
    try:
        content: Any = json.loads(config.read_text())
    except (OSError, ValueError):
        return []
    if not isinstance(content, dict):
        return []
    default = content.get("default")
    folders = list(default.values()) if isinstance(default, dict) else [default]
    installations = content.get("installations")
    if isinstance(installations, dict):
        folders += sorted(installations, reverse=True)
    return [Path(folder) for folder in folders if isinstance(folder, str)]
