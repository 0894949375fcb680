"""The emulated network module against the ESP-AT manual: what firmware may rely on, and what it may not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.peers import PeerError
from bench.peers.modem import COMMAND_LENGTH, Modem, parse_arguments
from bench.peers.sockets import WINDOW
from tests.peers.conftest import MS, Board, EchoNetwork, S


def test_silent_until_powered_and_booted(network: EchoNetwork) -> None:
    board = Board(Modem(network))
    assert board.command("AT", 2) == ""
    board.modem.power(True, board.now)
    assert board.run(0.4) == b""
    assert board.run(0.2) == b"\r\nready\r\n"


def test_echo_is_on_after_boot_and_can_be_switched(network: EchoNetwork) -> None:
    board = Board(Modem(network))
    board.modem.power(True, 0)
    board.run(1)
    assert board.command("AT") == "AT\r\n\r\nOK\r\n"
    assert board.command("ATE0") == "ATE0\r\n\r\nOK\r\n"
    assert board.command("AT") == "\r\nOK\r\n"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "at",
        "AT+NOPE",
        "AT+CIPMUX=2",
        "AT+CIPMUX=",
        'AT+CIPSTART=5,"TCP","host",80',
        'AT+CIPSTART=0,"UDP","host",80',
        'AT+CIPSTART=0,"TCP","host",0',
        'AT+CIPSTART=0,"TCP","host"',
        'AT+CIPSTART=0,"TCP",host,80',
        "AT+CIPSEND=9,5",
        "AT+CIPRECVDATA=0,10",
        "AT " + "x" * 300,
    ],
)
def test_wrong_commands_are_errors_and_listed(board: Board, line: str) -> None:
    assert board.command(line) == "\r\nERROR\r\n"
    assert len(board.modem.complaints) == 1


@pytest.mark.parametrize("line", ["AT+CIPSEND=0,5", "AT+CIPCLOSE=3"])
def test_a_link_that_is_gone_is_an_error_but_no_mistake(board: Board, line: str) -> None:
    assert board.command(line) == "\r\nERROR\r\n"
    assert not board.modem.complaints


def test_command_length_limit_is_exact(board: Board) -> None:
    def command(length: int) -> str:
        ssid = "x" * (length - len('AT+CWJAP="",""'))
        return f'AT+CWJAP="{ssid}",""'

    board.command("AT+CWQAP")
    assert board.command(command(COMMAND_LENGTH), 5) == "+CWJAP:3\r\n\r\nERROR\r\n"
    assert board.command(command(COMMAND_LENGTH + 1), 5) == "\r\nERROR\r\n"


def test_wrong_wifi_password_and_unknown_access_point(board: Board) -> None:
    assert board.command('AT+CWJAP="bench","nope"', 5) == "WIFI DISCONNECT\r\n+CWJAP:2\r\n\r\nERROR\r\n"
    assert board.command('AT+CWJAP="other","bench-psk"', 5) == "+CWJAP:3\r\n\r\nERROR\r\n"
    assert not board.modem.online


def test_joining_needs_station_mode(network: EchoNetwork) -> None:
    board = Board(Modem(network))
    board.modem.power(True, 0)
    board.run(1)
    board.command("ATE0")
    assert board.command('AT+CWJAP="bench","bench-psk"', 5) == "\r\nERROR\r\n"


def test_after_restart_the_module_rejoins_by_itself(board: Board) -> None:
    assert board.command("AT+RST", 5) == "\r\nOK\r\n\r\nready\r\nWIFI CONNECTED\r\nWIFI GOT IP\r\n"
    # Settings that are not in flash are gone.
    assert board.command("AT") == "AT\r\n\r\nOK\r\n"
    assert "+CIPMUX:0" in board.command("AT+CIPMUX?")


def test_send_goes_through_and_is_reported_in_order(board: Board, network: EchoNetwork) -> None:
    board.connect()
    assert board.transmit(b"hello") == "\r\nRecv 5 bytes\r\n\r\nSEND OK\r\n"
    assert network.links[0].received == b"hello"


def test_more_than_announced_is_dropped_with_busy(board: Board, network: EchoNetwork) -> None:
    board.connect()
    assert board.transmit(b"hello")
    assert board.command("AT+CIPSEND=0,3") == "\r\nOK\r\n\r\n> "
    board.send(b"abcdef")
    assert board.run(0.1) == b"\r\nbusy p...\r\n\r\nRecv 3 bytes\r\n\r\nSEND OK\r\n"
    assert network.links[0].received == b"helloabc"
    assert board.command("AT") == "\r\nOK\r\n"


def test_a_command_during_another_is_lost(board: Board) -> None:
    board.send('AT+CIPSTART=0,"TCP","host",80\r\nAT+CIPSTATUS\r\n')
    assert board.run(0.1) == b"\r\nbusy p...\r\n0,CONNECT\r\n\r\nOK\r\n"
    assert "CIPSTATUS" in board.modem.complaints[-1][1]


def test_send_length_limit(board: Board) -> None:
    board.connect()
    assert board.command("AT+CIPSEND=0,2049") == "\r\nERROR\r\n"
    assert board.command("AT+CIPSEND=0,0") == "\r\nERROR\r\n"
    assert board.transmit(b"x" * 2048) == "\r\nRecv 2048 bytes\r\n\r\nSEND OK\r\n"


def test_active_receive_hands_data_out_at_once(board: Board, network: EchoNetwork) -> None:
    board.connect(2)
    network.links[0].to_send += b"\r\nOK\r\n"
    assert board.run(0.1) == b"\r\n+IPD,2,6:\r\nOK\r\n"


def test_passive_receive_waits_to_be_read(board: Board, network: EchoNetwork) -> None:
    board.command("AT+CIPRECVMODE=1")
    board.connect()
    link = network.links[0]
    link.to_send += b"abcdef"
    assert board.run(0.1) == b"\r\n+IPD,0,6\r\n"
    link.to_send += b"ghi"
    assert board.run(0.1) == b"", "no second notice before the first one was read"
    assert board.command("AT+CIPRECVLEN?") == "+CIPRECVLEN:9,,,,\r\n\r\nOK\r\n"
    assert board.command("AT+CIPRECVDATA=0,4") == "+CIPRECVDATA:4,abcd\r\n\r\nOK\r\n"
    # What the notice counted has been read now; what came later is announced.
    assert board.command("AT+CIPRECVDATA=0,2") == "+CIPRECVDATA:2,ef\r\n\r\nOK\r\n\r\n+IPD,0,3\r\n"
    assert board.command("AT+CIPRECVDATA=0,100") == "+CIPRECVDATA:3,ghi\r\n\r\nOK\r\n"
    assert board.command("AT+CIPRECVDATA=0,100") == "\r\nERROR\r\n"


def test_passive_window_holds_the_sender_back(board: Board, network: EchoNetwork) -> None:
    board.command("AT+CIPRECVMODE=1")
    board.connect()
    link = network.links[0]
    link.to_send += b"x" * (WINDOW + 100)
    board.run(1)
    assert len(link.to_send) == 100
    reply = board.command(f"AT+CIPRECVDATA=0,{WINDOW}", 1)
    assert reply.startswith(f"+CIPRECVDATA:{WINDOW},x") and reply.endswith("\r\n+IPD,0,100\r\n")
    assert not link.to_send


def test_closed_comes_after_unread_data(board: Board, network: EchoNetwork) -> None:
    board.command("AT+CIPRECVMODE=1")
    board.connect()
    link = network.links[0]
    link.to_send += b"bye"
    link.ended = True
    assert board.run(1) == b"\r\n+IPD,0,3\r\n"
    assert board.command("AT+CIPSEND=0,1") == "\r\nERROR\r\n"
    assert board.command("AT+CIPRECVDATA=0,9") == "+CIPRECVDATA:3,bye\r\n\r\nOK\r\n0,CLOSED\r\n"
    assert board.command("AT+CIPCLOSE=0") == "\r\nERROR\r\n"


def test_close_tells_the_other_side(board: Board, network: EchoNetwork) -> None:
    board.connect()
    assert board.command("AT+CIPCLOSE=0") == "0,CLOSED\r\n\r\nOK\r\n"
    assert network.links[0].told_closed


def test_five_links_are_apart(board: Board, network: EchoNetwork) -> None:
    for number in range(5):
        board.connect(number)
    for number, link in enumerate(network.links):
        link.to_send += b"%d" % number
    assert board.run(0.1) == b"".join(b"\r\n+IPD,%d,1:%d" % (n, n) for n in range(5))
    assert board.command('AT+CIPSTART=3,"TCP","host",80') == "ALREADY CONNECTED\r\n\r\nERROR\r\n"
    board.transmit(b"three", 3)
    assert [link.received for link in network.links] == [b"", b"", b"", b"three", b""]
    assert board.modem.links == [0, 1, 2, 3, 4]


def test_single_connection_mode_has_no_link_ids(board: Board, network: EchoNetwork) -> None:
    board.command("AT+CIPMUX=0")
    assert board.command('AT+CIPSTART="TCP","host",80') == "CONNECT\r\n\r\nOK\r\n"
    network.links[0].to_send += b"x"
    assert board.run(0.1) == b"\r\n+IPD,1:x"
    assert board.command("AT+CIPMUX=1") == "\r\nERROR\r\n"
    assert board.command("AT+CIPCLOSE") == "CLOSED\r\n\r\nOK\r\n"


def test_unknown_host_and_refusal(board: Board, network: EchoNetwork) -> None:
    assert board.command('AT+CIPSTART=0,"TCP","nowhere",80') == "\r\nERROR\r\n"
    assert not board.modem.complaints, "that is no mistake of the firmware"
    board.modem.refuse(True)
    assert board.command('AT+CIPSTART=0,"TCP","host",80') == "\r\nERROR\r\n"
    board.modem.refuse(False)
    board.connect()
    assert len(network.links) == 1


def test_cut_is_seen_on_both_sides(board: Board, network: EchoNetwork) -> None:
    board.connect()
    board.modem.cut(board.now)
    assert board.run(0.1) == b"0,CLOSED\r\n"
    assert network.links[0].told_closed
    with pytest.raises(PeerError, match="link 0 is not connected"):
        board.modem.cut(board.now, 0)


def test_cut_during_a_send_fails_it(board: Board) -> None:
    board.connect()
    board.command("AT+CIPSEND=0,4")
    board.modem.cut(board.now)
    board.send(b"data")
    assert board.run(0.1) == b"0,CLOSED\r\n\r\nRecv 4 bytes\r\n\r\nSEND FAIL\r\n"


def test_delay_is_applied_each_way_and_keeps_the_order(board: Board, network: EchoNetwork) -> None:
    board.connect()
    board.modem.delay(100, 200)
    start = board.now
    for index in range(20):
        board.transmit(b"%02d" % index, seconds=0.01)
    board.run(2)
    link = network.links[0]
    assert link.received == b"".join(b"%02d" % index for index in range(20))
    assert link.received_at[0][0] - start >= 100 * MS
    link.to_send += b"answer"
    board.modem.poll(board.now)
    assert board.run(0.09) == b""
    assert board.run(0.3) == b"\r\n+IPD,0,6:answer"


def test_outage_keeps_the_data_and_delivers_it_later(board: Board, network: EchoNetwork) -> None:
    board.connect()
    link = network.links[0]
    board.modem.outage(True, board.now)
    assert "SEND OK" in board.transmit(b"one")
    assert "SEND OK" in board.transmit(b"two")
    link.to_send += b"reply"
    assert board.run(60) == b""
    assert link.received == b""
    board.modem.outage(False, board.now)
    assert board.run(1) == b"\r\n+IPD,0,5:reply"
    assert link.received == b"onetwo"


def test_connecting_during_an_outage_times_out(board: Board) -> None:
    board.modem.outage(True, board.now)
    board.send('AT+CIPSTART=0,"TCP","host",80\r\n')
    assert board.run(17) == b""
    assert board.run(2) == b"\r\nERROR\r\n"


def test_a_full_send_buffer_holds_send_ok_back(board: Board, network: EchoNetwork) -> None:
    board.connect()
    board.modem.outage(True, board.now)
    for _ in range(2):
        assert "SEND OK" in board.transmit(b"x" * 2048)
    assert board.transmit(b"y" * 2048, seconds=5) == "\r\nRecv 2048 bytes\r\n"
    assert board.command("AT") == "\r\nbusy p...\r\n"
    board.modem.outage(False, board.now)
    assert b"SEND OK" in board.run(1)
    assert len(network.links[0].received) == 3 * 2048


def test_dropped_link_is_half_open_for_ever_without_keepalive(board: Board, network: EchoNetwork) -> None:
    board.connect()
    board.modem.drop(board.now)
    network.links[0].to_send += b"lost"
    assert "SEND OK" in board.transmit(b"into the void")
    assert board.run(1200) == b""
    assert network.links[0].received == b""
    # lwIP stops retransmitting after a good 22 minutes.
    assert board.run(200) == b"0,CLOSED\r\n"
    board.connect()
    assert "SEND OK" in board.transmit(b"again")
    assert network.links[1].received == b"again"


def test_keepalive_finds_a_dropped_link(board: Board) -> None:
    board.connect(0, ",60")
    board.run(10)
    board.modem.drop(board.now)
    assert board.run(50) == b""
    assert board.run(10) == b"0,CLOSED\r\n"


def test_keepalive_starts_over_with_each_sign_of_life(board: Board) -> None:
    board.connect(0, ",60")
    board.modem.outage(True, board.now)
    board.run(10)
    board.modem.outage(False, board.now)
    assert "SEND OK" in board.transmit(b"x", seconds=10)
    board.modem.outage(True, board.now)
    # The first outage was 20 s ago; what counts is the x, 10 s ago.
    assert board.run(52.8) == b""
    assert board.run(0.5) == b"0,CLOSED\r\n"


def test_a_cut_does_not_wait_for_what_was_on_its_way(board: Board, network: EchoNetwork) -> None:
    board.connect()
    board.modem.delay(1000)
    network.links[0].to_send += b"never seen"
    board.run(0.1)
    board.modem.cut(board.now)
    assert board.run(5) == b"0,CLOSED\r\n"


def test_what_is_on_its_way_counts_for_the_window(board: Board, network: EchoNetwork) -> None:
    board.command("AT+CIPRECVMODE=1")
    board.connect()
    board.modem.delay(1000)
    link = network.links[0]
    link.to_send += bytes(WINDOW)
    board.run(0.1)
    link.to_send += b"more"
    board.run(0.1)
    assert bytes(link.to_send) == b"more"


def test_corrupt_flips_one_bit_in_each_byte(board: Board, network: EchoNetwork) -> None:
    board.connect()
    board.modem.corrupt(3, direction="up")
    board.transmit(b"abcdef")
    received = network.links[0].received
    assert [(a ^ b).bit_count() for a, b in zip(received, b"abcdef", strict=True)] == [1, 1, 1, 0, 0, 0]
    board.modem.corrupt_uart(2)
    board.send("AT\r\n")
    noisy = board.run(0.1)
    assert [(a ^ b).bit_count() for a, b in zip(noisy, b"\r\nOK\r\n", strict=True)] == [1, 1, 0, 0, 0, 0]


def test_losing_the_access_point_closes_the_links_and_the_module_rejoins(
    board: Board, network: EchoNetwork
) -> None:
    board.connect()
    board.modem.wifi(False, board.now)
    assert board.run(30) == b"0,CLOSED\r\nWIFI DISCONNECT\r\n"
    assert network.links[0].abandoned and not network.links[0].told_closed
    assert board.command('AT+CIPSTART=0,"TCP","host",80') == "\r\nERROR\r\n"
    board.modem.wifi(True, board.now)
    assert board.run(10) == b"WIFI CONNECTED\r\nWIFI GOT IP\r\n"
    board.connect()


def test_losing_the_access_point_while_joining_fails_the_join(network: EchoNetwork) -> None:
    board = Board(Modem(network))
    board.modem.power(True, 0)
    board.run(1)
    board.command("ATE0")
    board.command("AT+CWMODE=1")
    assert board.command('AT+CWJAP="bench","bench-psk"', 1.5) == "WIFI CONNECTED\r\n"
    board.modem.wifi(False, board.now)
    assert board.run(1) == b"WIFI DISCONNECT\r\n+CWJAP:4\r\n\r\nERROR\r\n"


@pytest.mark.parametrize("after_s", [0.005, 5])
def test_losing_the_access_point_while_connecting_is_an_error(board: Board, after_s: float) -> None:
    board.modem.outage(True, board.now)
    board.send('AT+CIPSTART=0,"TCP","host",80\r\n')
    board.run(after_s)
    board.modem.wifi(False, board.now)
    assert board.run(2) == b"WIFI DISCONNECT\r\n\r\nERROR\r\n"


def test_crash_needs_a_power_cycle(board: Board, network: EchoNetwork) -> None:
    board.connect()
    board.modem.crash(board.now)
    assert board.command("AT", 60) == ""
    assert not board.modem.ready
    board.modem.power(False, board.now)
    board.modem.power(True, board.now)
    assert board.run(0.6) == b"\r\nready\r\n"
    assert not network.links[0].told_closed


def test_spontaneous_reset_says_ready(board: Board) -> None:
    board.connect()
    board.modem.reset(board.now)
    assert board.run(0.6) == b"\r\nready\r\n"
    assert board.modem.links == []


def test_busy_module(board: Board) -> None:
    board.modem.busy(2, board.now)
    assert board.command("AT", 1) == "\r\nbusy p...\r\n"
    assert not board.modem.complaints
    board.run(1)
    assert board.command("AT") == "\r\nOK\r\n"


def test_same_seed_same_bytes(network: EchoNetwork) -> None:
    def play(seed: int, step: float) -> list[tuple[int, bytes]]:
        network = EchoNetwork()
        board = Board(Modem(network, seed=seed)).online()
        board.connect()
        board.modem.delay(20, 50)
        for index in range(10):
            board.transmit(b"message %d" % index, seconds=0.005)
        end = board.now + S
        while board.now < end:
            board.run(step)
        return network.links[0].received_at

    assert play(1, 0.5) == play(1, 0.5)
    assert play(1, 0.5) == play(1, 0.001), "how often the rig looks must not matter"
    assert play(1, 0.5) != play(2, 0.5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", [0]),
        ('"a",1,,"b"', ["a", 1, None, "b"]),
        (r'"a\"b\\c\,"', [r"a\"b\\c\,".replace("\\\\", "\0").replace("\\", "").replace("\0", "\\")]),
        ("", [None]),
        ("1,", [1, None]),
        ('"open', None),
        ("abc", None),
        ('"a"b', None),
        ("99999999999", None),
    ],
)
def test_arguments(text: str, expected: list[object] | None) -> None:
    assert parse_arguments(text) == expected


_lines = st.sampled_from(
    [
        b"AT\r\n",
        b"ATE1\r\n",
        b"AT+CWMODE=1\r\n",
        b'AT+CWJAP="bench","bench-psk"\r\n',
        b"AT+CIPMUX=1\r\n",
        b"AT+CIPRECVMODE=1\r\n",
        b'AT+CIPSTART=0,"TCP","host",80,10\r\n',
        b"AT+CIPSEND=0,7\r\n",
        b"AT+CIPSEND=0,2048\r\n",
        b"AT+CIPRECVDATA=0,50\r\n",
        b"AT+CIPCLOSE=5\r\n",
        b"AT+RST\r\n",
    ]
)
_steps = st.lists(
    st.tuples(
        st.one_of(_lines, st.binary(max_size=400)),
        st.sampled_from([0.0, 0.001, 0.02, 2.5, 30.0]),
        st.sampled_from(
            ["", "", "", "send", "end", "cut", "drop", "out", "in", "down", "up", "reset", "corrupt"]
        ),
    ),
    max_size=30,
)


@settings(max_examples=200, deadline=None)
@given(_steps)
def test_any_bytes_and_any_faults_never_raise(steps: list[tuple[bytes, float, str]]) -> None:
    network = EchoNetwork()
    board = Board(Modem(network)).online()
    board.connect()
    for data, seconds, fault in steps:
        board.send(data)
        output = board.run(seconds)
        assert len(output) < 100_000
        modem, now = board.modem, board.now
        match fault:
            case "send":
                network.links[-1].to_send += b"z" * 3000
            case "end":
                network.links[-1].ended = True
            case "cut":
                modem.cut(now)
            case "drop":
                modem.drop(now)
            case "out" | "in":
                modem.outage(fault == "out", now)
            case "down" | "up":
                modem.wifi(fault == "up", now)
            case "reset":
                modem.reset(now)
            case "corrupt":
                modem.corrupt(5)
                modem.corrupt_uart(5)
    # Whatever happened, a power cycle brings the module back.
    board.modem.outage(False, board.now)
    board.modem.wifi(True, board.now)
    board.modem.corrupt_uart(0)
    board.modem.power(False, board.now)
    board.modem.power(True, board.now)
    assert b"\r\nready\r\n" in board.run(1)
    board.run(10)
    assert board.command("AT").endswith("\r\nOK\r\n")
