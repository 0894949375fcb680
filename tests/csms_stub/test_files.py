"""The file server, without I/O."""

from __future__ import annotations

import pytest

from csms_stub import CsmsError
from csms_stub.files import CHUNK, FileServer, HttpConnection, Trouble

S = 1_000_000_000
IMAGE = bytes(range(256)) * 40


@pytest.fixture
def server() -> FileServer:
    server = FileServer()
    server.files["/image.bin"] = IMAGE
    return server


def ask(server: FileServer, request: str, body: bytes = b"", *, until_s: float = 0) -> tuple[str, bytes]:
    """Head and body of what comes back by then, the client taking all there is when there is something."""
    connection = server.accept(0)
    assert connection is not None
    connection.receive(request.replace("\n", "\r\n").encode() + body, 0)
    answer = drain(connection, round(until_s * S))
    head, _, content = answer.partition(b"\r\n\r\n")
    return head.decode(), content


def drain(connection: HttpConnection, until_ns: int) -> bytes:
    answer = b""
    while (due := connection.next_event_ns()) is not None and due <= until_ns:
        answer += connection.take(due)
    return answer


GET = "GET /image.bin HTTP/1.1\nHost: files.local\n\n"


def test_a_download(server: FileServer) -> None:
    head, content = ask(server, GET)
    assert head.startswith("HTTP/1.1 200 OK\r\n")
    assert f"Content-Length: {len(IMAGE)}" in head and "Date: Thu, 01 Jan 2026 00:00:00 GMT" in head
    assert content == IMAGE
    request = server.requests[-1]
    assert (request.status, request.sent, request.complete) == (200, len(IMAGE), True)


def test_a_file_is_handed_out_as_it_is_taken(server: FileServer) -> None:
    connection = server.accept(0)
    assert connection is not None
    connection.receive(GET.replace("\n", "\r\n").encode(), 0)
    assert len(connection.take(0)) < 1000 and not connection.closed
    assert len(connection.take(0)) == CHUNK
    connection.receive_eof(0)
    assert not server.requests[-1].complete


@pytest.mark.parametrize(
    ("wanted", "begin", "end"),
    [
        ("bytes=100-199", 100, 200),
        ("bytes=10000-", 10000, 10240),
        ("bytes=-7", 10233, 10240),
        ("bytes=9-99999", 9, 10240),
    ],
)
def test_a_range(server: FileServer, wanted: str, begin: int, end: int) -> None:
    head, content = ask(server, GET.replace("\n\n", f"\nRange: {wanted}\n\n"))
    assert head.startswith("HTTP/1.1 206 Partial Content\r\n")
    assert f"Content-Range: bytes {begin}-{end - 1}/{len(IMAGE)}" in head
    assert content == IMAGE[begin:end]


def test_a_range_that_is_none_and_one_of_an_older_file(server: FileServer) -> None:
    head, content = ask(server, GET.replace("\n\n", "\nRange: bytes=99999-\n\n"))
    assert head.startswith("HTTP/1.1 416 ") and "Content-Range: bytes */10240" in head and not content
    for wanted in ("9" * 5000 + "-", "-" + "9" * 5000, "\u0665-"):
        head, content = ask(server, GET.replace("\n\n", f"\nRange: bytes={wanted}\n\n"))
        assert head.startswith(("HTTP/1.1 416 ", "HTTP/1.1 400 ")) and not content
    older = GET.replace("\n\n", '\nRange: bytes=5-\nIf-Range: "old"\n\n')
    head, content = ask(server, older)
    assert head.startswith("HTTP/1.1 200 ") and content == IMAGE


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_an_upload(server: FileServer, method: str) -> None:
    head, _ = ask(
        server, f"{method} /logs/a.txt HTTP/1.1\nHost: files.local\nContent-Length: 5\n\n", b"hello"
    )
    assert head.startswith("HTTP/1.1 201 Created")
    (upload,) = server.uploads("/logs/")
    assert (upload.path, upload.received, upload.header("content-length")) == ("/logs/a.txt", b"hello", "5")


def test_an_upload_in_chunks_and_half_an_upload(server: FileServer) -> None:
    head = "PUT /logs/a.txt HTTP/1.1\nHost: files.local\nTransfer-Encoding: chunked\n\n"
    ask(server, head, b"5\r\nhello\r\n")
    assert not server.uploads()
    ask(server, head, b"5\r\nhello\r\n4\r\n you\r\n0\r\n\r\n")
    assert server.uploads()[0].received == b"hello you"


@pytest.mark.parametrize(
    ("request_line", "status"),
    [("GET /nothing", 404), ("DELETE /image.bin", 405), ("HEAD /image.bin", 200)],
)
def test_answers_without_content(server: FileServer, request_line: str, status: int) -> None:
    head, content = ask(server, f"{request_line} HTTP/1.1\nHost: files.local\n\n")
    assert head.startswith(f"HTTP/1.1 {status} ") and not content


def test_what_is_no_http(server: FileServer) -> None:
    connection = server.accept(0)
    assert connection is not None
    connection.receive(b"\x16\x03\x01 nonsense\r\n\r\n", 0)
    assert connection.take(0).startswith(b"HTTP/1.1 400 ") and connection.closed


def test_a_login(server: FileServer) -> None:
    server.login = ("station", "secret")
    assert "WWW-Authenticate: Basic" in ask(server, GET)[0]
    right = GET.replace("\n\n", "\nAuthorization: Basic c3RhdGlvbjpzZWNyZXQ=\n\n")
    assert ask(server, right)[1] == IMAGE


def test_a_slow_server(server: FileServer) -> None:
    server.trouble("/image.bin", Trouble(rate=1024))
    assert 4 * 1024 - 102 <= len(ask(server, GET, until_s=4)[1]) <= 4 * 1024
    assert ask(server, GET, until_s=10)[1] == IMAGE


def test_a_late_answer(server: FileServer) -> None:
    server.trouble("/logs/", Trouble(delay_s=5))
    request = "PUT /logs/a HTTP/1.1\nHost: files.local\nContent-Length: 1\n\n"
    assert ask(server, request, b"x", until_s=4.9) == ("", b"")
    assert ask(server, request, b"x", until_s=5)[0].startswith("HTTP/1.1 201")


@pytest.mark.parametrize("stop", ["cut_at", "stall_at"])
def test_a_download_that_stops(server: FileServer, stop: str) -> None:
    server.trouble("/image.bin", Trouble(**{stop: 5000}), times=1)  # type: ignore[arg-type]
    connection = server.accept(0)
    assert connection is not None
    connection.receive(GET.replace("\n", "\r\n").encode(), 0)
    assert drain(connection, 100 * S).endswith(b"\r\n\r\n" + IMAGE[:5000])
    assert connection.closed == (stop == "cut_at")
    assert ask(server, GET)[1] == IMAGE, "only once"


@pytest.mark.parametrize("stop", ["cut_at", "stall_at"])
def test_an_upload_that_stops(server: FileServer, stop: str) -> None:
    server.trouble("/logs/a", Trouble(**{stop: 3}))  # type: ignore[arg-type]
    connection = server.accept(0)
    assert connection is not None
    connection.receive(b"PUT /logs/a HTTP/1.1\r\nHost: f\r\nContent-Length: 5\r\n\r\nhello", 0)
    assert connection.take(0) == b"" and connection.closed == (stop == "cut_at") and not server.uploads()


def test_wrong_length_status_place_and_byte(server: FileServer) -> None:
    server.trouble("/image.bin", Trouble(length=20000))
    head, content = ask(server, GET)
    assert "Content-Length: 20000" in head and content == IMAGE and not server.requests[-1].complete
    server.trouble("/image.bin", Trouble(status=503))
    assert ask(server, GET)[0].startswith("HTTP/1.1 503 Service Unavailable")
    server.trouble("/image.bin", Trouble(redirect="http://files.local:8080/other"))
    assert "Location: http://files.local:8080/other" in ask(server, GET)[0]
    server.trouble("/image.bin", Trouble(flip_at=10))
    content = ask(server, GET)[1]
    assert [n for n in range(len(IMAGE)) if content[n] != IMAGE[n]] == [10]
    server.trouble("/image.bin", None)
    assert ask(server, GET)[1] == IMAGE
    with pytest.raises(CsmsError, match="999 is no HTTP status"):
        server.trouble("/image.bin", Trouble(status=999))
