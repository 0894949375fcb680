"""The device model (part 1, 4; part 2, B05 to B07): values of the variables, changed ones in RAM too."""

import asyncio
import json
from binascii import hexlify

import board
from micropython import const

from . import clock, log, profiles, schema
from .rpc import REQUESTED
from .variables import (
    DECIMAL,
    EVSE,
    EVSES,
    MEMBERS,
    MODEL,
    MUTABILITY,
    OPTIONS,
    REBOOT,
    RW,
    TABLE,
    TYPES,
    VENDOR,
    WO,
    entry_of,
    find,
    has_evse,
    key_of,
    refusal,
)
from .websocket import RX_MESSAGE

__all__ = ("EVSES", "MODEL", "VENDOR", "DeviceModel", "has_evse")

_ITEMS_OF_A_PART = const(12)  # of a NotifyReportRequest
_ITEM_BYTES = const(560)  # more than any item takes,
_TEXT_BYTES = const(1016)  # but for those with a text, which JSON may make twelve times as long
_RETRY_MS = const(2000)


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
        # feature BASE_REPORT
        self._walk = None
        self._item = None
        self._request_id = 0
        self._seq = 0
        self.submit = None
        # end
        self.on_change = None
        self.live = None
        for component, tier, variables in TABLE:
            for entry in variables:
                if entry[2] & RW and not tier:
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
        return _stored_text(b"v:SecurityCtrlr.Identity") or "OLB-" + hexlify(board.unique_id()).decode()

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

    # feature TLS
    def put(self, key, value):
        """Set a value of the station's own accord, and keep it."""
        self._values[key] = value
        try:
            board.store_put(b"v:" + key.encode(), value.encode())
        except OSError:
            log.error("model: no room for %s", key)

    # end

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
        if flags & RW:
            return self._values.get(key_of(component, entry), value)
        return value

    # B06

    async def get_variables(self, request, link):
        """GetVariablesRequest (B06.FR.01 to B06.FR.15)."""
        opening = '{"getVariableResult":[{"attributeStatus":"'
        for data in request["getVariableData"]:
            name, entry, status = find(data["component"], data["variable"])
            text = None
            if entry:
                if data.get("attributeType", "Actual") != "Actual":
                    status = "NotSupportedAttributeType"
                elif entry[2] & WO:
                    status = "Rejected"
                else:
                    status = "Accepted"
                    evse = data["component"].get("evse")
                    text = self._value(name, entry, evse["id"] if evse else 0)
            await link.put(opening)
            await link.put(status)
            if text is not None:
                await link.put('","attributeValue":')
                await link.put(json.dumps(text))
            else:
                await link.put('"')
            await _put_place(link, data, "WriteOnly" if status == "Rejected" else None)
            opening = ',{"attributeStatus":"'
        await link.put("]}")

    # B05

    async def set_variables(self, request, link):
        """SetVariablesRequest (B05.FR.01 to B05.FR.12)."""
        opening = '{"setVariableResult":[{"attributeStatus":"'
        after = None
        for data in request["setVariableData"]:
            name, entry, status = find(data["component"], data["variable"])
            reason = None
            if entry:
                if data.get("attributeType", "Actual") != "Actual":
                    status = "NotSupportedAttributeType"
                else:
                    reason = self._set(name, entry, data["attributeValue"])
                    if reason:
                        status = "Rejected"
                    else:
                        status = "RebootRequired" if entry[2] & REBOOT else "Accepted"
                        after = self.on_change(key_of(name, entry)) or after
            await link.put(opening)
            await link.put(status)
            await link.put('"')
            await _put_place(link, data, reason)
            opening = ',{"attributeStatus":"'
        await link.put("]}")
        return after

    def _set(self, component, entry, value):
        """Check and store a value; None, or the reason code why not."""
        flags = entry[2]
        if not flags & (RW | WO):
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
        if flags & RW:
            self._values[key] = value
        else:
            log.info("model: %s changed", key)
        return None

    # B07

    # feature BASE_REPORT
    async def get_base_report(self, request, link):
        """GetBaseReportRequest: answer, then NotifyReportRequests (B07.FR.01 to B07.FR.13)."""
        if self._walk:
            await link.put('{"status":"Rejected","statusInfo":{"reasonCode":"Unspecified"}}')
            return None
        self._walk = _entries(request["reportBase"])
        self._request_id = request["requestId"]
        self._seq = 0
        self._item = next(self._walk)
        await link.put('{"status":"Accepted"}')
        return self._first_part

    async def _first_part(self):
        self._send_part()

    def _send_part(self):
        """Queue the next part; when the queue is full, a task goes on trying."""
        if not self.submit(REQUESTED, "NotifyReport", self._build_part, self._part_done):
            asyncio.create_task(self._try_again(self._walk))

    async def _try_again(self, walk):
        await asyncio.sleep_ms(_RETRY_MS)
        if self._walk is walk:
            self._send_part()

    async def _build_part(self, link):
        """One NotifyReportRequest (B07.FR.03, B07.FR.04, B07.FR.10)."""
        await link.put(
            '{"requestId":%d,"generatedAt":"%s","seqNo":%d,"reportData":['
            % (self._request_id, clock.now(), self._seq)
        )
        for number in range(_ITEMS_OF_A_PART):
            await link.reserve(_ITEM_BYTES if self._item[3][2] & 7 else _TEXT_BYTES)
            if number:
                link.add(",")
            self._add_item(link, *self._item)
            self._item = next(self._walk, None)
            if self._item is None:
                break
        self._seq += 1
        await link.put('],"tbc":true}' if self._item else '],"tbc":false}')

    def _add_item(self, link, name, tier, evse, entry):
        variable, instance, flags, unit, low, high, value = entry
        add = link.add
        kind = flags & 7
        add('{"component":{"name":"')
        add(name)
        if tier:
            add('","evse":{"id":%d' % evse)
            add("}" if tier == EVSE else ',"connectorId":1}')
        else:
            add('"')
        add('},"variable":{"name":"')
        add(variable)
        if instance:
            add('","instance":"')
            add(instance)
        add('"},"variableAttribute":[{"mutability":"')
        add(MUTABILITY[flags >> 3 & 3])
        add('","persistent":true' if flags & (RW | WO) else '"')
        if not flags & WO:
            text = self._value(name, entry, evse)
            # a number has no empty value (B07.FR.11)
            if text or kind != DECIMAL:
                add(',"value":')
                add(json.dumps(text))
            if not flags & RW and value is not None:
                add(',"constant":true')
        add('}],"variableCharacteristics":{"dataType":"')
        add(TYPES[kind])
        add('","supportsMonitoring":false')
        if unit:
            add(',"unit":"')
            add(unit)
            add('"')
        if kind >= OPTIONS:
            add(',"valuesList":"')
            add(high)
            add('"')
            high = len(high) if kind == MEMBERS else None
        elif low or (low == 0 and kind):
            add(',"minLimit":%d' % low)
        if high is not None:
            add(',"maxLimit":%d' % high)
        add("}}")

    def no_report(self):
        """The connection is gone, or the station rejected: a report under way is given up."""
        self._walk = self._item = None

    def _part_done(self, code, payload):
        """A part that was not answered is not sent again: the CSMS may have it, or miss a number."""
        if code in ("Disconnected", "Dropped") or not self._item:
            self.no_report()
        else:
            self._send_part()

    # end


async def _put_place(link, data, reason):
    """The end of a GetVariable- or SetVariableResult: what it is about, and why it was rejected."""
    await link.put(',"attributeType":"%s","component":' % data.get("attributeType", "Actual"))
    await link.put(json.dumps(data["component"]))
    await link.put(',"variable":')
    await link.put(json.dumps(data["variable"]))
    await link.put(',"attributeStatusInfo":{"reasonCode":"%s"}}' % reason if reason else "}")


# feature BASE_REPORT
def _entries(base):
    """(component, tier, EVSE id, entry) of each report item that belongs to a report base."""
    for name, tier, variables in TABLE:
        for evse in range(1, EVSES + 1) if tier else (0,):
            for entry in variables:
                if base == "ConfigurationInventory" and not entry[2] & (RW | WO):
                    continue
                if base == "SummaryInventory" and entry[0] != "AvailabilityState":
                    continue
                yield name, tier, evse, entry


# end
