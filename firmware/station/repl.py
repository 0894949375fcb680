"""Python that a person types into the debug channel, run amid the station's tasks."""

import asyncio
import sys

import board
from micropython import const

_LOOK_MS = const(200)


class Repl:
    """Takes lines; `names` are the globals of what is typed."""

    def __init__(self, names):
        self._names = names
        self._text = ""  # of a block that is not at its end

    def take(self, line):
        """Run a line, or keep it while the block that it belongs to goes on. Returns the next prompt."""
        self._text += line + "\n"
        if line.endswith(":") or (line and self._text != line + "\n"):
            return "... "
        text, self._text = self._text, ""
        try:
            self._run(text)
        except Exception as e:
            sys.print_exception(e)
        return ">>> "

    def _run(self, text):
        try:
            code = compile(text, "typed", "eval")
        except SyntaxError:
            exec(compile(text, "typed", "exec"), self._names)
            return
        value = eval(code, self._names)
        if value is not None:
            print(repr(value))


async def run(station):
    """Serve the debug channel for ever; what is typed finds `station` and `board`."""
    repl = Repl({"station": station, "board": board})
    left = b""
    while True:
        left += board.typed()
        while b"\n" in left:
            line, left = left.split(b"\n", 1)
            print(repl.take(line.decode()), end="")
        await asyncio.sleep_ms(_LOOK_MS)
