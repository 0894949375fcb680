"""Conditions of Part 5: how they are read, and what they say of a station."""

from __future__ import annotations

import pytest

from bench.conformance.condition import ConditionError, parse
from bench.conformance.pics import Declared, Pics, PicsError


def station(subtype: str = "", **values: bool | int) -> Pics:
    """One that declares `values` (C_09_1 stands for C-09.1), and no profile but Core."""
    features = {}
    for name, value in values.items():
        letters, number, *rest = name.split("_")
        features["-".join([letters, ".".join([number, *rest])])] = Declared(value, "because")
    profiles = {"Core": Declared(True, "always"), "Smart Charging": Declared(False, "not yet")}
    return Pics(Declared(subtype, "as built"), profiles, features)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("C-01", True),
        ("C-02", False),
        ("Not C-02", True),
        ("C-01 and C-02", False),
        ("C-02 or C-01", True),
        ("NOT C-01 or C-01", True),
        ("NOT (C-02 or C-01)", False),
        ("C-02 and C-02 or C-01", True),
        ("C-01 or C-01 and C-02", True),
        ("(C-01 or C-01) AND C-02", False),
        ("NOT NOT C-01", True),
        ("HFS-8 > 1", True),
        ("HFS-8 > 2", False),
        ("C-30 - C-32", True),
        ("C-30 - C-31", False),
        ("C-30-C-32", True),
        ("C-30-(or) C-32", True),
        ("NOT (C-30 - C-31)", True),
        ("Core", True),
        ("NOT Smart Charging", True),
        ("Smart Charging or C-01", True),
        ("C-01 and Smart Charging", False),
        ('Product Subtype "Mode 1/2-only Charging Station"', False),
        ('NOT Product Subtype "Mode 1/2-only Charging Station"', True),
        ("C-09", True),
        ("C-10", False),
        ("C-09.2", False),
    ],
)
def test_what_holds(text: str, *, holds: bool) -> None:
    pics = station(
        C_01=True, C_02=False, HFS_8=2, C_30=False, C_31=False, C_32=True,
        C_09_1=True, C_09_2=False, C_10_1=False,
    )  # fmt: skip
    condition = parse(text)
    assert condition.holds(pics) is holds
    assert parse(str(condition)).holds(pics) is holds
    assert bool(condition.unmet(pics)) is not holds


def test_product_subtype_is_compared_whole() -> None:
    condition = parse('Product Subtype "Wireless Charging Station"')
    assert condition.holds(station("Wireless Charging Station"))
    assert not condition.holds(station("Wireless"))


@pytest.mark.parametrize(
    ("text", "unmet"),
    [
        ("C-01 and C-02 and (C-03 or C-04)", ["C-02", "C-03 or C-04"]),
        ("NOT C-01 and C-01", ["NOT C-01"]),
        ("C-02 or C-03", ["C-02 or C-03"]),
        ("NOT (C-01 and NOT C-02)", ["NOT (C-01 and NOT C-02)"]),
    ],
)
def test_the_part_that_excludes_is_named(text: str, unmet: list[str]) -> None:
    pics = station(C_01=True, C_02=False, C_03=False, C_04=False)
    assert [str(part) for part in parse(text).unmet(pics)] == unmet


@pytest.mark.parametrize(
    "text", ["C-99", "C-01 or C-99", "C-02 and C-99", "C-01 - C-99", "Teleport", "HFS-9 > 1"]
)
def test_what_is_not_declared_is_an_error_even_where_it_does_not_matter(text: str) -> None:
    with pytest.raises(PicsError, match=r"C-99|Teleport|HFS-9"):
        parse(text).holds(station(C_01=True, C_02=False))


def test_a_number_is_compared_with_numbers_only() -> None:
    pics = Pics(Declared("", "none"), {}, {"HFS-9": Declared(["Wi-Fi"], "one")})
    with pytest.raises(ConditionError, match=r"HFS-9 > 1: .*no number"):
        parse("HFS-9 > 1").holds(pics)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "C-01 and",
        "(C-01",
        "C-01)",
        "C-01 C-02",
        "C-01 -",
        "and C-01",
        "C-01 > x",
        "See column 3/4 !",
        "C35",
    ],
)
def test_what_cannot_be_read_is_quoted(text: str) -> None:
    with pytest.raises((ConditionError, PicsError), match=r"cannot read|no such profile"):
        parse(text).holds(station(C_01=True, C_02=True))
