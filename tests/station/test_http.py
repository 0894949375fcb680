"""The HTTP client against answers that are wrong, and what is read of those that are right."""

import asyncio
import random

import board
import pytest
from station.http import HttpError, Transfer
from station.modem import LinkDown


class Socket:
    """Gives what the server says, in pieces, then closes."""

    def __init__(self, answer, piece=512):
        self.answer = answer
        self.piece = piece

    async def connect(self, host, port): ...

    async def send(self, data):
        return True

    async def recv(self, buffer, timeout_s):
        data, self.answer = self.answer[: self.piece], self.answer[self.piece :]
        buffer[: len(data)] = data
        return len(data)

    async def close(self): ...


@pytest.fixture(autouse=True)
def clock():
    board.start(board.POWER_ON, lambda: 0)


def get(answer, piece=512):
    """(status, body)"""

    async def work():
        transfer = Transfer({"http": Socket(answer, piece)})
        await transfer.open("GET", "http://files.local/x", "")
        status = await transfer.answer()
        body = b""
        for _ in range(10000):
            part = await transfer.read()
            if part is None:
                return status, body
            body += bytes(part)
        raise AssertionError("it never ends")

    return asyncio.run(work())


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize("piece", [1, 7, 512])
@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 5\r\n\r\nhello and more",
        OK + b"\r\nhello",
        CHUNKED + b"\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
        # RFC 9112 6.3: the length does not count, before or behind
        CHUNKED + b"Content-Length: 99\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n"
        + OK
        + b"Content-Length: 5\r\n\r\nhello",
    ],
)
def test_body(answer, piece):
    assert get(answer, piece) == (200, b"hello")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n\r\n",
        b"HTTP/1.1 20\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 -20 OK\r\n\r\n",
        b"HTTP/2 200\r\n\r\n"[:-2],
        OK,
        OK + b"Content-Length: 6\r\n\r\nhello",
        OK + b"Content-Length: 99999999999999999999999\r\n\r\nhello",
        OK + b"X: " + b"x" * 2000 + b"\r\n\r\n",
        OK + b"X: y\r\n" * 100 + b"\r\n",
        CHUNKED + b"\r\n",
        CHUNKED + b"\r\nxyz\r\nhello",
        CHUNKED + b"\r\n-5\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"\r\n5\r\nhello\r\n-1\r\n\r\n",
        CHUNKED + b"\r\n5\r\nhel",
        CHUNKED + b"\r\nffffffffffffffffffffff\r\nhello",
    ],
)
def test_answer_that_is_none(answer):
    with pytest.raises((HttpError, LinkDown)):
        get(answer)


def test_answers_with_random_faults():
    random_ = random.Random(3)
    whole = CHUNKED + b"Content-Range: bytes 3-7/9\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
    for _ in range(3000):
        answer = bytearray(whole)
        for _ in range(random_.randrange(1, 5)):
            at = random_.randrange(len(answer))
            if random_.random() < 0.5:
                answer[at] = random_.choice(b"\r\n -0159:;afz\0\xff")
            else:
                answer[at : at + random_.randrange(3)] = random_.choice((b"", b"\r\n", b"9" * 30, whole[at:]))
        try:
            status, body = get(bytes(answer), random_.choice((1, 9, 512)))
        except (HttpError, LinkDown):
            continue
        assert 0 <= status <= 999 and len(body) <= len(answer)
