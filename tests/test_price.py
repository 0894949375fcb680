"""What features cost: bills of images that are not built here, and of one that is."""

from pathlib import Path

import pytest

from bench import firmware, price
from bench.price import Bill, Price, PriceError, Weight, markdown, table, to_json

BILL = Bill(
    "board",
    "lite",
    Weight(1000, 500, 300),
    Weight(700, 500, 200),
    (
        Price("reset", "Reset", ("reset_evse",), Weight(250, 0, 80)),
        Price("reset_evse", "of one EVSE", (), Weight(100, 0, 30)),
    ),
)


def test_sum_of_the_prices_and_the_whole() -> None:
    assert BILL.total == Weight(350, 0, 110)
    assert BILL.overlap == Weight(50, 0, 10)


def test_report_names_what_goes_together_and_explains_the_sum() -> None:
    content = to_json([BILL])["boards"]["board"]
    assert (content["rom"], content["ram"], content["live"]) == (1000, 500, 300)
    assert content["features"][0] == {
        "name": "reset",
        "sentence": "Reset",
        "rom": 250,
        "ram": 0,
        "live": 80,
        "with": ["reset_evse"],
    }
    assert content["overlap"] == {"rom": 50, "ram": 0, "live": 10}
    assert "| reset | reset_evse | 250 | 0 | 80 |" in markdown([BILL])
    assert table([BILL]).row_count == 6


def test_what_was_weighed_is_not_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elf = tmp_path / "firmware.elf"
    built: list[tuple[str, ...]] = []

    def build(board: str, *, variant: str, without: tuple[str, ...]) -> Path:
        built.append(without)
        return elf

    class Memory:
        rom, ram = 1000, 500

    monkeypatch.setattr(firmware, "build", build)
    monkeypatch.setattr(price, "measure", lambda elf: Memory)
    monkeypatch.setattr(price, "_live", lambda board, elf, without: 300)
    for _ in range(2):
        bill = price.price("nrf52840dk", "lite", lambda line: None, ["reset"], cache=tmp_path / "price.json")
        assert [each.name for each in bill.prices] == ["reset"]
        assert bill.prices[0].together == ("reset_evse",)
    assert built[:2] == [(), ("reset",)]
    assert len(built) == 3
    with pytest.raises(
        PriceError, match="the variant lite has no feature 'repl'; there are attribute_path, auth_cache, "
    ):
        price.price("nrf52840dk", "lite", lambda line: None, ["repl"], cache=tmp_path / "price.json")
    with pytest.raises(PriceError, match="has no feature 'rest'; did you mean reset or reset_evse"):
        price.price("nrf52840dk", "lite", lambda line: None, ["rest"], cache=tmp_path / "price.json")


def test_an_image_with_no_optional_feature_boots() -> None:
    """All of them off: what is left registers, and its pieces do not miss what was cut."""
    every = tuple(firmware.table().variants[firmware.RELEASE].features)
    elf = firmware.build("stm32f4_discovery", without=every)
    assert price._live("stm32f4_discovery", elf, every) > 10_000
