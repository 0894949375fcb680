"""The field specs of the station against the JSON schemas of part 3, field by field."""

import json
from importlib.resources import files

import pytest
from station import schema

from csms_stub.schemas import ACTIONS, STATION_ACTIONS
from tests.station.world import World

SCHEMAS = files("ocpp") / "v201" / "schemas"
KINDS = {
    schema._INT: "integer",
    schema._STRING: "string",
    schema._BOOLEAN: "boolean",
    schema._NUMBER: "number",
    schema._OBJECT: "object",
    schema._LIST: "array",
}
# what the station takes less of than the schema allows: it says so in DeviceDataCtrlr.ItemsPerMessage
ITEMS_PER_MESSAGE = {
    "GetReport.componentVariable",
    "GetVariables.getVariableData",
    "SetVariables.setVariableData",
}


def loaded(action):
    return json.loads((SCHEMAS / f"{action}Request.json").read_text("utf-8-sig"))


def resolved(node, definitions):
    return definitions[node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node


def differences(where, fields, node, definitions):
    """What a field spec says otherwise than the schema of an object."""
    properties = {name: p for name, p in node.get("properties", {}).items() if name != "customData"}
    names = [name for name, _, _ in fields]
    if sorted(names) != sorted(properties):
        yield f"{where} has {sorted(names)}, not {sorted(properties)}"
        return
    for name, kind, argument in fields:
        path = f"{where}.{name}"
        if bool(kind & schema._OPTIONAL) == (name in node.get("required", [])):
            yield f"{path}: required differs"
        yield from value_differences(path, kind & 15, argument, properties[name], definitions)


def argument_of(kind, node):
    """The argument that an enumeration, a date-time or anything has to have, "?" for another kind."""
    if kind == schema._ENUM:
        return sorted(node.get("enum", "?"))
    if kind == schema._TIME:
        return None if node.get("format") == "date-time" else "?"
    return None if "type" not in node else "?"


def value_differences(path, kind, argument, node, definitions):
    node = resolved(node, definitions)
    if kind not in KINDS:
        if argument_of(kind, node) != (sorted(argument) if argument else None):
            yield f"{path} is {node}"
    elif node.get("type") != KINDS[kind] or "enum" in node or "format" in node:
        yield f"{path} is of type {node.get('type')}"
    elif kind == schema._STRING:
        if argument != node.get("maxLength"):
            yield f"{path} has {node.get('maxLength')} characters at most"
    elif kind == schema._INT:
        if argument != node.get("minimum") or "maximum" in node:
            yield f"{path} has another range: {node}"
    elif kind == schema._OBJECT:
        yield from differences(path, argument, node, definitions)
    elif kind == schema._LIST:
        most, item_kind, item_argument = argument
        if node["minItems"] != 1 or (most != node.get("maxItems") and path not in ITEMS_PER_MESSAGE):
            yield f"{path} has another number of items: {node}"
        yield from value_differences(path + "[]", item_kind, item_argument, node["items"], definitions)


@pytest.mark.parametrize("action", [name for name, _ in schema._REQUESTS])
def test_a_spec_is_the_schema(action):
    node = loaded(action)
    definitions = node.get("definitions", {})
    assert list(differences(action, schema.fields_of(action), node, definitions)) == []


def test_items_per_message_only_lowers_the_limit_of_the_schema():
    for path in ITEMS_PER_MESSAGE:
        action, name = path.split(".")
        limit = loaded(action)["properties"][name].get("maxItems")
        (most,) = (argument[0] for field, _, argument in schema.fields_of(action) if field == name)
        assert most == schema.ITEMS_MAX
        assert limit is None or limit >= most


def test_custom_data_is_that_of_the_schema():
    custom = loaded("Reset")["definitions"]["CustomDataType"]
    assert custom["required"] == ["vendorId"]
    assert custom["properties"]["vendorId"]["maxLength"] == 255
    schema._check_custom({"vendorId": "x" * 255, "more": {"of": ["anything"]}}, "")
    with pytest.raises(schema.OcppError) as caught:
        schema._check_custom({"vendorId": "x" * 256}, "")
    assert caught.value.args[0] == "PropertyConstraintViolation"


def test_every_request_of_a_csms_is_recognized():
    to_station = (ACTIONS - STATION_ACTIONS) | {"DataTransfer"}
    specified = {name for name, _ in schema._REQUESTS}
    assert specified | set(schema._UNSUPPORTED) == to_station
    assert not any(schema.recognized(action) for action in ("Heartbeat", "reset", ""))


def test_every_handler_has_a_spec():
    world = World()
    world.boot()
    specified = {name for name, _ in schema._REQUESTS}
    assert set(world.station.rpc.handlers) <= specified
    world.close()
