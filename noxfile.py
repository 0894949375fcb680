"""``nox -s bench`` sets up and runs the scenarios, ``nox -s tests`` checks the project, ``nox -s size`` holds
the images to their budget, ``nox -s mutate`` asks whether the scenarios notice what is wrong with a station.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import nox

nox.options.sessions = ["bench"]
nox.options.reuse_venv = "yes"


def _install(session: nox.Session, extras: str = "") -> None:
    # .ci/run has nox itself there, and its packages must not stand in for what the project lacks.
    session.env["PYTHONPATH"] = ""
    session.install("-q", "-e", f".{extras}")


@nox.session
def bench(session: nox.Session) -> None:
    """Set up, build the firmware, run the scenarios on both boards, show sizes.

    What the build lacks (compiler, MicroPython's source) is installed, or named where that is not possible.
    Arguments go to `ocpp-bench run`.
    """
    _install(session)
    session.run("ocpp-bench", "build")
    session.run("ocpp-bench", "run", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Lint, types, firmware builds, unit tests and scenarios. Arguments go to pytest."""
    _install(session, "[dev,plot]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("ocpp-bench", "build")
    # A file is one worker's: its fixtures hold images and runs.
    session.run("pytest", "--numprocesses=logical", "--dist=loadfile", *session.posargs)


@nox.session
def size(session: nox.Session) -> None:
    """Hold each variant to bench/memory/budget.toml. Arguments go to `ocpp-bench size`, as --since REV."""
    _install(session)
    variants = tomllib.loads(Path("firmware/variants.toml").read_text())["variant"]
    for variant in variants:
        session.run("ocpp-bench", "size", "--check", "--variant", variant, *session.posargs)


@nox.session
def price(session: nox.Session) -> None:
    """What each feature costs, on both boards. Arguments go to `ocpp-bench price`."""
    _install(session)
    session.run("ocpp-bench", "price", *session.posargs)


@nox.session
def mutate(session: nox.Session) -> None:
    """Break the station's rules one by one: the scenarios must fail. Arguments go to `ocpp-bench mutate`."""
    _install(session)
    session.run("ocpp-bench", "mutate", *session.posargs)
