"""The report page of a small real run: its data, and what it draws in Chromium."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import page
from bench.cli import main
from bench.memory.elf import measure
from bench.memory.history import read as read_history
from bench.trace import TRACE
from tests.images import Firmware
from tests.page import browser as chromium
from tests.page.browser import Browser

BOARD, CASES = "stm32f4_discovery", ("TC_B_01_CS", "TC_E_03_CS")
HOSTILE = '</script><img src="http://evil.invalid/x" onerror="alert(1)"><script>alert(2)</script>'
SECTIONS = ("verdict", "conformance", "budget", "rom", "ram", "scenario", "cases", "about")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, firmware: Firmware) -> Path:
    """What a run leaves; in it a station that says what no page should believe."""
    folder = tmp_path_factory.mktemp("report")
    elf = firmware(BOARD)
    tests = [option for case in CASES for option in ("--test", case)]
    options = ("--board", BOARD, "--firmware", str(elf), "--emulator", "unicorn", "--report", str(folder))
    assert main(["run", *options, *tests]) == 0
    trace = folder / "runs" / BOARD / CASES[1] / "0" / TRACE
    content = json.loads(trace.read_text())
    for text in (json.dumps([2, "x", "DataTransfer", {"data": HOSTILE}]), HOSTILE):
        content["messages"].append([content["end"], "in", text])
    content["acts"].append([content["end"], "driver", HOSTILE])
    trace.write_text(json.dumps(content))
    results = json.loads((folder / "results.json").read_text())
    results[0] |= {"verdict": "FAIL", "message": HOSTILE}
    (folder / "results.json").write_text(json.dumps(results))
    page.render(folder)
    return folder


def blobs(folder: Path) -> dict[str, Any]:
    text = (folder / page.INDEX).read_text(encoding="utf-8")
    found = re.findall(r'<script type="application/octet-stream" id="([\w-]+)">([\w+/=]*)</script>', text)
    return {name: json.loads(zlib.decompress(base64.b64decode(packed))) for name, packed in found}


# the data


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("results.json", "[1, 2]"),
        ("results.json", "[{}]"),
        ("results.json", '{"a": 1}'),
        ("conformance.json", "[1, 2]"),
        ("run.json", "[1, 2]"),
        ("run.json", '{"variant": "lite"}'),
        ("memory.json", "[1, 2]"),
        ("memory.json", '{"a": 1}'),
        ("memory.json", '{"b": {"items": [1]}}'),
        ("heap.json", "[1, 2]"),
    ],
)
def test_files_that_no_run_has_left(
    name: str, content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = {"variant": "lite", "whole": True}
    column = {"board": "b", "emulator": "unicorn", "firmware": "abc"}
    result = {"board": "b", "id": "TC_B_01_CS", "memory": None}
    whole = {
        "results.json": json.dumps([result]),
        "conformance.json": json.dumps({"columns": [column], "cases": []}),
        "run.json": json.dumps(run),
        "memory.json": json.dumps({"b": {"items": []}}),
    }
    for each, text in (whole | {name: content}).items():
        (tmp_path / each).write_text(text)
    assert main(["report", "--report", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"ocpp-bench: {tmp_path / name}: no")
    assert error.count("\n") == 1
    for each, text in whole.items():
        (tmp_path / each).write_text(text)
    (tmp_path / "heap.json").unlink(missing_ok=True)
    assert main(["report", "--report", str(tmp_path)]) == 0


def test_rom_and_ram_add_up_to_the_image(report: Path, firmware: Firmware) -> None:
    memory, shown = measure(firmware(BOARD)), blobs(report)["core"]["images"][BOARD]
    assert (shown["rom"], shown["ram"]) == (memory.rom, memory.ram)
    assert sum(size for *_, size in shown["items"]["rom"]) == memory.rom
    assert sum(size for _, size, *_ in shown["items"]["ram"]) == memory.ram
    names = shown["items"]["names"]
    by_block: dict[str, int] = {}
    for _, block, *_, size in shown["items"]["rom"]:
        by_block[names[block]] = by_block.get(names[block], 0) + size
    assert by_block == {name: sizes["ROM"] for (name,), sizes in memory.by("block").items() if sizes["ROM"]}


def test_runs_are_those_of_the_results_each_with_its_trace(report: Path) -> None:
    content = blobs(report)
    results = json.loads((report / "results.json").read_text())
    for run, result in zip(content["core"]["runs"], results, strict=True):
        assert {key: value for key, value in run.items() if key != "trace"}.items() <= result.items()
        trace = content[f"trace-{run['trace']}"][BOARD]
        assert trace == json.loads((report / "runs" / BOARD / run["id"] / "0" / TRACE).read_text())
        assert max(value for _, value in trace["heap"]) == run["memory"]["heap_peak"]
    assert set(content) == {"core", "trace-0", "trace-1"}


def test_what_a_trace_holds(report: Path) -> None:
    trace = json.loads((report / "runs" / BOARD / CASES[0] / "0" / TRACE).read_text())
    actions = [json.loads(text)[2] for _, way, text in trace["messages"] if way == "in" and text[1] == "2"]
    assert actions[0] == "BootNotification"
    assert trace["messages"][0][1:] == ["http", "GET /ocpp/OLB-0001 101"]
    assert trace["resets"] == [[0, "power"]]
    assert trace["acts"][0][1:] == ["supply", "on"]
    assert trace["log"]
    assert trace["live"]
    for name in ("messages", "heap", "live", "log", "acts"):
        times = [entry[0] for entry in trace[name]]
        assert times == sorted(times)
        assert times[-1] <= trace["end"]


def test_nothing_of_the_stations_is_markup_and_only_the_pages_own_script_may_run(report: Path) -> None:
    text = (report / page.INDEX).read_text(encoding="utf-8")
    assert "evil.invalid" not in text
    script = re.search(r'<script type="module">(.*?)</script>', text, re.DOTALL)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert script
    assert policy
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy[1]
    assert "default-src 'none'" in policy[1]


def test_the_page_is_made_of_what_lies_there(
    report: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(report, tmp_path / "copy")
    (tmp_path / "copy" / page.INDEX).unlink()
    (tmp_path / "copy" / "memory.json").unlink()
    (tmp_path / "copy" / "conformance.json").write_text("{")
    assert main(["report", "--report", str(tmp_path / "copy")]) == 0
    core = blobs(tmp_path / "copy")["core"]
    assert core["images"] == {}
    assert core["matrix"] is None
    assert len(core["runs"]) == len(CASES)
    capsys.readouterr()
    assert main(["report", "--report", str(tmp_path)]) == 2
    assert "no results of a run" in capsys.readouterr().err


# in Chromium


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = chromium.find()
    if program is None:
        pytest.skip(f"no Chromium to look at the page with ({', '.join(chromium.NAMES)})")
    opened = Browser(program, tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_section_is_drawn_and_nothing_else_is_loaded(
    browser: Browser, report: Path, width: int, dark: bool
) -> None:
    browser.complaints.clear()
    browser.requests.clear()
    browser.open(report / page.INDEX, width=width, dark=dark)
    browser.wait("document.querySelector('#scenario [data-drawn]')")
    drawn = browser.evaluate(
        f"{json.dumps(SECTIONS)}.filter(id => document.getElementById(id).textContent.length > 40)"
    )
    assert drawn == list(SECTIONS)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate("document.querySelectorAll('#rom .leaf').length") > 100
    assert browser.evaluate("document.querySelectorAll('#ram .part').length") > 20
    assert browser.evaluate("document.querySelectorAll('#scenario .seq > li').length") > 10
    assert browser.evaluate("document.querySelectorAll('#scenario path.in-use').length") == 1
    assert browser.evaluate("document.querySelectorAll('#cases rect.hit').length") == len(CASES)
    assert browser.evaluate("document.querySelectorAll('#conformance .tile').length") > 223
    assert browser.complaints == []
    assert browser.requests == [(report / page.INDEX).resolve().as_uri()]


def test_a_hostile_payload_is_shown_as_text(browser: Browser, report: Path) -> None:
    browser.complaints.clear()
    browser.requests.clear()
    browser.open(report / page.INDEX, anchor=f"#{CASES[1]}@{BOARD}")
    browser.wait(f"document.querySelector('[data-drawn=\"{CASES[1]}@{BOARD}\"]')")
    browser.evaluate("document.querySelectorAll('#scenario details').forEach(each => { each.open = true; })")
    shown = "[...document.querySelectorAll('#scenario pre')].map(each => each.textContent).join()"
    browser.wait(f"{shown}.includes('evil')")
    assert HOSTILE in browser.evaluate("document.querySelector('#scenario .seq').textContent")
    assert HOSTILE in browser.evaluate("document.querySelector('#verdict').textContent")
    assert browser.evaluate("document.querySelectorAll('main img').length") == 0
    assert browser.complaints == []
    assert len(browser.requests) == 1


def test_a_test_case_leads_to_its_sequence_by_keyboard(browser: Browser, report: Path) -> None:
    browser.open(report / page.INDEX)
    browser.evaluate("document.querySelector('.tile[data-id=TC_E_03_CS]').focus()")
    for kind in ("keyDown", "keyUp"):
        enter = {"key": "Enter", "code": "Enter", "text": "\r", "windowsVirtualKeyCode": 13}
        browser.call("Input.dispatchKeyEvent", type=kind, **enter)
    browser.wait("!document.querySelector('.case-panel').hidden")
    link = browser.evaluate("document.querySelector('.case-panel .links a').getAttribute('href')")
    assert link == f"#{CASES[1]}@{BOARD}"
    browser.evaluate(f"location.hash = {link!r}")
    browser.wait(f"document.querySelector('[data-drawn=\"{CASES[1]}@{BOARD}\"]')")


def test_what_other_commands_measured_is_shown_where_it_is(
    browser: Browser, report: Path, tmp_path: Path
) -> None:
    sections = "['price', 'history'].filter(id => !document.getElementById(id).hidden)"
    measures = "[...document.querySelectorAll('#cases button')].map(each => each.textContent)"
    browser.open(report / page.INDEX)
    assert browser.evaluate(sections) == (["history"] if read_history() else [])
    assert "smallest heap" not in browser.evaluate(measures)
    folder = tmp_path / "report"
    shutil.copytree(report, folder)
    heap = json.loads((folder / "results.json").read_text())[0]["memory"]["heap"]
    found = {"board": BOARD, "id": CASES[0], "heap": heap, "heap_min": 31_232}
    (folder / "heap.json").write_text(json.dumps([found, {**found, "id": CASES[1], "heap": heap - 16}]))
    feature = {"name": "cache", "sentence": "It caches.", "rom": 4321, "ram": 0, "live": 320, "with": []}
    whole = {"rom": 160_000, "ram": 49_000, "live": 26_000, "features": [feature]}
    price = {"variant": "lite", "boards": {BOARD: {**whole, "all_off": {"rom": 9_876}}}}
    (folder / "price.json").write_text(json.dumps(price))
    page.render(folder)
    browser.open(folder / page.INDEX)
    assert "price" in browser.evaluate(sections)
    told = browser.evaluate("document.getElementById('price').textContent")
    assert all(words in told for words in ("It caches.", "4,321", "9,876"))
    browser.evaluate(
        "[...document.querySelectorAll('#cases button')].find(b => b.textContent === 'smallest heap').click()"
    )
    assert browser.evaluate("document.querySelectorAll('#cases rect.hit').length") == 1  # that of this image


def test_what_was_not_measured_is_said(browser: Browser, report: Path, tmp_path: Path) -> None:
    """Of a foreign image without linker map, heap and stack, whose scenarios did not get to their end."""
    nothing = dict.fromkeys(
        ("emulator", "virtual_s", "host_s", "instructions", "transcript_sha256", "memory")
    )
    results = json.loads((report / "results.json").read_text())
    lost = [{**each, **nothing, "verdict": "FAIL", "message": "a process died"} for each in results]
    (tmp_path / "results.json").write_text(json.dumps(lost))
    image = json.loads((report / "memory.json").read_text())[BOARD]
    unknown = {"component": "unknown", "block": "unknown", "source": "unknown", "symbol": "unknown"}
    items = [{**item, **unknown} for item in image["items"] if item["kind"] == "ROM"]
    image |= {"items": items, "heap": None, "stack": None, "ram": 0, "fixed_ram": 0}
    (tmp_path / "memory.json").write_text(json.dumps({BOARD: image}))
    browser.complaints.clear()
    browser.open(page.render(tmp_path))
    assert browser.complaints == []
    told = browser.evaluate("[...document.querySelectorAll('.absent')].map(each => each.textContent)")
    assert len(told) == 4
    for words in ("conformance matrix", "nothing of its RAM", "left no trace", "Neither stack nor heap"):
        assert any(words in each for each in told), told


def test_the_treemap_goes_into_a_block_and_back(browser: Browser, report: Path) -> None:
    browser.open(report / page.INDEX)
    trail = "document.querySelector('#rom .trail').textContent"
    whole = browser.evaluate(trail)
    click = "dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    browser.evaluate(f"document.querySelector('#rom g[role=button]').{click}")
    assert "of the image" in browser.evaluate(trail)
    browser.evaluate("document.querySelector('#rom .trail button').click()")
    assert browser.evaluate(trail) == whole
