"""What must stand in no transcript, log or report: passwords, in what the CSMS sends and in what it hears."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from csms_stub.messages import Payload

HIDDEN = "********"
SHORTEST = 8
"""A text shorter than that is nobody's password, and may stand anywhere."""
_LOGIN = re.compile(r"(?<=://)([^/@:\s]*):[^/\s]*@")
_VARIABLE = ("securityctrlr", "basicauthpassword")
_FIELDS = {
    "SetNetworkProfile": (
        "connectionData.apn.apnPassword",
        "connectionData.vpn.password",
        "connectionData.vpn.key",
    ),
    "GetLog": ("log.remoteLocation",),
    "UpdateFirmware": ("firmware.location",),
}


def passwords_in(action: str, payload: Payload) -> list[str]:
    """New passwords of the station in a SetVariablesRequest (A01)."""
    return [item["attributeValue"] for item in _password_items(action, payload)]


def without_secrets(action: str, payload: Payload) -> Payload:
    """A request as it may be shown: the same object where nothing is secret in it."""
    if action == "SetVariables" and passwords_in(action, payload):
        payload = copy.deepcopy(payload)
        for item in _password_items(action, payload):
            item["attributeValue"] = HIDDEN
    for path in _FIELDS.get(action, ()):
        *way, name = path.split(".")
        holder = payload
        for step in way:
            holder = holder.get(step, {}) if isinstance(holder, dict) else {}
        value = holder.get(name) if isinstance(holder, dict) else None
        if isinstance(value, str) and (shown := _shown(name, value)) != value:
            payload = copy.deepcopy(payload)
            holder = payload
            for step in way:
                holder = holder[step]
            holder[name] = shown
    return payload


def hide(text: str, secrets: Iterable[str]) -> str:
    """The text with none of these in it, plain or as JSON writes them."""
    for secret in secrets:
        if len(secret) >= SHORTEST:
            for form in (secret, json.dumps(secret)[1:-1]):
                text = text.replace(form, HIDDEN)
    return text


def _shown(name: str, value: str) -> str:
    return _LOGIN.sub(rf"\1:{HIDDEN}@", value) if name in ("remoteLocation", "location") else HIDDEN


def _password_items(action: str, payload: Payload) -> Iterator[dict[str, Any]]:
    """Those SetVariableDataTypes that set the password; the payload need not be valid."""
    whole = action == "SetVariables" and isinstance(payload, dict)
    items = payload.get("setVariableData") if whole else None
    for item in items if isinstance(items, list) else ():
        try:
            names = item["component"]["name"].casefold(), item["variable"]["name"].casefold()
            if names == _VARIABLE and isinstance(item["attributeValue"], str):
                yield item
        except (AttributeError, KeyError, TypeError):
            continue
