"""Where Renode is looked for, and what is said where there is none that would do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.emulators import choose
from bench.emulators.renode.locate import RenodeMissing, locate, parse_version


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RENODE_PATH", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")


def installed_by_renode_run(home: Path, default: str | None, *folders: Path) -> None:
    config = home / ".config" / "renode" / "renode-run.json"
    config.parent.mkdir(parents=True, exist_ok=True)
    versions = {str(folder): {"version": folder.name} for folder in folders}
    config.write_text(json.dumps({"version": "2.1", "default": default, "installations": versions}))


def test_the_order_of_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, named, on_path = (executable(tmp_path / name / "renode") for name in ("given", "named", "bin"))
    old, default = (tmp_path / "home" / name for name in ("1.16.0", "1.16.1"))
    executable(old / "renode")
    installed_by_renode_run(tmp_path / "home", str(default), old, default)
    assert locate() == on_path
    on_path.unlink()
    assert locate() == old / "renode"  # the default is not there any more
    executable(default / "renode")
    assert locate() == default / "renode"
    monkeypatch.setenv("RENODE_PATH", str(named.parent))
    assert locate() == named
    assert locate(given) == given


def test_none_is_told_with_the_commands_that_get_one() -> None:
    with pytest.raises(RenodeMissing, match=r"renode-run download -d 1\.16\.1"):
        locate()
    assert choose("auto") == "unicorn"


def test_one_that_is_named_and_not_there_is_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executable(tmp_path / "bin" / "renode")
    monkeypatch.setenv("RENODE_PATH", str(tmp_path / "gone"))
    with pytest.raises(RenodeMissing, match=r"gone \(RENODE_PATH\)"):
        locate()
    with pytest.raises(RenodeMissing, match="RENODE_PATH"):
        choose("auto")


def test_a_broken_configuration_of_renode_run_is_passed_over(tmp_path: Path) -> None:
    config = tmp_path / "home" / ".config" / "renode" / "renode-run.json"
    config.parent.mkdir(parents=True)
    for content in ("{", "[]", '{"default": 3, "installations": []}'):
        config.write_text(content)
        with pytest.raises(RenodeMissing, match="not found"):
            locate()


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Renode, version 1.16.1 (0123abcd-202501010000)", (1, 16, 1)),
        ("Renode v1.17.0.17003", (1, 17, 0, 17003)),
        ("Renode, version 2.0 (0-0)", (2, 0)),
    ],
)
def test_versions_that_will_do(text: str, version: tuple[int, ...]) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize(
    ("text", "reason"), [("Renode v1.15.3.2", "1.15.3.2 is too old"), ("hello", "'hello'")]
)
def test_versions_that_will_not_do(text: str, reason: str) -> None:
    with pytest.raises(RenodeMissing, match=reason):
        parse_version(text)
