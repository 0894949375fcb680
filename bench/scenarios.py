"""Finds the scenarios in robot/ and runs them in processes of their own: one scenario on one board a job."""

from __future__ import annotations

import contextlib
import glob
import io
import json
import multiprocessing
import os
import re
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path

import psutil
from robot.api import ExecutionResult, TestSuite
from robot.errors import DataError
from robot.model import TagPatterns
from robot.run import run as run_robot

from bench.results import MEASUREMENTS, Measurement, Result
from bench.text import instead_of

ROOT = Path(__file__).resolve().parent.parent / "robot"
_EMULATORS_END_S = 5.0
_ID = re.compile(r"TC_[A-Z]_\d+_CS")


class ScenarioError(Exception):
    """No such scenario. The message is one clear line."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A test case of the Robot suites. `id` is that of Part 6, or the name where it has none."""

    id: str
    name: str
    source: Path
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """One scenario on one board: `board` names it in reports, scenarios get `platform` as ${BOARD}."""

    scenario: Scenario
    board: str
    platform: str
    firmware: Path
    emulator: str
    repeat: int
    folder: Path
    variables: tuple[str, ...] = ()

    @property
    def output(self) -> Path:
        return self.folder / "output.xml"


def queue_of(
    scenarios: Sequence[Scenario],
    images: Mapping[str, Path],
    emulator: str,
    folder: Path,
    *,
    repeats: int = 1,
    variables: Sequence[str] = (),
) -> list[Job]:
    """Each scenario on each board, `repeats` times over; `images` is board or path of a .repl -> ELF."""
    return [
        Job(
            scenario=scenario,
            board=Path(name).stem,
            platform=name,
            firmware=elf.resolve(),
            emulator=emulator,
            repeat=number,
            folder=folder.resolve() / Path(name).stem / scenario.id / str(number),
            variables=tuple(variables),
        )
        for number in range(repeats)
        for scenario in scenarios
        for name, elf in images.items()
    ]


def discover(root: Path = ROOT) -> list[Scenario]:
    """All scenarios of the suites in `root`, in their order; what lies in its folders is for Renode alone.

    Raises ScenarioError where there are none.
    """
    try:
        suite = TestSuite.from_file_system(*sorted(root.glob("*.robot")))
    except DataError as error:
        raise ScenarioError(f"{root}: {error}") from None
    return [
        Scenario(_id(test.name), test.name, Path(test.source), tuple(test.tags)) for test in suite.all_tests
    ]


def select(
    scenarios: Sequence[Scenario], include: Sequence[str] = (), tests: Sequence[str] = ()
) -> list[Scenario]:
    """Those with one of the ids `tests` and with a tag that matches a pattern of `include`.

    Raises ScenarioError for an unknown id (naming close ones) and where nothing is left.
    """
    known = {scenario.id.upper(): scenario for scenario in scenarios}
    for test in tests:
        if test.upper() not in known:
            padded = re.sub(r"_(\d)_", r"_0\1_", test.upper())
            hint = instead_of(test.upper(), [padded] if padded in known else known)
            raise ScenarioError(f"no scenario {test!r}; {hint}")
    wanted = {test.upper() for test in tests} or set(known)
    patterns = TagPatterns(include) if include else None
    chosen = [
        scenario
        for scenario in scenarios
        if scenario.id.upper() in wanted and (patterns is None or patterns.match(scenario.tags))
    ]
    if not chosen:
        raise ScenarioError(f"no scenario has a tag {' or '.join(include)}" if include else "no scenarios")
    return chosen


def run_all(
    jobs: Iterable[Job],
    workers: int,
    on_result: Callable[[Result], None],
    expected_s: Callable[[Job], float] = lambda job: 0.0,
) -> list[Result]:
    """Run all jobs, `workers` at once, the longest by `expected_s` first, calling `on_result` as each ends.

    Results are in the jobs' order. A process that dies fails its scenario alone.
    """
    ordered = list(jobs)
    waiting = deque(sorted(range(len(ordered)), key=lambda number: -expected_s(ordered[number])))
    results: dict[int, Result] = {}
    busy: dict[Connection, tuple[_Worker, int]] = {}
    try:
        idle = [_Worker() for _ in range(max(1, min(workers, len(ordered))))]
        while len(results) < len(ordered):
            while idle and waiting:
                worker, number = idle.pop(), waiting.popleft()
                worker.begin(ordered[number])
                busy[worker.connection] = worker, number
            for connection in wait(list(busy)):
                assert isinstance(connection, Connection)
                worker, number = busy.pop(connection)
                try:
                    results[number] = connection.recv()
                except (EOFError, OSError):
                    worker.end()
                    worker = _Worker()
                    results[number] = _failed(
                        ordered[number], "a process of the bench died (memory, or an emulator)"
                    )
                idle.append(worker)
                on_result(results[number])
    except BaseException:
        kill_workers()
        raise
    for worker in idle:
        worker.end()
    return [results[number] for number in range(len(ordered))]


class _Worker:
    """A process that runs one job after the other, each as it is sent, and sends its result."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,))
        with deaf_to_ctrl_c():
            self._process.start()
        theirs.close()

    def begin(self, job: Job) -> None:
        """A process that has died is noticed where its result is waited for."""
        with contextlib.suppress(OSError):
            self.connection.send(job)

    def end(self) -> None:
        """Let it come to its end (emulators are closed then), and wait for that."""
        self.connection.close()
        self._process.join()


def _work(connection: Connection) -> None:
    follow_parent()
    while True:
        try:
            job: Job = connection.recv()
        except EOFError:
            return
        try:
            result = run_job(job)
        except Exception as error:
            traceback.print_exc()
            result = _failed(job, f"the bench is at fault: {type(error).__name__}: {error}")
        connection.send(result)


@contextlib.contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """Of the parent: workers that are started within never hear Ctrl-C, not even while they import.

    The parent hears one that came meanwhile at the end.
    """
    resource_tracker.ensure_running()  # its start would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def kill_workers() -> None:
    """Of the parent: end all workers at once, and with them their emulators.

    They are not asked: Robot takes a SIGTERM for the end of a test, and goes on. A Renode ends as soon as it
    sees its worker gone; one that does not is killed, too.
    """
    workers = multiprocessing.active_children()
    emulators: list[psutil.Process] = []
    for worker in workers:
        with contextlib.suppress(psutil.NoSuchProcess):
            emulators += psutil.Process(worker.pid).children(recursive=True)
        worker.kill()
    for worker in workers:
        worker.join()
    _, left = psutil.wait_procs(emulators, _EMULATORS_END_S)
    for emulator in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            emulator.kill()


def follow_parent() -> None:
    """Of a worker: the parent ends its workers; killed, it cannot, so they look themselves."""
    os.setsid()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


def _failed(job: Job, message: str) -> Result:
    return Result(job.board, job.scenario.id, job.scenario.name, "FAIL", message, job.repeat, None)


def run_job(job: Job) -> Result:
    """Run one scenario in this process; its Robot output goes to `job.output`."""
    job.folder.mkdir(parents=True, exist_ok=True)
    (job.folder / MEASUREMENTS).unlink(missing_ok=True)
    errors = io.StringIO()
    run_robot(
        str(job.scenario.source),
        test=glob.escape(job.scenario.name),
        variable=[
            f"BOARD:{job.platform}",
            f"FIRMWARE:{job.firmware}",
            f"EMULATOR:{job.emulator}",
            *job.variables,
        ],
        outputdir=str(job.folder),
        output=job.output.name,
        log=None,
        report=None,
        console="none",
        stderr=errors,
    )
    verdict, message = "FAIL", errors.getvalue().strip() or "Robot Framework wrote no output"
    if job.output.is_file():
        (test,) = ExecutionResult(str(job.output)).suite.all_tests
        verdict, message = test.status, test.message
    return Result(
        board=job.board,
        id=job.scenario.id,
        name=job.scenario.name,
        verdict=verdict,
        message=message,
        repeat=job.repeat,
        measurement=_measurement(job.folder / MEASUREMENTS),
    )


def _measurement(path: Path) -> Measurement | None:
    if not path.is_file():
        return None
    last = path.read_text().splitlines()[-1]
    return Measurement(**json.loads(last))


def _id(name: str) -> str:
    match = _ID.match(name)
    return match[0] if match else name
