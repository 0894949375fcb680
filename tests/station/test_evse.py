"""The parser of the EVSE controller's stream."""

from hypothesis import assume, given
from hypothesis import strategies as st
from station.evse import RapiParser, frame

from bench.peers import rapi

WORD = st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.", min_size=1, max_size=8)
WORDS = st.lists(WORD, min_size=1, max_size=5)


class Reader:
    def __init__(self):
        self.frames = []
        self.parser = RapiParser(self.frames.append)

    def feed(self, data):
        while data:
            target = self.parser.buffer()
            n = min(len(target), len(data))
            assert n > 0
            target[:n] = data[:n]
            data = data[n:]
            self.parser.feed(n)


@given(WORDS.filter(lambda words: len(" ".join(words)) < 24))
def test_frames_are_what_the_controller_expects(words):
    (command,) = rapi.Decoder().feed(frame(" ".join(words)))
    assert command.problem == ""
    assert command.words == tuple(words)


@given(st.lists(WORDS, max_size=6), st.integers(1, 40))
def test_same_frames_however_the_bytes_arrive(sent, size):
    reader = Reader()
    wire = b"".join(frame(" ".join(words)) for words in sent)
    for start in range(0, len(wire), size):
        reader.feed(wire[start : start + size])
    assert reader.frames == sent


@given(WORDS, st.data())
def test_a_damaged_frame_is_not_taken(words, data):
    wire = bytearray(frame(" ".join(words)))
    at = data.draw(st.integers(0, len(wire) - 2))
    wire[at] ^= 1 << data.draw(st.integers(0, 7))
    # a new "$" begins a frame, for which the XOR may be right
    assume(wire[at] != 0x24)
    reader = Reader()
    reader.feed(bytes(wire))
    reader.feed(frame("OK"))
    # hex digits may change their case
    assert reader.frames in (["OK"], [["OK"]], [words, ["OK"]])
    if reader.frames[0] == words and len(reader.frames) == 2:
        assert bytes(wire).upper() == frame(" ".join(words)).upper()


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_noise_is_survived_and_a_frame_behind_it_is_read(pieces):
    reader = Reader()
    for piece in pieces:
        reader.feed(piece)
    reader.feed(b"\r")
    del reader.frames[:]
    reader.feed(frame("AT 1 A 0 32"))
    assert reader.frames == [["AT", "1", "A", "0", "32"]]
