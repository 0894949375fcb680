"""The parser of the network module's stream."""

from hypothesis import given
from hypothesis import strategies as st
from station.modem import AtParser


class Reader:
    """Feeds a parser and notes what it reports."""

    def __init__(self, sink=64):
        self.events = []
        self.parser = AtParser(self.events.append, lambda: self.events.append(">"))
        self.sink = bytearray(sink)
        self.parser.sink = memoryview(self.sink)

    def feed(self, data):
        while data:
            target = self.parser.buffer()
            n = min(len(target), len(data))
            assert n > 0
            target[:n] = data[:n]
            data = data[n:]
            self.parser.feed(n)


LINE = (
    st.text(alphabet=[chr(c) for c in range(33, 127) if chr(c) != ">"], min_size=1, max_size=60)
    .map(str.encode)
    .filter(lambda line: not line.startswith((b"+IPD", b"+CIPRECVDATA")))
)
DATA = st.binary(max_size=64)
ITEM = st.one_of(
    LINE.map(lambda line: (b"\r\n" + line + b"\r\n", line)),
    DATA.map(lambda data: (b"+CIPRECVDATA:%d," % len(data) + data + b"\r\n\r\nOK\r\n", data)),
    st.integers(1, 5000).map(lambda n: (b"\r\n+IPD,0,%d\r\n" % n, b"+IPD,0,%d" % n)),
)


@given(st.lists(ITEM, max_size=8), st.data())
def test_same_events_however_the_bytes_arrive(items, data):
    reader = Reader()
    for wire, expected in items:
        del reader.events[:]
        reader.parser.got = 0
        rest = wire
        while rest:
            n = data.draw(st.integers(1, len(rest)))
            reader.feed(rest[:n])
            rest = rest[n:]
        if reader.events == [b"OK"] and expected != b"OK":
            assert bytes(reader.sink[: reader.parser.got]) == expected
        else:
            assert reader.events == [expected]


@given(st.lists(st.binary(max_size=300), max_size=8), st.booleans())
def test_noise_is_survived_and_a_line_behind_it_is_read(pieces, prompt):
    reader = Reader()
    reader.parser.prompt = prompt
    for piece in pieces:
        reader.feed(piece)
    reader.parser.restart()
    del reader.events[:]
    reader.feed(b"\r\nready\r\n")
    assert reader.events == [b"ready"]


def test_overlong_line_is_dropped():
    reader = Reader()
    reader.feed(b"x" * 1000 + b"\r\nOK\r\n")
    assert reader.events == [b"OK"]


def test_prompt_only_when_expected():
    reader = Reader()
    reader.feed(b"\r\nOK\r\n")
    reader.parser.prompt = True
    reader.feed(b"\r\n> ")
    reader.feed(b"\r\nRecv 3 bytes\r\n\r\nSEND OK\r\n")
    assert reader.events == [b"OK", ">", b"Recv 3 bytes", b"SEND OK"]


def test_data_that_was_not_asked_for_is_dropped():
    reader = Reader(sink=8)
    reader.feed(b"\r\n+IPD,0,5:OK\r\nX\r\nERROR\r\n")
    reader.feed(b"+CIPRECVDATA:9,OK\r\nOK\r\nX\r\nOK\r\n")
    assert reader.events == [b"+IPD,0,5:", b"ERROR", b"OK"]


@given(st.integers(1, 11), st.integers(1, 30))
def test_answer_behind_what_is_left_of_a_notice_is_a_line(kept, first):
    """An erase of flash has swallowed the end of the notice; what is held is asked for at once."""
    reader = Reader()
    notice, answer = b"+IPD,0,1035"[:kept], b"+CIPRECVLEN:35,,,,"
    wire = notice + answer + b"\r\n\r\nOK\r\n"
    reader.feed(wire[:first])
    reader.feed(wire[first:])
    assert reader.events == [notice + answer, b"OK"]
