"""What each feature of a variant costs: switched off, built anew, subtracted.

ROM and static RAM come from the linked image, the live heap from a boot on Unicorn: what can be reached
`SETTLED_S` virtual seconds after power-on, when the station is registered and idle. What is known of an image
is kept by the content of firmware/, so that only what changed is built again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from bench import firmware
from bench.memory.elf import measure
from bench.platforms import load_platform
from bench.provision import Provisioning
from bench.rig import Rig
from bench.text import instead_of, markdown_table
from firmware.variants import Table as Features
from firmware.variants import Variant

SETTLED_S = 30.0
CACHE = firmware.BUILD_DIR / "price.json"


class PriceError(Exception):
    """An image without a feature does not do what it must. The message is one clear line."""


@dataclass(frozen=True, slots=True)
class Weight:
    """Bytes: ROM, static RAM (heap and stack areas included), live heap of the idle station."""

    rom: int
    ram: int
    live: int

    def __sub__(self, other: Weight) -> Weight:
        return Weight(self.rom - other.rom, self.ram - other.ram, self.live - other.live)

    def __add__(self, other: Weight) -> Weight:
        return Weight(self.rom + other.rom, self.ram + other.ram, self.live + other.live)


@dataclass(frozen=True, slots=True)
class Price:
    """What goes with a feature; `together`: the features that need it and so go with it."""

    name: str
    text: str
    together: tuple[str, ...]
    weight: Weight


@dataclass(frozen=True, slots=True)
class Bill:
    """All prices of a variant on a board. `all_off`: the image without any of the features."""

    board: str
    variant: str
    whole: Weight
    all_off: Weight
    prices: tuple[Price, ...]

    @property
    def total(self) -> Weight:
        """Of the prices."""
        return sum((price.weight for price in self.prices), Weight(0, 0, 0))

    @property
    def overlap(self) -> Weight:
        """What is in several prices, less what is in none as it goes only when several features go."""
        return self.total - (self.whole - self.all_off)


def price(
    board: str, variant: str, say: Callable[[str], None], names: Sequence[str] = (), *, cache: Path = CACHE
) -> Bill:
    """The bill of a variant, of the features `names` alone where there are some.

    Raises FirmwareError, PriceError, and what a rig raises.
    """
    table = firmware.table()
    features = [name for name in table.features if name in table.variants[variant].features]
    for name in names:
        if name not in features:
            raise PriceError(f"the variant {variant} has no feature {name!r}; {instead_of(name, features)}")
    scales = _Scales(board, variant, table, cache, say)
    whole = scales.weigh(())
    prices = []
    # Without one that C asks for, all of C is compiled anew: those come last.
    in_c = firmware.c_features()
    for name in sorted(names or features, key=lambda name: (name in in_c, features.index(name))):
        left = table.variant(variant, (name,)).features
        gone = tuple(each for each in features if each not in left and each != name)
        prices.append(Price(name, table.features[name].text, gone, whole - scales.weigh((name,))))
    prices.sort(key=lambda price: -price.weight.rom)
    return Bill(board, variant, whole, scales.weigh(tuple(features)), tuple(prices))


class _Scales:
    """Builds images and weighs them; remembers those that it has seen."""

    def __init__(
        self, board: str, variant: str, table: Features, cache: Path, say: Callable[[str], None]
    ) -> None:
        self._board, self._variant, self._table, self._cache, self._say = board, variant, table, cache, say
        self._sources = _content_of(firmware.FIRMWARE_DIR)

    def weigh(self, without: tuple[str, ...]) -> Weight:
        chosen = self._table.variant(self._variant, without)
        key = self._key(chosen)
        known = self._known()
        if key not in known:
            self._say(f"{self._board}: {self._variant} without {', '.join(without) or 'nothing'} ...")
            elf = firmware.build(self._board, variant=self._variant, without=without)
            memory = measure(elf)
            live = _live(self._board, elf, without)
            known = self._known() | {key: asdict(Weight(memory.rom, memory.ram, live))}
            self._cache.parent.mkdir(parents=True, exist_ok=True)
            self._cache.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
        return Weight(**known[key])

    def _known(self) -> dict[str, dict[str, int]]:
        try:
            content = json.loads(self._cache.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _key(self, variant: Variant) -> str:
        what = (self._sources, self._board, variant.heap, variant.stack, *sorted(variant.features))
        return hashlib.sha256(repr(what).encode()).hexdigest()


def _content_of(folder: Path) -> str:
    digest = hashlib.sha256(firmware.compiler_version().encode())
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _live(board: str, elf: Path, without: tuple[str, ...]) -> int:
    rig = Rig(load_platform(board), elf, emulator="unicorn", provisioning=Provisioning())
    try:
        rig.power_on()
        rig.run_for(SETTLED_S)
        said = {message.action for session in rig.csms.sessions.values() for message in session.transcript}
        problems = rig.problems()
        live = rig.heap_live()
    finally:
        rig.close()
    if "StatusNotification" not in said or problems or live is None:
        reason = problems[0] if problems else "it does not register"
        raise PriceError(f"{board} without {', '.join(without) or 'nothing'}: {reason}")
    return live


def to_json(bills: Sequence[Bill]) -> dict[str, Any]:
    return {
        "variant": bills[0].variant,
        "measured": f"image linked without the feature; heap that can be reached {SETTLED_S:g} s after boot",
        "boards": {
            bill.board: {
                **asdict(bill.whole),
                "features": [
                    {"name": p.name, "sentence": p.text, **asdict(p.weight), "with": list(p.together)}
                    for p in bill.prices
                ],
                "sum": asdict(bill.total),
                "all_off": asdict(bill.all_off),
                "overlap": asdict(bill.overlap),
            }
            for bill in bills
        },
    }


def _rows(bills: Sequence[Bill]) -> list[tuple[str, ...]]:
    """A row a feature, then the sum, what it overlaps, and the images with and without all of them."""
    by_board = [{price.name: price for price in bill.prices} for bill in bills]

    def row(label: str, weights: Sequence[Weight], together: str = "") -> tuple[str, ...]:
        return (label, *(f"{n:,}" for w in weights for n in (w.rom, w.ram, w.live)), together)

    return [
        *(
            row(price.name, [prices[price.name].weight for prices in by_board], " ".join(price.together))
            for price in bills[0].prices
        ),
        row("sum", [bill.total for bill in bills]),
        row("counted twice", [bill.overlap for bill in bills]),
        row("without any", [bill.all_off for bill in bills]),
        row(bills[0].variant, [bill.whole for bill in bills]),
    ]


def _headings(bills: Sequence[Bill]) -> list[str]:
    return [
        "feature",
        *(f"{bill.board} {what}" for bill in bills for what in ("ROM", "RAM", "live heap")),
        "and",
    ]


def markdown(bills: Sequence[Bill]) -> str:
    """The table, for a file or a code host; bytes."""
    rows = [(*row[:1], row[-1], *row[1:-1]) for row in _rows(bills)]
    heads = _headings(bills)
    return "\n".join(markdown_table([heads[0], heads[-1], *heads[1:-1]], rows, 3 * len(bills))) + "\n"


def table(bills: Sequence[Bill]) -> Table:
    shown = Table(title=f"Prices of the features of {bills[0].variant} (bytes)", title_justify="left")
    for number, heading in enumerate(_headings(bills)):
        shown.add_column(heading, justify="right" if 0 < number <= 3 * len(bills) else "left")
    rows = _rows(bills)
    for number, cells in enumerate(rows):
        shown.add_row(*cells, end_section=number == len(rows) - 5)
    return shown
