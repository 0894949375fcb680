"""Two commands: ``nox -s bench`` sets everything up and runs the scenarios; ``nox -s tests`` checks the project."""

from __future__ import annotations

import os
import shutil

import nox

nox.options.sessions = ["bench"]
nox.options.reuse_venv = "yes"

DEBIAN_PACKAGES = {
    "arm-none-eabi-gcc": "gcc-arm-none-eabi",
    "make": "make",
    "gcc": "gcc",
    "git": "git",
}
NEWLIB = "libnewlib-arm-none-eabi"


def _debian_packages(session: nox.Session) -> None:
    """Install the cross compiler where that is possible without asking; else say what to install."""
    missing = [package for tool, package in DEBIAN_PACKAGES.items() if not shutil.which(tool)]
    if "gcc-arm-none-eabi" in missing:
        missing.append(NEWLIB)
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        session.error(f"install these packages first: {' '.join(missing)} (Debian: sudo apt-get install ...)")
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    session.run("apt-get", "update", "-q", external=True, silent=True, env=environment)
    install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *missing]
    session.run(*install, external=True, silent=True, env=environment)


def _install(session: nox.Session, extras: str = "") -> None:
    session.install("-q", "-e", f".{extras}")


@nox.session
def bench(session: nox.Session) -> None:
    """Set up, build the firmware, run the scenarios on both boards, show sizes. Arguments: of `ocpp-bench run`."""
    _debian_packages(session)
    _install(session)
    session.run("ocpp-bench", "build")
    session.run("ocpp-bench", "run", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Lint, types, firmware builds, unit tests and scenarios. Arguments go to pytest."""
    _debian_packages(session)
    _install(session, "[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("ocpp-bench", "build")
    session.run("pytest", *session.posargs)
