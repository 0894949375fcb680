"""The commands as a person types them: output, exit codes, and what they say when something cannot be."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from robot.api import ExecutionResult
from typer.main import get_command

from bench.cli import app, main
from bench.conformance.core import load_core
from bench.conformance.matrix import of_scenario
from bench.conformance.pics import statements
from bench.memory.elf import measure
from bench.scenarios import discover
from csms_stub.pki import Pki, pem
from firmware.variants import load
from tests.images import Firmware

PROJECT = Path(__file__).parent.parent
BOARDS = ("stm32f4_discovery", "nrf52840dk")
PASSWORD = "sixteen-or-more-characters"


def ocpp_bench(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench.cli", *map(str, arguments)]
    return subprocess.run(
        command, cwd=PROJECT, env=os.environ | environment, capture_output=True, text=True, check=False
    )


def complains(done: subprocess.CompletedProcess[str], *words: str, code: int = 2) -> None:
    """Exit code, and one clear line on stderr."""
    assert done.returncode == code, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("ocpp-bench: ")
    for word in words:
        assert word in lines[0]


def commands(group: Any, *before: str) -> list[tuple[str, ...]]:
    """The words of every command, and of every group."""
    found = [before]
    for name, command in group.commands.items():
        inner = commands(command, *before, name) if hasattr(command, "commands") else [(*before, name)]
        found += inner
    return found


@pytest.mark.parametrize("words", commands(get_command(app)), ids=" ".join)
def test_help(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """A square bracket in a text of help may be markup to rich, and end in a traceback."""
    assert main([*words, "--help"]) == 0
    usage = capsys.readouterr().out.split()
    assert all(word in usage for word in ("Usage:", *words))


# what cannot be


@pytest.mark.parametrize("command", [("build",), ("run",), ("size",), ("boot",)])
def test_unknown_board_lists_those_there_are(command: tuple[str, ...]) -> None:
    complains(ocpp_bench(*command, "--board", "stm32f4"), "'stm32f4'", *BOARDS)


@pytest.mark.parametrize("command", ["run", "heap"])
def test_unknown_board_is_said_before_what_is_left_out(command: str) -> None:
    assert "left out" not in ocpp_bench(command, "--board", "nrf52840").stdout


@pytest.mark.parametrize("variable", ["", ":", "FOO", "=x", "=x:1", ":1"])
def test_variable_that_is_none(variable: str) -> None:
    complains(ocpp_bench("run", "--variable", variable), f"--variable {variable!r}: must be NAME:VALUE")


def test_statement_that_leaves_a_test_case_open(tmp_path: Path) -> None:
    pics = tmp_path / "pics.toml"
    pics.write_text("")
    done = ocpp_bench("run", "--test", "TC_B_01_CS", "--pics", pics, "--report", tmp_path / "report")
    complains(done, str(pics), "AQ-1: no such feature is declared")
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize("program", ["bench.memory.handshake", "bench.memory.cost", "bench.emulators.speed"])
def test_programs_beside_it(program: str) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", program, *arguments]
        return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)

    usage = run("--help")
    assert (usage.returncode, usage.stdout.split()[0]) == (0, "usage:")
    for word in ("toaster", "--toaster"):
        done = run(word)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert word in done.stderr


def test_unknown_scenario_suggests_one() -> None:
    complains(ocpp_bench("run", "--test", "TC_B_3_CS"), "'TC_B_3_CS'", "did you mean", "TC_B_03_CS")


def test_unknown_tag() -> None:
    complains(ocpp_bench("run", "--include", "smoke"), "no scenario has a tag smoke")


def test_unknown_option_and_command() -> None:
    complains(ocpp_bench("run", "--bord", "x"), "--bord")
    complains(ocpp_bench("flash"), "flash")


def test_unknown_emulator(firmware: Firmware) -> None:
    elf = firmware(BOARDS[0])
    done = ocpp_bench("run", "--board", BOARDS[0], "--firmware", elf, "--emulator", "qemu")
    complains(done, "qemu", "unicorn")


def test_platform_without_firmware(tmp_path: Path) -> None:
    complains(ocpp_bench("run", "--platform", tmp_path / "my.repl"), "needs --firmware")


def test_firmware_without_one_board(firmware: Firmware) -> None:
    complains(ocpp_bench("run", "--firmware", firmware(BOARDS[0])), "needs one --board")


def test_files_that_are_not_there(firmware: Firmware, tmp_path: Path) -> None:
    missing = tmp_path / "missing.elf"
    complains(ocpp_bench("run", "--board", BOARDS[0], "--firmware", missing), str(missing))
    complains(ocpp_bench("size", missing), str(missing))
    platform = tmp_path / "missing.repl"
    done = ocpp_bench("run", "--platform", platform, "--firmware", firmware(BOARDS[0]))
    complains(done, str(platform))


@pytest.mark.parametrize("command", ["run", "soak", "mutate"])
def test_report_folder_that_cannot_be(command: str, firmware: Firmware, tmp_path: Path) -> None:
    firmware(BOARDS[1])
    folder = tmp_path / "file"
    folder.write_text("")
    complains(ocpp_bench(command, "--board", BOARDS[1], "--report", folder), str(folder))


def test_files_that_are_no_firmware_for_the_board(firmware: Firmware, tmp_path: Path) -> None:
    text = tmp_path / "text.elf"
    text.write_text("hello")
    for elf in (text, Path(sys.executable).resolve(), firmware(BOARDS[1])):
        complains(ocpp_bench("run", "--board", BOARDS[0], "--firmware", elf), str(elf))
    complains(ocpp_bench("size", text), "not an ELF file")


def test_csms_url_that_the_station_cannot_use(firmware: Firmware, tmp_path: Path) -> None:
    for url in ("http://csms.example", "localhost:9000"):
        complains(ocpp_bench("boot", "--csms", url), "must be ws://host:port/path")
    for url in ("ws://localhost:abc/", "ws://localhost:99999/", "ws://localhost:0/", "ws://[::1/"):
        complains(ocpp_bench("boot", "--csms", url), f"--csms {url}: ")
    complains(ocpp_bench("boot", "--csms", "wss://csms.example/ocpp"), "needs --root FILE")
    (tmp_path / "root.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    root = ("--root", tmp_path / "root.pem", "--variant", "lite")
    complains(ocpp_bench("boot", "--csms", "wss://csms.example/ocpp", *root), "no certificate in PEM or DER")
    complains(ocpp_bench("boot", "--csms", "ws://csms.example/ocpp", *root), "--root is for wss://")
    complains(ocpp_bench("boot", *root), "goes with --csms wss://")


def test_credentials_that_ocpp_does_not_allow() -> None:
    for identity in ("CS/1", "CS:1", "", "x" * 49):
        complains(ocpp_bench("boot", "--identity", identity), f"the identity {identity!r} must have")
    for password in ("short", "p" * 65, "with a blank in it"):
        done = ocpp_bench("boot", "--password", password)
        complains(done, f"the password of {len(password)} characters must have 16 to 64")
        assert password not in done.stderr


def test_boot_of_a_variant_that_has_not_what_is_asked_for(tmp_path: Path) -> None:
    root = tmp_path / "root.pem"
    root.write_text(pem(Pki().root("csms").certificate))
    complains(
        ocpp_bench("boot", "--repl", "--variant", "lite"), "the feature repl, which the variant lite has"
    )
    wss = ("--csms", "wss://localhost:1/", "--root", root, "--variant", "minimal")
    complains(ocpp_bench("boot", *wss), "--csms wss:// needs the feature tls")


def test_uart_that_the_board_has_not(firmware: Firmware, tmp_path: Path) -> None:
    for suffix in (".repl", ".toml"):
        text = (PROJECT / "platforms" / BOARDS[0]).with_suffix(suffix).read_text()
        (tmp_path / f"mine{suffix}").write_text(text.replace('"usart2"', '"usart9"'))
    done = ocpp_bench("run", "--platform", tmp_path / "mine.repl", "--firmware", firmware(BOARDS[0]))
    complains(done, "the board has no UART 'usart9'; it has")


def test_prices_of_some_features_are_not_for_the_page(tmp_path: Path) -> None:
    done = ocpp_bench("price", "reset", "--report", tmp_path)
    complains(done, f"--report {tmp_path} is for the prices of all features")


def test_without_its_project(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("bench.cli.PLATFORMS", Path("nowhere"))
    assert main(["build"]) == 2
    assert "pip install -e ." in capsys.readouterr().err


def test_all_packages_are_installed() -> None:
    said = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    there = [path.parent for top in ("bench", "csms_stub") for path in (PROJECT / top).rglob("*.py")]
    assert {*said} - {"firmware"} == {".".join(path.relative_to(PROJECT).parts) for path in there}


# what can


@pytest.fixture(scope="module")
def full_run(firmware: Firmware, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    report = tmp_path_factory.mktemp("report")
    began = time.perf_counter()
    done = ocpp_bench("run", "--report", report)
    print(f"all scenarios on both boards: {time.perf_counter() - began:.1f} s")
    return {"done": done, "report": report, "results": json.loads((report / "results.json").read_text())}


def test_all_scenarios_pass_on_both_boards(full_run: dict[str, Any]) -> None:
    failed = [result for result in full_run["results"] if result["verdict"] != "PASS"]
    assert failed == []
    assert full_run["done"].returncode == 0, full_run["done"].stderr
    ids = {(result["board"], result["id"]) for result in full_run["results"]}
    release, known = statements(load())["lite"], {case.id: case for case in load_core()}
    wanted = [each.id for each in discover() if of_scenario(each, known, release).applies]
    assert ids == {(board, name) for board in BOARDS for name in wanted}
    written = ("log.html", "report.html", "output.xml", "xunit.xml")
    for name in (*written, "conformance.html", "conformance.md", "conformance.json"):
        assert (full_run["report"] / name).stat().st_size > 1000


def test_matrix_leads_to_each_test_in_the_log(full_run: dict[str, Any]) -> None:
    tests = {
        test.id: (test.parent.parent.name, test.name)
        for test in ExecutionResult(full_run["report"] / "output.xml").suite.all_tests
    }
    matrix = json.loads((full_run["report"] / "conformance.json").read_text())
    led = [
        (case["id"], column.split()[0], tests[cell["log"].removeprefix("log.html#")])
        for case in matrix["cases"]
        for column, cell in case["verdicts"].items()
        if cell["log"]
    ]
    assert len(led) == len(tests)
    for name, board, (suite, test) in led:
        assert (board, test.startswith(name)) == (suite, True)


def test_results_hold_what_was_measured(full_run: dict[str, Any]) -> None:
    for result in full_run["results"]:
        assert result["virtual_s"] > 1
        assert result["host_s"] > 0
        assert result["instructions"] > 1_000_000
        assert len(result["transcript_sha256"]) == 64
        memory = result["memory"]
        assert 0 < memory["stack_peak"] < memory["stack"]
        assert 0 < memory["heap_live"] <= memory["heap_peak"] <= memory["heap"]
        assert 0 < memory["fixed"] < 20_000
        assert result["notes"] == []
    for board in BOARDS:
        hashes = {r["id"]: r["transcript_sha256"] for r in full_run["results"] if r["board"] == board}
        # The first two do the same, and look at different things.
        assert hashes.pop("TC_A_01_CS") == hashes["TC_B_01_CS"]
        assert len(set(hashes.values())) == len(hashes)


def test_tables_name_boards_and_totals(full_run: dict[str, Any], firmware: Firmware) -> None:
    text = full_run["done"].stdout
    for board in BOARDS:
        assert board in text
        assert f"{measure(firmware(board)).rom:,}" in text


def test_repeated_runs_are_the_same(full_run: dict[str, Any], firmware: Firmware, tmp_path: Path) -> None:
    done = ocpp_bench("run", "--test", "TC_B_01_CS", "--repeat", "2", "--report", tmp_path)
    assert done.returncode == 0, done.stderr
    again = json.loads((tmp_path / "results.json").read_text())
    assert len(again) == 4
    for result in again:
        (first,) = (
            r for r in full_run["results"] if (r["board"], r["id"]) == (result["board"], result["id"])
        )
        for figure in ("transcript_sha256", "instructions", "virtual_s", "memory"):
            assert result[figure] == first[figure]


def test_failing_scenario_gives_exit_code_1(firmware: Firmware, tmp_path: Path) -> None:
    done = ocpp_bench(
        *("run", "--board", BOARDS[0], "--test", "TC_A_01_CS", "--report", tmp_path),
        *("--variable", "PASSWORD:twelve-chars"),
    )
    complains(done, "1 of 1 scenarios failed", code=1)
    assert "12 characters" in done.stdout
    (result,) = json.loads((tmp_path / "results.json").read_text())
    assert result["verdict"] == "FAIL"
    assert "12 characters" in result["message"]


def test_killed_run_leaves_no_process_behind(firmware: Firmware, tmp_path: Path) -> None:
    command = ("run", "--emulator", "unicorn", "--repeat", "50", "--jobs", "2", "--report", tmp_path)
    bench = psutil.Popen(
        [sys.executable, "-m", "bench.cli", *map(str, command)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while len(workers := bench.children(recursive=True)) < 2 and bench.poll() is None:
        time.sleep(0.05)
    assert bench.poll() is None
    bench.kill()
    bench.wait()
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("command", [("run", "--repeat", "50"), ("heap",)], ids=" ".join)
def test_ctrl_c_is_one_line_and_leaves_no_process_behind(
    command: tuple[str, ...], firmware: Firmware, tmp_path: Path
) -> None:
    firmware(BOARDS[0])
    options = ("--board", BOARDS[0], "--emulator", "unicorn", "--jobs", "2", "--report", str(tmp_path))
    bench = subprocess.Popen(
        [sys.executable, "-m", "bench.cli", *command, *options],
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not any(tmp_path.rglob("output.xml")) and bench.poll() is None:
            time.sleep(0.05)
        processes = psutil.Process(bench.pid).children(recursive=True)
        assert len(processes) >= 2
        bench.send_signal(signal.SIGINT)
        _, errors = bench.communicate(timeout=30)
    finally:
        bench.kill()
    assert (bench.returncode, errors) == (130, "ocpp-bench: interrupted\n")
    _, alive = psutil.wait_procs(processes, timeout=5)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_size_as_json_adds_up(firmware: Firmware) -> None:
    done = ocpp_bench("size", "--json")
    assert done.returncode == 0, done.stderr
    images = json.loads(done.stdout)
    assert set(images) == set(BOARDS)
    for image in images.values():
        assert image["rom"] == sum(component["ROM"] for component in image["components"].values())
        assert image["ram"] == sum(component["RAM"] for component in image["components"].values())
        assert image["rom"] + image["ram"] == sum(region["used"] for region in image["regions"])
        assert image["heap"]["size"] + image["stack"]["size"] < image["ram"]


def test_boot_shows_log_and_messages(firmware: Firmware) -> None:
    done = ocpp_bench("boot", "--board", BOARDS[1], "--duration", "30", "--no-pace")
    assert done.returncode == 0, done.stderr
    assert '"BootNotification"' in done.stdout
    assert any(line.startswith("log ") for line in done.stdout.splitlines())
    assert "30.000 s of virtual time on nrf52840dk" in done.stdout
    assert "problem" not in done.stdout


@pytest.mark.usefixtures("ctrl_c")
def test_boot_ends_cleanly_on_ctrl_c(firmware: Firmware) -> None:
    command = [sys.executable, "-u", "-m", "bench.cli", "boot", "--pace"]
    with subprocess.Popen(
        command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as live:
        assert live.stdout is not None
        for line in live.stdout:
            if "BootNotification" in line:
                break
        live.send_signal(signal.SIGINT)
        rest, errors = live.communicate(timeout=30)
    assert live.returncode == 0
    assert errors == ""
    assert "of virtual time" in rest


@contextmanager
def csms_outside(*options: object) -> Iterator[int]:
    """A CSMS in a process of its own, which knows the station CS-9. Gives its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    server = [sys.executable, "-u", "-m", "csms_stub", "--port", port, *options]
    server += ["--basic-auth", f"CS-9:{PASSWORD}"]
    with subprocess.Popen(list(map(str, server)), cwd=PROJECT, stdout=subprocess.PIPE, text=True) as csms:
        try:
            assert csms.stdout is not None
            csms.stdout.readline()  # it listens
            yield port
        finally:
            csms.terminate()


def test_boot_against_a_csms_outside(firmware: Firmware) -> None:
    """Twice, as that refuses message ids which were used before."""
    with csms_outside() as port:
        for _ in range(2):
            done = ocpp_bench(
                *("boot", "--csms", f"ws://127.0.0.1:{port}/ocpp", "--duration", "12"),
                *("--identity", "CS-9", "--password", PASSWORD),
            )
            assert done.returncode == 0, done.stderr
            assert "GET /ocpp/CS-9 HTTP/1.1" in done.stdout
            assert "101 Switching Protocols" in done.stdout
            assert '"BootNotification"' in done.stdout
            assert '"StatusNotification"' in done.stdout
            assert "RpcFrameworkError" not in done.stdout


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_boot_against_a_csms_with_tls_outside(host: str, tmp_path: Path) -> None:
    root, transcript = tmp_path / "root.pem", tmp_path / "transcript.jsonl"
    with csms_outside("--tls", "--name", host, "--root", root, "--log", transcript) as port:
        done = ocpp_bench(
            *("boot", "--csms", f"wss://{host}:{port}/ocpp", "--root", root, "--duration", "12"),
            *("--identity", "CS-9", "--password", PASSWORD),
        )
    assert done.returncode == 0, done.stderr
    assert "TLS: what is said there cannot be read here" in done.stdout
    assert "from now on with security profile 2" in done.stdout
    assert "StartupOfTheDevice" in transcript.read_text()
