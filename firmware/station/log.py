"""Log lines to the debug channel: level letter, seconds since reset, text. Secrets are never passed in."""

import board
from micropython import const

from . import features

_ERROR = const(0)
_WARN = const(1)
_INFO = const(2)
_DEBUG = const(3)

level = _DEBUG if features.LOG_DEBUG else _INFO


def _line(threshold, letter, text, args):
    if level >= threshold:
        print(letter, board.uptime(), text % args if args else text)


def error(text, *args):
    """Something failed that a person has to look at."""
    _line(_ERROR, "E", text, args)


def warn(text, *args):
    """Something failed and the station copes."""
    _line(_WARN, "W", text, args)


def info(text, *args):
    """What the station does."""
    _line(_INFO, "I", text, args)


# feature LOG_DEBUG
def debug(text, *args):
    """What passes through."""
    _line(_DEBUG, "D", text, args)


# end
