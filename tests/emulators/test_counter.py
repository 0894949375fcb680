"""The private counter is found, or nothing runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.emulators.unicorn import counter
from bench.emulators.unicorn.counter import CalibrationError


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    counter.locate.cache_clear()
    yield
    counter.locate.cache_clear()


def test_it_is_found() -> None:
    assert counter.locate() % 8 == 0


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counter.unicorn, "__version__", "2.1.5")
    with pytest.raises(CalibrationError, match=r"unicorn 2\.1\.5: this bench knows version 2\.1\.4 only"):
        counter.locate()


def test_a_counter_that_is_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counter, "_words", lambda _uc: [0] * 500)
    with pytest.raises(CalibrationError, match="was not found"):
        counter.locate()


def test_two_fields_that_count_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    original = counter._words
    monkeypatch.setattr(counter, "_words", lambda uc: original(uc) * 2)
    with pytest.raises(CalibrationError, match="2 fields look like"):
        counter.locate()


def test_a_field_that_does_not_count_during_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    original = counter._words
    # Found one word too early: what is read there during the run is something else.
    monkeypatch.setattr(counter, "_words", lambda uc: original(uc)[1:])
    with pytest.raises(CalibrationError, match="at instruction 7 the counter read"):
        counter.locate()


def test_no_handle(monkeypatch: pytest.MonkeyPatch) -> None:
    class Without:
        _uch = None

    with pytest.raises(CalibrationError, match="does not expose the engine's handle"):
        counter._address(Without())
