"""A plot of the history: ROM by component, RAM, and the run of all scenarios, over commits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.memory.budget import Limit, total_of
from bench.memory.elf import Kind
from bench.memory.history import Entry, HistoryError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = (".svg", ".png", ".pdf")


def plot(entries: Sequence[Entry], limits: Sequence[Limit], path: Path) -> None:
    """Draw one board and variant into a file, of the kind that its name says (.svg, .png, .pdf).

    Raises HistoryError where the name says no kind, matplotlib is missing, or there is nothing to draw.
    """
    if path.suffix not in FORMATS:
        raise HistoryError(f"{path}: a plot goes to a file that ends in {', '.join(FORMATS)}")
    if len({(entry.board, entry.variant) for entry in entries}) != 1:
        raise HistoryError("a plot is of one board and one variant")
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise HistoryError(
            "no matplotlib for the plot; get it with: pip install 'ocpp-lite-bench[plot]'"
        ) from None
    last = entries[-1]
    names = [name for name, sizes in last.components.items() if sizes["rom"]]
    names += sorted({n for e in entries for n in e.components if e.components[n]["rom"]} - set(names))
    places = range(len(entries))
    figure = Figure(figsize=(9, 8), layout="constrained")
    ran = any(entry.run for entry in entries)
    rom, ram, *others = figure.subplots(2 + ran, 1, sharex=True)
    sizes = [[entry.components.get(name, {"rom": 0})["rom"] / 1000 for entry in entries] for name in names]
    rom.stackplot(places, sizes, labels=names, linewidth=0)
    ram.plot(places, [entry.ram / 1000 for entry in entries], marker="o", label="reserved")
    if ran:
        used = [_of_run(entry, "heap_live") / 1000 for entry in entries]
        ram.plot(places, used, marker="o", label="live heap at most")
        others[0].plot(places, [_of_run(entry, "instructions") / 1e9 for entry in entries], marker="o")
        others[0].set_ylabel("all scenarios,\n10⁹ instructions")
    kinds: tuple[tuple[Axes, Kind], ...] = ((rom, "ROM"), (ram, "RAM"))
    for axes, kind in kinds:
        if limit := total_of(limits, last.variant, last.board, kind):
            axes.axhline(limit / 1000, color="black", linestyle="--", linewidth=1, label="budget")
        axes.set_ylabel(f"{kind} in kB")
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    for axes in (rom, ram, *others):
        axes.set_xticks(
            places, [e.revision[:7] for e in entries], rotation=60, ha="right", family="monospace"
        )
        axes.set_ylim(bottom=0)
        axes.grid(visible=True, alpha=0.3)
    figure.suptitle(f"{last.board} ({last.variant}), {entries[0].date[:10]} to {last.date[:10]}")
    with mpl.rc_context({"svg.hashsalt": "history"}):
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _of_run(entry: Entry, name: str) -> float:
    """Not a number where it was not measured: nothing is drawn there."""
    value = (entry.run or {}).get(name)
    return float("nan") if value is None else float(value)
