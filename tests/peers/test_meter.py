"""The meters that sign, at the controller's serial line."""

from __future__ import annotations

import base64

import pytest

from bench.peers.evse import EvseController
from bench.peers.meter import FiscalMeter, verified
from bench.peers.rapi import FRAME_LENGTH, encode
from tests.peers.test_evse import S, Wire


@pytest.fixture
def wire() -> Wire:
    wire = Wire(EvseController())
    wire.run(1)
    return wire


def pieces(wire: Wire, command: str, length: int) -> str:
    text = ""
    while len(text) < length:
        request = f"{command} {len(text)}"
        assert len(encode(request + " :FF")) <= FRAME_LENGTH
        (answer,) = wire.command(request)
        assert answer.startswith("OK ") and len(answer) <= 3 + 60
        text += answer[3:]
    return text


def test_a_signed_record_over_the_wire(wire: Wire) -> None:
    wire.evse.plug(2, wire.now)
    wire.evse.ready(2, True, wire.now)
    wire.command("FE 2", 1)
    wire.run(3600)
    (answer,) = wire.command("GD 2")
    _, energy, record_length, key_length = answer.split()
    wire.run(600)
    record = pieces(wire, "GB 2", int(record_length))
    key = pieces(wire, "GK 2", int(key_length))
    assert len(record) == int(record_length) and len(key) == int(key_length)
    assert key == wire.evse.public_key(2)
    payload = verified(record, key)
    assert payload["MS"] == "OLB00002" and payload["PG"] == "T1"
    assert payload["RD"][0]["RV"] * 1000 == int(energy) == pytest.approx(7360, abs=10)
    assert payload["RD"][0]["TM"].startswith("01:00:0")


def test_each_record_has_its_page(wire: Wire) -> None:
    for page in ("T1", "T2"):
        _, _, length, _ = wire.command("GD 1")[0].split()
        record = pieces(wire, "GB 1", int(length))
        assert verified(record, wire.evse.public_key(1))["PG"] == page


def test_what_is_not_there_is_refused(wire: Wire) -> None:
    assert wire.command("GB 1 0") == ["NK"]
    wire.command("GD 1")
    assert wire.command("GB 1 9999") == ["NK"]
    assert wire.command("GB 2 0") == ["NK"]
    assert wire.command("GK 1 9999") == ["NK"]
    assert wire.command("GD 3") == ["NK"]
    wire.evse.power(False, wire.now)
    wire.evse.power(True, wire.now)
    wire.run(1)
    assert wire.command("GB 1 0") == ["NK"]


def test_signatures_are_the_same_at_every_run_and_differ_by_meter() -> None:
    first, again, other, seeded = FiscalMeter(1), FiscalMeter(1), FiscalMeter(2), FiscalMeter(1, seed=1)
    assert first.sign(1234, 5 * S) == again.sign(1234, 5 * S)
    assert len({meter.public_key() for meter in (first, other, seeded)}) == 3


def test_what_is_not_signed_is_not_verified() -> None:
    meter, other = FiscalMeter(1), FiscalMeter(2)
    record = meter.sign(1234, 5 * S)
    assert verified(record, meter.public_key())["RD"][0]["RV"] == 1.234
    forged = base64.b64encode(base64.b64decode(record).replace(b"1.234", b"1.235")).decode()
    for wrong, key in (
        (record, other.public_key()),
        (forged, meter.public_key()),
        (record[:-8], meter.public_key()),
        ("", meter.public_key()),
        (record, ""),
        (record, "AAAA"),
        ("!", meter.public_key()),
    ):
        with pytest.raises(ValueError, match="sign"):
            verified(wrong, key)
