from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench.emulators.unicorn.clock import Agenda, Ticks


def test_events_come_in_order_and_not_when_cancelled() -> None:
    agenda = Agenda()
    seen: list[int] = []
    agenda.add(20, lambda: seen.append(3))
    agenda.add(10, lambda: seen.append(1))
    agenda.add(10, lambda: seen.append(2))
    cancelled = agenda.add(5, lambda: seen.append(0))
    cancelled.cancel()
    assert agenda.next_ns() == 10
    agenda.run_due(19)
    assert seen == [1, 2]
    agenda.run_due(20)
    assert seen == [1, 2, 3]
    assert agenda.next_ns() is None


def test_an_event_may_add_one_that_is_due_at_once() -> None:
    agenda = Agenda()
    seen: list[int] = []
    agenda.add(1, lambda: agenda.add(1, lambda: seen.append(1)) and None)
    agenda.run_due(1)
    assert seen == [1]


@st.composite
def running(draw: st.DrawFn) -> Ticks:
    modulus = draw(st.sampled_from([2, 1000, 1 << 16, 1 << 32]))
    ticks = Ticks(draw(st.integers(1, 200_000_000)), draw(st.integers(1, 70_000)), modulus)
    ticks.load(draw(st.integers(0, modulus - 1)), 0)
    ticks.run(True, 0)
    return ticks


@given(ticks=running(), wanted=st.integers(0, 1 << 32), now=st.integers(0, 10**12))
def test_a_match_is_the_first_instant_of_the_value(ticks: Ticks, wanted: int, now: int) -> None:
    due = ticks.next_match(wanted, now)
    if wanted >= ticks.modulus:
        assert due is None
        return
    assert due is not None
    assert due > now
    assert ticks.value(due) == wanted
    assert ticks.value(due - 1) != wanted
