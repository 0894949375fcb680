"""The CSMS as a server: real sockets, real TLS, the real `websockets` client, and its command line."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from csms_stub import Csms
from csms_stub.server import CsmsServer, ServerError, main, tls_context
from tests.csms_stub.conftest import BOOT

OCPP = [websockets.Subprotocol("ocpp2.0.1")]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key, made now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "csms.local")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder / "cert.pem", folder / "key.pem"


async def call(ws: Any, message_id: str, action: str, payload: Any) -> Any:
    await ws.send(json.dumps([2, message_id, action, payload]))
    return json.loads(await asyncio.wait_for(ws.recv(), 5))


def test_a_real_client_over_tcp() -> None:
    async def scenario() -> None:
        csms = Csms()
        async with CsmsServer(csms, port=0) as server:
            url = f"ws://127.0.0.1:{server.port}/ocpp/CS1"
            async with websockets.connect(url, subprotocols=OCPP) as ws:
                assert ws.subprotocol == "ocpp2.0.1"
                assert (await call(ws, "1", "BootNotification", BOOT))[2]["status"] == "Accepted"
                message_id = csms.session().call("ClearCache", {}, server.now_ns)
                server.wake()
                assert json.loads(await asyncio.wait_for(ws.recv(), 5))[1] == message_id
                await ws.send(json.dumps([3, message_id, {"status": "Accepted"}]))
                assert (await call(ws, "2", "Heartbeat", {}))[0] == 3
                answer = csms.session().response(message_id)
                assert answer is not None and answer.payload == {"status": "Accepted"}
            assert csms.violations == []

    asyncio.run(scenario())


def test_large_and_compressed_messages() -> None:
    async def scenario() -> None:
        async with CsmsServer(Csms(), port=0) as server:
            url = f"ws://127.0.0.1:{server.port}/ocpp/CS1"
            for compression in ("deflate", None):
                async with websockets.connect(url, subprotocols=OCPP, compression=compression) as ws:
                    payload = {"vendorId": "v", "data": "x" * 500_000}
                    answer = await call(ws, f"{compression}", "DataTransfer", payload)
                    assert answer[2] == {"status": "UnknownVendorId"}

    asyncio.run(scenario())


def test_many_stations_at_once() -> None:
    async def scenario() -> None:
        csms = Csms()
        async with CsmsServer(csms, port=0) as server:

            async def station(number: int) -> None:
                url = f"ws://127.0.0.1:{server.port}/ocpp/CS{number}"
                async with websockets.connect(url, subprotocols=OCPP) as ws:
                    assert (await call(ws, "b", "BootNotification", BOOT))[0] == 3
                    for beat in range(5):
                        assert (await call(ws, str(beat), "Heartbeat", {}))[0] == 3

            await asyncio.gather(*(station(number) for number in range(30)))
            assert len(csms.sessions) == 30 and csms.violations == []

    asyncio.run(scenario())


def test_wrong_password_and_unknown_path() -> None:
    async def scenario() -> None:
        csms = Csms(passwords={"CS1": "0123456789abcdef"})
        async with CsmsServer(csms, port=0) as server:
            for login, path, status in (
                ("CS1:wrong@", "/ocpp/CS1", 401),
                ("", "/ocpp/CS1", 401),
                ("CS9:0123456789abcdef@", "/ocpp/CS9", 404),
                ("CS1:0123456789abcdef@", "/other/CS1", 404),
            ):
                url = f"ws://{login}127.0.0.1:{server.port}{path}"
                with pytest.raises(websockets.InvalidStatus) as refused:
                    await websockets.connect(url, subprotocols=OCPP)
                assert refused.value.response.status_code == status
            url = f"ws://CS1:0123456789abcdef@127.0.0.1:{server.port}/ocpp/CS1"
            async with websockets.connect(url, subprotocols=OCPP) as ws:
                assert (await call(ws, "1", "BootNotification", BOOT))[0] == 3

    asyncio.run(scenario())


def test_wrong_subprotocol_is_closed_after_the_handshake() -> None:
    async def scenario() -> None:
        csms = Csms()
        async with CsmsServer(csms, port=0) as server:
            url = f"ws://127.0.0.1:{server.port}/ocpp/CS1"
            wrong = [websockets.Subprotocol("ocpp1.6")]
            async with websockets.connect(url, subprotocols=wrong) as ws:
                assert ws.subprotocol is None
                with pytest.raises(websockets.ConnectionClosed):
                    await asyncio.wait_for(ws.recv(), 5)
                assert ws.close_code == 1002
            assert csms.sessions == {}

    asyncio.run(scenario())


def test_tls(certificate: tuple[Path, Path]) -> None:
    async def scenario() -> None:
        csms = Csms()
        context = tls_context(*map(str, certificate))
        async with CsmsServer(csms, port=0, tls=context) as server:
            url = f"wss://127.0.0.1:{server.port}/ocpp/CS1"
            assert context.minimum_version == ssl.TLSVersion.TLSv1_2
            trusting = ssl.create_default_context(cafile=str(certificate[0]))
            async with websockets.connect(url, subprotocols=OCPP, ssl=trusting) as ws:
                assert (await call(ws, "1", "BootNotification", BOOT))[0] == 3
                assert csms.connection().secure
            with pytest.raises(ssl.SSLCertVerificationError):
                await websockets.connect(url, subprotocols=OCPP, ssl=ssl.create_default_context())
            # Plain HTTP at the TLS port gets nothing, and does no harm.
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                answer = await asyncio.wait_for(reader.read(), 5)
                assert not answer.startswith(b"HTTP/")
            writer.close()
            async with websockets.connect(url, subprotocols=OCPP, ssl=trusting) as ws:
                assert (await call(ws, "2", "Heartbeat", {}))[0] == 3

    asyncio.run(scenario())


def test_a_newer_connection_ends_the_older_one_at_once() -> None:
    async def scenario() -> None:
        async with CsmsServer(Csms(), port=0) as server:
            url = f"ws://127.0.0.1:{server.port}/ocpp/CS1"
            async with (
                websockets.connect(url, subprotocols=OCPP) as old,
                websockets.connect(url, subprotocols=OCPP) as new,
            ):
                with pytest.raises(websockets.ConnectionClosed):
                    await asyncio.wait_for(old.recv(), 5)
                assert old.close_reason == "replaced by a newer connection"
                assert (await call(new, "1", "BootNotification", BOOT))[0] == 3

    asyncio.run(scenario())


def test_stations_that_vanish_or_send_rubbish_do_no_harm() -> None:
    async def scenario() -> None:
        csms = Csms()
        async with CsmsServer(csms, port=0) as server:
            for rubbish in (b"", b"\x00" * 100, b"GET /ocpp/X HTTP/1.1\r\n", b"\xff" * 100_000):
                _, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(rubbish)
                with contextlib.suppress(ConnectionError):
                    await writer.drain()
                writer.transport.abort()
            url = f"ws://127.0.0.1:{server.port}/ocpp/CS1"
            async with websockets.connect(url, subprotocols=OCPP) as ws:
                assert (await call(ws, "1", "BootNotification", BOOT))[0] == 3

    asyncio.run(scenario())


def test_stopping_closes_with_going_away() -> None:
    async def scenario() -> None:
        server = CsmsServer(Csms(), port=0)
        await server.start()
        ws = await websockets.connect(f"ws://127.0.0.1:{server.port}/ocpp/CS1", subprotocols=OCPP)
        await server.stop()
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(ws.recv(), 5)
        assert (ws.close_code, ws.close_reason) == (1001, "the CSMS is shutting down")

    asyncio.run(scenario())


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_port_in_use_is_one_line(taken_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", str(taken_port)]) == 2
    expected = f"csms_stub: cannot listen on 127.0.0.1:{taken_port}: {os.strerror(98)}\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tls", "no.pem", "no.key"], "csms_stub: --tls no.pem: No such file or directory"),
        (["--tls", "{here}", "{here}"], "not a PEM certificate and its unencrypted key"),
        (["--log", "/"], "csms_stub: --log /: Is a directory"),
        (["--token", "X=Maybe"], "csms_stub: --token X=Maybe: 'Maybe' is none of Accepted, Blocked"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([argument.format(here=__file__) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "70000"], "argument --port: 70000 is no TCP port (0 to 65535)"),
        (["--basic-auth", "CS1"], "argument --basic-auth: 'CS1' is not ID:PASSWORD"),
        (["--interval", "0"], "argument --interval: 0 is below 1 s"),
    ],
)
def test_bad_options_are_named(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2 and message in capsys.readouterr().err


def test_a_key_of_another_certificate_is_refused(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "other.pem").write_bytes(
        other.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    with pytest.raises(ServerError, match="not a PEM certificate and its unencrypted key"):
        tls_context(str(certificate[0]), str(tmp_path / "other.pem"))


def test_the_program_prints_and_logs_each_message_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    log = tmp_path / "transcript.jsonl"
    arguments = [sys.executable, "-u", "-m", "csms_stub", "--port", "0", "--log", str(log), "--token", "04AB"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        url = process.stdout.readline().split()[-1].replace("<identity>", "CS1")

        async def scenario() -> None:
            async with websockets.connect(url, subprotocols=OCPP) as ws:
                await call(ws, "1", "BootNotification", BOOT)
                token = {"idToken": "04AB", "type": "ISO14443"}
                answer = await call(ws, "2", "Authorize", {"idToken": token})
                assert answer[2] == {"idTokenInfo": {"status": "Accepted"}}
                await call(ws, "3", "Heartbeat", {"bad": 1})
                await ws.send("\x1b[31m")
                await ws.recv()

        try:
            asyncio.run(scenario())
            process.send_signal(signal.SIGINT)
            output = process.stdout.read()
            assert process.stderr.read() == ""
            assert process.wait(10) == 0
        finally:
            process.kill()
    lines = output.splitlines()
    assert sum("CALL BootNotification" in line for line in lines) == 1
    assert any("violation: $.bad" in line for line in lines)
    assert "\x1b" not in output, "control characters from the wire stay off the terminal"
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    assert [entry["type"] for entry in entries] == ["CALL", "CALLRESULT"] * 2 + [
        *("CALL", "CALLERROR"),
        *("INVALID", "CALLERROR"),
    ]
    assert {entry["station"] for entry in entries} == {"CS1"}
    assert entries[4]["violations"] and not entries[0]["violations"]


OPENSSL = ["openssl", "s_client", "-verify_hostname", "localhost", "-verify_return_error"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            ["-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"],
            ["Verification: OK", "Protocol  : TLSv1.2", "HTTP/1.1 404"],
        ),
        (["-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"], ["Verification: OK", "depth=2", "HTTP/1.1 404"]),
        (
            ["-cipher", "AES128-GCM-SHA256"],
            ["Verification: OK", "Cipher is AES128-GCM-SHA256", "HTTP/1.1 404"],
        ),
        (
            ["-cipher", "AES256-GCM-SHA384"],
            ["Verification: OK", "Cipher is AES256-GCM-SHA384", "HTTP/1.1 404"],
        ),
        (["-maxfraglen", "512"], ["Verification: OK", "Protocol  : TLSv1.2", "HTTP/1.1 404"]),
        (["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"], ["alert protocol version", "Cipher is (NONE)"]),
        (["-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], ["alert handshake failure", "Cipher is (NONE)"]),
    ],
)
def test_openssl_at_the_command_line_server_with_test_certificates(
    tls_stub: tuple[int, Path], options: list[str], told: list[str]
) -> None:
    port, root = tls_stub
    command = [*OPENSSL, "-connect", f"127.0.0.1:{port}", "-CAfile", str(root), "-ign_eof", *options]
    request = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
    done = subprocess.run(command, input=request, capture_output=True, text=True, timeout=20, check=False)
    said = done.stdout + done.stderr
    assert [text for text in told if text not in said] == []


@pytest.fixture(scope="module")
def tls_stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """Port and root certificates of ``python -m csms_stub --tls``."""
    root = tmp_path_factory.mktemp("stub") / "root.pem"
    command = [sys.executable, "-m", "csms_stub", "--port", "0", "--tls", "--root", str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "wss://127.0.0.1:" in line and line.endswith("with a certificate of localhost\n")
        yield int(line.split("127.0.0.1:")[1].partition("/")[0]), root
        process.terminate()


def test_options_of_tls_that_do_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, reason in (
        (["--tls", "cert.pem"], "give a certificate and its key, or neither"),
        (["--root", "root.pem"], "--root: there are test certificates with --tls alone"),
        (["--name", "csms.local"], "--name: there are test certificates with --tls alone"),
    ):
        with pytest.raises(SystemExit):
            main(arguments)
        assert reason in capsys.readouterr().err
