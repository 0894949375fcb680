"""Along a span of virtual time: a branch of the bench for each point, in which the supply is cut there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from rich.table import Table

from bench.emulators.base import NS_PER_S
from bench.powercuts.branch import Branch
from bench.powercuts.points import Group, Interval, spread
from bench.rig import Rig, RigError

OFF_S = 0.5


@dataclass(slots=True)
class Verdict:
    """After a cut: `outcome` in a word, and what is wrong, a line each."""

    outcome: str = "lost"
    followed: bool = False
    """Was the station watched beyond its first minute?"""
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Cut:
    """`hit` is what the flash did at that moment; `phase` says what the station was about."""

    number: int
    at_ns: int
    phase: str
    hit: str
    verdict: Verdict


@dataclass(slots=True)
class Course:
    """Of a span that no cut has disturbed: what to spread points over, and its phases, in their order."""

    groups: list[Group]
    phases: list[tuple[str, Interval]]


class Span(Protocol):
    """Something that a station does and that takes a while."""

    name: str
    rig: Rig

    def begin(self) -> None:
        """Up to where the cuts begin."""

    def whole(self) -> Course:
        """From there to the end, without a cut. Raises RigError."""

    def advance(self, at_ns: int) -> None:
        """Let time pass, and happen what is due meanwhile."""

    def judge(self, follow: bool) -> Verdict:
        """The supply was cut and is back: look at the station; `follow` it to the end. Raises RigError."""

    def hit(self) -> str:
        """What the flash is at now."""


@dataclass(slots=True)
class Report:
    """Of a walk. `table` has a row for each phase: cuts by what they hit in flash, and by what was found."""

    board: str
    span: str
    seed: int
    cuts: list[Cut]

    def problems(self) -> list[str]:
        return [
            f"{self.span}, cut {cut.number} at {cut.at_ns / NS_PER_S:.6f} s ({cut.phase}; {cut.hit}): {text}"
            for cut in self.cuts
            for text in cut.verdict.problems
        ]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def table(self) -> Table:
        table = Table(
            title=f"{self.board}, {self.span}: {len(self.cuts)} cuts, seed {self.seed}", title_justify="left"
        )
        table.add_column("station")
        hits = sorted({cut.hit for cut in self.cuts})
        outcomes = sorted({cut.verdict.outcome for cut in self.cuts})
        for name in [*hits, *outcomes]:
            table.add_column(name, justify="right")
        for phase in [*dict.fromkeys(cut.phase for cut in self.cuts), ""]:
            cuts = [cut for cut in self.cuts if phase in ("", cut.phase)]
            row = Counter([cut.hit for cut in cuts] + [cut.verdict.outcome for cut in cuts])
            table.add_row(phase or "all", *(str(row[name]) for name in [*hits, *outcomes]))
        return table

    def counts(self) -> dict[str, Counter[str]]:
        """How many cuts by what they hit, by phase, and by outcome."""
        return {
            "hit": Counter(cut.hit for cut in self.cuts),
            "phase": Counter(cut.phase for cut in self.cuts),
            "outcome": Counter(cut.verdict.outcome for cut in self.cuts),
        }


def walk(
    board: str,
    span: Span,
    *,
    count: int,
    seed: int,
    jobs: int,
    follow: Callable[[int], bool],
    on_cut: Callable[[Cut], Any] = lambda cut: None,
) -> Report:
    """Cut the supply at `count` points, at most `jobs` of them at once. `follow(number)` says which stations
    are followed to the end. Raises RigError, EmulatorError, BranchError.
    """
    span.begin()
    course = Branch(span.whole).result()
    cuts: list[Cut] = []
    under_way: list[tuple[Cut, Branch[Verdict]]] = []

    def take() -> None:
        cut, branch = under_way.pop(0)
        cut.verdict = branch.result()
        cuts.append(cut)
        on_cut(cut)

    rig = span.rig
    try:
        for number, (at_ns, _) in enumerate(spread(course.groups, count, seed)):
            if len(under_way) == jobs:
                take()
            span.advance(at_ns)
            cut = Cut(number, rig.now_ns, _phase(course.phases, rig.now_ns), span.hit(), Verdict())
            under_way.append((cut, Branch(lambda n=number: _cut(span, n + seed, follow(n)))))  # type: ignore[misc]
        while under_way:
            take()
    except BaseException:
        for _, branch in under_way:
            branch.kill()
        raise
    rig.close()
    return Report(board, span.name, seed, cuts)


def _phase(phases: Sequence[tuple[str, Interval]], at_ns: int) -> str:
    return next((name for name, (start, end) in phases if start <= at_ns < end), "after")


def _cut(span: Span, seed: int, follow: bool) -> Verdict:
    rig = span.rig
    rig.emulator.reseed(seed)
    rig.power_off()
    rig.run_for(OFF_S)
    rig.power_on()
    try:
        return span.judge(follow)
    except RigError as error:
        return Verdict(problems=[str(error)])
