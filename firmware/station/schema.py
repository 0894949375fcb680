"""What incoming requests must look like: field specs in ROM, taken from the JSON schemas of part 3."""

from micropython import const

from . import clock

_INT = const(0)  # argument: the lowest value, or None
_STRING = const(1)  # argument: longest length
_ENUM = const(2)  # argument: the values
_OBJECT = const(3)  # argument: the fields
_LIST = const(4)  # argument: (most items or None, kind of an item, argument of an item)
_ANY = const(5)  # not looked into
_BOOLEAN = const(6)
_NUMBER = const(7)
_TIME = const(8)
_OPTIONAL = const(16)

ITEMS_MAX = const(10)  # DeviceDataCtrlr.ItemsPerMessage of GetReport, GetVariables and SetVariables

_EVSE = const((("id", _INT, None), ("connectorId", _INT | _OPTIONAL, None)))
_COMPONENT = const(
    (("name", _STRING, 50), ("instance", _STRING | _OPTIONAL, 50), ("evse", _OBJECT | _OPTIONAL, _EVSE))
)
_VARIABLE = const((("name", _STRING, 50), ("instance", _STRING | _OPTIONAL, 50)))
_ATTRIBUTE = const(("Actual", "Target", "MinSet", "MaxSet"))
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
            (None, _OBJECT, (("additionalIdToken", _STRING, 36), ("type", _STRING, 50))),
        ),
    )
)
_COST = const(
    (
        (
            "costKind",
            _ENUM,
            ("CarbonDioxideEmission", "RelativePricePercentage", "RenewableGenerationPercentage"),
        ),
        ("amount", _INT, None),
        ("amountMultiplier", _INT | _OPTIONAL, None),
    )
)
_SALES_TARIFF_ENTRY = const(
    (
        (
            "relativeTimeInterval",
            _OBJECT,
            (("start", _INT, None), ("duration", _INT | _OPTIONAL, None)),
        ),
        ("ePriceLevel", _INT | _OPTIONAL, 0),
        (
            "consumptionCost",
            _LIST | _OPTIONAL,
            (3, _OBJECT, (("startValue", _NUMBER, None), ("cost", _LIST, (3, _OBJECT, _COST)))),
        ),
    )
)
_CHARGING_SCHEDULE = const(
    (
        ("id", _INT, None),
        ("startSchedule", _TIME | _OPTIONAL, None),
        ("duration", _INT | _OPTIONAL, None),
        ("chargingRateUnit", _ENUM, ("W", "A")),
        (
            "chargingSchedulePeriod",
            _LIST,
            (
                1024,
                _OBJECT,
                (
                    ("startPeriod", _INT, None),
                    ("limit", _NUMBER, None),
                    ("numberPhases", _INT | _OPTIONAL, None),
                    ("phaseToUse", _INT | _OPTIONAL, None),
                ),
            ),
        ),
        ("minChargingRate", _NUMBER | _OPTIONAL, None),
        (
            "salesTariff",
            _OBJECT | _OPTIONAL,
            (
                ("id", _INT, None),
                ("salesTariffDescription", _STRING | _OPTIONAL, 32),
                ("numEPriceLevels", _INT | _OPTIONAL, None),
                ("salesTariffEntry", _LIST, (1024, _OBJECT, _SALES_TARIFF_ENTRY)),
            ),
        ),
    )
)
_CHARGING_PROFILE = const(
    (
        ("id", _INT, None),
        ("stackLevel", _INT, None),
        (
            "chargingProfilePurpose",
            _ENUM,
            (
                "ChargingStationExternalConstraints",
                "ChargingStationMaxProfile",
                "TxDefaultProfile",
                "TxProfile",
            ),
        ),
        ("chargingProfileKind", _ENUM, ("Absolute", "Recurring", "Relative")),
        ("recurrencyKind", _ENUM | _OPTIONAL, ("Daily", "Weekly")),
        ("validFrom", _TIME | _OPTIONAL, None),
        ("validTo", _TIME | _OPTIONAL, None),
        ("chargingSchedule", _LIST, (3, _OBJECT, _CHARGING_SCHEDULE)),
        ("transactionId", _STRING | _OPTIONAL, 36),
    )
)
_NETWORK_PROFILE = const(
    (
        ("ocppVersion", _ENUM, ("OCPP12", "OCPP15", "OCPP16", "OCPP20")),
        ("ocppTransport", _ENUM, ("JSON", "SOAP")),
        ("ocppCsmsUrl", _STRING, 512),
        ("messageTimeout", _INT, None),
        ("securityProfile", _INT, None),
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
    )
)

_REQUESTS = const(
    (
        # feature CHANGE_AVAILABILITY
        (
            "ChangeAvailability",
            (
                ("operationalStatus", _ENUM, ("Inoperative", "Operative")),
                ("evse", _OBJECT | _OPTIONAL, _EVSE),
            ),
        ),
        # end
        # feature AUTH_CACHE
        ("ClearCache", ()),
        # end
        # feature DIAGNOSTICS
        (
            "CustomerInformation",
            (
                ("requestId", _INT, None),
                ("report", _BOOLEAN, None),
                ("clear", _BOOLEAN, None),
                ("customerIdentifier", _STRING | _OPTIONAL, 64),
                ("idToken", _OBJECT | _OPTIONAL, _ID_TOKEN),
                (
                    "customerCertificate",
                    _OBJECT | _OPTIONAL,
                    (
                        ("hashAlgorithm", _ENUM, ("SHA256", "SHA384", "SHA512")),
                        ("issuerNameHash", _STRING, 128),
                        ("issuerKeyHash", _STRING, 128),
                        ("serialNumber", _STRING, 40),
                    ),
                ),
            ),
        ),
        # end
        # feature DATA_TRANSFER
        (
            "DataTransfer",
            (
                ("vendorId", _STRING, 255),
                ("messageId", _STRING | _OPTIONAL, 50),
                ("data", _ANY | _OPTIONAL, None),
            ),
        ),
        # end
        # feature CERTIFICATES
        (
            "DeleteCertificate",
            (
                (
                    "certificateHashData",
                    _OBJECT,
                    (
                        ("hashAlgorithm", _ENUM, ("SHA256", "SHA384", "SHA512")),
                        ("issuerNameHash", _STRING, 128),
                        ("issuerKeyHash", _STRING, 128),
                        ("serialNumber", _STRING, 40),
                    ),
                ),
            ),
        ),
        # end
        # feature BASE_REPORT
        (
            "GetBaseReport",
            (
                ("requestId", _INT, None),
                ("reportBase", _ENUM, ("ConfigurationInventory", "FullInventory", "SummaryInventory")),
            ),
        ),
        # end
        # feature CERTIFICATES
        (
            "GetInstalledCertificateIds",
            (
                (
                    "certificateType",
                    _LIST | _OPTIONAL,
                    (
                        None,
                        _ENUM,
                        (
                            "CSMSRootCertificate",
                            "ManufacturerRootCertificate",
                            "MORootCertificate",
                            "V2GCertificateChain",
                            "V2GRootCertificate",
                        ),
                    ),
                ),
            ),
        ),
        # end
        # feature DIAGNOSTICS
        (
            "GetLog",
            (
                ("logType", _ENUM, ("DiagnosticsLog", "SecurityLog")),
                ("requestId", _INT, None),
                ("retries", _INT | _OPTIONAL, None),
                ("retryInterval", _INT | _OPTIONAL, None),
                (
                    "log",
                    _OBJECT,
                    (
                        ("remoteLocation", _STRING, 512),
                        ("oldestTimestamp", _TIME | _OPTIONAL, None),
                        ("latestTimestamp", _TIME | _OPTIONAL, None),
                    ),
                ),
            ),
        ),
        # end
        (
            "GetReport",
            (
                ("requestId", _INT, None),
                (
                    "componentVariable",
                    _LIST | _OPTIONAL,
                    (
                        ITEMS_MAX,
                        _OBJECT,
                        (("component", _OBJECT, _COMPONENT), ("variable", _OBJECT | _OPTIONAL, _VARIABLE)),
                    ),
                ),
                (
                    "componentCriteria",
                    _LIST | _OPTIONAL,
                    (4, _ENUM, ("Active", "Available", "Enabled", "Problem")),
                ),
            ),
        ),
        # feature TRANSACTION_STATUS
        ("GetTransactionStatus", (("transactionId", _STRING | _OPTIONAL, 36),)),
        # end
        (
            "GetVariables",
            (
                (
                    "getVariableData",
                    _LIST,
                    (
                        ITEMS_MAX,
                        _OBJECT,
                        (
                            ("attributeType", _ENUM | _OPTIONAL, _ATTRIBUTE),
                            ("component", _OBJECT, _COMPONENT),
                            ("variable", _OBJECT, _VARIABLE),
                        ),
                    ),
                ),
            ),
        ),
        # feature CERTIFICATES
        (
            "InstallCertificate",
            (
                (
                    "certificateType",
                    _ENUM,
                    (
                        "CSMSRootCertificate",
                        "ManufacturerRootCertificate",
                        "MORootCertificate",
                        "V2GRootCertificate",
                    ),
                ),
                ("certificate", _STRING, 5500),
            ),
        ),
        # end
        # feature REMOTE_START_STOP
        (
            "RequestStartTransaction",
            (
                ("evseId", _INT | _OPTIONAL, None),
                ("remoteStartId", _INT, None),
                ("idToken", _OBJECT, _ID_TOKEN),
                ("groupIdToken", _OBJECT | _OPTIONAL, _ID_TOKEN),
                ("chargingProfile", _OBJECT | _OPTIONAL, _CHARGING_PROFILE),
            ),
        ),
        # end
        # feature REMOTE_START_STOP
        ("RequestStopTransaction", (("transactionId", _STRING, 36),)),
        # end
        # feature RESET
        ("Reset", (("type", _ENUM, ("Immediate", "OnIdle")), ("evseId", _INT | _OPTIONAL, None))),
        # end
        # feature NETWORK_PROFILES
        (
            "SetNetworkProfile",
            (("configurationSlot", _INT, None), ("connectionData", _OBJECT, _NETWORK_PROFILE)),
        ),
        # end
        (
            "SetVariables",
            (
                (
                    "setVariableData",
                    _LIST,
                    (
                        ITEMS_MAX,
                        _OBJECT,
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
        # feature TRIGGER_MESSAGE
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
        # end
        # feature FIRMWARE_UPDATE
        (
            "UpdateFirmware",
            (
                ("retries", _INT | _OPTIONAL, None),
                ("retryInterval", _INT | _OPTIONAL, None),
                ("requestId", _INT, None),
                (
                    "firmware",
                    _OBJECT,
                    (
                        ("location", _STRING, 512),
                        ("retrieveDateTime", _TIME, None),
                        ("installDateTime", _TIME | _OPTIONAL, None),
                        ("signingCertificate", _STRING | _OPTIONAL, 5500),
                        ("signature", _STRING | _OPTIONAL, 800),
                    ),
                ),
            ),
        ),
        # end
        # feature UNLOCK_CONNECTOR
        ("UnlockConnector", (("evseId", _INT, None), ("connectorId", _INT, None))),
        # end
    )
)

# the other requests of a CSMS, and those of features: recognized, if not supported (part 4, 4.3)
_UNSUPPORTED = const(
    (
        "CancelReservation",
        "CertificateSigned",
        "ClearChargingProfile",
        "ClearDisplayMessage",
        "ClearVariableMonitoring",
        "CostUpdated",
        "CustomerInformation",
        "DeleteCertificate",
        "GetChargingProfiles",
        "GetCompositeSchedule",
        "GetDisplayMessages",
        "GetInstalledCertificateIds",
        "GetLocalListVersion",
        "GetLog",
        "GetMonitoringReport",
        "InstallCertificate",
        "PublishFirmware",
        "ReserveNow",
        "SendLocalList",
        "SetChargingProfile",
        "SetDisplayMessage",
        "SetMonitoringBase",
        "SetMonitoringLevel",
        "SetVariableMonitoring",
        "UnpublishFirmware",
        "UpdateFirmware",
        # without AUTH_CACHE
        "ClearCache",
        # end
        # without BASE_REPORT
        "GetBaseReport",
        # end
        # without CHANGE_AVAILABILITY
        "ChangeAvailability",
        # end
        # without DATA_TRANSFER
        "DataTransfer",
        # end
        # without NETWORK_PROFILES
        "SetNetworkProfile",
        # end
        # without REMOTE_START_STOP
        "RequestStartTransaction",
        "RequestStopTransaction",
        # end
        # without RESET
        "Reset",
        # end
        # without TRANSACTION_STATUS
        "GetTransactionStatus",
        # end
        # without TRIGGER_MESSAGE
        "TriggerMessage",
        # end
        # without UNLOCK_CONNECTOR
        "UnlockConnector",
        # end
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


def recognized(action):
    """Is it a request of OCPP 2.0.1 to a charging station?"""
    return action in _UNSUPPORTED or fields_of(action) is not None


def check(value, fields, where=""):
    """Check an object against its field spec. Raises OcppError naming the field."""
    # a list of the objects that are left instead of recursion: the stack is small
    left = [(value, fields, where)]
    while left:
        value, fields, where = left.pop()
        if not isinstance(value, dict):
            raise OcppError("TypeConstraintViolation", where + " is not an object")
        for name in value:
            if name == "customData":
                _check_custom(value[name], where)
            else:
                for field in fields:
                    if field[0] == name:
                        break
                else:
                    raise OcppError("ProtocolError", "unknown field " + where + "." + name[:50])
        for name, flags, argument in fields:
            if name not in value:
                if not flags & _OPTIONAL:
                    raise OcppError("OccurrenceConstraintViolation", where + "." + name + " is missing")
                continue
            kind = flags & 15
            if kind == _OBJECT:
                left.append((value[name], argument, where + "." + name))
            elif kind == _LIST:
                _check_list(value[name], argument, where + "." + name, left)
            else:
                _check_scalar(value[name], kind, argument, where, name)


def _check_custom(value, where):
    """customData is free but for its vendorId (part 4, 9)."""
    if not isinstance(value, dict) or not isinstance(value.get("vendorId", ""), str):
        raise OcppError("TypeConstraintViolation", where + ".customData is not an object with a vendorId")
    if "vendorId" not in value:
        raise OcppError("OccurrenceConstraintViolation", where + ".customData.vendorId is missing")
    if len(value["vendorId"]) > 255:
        raise OcppError("PropertyConstraintViolation", where + ".customData.vendorId is too long")


def _check_list(items, argument, where, left):
    """Check a list of scalars, or note its objects in `left`."""
    if not isinstance(items, list):
        raise OcppError("TypeConstraintViolation", where + " is not a list")
    most, kind, argument = argument
    if not items or (most and len(items) > most):
        raise OcppError("OccurrenceConstraintViolation", where + " has %d items" % len(items))
    for item in items:
        if kind == _OBJECT:
            left.append((item, argument, where))
        else:
            _check_scalar(item, kind, argument, where, "an item")


def _check_scalar(value, kind, argument, where, name):
    code = "TypeConstraintViolation"
    if kind == _INT:
        wrong = type(value) is not int and " is not an integer"
        # part 2, 2.1.4
        if not wrong and (value >> 31 not in (0, -1) or (argument is not None and value < argument)):
            code, wrong = "PropertyConstraintViolation", " is out of range"
    elif kind == _BOOLEAN:
        wrong = type(value) is not bool and " is not a boolean"
    elif kind == _NUMBER:
        # one with a fraction is of a type of its own on the chip
        wrong = (value is None or type(value) in (bool, str, list, dict)) and " is not a number"
    elif kind == _ANY:
        return
    elif not isinstance(value, str):
        wrong = " is not a string"
    else:
        code, wrong = "PropertyConstraintViolation", _refusal(value, kind, argument)
    if wrong:
        raise OcppError(code, where + "." + name + wrong)


def _refusal(value, kind, argument):
    """What is wrong with a string, or None."""
    if kind == _TIME:
        try:
            clock.parse(value)
        except ValueError:
            return " is not a date and time"
    elif kind == _ENUM:
        if value not in argument:
            return " has an unknown value"
    elif len(value) > argument:
        return " is too long"
    return None
