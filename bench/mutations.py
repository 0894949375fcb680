"""Does a scenario fail when the station breaks the rule that it is about?

robot/mutations.toml holds small patches to the station's sources. Each is applied to a copy of them, built,
and run against the scenarios that must catch it; the unpatched copy must pass all of them. What is built is
the release, or the first other variant that has the file and that those scenarios apply to.
"""

from __future__ import annotations

import json
import queue
import re
import shutil
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Any

from rich.table import Table

from bench import firmware
from bench.conformance.core import load_core
from bench.conformance.matrix import of_scenario
from bench.conformance.pics import statements
from bench.results import Result
from bench.scenarios import ROOT, Job, Scenario, ScenarioError, run_all, select
from bench.text import instead_of, markdown_table, shorten
from firmware.variants import Feature

MUTATIONS = ROOT / "mutations.toml"
UNPATCHED = "unpatched"
CAUGHT, MISSED, UNSOUND = "caught", "missed", "unsound"
MESSAGE_LENGTH = 160
_NAME = re.compile(r"[a-z0-9-]+")
_UPDATES = ("firmware.upd", "next.upd")
"""Beside the images of variants with firmware updates."""


class MutationError(Exception):
    """A patch that is none, or no longer applies. The message is one clear line."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """In `file` (below firmware/), `old`, which stands there once, becomes `new`.

    `rule` is what is broken by it, `caught_by` the ids of all scenarios that must fail.
    """

    name: str
    rule: str
    file: str
    old: str
    new: str
    caught_by: tuple[str, ...]

    def apply(self, root: Path) -> str:
        """The patched text of the file. Raises MutationError."""
        path = root / self.file
        if not path.is_file():
            raise MutationError(f"mutation {self.name!r} no longer applies: there is no firmware/{self.file}")
        text = path.read_text(encoding="utf-8")
        found = text.count(self.old)
        if found != 1:
            raise MutationError(
                f"mutation {self.name!r} no longer applies: firmware/{self.file} has its old text "
                f"{found} times, not once: {self.old.strip().splitlines()[0]!r}"
            )
        patched = text.replace(self.old, self.new)
        if path.suffix != ".py":
            return patched
        try:
            compile(patched, self.file, "exec")
        except SyntaxError as error:
            raise MutationError(
                f"mutation {self.name!r} is no Python: line {error.lineno}: {error.msg}"
            ) from None
        return patched


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a mutation's scenarios said: id -> verdict, and the message of each that failed.

    A verdict is CAUGHT, MISSED where the scenario passed, UNSOUND where it fails without the patch, too, or
    the bench itself failed.
    """

    mutation: Mutation
    verdicts: dict[str, str]
    messages: dict[str, str]

    @property
    def caught(self) -> bool:
        return all(verdict == CAUGHT for verdict in self.verdicts.values())


def load(path: Path = MUTATIONS, root: Path = firmware.FIRMWARE_DIR) -> list[Mutation]:
    """All mutations of a file, each known to apply to the sources in `root`. Raises MutationError."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MutationError(f"{path}: {error}") from None
    entries = content.get("mutation", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise MutationError(f"{path}: mutation = {entries!r}: there must be tables [[mutation]]")
    mutations: dict[str, Mutation] = {}
    for entry in entries:
        mutation = _mutation(path, entry)
        if mutation.name in mutations:
            raise MutationError(f"{path}: {mutation.name!r} is there twice")
        mutation.apply(root)
        mutations[mutation.name] = mutation
    return list(mutations.values())


def choose(
    mutations: Sequence[Mutation], scenarios: Sequence[Scenario], only: Iterable[str]
) -> list[Mutation]:
    """Those named `only` (all, when empty), whose scenarios are all there. Raises MutationError."""
    wanted, known = list(only), {mutation.name for mutation in mutations}
    for name in wanted:
        if name not in known:
            raise MutationError(f"no mutation {name!r}; {instead_of(name, known)}")
    for mutation in mutations:
        try:
            select(scenarios, tests=mutation.caught_by)
        except ScenarioError as error:
            raise MutationError(f"mutation {mutation.name!r}: {error}") from None
    return [mutation for mutation in mutations if not wanted or mutation.name in wanted]


def variant_of(mutation: Mutation, scenarios: Mapping[str, Scenario]) -> str:
    """Name of the variant to build: the first one that has the file, and to which all of its scenarios apply.

    `scenarios` by id. Raises MutationError where there is none.
    """
    table = firmware.table()
    cases = {case.id: case for case in load_core()}
    for name, pics in statements(table).items():
        there = not any(_is_of(mutation.file, feature) for feature in pics.without)
        if there and all(of_scenario(scenarios[test], cases, pics).applies for test in mutation.caught_by):
            return name
    raise MutationError(
        f"mutation {mutation.name!r}: no variant has firmware/{mutation.file} and passes all of "
        f"{', '.join(mutation.caught_by)}"
    )


def run(
    mutations: Sequence[Mutation],
    scenarios: Sequence[Scenario],
    *,
    board: str,
    folder: Path,
    workers: int,
    say: Callable[[str], None],
) -> list[Outcome]:
    """Build and run all of them, and the stations without a patch, on Unicorn. Raises MutationError."""
    by_id = {scenario.id: scenario for scenario in scenarios}
    of_variant: dict[str, list[Mutation]] = {}
    for mutation in mutations:
        of_variant.setdefault(variant_of(mutation, by_id), []).append(mutation)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    images: dict[str, Path] = {}
    pairs: list[tuple[str, str]] = []
    unpatched: dict[tuple[str, str], tuple[str, str]] = {}
    for variant, group in of_variant.items():
        images |= _build(group, board, variant, folder=folder, workers=workers, say=say)
        patched = [(mutation.name, test) for mutation in group for test in mutation.caught_by]
        unpatched |= {pair: (_unpatched(variant), pair[1]) for pair in patched}
        pairs += patched
    named = list(dict.fromkeys(unpatched.values()))
    pairs = named + pairs

    def job(name: str, test: str) -> Job:
        where = folder / "runs" / name / test
        return Job(by_id[test], board, board, images[name], "unicorn", 0, where)

    say(f"running {len(pairs)} scenarios, {len(named)} of them without a patch ...")
    done = 0

    def progress(result: Result) -> None:
        nonlocal done
        done += 1
        if done % 20 == 0 or done == len(pairs):
            say(f"[{done}/{len(pairs)}]")

    results = run_all([job(name, test) for name, test in pairs], workers, progress)
    by_pair = dict(zip(pairs, results, strict=True))

    return [
        Outcome(
            mutation,
            verdicts={
                test: verdict(by_pair[mutation.name, test], by_pair[unpatched[mutation.name, test]])
                for test in mutation.caught_by
            },
            messages={test: by_pair[mutation.name, test].message for test in mutation.caught_by},
        )
        for mutation in mutations
    ]


def verdict(patched: Result, unpatched: Result) -> str:
    """Of one scenario. A failure of the bench itself, which leaves no measurement, has caught nothing."""
    if unpatched.verdict != "PASS":
        return UNSOUND
    if patched.verdict != "FAIL":
        return MISSED
    return CAUGHT if patched.measurement else UNSOUND


def table(outcomes: Sequence[Outcome]) -> Table:
    rows = Table(title="Mutations", title_justify="left")
    for heading in ("mutation", "rule", "scenarios", "", "said"):
        rows.add_column(heading, overflow="fold")
    for outcome in outcomes:
        verdict = "[green]caught[/]" if outcome.caught else "[bold red]NOT CAUGHT[/]"
        mutation = outcome.mutation
        rows.add_row(mutation.name, mutation.rule, _scenarios(outcome), verdict, _said(outcome))
    return rows


def write(outcomes: Sequence[Outcome], board: str, folder: Path) -> None:
    """mutations.json and mutations.md in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    content: list[dict[str, Any]] = [
        asdict(outcome) | {"caught": outcome.caught, "board": board} for outcome in outcomes
    ]
    (folder / "mutations.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    caught = sum(outcome.caught for outcome in outcomes)
    heads = ("mutation", "rule", "file", "scenarios", "", "said")
    rows = [
        (
            outcome.mutation.name,
            outcome.mutation.rule,
            outcome.mutation.file,
            _scenarios(outcome),
            "caught" if outcome.caught else "**not caught**",
            _said(outcome),
        )
        for outcome in outcomes
    ]
    title = f"# Mutations: {caught} of {len(outcomes)} caught on {board}"
    lines = [title, "", *markdown_table(heads, rows)]
    (folder / "mutations.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _mutation(path: Path, entry: dict[str, Any]) -> Mutation:
    name = entry.get("name", "without a name")
    fields = Mutation.__dataclass_fields__.keys()
    filled = (value for key, value in entry.items() if key != "new")
    if entry.keys() != fields or not all(filled) or not isinstance(entry["caught_by"], list):
        raise MutationError(f"{path}: mutation {name!r} must have {', '.join(fields)}; only new may be empty")
    if not all(
        isinstance(text, str)
        for text in (*entry["caught_by"], *(entry[key] for key in fields - {"caught_by"}))
    ):
        raise MutationError(f"{path}: mutation {name!r} has a value that is no text")
    if not _NAME.fullmatch(name) or name.startswith(UNPATCHED):
        raise MutationError(f"{path}: mutation {name!r}: a name is of a-z, 0-9 and -, and not {UNPATCHED!r}")
    if entry["old"] == entry["new"]:
        raise MutationError(f"{path}: mutation {name!r} changes nothing")
    return Mutation(**entry | {"caught_by": tuple(entry["caught_by"])})


def _build(
    mutations: Sequence[Mutation],
    board: str,
    variant: str,
    *,
    folder: Path,
    workers: int,
    say: Callable[[str], None],
) -> dict[str, Path]:
    """Images by name of the mutation; each worker has a copy of the sources, and of a whole build."""
    whole = firmware.build(board, variant=variant).parent
    source = firmware.ensure_source(firmware.BUILD_DIR / "micropython")
    options = [f"VARIANT={variant}", *firmware.needed_sources(variant)]
    places: queue.SimpleQueue[Path] = queue.SimpleQueue()
    for number in range(workers):
        place = folder / f"build-{variant}{number}"
        shutil.copytree(firmware.FIRMWARE_DIR, place / "firmware")
        shutil.copytree(whole, place / "build")
        places.put(place)

    def image(mutation: Mutation | None) -> Path:
        place = places.get()
        try:
            if mutation:
                text = mutation.apply(firmware.FIRMWARE_DIR)
                (place / "firmware" / mutation.file).write_text(text, encoding="utf-8")
            firmware.make(place / "firmware", board, source, place / "build", options, jobs=1)
            kept = folder / "images" / (mutation.name if mutation else _unpatched(variant))
            kept.mkdir(parents=True)
            for built in (place / "build" / name for name in ("firmware.elf", *_UPDATES)):
                if built.is_file():
                    shutil.copy2(built, kept)
            return kept / "firmware.elf"
        finally:
            if mutation:
                # newer than what was built of the patched one
                shutil.copyfile(firmware.FIRMWARE_DIR / mutation.file, place / "firmware" / mutation.file)
            places.put(place)

    say(f"building {len(mutations)} patched stations of {variant} for {board} ...")
    with ThreadPoolExecutor(workers) as pool:
        images = list(pool.map(image, [None, *mutations]))
    return dict(zip([_unpatched(variant), *(mutation.name for mutation in mutations)], images, strict=True))


def _unpatched(variant: str) -> str:
    return f"{UNPATCHED}-{variant}"


def _is_of(file: str, feature: Feature) -> bool:
    """Is a file below firmware/ in an image only with this feature?"""
    path = PurePath(file)
    return any(path == PurePath("station", module) for module in feature.modules) or any(
        path.match(pattern) for pattern in feature.sources
    )


def _scenarios(outcome: Outcome) -> str:
    return " ".join(
        test if verdict == CAUGHT else f"{test} ({verdict})" for test, verdict in outcome.verdicts.items()
    )


def _said(outcome: Outcome) -> str:
    message = _first_line(next(iter(outcome.messages.values()), ""))
    return shorten(message, MESSAGE_LENGTH)


def _first_line(message: str) -> str:
    lines = [line for line in message.splitlines() if line not in ("", "Setup failed:", "Teardown failed:")]
    return lines[0] if lines else ""
