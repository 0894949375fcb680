"""Part 4, 4.1.7 and 4.3: whatever CALL comes, one answer with its id, the right code, and nothing changed."""

import asyncio
import copy
import json

import board
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from station import schema, websocket

from csms_stub import specimens
from csms_stub.schemas import ERROR_CODES, validate
from tests.station.world import World

ACTIONS = [name for name, _ in schema._REQUESTS]
RX_MESSAGE = websocket.RX_MESSAGE


@pytest.fixture(scope="module")
def world():
    """An accepted station with a car that charges at EVSE 1."""
    world = World()
    world.csms.tokens["0123ABCD"] = "Accepted"
    board.store[b"v:SampledDataCtrlr.TxUpdatedInterval"] = b"0"
    world.boot()
    world.accepted()
    world.evse.plug(1, world.now_ns)
    world.evse.ready(1, True, world.now_ns)
    world.evse.present_token("0123ABCD", world.now_ns)
    world.run(30)
    assert world.evse.contactor_closed(1, world.now_ns)
    yield world
    assert world.evse.contactor_closed(1, world.now_ns)
    world.close()


def state(world):
    """What a CALL that is refused must leave as it is."""
    station = world.station
    evses = [
        (
            world.evse.enabled(evse, world.now_ns),
            world.evse.locked(evse, world.now_ns),
            world.evse.pilot(evse, world.now_ns),
            station.evse.status(evse),
            station.transactions.transaction_id(evse),
            station.transactions.active(evse),
            world.evse.contactor_closed(evse, world.now_ns),
        )
        for evse in (1, 2)
    ]
    return (
        dict(board.store),
        dict(board.journal),
        dict(station.model._values),
        evses,
        world.resets,
        len(asyncio.all_tasks(world.loop)),
        [call[1] for call in station.rpc._queue if call[1] != "Heartbeat"],
        [m.message_id for m in world.session.requests() if m.action != "Heartbeat"],
    )


def exchange(world, text):
    """Send a text and take what comes back in the next second: the frames of the station."""
    count = len(world.session.transcript)
    world.session.send_raw(text, world.now_ns)

    def answers():
        return [m for m in world.session.transcript[count:] if m.direction == "in" and m.type != "CALL"]

    world.until("answer", answers, 30)
    world.run(0.02)
    return [json.loads(m.text) for m in answers()]


def refused(world, text, mid, code):
    (answer,) = exchange(world, text)
    assert answer[:3] == [4, mid, code]
    assert len(answer[3]) <= 255
    assert answer[4] == {}


# one violation at a time


@pytest.mark.parametrize("action", ACTIONS)
def test_full_payload_with_custom_data_everywhere_fits(action):
    payload = specimens.full(action, custom=True)
    assert validate(action, "Request", payload) == []
    schema.check(payload, schema.fields_of(action), action)


@pytest.mark.parametrize("action", ACTIONS)
def test_each_violation_has_its_code(action):
    count = 0
    for what, payload, code in specimens.spoilt(action):
        if isinstance(payload, dict):
            with pytest.raises(schema.OcppError) as caught:
                schema.check(payload, schema.fields_of(action), action)
            assert caught.value.args[0] == code, (what, caught.value.args)
            count += 1
    assert count >= 7


@pytest.mark.parametrize("action", ACTIONS)
def test_each_violation_is_refused_by_the_station(world, action):
    handled = action in world.station.rpc.handlers
    before = state(world)
    for number, (what, payload, code) in enumerate(specimens.spoilt(action)):
        mid = f"{action}-{number}"[-36:]
        text = json.dumps([2, mid, action, payload], separators=(",", ":"))
        expected = code if handled else "NotSupported"
        refused(world, text, mid, "FormatViolation" if len(text) > RX_MESSAGE else expected)
        assert state(world) == before, what
    assert world.session.connected


@pytest.mark.parametrize("action", ACTIONS)
def test_too_long_calls_are_refused(world, action):
    before = state(world)
    for size in (RX_MESSAGE + 1, 2 * RX_MESSAGE, 8000):
        payload = {**specimens.full(action), "customData": {"vendorId": "v", "pad": ""}}
        text = json.dumps([2, "long", action, payload], separators=(",", ":"))
        text = text.replace('"pad":""', '"pad":"%s"' % ("x" * (size - len(text))))
        refused(world, text, "long", "FormatViolation")
    assert state(world) == before
    assert world.session.connected


@pytest.mark.parametrize("action", ACTIONS)
def test_cut_calls_are_refused(world, action):
    before = state(world)
    text = json.dumps([2, "cut", action, specimens.full(action)], separators=(",", ":"))
    for size in range(len('[2,"cut",'), len(text), 7):
        refused(world, text[:size], "cut", "FormatViolation")
    assert state(world) == before


def test_unknown_and_unsupported_actions_are_refused(world):
    before = state(world)
    for action in ("", "reset", "ResetRequest", "Heartbeat", "x" * 500):
        refused(world, json.dumps([2, "u", action, {}]), "u", "NotImplemented")
    for action in set(schema._UNSUPPORTED) - set(world.station.rpc.handlers):
        refused(world, json.dumps([2, "u", action, {}]), "u", "NotSupported")
        refused(world, json.dumps([2, "u", action, specimens.full(action)])[:RX_MESSAGE], "u", "NotSupported")
    assert state(world) == before


def test_the_same_id_twice_is_answered_twice(world):
    text = json.dumps([2, "twice", "GetBaseReport", {"requestId": 1}])
    for _ in range(2):
        refused(world, text, "twice", "OccurrenceConstraintViolation")


def test_deep_nesting_is_refused(world):
    before = state(world)
    deep = '{"vendorId":"v","x":' + "[" * 300 + "]" * 300 + "}"
    refused(world, f'[2,"deep","ClearCache",{{"customData":{deep}}}]', "deep", "FormatViolation")
    assert state(world) == before


# any violations together

_VALUES = st.sampled_from(
    [None, True, 0, -1, 2**31, 1.5, "", "x", "Immediate", "x" * 60, [], {}, [[]], {"id": 0}]
).map(copy.deepcopy)


@st.composite
def mutated(draw):
    """A CALL of some action with up to four changes anywhere in its payload."""
    action = draw(st.sampled_from(ACTIONS))
    root = {"": specimens.full(action, custom=draw(st.booleans()))}
    for _ in range(draw(st.integers(1, 4))):
        container, key = draw(st.sampled_from(list(_places(root))))
        kind = draw(st.sampled_from(["remove", "replace", "add", "repeat"]))
        if kind == "remove" and key != "":
            del container[key]
        elif kind == "add" and isinstance(container[key], dict):
            container[key][draw(st.sampled_from(["evse", "x", "customData", "type"]))] = draw(_VALUES)
        elif kind == "repeat" and isinstance(container[key], list):
            container[key] *= draw(st.integers(2, 12))
        else:
            container[key] = draw(_VALUES)
    return action, root[""]


def _places(value):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _places(inner)


@settings(
    max_examples=400,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
@given(mutated())
def test_mutated_calls_are_refused_where_the_schema_is_violated(world, call):
    action, payload = call
    text = json.dumps([2, "m", action, payload], separators=(",", ":"))
    if payload is not None and validate(action, "Request", payload) == [] and len(text) <= RX_MESSAGE:
        return
    if payload is None and validate(action, "Request", {}) == []:
        return
    before = state(world)
    (answer,) = exchange(world, text)
    assert answer[:2] == [4, "m"]
    assert answer[2] in ERROR_CODES - {"InternalError", "GenericError"}
    assert state(world) == before
    assert world.session.connected


@settings(max_examples=200, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=10,
    )
)
def test_any_json_is_answered_once_or_not_at_all(world, value):
    before = state(world)
    count = len(world.session.transcript)
    world.session.send_raw(json.dumps(value), world.now_ns)
    world.run(0.1)
    answers = [m for m in world.session.transcript[count:] if m.direction == "in" and m.type != "CALL"]
    assert len(answers) <= 1
    assert all(json.loads(m.text)[0] == 4 for m in answers)
    assert state(world) == before
