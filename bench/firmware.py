"""The firmware image: where MicroPython's sources and the cross compiler come from, and the build.

MicroPython 1.25.0 is not vendored. It is the folder that ``MICROPYTHON_DIR`` names, or else Debian's
source package of the suite ``trixie``, got by the machine's own apt from the machine's own mirror, checked
by apt's signatures, and unpacked under ``build/micropython``.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from firmware.variants import Table, VariantError
from firmware.variants import load as load_variants

ROOT = Path(__file__).resolve().parent.parent
FIRMWARE_DIR = ROOT / "firmware"
BUILD_DIR = ROOT / "build"

MICROPYTHON_VERSION = "1.25.0"
SOURCE_SUITE = "trixie"
SOURCE_PACKAGE = "micropython"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

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


def elf_path(board: str, variant: str = RELEASE) -> Path:
    """The image that `build` has made. Raises FirmwareError where there is none."""
    elf = _output_dir(board, variant) / "firmware.elf"
    if not elf.is_file():
        option = "" if variant == RELEASE else f" --variant {variant}"
        raise FirmwareError(f"{elf}: not built yet; run: ocpp-bench build --board {board}{option}")
    return elf


def build(
    board: str, jobs: int | None = None, *, variant: str = RELEASE, manifest: Path | None = None
) -> Path:
    """Build the image of `board` with `jobs` compilers at a time (all processors by default).

    It goes to ``build/firmware/<board>``, other variants than the release to ``<board>-<variant>``.
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
        options = [f"VARIANT={variant}"]
        if manifest is not None:
            output = output.with_name(f"{output.name}-{manifest.resolve().parent.name}")
            options.append(f"APP_MANIFEST={manifest.resolve()}")
        make(FIRMWARE_DIR, board, source, output, options, jobs=jobs, progress=_to_stderr)
    return output / "firmware.elf"


def build_tree(firmware_dir: Path, board: str, output: Path) -> Path:
    """Build another tree of this firmware, of an older revision, into `output`. Returns the path of the ELF.

    Raises FirmwareError.
    """
    if not (firmware_dir / "port" / "boards" / board / "board.mk").is_file():
        raise FirmwareError(f"{firmware_dir}: has no board {board!r}")
    with _locked(BUILD_DIR / "firmware.lock"):
        ensure_toolchain()
        source = ensure_source(BUILD_DIR / "micropython")
        make(firmware_dir, board, source, output, progress=_to_stderr)
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
    named = os.environ.get("MICROPYTHON_DIR")
    if named:
        source = Path(named).resolve()
        version = _version_of(source)
        if version is None:
            raise FirmwareError(
                f"MICROPYTHON_DIR={named}: no MicroPython sources there (no py/mpconfig.h with a version)"
            )
        if version != MICROPYTHON_VERSION:
            raise FirmwareError(
                f"MICROPYTHON_DIR={named}: MicroPython {version}; the port is for {MICROPYTHON_VERSION}"
            )
        return source
    source = cache_dir / f"micropython-{MICROPYTHON_VERSION}"
    if _version_of(source) == MICROPYTHON_VERSION:
        return source
    _to_stderr(f"fetching the sources of MicroPython {MICROPYTHON_VERSION} with apt ...")
    shutil.rmtree(source, ignore_errors=True)
    cache_dir.mkdir(parents=True, exist_ok=True)
    archive = _fetch_source_archive(cache_dir)
    unpacked = cache_dir / "unpacking"
    shutil.rmtree(unpacked, ignore_errors=True)
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, "data_filter"):
            tar.extractall(unpacked, filter="data")
        else:  # before Python 3.11.4; the archive is a signed one
            tar.extractall(unpacked)
    (top,) = unpacked.iterdir()
    if _version_of(top) != MICROPYTHON_VERSION:
        raise FirmwareError(f"{archive}: not the sources of MicroPython {MICROPYTHON_VERSION}; {_ELSE}")
    top.rename(source)
    unpacked.rmdir()
    return source


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
    result = _run(command)
    if result.returncode != 0:
        _run(["apt-get", "update"])
        result = _run(command)
    if result.returncode != 0 or _missing_packages():
        raise FirmwareError(f"apt could not install it ({_apt_reason(result)}): {advice}")


_ELSE = f"set MICROPYTHON_DIR to an unpacked MicroPython {MICROPYTHON_VERSION} instead"


def _output_dir(board: str, variant: str) -> Path:
    return BUILD_DIR / "firmware" / (board if variant == RELEASE else f"{board}-{variant}")


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _run(command: list[str], *, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ, LC_ALL="C", DEBIAN_FRONTEND="noninteractive")
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


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


def _version_of(source: Path) -> str | None:
    """Version of the MicroPython sources in a folder, from py/mpconfig.h; None where there are none."""
    header = source / "py" / "mpconfig.h"
    if not header.is_file() or not (source / "py" / "mkrules.mk").is_file():
        return None
    found = dict(
        re.findall(r"#define MICROPY_VERSION_(MAJOR|MINOR|MICRO) (\d+)", header.read_text(errors="replace"))
    )
    if len(found) != 3:
        return None
    return f"{found['MAJOR']}.{found['MINOR']}.{found['MICRO']}"


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


def _apt_reason(result: subprocess.CompletedProcess[str]) -> str:
    """What apt says is wrong, in one line."""
    lines = (result.stderr + result.stdout).splitlines()
    reasons = [line[3:].strip() for line in lines if line.startswith("E: ")]
    return reasons[0] if reasons else f"exit code {result.returncode}"


def _debian_mirror() -> str:
    """The archive that this machine gets its Debian from, by its own apt configuration."""
    if shutil.which("apt-get") is None:
        raise FirmwareError(f"no apt on this machine to fetch MicroPython's sources with; {_ELSE}")
    listed = _run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"]
    )
    for line in listed.stdout.splitlines():
        uri, release, component = line.rsplit(" ", 2)
        # Not the updates (bookworm-updates), nor the archive of security fixes (bookworm-security).
        if component == "main" and "-" not in release and "/" not in release and "/debian" in uri:
            return uri
    raise FirmwareError(f"apt's sources on this machine name no Debian archive; {_ELSE}")


def _fetch_source_archive(cache_dir: Path) -> Path:
    """The package's .orig archive, got by an apt with a state of its own: the system's stays as it is."""
    mirror = _debian_mirror()
    private = cache_dir / "apt"
    try:
        result = _apt_source(private, mirror, KEYRING)
        if result.returncode != 0:
            # A release older than the suite may lack its keys; the update of the keyring package, which this
            # machine's apt checks with the keys it has, brings them.
            newer = _newer_keyring(private)
            if newer is not None:
                result = _apt_source(private, mirror, newer)
        if result.returncode != 0:
            raise FirmwareError(
                f"apt cannot get {SOURCE_PACKAGE} of {SOURCE_SUITE} ({_apt_reason(result)}); {_ELSE}"
            )
        archives = list(private.glob(f"{SOURCE_PACKAGE}_{MICROPYTHON_VERSION}*.orig.tar.*"))
        if len(archives) != 1:
            raise FirmwareError(
                f"{SOURCE_SUITE} no longer has {SOURCE_PACKAGE} {MICROPYTHON_VERSION}; {_ELSE}"
            )
        kept = cache_dir / archives[0].name
        shutil.move(archives[0], kept)
        return kept
    finally:
        shutil.rmtree(private, ignore_errors=True)


def _apt_source(private: Path, mirror: str, keyring: Path) -> subprocess.CompletedProcess[str]:
    lists, cache = private / "lists", private / "cache"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    (cache / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    sources = private / "suite.sources"
    sources.write_text(
        f"Types: deb-src\nURIs: {mirror}\nSuites: {SOURCE_SUITE}\nComponents: main\nSigned-By: {keyring}\n"
    )
    apt_get = [
        "apt-get",
        *("-o", f"Dir::Etc::SourceList={sources.resolve()}"),
        *("-o", "Dir::Etc::SourceParts=-"),
        *("-o", f"Dir::State::Lists={lists.resolve()}"),
        *("-o", f"Dir::Cache={cache.resolve()}"),
        *("-o", "APT::Sandbox::User=root"),
    ]
    updated = _run([*apt_get, "update", "--error-on=any"])
    if updated.returncode != 0:
        return updated
    return _run([*apt_get, "source", "--download-only", "--only-source", SOURCE_PACKAGE], cwd=private)


def _newer_keyring(private: Path) -> Path | None:
    where = private / "keyring"
    where.mkdir(parents=True, exist_ok=True)
    if _run(["apt-get", "download", "debian-archive-keyring"], cwd=where).returncode != 0:
        return None
    for package in where.glob("*.deb"):
        if _run(["dpkg-deb", "--extract", str(package.resolve()), str(where.resolve())]).returncode == 0:
            keyring = where.resolve() / KEYRING.relative_to("/")
            return keyring if keyring.is_file() else None
    return None
