"""The memory budget as data (budget.toml): what an image may cost, and what is above it."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.memory.compare import Change
from bench.memory.elf import Kind, Level, StaticMemory

BUDGET = Path(__file__).with_name("budget.toml")
TOTAL = "total"
_SHARES: tuple[Level, ...] = ("component", "block")
_LEVELS = (TOTAL, *_SHARES)
_SOURCES_SHOWN = 4
_SYMBOLS_SHOWN = 3

MARK = "# Shares, written by `ocpp-bench size --write-budget`: as measured, and %s.\n"
HEADROOM = "1 % more (64 to 512 bytes)"


class BudgetError(Exception):
    """A budget file that cannot be used. The message is one clear line."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `limit` bytes of `kind` for `name` of `level` in the image of `variant` for `board` ("" for
    all); the level "total" is the image as a whole."""

    variant: str
    board: str
    level: str
    name: str
    kind: Kind
    limit: int


def read_budget(path: Path = BUDGET) -> tuple[Limit, ...]:
    """Raises BudgetError."""
    try:
        with path.open("rb") as stream:
            content = tomllib.load(stream)
    except OSError as error:
        raise BudgetError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BudgetError(f"{path}: {error}") from None
    found = []
    variants = _tables(path, "variant", content.pop("variant", {}))
    if content:
        raise BudgetError(f"{path}: {', '.join(content)}: all of it must be in tables [variant.NAME. ...]")
    for variant, tables in variants.items():
        boards = _tables(path, "board", tables.pop("board", {}))
        for board, part in {"": tables, **boards}.items():
            found += _limits(path, variant, board, part)
    return tuple(found)


def total_of(limits: Sequence[Limit], variant: str, board: str, kind: Kind) -> int | None:
    """The lowest limit of the image as a whole; None where there is none."""
    found = [
        each.limit
        for each in limits
        if (each.level, each.kind, each.variant) == (TOTAL, kind, variant) and each.board in ("", board)
    ]
    return min(found, default=None)


def _tables(path: Path, name: str, value: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(value, dict) or not all(isinstance(table, dict) for table in value.values()):
        raise BudgetError(f"{path}: {name} = {value!r}: there must be tables [... {name}.NAME]")
    return value


def _limits(path: Path, variant: str, board: str, part: Mapping[str, Any]) -> list[Limit]:
    found = []
    for level, table in part.items():
        if level not in _LEVELS:
            raise BudgetError(f"{path}: variant.{variant}: {level}: there are {', '.join(_LEVELS)} and board")
        for name, sizes in _tables(path, level, {"": table} if level == TOTAL else table).items():
            for kind, limit in sizes.items():
                if kind not in ("rom", "ram") or type(limit) is not int:
                    raise BudgetError(
                        f"{path}: {level}.{name}: {kind} = {limit!r} is no limit (rom, ram: bytes)"
                    )
                found.append(Limit(variant, board, level, name, "ROM" if kind == "rom" else "RAM", limit))
    return found


def breaches(
    board: str,
    variant: str,
    memory: StaticMemory,
    limits: Sequence[Limit],
    growth: Sequence[Change] | None = None,
) -> list[str]:
    """One line for each limit that the image is above: by how much, and what grew in it since the reference
    (`growth`: changes by symbol), sources and symbols, the largest first; without one, what is largest."""
    lines = []
    for limit in limits:
        if limit.variant != variant or limit.board not in ("", board):
            continue
        sizes = _parts(memory, limit)
        size = sum(sizes.values())
        if size > limit.limit:
            what = f"{limit.kind} of {limit.level} {limit.name!r}" if limit.name else limit.kind
            detail = _grown(board, limit, sizes, growth) if growth is not None else _largest(sizes)
            lines.append(
                f"{what} on {board} ({variant}): {size:,} bytes, {size - limit.limit:,} above the budget of "
                f"{limit.limit:,}; {detail}"
            )
    return lines


def _parts(memory: StaticMemory, limit: Limit) -> dict[str, int]:
    """Source -> bytes of what the limit is about."""
    if limit.level == TOTAL:
        return {name: sizes[limit.kind] for (name,), sizes in memory.by("source").items()}
    level: Level = "component" if limit.level == "component" else "block"
    return {
        source: sizes[limit.kind]
        for (name, source), sizes in memory.by(level, "source").items()
        if name == limit.name
    }


def _largest(sizes: Mapping[str, int]) -> str:
    shown = sorted(sizes.items(), key=lambda entry: -entry[1])[:_SOURCES_SHOWN]
    return "largest: " + ", ".join(f"{name} {size:,}" for name, size in shown)


def _grown(board: str, limit: Limit, sizes: Mapping[str, int], growth: Sequence[Change]) -> str:
    sources: dict[str, list[tuple[str, int]]] = {}
    for change in growth:
        source, _, symbol = change.name.partition(": ")
        if (change.board, change.kind) == (board, limit.kind) and source in sizes:
            sources.setdefault(source, []).append((symbol, change.growth))
    sums = {source: sum(each for _, each in symbols) for source, symbols in sources.items()}
    grown = sorted((source for source in sums if sums[source] > 0), key=lambda s: (-sums[s], s))
    if not grown:
        return f"nothing grew; {_largest(sizes)}"
    texts = []
    for source in grown[:_SOURCES_SHOWN]:
        symbols = sorted(sources[source], key=lambda each: (-each[1], each[0]))[:_SYMBOLS_SHOWN]
        inside = ", ".join(f"{symbol} {size:+,}" for symbol, size in symbols if size > 0)
        texts.append(f"{source} {sums[source]:+,} ({inside})")
    more = f", and {len(grown) - _SOURCES_SHOWN} more" if len(grown) > _SOURCES_SHOWN else ""
    return "grew: " + ", ".join(texts) + more


def write_shares(images: Mapping[tuple[str, str], StaticMemory], path: Path = BUDGET) -> None:
    """Put shares by component and block of these images (by variant and board) in place of those in the file.

    Shares of other images are kept, and so is what stands above MARK. Raises BudgetError, OSError.
    """
    limits = [
        limit for limit in read_budget(path) if limit.board and (limit.variant, limit.board) not in images
    ]
    for (variant, board), memory in images.items():
        for level in _SHARES:
            limits += [
                Limit(variant, board, level, name, kind, with_headroom(size))
                for (name,), sizes in memory.by(level).items()
                for kind, size in sizes.items()
                if size
            ]
    tables: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for limit in limits:
        table = f"variant.{limit.variant}.board.{limit.board}.{limit.level}"
        tables[table][limit.name].append(f"{limit.kind.lower()} = {limit.limit:_}")
    lines = [MARK % HEADROOM]
    for table, names in sorted(tables.items()):
        lines.append(f"\n[{table}]\n")
        lines += [f'"{name}" = {{ {", ".join(sizes)} }}\n' for name, sizes in names.items()]
    kept = path.read_text(encoding="utf-8").partition(MARK.partition("%")[0])[0].rstrip("\n")
    path.write_text(f"{kept}\n\n{''.join(lines)}", encoding="utf-8")


def with_headroom(size: int) -> int:
    """See HEADROOM; up to the next 16."""
    return -(-(size + min(max(size // 100, 64), 512)) // 16) * 16
