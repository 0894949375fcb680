"""Serves the `tls` module to a test, over the modem line: a JSON list [name, argument ...] in a line, a JSON
value in a line as the answer. Bytes are base64; an exception is {"error": [args ...]}."""

import asyncio
import binascii
import json

import board
import tls

modem = board.UART(board.MODEM)
clients = {}
kept = bytearray(8192)


def text(data):
    return None if data is None else binascii.b2a_base64(data)[:-1].decode()


def data(text):
    return binascii.a2b_base64(text)


def client(n, host, prefix, now, exact):
    clients[n] = tls.Client(host, prefix, now, exact)


def output(n):
    record = clients[n].output()
    if record is not None:
        record = bytes(record)
        clients[n].sent()
    return text(record)


def read(n, size):
    buffer = bytearray(size)
    got = clients[n].readinto(buffer)
    return None if got is None else text(buffer[:got])


def keep(at, piece):
    """A long argument in pieces: what follows is bytes of `kept`."""
    piece = data(piece)
    kept[at : at + len(piece)] = piece


def certificate(size):
    facts = tls.certificate(memoryview(kept)[:size])
    return [text(item) if isinstance(item, bytes) else item for item in facts]


COMMANDS = {
    "put": lambda key, size: board.store_put(key, kept[:size]),
    "delete": board.store_delete,
    "keep": keep,
    "client": client,
    "feed": lambda n, size: clients[n].feed(bytes(kept[:size])),
    "handshake": lambda n: clients[n].handshake(),
    "output": output,
    "valid": lambda n: clients[n].valid(),
    "read": read,
    "write": lambda n, value: clients[n].write(data(value)),
    "shut": lambda n: clients[n].shut(),
    "free": lambda n: clients.pop(n).free(),
    "certificate": certificate,
    "issued": lambda size, end: tls.issued(memoryview(kept)[:size], memoryview(kept)[size:end]),
    "trusted": lambda size, *trust: tls.trusted(memoryview(kept)[:size], *trust),
    "verify": lambda size, digest, mark: tls.verify(memoryview(kept)[:size], data(digest), data(mark)),
    "sha256": lambda size: text(tls.sha256(memoryview(kept)[:size])),
    "peak": tls.peak,
}


async def serve():
    reader = asyncio.StreamReader(modem)
    writer = asyncio.StreamWriter(modem)
    modem.wait(0)
    writer.write(b"ready\n")
    await writer.drain()
    while True:
        name, *arguments = json.loads(await reader.readline())
        try:
            answer = COMMANDS[name](*arguments)
        except Exception as e:
            answer = {"error": [type(e).__name__] + [str(argument) for argument in e.args]}
        writer.write((json.dumps(answer) + "\n").encode())
        await writer.drain()


asyncio.run(serve())
