"""Where power is cut, and going on in a copy of the bench."""

import os
import signal
import socket
from unittest.mock import MagicMock

import psutil
import pytest

from bench.powercuts.branch import Branch, BranchError
from bench.powercuts.points import Group, spread
from bench.powercuts.walk import Course, Verdict, walk

GROUPS = [
    Group("erase", 3, [(0, 100)]),
    Group("program", 6, [(1000 + 10 * n, 1004 + 10 * n) for n in range(500)]),
    Group("none", 5, []),
    Group("pause", 1, [(7000, 9000), (10_000, 11_000)]),
]


def test_each_group_gets_its_share_over_all_of_it() -> None:
    points = spread(GROUPS, 100, seed=1)
    assert points == sorted(points)
    by_name = {name: [at for at, group in points if group == name] for name in ("erase", "program", "pause")}
    assert {name: len(found) for name, found in by_name.items()} == {"erase": 30, "program": 60, "pause": 10}
    assert all((at - 1000) % 10 <= 4 for at in by_name["program"])
    tenths = {(at - 1000) // 500 for at in by_name["program"]}
    assert tenths == set(range(10))
    assert max(by_name["erase"]) - min(by_name["erase"]) > 60
    assert {at < 9000 for at in by_name["pause"]} == {True, False}


def test_few_points_go_to_the_weightiest_groups() -> None:
    assert [name for _, name in spread(GROUPS, 1, seed=1)] == ["program"]
    assert {name for _, name in spread(GROUPS, 2, seed=1)} == {"erase", "program"}


def test_points_are_those_of_the_seed() -> None:
    assert spread(GROUPS, 40, seed=2) == spread(GROUPS, 40, seed=2) != spread(GROUPS, 40, seed=3)


def test_a_branch_leaves_the_original_where_it_is() -> None:
    steps = [1]

    def go_on() -> tuple[int, list[int]]:
        steps.append(2)
        return os.getpid(), steps

    pid, seen = Branch(go_on).result()
    assert pid != os.getpid()
    assert seen == [1, 2]
    assert steps == [1]


def test_a_branch_that_fails_says_why() -> None:
    with pytest.raises(BranchError, match="ZeroDivisionError"):
        Branch(lambda: 1 // 0).result()
    with pytest.raises(BranchError, match="status"):
        Branch(lambda: os._exit(3)).result()


def test_a_branch_does_not_hear_ctrl_c() -> None:
    its_end, ours = socket.socketpair()

    def wait() -> bytes:
        its_end.send(b"here")
        return its_end.recv(9)

    branch = Branch(wait)
    ours.recv(9)
    os.kill(branch._pid, signal.SIGINT)
    ours.send(b"go on")
    assert branch.result() == b"go on"


def test_an_interrupted_wait_for_a_branch_kills_it(monkeypatch: pytest.MonkeyPatch) -> None:
    branch = Branch(signal.pause)
    monkeypatch.setattr(os, "fdopen", MagicMock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        branch.result()
    assert not psutil.pid_exists(branch._pid)


def test_an_interrupted_walk_kills_its_branches() -> None:
    span, others = Forever(), psutil.Process().children()
    with pytest.raises(KeyboardInterrupt):
        walk("board", span, count=3, seed=1, jobs=3, follow=lambda n: False)
    assert span.hits == 3
    assert psutil.Process().children() == others


class Forever:
    """A span of which no judgement comes, interrupted at the third hit."""

    name, rig = "forever", MagicMock(now_ns=0)
    hits = 0

    def begin(self) -> None: ...

    def whole(self) -> Course:
        return Course(GROUPS, [])

    def advance(self, at_ns: int) -> None: ...

    def judge(self, follow: bool) -> Verdict:
        signal.pause()
        return Verdict()

    def hit(self) -> str:
        self.hits += 1
        if self.hits == 3:
            raise KeyboardInterrupt
        return "none"
