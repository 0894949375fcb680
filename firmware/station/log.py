"""Log lines to the debug channel: level letter, seconds since reset, text. Secrets are never passed in."""

import board
from micropython import const

ERROR = const(0)
WARN = const(1)
INFO = const(2)
DEBUG = const(3)

level = INFO


def _line(threshold, letter, text, args):
    if level >= threshold:
        print(letter, board.uptime(), text % args if args else text)


def error(text, *args):
    """Something failed that a person has to look at."""
    _line(ERROR, "E", text, args)


def warn(text, *args):
    """Something failed and the station copes."""
    _line(WARN, "W", text, args)


def info(text, *args):
    """What the station does."""
    _line(INFO, "I", text, args)


def debug(text, *args):
    """What passes through."""
    _line(DEBUG, "D", text, args)
