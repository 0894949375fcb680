"""The conformance matrix: every test case of the list, and its verdict by board and emulator.

It is kept in conformance.json beside the run's other reports. A run replaces the verdicts of what it ran;
those of other boards, emulators and scenarios stay while they are about the same image and the same suites.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.conformance.core import Applicability, Case, ListError, built_without
from bench.conformance.pics import Pics
from bench.results import Result
from bench.scenarios import ROOT, Scenario
from bench.text import markdown_table

PASS, FAIL, SKIP = "pass", "fail", "skip"
NOT_RUN, NO_SCENARIO, LEFT_OUT, NOT_APPLICABLE = "not run", "no scenario yet", "left out", "not applicable"
VERDICTS = (PASS, FAIL, SKIP, NOT_RUN, NO_SCENARIO, LEFT_OUT, NOT_APPLICABLE)
"""Left out: Part 5 asks for it, and the image is built without the feature that it needs."""


@dataclass(frozen=True, slots=True)
class Column:
    """One board on one emulator. `firmware` is the SHA-256 of the image that its verdicts are about."""

    board: str
    emulator: str
    firmware: str

    @property
    def name(self) -> str:
        return f"{self.board} {self.emulator}"


@dataclass(slots=True)
class Cell:
    """A verdict; `log` leads to the test in a log beside the matrix, "" where there is none."""

    verdict: str
    message: str = ""
    log: str = ""


@dataclass(slots=True)
class Row:
    """A test case; `cells` by name of the column. `case` is None for a scenario of the project's own."""

    id: str
    title: str
    block: str
    case: Case | None
    applicability: Applicability
    cells: dict[str, Cell]


@dataclass(slots=True)
class Matrix:
    columns: list[Column]
    rows: list[Row]
    suites: str
    pics: Pics
    blocks: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.blocks = list(dict.fromkeys(row.block for row in self.rows if row.case))

    def count(self, column: str, block: str | None = None) -> Counter[str]:
        """Test cases of the list by verdict, in one block or in all."""
        return Counter(
            row.cells[column].verdict for row in self.rows if row.case and block in (None, row.block)
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "columns": [asdict(column) for column in self.columns],
            "suites": self.suites,
            "totals": {column.name: dict(self.count(column.name)) for column in self.columns},
            "cases": [_row_to_json(row) for row in self.rows],
        }


def check(scenarios: Iterable[Scenario], cases: Sequence[Case], statements: Sequence[Pics]) -> None:
    """Raises ListError for a scenario whose test case is not in the list, is there twice, or applies to none
    of these stations. Without `statements` nothing is said of what applies.
    """
    known = {case.id: case for case in cases}
    seen: dict[str, Scenario] = {}
    for scenario in scenarios:
        name, source = scenario.id, scenario.source.name
        if name in seen:
            raise ListError(f"{source}: {name} is also in {seen[name].source.name}")
        seen[name] = scenario
        if not name.startswith("TC_"):
            continue
        if name not in known:
            raise ListError(f"{source}: {name} is not in the list of Core test cases (robot/core.csv)")
        if any(name in pics.waits_for for pics in statements):
            raise ListError(
                f"{source}: {name} is there, but firmware/pics.toml says what it waits for; remove it there"
            )
        found = [known[name].applicability(pics) for pics in statements]
        if found and not any(applicability.applies for applicability in found):
            raise ListError(
                f"{source}: {name} does not apply to this station ({' and '.join(found[0].excluded_by)}"
                " is not met: firmware/pics.toml, variants.toml)"
            )


def of_scenario(scenario: Scenario, cases: Mapping[str, Case], pics: Pics) -> Applicability:
    """Whether a scenario applies: by its test case (`cases` by id), and its tags ``needs FEATURE``."""
    for feature in pics.without:
        if f"needs {feature.name}" in scenario.tags:
            return built_without(feature)
    if scenario.id in cases:
        return cases[scenario.id].applicability(pics)
    return Applicability(applies=True, excluded_by=(), reasons=())


def added(
    scenarios: Iterable[Scenario], cases: Mapping[str, Case], pics: Pics, release: Pics
) -> list[Scenario]:
    """Scenarios that apply to the station of `pics`, and not to the release."""
    return [
        each
        for each in scenarios
        if of_scenario(each, cases, pics).applies and not of_scenario(each, cases, release).applies
    ]


def build(
    cases: Sequence[Case],
    pics: Pics,
    scenarios: Sequence[Scenario],
    *,
    columns: Sequence[Column],
    results: Iterable[tuple[Column, Result]],
    links: Mapping[tuple[str, str], str],
    earlier: Mapping[str, Any] | None = None,
) -> Matrix:
    """`links`: board and name of a test -> its place in the log; `earlier`: Matrix.to_json of a run before.

    Raises ListError for a condition that `pics` does not answer.
    """
    suites = fingerprint(ROOT)
    kept = _kept(earlier, suites, columns)
    everything = [*columns, *(column for column in kept if column.name not in {c.name for c in columns})]
    everything.sort(key=lambda column: (column.board, column.emulator))
    cells: dict[tuple[str, str], Cell] = {}
    for column, result in results:
        cell = Cell(result.verdict.lower(), result.message, links.get((result.board, result.name), ""))
        before = cells.get((result.id, column.name))
        if before is None or (before.verdict == PASS and cell.verdict != PASS):
            cells[result.id, column.name] = cell
    for column, old in kept.items():
        for test, cell in old.items():
            cells.setdefault((test, column.name), cell)
    known = {scenario.id for scenario in scenarios}

    def row(case: Case) -> Row:
        applicability = case.applicability(pics)
        missing, why = NOT_RUN, ""
        if case.id not in known:
            missing, why = NO_SCENARIO, pics.waits_for.get(case.id, pics.waits_for.get(case.block, ""))
        return Row(
            id=case.id,
            title=case.title,
            block=case.block,
            case=case,
            applicability=applicability,
            cells={
                column.name: cells.get((case.id, column.name), Cell(missing, why))
                if applicability.applies
                else Cell(excluded(applicability))
                for column in everything
            },
        )

    rows = sorted((row(case) for case in cases), key=lambda each: each.id)
    listed = {case.id for case in cases}
    rows += [
        Row(
            id=scenario.id,
            title=scenario.name,
            block=scenario.source.stem[0],
            case=None,
            applicability=applicability,
            cells={
                c.name: cells.get((scenario.id, c.name), Cell(NOT_RUN))
                if applicability.applies
                else Cell(excluded(applicability))
                for c in everything
            },
        )
        for scenario in scenarios
        if scenario.id not in listed and (applicability := of_scenario(scenario, {}, pics))
    ]
    return Matrix(everything, rows, suites, pics)


def excluded(applicability: Applicability) -> str:
    """The verdict of what does not apply."""
    return LEFT_OUT if applicability.left_out else NOT_APPLICABLE


def fingerprint(root: Path) -> str:
    """Of all suites and their resources."""
    digest = hashlib.sha256()
    for path in sorted([*root.glob("*.robot"), *root.glob("resources/*"), *root.glob("*.csv")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def image_hash(elf: Path) -> str:
    return hashlib.sha256(elf.read_bytes()).hexdigest()


def write(matrix: Matrix, folder: Path) -> None:
    """conformance.json, .md and .html in `folder`."""
    from bench.conformance.page import page

    (folder / "conformance.json").write_text(json.dumps(matrix.to_json(), indent=1) + "\n", encoding="utf-8")
    (folder / "conformance.md").write_text(markdown(matrix), encoding="utf-8")
    (folder / "conformance.html").write_text(page(matrix), encoding="utf-8")


def read_earlier(folder: Path) -> dict[str, Any] | None:
    """What the run before left; None where there was none, or what is there is not what `write` writes."""
    try:
        content = json.loads((folder / "conformance.json").read_text(encoding="utf-8"))
        for fields in content["columns"]:
            Column(**fields)
        for case in content["cases"]:
            for cell in case["verdicts"].values():
                Cell(**cell).log.partition("#")
        readable = "suites" in content and all("id" in case for case in content["cases"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return content if readable else None


def keep_log(earlier: dict[str, Any] | None, folder: Path) -> None:
    """Put the log of the run before aside, that verdicts kept from it still lead to it."""
    log = folder / "log.html"
    if earlier is None or not log.is_file():
        return
    aside = f"log-{hashlib.sha256(log.read_bytes()).hexdigest()[:8]}.html"
    used = False
    for case in earlier["cases"]:
        for cell in case["verdicts"].values():
            if cell["log"].startswith("log.html#"):
                cell["log"] = aside + cell["log"].removeprefix("log.html")
                used = True
    if used:
        log.replace(folder / aside)


def drop_logs(matrix: Matrix, folder: Path) -> None:
    """Remove logs put aside to which no verdict leads any more."""
    used = {cell.log.partition("#")[0] for row in matrix.rows for cell in row.cells.values()}
    for path in folder.glob("log-????????.html"):
        if path.name not in used:
            path.unlink()


def markdown(matrix: Matrix) -> str:
    """Counts by block, then the whole matrix, for a terminal or a code host."""
    lines = ["# Conformance: OCPP 2.0.1 Core, test cases of Part 6", ""]
    for column in matrix.columns:
        counts = {block or "all": matrix.count(column.name, block) for block in [*matrix.blocks, None]}
        rows = [[name, *(str(n[verdict] or "") for verdict in VERDICTS)] for name, n in counts.items()]
        lines += [f"## {column.board} on {column.emulator}", ""]
        lines += [*markdown_table(["block", *VERDICTS], rows), ""]
    names = [column.name for column in matrix.columns]
    heads = ["test case", "", "use cases", "", *names, "requirements"]
    cases = []
    for row in matrix.rows:
        case = row.case
        verdicts = [_md_cell(row.cells[name]) for name in names]
        if not row.applicability.applies:
            why = " and ".join(row.applicability.excluded_by)
            verdicts = [f"{excluded(row.applicability)}: {why}"] * len(names)
        cases.append(
            [
                row.id,
                row.title,
                " ".join(case.use_cases) if case else "",
                case.conformance if case else "",
                *verdicts,
                " ".join(case.requirements) if case else "",
            ]
        )
    return "\n".join([*lines, "## Test cases", "", *markdown_table(heads, cases)]) + "\n"


def _md_cell(cell: Cell) -> str:
    if cell.verdict == NO_SCENARIO and cell.message:
        return f"{cell.verdict}, waits for {cell.message}"
    return f"[{cell.verdict}]({cell.log})" if cell.log else cell.verdict


def _kept(
    earlier: Mapping[str, Any] | None, suites: str, columns: Sequence[Column]
) -> dict[Column, dict[str, Cell]]:
    if earlier is None or earlier.get("suites") != suites:
        return {}
    images = {column.board: column.firmware for column in columns}
    kept: dict[Column, dict[str, Cell]] = {}
    for fields in earlier["columns"]:
        column = Column(**fields)
        if images.get(column.board, column.firmware) == column.firmware:
            kept[column] = {
                case["id"]: Cell(**cell)
                for case in earlier["cases"]
                if (cell := case["verdicts"].get(column.name)) and cell["verdict"] in (PASS, FAIL, SKIP)
            }
    return kept


def _row_to_json(row: Row) -> dict[str, Any]:
    case = row.case
    return {
        "id": row.id,
        "block": row.block,
        "title": row.title,
        "conformance": case.conformance if case else None,
        "condition": case.condition if case else "",
        "valid_condition": case.valid_condition if case else "",
        "erratum": case.erratum if case else "",
        "use_cases": list(case.use_cases) if case else [],
        "requirements": list(case.requirements) if case else [],
        "applicable": row.applicability.applies,
        "excluded_by": list(row.applicability.excluded_by),
        "reasons": list(row.applicability.reasons),
        "verdicts": {name: asdict(cell) for name, cell in row.cells.items()},
    }
