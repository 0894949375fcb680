"""E04, E11 to E14 without a connection: the queue of transaction events, its order, its retries, its end."""

import asyncio
import json
from itertools import pairwise

import board
import pytest
from station import outbox as outbox_module
from station.outbox import ENDED, SAMPLE, STARTED, UPDATED, Outbox


class Link:
    """Notes what is put."""

    def __init__(self):
        self.text = b""

    async def put(self, text):
        self.text += text.encode()

    async def put_bytes(self, data):
        assert len(data) <= 128
        self.text += bytes(data)


class Model:
    def __init__(self):
        self.attempts = 3
        self.interval = 10

    def integer(self, key):
        return {
            "OCPPCommCtrlr.MessageAttempts#TransactionEvent": self.attempts,
            "OCPPCommCtrlr.MessageAttemptInterval#TransactionEvent": self.interval,
        }[key]


class Bench:
    """An outbox over the fake journal, and an rpc that is answered by hand."""

    def __init__(self):
        board.journal.clear()
        board.store.clear()
        self.seconds = 0
        board.start(board.POWER_ON, lambda: self.seconds * 1000000000)
        self.model = Model()
        self.seq = {}
        self.boot()

    def boot(self):
        self.calls = []
        self.responses = []
        self.up = True
        self.outbox = Outbox(self, self.model, lambda: self.up)
        self.outbox.on_response = lambda *what: self.responses.append(what)
        self.outbox.idle = lambda: False

    def submit(self, priority, action, build, done):
        assert (priority, action) == (3, "TransactionEvent")
        link = Link()
        asyncio.run(build(link))
        self.calls.append(json.loads(link.text))
        self.answer = done
        return True

    def event(self, kind, evse=1, transaction="tx-1", extra=""):
        seq = self.seq.get(transaction, -1) + (kind != SAMPLE)
        self.seq[transaction] = seq
        text = self.outbox
        text.clear()
        if kind == SAMPLE:
            text.put(extra)
        else:
            name = ("Started", "Updated", "Ended")[kind]
            text.put(f'{{"eventType":"{name}","seqNo":{seq}{extra}}}')
        return self.outbox.commit(kind, evse, transaction)

    def step(self):
        return self.outbox._step()

    def sent(self):
        return [(call["eventType"], call["seqNo"]) for call in self.calls]

    def deliver_all(self):
        for _ in range(1000):
            before = len(self.calls)
            self.step()
            if len(self.calls) == before:
                return
            self.answer(None, {})
        raise AssertionError("the queue does not end")


@pytest.fixture
def bench():
    return Bench()


def test_events_are_sent_one_at_a_time_in_order(bench):
    bench.event(STARTED)
    bench.event(UPDATED)
    bench.event(STARTED, 2, "tx-2")
    bench.step()
    bench.step()
    assert bench.sent() == [("Started", 0)]
    assert bench.outbox.pending("tx-1") and bench.outbox.pending("tx-2") and bench.outbox.pending(None)
    bench.answer(None, {"idTokenInfo": {"status": "Accepted"}})
    assert bench.responses == [("tx-1", STARTED, {"idTokenInfo": {"status": "Accepted"}}, None)]
    bench.deliver_all()
    assert bench.sent() == [("Started", 0), ("Updated", 1), ("Started", 0)]
    assert not bench.outbox.pending(None)
    assert not any("offline" in call for call in bench.calls)


@pytest.mark.parametrize("text", ["04AB", "", 'a"}\\', "\\u0041}", "}" * 36])
@pytest.mark.parametrize("transaction", ["t", "x" * 36])
def test_a_response_comes_with_the_token_of_its_request(bench, text, transaction):
    token = {"idToken": text, "type": "Central"}
    bench.event(STARTED, 1, transaction, f',"idToken":{json.dumps(token)},"more":[{{}}]')
    bench.boot()
    bench.event(UPDATED, 1, transaction)
    for _ in range(2):
        bench.step()
        bench.answer(None, {"idTokenInfo": {"status": "Accepted"}})
    assert [response[3] for response in bench.responses] == [token, None]


def test_what_is_not_answered_survives_a_reset(bench):
    bench.event(STARTED)
    bench.event(UPDATED)
    bench.step()
    bench.boot()
    assert bench.outbox.next_seq("tx-1") == 2
    bench.event(ENDED)
    bench.deliver_all()
    assert bench.sent() == [("Started", 0), ("Updated", 1), ("Ended", 2)]
    assert [call.get("offline") for call in bench.calls] == [True, True, None]


def test_sequence_number_survives_a_reset_after_all_was_delivered(bench):
    bench.event(STARTED)
    bench.event(UPDATED)
    bench.deliver_all()
    bench.boot()
    assert bench.outbox.next_seq("tx-1") == 2
    assert bench.outbox.next_seq("tx-2") is None
    bench.event(ENDED)
    assert bench.outbox.next_seq("tx-1") is None
    bench.deliver_all()
    assert bench.outbox.next_seq("tx-1") is None
    assert board.journal == {}


def test_offline_marks_what_is_queued_when_the_link_goes_and_what_comes_after(bench):
    bench.event(STARTED)
    bench.step()
    bench.up = False
    bench.answer("Disconnected", None)
    bench.outbox.on_offline()
    bench.event(UPDATED)
    bench.step()
    assert len(bench.calls) == 1
    bench.up = True
    bench.event(ENDED)
    bench.deliver_all()
    assert [(call["seqNo"], call.get("offline", False)) for call in bench.calls] == [
        (0, False),
        (0, True),
        (1, True),
        (2, False),
    ]


@pytest.mark.parametrize("code", ["InternalError", "Timeout", "FormatViolation"])
def test_failures_are_retried_after_growing_pauses_then_given_up(bench, code):
    bench.event(STARTED)
    bench.event(UPDATED)
    times = []
    for _ in range(200):
        before = len(bench.calls)
        bench.step()
        if len(bench.calls) > before:
            times.append(bench.seconds)
            bench.answer(code, None) if bench.calls[-1]["seqNo"] == 0 else bench.answer(None, {})
        bench.seconds += 1
    assert bench.sent() == [("Started", 0)] * 3 + [("Updated", 1)]
    assert [b - a for a, b in pairwise(times)][:2] == [10, 20]
    assert [kind for _, kind, _, _ in bench.responses] == [UPDATED]


def test_lost_connections_are_no_failures(bench):
    bench.model.attempts = 2
    bench.event(STARTED)
    for _ in range(5):
        bench.step()
        bench.answer("Disconnected", None)
    bench.step()
    bench.answer("InternalError", None)
    bench.seconds += 10
    bench.step()
    bench.answer(None, {})
    assert len(bench.calls) == 7
    assert len(bench.responses) == 1


def test_samples_go_out_with_ended(bench):
    bench.event(STARTED)
    for n in range(30):
        bench.event(SAMPLE, extra=f'{{"sampledValue":[{{"value":{n}}}]}}')
        bench.event(SAMPLE, 2, "tx-2", extra='{"sampledValue":[{"value":1000}]}')
    bench.event(ENDED, extra=',"meterValue":[\x01{"sampledValue":[{"value":99}]}],"x":"%s"' % ("ü" * 150))
    assert bench.outbox.pending("tx-1") and not bench.outbox.pending("tx-2")
    bench.deliver_all()
    values = [each["sampledValue"][0]["value"] for each in bench.calls[-1]["meterValue"]]
    assert values == [*range(30), 99]
    assert bench.calls[-1]["x"] == "ü" * 150
    assert len(board.journal) == 30  # of the other transaction


@pytest.mark.parametrize("samples", [0, 1])
@pytest.mark.parametrize("own", ["", '{"v":1}'])
@pytest.mark.parametrize("offline", [False, True])
def test_meter_values_of_ended_are_left_out_when_there_are_none(bench, samples, own, offline):
    bench.up = not offline
    for _ in range(samples):
        bench.event(SAMPLE, extra='{"v":0}')
    bench.event(ENDED, extra=f',"meterValue":[\x01{own}],"y":2')
    bench.up = True
    bench.deliver_all()
    expected = {"eventType": "Ended", "seqNo": 0, "y": 2}
    if samples or own:
        expected["meterValue"] = [{"v": 0}] * samples + ([{"v": 1}] if own else [])
    if offline:
        expected["offline"] = True
    assert bench.calls == [expected]


def test_text_that_is_too_long_is_refused(bench):
    assert not bench.event(UPDATED, extra=',"x":"%s"' % ("x" * 4096))
    assert bench.event(UPDATED)
    assert not bench.event(UPDATED, transaction="t" * 37)
    bench.deliver_all()
    assert bench.sent() == [("Updated", 1)]


def test_text_that_is_not_committed_is_lost(bench):
    bench.outbox.clear()
    bench.outbox.put('{"seqNo":7')
    assert bench.event(STARTED)
    bench.deliver_all()
    assert bench.sent() == [("Started", 0)]
    assert len(board.journal) == 1


@pytest.mark.parametrize("text", ['{"seqNo":7', '{"', '{"eventType":"Updated","seqNo":1}tx-1'])
def test_text_without_a_tail_is_no_event_after_a_power_cut(bench, text):
    bench.event(STARTED)
    board.journal[2] = text.encode()  # ended by `clear`, which came no further
    bench.boot()
    bench.event(UPDATED)
    bench.deliver_all()
    assert bench.sent() == [("Started", 0), ("Updated", 1)]
    assert 2 not in board.journal


def test_full_journal_drops_every_second_reading_and_nothing_else(bench, monkeypatch):
    """E04.FR.08: readings first, from the middle; Started and Ended never."""
    monkeypatch.setattr(board, "journal_size", 16000)
    bench.up = False
    bench.event(STARTED)
    bench.event(UPDATED, extra=',"triggerReason":"CablePluggedIn"')
    for _ in range(200):
        assert bench.event(UPDATED, extra=',"triggerReason":"MeterValuePeriodic","pad":"%s"' % ("x" * 100))
    assert bench.event(ENDED)
    bench.up = True
    bench.deliver_all()
    numbers = [call["seqNo"] for call in bench.calls]
    assert numbers == sorted(set(numbers))
    assert numbers[:2] == [0, 1]
    assert numbers[-1] == 202
    assert len(numbers) > 20
    gaps = [b - a for a, b in pairwise(numbers)]
    assert max(gaps[2:60]) <= 128
    assert numbers[-20] > 150


def test_journal_full_of_what_must_stay_refuses(bench, monkeypatch):
    monkeypatch.setattr(board, "journal_size", 6000)
    bench.up = False
    n = 0
    while bench.event(STARTED, 1, f"tx-{n}"):
        n += 1
    assert n > 15
    bench.up = True
    bench.deliver_all()
    assert len(bench.calls) == n


def test_idle_station_clears_and_tidies_the_journal(bench):
    bench.event(STARTED)
    bench.event(SAMPLE, extra="{}")
    bench.event(SAMPLE, 2, "gone", extra="{}")
    bench.deliver_all()
    tidied = board.tidied
    bench.step()
    assert len(board.journal) == 3
    bench.outbox.idle = lambda: True
    bench.step()
    assert board.journal == {}
    assert board.tidied == tidied + 1


def test_full_rpc_queue_is_asked_again_soon(bench):
    bench.event(STARTED)
    submit, bench.submit = bench.submit, lambda *what: False
    bench.outbox._rpc = bench
    assert bench.step() == outbox_module._QUEUE_FULL_S
    bench.submit = submit
    bench.deliver_all()
    assert bench.sent() == [("Started", 0)]


@pytest.mark.parametrize(
    ("request_", "ongoing", "queued"),
    [
        ({"transactionId": "tx-1"}, True, True),
        ({"transactionId": "tx-2"}, False, True),
        ({"transactionId": "tx-3"}, True, False),
        ({"transactionId": "tx-4"}, False, False),
        ({}, None, True),
    ],
)
def test_get_transaction_status(bench, request_, ongoing, queued):
    bench.up = False
    bench.event(STARTED)
    bench.event(STARTED, 2, "tx-2")
    bench.event(ENDED, 2, "tx-2")
    bench.outbox.find = lambda name: {"tx-1": 1, "tx-3": 2}.get(name, 0)
    link = Link()
    asyncio.run(bench.outbox.get_status(request_, link))
    expected = {"messagesInQueue": queued}
    if ongoing is not None:
        expected["ongoingIndicator"] = ongoing
    assert json.loads(link.text) == expected


def test_a_transaction_of_more_than_65536_events(bench):
    """E01.FR.07: at a reading each second that is one of 18 hours."""
    bench.seq["tx-1"] = 65534
    assert bench.event(UPDATED) and bench.event(UPDATED)
    assert bench.outbox.next_seq("tx-1") == 65537
    bench.deliver_all()
    bench.boot()
    assert bench.outbox.next_seq("tx-1") == 65537


def test_samples_that_are_being_sent_are_not_thinned_out(bench):
    """E12.FR.09: the journal is full just when the Ended before goes out."""
    bench.event(STARTED)
    for n in range(8):
        bench.event(SAMPLE, extra=json.dumps({"n": n, "t": "x" * 300}))
    bench.event(ENDED, extra=',"meterValue":[\x01]')
    bench.step()
    bench.answer(None, {})
    builds = []
    bench.submit = lambda priority, action, build, done: builds.append(build) or True
    bench.step()

    class Busy(Link):
        async def put_bytes(self, data):
            await super().put_bytes(data)
            if b'"n": ' in self.text:
                bench.outbox._thin_out()

    link = Busy()
    asyncio.run(builds[0](link))
    assert [value["n"] for value in json.loads(link.text)["meterValue"]] == list(range(8))
