"""conformance.html: one self-contained page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template

from bench.conformance.matrix import (
    FAIL,
    LEFT_OUT,
    NO_SCENARIO,
    NOT_APPLICABLE,
    NOT_RUN,
    PASS,
    VERDICTS,
    Cell,
    Column,
    Matrix,
    Row,
    excluded,
)
from bench.text import shorten

TEMPLATE = Path(__file__).with_name("page.html")

BLOCKS = {
    "A": "Security",
    "B": "Provisioning",
    "C": "Authorization",
    "E": "Transactions",
    "F": "Remote control",
    "G": "Availability",
    "J": "Meter values",
    "K": "Smart charging",
    "L": "Firmware management",
    "M": "Certificates",
    "N": "Diagnostics",
    "P": "Data transfer",
}
MESSAGE_LENGTH = 300


def page(matrix: Matrix) -> str:
    template = Template(TEMPLATE.read_text(encoding="utf-8"))
    own = [row for row in matrix.rows if row.case is None]
    return template.substitute(
        count=sum(row.case is not None for row in matrix.rows),
        columns=len(matrix.columns),
        tiles="".join(_tile(matrix, column) for column in matrix.columns),
        block_filters="".join(_block_filter(matrix, block) for block in matrix.blocks),
        verdict_filters="".join(
            f'<button data-verdict="{_slug(verdict)}" class="{_slug(verdict)}">{verdict}</button>'
            for verdict in VERDICTS
            if any(matrix.count(column.name)[verdict] for column in matrix.columns)
        ),
        heads="".join(
            f"<th>{escape(column.board)}<small>{escape(column.emulator)}</small></th>"
            for column in matrix.columns
        ),
        sections="".join(_section(matrix, block) for block in matrix.blocks) + _own(matrix, own),
        pics=_pics(matrix),
    )


def _tile(matrix: Matrix, column: Column) -> str:
    count = matrix.count(column.name)
    applicable = count.total() - count[NOT_APPLICABLE]
    rows = ""
    for block in matrix.blocks:
        of_block = matrix.count(column.name, block)
        rows += (
            f'<tr><th><a href="#{block}">{block}</a></th><td>{_bar(of_block)}</td>'
            f"<td>{of_block[PASS]} of {of_block.total() - of_block[NOT_APPLICABLE]}</td></tr>"
        )
    legend = "".join(
        f'<li class="{_slug(verdict)}"><b>{count[verdict]}</b> {verdict}</li>'
        for verdict in VERDICTS
        if count[verdict]
    )
    return (
        f'<section class="tile"><h2>{escape(column.board)} <small>{escape(column.emulator)}</small></h2>'
        f'<p class="figure">{count[PASS]}<small> of {applicable} applicable pass</small></p>'
        f'<ul class="legend">{legend}</ul><table class="bars">{rows}</table>'
        f"<p class=image>image {column.firmware[:12]}</p></section>"
    )


def _bar(count: Counter[str]) -> str:
    parts = "".join(
        f'<i class="{_slug(verdict)}" style="flex:{count[verdict]}" title="{count[verdict]} {verdict}"></i>'
        for verdict in VERDICTS
        if count[verdict]
    )
    return f'<span class="bar">{parts}</span>'


def _block_filter(matrix: Matrix, block: str) -> str:
    return f'<button data-block="{block}" title="{BLOCKS.get(block, "")}">{block}</button>'


def _section(matrix: Matrix, block: str) -> str:
    rows = [row for row in matrix.rows if row.case and row.block == block]
    heading = f"{block} <span>{BLOCKS.get(block, '')}</span>"
    return _body(block, heading, rows, matrix.columns)


def _own(matrix: Matrix, rows: list[Row]) -> str:
    heading = "<span>Scenarios of the project's own, beyond the list</span>"
    return _body("own", heading, rows, matrix.columns) if rows else ""


def _body(anchor: str, heading: str, rows: Iterable[Row], columns: list[Column]) -> str:
    lines = "".join(_line(row, columns) for row in rows)
    return (
        f'<tbody id="{anchor}"><tr class="block"><th colspan="{2 + len(columns)}">{heading}</th></tr>'
        f"{lines}</tbody>"
    )


def _line(row: Row, columns: list[Column]) -> str:
    case = row.case
    verdicts = {row.cells[column.name].verdict for column in columns}
    conditional = ""
    badge = ""
    if case:
        kind = "mandatory" if case.conformance == "M" else "conditional"
        badge = f'<abbr class="{case.conformance}" title="{kind}">{case.conformance}</abbr>'
        if case.conformance == "C":
            source = f" (errata {case.erratum})" if case.erratum else ""
            conditional = f'<p class="condition">if {escape(case.valid_condition)}{source}</p>'
    names = " ".join([*case.use_cases, *case.requirements]) if case else ""
    shown = ""
    if case:
        shown = f"<b>{escape(' '.join(case.use_cases))}</b> {escape(' '.join(case.requirements))}"
    text = f"{row.id} {row.title} {names}".lower()
    what = f"<td class=what><p>{escape(row.title)}</p><p class=names>{shown}</p>{conditional}</td>"
    if verdicts == {NO_SCENARIO}:
        why = row.cells[columns[0].name].message
        waits = f"<p class=why>waits for {escape(why)}</p>" if why else ""
        pill = f'<span class="pill none">{NO_SCENARIO}</span>'
        cells = f'<td colspan="{len(columns)}" class=verdict>{pill}{waits}</td>'
    elif row.applicability.applies:
        cells = "".join(_verdict(row.cells[column.name], column) for column in columns)
    else:
        because = escape("; ".join(row.applicability.reasons))
        why = escape(" and ".join(row.applicability.excluded_by))
        unmet = "" if row.applicability.left_out else " is not met"
        cells = (
            f'<td colspan="{len(columns)}" class=verdict>'
            f'<span class="pill {_slug(excluded(row.applicability))}">{excluded(row.applicability)}</span>'
            f"<p class=why><b>{why}</b>{unmet}<br>{because}</p></td>"
        )
    return (
        f'<tr class="case" data-block="{row.block}" data-text="{escape(text, quote=True)}"'
        f' data-verdicts="{" ".join(sorted(_slug(verdict) for verdict in verdicts))}">'
        f"<th>{escape(row.id) if case else ''}{badge}</th>{what}{cells}</tr>"
    )


def _verdict(cell: Cell, column: Column) -> str:
    pill = f'<span class="pill {_slug(cell.verdict)}">{cell.verdict}</span>'
    if cell.log:
        pill = f'<a href="{escape(cell.log)}">{pill}</a>'
    why = ""
    if cell.verdict == FAIL:
        why = f"<p class=why>{escape(shorten(cell.message, MESSAGE_LENGTH))}</p>"
    return f'<td class=verdict data-column="{escape(column.name)}">{pill}{why}</td>'


def _pics(matrix: Matrix) -> str:
    pics = matrix.pics
    rows = [("Product Subtype", pics.product_subtype), *pics.profiles.items(), *pics.features.items()]
    return "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(declared.text)}</td><td>{escape(declared.reason)}</td></tr>"
        for name, declared in rows
    )


def _slug(verdict: str) -> str:
    return {NOT_RUN: "notrun", NO_SCENARIO: "none", LEFT_OUT: "leftout", NOT_APPLICABLE: "na"}.get(
        verdict, verdict
    )
