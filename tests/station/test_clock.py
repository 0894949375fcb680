"""clock.py against datetime."""

from datetime import UTC, datetime, timedelta

import board
import pytest
from hypothesis import given
from hypothesis import strategies as st
from station import clock

ZERO = datetime(2020, 1, 1, tzinfo=UTC)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2099, 12, 31)), st.integers(-14 * 60, 14 * 60))
def test_parse_agrees_with_datetime(moment, minutes):
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
    sign = "-" if minutes < 0 else "+"
    offset = f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    local = (moment + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    delta = moment - ZERO
    assert clock.parse(local + offset) == (delta.days * 86400 + delta.seconds, delta.microseconds // 1000)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2099, 12, 31)))
def test_text_agrees_with_datetime(moment):
    delta = moment.replace(tzinfo=UTC) - ZERO
    text = clock.text_of(delta.days * 86400 + delta.seconds, delta.microseconds // 1000)
    assert text == moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


@given(st.text(alphabet="0123456789-:.TZ+ ", max_size=32))
def test_what_is_no_time_raises_value_error(text):
    try:
        expected = datetime.fromisoformat(text)
    except ValueError:
        expected = None
    try:
        clock.parse(text)
    except ValueError:
        return
    assert expected is not None or ":60" in text or len(text) > 26


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-13-01T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00+1:00",
        "2026-01-01T00:00:00 GMT",
        "2O26-01-01T00:00:00Z",
    ],
)
def test_refused(text):
    with pytest.raises(ValueError, match=r"."):
        clock.parse(text)


def test_runs_on_from_what_the_csms_said():
    now = [5_250_000_000]
    board.start(board.POWER_ON, lambda: now[0])
    now[0] += 700_000_000
    clock.set_from("2026-02-28T23:59:59.900Z")
    assert clock.now() == "2026-02-28T23:59:59.900Z"
    now[0] += 86400_000_000_000 + 150_000_000
    assert clock.now() == "2026-03-02T00:00:00.050Z"
