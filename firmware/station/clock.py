"""Wall clock: seconds of uptime plus the offset that the CSMS gave (ClockCtrlr.TimeSource = Heartbeat).

Times are counted from 2020-01-01T00:00:00Z, so that they stay small integers on the chip until 2054.
"""

import asyncio

import board
from micropython import const

_DAY_ZERO = const(737425)  # day number of 2020-01-01, with 0001-01-01 = 1
_CHUNK_S = const(3600)  # one timer of the scheduler spans at most six days
_MONTH_DAYS = const((31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31))

_seconds = 0
_ms = 0
known = False
on_set = []  # functions that hear that the clock has been set


def _day_number(year, month, day):
    if month < 3:
        year -= 1
        month += 12
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5 + day - 306


def parse(text):
    """RFC 3339 date-time -> (seconds since 2020, milliseconds). Raises ValueError when it is not one."""
    if (
        not isinstance(text, str)
        or len(text) < 20
        or text[4] + text[7] + text[13] + text[16] != "--::"
        or text[10] not in "Tt "
        or not (text[:4] + text[5:7] + text[8:10] + text[11:13] + text[14:16] + text[17:19]).isdigit()
    ):
        raise ValueError("not a date-time")
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    hour, minute, second = int(text[11:13]), int(text[14:16]), int(text[17:19])
    if (
        not 1 <= month <= 12
        or not 1 <= day <= _MONTH_DAYS[month - 1]
        or hour > 23
        or minute > 59
        or second > 60
    ):
        raise ValueError("no such time")
    rest = text[19:]
    ms = 0
    if rest[0] == ".":
        digits = 1
        while digits < len(rest) and rest[digits].isdigit():
            digits += 1
        if digits == 1:
            raise ValueError("no digits after the point")
        ms = int((rest[1:digits] + "00")[:3])
        rest = rest[digits:]
    offset = 0
    if rest not in ("Z", "z"):
        if len(rest) != 6 or rest[0] not in "+-" or rest[3] != ":" or not (rest[1:3] + rest[4:6]).isdigit():
            raise ValueError("no time offset")
        offset = int(rest[1:3]) * 3600 + int(rest[4:6]) * 60
        if rest[0] == "-":
            offset = -offset
    days = _day_number(year, month, day) - _DAY_ZERO
    return days * 86400 + hour * 3600 + minute * 60 + second - offset, ms


def text_of(seconds, ms):
    """Seconds since 2020 and milliseconds -> RFC 3339 date-time in UTC with milliseconds."""
    days = seconds // 86400
    rest = seconds - days * 86400
    z = days + _DAY_ZERO + 306
    h = 100 * z - 25
    a = h // 3652425
    b = a - a // 4
    year = (100 * b + h) // 36525
    c = b + z - 365 * year - year // 4
    month = (5 * c + 456) // 153
    day = c - (153 * month - 457) // 5
    if month > 12:
        year += 1
        month -= 12
    return "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ" % (
        year,
        month,
        day,
        rest // 3600,
        rest // 60 % 60,
        rest % 60,
        ms,
    )


def set_from(text):
    """Set the clock from a currentTime of the CSMS (B01.FR.06, G02.FR.06). Raises ValueError."""
    global _seconds, _ms, known
    seconds, ms = parse(text)
    _seconds = seconds - board.uptime()
    _ms = ms - board.uptime_ms()
    known = True
    for hook in on_set:
        hook()


def time():
    """The present time: (seconds since 2020, milliseconds); counts from 0 as long as it is not `known`."""
    return at(board.uptime(), board.uptime_ms())


def at(seconds, ms):
    """The time at an instant of the uptime, as `time` gives it."""
    seconds += _seconds
    ms += _ms
    if ms < 0:
        seconds -= 1
        ms += 1000
    elif ms > 999:
        seconds += 1
        ms -= 1000
    return seconds, ms


def now():
    """The present time as RFC 3339 text."""
    return text_of(*time())


async def sleep(seconds):
    """Sleep whole seconds, however many."""
    while seconds > 0:
        chunk = min(seconds, _CHUNK_S)
        await asyncio.sleep_ms(chunk * 1000)
        seconds -= chunk
