"""The device model: every variable, every refusal, every report."""

import asyncio
import json

import board
import pytest
from hypothesis import given
from hypothesis import strategies as st
from station import devicemodel

from csms_stub import schemas
from tests.station.test_rpc import Link

PROFILE = b'{"ocppCsmsUrl":"ws://csms.local:9000/ocpp","messageTimeout":30,"securityProfile":1}'
LIVE = {
    "ActiveNetworkProfile": "1",
    "AdditionalRootCertificateCheck": "false",
    "AvailabilityState": "Available",
    "CertificateEntries": "2",
    "FileTransferProtocols": "HTTP",
    "MessageTimeout": "30",
    "SecurityProfile": "1",
    "Storage": "0",
}


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(devicemodel, "_RETRY_MS", 10)


def make(**stored):
    board.start(board.POWER_ON, lambda: 0)
    model = devicemodel.DeviceModel()
    model.live = lambda name, evse: LIVE[name]
    model.on_change = lambda key: None
    return model


@pytest.fixture
def model():
    board.store.clear()
    board.full = False
    return make()


def ask(handler, request):
    link = Link()

    async def compose(link):
        compose.after = await handler(request, link)

    asyncio.run(link.send(compose))
    return json.loads(link.sent[0]), compose.after


def item(component, variable, instance=None, evse=None, **more):
    result = {"component": {"name": component}, "variable": {"name": variable}, **more}
    if instance is not None:
        result["variable"]["instance"] = instance
    if evse is not None:
        result["component"]["evse"] = evse
    return result


def get(model, *args, **more):
    answer, _ = ask(model.get_variables, {"getVariableData": [item(*args, **more)]})
    assert schemas.validate("GetVariables", "Response", answer) == []
    (result,) = answer["getVariableResult"]
    return result


def put(model, value, *args, **more):
    request = {"setVariableData": [item(*args, attributeValue=value, **more)]}
    answer, _ = ask(model.set_variables, request)
    assert schemas.validate("SetVariables", "Response", answer) == []
    (result,) = answer["setVariableResult"]
    return result


def report(model, base):
    calls = []
    model.submit = lambda priority, action, build, done: calls.append((action, build, done)) or True
    answer, after = ask(model.get_base_report, {"requestId": 9, "reportBase": base})
    assert answer == {"status": "Accepted"}
    asyncio.run(after())
    parts = []
    while calls:
        action, build, done = calls.pop(0)
        assert action == "NotifyReport"
        link = Link()
        asyncio.run(link.send(build))
        parts.append(json.loads(link.sent[0]))
        assert schemas.validate("NotifyReport", "Request", parts[-1]) == []
        assert len(parts[-1]["reportData"]) <= 12
        done(None, {})
    return parts


def items(parts):
    return [entry for part in parts for entry in part["reportData"]]


def test_full_inventory(model):
    parts = report(model, "FullInventory")
    assert [part["seqNo"] for part in parts] == list(range(len(parts)))
    assert [part["tbc"] for part in parts] == [True] * (len(parts) - 1) + [False]
    assert {part["requestId"] for part in parts} == {9}
    entries = items(parts)
    names = [json.dumps([e["component"], e["variable"]], sort_keys=True) for e in entries]
    assert len(set(names)) == len(names)
    components = {e["component"]["name"] for e in entries}
    assert components >= {
        "OCPPCommCtrlr",
        "SecurityCtrlr",
        "DeviceDataCtrlr",
        "ClockCtrlr",
        "EVSE",
        "Connector",
    }
    for entry in entries:
        traits, (attribute,) = entry["variableCharacteristics"], entry["variableAttribute"]
        if traits["dataType"].endswith("List"):
            assert traits["valuesList"]
        component, variable = entry["component"], entry["variable"]
        result = get(
            model, component["name"], variable["name"], variable.get("instance"), component.get("evse")
        )
        if attribute.get("mutability") == "WriteOnly":
            assert "value" not in attribute
            assert result["attributeStatus"] == "Rejected"
        else:
            assert result["attributeValue"] == attribute.get("value", "")
            assert "value" in attribute or (component["name"], variable["name"]) == ("EVSE", "Power")


@pytest.mark.parametrize("text", ["\x01" * 64, "\U0001f50c" * 64, '"\\' * 32])
def test_report_with_awkward_text(model, text):
    put(model, text, "SecurityCtrlr", "OrganizationName")
    (entry,) = [
        e for e in items(report(model, "FullInventory")) if e["variable"]["name"] == "OrganizationName"
    ]
    assert entry["variableAttribute"][0]["value"] == text


def test_report_goes_on_when_the_queue_was_full_and_when_a_part_was_not_answered(model):
    queue = []
    refusals = [True, False, True, True]

    def submit(priority, action, build, done):
        if refusals and refusals.pop(0):
            return False
        queue.append((build, done))
        return True

    model.submit = submit
    parts = []

    async def run():
        link = Link()

        async def compose(link):
            compose.after = await model.get_base_report({"requestId": 9, "reportBase": "FullInventory"}, link)

        await link.send(compose)
        await compose.after()
        while not parts or parts[-1]["tbc"]:
            while not queue:
                await asyncio.sleep(0.01)
            build, done = queue.pop(0)
            await link.send(build)
            parts.append(json.loads(link.sent[-1]))
            done("Timeout" if len(parts) == 2 else None, {})

    asyncio.run(asyncio.wait_for(run(), 60))
    assert [part["seqNo"] for part in parts] == list(range(len(parts)))
    assert len(parts) > 3 and not refusals


def test_configuration_inventory_is_what_can_be_set(model):
    entries = items(report(model, "ConfigurationInventory"))
    assert {e["variableAttribute"][0]["mutability"] for e in entries} == {"ReadWrite", "WriteOnly"}
    everything = items(report(model, "FullInventory"))
    assert len(entries) == len(
        [e for e in everything if e["variableAttribute"][0]["mutability"] != "ReadOnly"]
    )


def test_summary_inventory(model):
    entries = items(report(model, "SummaryInventory"))
    assert [(e["component"]["name"], e["component"].get("evse")) for e in entries] == [
        ("ChargingStation", None),
        ("EVSE", {"id": 1}),
        ("EVSE", {"id": 2}),
        ("Connector", {"id": 1, "connectorId": 1}),
        ("Connector", {"id": 2, "connectorId": 1}),
    ]


def test_one_report_at_a_time(model):
    model.submit = lambda *args: True
    assert (
        ask(model.get_base_report, {"requestId": 1, "reportBase": "FullInventory"})[0]["status"] == "Accepted"
    )
    assert (
        ask(model.get_base_report, {"requestId": 2, "reportBase": "FullInventory"})[0]["status"] == "Rejected"
    )
    model.no_report()
    assert (
        ask(model.get_base_report, {"requestId": 3, "reportBase": "FullInventory"})[0]["status"] == "Accepted"
    )


@pytest.mark.parametrize(
    ("args", "more", "status"),
    [
        (("OCPPCommCtrlr", "OfflineThreshold"), {}, "Accepted"),
        (("ocppcommctrlr", "OFFLINETHRESHOLD"), {}, "Accepted"),
        (("OCPPCommCtrlr", "OfflineThreshold", ""), {}, "Accepted"),
        (("OCPPCommCtrlr", "MessageTimeout", "Default"), {}, "Accepted"),
        (("OCPPCommCtrlr", "MessageTimeout"), {}, "UnknownVariable"),
        (("OCPPCommCtrlr", "OfflineThreshold", "x"), {}, "UnknownVariable"),
        (("OCPPCommCtrlr", "Nonsense"), {}, "UnknownVariable"),
        (("Nonsense", "OfflineThreshold"), {}, "UnknownComponent"),
        (("OCPPCommCtrlr", "OfflineThreshold"), {"evse": {"id": 1}}, "UnknownComponent"),
        (("OCPPCommCtrlr", "OfflineThreshold"), {"attributeType": "Target"}, "NotSupportedAttributeType"),
        (("SecurityCtrlr", "BasicAuthPassword"), {}, "Rejected"),
        (("EVSE", "AvailabilityState"), {"evse": {"id": 2}}, "Accepted"),
        (("EVSE", "AvailabilityState"), {"evse": {"id": 3}}, "UnknownComponent"),
        (("EVSE", "AvailabilityState"), {"evse": {"id": 0}}, "UnknownComponent"),
        (("EVSE", "AvailabilityState"), {}, "UnknownComponent"),
        (("EVSE", "AvailabilityState"), {"evse": {"id": 1, "connectorId": 1}}, "UnknownComponent"),
        (("Connector", "AvailabilityState"), {"evse": {"id": 1, "connectorId": 1}}, "Accepted"),
        (("Connector", "AvailabilityState"), {"evse": {"id": 1, "connectorId": 2}}, "UnknownComponent"),
        (("Connector", "AvailabilityState"), {"evse": {"id": 1}}, "UnknownComponent"),
    ],
)
def test_get_status(model, args, more, status):
    result = get(model, *args, **more)
    assert result["attributeStatus"] == status
    assert result["attributeType"] == more.get("attributeType", "Actual")
    assert ("attributeValue" in result) == (status == "Accepted")
    assert result["component"]["name"] == args[0]
    assert result["variable"]["name"] == args[1]


@pytest.mark.parametrize(
    ("variable", "value", "status", "reason"),
    [
        ("OCPPCommCtrlr.OfflineThreshold", "0", "Accepted", None),
        ("OCPPCommCtrlr.OfflineThreshold", "2147483647", "Accepted", None),
        ("OCPPCommCtrlr.OfflineThreshold", "2147483648", "Rejected", "ValueTooHigh"),
        ("OCPPCommCtrlr.OfflineThreshold", "-1", "Rejected", "ValueTooLow"),
        ("OCPPCommCtrlr.OfflineThreshold", "300.1", "Rejected", "InvalidValue"),
        ("OCPPCommCtrlr.OfflineThreshold", "true", "Rejected", "InvalidValue"),
        ("OCPPCommCtrlr.OfflineThreshold", "abc", "Rejected", "InvalidValue"),
        ("OCPPCommCtrlr.OfflineThreshold", "", "Rejected", "InvalidValue"),
        ("OCPPCommCtrlr.OfflineThreshold", "+5", "Rejected", "InvalidValue"),
        ("OCPPCommCtrlr.OfflineThreshold", "005", "Rejected", "InvalidValue"),
        ("OCPPCommCtrlr.OfflineThreshold", "-0", "Rejected", "InvalidValue"),
        ("OCPPCommCtrlr.OfflineThreshold", "2026-01-01T00:00:00Z", "Rejected", "InvalidValue"),
        ("OCPPCommCtrlr.HeartbeatInterval", "0", "Rejected", "ValueTooLow"),
        ("OCPPCommCtrlr.WebSocketPingInterval", "-1", "Rejected", "ValueTooLow"),
        ("OCPPCommCtrlr.RetryBackOffRepeatTimes", "11", "Rejected", "ValueTooHigh"),
        ("OCPPCommCtrlr.ActiveNetworkProfile", "2", "Rejected", "ReadOnly"),
        ("OCPPCommCtrlr.NetworkConfigurationPriority", "2,1", "RebootRequired", None),
        ("OCPPCommCtrlr.NetworkConfigurationPriority", "3", "Rejected", "InvalidValue"),
        ("OCPPCommCtrlr.NetworkConfigurationPriority", "1,1", "Rejected", "InvalidValue"),
        ("OCPPCommCtrlr.NetworkConfigurationPriority", "", "Rejected", "InvalidValue"),
        ("ClockCtrlr.TimeSource", "Heartbeat", "Accepted", None),
        ("ClockCtrlr.TimeSource", "NTP", "Rejected", "InvalidValue"),
        ("ClockCtrlr.DateTime", "2026-01-01T00:00:00Z", "Rejected", "ReadOnly"),
        ("SecurityCtrlr.BasicAuthPassword", "x" * 15, "Rejected", "InvalidValue"),
        ("SecurityCtrlr.BasicAuthPassword", "x" * 16, "Accepted", None),
        ("SecurityCtrlr.BasicAuthPassword", "x" * 64, "Accepted", None),
        ("SecurityCtrlr.BasicAuthPassword", "x" * 65, "Rejected", "InvalidValue"),
        ("SecurityCtrlr.Identity", "x", "Rejected", "ReadOnly"),
        ("TxCtrlr.TxStartPoint", "Authorized", "Accepted", None),
        ("TxCtrlr.TxStartPoint", "EnergyTransfer,EVConnected", "Accepted", None),
        ("TxCtrlr.TxStartPoint", "", "Rejected", "InvalidValue"),
        ("TxCtrlr.TxStartPoint", "Authorized,Authorized", "Rejected", "InvalidValue"),
        ("TxCtrlr.TxStartPoint", "Authorized,ParkingBayOccupancy", "Rejected", "InvalidValue"),
        ("TxCtrlr.TxStartPoint", "authorized", "Rejected", "InvalidValue"),
        ("TxCtrlr.StopTxOnInvalidId", "false", "Accepted", None),
        ("TxCtrlr.StopTxOnInvalidId", "False", "Rejected", "InvalidValue"),
        ("TxCtrlr.StopTxOnInvalidId", "1", "Rejected", "InvalidValue"),
        ("SampledDataCtrlr.TxUpdatedMeasurands", "", "Accepted", None),
        ("SampledDataCtrlr.TxUpdatedMeasurands", "Voltage,Current.Import", "Accepted", None),
        ("SampledDataCtrlr.TxUpdatedMeasurands", "Voltage,", "Rejected", "InvalidValue"),
        ("SampledDataCtrlr.TxUpdatedMeasurands", "Voltage;Current.Import", "Rejected", "InvalidValue"),
        ("AuthCtrlr.MasterPassGroupId", "", "Accepted", None),
        ("AuthCtrlr.MasterPassGroupId", "x" * 37, "Rejected", "InvalidValue"),
        ("AuthCacheCtrlr.Policy", "LRU,LRU", "Rejected", "InvalidValue"),
        ("SecurityCtrlr.Nonsense", "x", "UnknownVariable", None),
        ("Nonsense.x", "x", "UnknownComponent", None),
    ],
)
def test_set(model, variable, value, status, reason):
    board.store[b"net:1"] = board.store[b"net:2"] = PROFILE
    before = dict(board.store)
    result = put(model, value, *variable.split("."))
    assert result["attributeStatus"] == status
    assert result.get("attributeStatusInfo", {}).get("reasonCode") == reason
    key = b"v:" + variable.encode()
    if status in ("Accepted", "RebootRequired"):
        assert board.store[key] == value.encode()
        if variable != "SecurityCtrlr.BasicAuthPassword":
            assert get(model, *variable.split("."))["attributeValue"] == value
            assert get(make(), *variable.split("."))["attributeValue"] == value
    else:
        assert board.store == before


def test_slot_without_a_profile_is_refused(model):
    board.store[b"net:1"] = PROFILE
    assert put(model, "1,2", "OCPPCommCtrlr", "NetworkConfigurationPriority")["attributeStatus"] == "Rejected"


def test_slot_is_taken_that_was_configured_since_the_boot(model):
    board.store[b"net:1"] = board.store[b"new:2"] = PROFILE
    result = put(model, "2,1", "OCPPCommCtrlr", "NetworkConfigurationPriority")
    assert result["attributeStatus"] == "RebootRequired"


def test_readers(model):
    assert model.members("TxCtrlr.TxStartPoint") == ["EVConnected", "Authorized"]
    assert model.boolean("TxCtrlr.StopTxOnInvalidId") is True
    assert model.integer("OCPPCommCtrlr.MessageAttempts#TransactionEvent") == 3
    put(model, "", "SampledDataCtrlr", "TxUpdatedMeasurands")
    put(model, "7", "OCPPCommCtrlr", "MessageAttempts", instance="TransactionEvent")
    assert model.members("SampledDataCtrlr.TxUpdatedMeasurands") == []
    assert model.integer("OCPPCommCtrlr.MessageAttempts#TransactionEvent") == 7
    assert make().integer("OCPPCommCtrlr.MessageAttempts#TransactionEvent") == 7
    with pytest.raises(KeyError):
        model.get("OCPPCommCtrlr.MessageAttempts")


@pytest.mark.parametrize(
    "where,status",
    [
        (("OCPPCommCtrlr", "MessageAttempts", None, None), "UnknownVariable"),
        (("OCPPCommCtrlr", "MessageAttempts", "Other", None), "UnknownVariable"),
        (("OCPPCommCtrlr", "MessageAttempts", "transactionevent", None), "Accepted"),
        (("ocppcommctrlr", "OFFLINETHRESHOLD", "", None), "Accepted"),
        (("OCPPCommCtrlr", "OfflineThreshold", None, {"id": 1}), "UnknownComponent"),
        (("EVSE", "Power", None, {"id": 3}), "UnknownComponent"),
        (("EVSE", "Power", None, None), "UnknownComponent"),
        (("EVSE", "Power", None, {"id": 1, "connectorId": 1}), "UnknownComponent"),
        (("Connector", "ConnectorType", None, {"id": 1, "connectorId": 2}), "UnknownComponent"),
        (("Connector", "ConnectorType", None, {"id": 2, "connectorId": 1}), "Accepted"),
    ],
)
def test_addressing(model, where, status):
    assert get(model, *where)["attributeStatus"] == status


def test_unknown_attribute_type_is_not_set(model):
    result = put(model, "5", "OCPPCommCtrlr", "OfflineThreshold", attributeType="Target")
    assert result["attributeStatus"] == "NotSupportedAttributeType"
    assert board.store == {}


def test_full_store(model):
    board.full = True
    result = put(model, "5", "OCPPCommCtrlr", "OfflineThreshold")
    assert result["attributeStatusInfo"]["reasonCode"] == "OutOfStorage"
    assert model.get("OCPPCommCtrlr.OfflineThreshold") == "300"


def test_same_value_is_not_written_again(model, monkeypatch):
    put(model, "5", "OCPPCommCtrlr", "OfflineThreshold")
    writes = []
    monkeypatch.setattr(board, "store_put", lambda *args: writes.append(args))
    assert put(model, "5", "OCPPCommCtrlr", "OfflineThreshold")["attributeStatus"] == "Accepted"
    assert writes == []


@given(
    st.sampled_from(["OfflineThreshold", "HeartbeatInterval", "RetryBackOffWaitMinimum"]),
    st.binary(max_size=12),
)
def test_what_is_stored_is_taken_only_when_valid(name, value):
    board.store.clear()
    board.store[b"v:OCPPCommCtrlr." + name.encode()] = value
    number = make().integer("OCPPCommCtrlr." + name)
    assert 0 <= number < 2**31
    if not value.isdigit():
        assert number in (300, 10)


def test_identity(model):
    assert model.identity() == "OLB-0102030405060708090a0b0c"
    board.store[b"v:SecurityCtrlr.Identity"] = b"CS 1"
    assert get(model, "SecurityCtrlr", "Identity")["attributeValue"] == "CS 1"
    assert model.password() is None
