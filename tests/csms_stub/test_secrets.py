"""Passwords are in no transcript, whoever says them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from csms_stub import Csms
from csms_stub.secrets import HIDDEN, hide, without_secrets
from tests.csms_stub.conftest import S, Station

OLD, NEW = "old-Passw0rd-0001", 'new-"Passw0rd"-0002'


def password_item(value: str) -> dict[str, Any]:
    return {
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "BasicAuthPassword"},
        "attributeValue": value,
    }


def station() -> Station:
    csms = Csms(passwords={"CS1": OLD})
    return Station(csms).open(user="CS1", password=OLD).boot()


def everything(csms: Csms) -> str:
    shakes = [connection.handshake for connection in csms.connections]
    return repr([message.as_json() for message in csms.session().transcript]) + repr(shakes)


def test_a_new_password_reaches_the_station_and_no_transcript() -> None:
    one = station()
    csms = one.csms
    message_id = csms.session().call("SetVariables", {"setVariableData": [password_item(NEW)]}, S)
    one.pump()
    assert one.texts[-1][3]["setVariableData"][0]["attributeValue"] == NEW
    result = {"attributeStatus": "Accepted", "component": {"name": "SecurityCtrlr"}}
    result["variable"] = {"name": "BasicAuthPassword"}
    one.say([3, message_id, {"setVariableResult": [result]}])
    assert csms.session().transcript[-2].payload["setVariableData"][0]["attributeValue"] == HIDDEN
    assert json.loads(csms.session().transcript[-2].text)[3]["setVariableData"][0]["attributeValue"] == HIDDEN
    assert OLD not in everything(csms) and NEW not in everything(csms)
    again = Station(csms, now=S).open(user="CS1", password=OLD)
    assert again.response is not None and again.response.status_code == 401, "A01.FR.03"
    again = Station(csms, now=S).open(user="CS1", password=NEW)
    assert again.response is not None and again.response.status_code == 101


def test_a_station_that_tells_its_password_is_found_out() -> None:
    one = station()
    one.say([2, "2", "NotifyEvent", {"generatedAt": OLD, "seqNo": 0, "eventData": []}])
    assert OLD not in everything(one.csms)
    assert "a password of the station stands in it" in one.csms.violations[0]


@pytest.mark.parametrize(
    ("action", "payload", "shown"),
    [
        (
            "GetLog",
            {"log": {"remoteLocation": "https://me:secret@files.local:8443/logs"}},
            {"log": {"remoteLocation": f"https://me:{HIDDEN}@files.local:8443/logs"}},
        ),
        (
            "UpdateFirmware",
            {"firmware": {"location": "http://me:sec@ret@f/x"}},
            {"firmware": {"location": f"http://me:{HIDDEN}@f/x"}},
        ),
        (
            "SetNetworkProfile",
            {"connectionData": {"apn": {"apnPassword": "secret"}, "vpn": {"password": "p", "key": "k"}}},
            {"connectionData": {"apn": {"apnPassword": HIDDEN}, "vpn": {"password": HIDDEN, "key": HIDDEN}}},
        ),
    ],
)
def test_other_secrets(action: str, payload: dict[str, Any], shown: dict[str, Any]) -> None:
    before = json.dumps(payload)
    assert without_secrets(action, payload) == shown
    assert json.dumps(payload) == before, "what is sent stays as it is"


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("Reset", {"type": "Immediate"}),
        (
            "SetVariables",
            {"setVariableData": [{"component": {"name": "TxCtrlr"}, "variable": {"name": "x"}}]},
        ),
        (
            "SetVariables",
            {"setVariableData": [1, {"component": 2}, password_item("x") | {"attributeValue": 3}]},
        ),
        ("SetVariables", {"setVariableData": {}}),
        ("SetVariables", []),
        ("GetLog", {"log": []}),
        ("GetLog", {"log": {"remoteLocation": "http://files.local:8080/logs"}}),
    ],
)
def test_what_has_no_secret_is_shown_as_it_is(action: str, payload: Any) -> None:
    assert without_secrets(action, payload) is payload


def test_a_short_text_is_no_password() -> None:
    assert hide('[2,"a"]', ["a"]) == '[2,"a"]'
    assert hide(json.dumps([NEW]), [NEW]) == f'["{HIDDEN}"]'
