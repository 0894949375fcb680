"""Each way in which the stub's servers can be wrong, as OpenSSL's own program sees it over TCP."""

from __future__ import annotations

import asyncio
import base64
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from csms_stub import Csms
from csms_stub.files import FileServer, Trouble
from csms_stub.pki import Pki, pem
from csms_stub.server import CsmsServer
from csms_stub.tls import TlsEndpoint

NAME = "files.local"
PATH = "/firmware.upd"
IMAGE = bytes(range(32, 127)) * 200
PKI = Pki(epoch=datetime.now(UTC))
"""OpenSSL's clock cannot be set."""


class Outside:
    """`openssl s_client` asks for the file: what it was sent, what it says, and its exit code."""

    def __init__(self, folder: Path, *, wrong: str | None = None, trouble: Trouble | None = None) -> None:
        self.files = FileServer()
        self.files.files[PATH] = IMAGE
        self.files.trouble(PATH, trouble)
        self.endpoint = TlsEndpoint(self.files, PKI, NAME)
        if wrong:
            self.endpoint.show(wrong)  # type: ignore[arg-type]
        root = folder / "root.pem"
        root.write_text(pem(PKI.root("csms").certificate))
        self.command = ["openssl", "s_client", "-CAfile", str(root), "-verify_hostname", NAME]
        self.command += ["-verify_return_error", "-ign_eof", "-tls1_2", "-connect"]
        asyncio.run(self._run())

    async def _run(self) -> None:
        async with CsmsServer(Csms(), port=0, service=self.endpoint) as server:
            begun_ns = server.now_ns
            process = await asyncio.create_subprocess_exec(
                *self.command,
                f"127.0.0.1:{server.port}",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            request = f"GET {PATH} HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode()
            out, err = await asyncio.wait_for(process.communicate(request), 60)
            self.seconds = (server.now_ns - begun_ns) / 1e9
        assert process.returncode is not None
        self.code = process.returncode
        self.said = (out + err).decode("utf-8", "replace")
        self.body = out.partition(b"HTTP/1.1 200")[2].partition(b"\r\n\r\n")[2]


def test_a_server_that_is_right(tmp_path: Path) -> None:
    seen = Outside(tmp_path)
    assert seen.code == 0 and "Verify return code: 0 (ok)" in seen.said
    assert seen.body.startswith(IMAGE)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("expired", "certificate has expired"),
        ("not yet valid", "certificate is not yet valid"),
        ("wrong host name", "hostname mismatch"),
        ("self-signed", "self-signed certificate"),
        ("unknown root", "unable to get local issuer certificate"),
        ("missing intermediate", "unable to get local issuer certificate"),
        ("wrong key usage", "unsuitable certificate purpose"),
        ("weak key", "certificate key too weak"),
        ("SHA-1 signature", "CA signature digest algorithm too weak"),
        ("TLS 1.1", "unsupported protocol"),
        ("TLS 1.0", "unsupported protocol"),
        ("no common cipher suite", "alert handshake failure"),
    ],
)
def test_a_server_that_is_not_trusted(tmp_path: Path, wrong: str, reason: str) -> None:
    seen = Outside(tmp_path, wrong=wrong)
    assert reason in seen.said
    assert seen.code != 0 and not seen.body and not seen.files.requests


@pytest.mark.parametrize("wrong", [None, "no close_notify"])
def test_a_truncated_download(tmp_path: Path, wrong: str | None) -> None:
    seen = Outside(tmp_path, wrong=wrong, trouble=Trouble(cut_at=1000))
    assert f"Content-Length: {len(IMAGE)}" in seen.said
    assert IMAGE[:1000] in seen.body and IMAGE[:1001] not in seen.body
    assert ("unexpected eof" in seen.said) == bool(wrong)


def test_a_slow_server(tmp_path: Path) -> None:
    seen = Outside(tmp_path, trouble=Trouble(rate=40_000))
    assert seen.body.startswith(IMAGE)
    assert seen.seconds >= len(IMAGE) / 40_000


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
@pytest.mark.parametrize("signed", [IMAGE, IMAGE[:-1]])
def test_signatures_of_firmware_right_and_wrong(tmp_path: Path, kind: str, signed: bytes) -> None:
    signer = PKI.signer(kind)  # type: ignore[arg-type]
    for name, content in (("file", IMAGE), ("signature", base64.b64decode(signer.sign(signed)))):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "signer.pem").write_text(pem(signer.certificate))
    public = ["openssl", "x509", "-in", "signer.pem", "-pubkey", "-noout", "-out", "key.pem"]
    subprocess.run(public, cwd=tmp_path, check=True)
    padding = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"] if kind == "rsa" else []
    command = [
        "openssl",
        "dgst",
        "-sha256",
        *padding,
        "-verify",
        "key.pem",
        "-signature",
        "signature",
        "file",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode == 0, "Verified OK" in done.stdout) == (signed == IMAGE, signed == IMAGE)
