"""Serves what the port offers to a test, over the modem line: a JSON list [name, argument ...] in a line,
a JSON value in a line as the answer. The EVSE line is echoed."""

import asyncio
import binascii
import builtins
import gc
import json

import board
import functions

modem = board.UART(board.MODEM)
evse = board.UART(board.EVSE)


def text(data):
    return data and binascii.hexlify(data).decode()


def data(text):
    return binascii.unhexlify(text)


def mask(text, start, end, key):
    buffer = bytearray(data(text))
    board.mask(buffer, start, end, data(key))
    return binascii.hexlify(buffer).decode()


def recurse():
    return recurse() + 1


def exhaust():
    kept = []
    try:
        while True:
            kept.append(bytearray(256))
    except MemoryError:
        return len(kept)


def missing_names(names):
    return [name for name in names if not hasattr(builtins, name)]


def missing_methods(names):
    values = ("", b"", bytearray(), memoryview(b""), [], (), {}, 0, len, None, Exception, missing_names)
    return [name for name in names if not any(hasattr(value, name) for value in values)]


def missing_modules(names):
    missing = []
    for name in names:
        try:
            __import__(name)
        except ImportError:
            missing.append(name)
    return missing


def journal_read(number, offset, size):
    buffer = bytearray(size)
    n = board.journal_read(number, offset, buffer)
    return None if n is None else binascii.hexlify(buffer[:n]).decode()


def journal_fill(first, count, size):
    for number in range(first, first + count):
        board.journal_put(number, bytes((number & 255,)) * size)


def journal_empty():
    count = 0
    while True:
        number = board.journal_next(0)
        if number is None:
            return count
        board.journal_delete(number)
        count += 1


COMMANDS = {
    "missing_names": missing_names,
    "missing_methods": missing_methods,
    "missing_modules": missing_modules,
    "boot": lambda: (board.NAME, board.VERSION, board.reset_cause(), board.fault(), text(board.unique_id())),
    "put": lambda key, value: board.store_put(key, data(value)),
    "get": lambda key: text(board.store_get(key)),
    "delete": board.store_delete,
    "keys": lambda: sorted(key.decode() for key in board.store_keys()),
    "journal_put": lambda number, value: board.journal_put(number, data(value)),
    "journal_read": journal_read,
    "journal_begin": board.journal_begin,
    "journal_append": lambda value: board.journal_append(data(value)),
    "journal_end": board.journal_end,
    "journal_find": lambda number, what: board.journal_find(number, data(what)),
    "journal_next": board.journal_next,
    "journal_delete": board.journal_delete,
    "tidy": board.tidy,
    "journal_fill": journal_fill,
    "journal_empty": journal_empty,
    "function_results": functions.results,
    "function_places": functions.places,
    "random": lambda size: text(board.random(size)),
    "sha1": lambda message: text(board.sha1(data(message))),
    "mask": mask,
    "modem_enable": board.modem_enable,
    "watchdog": board.watchdog,
    "feed": board.feed,
    "reset": board.reset,
    "uptime": lambda: (board.uptime(), board.uptime_ms()),
    "heap": lambda: (gc.collect(), gc.mem_free())[1],
    "recurse": recurse,
    "exhaust": exhaust,
    "print": print,
    "overruns": lambda: (modem.overruns, evse.overruns),
    "evse_wait": evse.wait,
    "evse_any": evse.any,
    "int": int,
    "int_types": lambda *values: [type(value) is int for value in values],
    "same": lambda value: value,
}


async def echo():
    reader = asyncio.StreamReader(evse)
    writer = asyncio.StreamWriter(evse)
    evse.wait(0)
    while True:
        writer.write(await reader.read(256))
        await writer.drain()


async def serve():
    reader = asyncio.StreamReader(modem)
    writer = asyncio.StreamWriter(modem)
    modem.wait(0)
    print("ready")
    writer.write(b"ready\n")
    await writer.drain()
    while True:
        line = await reader.readline()
        try:
            name, *arguments = json.loads(line)
            if name == "sleep":
                await asyncio.sleep(arguments[0])
                answer = None
            elif name == "raise":
                raise ValueError(arguments[0])
            else:
                answer = COMMANDS[name](*arguments)
        except OSError as error:
            answer = {"errno": error.errno}
        except (ArithmeticError, RuntimeError, MemoryError) as error:
            answer = {"raised": repr(error)}
        except ValueError as error:
            if name == "raise":
                raise
            answer = {"raised": repr(error)}
        writer.write((json.dumps(answer) + "\n").encode())
        await writer.drain()


async def main():
    await asyncio.gather(echo(), serve())


asyncio.run(main())
