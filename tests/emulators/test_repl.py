"""The reader of platform files, and the check of what they say."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.emulators import catalogue, repl
from bench.emulators.base import PlatformError
from bench.emulators.repl import EnumName, New, Range, Reference

CPU = """
nvic: IRQControllers.NVIC @ sysbus 0xE000E000
    IRQ -> cpu@0

cpu: CPU.CortexM @ sysbus
    cpuType: "cortex-m4f"
    nvic: nvic
    PerformanceInMips: 100
"""


def read(folder: Path, text: str, name: str = "board.repl") -> repl.Description:
    path = folder / name
    path.write_text(text)
    return repl.read(path)


def refused(folder: Path, text: str) -> str:
    """What the error says behind ``file:line: ``; the line in front."""
    path = folder / "board.repl"
    path.write_text(text)
    with pytest.raises(PlatformError) as caught:
        catalogue.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:")
    return message.removeprefix(f"{path}:")


class TestSyntax:
    def test_values(self, tmp_path: Path) -> None:
        entry = read(
            tmp_path,
            """
x: Some.Type @ sysbus 0x1000
    number: 0x10_00
    negative: -5
    fraction: 1.5
    yes: true
    no: false
    nothing: none
    text: "a \\"b\\" // c"
    long: '''one
two'''
    enum: Some.Enum.Value
    short: .Value
    other: y
    range: <0x10, +0x20>
    list: [1, [2, 3], "a"]
    object: new Some.Thing { a: 1; b: "c" }
""",
        ).entries["x"]
        assert entry.attributes == {
            "number": 0x1000, "negative": -5, "fraction": 1.5, "yes": True, "no": False, "nothing": None,
            "text": 'a "b" // c', "long": "one\ntwo", "enum": EnumName("Value"), "short": EnumName("Value"),
            "other": Reference("y"), "range": Range(0x10, 0x20), "list": [1, [2, 3], "a"],
            "object": New("Some.Thing", {"a": 1, "b": "c"}),
        }  # fmt: skip
        assert entry.places["short"].line == 13

    def test_registrations(self, tmp_path: Path) -> None:
        text = """
a: T @ sysbus 0x1000
b: T @ sysbus <0x2000, +0x100>
c: T @ sysbus <0x3000, 0x3200>
d: T @ { sysbus 0x4000; sysbus <0x5000, +0x10> }
e: T @ {
        sysbus 0x6000;
        sysbus new Bus.BusMultiRegistration { address: 0x7000; size: 0x20; region: "r" }
    }
    x: 1
f: T @ sysbus
g: T @ none
"""
        entries = read(tmp_path, text).entries
        spans = {n: [(r.address, r.size, r.region) for r in e.registrations] for n, e in entries.items()}
        assert spans == {
            "a": [(0x1000, None, None)], "b": [(0x2000, 0x100, None)], "c": [(0x3000, 0x200, None)],
            "d": [(0x4000, None, None), (0x5000, 0x10, None)],
            "e": [(0x6000, None, None), (0x7000, 0x20, "r")], "f": [(None, None, None)], "g": [],
        }  # fmt: skip
        assert entries["e"].attributes == {"x": 1}

    @pytest.mark.parametrize(
        ("connection", "expected"),
        [
            ("-> nvic@38", [("", 38)]),
            ("IRQ -> nvic@0x1C", [("IRQ", 28)]),
            ("3 -> nvic@7", [("3", 7)]),
            ("[0-2] -> nvic@[5-7]", [("0", 5), ("1", 6), ("2", 7)]),
            ("[0-1, 5] -> nvic@[9, 3-4]", [("0", 9), ("1", 3), ("5", 4)]),
            ("[A, B] -> nvic@[1, 2]", [("A", 1), ("B", 2)]),
            ("-> none", []),
            ("IRQ->nvic@3", [("IRQ", 3)]),
            ("0 -> a@1 | b@2", [("0", 1), ("0", 2)]),
        ],
    )
    def test_interrupts(self, tmp_path: Path, connection: str, expected: list[tuple[str, int]]) -> None:
        entry = read(tmp_path, f"x: T @ sysbus 0\n    {connection}\n").entries["x"]
        assert [(irq.source, irq.line) for irq in entry.irqs] == expected

    def test_comments_and_braces(self, tmp_path: Path) -> None:
        text = '/* several\nlines */\nx: T @ sysbus 0x0 { a: 1; /* inside */ b: "/*" } // behind\n\n'
        text += "// y: T\nz: T @ none\n"
        entries = read(tmp_path, text).entries
        assert list(entries) == ["x", "z"]
        assert entries["x"].attributes == {"a": 1, "b": "/*"}
        assert entries["z"].location.line == 6

    def test_init_sections(self, tmp_path: Path) -> None:
        text = 'sysbus:\n    init:\n        Tag <0x10, 0x13> "A" 0x5\n        // no\n'
        text += '        WriteWord 0x20 7\n    init add:\n        X "a;b"\n'
        statements = read(tmp_path, text).sysbus.statements["init"]
        assert [(s.text, s.location.line) for s in statements] == [
            ('Tag <0x10, 0x13> "A" 0x5', 3), ("WriteWord 0x20 7", 5), ('X "a;b"', 7),
        ]  # fmt: skip
        assert list(repl.words(statements[0])) == ["Tag", Range(0x10, 4), "A", 5]

    def test_updates_add_to_what_was_declared(self, tmp_path: Path) -> None:
        text = "x: T @ sysbus 0\n    a: 1\n    b: 2\n    -> n@1\nx:\n    b: 3\n    -> n@2\nx: @ sysbus 0x10\n"
        entry = read(tmp_path, text).entries["x"]
        assert entry.attributes == {"a": 1, "b": 3}
        assert [irq.line for irq in entry.irqs] == [2]
        assert entry.registrations[0].address == 0x10

    def test_using(self, tmp_path: Path) -> None:
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "chip.repl").write_text(
            'using "more.repl"\nuart: T @ sysbus 0x10\n    other: timer\n    -> nvic@1\n'
        )
        (tmp_path / "sub" / "more.repl").write_text("timer: T @ sysbus 0x20\n")
        description = read(tmp_path, 'using "sub/chip.repl" prefixed "one_"\none_uart:\n    a: 1\n')
        assert list(description.entries) == ["one_timer", "one_uart"]
        uart = description.entries["one_uart"]
        assert uart.attributes == {"other": Reference("one_timer"), "a": 1}
        assert (uart.irqs[0].target, uart.registrations[0].bus) == ("one_nvic", "sysbus")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x: T @ sysbus 0\n  a: 1\n", "2: indented by 2 spaces"),
        ("    x: T @ sysbus 0\n", "1: the first entry is indented"),
        ("x: T @ sysbus 0\n\ta: 1\n", "2: indented with a tab"),
        ("x: T @ sysbus 0\n        a: 1\n", "2: indented by more than one level"),
        ("x: T @ sysbus 0 {\n a: 1\n", "3: ';' expected, found the end"),
        ("x: T }\n", "1: closing brace"),
        ('x: T\n    a: "b\n', "2: string without an end"),
        ("/* no end\n", "1: comment without an end"),
        ("x: T @\n", "what the entry is attached to expected"),
        ("x: T @ sysbus 0\n    a: 1\n    a: 2\n", "3: x: a is set twice"),
        ("x: T @ sysbus 0\n    [0-3] -> nvic@[1, 2]\n", "2: x: 4 interrupt sources are connected to 2 lines"),
        ("x: T @ sysbus 0\n    [0-99999] -> nvic@[0-99999]\n", "2: the interrupt range 0-99999 is too large"),
        ("x: T @ sysbus <0x10, 0x10>\n", "1: the range at 0x10 is empty"),
        ('x: T @ sysbus "here"\n', "1: sysbus: a registration point is"),
        ("x: T @ sysbus 0\n    a: \n", "expected"),
        ("x T\n", "1: ':' expected, found 'T'"),
        ("x: T @ none\nx: T @ none\n", "2: x: declared twice"),
        ("x:\n    a: 1\n", "1: x: is updated here, but was never declared"),
        ("sysbus: T @ none\n", "1: sysbus: the system bus is there already"),
        ('using "missing.repl"\n', "1: cannot read platform file"),
        ('using "board.repl"\n', "1: "),
    ],
)
def test_syntax_errors(tmp_path: Path, text: str, message: str) -> None:
    assert message in refused(tmp_path, text)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match="No such file"):
        repl.read(tmp_path / "nothing.repl")
    with pytest.raises(PlatformError, match="directory"):
        repl.read(tmp_path)
    (tmp_path / "binary.repl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlatformError, match=r"binary.repl:1: not UTF-8"):
        repl.read(tmp_path / "binary.repl")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x: Nobody.Knows @ sysbus 0\n", "1: x: type 'Nobody.Knows' has no model here"),
        (
            "x: UART.STM32_UART @ sysbus 0\n    bits: 9\n",
            "2: x: UART.STM32_UART has no attribute 'bits' here",
        ),
        ('x: UART.STM32_UART @ sysbus 0\n    frequency: "fast"\n', "2: x: frequency is to be a number"),
        ("x: UART.STM32_UART @ sysbus 0\n    frequency: true\n", "2: x: frequency is to be a number"),
        ("x: UART.STM32_UART @ other 0\n    -> nvic@1\n", "1: x: is attached to 'other'"),
        ("x: UART.STM32_UART @ none\n    -> nvic@1\n", "1: x: is attached to no bus"),
        ("x: UART.STM32_UART @ sysbus\n    -> nvic@1\n", "1: x: has no address"),
        ("x: Memory.MappedMemory @ sysbus 0\n", "1: x: Memory.MappedMemory needs the attribute 'size'"),
        ("x: Memory.MappedMemory @ sysbus 0\n    size: 0\n", "1: x: a size of 0x0 bytes"),
        ("x: Memory.MappedMemory @ sysbus 0\n    size: 0x100\n", "1: x: address and size of a memory"),
        (
            "x: Memory.MappedMemory @ sysbus 0xFFFFF000\n    size: 0x2000\n",
            "1: x: 0xFFFFF000 + 0x2000 is beyond",
        ),
        (CPU + "x: UART.STM32_UART @ sysbus 0\n", "9: x: UART.STM32_UART is connected to no interrupt"),
        (
            CPU + "x: UART.STM32_UART @ sysbus 0\n    -> nvic@240\n",
            "10: x: interrupt 240 is not within 0 to 239",
        ),
        (CPU + "x: UART.STM32_UART @ sysbus 0\n    -> cpu@1\n", "10: x: 'cpu' is not the NVIC"),
        (
            CPU + "x: UART.STM32_UART @ sysbus 0\n    Alarm -> nvic@1\n",
            "10: x: UART.STM32_UART has no interrupt output",
        ),
        (
            CPU
            + "x: UART.STM32_UART @ sysbus 0\n    -> nvic@1\n"
            + "y: UART.STM32_UART @ sysbus 0x400\n    -> nvic@1\n",
            "12: y: interrupt 1 has a source in line 10 already",
        ),
        (
            CPU
            + "x: UART.STM32_UART @ sysbus 0\n    -> nvic@1\n"
            + "y: UART.STM32_UART @ sysbus 0x3FC\n    -> nvic@2\n",
            "11: y: 0x000003FC belongs to x already",
        ),
        ("", "1: the board has no CPU"),
        (CPU.replace("cortex-m4f", "cortex-a9"), "6: cpu: cpuType 'cortex-a9' is none of"),
        (
            CPU.replace("MIPS: 100", "Mips: 100").replace("Mips: 100", "Mips: 0"),
            "8: cpu: PerformanceInMips 0",
        ),
        (CPU.replace("nvic: nvic", "nvic: cpu"), "7: cpu: nvic is to be the name of an entry of type"),
        (CPU.replace("    IRQ -> cpu@0\n", ""), "nvic: IRQControllers.NVIC is connected to no interrupt"),
        (CPU.replace("-> cpu@0", "-> nvic@0"), "3: nvic: is to be connected to the CPU"),
        (CPU + CPU.replace("cpu:", "cpu2:").replace("nvic:", "n2:"), "n2"),
        (CPU + "sysbus:\n    init:\n        Explode now\n", "11: sysbus: init: 'Explode' is not understood"),
        (
            CPU + "sysbus:\n    init:\n        WriteWord 0x0 0x10000\n",
            "11: 0x10000 does not fit into 2 bytes",
        ),
        (
            CPU + "sysbus:\n    init:\n        WriteWord 0x0 1\n",
            "11: 0x00000000 is in none of the board's memories",
        ),
        (CPU + 'sysbus:\n    preinit:\n        Tag <0, 3> "A"\n', "11: sysbus: preinit"),
        (
            CPU + 'p: Python.PythonPeripheral @ sysbus 0\n    size: 4\n    script: ""\n',
            "9: p: a Python peripheral",
        ),
    ],
)
def test_what_cannot_be_honoured_is_refused(tmp_path: Path, text: str, message: str) -> None:
    assert message in refused(tmp_path, text)


def test_a_good_board(tmp_path: Path) -> None:
    path = tmp_path / "board.repl"
    path.write_text(
        CPU
        + "ram: Memory.MappedMemory @ sysbus 0x20000000\n    size: 0x1000\n"
        + 'sysbus:\n    init:\n        Tag <0x40000000, 0x40000003> "ID" 0x55\n'
        + "        WriteByte 0x20000003 0x7\n"
    )
    board = catalogue.load(path)
    assert [(tag.address, tag.size, tag.value) for tag in board.tags] == [(0x40000000, 4, 0x55)]
    assert [(poke.address, poke.data) for poke in board.pokes] == [(0x20000003, b"\x07")]


TOKENS = st.sampled_from(
    [
        "x",
        "y",
        "nvic",
        "cpu",
        "sysbus",
        "IRQ",
        ":",
        "@",
        "->",
        "|",
        "{",
        "}",
        "[",
        "]",
        "<",
        ">",
        ",",
        "+",
        "-",
        ";",
        ".",
        "0x10",
        "0",
        "7",
        "1.5",
        '"s"',
        '"',
        "'''",
        "\n",
        "\n    ",
        "\n        ",
        "//",
        "/*",
        "*/",
        "using",
        "prefixed",
        "init",
        "init:",
        "new",
        "true",
        "none",
        "empty",
        "UART.STM32_UART",
        "Memory.MappedMemory",
        "CPU.CortexM",
        "size: 0x400",
        "IRQControllers.NVIC",
        "local",
        "as",
        "#",
        "\\",
        "\t",
        "Tag",
    ]
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.one_of(st.text(max_size=200), st.lists(TOKENS, max_size=60).map(" ".join)))
def test_nothing_but_a_platform_error_comes_of_any_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "any.repl"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        catalogue.load(path)
    except PlatformError as error:
        place, line, reason = str(error).removeprefix(str(tmp_path)).split(":", 2)
        assert place.startswith("/")
        assert line.isdecimal()
        assert reason.strip()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_damaged_board_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    original = (Path(__file__).parents[2] / "platforms" / "stm32f4_discovery.repl").read_text()
    start = data.draw(st.integers(0, len(original)))
    length = data.draw(st.integers(0, 40))
    text = original[:start] + data.draw(st.one_of(st.text(max_size=5), TOKENS)) + original[start + length :]
    path = tmp_path / "any.repl"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        catalogue.load(path)
    except PlatformError as error:
        assert ":" in str(error)
