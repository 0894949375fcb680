"""Results and what counts as the same run."""

from bench.results import Measurement, Result, all_passed, differences


def result(repeat: int, sha: str = "a", instructions: int = 5, verdict: str = "PASS") -> Result:
    measured = Measurement("b", "unicorn", "TC_X", 1.0, 0.1, instructions, sha, {})
    return Result("b", "TC_X", "TC_X", verdict, "", repeat, measured)


def test_equal_runs_do_not_differ() -> None:
    assert differences([result(0), result(1), result(2)]) == []


def test_transcript_instructions_and_verdict_each_make_a_difference() -> None:
    for other in (result(2, sha="z"), result(2, instructions=6), result(2, verdict="FAIL")):
        (line,) = differences([result(0), result(1), other])
        assert line == "b: TC_X: 2 different runs of 3 (run 2 differs from run 0)"


def test_nothing_run_is_not_passed() -> None:
    assert not all_passed([])
    assert all_passed([result(0)])
    assert not all_passed([result(0), result(1, verdict="FAIL")])
    assert not all_passed([result(0, verdict="SKIP")])


def test_json_has_the_documented_members() -> None:
    assert set(result(0).to_json()) == {
        *("board", "emulator", "id", "name", "verdict", "message", "repeat", "virtual_s", "host_s"),
        *("instructions", "transcript_sha256", "memory", "metrics", "notes"),
    }
