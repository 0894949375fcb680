"""The device model (part 1, 4; part 2, B05 to B07): values of the variables, changed ones in RAM too."""

import json

import board
from micropython import const

from . import clock, log, profiles, schema
from .rpc import REQUESTED
from .variables import (
    EVSES,
    MODEL,
    MUTABILITY,
    TABLE,
    TYPES,
    VENDOR,
    entry_of,
    find,
    has_evse,
    key_of,
    refusal,
)
from .websocket import RX_MESSAGE

__all__ = ("EVSES", "MODEL", "VENDOR", "DeviceModel", "has_evse")

# of variables.py
_OPTIONS = const(5)
_MEMBERS = const(7)
_RW = const(8)
_WO = const(16)
_REBOOT = const(32)
_EVSE = const(1)


def _stored_text(key):
    """Text in the store, or None when there is none, or what is there is no text."""
    value = board.store_get(key)
    try:
        return None if value is None else value.decode()
    except UnicodeError:
        log.error("store: %s is not text", key.decode())
        return None


class DeviceModel:
    """Values of the variables, and the requests about them.

    `live(variable name, evse id)` gives the value of a variable that changes by itself; `on_change(key)`
    hears of a value that the CSMS set and may return a coroutine function to run after the response.
    """

    def __init__(self):
        self._values = {}
        self._walk = None
        self._text = None
        self._request_id = 0
        self._seq = 0
        self.submit = None
        self.on_change = None
        self.live = None
        for component, tier, variables in TABLE:
            for entry in variables:
                if entry[2] & _RW and not tier:
                    self._restore(key_of(component, entry), entry)

    def _restore(self, key, entry):
        value = _stored_text(b"v:" + key.encode())
        if value is None:
            return
        if refusal(entry, value):
            log.error("model: stored value of %s is not valid: the default holds", key)
        elif value != entry[6]:
            self._values[key] = value

    def identity(self):
        """SecurityCtrlr.Identity: as provisioned, else made of the chip's unique id."""
        return _stored_text(b"v:SecurityCtrlr.Identity") or "OLB-" + "".join(
            "%02x" % byte for byte in board.unique_id()
        )

    def password(self):
        """SecurityCtrlr.BasicAuthPassword, or None when none is provisioned."""
        return _stored_text(b"v:SecurityCtrlr.BasicAuthPassword") or None

    def get(self, key):
        """Value of a changeable station variable by its key "Component.Variable[#Instance]"; text."""
        value = self._values.get(key)
        return entry_of(key)[6] if value is None else value

    def integer(self, key):
        """Value of a changeable station variable as a number."""
        return int(self.get(key))

    def boolean(self, key):
        """Value of a changeable station variable as a truth value."""
        return self.get(key) == "true"

    def members(self, key):
        """Items of a changeable station variable that is a list."""
        value = self.get(key)
        return value.split(",") if value else []

    def set_for_now(self, key, value):
        """Set a value until the next boot, unchecked."""
        self._values[key] = value

    def _live(self, name, evse):
        if name == "BytesPerMessage":
            return str(RX_MESSAGE)
        if name == "ItemsPerMessage":
            return str(schema.ITEMS_MAX)
        if name == "DateTime":
            return clock.now()
        if name == "Identity":
            return self.identity()
        return self.live(name, evse)

    def _value(self, component, entry, evse):
        """Text of a variable, evse id 0 for the station."""
        name, _, flags, _, _, _, value = entry
        if value is None:
            return self._live(name, evse)
        if flags & _RW:
            return self._values.get(key_of(component, entry), value)
        return value

    # B06

    async def get_variables(self, request, link):
        """GetVariablesRequest (B06.FR.01 to B06.FR.15)."""
        await link.put('{"getVariableResult":[')
        comma = ""
        for data in request["getVariableData"]:
            component, variable = data["component"], data["variable"]
            attribute = data.get("attributeType", "Actual")
            result = {"attributeType": attribute, "component": component, "variable": variable}
            name, entry, status = find(component, variable)
            if entry:
                if attribute != "Actual":
                    status = "NotSupportedAttributeType"
                elif entry[2] & _WO:
                    status = "Rejected"
                    result["attributeStatusInfo"] = {"reasonCode": "WriteOnly"}
                else:
                    status = "Accepted"
                    evse = component.get("evse")
                    result["attributeValue"] = self._value(name, entry, evse["id"] if evse else 0)
            result["attributeStatus"] = status
            await link.put(comma + json.dumps(result))
            comma = ","
        await link.put("]}")

    # B05

    async def set_variables(self, request, link):
        """SetVariablesRequest (B05.FR.01 to B05.FR.12)."""
        await link.put('{"setVariableResult":[')
        comma = ""
        after = None
        for data in request["setVariableData"]:
            component, variable = data["component"], data["variable"]
            attribute = data.get("attributeType", "Actual")
            result = {"attributeType": attribute, "component": component, "variable": variable}
            name, entry, status = find(component, variable)
            reason = None
            if entry:
                if attribute != "Actual":
                    status = "NotSupportedAttributeType"
                else:
                    reason = self._set(name, entry, data["attributeValue"])
                    if reason:
                        status = "Rejected"
                        result["attributeStatusInfo"] = {"reasonCode": reason}
                    else:
                        status = "RebootRequired" if entry[2] & _REBOOT else "Accepted"
                        after = self.on_change(key_of(name, entry)) or after
            result["attributeStatus"] = status
            await link.put(comma + json.dumps(result))
            comma = ","
        await link.put("]}")
        return after

    def _set(self, component, entry, value):
        """Check and store a value; None, or the reason code why not."""
        flags = entry[2]
        if not flags & (_RW | _WO):
            return "ReadOnly"
        reason = refusal(entry, value)
        if reason:
            return reason
        key = key_of(component, entry)
        if entry[0] == "NetworkConfigurationPriority":
            for slot in value.split(","):
                if not profiles.configured(slot):
                    return "InvalidValue"
        stored = b"v:" + key.encode()
        if board.store_get(stored) != value.encode():
            try:
                board.store_put(stored, value.encode())
            except OSError:
                return "OutOfStorage"
        if flags & _RW:
            self._values[key] = value
        else:
            log.info("model: %s changed", key)
        return None

    # B07

    async def get_base_report(self, request, link):
        """GetBaseReportRequest: answer, then NotifyReportRequests (B07.FR.01 to B07.FR.13)."""
        if self._walk:
            await link.put('{"status":"Rejected","statusInfo":{"reasonCode":"Unspecified"}}')
            return None
        self._walk = self._entries(request["reportBase"])
        self._request_id = request["requestId"]
        self._seq = 0
        self._text = next(self._walk)
        await link.put('{"status":"Accepted"}')
        return self._next_part

    def _entries(self, base):
        """JSON text of each report item that belongs to a report base."""
        for name, tier, variables in TABLE:
            for evse in range(1, EVSES + 1) if tier else (0,):
                for entry in variables:
                    flags = entry[2]
                    if base == "ConfigurationInventory" and not flags & (_RW | _WO):
                        continue
                    if base == "SummaryInventory" and entry[0] != "AvailabilityState":
                        continue
                    yield json.dumps(self._item(name, tier, evse, entry))

    def _item(self, name, tier, evse, entry):
        variable, instance, flags, unit, low, high, value = entry
        component = {"name": name}
        if tier:
            component["evse"] = {"id": evse} if tier == _EVSE else {"id": evse, "connectorId": 1}
        kind = flags & 7
        traits = {"dataType": TYPES[kind], "supportsMonitoring": False}
        if unit:
            traits["unit"] = unit
        if kind >= _OPTIONS:
            traits["valuesList"] = high
            if kind == _MEMBERS:
                traits["maxLimit"] = len(high)
        else:
            if low is not None:
                traits["minLimit"] = low
            if high is not None:
                traits["maxLimit"] = high
        attribute = {"mutability": MUTABILITY[flags >> 3 & 3], "persistent": flags & 24 != 0}
        if not flags & _WO:
            attribute["value"] = self._value(name, entry, evse)
        if not flags & 24 and value is not None:
            attribute["constant"] = True
        return {
            "component": component,
            "variable": {"name": variable, "instance": instance} if instance else {"name": variable},
            "variableAttribute": [attribute],
            "variableCharacteristics": traits,
        }

    async def _next_part(self):
        if not self.submit(REQUESTED, "NotifyReport", self._build_part, self._part_done):
            log.warn("model: report given up: too many CALLs are waiting")
            self._walk = None

    async def _build_part(self, link):
        """One NotifyReportRequest, as many items as fit into one frame (B07.FR.03, B07.FR.04, B07.FR.10)."""
        await link.put(
            '{"requestId":%d,"generatedAt":"%s","seqNo":%d,"reportData":['
            % (self._request_id, clock.now(), self._seq)
        )
        comma = ""
        while self._text and (not comma or len(self._text) + 16 < link.room()):
            await link.put(comma + self._text)
            comma = ","
            self._text = next(self._walk, None)
        self._seq += 1
        await link.put('],"tbc":true}' if self._text else '],"tbc":false}')

    def disconnected(self):
        """The connection is gone: a report under way is given up."""
        self._walk = self._text = None

    def _part_done(self, code, payload):
        if (
            code
            or not self._text
            or not self.submit(REQUESTED, "NotifyReport", self._build_part, self._part_done)
        ):
            self._walk = self._text = None
