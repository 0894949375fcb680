"""OCPP-J without a connection: what is answered to which CALL, and the queue."""

import asyncio
import copy
import json

import board
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from station import profiles, schema
from station import rpc as rpc_module
from station.devicemodel import DeviceModel
from station.jsontext import well_formed
from station.modem import LinkDown
from station.rpc import Rpc

from csms_stub import schemas


class Link:
    """Notes each message that is composed."""

    def __init__(self):
        self.up = True
        self.sent = []
        self._text = ""

    async def send(self, compose, *args):
        if not self.up:
            raise LinkDown("down")
        self._text = ""
        await compose(self, *args)
        self.sent.append(self._text)

    async def put(self, text):
        self._text += text

    async def reserve(self, n):
        self.reserved = len(self._text) + n

    def add(self, text):
        self._text += text
        assert len(self._text) <= self.reserved

    def room(self):
        return 1016 - len(self._text)

    def begun(self):
        return False

    def message_timeout(self):
        return 30

    async def alive(self):
        return True

    async def close(self, code):
        self.up = False


@pytest.fixture
def rig():
    return make_rig()


def make_rig():
    board.store.clear()
    board.full = False
    board.start(board.POWER_ON, lambda: 0)
    link = Link()
    rpc = Rpc(link)
    model = DeviceModel()
    model.submit = rpc.submit
    model.on_change = lambda key: None
    model.live = lambda name, evse: "1"
    done = []

    async def note(request, link):
        done.append(request)
        await link.put("{}")

    rpc.handlers = dict.fromkeys((name for name, _ in schema._REQUESTS), note) | {
        "GetVariables": model.get_variables,
        "SetVariables": model.set_variables,
        "GetBaseReport": model.get_base_report,
        "SetNetworkProfile": profiles.set_profile,
    }
    rpc.done = done
    return rpc, link


def receive(rpc, link, text):
    data = text if isinstance(text, bytes) else text.encode()
    buffer = bytearray(max(1537, len(data) + 1))
    buffer[: len(data)] = data
    del link.sent[:]
    asyncio.run(rpc.on_text(buffer, len(data), False))
    return [json.loads(message) for message in link.sent]


NAMES = ["OCPPCommCtrlr", "EVSE", "x", "OfflineThreshold", "Available", "Immediate", "Actual", "é"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.sampled_from(NAMES) | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)
_EVSE = st.fixed_dictionaries({"id": st.integers(-1, 3)}, optional={"connectorId": st.integers(-1, 3)})
_COMPONENT = st.fixed_dictionaries(
    {"name": st.sampled_from(NAMES)}, optional={"instance": st.just("i"), "evse": _EVSE}
)
_VARIABLE = st.fixed_dictionaries({"name": st.sampled_from(NAMES)}, optional={"instance": st.just("i")})
_ATTRIBUTE = st.sampled_from(["Actual", "Target", "MinSet", "MaxSet"])
_TOKEN = st.fixed_dictionaries(
    {"idToken": st.text(max_size=36), "type": st.sampled_from(["Central", "eMAID"])},
    optional={
        "additionalInfo": st.lists(
            st.fixed_dictionaries({"additionalIdToken": st.just("a"), "type": st.just("b")}),
            min_size=1,
            max_size=2,
        )
    },
)
_APN = st.fixed_dictionaries(
    {"apn": st.just("internet"), "apnAuthentication": st.just("PAP")},
    optional={"simPin": st.integers(0, 9999), "useOnlyPreferredNetwork": st.booleans()},
)
_VPN = st.fixed_dictionaries(
    {name: st.just("x") for name in ("server", "user", "password", "key")} | {"type": st.just("L2TP")}
)
REQUESTS = st.one_of(
    st.tuples(
        st.just("GetVariables"),
        st.fixed_dictionaries(
            {
                "getVariableData": st.lists(
                    st.fixed_dictionaries(
                        {"component": _COMPONENT, "variable": _VARIABLE},
                        optional={"attributeType": _ATTRIBUTE},
                    ),
                    min_size=1,
                    max_size=3,
                )
            }
        ),
    ),
    st.tuples(
        st.just("SetVariables"),
        st.fixed_dictionaries(
            {
                "setVariableData": st.lists(
                    st.fixed_dictionaries(
                        {
                            "component": _COMPONENT,
                            "variable": _VARIABLE,
                            "attributeValue": st.sampled_from(["5", "-1", "true", ""]),
                        },
                        optional={"attributeType": _ATTRIBUTE},
                    ),
                    min_size=1,
                    max_size=3,
                )
            }
        ),
    ),
    st.tuples(
        st.just("GetBaseReport"),
        st.fixed_dictionaries(
            {
                "requestId": st.integers(0, 9),
                "reportBase": st.sampled_from(["FullInventory", "SummaryInventory"]),
            }
        ),
    ),
    st.tuples(
        st.just("SetNetworkProfile"),
        st.fixed_dictionaries(
            {
                "configurationSlot": st.integers(0, 3),
                "connectionData": st.fixed_dictionaries(
                    {
                        "ocppVersion": st.just("OCPP20"),
                        "ocppTransport": st.just("JSON"),
                        "ocppCsmsUrl": st.sampled_from(["ws://csms.local/ocpp", "csms.local"]),
                        "messageTimeout": st.integers(0, 30),
                        "securityProfile": st.integers(0, 3),
                        "ocppInterface": st.just("Wireless0"),
                    },
                    optional={"apn": _APN, "vpn": _VPN},
                ),
            }
        ),
    ),
    st.tuples(
        st.just("TriggerMessage"),
        st.fixed_dictionaries(
            {"requestedMessage": st.sampled_from(["Heartbeat", "MeterValues"])}, optional={"evse": _EVSE}
        ),
    ),
    st.tuples(
        st.just("Reset"),
        st.fixed_dictionaries(
            {"type": st.sampled_from(["Immediate", "OnIdle"])}, optional={"evseId": st.just(1)}
        ),
    ),
    st.tuples(
        st.just("RequestStartTransaction"),
        st.fixed_dictionaries(
            {"idToken": _TOKEN, "remoteStartId": st.integers(0, 9)}, optional={"groupIdToken": _TOKEN}
        ),
    ),
    st.tuples(
        st.just("RequestStopTransaction"), st.fixed_dictionaries({"transactionId": st.text(max_size=36)})
    ),
)


def places(value):
    """All (container, key) of a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from places(inner)


@settings(max_examples=400)
@given(REQUESTS, st.data())
def test_same_verdict_as_the_json_schemas(request, data):
    """A request, spoilt somewhere or not: a CALLERROR exactly when the schema of part 3 is violated."""
    action, payload = request
    payload = copy.deepcopy(payload)
    kind = data.draw(st.sampled_from(["as is", "remove", "replace", "add"]))
    container, key = data.draw(st.sampled_from(list(places(payload))))
    if kind == "remove":
        del container[key]
    elif kind == "replace":
        container[key] = data.draw(JSON)
    elif kind == "add" and isinstance(container, dict):
        container[data.draw(st.sampled_from(["x", "instance", "evse", "customData"]))] = data.draw(JSON)
    rpc, link = make_rig()
    before = dict(board.store)
    (answer,) = receive(rpc, link, json.dumps([2, "m1", action, payload]))
    assert answer[1] == "m1"
    # the characters of an identifierString are the CSMS's affair: the station compares, and echoes them
    violations = [v for v in schemas.validate(action, "Request", payload) if "identifierString" not in v]
    # an integer of more than 32 bits is against part 2, 2.1.4, not against the schema
    large = any(type(c[k]) is int and abs(c[k]) >= 2**31 for c, k in places(payload))
    if answer[0] == 4:
        assert violations or large, answer
        assert answer[2] in schemas.ERROR_CODES
        assert board.store == before
        assert rpc.done == []
    else:
        assert not violations, (violations, answer)
        if answer[2]:
            found = schemas.validate(action, "Response", answer[2])
            assert [v for v in found if "identifierString" not in v] == []


@given(JSON | st.lists(JSON, max_size=6) | st.tuples(st.just(2), JSON, JSON, JSON).map(list))
def test_any_json_is_answered_with_a_valid_error_or_not_at_all(value):
    rpc, link = make_rig()
    answers = receive(rpc, link, json.dumps(value))
    assert len(answers) <= 1
    for answer in answers:
        assert len(answer) == 5
        assert answer[0] == 4
        assert answer[2] in schemas.ERROR_CODES
        assert len(answer[1]) <= 36
        assert len(answer[3]) <= 255
        assert answer[4] == {}


@given(st.binary(max_size=200))
def test_any_bytes_are_survived(data):
    rpc, link = make_rig()
    for answer in receive(rpc, link, data):
        assert answer[0] == 4
        assert answer[2] in schemas.ERROR_CODES


@settings(max_examples=300)
@given(REQUESTS, st.data())
def test_damaged_text_changes_nothing(request, data):
    text = json.dumps([2, "m1", *request])
    kind = data.draw(st.sampled_from(["cut", "drop"]))
    at = data.draw(st.integers(1, len(text) - 1))
    damaged = text[:at] if kind == "cut" else text[: at - 1] + text[at:]
    try:
        json.loads(damaged)
        return
    except ValueError:
        pass
    rpc, link = make_rig()
    answers = receive(rpc, link, damaged)
    assert rpc.done == []
    assert board.store == {}
    for answer in answers:
        assert answer[2] in ("FormatViolation", "RpcFrameworkError")


def strict(text):
    def refuse(name):
        raise ValueError(name)

    try:
        json.dumps(json.loads(text, parse_constant=refuse), ensure_ascii=False).encode()
    except ValueError:
        return False
    return True


@settings(max_examples=500)
@given(
    st.sampled_from(
        [
            '[2,"a","R",{"t":"I"}]',
            '{"a":[1,-2.5e+3,true,false,null,{}],"b":{"c":"\\u12aB\\n"}}',
            '["\\\\\\uD83d\\uDe00 \\"\\udbff\\udfff","\\ud800\\udc00",{"\\uDA00\\uDC00":1}]',
            "[[],{}]",
            "-0.1",
        ]
    ),
    st.lists(
        st.tuples(
            st.integers(0, 60), st.sampled_from('[]{},:"\\019.eE+-trufalsncdD \0\t\n\x1f\x7f') | st.just("")
        ),
        max_size=4,
    ),
)
def test_well_formed_agrees_with_a_strict_parser(text, edits):
    for at, character in edits:
        text = text[:at] + character + text[at + 1 :]
    data = text.encode()
    buffer = bytearray(data + b"\0")
    assert well_formed(buffer, len(data)) == strict(text)
    if strict(text):
        assert buffer.pop() == 0 and len(buffer) == len(data)
        assert json.loads(buffer) == json.loads(text)
        assert b"\\ud8" not in buffer.lower().replace(b"\\\\", b"")


def test_nesting_is_bounded():
    for depth, expected in ((16, True), (17, False)):
        data = b"[" * depth + b"]" * depth
        assert well_formed(data + b"\0", len(data)) == expected


def test_failing_handler_is_an_internal_error(rig):
    rpc, link = rig

    async def broken(request, link):
        await link.put("{")
        raise RuntimeError("broken on purpose")

    rpc.handlers["Reset"] = broken
    (answer,) = receive(rpc, link, '[2,"a","Reset",{"type":"OnIdle"}]')
    assert answer[:3] == [4, "a", "InternalError"]


def test_lack_of_memory_is_an_internal_error(rig, monkeypatch):
    rpc, link = rig

    def short(text):
        raise MemoryError

    monkeypatch.setattr(rpc_module.json, "loads", short)
    buffer = bytearray(b'[2,"a","Reset",{"type":"OnIdle"}]\0')
    asyncio.run(rpc.on_text(buffer, len(buffer) - 1, False))
    assert link.sent == ['[4,"a", "InternalError", "out of memory",{}]'] or "InternalError" in link.sent[0]
    assert rpc.done == []


def test_queue_is_bounded_and_ordered(rig):
    rpc, _ = rig
    heard = []
    priorities = [3, 1, 2, 3, 1, 0, 2, 1]
    for number, priority in enumerate(priorities):
        assert rpc.submit(
            priority, str(number), None, lambda code, payload, n=number: heard.append((n, code))
        )
    assert rpc.full()
    assert not rpc.submit(0, "x", None, None)
    rpc.drop_queue("Dropped")
    assert heard == [(n, "Dropped") for n in (5, 1, 4, 7, 2, 6, 0, 3)]
    assert not rpc.full()


def test_message_ids_are_unique():
    board.start(board.POWER_ON, lambda: 0)
    ids = {rpc_module.new_id() for _ in range(500)}
    assert len(ids) == 500
    assert all(len(mid) == 24 for mid in ids)
