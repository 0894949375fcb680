"""What the commands share: options, what they print, and the way from names to boards and images."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, cast, get_args

import typer
from rich.console import Console

from bench import firmware
from bench.conformance.core import Case, ListError, load_core
from bench.conformance.pics import Pics, load_pics, statements
from bench.emulators import Kind, choose, close_idle, create
from bench.emulators.renode.locate import PATH_VARIABLE, locate
from bench.firmware import RELEASE
from bench.memory.elf import measure
from bench.platforms import load_platform, names
from bench.rig import RigError
from bench.scenarios import Scenario

EXIT_FAILED = 1
REPORT = Path("build") / "report"

Boards = Annotated[list[str] | None, typer.Option("--board", "-b", help="Board (may be repeated); all.")]
Board = Annotated[str, typer.Option("--board", "-b", help="Board.")]
VariantName = Annotated[str, typer.Option("--variant", help="What is built (firmware/variants.toml).")]
FirmwareFile = Annotated[Path | None, typer.Option("--firmware", help="Your own ELF image.")]
PlatformFile = Annotated[
    Path | None, typer.Option("--platform", help="Your own .repl, with .toml beside it.")
]
EmulatorKind = Annotated[
    str, typer.Option("--emulator", help="auto (Renode where it is found, else Unicorn), unicorn or renode.")
]
RenodePath = Annotated[
    Path | None, typer.Option("--renode", help="Renode to use, else RENODE_PATH, PATH, renode-run's.")
]
Includes = Annotated[list[str] | None, typer.Option("--include", help="Tag pattern (Robot).")]
Tests = Annotated[list[str] | None, typer.Option("--test", help="Scenario id, as TC_B_01_CS.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, help="Scenarios at once.")]
ReportFolder = Annotated[
    Path | None,
    typer.Option("--report", help="Folder for the reports, else build/report or build/report/VARIANT."),
]
Format = Annotated[str, typer.Option("--format", help="table, markdown or json.")]

CORES = os.cpu_count() or 1

out = Console(width=None if sys.stdout.isatty() else 120)


class UsageError(RigError):
    """Asked for something that does not go together. The message is one clear line."""


def say(text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)


def to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def complain(text: str) -> None:
    print(f"ocpp-bench: {text}", file=sys.stderr)


def report_folder(report: Path | None, variant: str) -> Path:
    """Where the reports of a variant are, unless another folder is named."""
    return report or (REPORT if variant == RELEASE else REPORT / variant)


def check_format(form: str) -> None:
    """Raises UsageError for a format that no table is printed in."""
    if form not in ("table", "markdown", "json"):
        raise UsageError(f"--format {form}: there are table, markdown and json")


def chosen_boards(asked: Sequence[str] | None) -> list[str]:
    known = names()
    for name in asked or ():
        if name not in known:
            raise UsageError(
                f"no board {name!r}; there are {', '.join(known)} (your own: --platform FILE.repl)"
            )
    return list(dict.fromkeys(asked or known))


def check_variant(name: str) -> None:
    """Raises UsageError for one that there is not."""
    if name not in firmware.variants():
        raise UsageError(f"no variant {name!r}; there are {', '.join(firmware.variants())}")


def target_names(boards: Sequence[str] | None, elf: Path | None, platform: Path | None) -> list[str]:
    """Boards, or the path of a .repl. Raises UsageError for what does not go together."""
    if platform is not None:
        if elf is None:
            raise UsageError(f"--platform {platform} needs --firmware: there is nothing to build for it")
        return [str(platform.resolve())]
    chosen = chosen_boards(boards)
    if elf is not None and len(chosen) != 1:
        raise UsageError("--firmware needs one --board (or --platform FILE.repl)")
    return chosen


def images_on(
    boards: Sequence[str] | None, elf: Path | None, platform: Path | None, variant: str = RELEASE
) -> dict[str, Path]:
    """Board or path of a .repl -> ELF image to run on it."""
    return {
        name: elf or firmware.build(name, variant=variant) for name in target_names(boards, elf, platform)
    }


def kind_of(emulator: str) -> Kind:
    for kind in get_args(Kind):
        if emulator == kind:
            return cast(Kind, kind)
    raise UsageError(f"no emulator {emulator!r}; there are {', '.join(get_args(Kind))}")


def choose_emulator(emulator: str, renode: Path | None) -> str:
    """Say which emulator it will be; `renode` goes before any other, also for processes started here."""
    if renode is not None:
        os.environ[PATH_VARIABLE] = str(renode.resolve())
    kind = choose(kind_of(emulator))
    say(f"emulator: Renode at {locate()}" if kind == "renode" else "emulator: Unicorn")
    return kind


def declared_by(variant: str, own: Path | None) -> tuple[Pics, list[Pics]]:
    """What the station declares, and the statements of all of ours; none for a station of your own.

    Raises UsageError for one that leaves open whether a test case applies.
    """
    if own:
        declared = load_pics(own)
        try:
            for case in load_core():
                case.applicability(declared)
        except ListError as error:
            raise UsageError(f"--pics {own}: {error}; declare it, as firmware/pics.toml does") from None
        return declared, []
    check_variant(variant)
    ours = statements(firmware.table())
    return ours[variant], list(ours.values())


def applicable(scenarios: Sequence[Scenario], cases: Sequence[Case], declared: Pics) -> list[Scenario]:
    """Those that are for the station that `declared` describes; the others are named."""
    from bench.conformance import matrix as conformance

    known = {case.id: case for case in cases}
    answers = {each.id: conformance.of_scenario(each, known, declared) for each in scenarios}
    chosen = []
    for scenario in scenarios:
        answer = answers[scenario.id]
        if answer.applies:
            chosen.append(scenario)
        else:
            why = " and ".join(answer.excluded_by) + ("" if answer.left_out else " is not met")
            say(f"{conformance.excluded(answer)}: {scenario.name} ({why})")
    if not chosen:
        raise UsageError("none of these scenarios applies to this station")
    return chosen


def check_image(name: str, elf: Path, emulator: str) -> None:
    """Raises what is wrong with a platform or an image once, before every scenario would."""
    platform = load_platform(name)
    board = create(kind_of(emulator), platform)
    try:
        measure(elf)
        board.load(elf)
        for uart in (platform.modem_uart, platform.evse_uart):
            board.uart_read(uart)
        if platform.modem_enable:
            board.gpio_get(*platform.modem_enable)
    finally:
        board.close()
        close_idle()
