"""``build`` and ``boot``: firmware, and one board live."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench import firmware
from bench.commands.common import (
    Board,
    Boards,
    EmulatorKind,
    FirmwareFile,
    PlatformFile,
    RenodePath,
    UsageError,
    VariantName,
    check_variant,
    choose_emulator,
    chosen_boards,
    images_on,
    kind_of,
    out,
)
from bench.firmware import RELEASE
from bench.memory.elf import measure
from bench.platforms import load_platform
from bench.provision import Provisioning


def build(board: Boards = None, variant: VariantName = RELEASE) -> None:
    """Build the firmware (source and cross compiler are fetched or named where missing)."""
    for name in chosen_boards(board):
        elf = firmware.build(name, variant=variant)
        memory = measure(elf)
        out.print(
            f"{name}: {elf}  ROM {memory.rom:,}  RAM {memory.ram:,} bytes", highlight=False, soft_wrap=True
        )


def boot(
    *,
    board: Board = "stm32f4_discovery",
    variant: Annotated[
        str | None, typer.Option("--variant", help="What is built, else lite, debug or secure (see above).")
    ] = None,
    csms: Annotated[
        str | None,
        typer.Option("--csms", help="ws:// or wss://host:port/path of your own CSMS; else one in here."),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option("--root", help="With wss: certificate (PEM or DER) that the chain must lead to."),
    ] = None,
    identity: Annotated[str | None, typer.Option(help="Identity of the station.")] = None,
    password: Annotated[str | None, typer.Option(help="Its password for HTTP Basic authentication.")] = None,
    duration: Annotated[float | None, typer.Option(min=0, help="Stop after so many virtual seconds.")] = None,
    pace: Annotated[
        bool | None,
        typer.Option("--pace/--no-pace", help="Keep to host time (always with --csms, and on a terminal)."),
    ] = None,
    repl: Annotated[bool, typer.Option("--repl", help="Type Python into the firmware.")] = False,
    emulator: EmulatorKind = "auto",
    renode: RenodePath = None,
    image: FirmwareFile = None,
    platform: PlatformFile = None,
) -> None:
    """One board, live: its log and its OCPP messages. Ctrl-C ends it.

    Typing into it takes the variant debug, and wss the variant secure, unless another is named.
    """
    from bench.live import Live, outside

    provisioning = Provisioning(
        identity=Provisioning.identity if identity is None else identity,
        password=Provisioning.password if password is None else password,
        **outside(csms, root),
    )
    provisioning.check()
    needs = {"repl"} if repl else set()
    needs |= {"tls"} if root else set()
    if variant is None:
        variant = "debug" if repl else "secure" if root else RELEASE
    if image is None:
        _check_features(variant, needs)

    choose_emulator(emulator, renode)
    ((name, elf),) = images_on([board], image, platform, variant).items()
    Live(
        load_platform(name),
        elf,
        emulator=kind_of(emulator),
        provisioning=provisioning,
        csms_url=csms,
        console=out,
        typed=sys.stdin.fileno() if repl else None,
    ).run(duration, paced=bool(csms) or (out.is_terminal or repl if pace is None else pace))


def _check_features(variant: str, needs: set[str]) -> None:
    check_variant(variant)
    for feature in sorted(needs - firmware.table().variants[variant].features):
        option = {"repl": "--repl", "tls": "--csms wss://"}[feature]
        raise UsageError(f"{option} needs the feature {feature}, which the variant {variant} has not")
