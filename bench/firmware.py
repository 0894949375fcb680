"""The firmware image: which sources and which compiler it needs, and the build."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from firmware.variants import Table, VariantError, in_c
from firmware.variants import load as load_variants

from . import sources
from .sources import apt_reason, run

ROOT = Path(__file__).resolve().parent.parent
FIRMWARE_DIR = ROOT / "firmware"
BUILD_DIR = ROOT / "build"

MICROPYTHON = sources.Package(
    "MicroPython",
    "micropython",
    "1.25.0",
    "MICROPYTHON_DIR",
    Path("py", "mpconfig.h"),
    r"#define MICROPY_VERSION_(?:MAJOR|MINOR|MICRO) (\d+)",
)
MBEDTLS = sources.Package(
    "mbedTLS",
    "mbedtls",
    "3.6.6",
    "MBEDTLS_DIR",
    Path("include", "mbedtls", "build_info.h"),
    r"#define MBEDTLS_VERSION_(?:MAJOR|MINOR|PATCH) +(\d+)",
)

COMPILER = "arm-none-eabi-gcc"
TOOL_PACKAGES = {COMPILER: "gcc-arm-none-eabi", "make": "make", "gcc": "gcc"}
"""Program on the PATH -> the Debian package it is in."""
HEADERS_PACKAGE = "libnewlib-arm-none-eabi"
HOST_HEADERS_PACKAGE = "libc6-dev"

RELEASE = "lite"
"""The variant that is built where none is named."""

LOG_TAIL_LINES = 12


class FirmwareError(Exception):
    """The firmware cannot be built. The message says what is missing or wrong, and what to do."""


def boards() -> list[str]:
    """Names of the boards that there is firmware for."""
    return sorted(path.parent.name for path in FIRMWARE_DIR.glob("port/boards/*/board.mk"))


def table() -> Table:
    """The variants that there are, and the features they are made of. Raises FirmwareError."""
    try:
        return load_variants()
    except VariantError as error:
        raise FirmwareError(str(error)) from None


def variants() -> list[str]:
    """Names of the variants, the release first."""
    return list(table().variants)


def c_features() -> set[str]:
    """Features that C code asks for. Raises FirmwareError."""
    try:
        return in_c(table())
    except VariantError as error:
        raise FirmwareError(str(error)) from None


def compiler_version() -> str:
    """Of the cross compiler. Raises FirmwareError as `ensure_toolchain` does."""
    ensure_toolchain()
    return run([COMPILER, "-dumpfullversion"]).stdout.strip()


def elf_path(board: str, variant: str = RELEASE) -> Path:
    """The image that `build` has made. Raises FirmwareError where there is none."""
    elf = _output_dir(board, variant) / "firmware.elf"
    if not elf.is_file():
        option = "" if variant == RELEASE else f" --variant {variant}"
        raise FirmwareError(f"{elf}: not built yet; run: ocpp-bench build --board {board}{option}")
    return elf


def build(
    board: str,
    jobs: int | None = None,
    *,
    variant: str = RELEASE,
    without: Sequence[str] = (),
    manifest: Path | None = None,
) -> Path:
    """Build the image of `board` with `jobs` compilers at a time (all processors by default).

    It goes to ``build/firmware/<board>``, other variants than the release to ``<board>-<variant>``, and what
    is built `without` some of a variant's features to ``<board>-<variant>-without``, the last such image.
    `manifest` freezes another application than the station (MicroPython's manifest format) into an image of
    its own, ``<board>-<name of the manifest's folder>``. Returns the path of the ELF; .bin, .hex and .map lie
    beside it, and the compiler's output in ``<folder>.log``. Raises FirmwareError.
    """
    if board not in boards():
        raise FirmwareError(f"no board {board!r}; there are {', '.join(boards())}")
    if variant not in variants():
        raise FirmwareError(f"no variant {variant!r}; there are {', '.join(variants())}")
    with _locked(BUILD_DIR / "firmware.lock"):
        ensure_toolchain()
        source = ensure_source(BUILD_DIR / "micropython")
        output = _output_dir(board, variant)
        options = [f"VARIANT={variant}", *needed_sources(variant)]
        if without:
            output = output.with_name(f"{board}-{variant}-without")
            options.append(f"WITHOUT={' '.join(without)}")
        if manifest is not None:
            output = output.with_name(f"{output.name}-{manifest.resolve().parent.name}")
            options.append(f"APP_MANIFEST={manifest.resolve()}")
        make(FIRMWARE_DIR, board, source, output, options, jobs=jobs, progress=_to_stderr)
    return output / "firmware.elf"


def build_tree(firmware_dir: Path, board: str, output: Path, variant: str = RELEASE) -> Path:
    """Build another tree of this firmware, of an older revision, into `output`. Returns the path of the ELF.

    Raises FirmwareError.
    """
    if not (firmware_dir / "port" / "boards" / board / "board.mk").is_file():
        raise FirmwareError(f"{firmware_dir}: has no board {board!r}")
    if variant not in variants():
        raise FirmwareError(f"no variant {variant!r}; there are {', '.join(variants())}")
    if variant != RELEASE and not (firmware_dir / "variants.toml").is_file():
        raise FirmwareError(f"{firmware_dir}: has no variant {variant!r}, it is older than variants")
    with _locked(BUILD_DIR / "firmware.lock"):
        ensure_toolchain()
        source = ensure_source(BUILD_DIR / "micropython")
        options = [f"VARIANT={variant}", *needed_sources(variant)]
        make(firmware_dir, board, source, output, options, progress=_to_stderr)
    return output / "firmware.elf"


def make(
    firmware_dir: Path,
    board: str,
    source: Path,
    output: Path,
    options: list[str] | None = None,
    *,
    jobs: int | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> None:
    """Run firmware/Makefile. `progress` gets a line once, if there is anything to compile.

    Raises FirmwareError with the end of the compiler's output and the path of the whole of it.
    """
    log = output.with_name(output.name + ".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [
        "make",
        "--no-print-directory",
        f"--jobs={jobs or os.cpu_count() or 1}",
        f"--directory={firmware_dir}",
        f"BOARD={board}",
        f"MICROPYTHON_DIR={source}",
        f"BUILD={output.resolve()}",
        f"MPY_CROSS_BUILD={(BUILD_DIR / 'mpy-cross').resolve()}",
        f"PYTHON={sys.executable}",
        *(options or []),
    ]
    told = False
    with (
        log.open("w") as file,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=_make_environment(),
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            file.write(line)
            if not told and line.startswith(("CC ", "MAKE ", "LINK ")):
                progress(f"building the firmware of {output.name} ...")
                told = True
    if process.returncode != 0:
        lines = [line for line in log.read_text().splitlines() if "Build-Troubleshooting" not in line]
        reason = next(
            (line for line in lines if re.search(r"\berror\b|\*\*\*", line, re.IGNORECASE)), "make failed"
        )
        tail = "\n".join(f"  {line}" for line in lines[-LOG_TAIL_LINES:])
        raise FirmwareError(f"the firmware of {board} does not build: {reason}\n{tail}\n  all of it: {log}")


def ensure_source(cache_dir: Path) -> Path:
    """The folder with MicroPython's sources: ``MICROPYTHON_DIR``, or in `cache_dir`, fetched if need be.

    Raises FirmwareError where the folder holds something else, or apt cannot get the package.
    """
    return _ensure(MICROPYTHON, cache_dir)


def ensure_mbedtls(cache_dir: Path) -> Path:
    """The same for mbedTLS, which images with TLS need: ``MBEDTLS_DIR``, or in `cache_dir`."""
    return _ensure(MBEDTLS, cache_dir)


def needed_sources(variant: str) -> list[str]:
    """Options of `make` that name the sources which a variant needs besides MicroPython's."""
    if "tls" not in load_variants().variant(variant).features:
        return []
    return [f"MBEDTLS_DIR={ensure_mbedtls(BUILD_DIR / 'mbedtls')}"]


def ensure_toolchain() -> None:
    """The cross compiler with its C headers, make, and the host's compiler (for mpy-cross) are there.

    As root on a machine with apt, what is missing is installed. Raises FirmwareError with the packages to
    install otherwise.
    """
    missing = _missing_packages()
    if not missing:
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    advice = (
        f"to build the firmware, install {', '.join(missing)} (on Debian: {' '.join(command[:2] + missing)})"
    )
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise FirmwareError(advice)
    _to_stderr(f"installing {', '.join(missing)} with apt ...")
    result = run(command)
    if result.returncode != 0:
        run(["apt-get", "update"])
        result = run(command)
    if result.returncode != 0 or _missing_packages():
        raise FirmwareError(f"apt could not install it ({apt_reason(result)}): {advice}")


def image_name(board: str, variant: str) -> str:
    """Of the folder with an image."""
    return board if variant == RELEASE else f"{board}-{variant}"


def _output_dir(board: str, variant: str) -> Path:
    return BUILD_DIR / "firmware" / image_name(board, variant)


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _make_environment() -> dict[str, str]:
    """Nothing of a make, or of a build for another target, that called us."""
    strangers = {
        "MAKEFLAGS",
        "MFLAGS",
        "MAKELEVEL",
        "CFLAGS",
        "LDFLAGS",
        "CPPFLAGS",
        "CC",
        "BOARD",
        "BUILD",
        "V",
    }
    return {key: value for key, value in os.environ.items() if key not in strangers} | {"LC_ALL": "C"}


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One build at a time: two share mpy-cross, and the fetched sources."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _missing_packages() -> list[str]:
    missing = [package for program, package in TOOL_PACKAGES.items() if shutil.which(program) is None]
    for compiler, package in ((COMPILER, HEADERS_PACKAGE), ("gcc", HOST_HEADERS_PACKAGE)):
        path = shutil.which(compiler)
        if path is None:
            missing.append(package)
            continue
        includes = subprocess.run(
            [path, "-E", "-x", "c", "-"],
            input="#include <stdlib.h>\n",
            capture_output=True,
            text=True,
            check=False,
        )
        if includes.returncode != 0:
            missing.append(package)
    return missing


def _ensure(package: sources.Package, cache_dir: Path) -> Path:
    try:
        return sources.ensure(package, cache_dir, _to_stderr)
    except sources.SourceError as error:
        raise FirmwareError(str(error)) from None
