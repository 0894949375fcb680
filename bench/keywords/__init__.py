"""Robot Framework keywords: a charging station on a board, its driver, and the CSMS it talks to.

Import with ``Library    bench.keywords.Bench``. Scenarios read these variables:

- ``${BOARD}``: a board of the project, or the path of a .repl with a .toml beside it
- ``${FIRMWARE}``: the ELF image; empty for the project's own of that board, as last built
- ``${EMULATOR}``: auto, unicorn, renode
- ``${METRICS}``: not empty to have the board watched (bench.metrics), which is slow
- ``${IDENTITY}``, ``${PASSWORD}``: of the station; ``@{CONNECTORS}``: those it has, as ``evse.connector``
- ``&{PROVISIONED}``: variables that stand in the store of every station before its first boot
- ``&{ID TOKENS}``: idTokens that the CSMS knows, and the status it gives each

All times are virtual seconds. A scenario has one station, freshly provisioned and switched off at first.

Keywords that wait for a request take fields it must have: a path and what stands there, as
``transactionInfo.chargingState=Charging``. See bench.keywords.fields for the paths and for ``or``, ``not``,
``omitted`` and ``present``.
"""

from __future__ import annotations

from robot.api.deco import library

from bench.keywords.base import Moment
from bench.keywords.driver import DriverKeywords
from bench.keywords.hosts import HostKeywords
from bench.keywords.metering import MeterKeywords
from bench.keywords.model import ModelKeywords
from bench.keywords.station import StationKeywords, complete_report, connector_reports
from bench.keywords.wrong_calls import WrongCallKeywords


@library(scope="TEST", auto_keywords=False, version="0.2.0", doc_format="ROBOT")
class Bench(StationKeywords, DriverKeywords, ModelKeywords, MeterKeywords, WrongCallKeywords, HostKeywords):
    """One charging station under test, its driver and its CSMS, in virtual time."""


__all__ = ["Bench", "Moment", "complete_report", "connector_reports"]
