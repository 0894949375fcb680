"""Components and variables (part 1, 4; part 2, B05 to B07): constants in ROM, changed values in RAM too."""

import json

import board
from micropython import const

from . import clock, log, schema
from .rpc import REQUESTED
from .websocket import RX_MESSAGE

EVSES = const(2)  # each with one connector

MODEL = const("Lite 2")
VENDOR = const("OCPP Lite Bench")
_SUPPLY_PHASES = const("3")
_EVSE_POWER_W = const(22080)

_TYPES = const(
    ("string", "decimal", "integer", "dateTime", "boolean", "OptionList", "SequenceList", "MemberList")
)
_MUTABILITY = const(("ReadOnly", "ReadWrite", "WriteOnly"))

# flags of a variable: data type, mutability << 3, then
_STRING = const(0)
_DECIMAL = const(1)
_INTEGER = const(2)
_DATE_TIME = const(3)
_BOOLEAN = const(4)
_OPTIONS = const(5)
_SEQUENCE = const(6)
_MEMBERS = const(7)
_RW = const(8)
_WO = const(16)
_REBOOT = const(32)  # takes effect at the next boot

_STATES = const("Available,Occupied,Reserved,Unavailable,Faulted")

_STATION = const(0)
_EVSE = const(1)
_CONNECTOR = const(2)

# (component, tier, ((variable, instance, flags, unit, lowest, highest or values, value: None = live), ...))
_TABLE = const(
    (
        (
            "OCPPCommCtrlr",
            _STATION,
            (
                ("ActiveNetworkProfile", None, _INTEGER, None, None, None, None),
                ("FileTransferProtocols", None, _MEMBERS, None, None, "FTP,FTPS,HTTP,HTTPS,SFTP", ""),
                ("HeartbeatInterval", None, _INTEGER | _RW, "s", 1, None, "300"),
                ("MessageTimeout", "Default", _INTEGER, "s", None, None, None),
                ("NetworkConfigurationPriority", None, _SEQUENCE | _RW | _REBOOT, None, None, "1,2", "1"),
                ("NetworkProfileConnectionAttempts", None, _INTEGER | _RW, None, 1, 100, "3"),
                ("OfflineThreshold", None, _INTEGER | _RW, "s", 0, None, "300"),
                ("ResetRetries", None, _INTEGER | _RW, None, 0, 10, "0"),
                ("RetryBackOffRandomRange", None, _INTEGER | _RW, "s", 0, 3600, "10"),
                ("RetryBackOffRepeatTimes", None, _INTEGER | _RW, None, 0, 10, "5"),
                ("RetryBackOffWaitMinimum", None, _INTEGER | _RW, "s", 1, 86400, "10"),
                ("WebSocketPingInterval", None, _INTEGER | _RW, "s", 0, None, "600"),
            ),
        ),
        (
            "SecurityCtrlr",
            _STATION,
            (
                ("BasicAuthPassword", None, _STRING | _WO, None, 16, 64, ""),
                ("CertificateEntries", None, _INTEGER, None, None, 0, "0"),
                ("Identity", None, _STRING, None, None, 48, None),
                ("OrganizationName", None, _STRING | _RW, None, 0, 64, ""),
                ("SecurityProfile", None, _INTEGER, None, None, None, "1"),
            ),
        ),
        (
            "DeviceDataCtrlr",
            _STATION,
            (
                ("BytesPerMessage", "GetVariables", _INTEGER, None, None, None, None),
                ("BytesPerMessage", "SetVariables", _INTEGER, None, None, None, None),
                ("ItemsPerMessage", "GetVariables", _INTEGER, None, None, None, None),
                ("ItemsPerMessage", "SetVariables", _INTEGER, None, None, None, None),
            ),
        ),
        (
            "ClockCtrlr",
            _STATION,
            (
                ("DateTime", None, _DATE_TIME, None, None, None, None),
                ("TimeSource", None, _SEQUENCE | _RW, None, None, "Heartbeat", "Heartbeat"),
            ),
        ),
        (
            "ChargingStation",
            _STATION,
            (
                ("Available", None, _BOOLEAN, None, None, None, "true"),
                ("AvailabilityState", None, _OPTIONS, None, None, _STATES, None),
                ("Model", None, _STRING, None, None, None, MODEL),
                ("SupplyPhases", None, _INTEGER, None, None, None, _SUPPLY_PHASES),
                ("VendorName", None, _STRING, None, None, None, VENDOR),
            ),
        ),
        (
            "EVSE",
            _EVSE,
            (
                ("AllowReset", None, _BOOLEAN, None, None, None, "false"),
                ("Available", None, _BOOLEAN, None, None, None, "true"),
                ("AvailabilityState", None, _OPTIONS, None, None, _STATES, None),
                ("Power", None, _DECIMAL, "W", None, _EVSE_POWER_W, ""),
                ("SupplyPhases", None, _INTEGER, None, None, None, _SUPPLY_PHASES),
            ),
        ),
        (
            "Connector",
            _CONNECTOR,
            (
                ("Available", None, _BOOLEAN, None, None, None, "true"),
                ("AvailabilityState", None, _OPTIONS, None, None, _STATES, None),
                ("ConnectorType", None, _STRING, None, None, None, "sType2"),
                ("SupplyPhases", None, _INTEGER, None, None, None, _SUPPLY_PHASES),
            ),
        ),
    )
)


def _same(a, b):
    """Names are identifierStrings: case does not count."""
    return len(a) == len(b) and (a == b or a.lower() == b.lower())


def key_of(component, variable):
    """Name of a variable in the store, behind "v:"."""
    name, instance = variable[0], variable[1]
    return component + "." + name + ("#" + instance if instance else "")


def has_evse(evse, tier):
    """Does {id, connectorId} name an EVSE (tier 1) or connector (tier 2) of this station?"""
    return (
        isinstance(evse, dict)
        and 1 <= evse["id"] <= EVSES
        and evse.get("connectorId") == (1 if tier == _CONNECTOR else None)
    )


def find(component, variable):
    """(component name, variable entry, None), or (None, None, status) for what is not in the table."""
    known = False
    if not component.get("instance"):
        evse = component.get("evse")
        for name, tier, variables in _TABLE:
            if not _same(name, component["name"]) or not (has_evse(evse, tier) if tier else evse is None):
                continue
            known = True
            for entry in variables:
                if _same(entry[0], variable["name"]) and _same(
                    entry[1] or "", variable.get("instance") or ""
                ):
                    return name, entry, None
    return None, None, "UnknownVariable" if known else "UnknownComponent"


def _is_integer(text):
    digits = text[1:] if text[:1] == "-" else text
    return digits.isdigit() and len(digits) < 11 and ((digits == "0" and text == "0") or digits[0] != "0")


def refusal(entry, value):
    """Reason code why `value` does not fit the variable (B05.FR.07, B05.FR.08), or None when it does."""
    _, _, flags, _, low, high, _ = entry
    kind = flags & 7
    if kind == _INTEGER:
        if not _is_integer(value):
            return "InvalidValue"
        number = int(value)
        if low is not None and number < low:
            return "ValueTooLow"
        if number >> 31 not in (0, -1) or (high is not None and number > high):
            return "ValueTooHigh"
    elif kind == _STRING:
        if not low <= len(value) <= high:
            return "InvalidValue"
    elif kind in (_OPTIONS, _SEQUENCE, _MEMBERS):
        items = value.split(",")
        if kind == _OPTIONS and len(items) != 1:
            return "InvalidValue"
        for item in items:
            if item not in high.split(",") or items.count(item) != 1:
                return "InvalidValue"
    elif kind == _BOOLEAN and value not in ("true", "false"):
        return "InvalidValue"
    return None


def _stored_text(key):
    """Text in the store, or None when there is none, or what is there is no text."""
    value = board.store_get(key)
    try:
        return value.decode() if value else None
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
        for component, tier, variables in _TABLE:
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
        return _stored_text(b"v:SecurityCtrlr.BasicAuthPassword")

    def get(self, key):
        """Value of a changeable station variable by its key "Component.Variable"; text."""
        value = self._values.get(key)
        if value is None:
            component, variable = key.split(".")
            value = find({"name": component}, {"name": variable})[1][6]
        return value

    def integer(self, key):
        """Value of a changeable station variable as a number."""
        return int(self.get(key))

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
        # a profile slot must have been configured (B10.FR.02)
        if entry[0] == "NetworkConfigurationPriority":
            for slot in value.split(","):
                if board.store_get(b"net:" + slot.encode()) is None:
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
        for name, tier, variables in _TABLE:
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
        traits = {"dataType": _TYPES[kind], "supportsMonitoring": False}
        if unit:
            traits["unit"] = unit
        if kind >= _OPTIONS:
            traits["valuesList"] = high
        else:
            if low is not None:
                traits["minLimit"] = low
            if high is not None:
                traits["maxLimit"] = high
        attribute = {"mutability": _MUTABILITY[flags >> 3 & 3], "persistent": flags & 24 != 0}
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
