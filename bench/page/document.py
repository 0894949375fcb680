"""index.html: the template, its styles and scripts, and the data, in one file.

The data is deflated JSON in base64; the browser inflates it (DecompressionStream), and each scenario's trace
only when it is looked at. A content security policy by hash lets nothing run but the page's own script and
lets nothing be loaded, whatever stands in the payloads of a station.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from pathlib import Path
from string import Template
from typing import Any

from bench.page.data import gather

INDEX = "index.html"
TEMPLATE = Path(__file__).with_name("template")
SCRIPTS = (
    "elements", "units", "data", "tip", "theme", "head", "matrix", "budget", "squarify", "rom", "ram",
    "bars", "timescale", "heap", "sequence", "scenario", "price", "history", "peers", "main",
)  # fmt: skip
"""In one scope, in this order."""


def render(folder: Path) -> Path:
    """Make the page of what a run left in `folder`; returns its path. Raises PageError."""
    core, traces = gather(folder)
    blobs = [_blob("core", core), *(_blob(f"trace-{n}", trace) for n, trace in enumerate(traces))]
    script = "\n".join((TEMPLATE / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)
    style = (TEMPLATE / "page.css").read_text(encoding="utf-8")
    page = Template((TEMPLATE / "page.html").read_text(encoding="utf-8")).substitute(
        script=script, script_hash=_hash(script), style=style, style_hash=_hash(style), blobs="\n".join(blobs)
    )
    path = folder / INDEX
    path.write_text(page, encoding="utf-8")
    return path


def _blob(name: str, content: Any) -> str:
    packed = zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 9)
    return f'<script type="application/octet-stream" id="{name}">{base64.b64encode(packed).decode()}</script>'


def _hash(text: str) -> str:
    """As a content security policy names an inline script or style."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
