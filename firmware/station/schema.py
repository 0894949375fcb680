"""What incoming requests must look like: field specs in ROM, taken from the JSON schemas of part 3."""

from micropython import const

_INT = const(0)
_STRING = const(1)  # argument: longest length
_ENUM = const(2)  # argument: the values
_OBJECT = const(3)  # argument: the fields
_LIST = const(4)  # argument: (most items, fields of an item)
_ANY = const(5)  # not looked into
_BOOLEAN = const(6)
_OPTIONAL = const(8)

ITEMS_MAX = const(10)  # DeviceDataCtrlr.ItemsPerMessage of GetVariables and SetVariables

_EVSE = const((("id", _INT, None), ("connectorId", _INT | _OPTIONAL, None)))
_COMPONENT = const(
    (("name", _STRING, 50), ("instance", _STRING | _OPTIONAL, 50), ("evse", _OBJECT | _OPTIONAL, _EVSE))
)
_VARIABLE = const((("name", _STRING, 50), ("instance", _STRING | _OPTIONAL, 50)))
_ID_TOKEN = const(
    (
        ("idToken", _STRING, 36),
        (
            "type",
            _ENUM,
            (
                "Central",
                "eMAID",
                "ISO14443",
                "ISO15693",
                "KeyCode",
                "Local",
                "MacAddress",
                "NoAuthorization",
            ),
        ),
        (
            "additionalInfo",
            _LIST | _OPTIONAL,
            (8, (("additionalIdToken", _STRING, 36), ("type", _STRING, 50))),
        ),
    )
)
_ATTRIBUTE = const(("Actual", "Target", "MinSet", "MaxSet"))

_REQUESTS = const(
    (
        (
            "GetVariables",
            (
                (
                    "getVariableData",
                    _LIST,
                    (
                        ITEMS_MAX,
                        (
                            ("attributeType", _ENUM | _OPTIONAL, _ATTRIBUTE),
                            ("component", _OBJECT, _COMPONENT),
                            ("variable", _OBJECT, _VARIABLE),
                        ),
                    ),
                ),
            ),
        ),
        (
            "SetVariables",
            (
                (
                    "setVariableData",
                    _LIST,
                    (
                        ITEMS_MAX,
                        (
                            ("attributeType", _ENUM | _OPTIONAL, _ATTRIBUTE),
                            ("attributeValue", _STRING, 1000),
                            ("component", _OBJECT, _COMPONENT),
                            ("variable", _OBJECT, _VARIABLE),
                        ),
                    ),
                ),
            ),
        ),
        (
            "SetNetworkProfile",
            (
                ("configurationSlot", _INT, None),
                (
                    "connectionData",
                    _OBJECT,
                    (
                        (
                            "apn",
                            _OBJECT | _OPTIONAL,
                            (
                                ("apn", _STRING, 512),
                                ("apnUserName", _STRING | _OPTIONAL, 20),
                                ("apnPassword", _STRING | _OPTIONAL, 20),
                                ("simPin", _INT | _OPTIONAL, None),
                                ("preferredNetwork", _STRING | _OPTIONAL, 6),
                                ("useOnlyPreferredNetwork", _BOOLEAN | _OPTIONAL, None),
                                ("apnAuthentication", _ENUM, ("CHAP", "NONE", "PAP", "AUTO")),
                            ),
                        ),
                        ("messageTimeout", _INT, None),
                        ("ocppCsmsUrl", _STRING, 512),
                        (
                            "ocppInterface",
                            _ENUM,
                            (
                                "Wired0",
                                "Wired1",
                                "Wired2",
                                "Wired3",
                                "Wireless0",
                                "Wireless1",
                                "Wireless2",
                                "Wireless3",
                            ),
                        ),
                        ("ocppTransport", _ENUM, ("JSON", "SOAP")),
                        ("ocppVersion", _ENUM, ("OCPP12", "OCPP15", "OCPP16", "OCPP20")),
                        ("securityProfile", _INT, None),
                        (
                            "vpn",
                            _OBJECT | _OPTIONAL,
                            (
                                ("server", _STRING, 512),
                                ("user", _STRING, 20),
                                ("group", _STRING | _OPTIONAL, 20),
                                ("password", _STRING, 20),
                                ("key", _STRING, 255),
                                ("type", _ENUM, ("IKEv2", "IPSec", "L2TP", "PPTP")),
                            ),
                        ),
                    ),
                ),
            ),
        ),
        (
            "GetBaseReport",
            (
                ("requestId", _INT, None),
                ("reportBase", _ENUM, ("ConfigurationInventory", "FullInventory", "SummaryInventory")),
            ),
        ),
        (
            "TriggerMessage",
            (
                (
                    "requestedMessage",
                    _ENUM,
                    (
                        "BootNotification",
                        "LogStatusNotification",
                        "FirmwareStatusNotification",
                        "Heartbeat",
                        "MeterValues",
                        "SignChargingStationCertificate",
                        "SignV2GCertificate",
                        "StatusNotification",
                        "TransactionEvent",
                        "SignCombinedCertificate",
                        "PublishFirmwareStatusNotification",
                    ),
                ),
                ("evse", _OBJECT | _OPTIONAL, _EVSE),
            ),
        ),
        ("Reset", (("type", _ENUM, ("Immediate", "OnIdle")), ("evseId", _INT | _OPTIONAL, None))),
        (
            "RequestStartTransaction",
            (
                ("evseId", _INT | _OPTIONAL, None),
                ("remoteStartId", _INT, None),
                ("idToken", _OBJECT, _ID_TOKEN),
                ("groupIdToken", _OBJECT | _OPTIONAL, _ID_TOKEN),
                ("chargingProfile", _ANY | _OPTIONAL, None),
            ),
        ),
        ("RequestStopTransaction", (("transactionId", _STRING, 36),)),
        ("GetTransactionStatus", (("transactionId", _STRING | _OPTIONAL, 36),)),
    )
)


class OcppError(Exception):
    """A CALL that cannot be processed: args are the error code of part 4, table 8, and a description."""


def fields_of(action):
    """Field spec of a request, or None when the action has none."""
    for name, fields in _REQUESTS:
        if name == action:
            return fields
    return None


def check(value, fields, where=""):
    """Check an object against its field spec. Raises OcppError naming the field."""
    if not isinstance(value, dict):
        raise OcppError("TypeConstraintViolation", where + " is not an object")
    for name in value:
        if name == "customData":
            check_custom(value[name], where)
        else:
            for field in fields:
                if field[0] == name:
                    break
            else:
                raise OcppError("ProtocolError", "unknown field " + where + "." + name[:50])
    for name, kind, argument in fields:
        path = where + "." + name
        if name in value:
            _check_field(value[name], kind & 7, argument, path)
        elif not kind & _OPTIONAL:
            raise OcppError("OccurrenceConstraintViolation", path + " is missing")


def check_custom(value, where):
    """customData is free but for its vendorId (part 4, 9)."""
    if not isinstance(value, dict) or not isinstance(value.get("vendorId", ""), str):
        raise OcppError("TypeConstraintViolation", where + ".customData is not an object with a vendorId")
    if "vendorId" not in value:
        raise OcppError("OccurrenceConstraintViolation", where + ".customData.vendorId is missing")
    if len(value["vendorId"]) > 255:
        raise OcppError("PropertyConstraintViolation", where + ".customData.vendorId is too long")


def _check_field(value, kind, argument, path):
    if kind == _INT:
        if type(value) is not int:
            raise OcppError("TypeConstraintViolation", path + " is not an integer")
        if value >> 31 not in (0, -1):
            raise OcppError("PropertyConstraintViolation", path + " exceeds 32 bits")
    elif kind == _OBJECT:
        check(value, argument, path)
    elif kind == _LIST:
        if not isinstance(value, list):
            raise OcppError("TypeConstraintViolation", path + " is not a list")
        if not 1 <= len(value) <= argument[0]:
            raise OcppError("OccurrenceConstraintViolation", path + " has %d items" % len(value))
        for item in value:
            check(item, argument[1], path)
    elif kind == _BOOLEAN:
        if type(value) is not bool:
            raise OcppError("TypeConstraintViolation", path + " is not a boolean")
    elif kind != _ANY:
        if not isinstance(value, str):
            raise OcppError("TypeConstraintViolation", path + " is not a string")
        if kind == _ENUM:
            if value not in argument:
                raise OcppError("PropertyConstraintViolation", path + " has an unknown value")
        elif len(value) > argument:
            raise OcppError("PropertyConstraintViolation", path + " is too long")
