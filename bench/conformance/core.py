"""Part 5's list of the test cases of the Core profile (robot/core.csv)."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from bench.conformance.condition import Condition, ConditionError, parse
from bench.conformance.pics import Declared, Pics, PicsError, in_words
from firmware.variants import Feature

CASE_ID = re.compile(r"TC_[A-P]_\d+_CS")
CORE = Path(__file__).resolve().parents[2] / "robot" / "core.csv"


class ListError(Exception):
    """The list of test cases is not what it should be. The message is one clear line."""


@dataclass(frozen=True, slots=True)
class Case:
    """A test case for charging stations: a row of robot/core.csv.

    conformance         "M" mandatory, "C" conditional
    condition           as printed in Part 5, Edition 3; beside a mandatory case it is about the CSMS
    erratum             edition of the errata that gives it another condition, or adds the case
    erratum_condition   that condition
    normalised          the valid one of the two, where `parse` cannot read what is printed: C35 for C-35 and
                        10.1 for C-10.1 (E_06, E_07, E_15, E_17), C.06.1 and a parenthesis too many (E_20),
                        "ISO15118" (E_54), the CSMS's condition before the station's (E_31), the condition in
                        the column of M and C (F_06)
    use_cases, requirements   that Part 6 names; a use case "Part4" is Part 4
    """

    id: str
    group: str
    scenario: str
    conformance: str
    condition: str
    erratum: str
    erratum_condition: str
    normalised: str
    use_cases: tuple[str, ...]
    requirements: tuple[str, ...]

    @property
    def block(self) -> str:
        """Letter of the functional block."""
        return self.id[3]

    @property
    def title(self) -> str:
        return f"{self.group} - {self.scenario}"

    @property
    def valid_condition(self) -> str:
        return self.normalised or self.erratum_condition or self.condition

    def parsed(self) -> Condition | None:
        """The condition under which it applies, None where there is none. Raises ListError."""
        if not self.valid_condition:
            return None
        try:
            return parse(self.valid_condition)
        except ConditionError as error:
            raise ListError(f"{self.id}: {error}") from None

    def applicability(self, pics: Pics) -> Applicability:
        """Raises ListError for a condition that the statement does not answer."""
        by_condition = self._by_condition(pics)
        lacking = pics.lacking(self.id)
        return built_without(lacking) if by_condition.applies and lacking else by_condition

    def _by_condition(self, pics: Pics) -> Applicability:
        condition = self.parsed()
        if condition is None:
            return Applicability(applies=True, excluded_by=(), reasons=())
        try:
            if self.conformance == "M":
                condition.holds(pics)
                return Applicability(applies=True, excluded_by=(), reasons=())
            unmet = condition.unmet(pics)
            reasons = {
                f"{name}: {_declared(pics, name)}": None for part in unmet for name in part.features(pics)
            }
        except (ConditionError, PicsError) as error:
            raise ListError(f"{self.id}: {error}") from None
        return Applicability(not unmet, tuple(map(str, unmet)), tuple(reasons))


@dataclass(frozen=True, slots=True)
class Applicability:
    """`excluded_by`: the parts of the condition that are not met; `reasons`: what is declared about them.

    `left_out`: Part 5 asks for it, but the image is built without what it needs.
    """

    applies: bool
    excluded_by: tuple[str, ...]
    reasons: tuple[str, ...]
    left_out: bool = False


def built_without(feature: Feature) -> Applicability:
    """Of what needs a feature of the firmware that the station has not."""
    name = f"feature {feature.name}"
    reason = f"{name}: no ({feature.text})"
    return Applicability(applies=False, excluded_by=(name,), reasons=(reason,), left_out=True)


def load_core(path: Path = CORE) -> list[Case]:
    """Raises ListError for a file of another shape, and for an id that is there twice."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ListError(f"{path}: {error}") from None
    cases: dict[str, Case] = {}
    for row in rows:
        try:
            lists = {key: tuple(row.pop(key).split()) for key in ("use_cases", "requirements")}
            case = Case(**row, **lists)  # type: ignore[arg-type]
        except (KeyError, TypeError, AttributeError):
            raise ListError(f"{path}: a row has other columns than {', '.join(_COLUMNS)}: {row}") from None
        if not CASE_ID.fullmatch(case.id):
            raise ListError(f"{path}: {case.id!r} is no id of a test case, as TC_B_01_CS")
        if case.id in cases:
            raise ListError(f"{path}: {case.id} is there twice")
        if case.conformance not in ("M", "C"):
            raise ListError(f"{path}: {case.id} is {case.conformance!r}, neither M nor C")
        cases[case.id] = case
    return list(cases.values())


_COLUMNS = tuple(Case.__dataclass_fields__)


def _declared(pics: Pics, name: str) -> str:
    if name == "Product Subtype":
        return pics.product_subtype.reason
    if name in pics.profiles:
        return _and_why(pics.profiles[name])
    if name in pics.features:
        return _and_why(pics.features[name])
    return in_words(pics.feature(name))


def _and_why(declared: Declared) -> str:
    return f"{declared.text} ({declared.reason})" if declared.reason else declared.text
