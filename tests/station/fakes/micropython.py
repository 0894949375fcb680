"""What CPython lacks of MicroPython."""


def const(value):
    return value
