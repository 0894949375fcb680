"""The `tls` module compiled for the host, under the sanitizers: thousands of cases take seconds there."""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path
from types import TracebackType

from bench.firmware import BUILD_DIR, FIRMWARE_DIR, ensure_mbedtls

HOST = Path(__file__).parent / "host"
ALWAYS = -1


def build(folder: Path) -> Path:
    """The program of host/tls.c, with the sources of mbedTLS that tls.mk names."""
    port = FIRMWARE_DIR / "port"
    mbedtls = ensure_mbedtls(BUILD_DIR / "mbedtls")
    makefile = (port / "tls" / "tls.mk").read_text()
    listed = re.search(
        r"^SRC_MBEDTLS = \$\(addprefix library/,(.*?)\) (\S+)$", makefile, re.DOTALL | re.MULTILINE
    )
    assert listed is not None
    names = re.findall(r"\w+\.c", listed[1])
    folders = (mbedtls / "include", mbedtls / "library", (mbedtls / listed[2]).parent)
    wrapped = re.findall(r"--wrap=\w+", makefile)
    program = folder / "tls"
    subprocess.run(
        [
            *("gcc", "-O1", "-g", "-w", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
            # MicroPython's and mbedTLS's habit of a memcpy of nothing, to nowhere
            *(
                "-fno-sanitize=nonnull-attribute",
                "-DTLS_ARENA_SIZE=65536",
                "-DMBEDTLS_PSA_P256M_DRIVER_ENABLED",
            ),
            '-DMBEDTLS_CONFIG_FILE="port/tls/mbedtls_config.h"',
            *(f"-I{path}" for path in (FIRMWARE_DIR, port, port / "tls", HOST, *folders)),
            *(f"-Wl,{option}" for option in wrapped),
            # called by what the linker of the chip leaves out
            "-Wl,--defsym=mbedtls_rsa_parse_key=main",
            *("-o", str(program), str(HOST / "tls.c")),
            *(str(port / "tls" / name) for name in ("keys.c", "rsa.c")),
            *(str(mbedtls / "library" / name) for name in names),
            str(mbedtls / listed[2]),
        ],
        check=True,
    )
    return program


class HostError(Exception):
    """The OSError of the module: its two arguments."""

    @property
    def code(self) -> int:
        return int(self.args[0])

    @property
    def detail(self) -> int:
        return int(self.args[1])


def sized(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


class Tls:
    """Asks the program. A sanitizer that finds something ends it, which fails the test with what it says."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def __enter__(self) -> Tls:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, command: str, *data: bytes) -> bytes:
        assert self._process.stdin and self._process.stdout and self._process.stderr
        try:
            self._process.stdin.write(command.encode() + sized(b"".join(data)))
            self._process.stdin.flush()
            code, detail, size = struct.unpack("<iII", self._process.stdout.read(12))
        except (BrokenPipeError, struct.error):
            said = self._process.stderr.read().decode(errors="replace")
            raise AssertionError(
                f"{command}: the program ended, {self._process.wait()}:\n{said[:4000]}"
            ) from None
        result = self._process.stdout.read(size)
        if code:
            raise HostError(code, detail)
        return result

    def roots(self, *ders: bytes) -> None:
        self.ask("R", *map(sized, ders))

    def limit(self, blocks: int = ALWAYS, objects: int = ALWAYS) -> None:
        """From then on no memory of mbedTLS, and none of MicroPython, after so many allocations of it."""
        self.ask("L", struct.pack("<ii", blocks, objects))

    def blocks(self) -> int:
        return int.from_bytes(self.ask("U"), "little")

    def certificate(self, der: bytes) -> list[bytes]:
        facts, at, data = [], 0, self.ask("C", sized(der))
        while at < len(data):
            size = int.from_bytes(data[at : at + 4], "little")
            facts.append(data[at + 4 : at + 4 + size])
            at += 4 + size
        return facts

    def issued(self, child: bytes, issuer: bytes) -> bool:
        return self.ask("I", sized(child), sized(issuer))[0] == 1

    def trusted(self, chain: bytes, now: int, exact: bool = True) -> int:
        return int.from_bytes(self.ask("T", sized(chain), struct.pack("<ii", now, exact)), "little")

    def verify(self, certificate: bytes, digest: bytes, signature: bytes) -> bool:
        return self.ask("V", sized(certificate), sized(digest), sized(signature))[0] == 1

    # a connection

    def client(self, host: str, now: int, exact: bool = True) -> None:
        self.ask("N", sized(host.encode() + b"\0"), struct.pack("<ii", now, exact))

    def handshake(self) -> bool | None:
        done = self.ask("H")
        return done[0] == 1 if done else None

    def feed(self, data: bytes) -> None:
        self.ask("F", sized(data))

    def output(self) -> bytes:
        return self.ask("O")

    def write(self, data: bytes) -> int:
        return int.from_bytes(self.ask("W", sized(data)), "little")

    def read(self, size: int) -> bytes:
        """Empty: it wants input, or the server has closed."""
        return self.ask("D", struct.pack("<i", size))

    def shut(self) -> None:
        self.ask("S")

    def free(self) -> None:
        self.ask("X")


Der = list[tuple[int, "bytes | Der"]]


def parsed(data: bytes) -> Der:
    """DER as (tag, content) pairs, constructed ones taken apart."""
    items: Der = []
    at = 0
    while at < len(data):
        tag, size, at = data[at], data[at + 1], at + 2
        if size & 0x80:
            digits = size & 0x7F
            size = int.from_bytes(data[at : at + digits])
            at += digits
        body = data[at : at + size]
        items.append((tag, parsed(body) if tag & 0x20 else body))
        at += size
    return items


def encoded(items: Der) -> bytes:
    out = b""
    for tag, body in items:
        content = encoded(body) if isinstance(body, list) else body
        size = len(content)
        digits = size.to_bytes((size.bit_length() + 7) // 8)
        out += (
            bytes([tag]) + (bytes([size]) if size < 128 else bytes([0x80 | len(digits)]) + digits) + content
        )
    return out
