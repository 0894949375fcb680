"""The emulated EVSE controller, its cars, and the RAPI frames."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.peers import PeerError
from bench.peers.evse import EvseController
from bench.peers.rapi import FRAME_LENGTH, Decoder, checksum, encode

S = 1_000_000_000
MS = 1_000_000


class Wire:
    """The board's end of the line; `now` is virtual time."""

    def __init__(self, controller: EvseController) -> None:
        self.evse = controller
        self.now = 0

    def run(self, seconds: float) -> list[str]:
        """Frames that come in this time, checked and without their frame characters."""
        end = self.now + round(seconds * S)
        data = b""
        while (due := self.evse.next_event_ns()) is not None and due <= end:
            self.now = max(self.now, due)
            data += self.evse.poll(self.now)
        self.now = end
        data += self.evse.poll(end)
        frames = data.split(b"\r")
        assert frames.pop() == b""
        for frame in frames:
            body, digits = frame[:-3], frame[-2:]
            assert frame[-3:-2] == b"^" and int(digits, 16) == checksum(body), frame
        return [frame[1:-3].decode() for frame in frames]

    def command(self, text: str, seconds: float = 0.01) -> list[str]:
        self.evse.receive(encode(text), self.now)
        return self.run(seconds)


@pytest.fixture
def wire() -> Wire:
    """A controller that has booted."""
    wire = Wire(EvseController())
    assert wire.run(1) == ["AB 00 8.2.1.BENCH"]
    return wire


def test_frame_as_in_the_manual() -> None:
    # rapi_proc.h: $GS^30, $GG^24, $SK 0^2C
    assert [encode("GS"), encode("GG"), encode("SK 0")] == [b"$GS^30\r", b"$GG^24\r", b"$SK 0^2C\r"]


def test_version_and_state(wire: Wire) -> None:
    assert wire.command("GV") == ["OK 8.2.1.BENCH 5.2.1"]
    assert wire.command("GS 1") == ["OK A 0 32"]
    assert wire.command("GS 2") == ["OK A 0 32"]


def test_a_charging_session(wire: Wire) -> None:
    wire.evse.plug(1, wire.now)
    assert wire.run(0.1) == ["AT 1 B 1 32"]
    wire.evse.ready(1, True, wire.now)
    assert wire.run(2) == ["AT 1 B 9 32"]
    assert wire.command("SC 1 16") == ["OK 16", "AT 1 B 9 16"]
    assert wire.command("SL 1 1") == ["OK", "AT 1 B D 16"]
    assert wire.command("FE 1", 1) == ["OK", "AT 1 C D 16", "AT 1 C F 16"]
    assert wire.command("GG 1") == ["OK 16000 230000"]
    assert wire.evse.contactor_closed(1, wire.now) and not wire.evse.contactor_closed(2, wire.now)
    with pytest.raises(PeerError, match="connector of EVSE 1 is locked"):
        wire.evse.unplug(1, wire.now)
    wire.run(3600)
    wire.evse.ready(1, False, wire.now)
    assert wire.run(1) == ["AT 1 B 5 16"]
    assert wire.command("GU 1")[0].startswith("OK 368")
    assert wire.command("FD 1") == ["OK"]
    assert wire.command("SL 1 0") == ["OK", "AT 1 B 1 16"]
    wire.evse.unplug(1, wire.now)
    assert wire.run(1) == ["AT 1 A 0 16"]


def test_energy_is_exact_and_independent_of_how_often_one_looks() -> None:
    def energy(step: float) -> float:
        wire = Wire(EvseController())
        wire.run(1)
        wire.evse.plug(2, wire.now)
        wire.evse.ready(2, True, wire.now)
        wire.evse.set_car_limit(2, 10, wire.now)
        wire.command("FE 2", 0.5 + 0.002)
        while wire.now + step * S <= 3601 * S:
            wire.run(step)
            wire.evse.pilot(2, wire.now)
        wire.evse.fault(2, 1, 3601 * S + 500 * MS)
        return wire.evse.energy_wh(2, wire.now)

    # Closed 0.5 s after the command took effect (2 ms): 3600 s of 10 A at 230 V, less those 2 ms.
    assert energy(100) == energy(3.6) == pytest.approx(2300 * (3600 - 0.002) / 3600, abs=1e-9)


def test_session_register_starts_over_and_the_other_one_does_not(wire: Wire) -> None:
    for _ in range(2):
        wire.evse.plug(1, wire.now)
        wire.evse.ready(1, True, wire.now)
        wire.command("FE 1", 3600)
        wire.evse.unplug(1, wire.now)
        wire.run(1)
    session, total = map(int, wire.command("GU 1")[0].split()[1:])
    assert 7355 <= session <= 7360
    assert 2 * session <= total <= 2 * session + 1


def test_without_enable_or_current_the_contactor_stays_open(wire: Wire) -> None:
    wire.evse.plug(1, wire.now)
    wire.evse.ready(1, True, wire.now)
    wire.run(60)
    assert wire.evse.pilot(1, wire.now) == "B"
    wire.command("SC 1 0")
    wire.command("FE 1", 60)
    assert not wire.evse.contactor_closed(1, wire.now)
    wire.command("SC 1 6", 1)
    assert wire.evse.contactor_closed(1, wire.now)
    wire.command("SC 1 0")
    assert not wire.evse.contactor_closed(1, wire.now)


def test_pilot_current_is_limited(wire: Wire) -> None:
    assert wire.command("SC 1 5") == ["NK 6", "AT 1 A 0 6"]
    assert wire.command("SC 1 81") == ["NK 80", "AT 1 A 0 80"]
    assert wire.evse.pilot_amps(1, wire.now) == 80
    assert len(wire.evse.complaints) == 2


def test_cable_first_then_car_and_car_first_out(wire: Wire) -> None:
    wire.evse.plug_cable(1, wire.now)
    assert wire.run(1) == ["AT 1 A 1 32"]
    wire.command("SL 1 1")
    wire.evse.plug(1, wire.now)
    assert wire.run(1) == ["AT 1 B 5 32"]
    wire.evse.unplug_car(1, wire.now)
    assert wire.run(1) == ["AT 1 A 5 32"]


def test_faults_open_the_contactor_and_clear(wire: Wire) -> None:
    wire.evse.plug(1, wire.now)
    wire.evse.ready(1, True, wire.now)
    wire.command("FE 1", 2)
    wire.evse.fault(1, 1, wire.now)
    assert wire.run(1) == ["AE 1 01", "AT 1 F 19 32"]
    assert not wire.evse.contactor_closed(1, wire.now)
    wire.evse.fault(1, 0, wire.now)
    assert wire.run(2) == ["AE 1 00", "AT 1 B 9 32", "AT 1 C 9 32", "AT 1 C B 32"]
    with pytest.raises(PeerError, match="99 is no fault code"):
        wire.evse.fault(1, 99, wire.now)


def test_stuck_lock(wire: Wire) -> None:
    wire.evse.lock_fails(1, True)
    assert wire.command("SL 1 1") == ["NK"]
    assert wire.command("SL 1 0") == ["OK"], "it is where it should be"
    assert not wire.evse.locked(1, wire.now)
    assert not wire.evse.complaints


def test_tokens(wire: Wire) -> None:
    wire.evse.present_token("04A1B2C3D4E5F6", wire.now)
    wire.evse.present_token("1234", wire.now, type="KeyCode", reader=2)
    assert wire.run(0.1) == ["AR 1 ISO14443 04A1B2C3D4E5F6", "AR 2 KeyCode 1234"]
    for token in ("", "XYZ", "0" * 37, "04 A1", "04^A1"):
        with pytest.raises(PeerError, match="is no ISO14443 token"):
            wire.evse.present_token(token, wire.now)


def test_silence_and_power(wire: Wire) -> None:
    wire.evse.plug(1, wire.now)
    wire.evse.ready(1, True, wire.now)
    wire.command("FE 1", 2)
    wire.evse.silence(True, wire.now)
    assert wire.command("GS 1", 10) == []
    assert wire.evse.contactor_closed(1, wire.now), "a hung controller leaves its contactor as it is"
    wire.evse.silence(False, wire.now)
    assert wire.command("GS 1") == ["OK C B 32"]
    wire.evse.power(False, wire.now)
    assert wire.command("GS 1", 1) == []
    assert not wire.evse.contactor_closed(1, wire.now)
    wire.evse.power(True, wire.now)
    assert wire.run(2) == ["AB 00 8.2.1.BENCH"], "charging is disabled after boot"
    assert wire.command("GS 1") == ["OK B 9 32"]


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"$GS 1^00\r", ["NK"]),
        (b"$GS 1^0\r", ["NK"]),
        (b"$GS 1^zz\r", ["NK"]),
        (b"$GS 1\r", ["OK A 0 32"]),
        (b"GS 1^11\r", []),
        (b"garbage\r\n\x00\xff", []),
        (b"$GV" + b"x" * 40 + b"\r", []),
        (b"$GS$GS 2" + b"^%02X\r" % checksum(b"$GS 2"), ["OK A 0 32"]),
        (encode("GS 3"), ["NK"]),
        (encode("GS"), ["NK"]),
        (encode("GS x"), ["NK"]),
        (encode("GS \xb2"), ["NK"]),
        (encode("ZZ 1"), ["NK"]),
        (encode("SL 1 2"), ["NK"]),
        (encode("GS 1 :1A"), ["OK A 0 32 :1A"]),
        (encode("GS 1 :00"), ["NK"]),
        (encode("SC 1 5 :FF"), ["NK 6 :FF", "AT 1 A 0 6"]),
    ],
)
def test_what_firmware_can_send(wire: Wire, data: bytes, answer: list[str]) -> None:
    wire.evse.receive(data, wire.now)
    assert wire.run(0.1) == answer
    assert wire.command("GS 2") == ["OK A 0 32"], "and the line works on"


def test_mistakes_are_listed_with_what_was_sent(wire: Wire) -> None:
    wire.evse.receive(b"$GS 1^00\r" + encode("GS 1"), wire.now)
    wire.run(0.1)
    texts = [text for _, text in wire.evse.complaints]
    assert texts == [
        "'GS 1' before the answer to the command before it",
        "'GS 1': wrong checksum '00', must be '21'",
    ]


def test_dropped_and_corrupted_frames(wire: Wire) -> None:
    wire.evse.drop_frames(1)
    assert wire.command("GV") == []
    wire.evse.drop_frames(1, direction="up")
    assert wire.command("GV") == []
    assert wire.command("GV") == ["OK 8.2.1.BENCH 5.2.1"]
    wire.evse.corrupt_frames(1)
    wire.evse.receive(encode("GV"), wire.now)
    good = encode("OK 8.2.1.BENCH 5.2.1")
    noisy = wire.evse.poll(wire.now + 10 * MS)
    assert sum((a ^ b).bit_count() for a, b in zip(noisy, good, strict=True)) == 1


def test_slow_answers(wire: Wire) -> None:
    wire.evse.slow(700)
    assert wire.command("GV :01", 0.5) == []
    assert wire.run(0.3) == ["OK 8.2.1.BENCH 5.2.1 :01"]


def test_going_on_after_the_timeout_is_no_mistake(wire: Wire) -> None:
    wire.evse.slow(700)
    assert wire.command("GV :01", 0.5) == []
    assert wire.command("GV :02", 1) == ["OK 8.2.1.BENCH 5.2.1 :01", "OK 8.2.1.BENCH 5.2.1 :02"]
    assert not wire.evse.complaints


def test_unknown_evse_is_named(wire: Wire) -> None:
    with pytest.raises(PeerError, match="there is no EVSE 3, only 1 to 2"):
        wire.evse.plug(3, wire.now)


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=60), max_size=20))
def test_decoder_never_raises_and_cutting_does_not_matter(pieces: list[bytes]) -> None:
    whole, parts = Decoder(), Decoder()
    expected = whole.feed(b"".join(pieces))
    assert [command for piece in pieces for command in parts.feed(piece)] == expected
    assert all(len(" ".join(command.words)) <= FRAME_LENGTH for command in expected)


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="$^:"), max_size=27))
def test_what_is_encoded_decodes(text: str) -> None:
    (command,) = Decoder().feed(b"noise" + encode(text))
    assert " ".join(command.words) == text and not command.problem


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(
                st.binary(max_size=50),
                st.sampled_from(
                    ["FE 1", "FD 1", "SC 1 16", "SC 1 0", "SL 1 1", "SL 1 0", "GS 1", "GU 2"]
                ).map(encode),
            ),
            st.sampled_from([0.0, 0.05, 0.3, 5.0]),
            st.sampled_from(["plug", "unplug", "car off", "ready", "full", "fault", "clear", "off", "on"]),
        ),
        max_size=40,
    )
)
def test_the_contactor_is_never_closed_where_it_must_not_be(steps: list[tuple[bytes, float, str]]) -> None:
    wire = Wire(EvseController())
    evse = wire.evse
    energy = 0.0
    for data, seconds, act in steps:
        try:
            match act:
                case "plug":
                    evse.plug(1, wire.now)
                case "unplug":
                    evse.unplug(1, wire.now)
                case "car off":
                    evse.unplug_car(1, wire.now)
                case "ready" | "full":
                    evse.ready(1, act == "ready", wire.now)
                case "fault" | "clear":
                    evse.fault(1, 2 if act == "fault" else 0, wire.now)
                case "on" | "off":
                    evse.power(act == "on", wire.now)
        except PeerError:
            pass
        evse.receive(data, wire.now)
        wire.run(seconds)
        if evse.contactor_closed(1, wire.now):
            assert evse.pilot(1, wire.now) == "C"
            assert evse.enabled(1, wire.now) and evse.pilot_amps(1, wire.now) >= 6
        assert evse.energy_wh(1, wire.now) >= energy
        energy = evse.energy_wh(1, wire.now)
        assert not evse.contactor_closed(2, wire.now)
