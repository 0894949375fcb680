"""Components and variables (part 2, Referenced Components and Variables; part 4, 8): constants in ROM."""

from micropython import const

from . import features

EVSES = const(2)  # each with one connector

MODEL = const("Lite 2")
VENDOR = const("OCPP Lite Bench")
_SUPPLY_PHASES = const("1")
_EVSE_POWER_W = const(7360)  # 32 A at 230 V
_DAY_S = const(86400)
_CACHE_BYTES = const(1464)  # authcache.STORAGE_MAX

TYPES = const(
    ("string", "decimal", "integer", "dateTime", "boolean", "OptionList", "SequenceList", "MemberList")
)
MUTABILITY = const(("ReadOnly", "ReadWrite", "WriteOnly"))

# flags of a variable: data type, mutability << 3, then
_STRING = const(0)
DECIMAL = const(1)
_INTEGER = const(2)
_DATE_TIME = const(3)
_BOOLEAN = const(4)
OPTIONS = const(5)
_SEQUENCE = const(6)
MEMBERS = const(7)
RW = const(8)
WO = const(16)
REBOOT = const(32)  # takes effect at the next boot

_STATES = const("Available,Occupied,Reserved,Unavailable,Faulted")
_TX_POINTS = const("EVConnected,Authorized,PowerPathClosed,EnergyTransfer")
# without SIGNED_METER_VALUES
_TX_START_POINTS = const("EVConnected,Authorized,PowerPathClosed,EnergyTransfer")
# end
# feature SIGNED_METER_VALUES
_TX_START_POINTS = const("EVConnected,Authorized,DataSigned,PowerPathClosed,EnergyTransfer")
# end
_MEASURANDS = const("Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage")
_REGISTER = const("Energy.Active.Import.Register")

STATION = const(0)
EVSE = const(1)
CONNECTOR = const(2)

# (component, tier, ((variable, instance, flags, unit, lowest, highest or values, value: None = live), ...))
# Lowest: of a number; the shortest string; 0 for a list that may be empty.
TABLE = const(
    (
        # feature CLOCK_ALIGNED
        (
            "AlignedDataCtrlr",
            STATION,
            (
                ("Available", None, _BOOLEAN, None, None, None, "true"),
                ("Enabled", None, _BOOLEAN | RW, None, None, None, "true"),
                ("Interval", None, _INTEGER | RW, "s", 0, _DAY_S, "0"),
                ("Measurands", None, MEMBERS | RW, None, 0, _MEASURANDS, _REGISTER),
                ("SendDuringIdle", None, _BOOLEAN | RW, None, None, None, "false"),
                # feature SIGNED_METER_VALUES
                ("SignReadings", None, _BOOLEAN | RW, None, None, None, "false"),
                # end
                ("TxEndedInterval", None, _INTEGER | RW, "s", 0, _DAY_S, "0"),
                ("TxEndedMeasurands", None, MEMBERS | RW, None, 0, _MEASURANDS, _REGISTER),
            ),
        ),
        # end
        # feature AUTH_CACHE
        (
            "AuthCacheCtrlr",
            STATION,
            (
                ("Available", None, _BOOLEAN, None, None, None, "true"),
                ("DisablePostAuthorize", None, _BOOLEAN | RW, None, None, None, "false"),
                ("Enabled", None, _BOOLEAN | RW, None, None, None, "true"),
                ("LifeTime", None, _INTEGER | RW, "s", 1, None, "2592000"),
                ("Policy", None, OPTIONS | RW, None, None, "LRU", "LRU"),
                ("Storage", None, _INTEGER, None, None, _CACHE_BYTES, None),
            ),
        ),
        # end
        (
            "AuthCtrlr",
            STATION,
            (
                # feature REMOTE_START_STOP
                ("AuthorizeRemoteStart", None, _BOOLEAN | RW, None, None, None, "true"),
                # end
                # feature AUTH_CACHE
                ("DisableRemoteAuthorization", None, _BOOLEAN | RW, None, None, None, "false"),
                # end
                ("Enabled", None, _BOOLEAN | RW, None, None, None, "true"),
                ("LocalAuthorizeOffline", None, _BOOLEAN | RW, None, None, None, "true"),
                ("LocalPreAuthorize", None, _BOOLEAN | RW, None, None, None, "true"),
                # feature MASTER_PASS
                ("MasterPassGroupId", None, _STRING | RW, None, 0, 36, ""),
                # end
                ("OfflineTxForUnknownIdEnabled", None, _BOOLEAN | RW, None, None, None, "false"),
            ),
        ),
        (
            "ClockCtrlr",
            STATION,
            (
                ("DateTime", None, _DATE_TIME, None, None, None, None),
                ("TimeSource", None, _SEQUENCE | RW, None, None, "Heartbeat", "Heartbeat"),
            ),
        ),
        (
            "DeviceDataCtrlr",
            STATION,
            (
                ("BytesPerMessage", "GetReport", _INTEGER, None, None, None, None),
                ("BytesPerMessage", "GetVariables", _INTEGER, None, None, None, None),
                ("BytesPerMessage", "SetVariables", _INTEGER, None, None, None, None),
                ("ItemsPerMessage", "GetReport", _INTEGER, None, None, None, None),
                ("ItemsPerMessage", "GetVariables", _INTEGER, None, None, None, None),
                ("ItemsPerMessage", "SetVariables", _INTEGER, None, None, None, None),
            ),
        ),
        (
            "OCPPCommCtrlr",
            STATION,
            (
                ("ActiveNetworkProfile", None, _INTEGER, None, None, None, None),
                ("FileTransferProtocols", None, MEMBERS, None, None, "FTP,FTPS,HTTP,HTTPS,SFTP", None),
                ("HeartbeatInterval", None, _INTEGER | RW, "s", 1, None, "300"),
                ("MessageAttemptInterval", "TransactionEvent", _INTEGER | RW, "s", 0, _DAY_S, "10"),
                ("MessageAttempts", "TransactionEvent", _INTEGER | RW, None, 1, 100, "3"),
                ("MessageTimeout", "Default", _INTEGER, "s", None, None, None),
                ("NetworkConfigurationPriority", None, _SEQUENCE | RW | REBOOT, None, None, "1,2", "1"),
                ("NetworkProfileConnectionAttempts", None, _INTEGER | RW, None, 1, 100, "3"),
                ("OfflineThreshold", None, _INTEGER | RW, "s", 0, None, "300"),
                # feature SIGNED_METER_VALUES
                (
                    "PublicKeyWithSignedMeterValue",
                    None,
                    OPTIONS | RW,
                    None,
                    None,
                    "Never,OncePerTransaction,EveryMeterValue",
                    "OncePerTransaction",
                ),
                # end
                ("ResetRetries", None, _INTEGER | RW, None, 0, 10, "0"),
                ("RetryBackOffRandomRange", None, _INTEGER | RW, "s", 0, 3600, "10"),
                ("RetryBackOffRepeatTimes", None, _INTEGER | RW, None, 0, 10, "5"),
                ("RetryBackOffWaitMinimum", None, _INTEGER | RW, "s", 1, _DAY_S, "10"),
                ("UnlockOnEVSideDisconnect", None, _BOOLEAN | RW, None, None, None, "true"),
                ("WebSocketPingInterval", None, _INTEGER | RW, "s", 0, None, "600"),
            ),
        ),
        (
            "SampledDataCtrlr",
            STATION,
            (
                ("Available", None, _BOOLEAN, None, None, None, "true"),
                ("Enabled", None, _BOOLEAN | RW, None, None, None, "true"),
                # feature SIGNED_METER_VALUES
                ("SignReadings", None, _BOOLEAN | RW, None, None, None, "false"),
                # end
                ("TxEndedInterval", None, _INTEGER | RW, "s", 0, _DAY_S, "0"),
                ("TxEndedMeasurands", None, MEMBERS | RW, None, 0, _MEASURANDS, _REGISTER),
                ("TxStartedMeasurands", None, MEMBERS | RW, None, 0, _MEASURANDS, _REGISTER),
                ("TxUpdatedInterval", None, _INTEGER | RW, "s", 0, _DAY_S, "60"),
                ("TxUpdatedMeasurands", None, MEMBERS | RW, None, 0, _MEASURANDS, _REGISTER),
            ),
        ),
        (
            "SecurityCtrlr",
            STATION,
            (
                # feature CERTIFICATES
                ("AdditionalRootCertificateCheck", None, _BOOLEAN, None, None, None, None),
                # end
                ("BasicAuthPassword", None, _STRING | WO, None, 16, 64, ""),
                (
                    "CertificateEntries",
                    None,
                    _INTEGER,
                    None,
                    None,
                    (features.CERTIFICATES and 6) or 0,
                    (not features.CERTIFICATES and "0") or None,
                ),
                ("Identity", None, _STRING, None, None, 48, None),
                ("OrganizationName", None, _STRING | RW, None, 0, 64, ""),
                ("SecurityProfile", None, _INTEGER, None, None, None, (not features.TLS and "1") or None),
            ),
        ),
        (
            "TxCtrlr",
            STATION,
            (
                ("EVConnectionTimeOut", None, _INTEGER | RW, "s", 0, _DAY_S, "60"),
                # feature MAX_ENERGY
                ("MaxEnergyOnInvalidId", None, _INTEGER | RW, "Wh", 0, None, "0"),
                # end
                ("StopTxOnEVSideDisconnect", None, _BOOLEAN | RW, None, None, None, "true"),
                ("StopTxOnInvalidId", None, _BOOLEAN | RW, None, None, None, "true"),
                ("TxStartPoint", None, MEMBERS | RW, None, None, _TX_START_POINTS, "EVConnected,Authorized"),
                ("TxStopPoint", None, MEMBERS | RW, None, None, _TX_POINTS, "EVConnected,Authorized"),
            ),
        ),
        (
            "ChargingStation",
            STATION,
            (
                # feature FIRMWARE_UPDATE
                ("AllowNewSessionsPendingFirmwareUpdate", None, _BOOLEAN | RW, None, None, None, "false"),
                # end
                ("Available", None, _BOOLEAN, None, None, None, "true"),
                ("AvailabilityState", None, OPTIONS, None, None, _STATES, None),
                ("Model", None, _STRING, None, None, None, MODEL),
                ("SupplyPhases", None, _INTEGER, None, None, None, _SUPPLY_PHASES),
                ("VendorName", None, _STRING, None, None, None, VENDOR),
            ),
        ),
        (
            "EVSE",
            EVSE,
            (
                # feature RESET_EVSE
                ("AllowReset", None, _BOOLEAN, None, None, None, "true"),
                # end
                ("Available", None, _BOOLEAN, None, None, None, "true"),
                ("AvailabilityState", None, OPTIONS, None, None, _STATES, None),
                ("Power", None, DECIMAL, "W", None, _EVSE_POWER_W, ""),
                ("SupplyPhases", None, _INTEGER, None, None, None, _SUPPLY_PHASES),
            ),
        ),
        (
            "Connector",
            CONNECTOR,
            (
                ("Available", None, _BOOLEAN, None, None, None, "true"),
                ("AvailabilityState", None, OPTIONS, None, None, _STATES, None),
                ("ConnectorType", None, _STRING, None, None, None, "sType2"),
                ("SupplyPhases", None, _INTEGER, None, None, None, _SUPPLY_PHASES),
            ),
        ),
    )
)


def same(a, b):
    """Names are identifierStrings: case does not count."""
    return len(a) == len(b) and (a == b or a.lower() == b.lower())


def key_of(component, entry):
    """Name of a variable in the store, behind "v:"."""
    name, instance = entry[0], entry[1]
    return component + "." + name + ("#" + instance if instance else "")


def entry_of(key):
    """Entry of a station variable by its key. Raises KeyError."""
    for component, tier, variables in TABLE:
        at = len(component)
        if not tier and key[at : at + 1] == "." and key.startswith(component):
            name = key[at + 1 :]
            for entry in variables:
                if (entry[0] + "#" + entry[1] if entry[1] else entry[0]) == name:
                    return entry
    raise KeyError(key)


def has_evse(evse, tier):
    """Does {id, connectorId} name an EVSE (tier 1) or connector (tier 2) of this station?"""
    return (
        isinstance(evse, dict)
        and 1 <= evse["id"] <= EVSES
        and evse.get("connectorId") == (1 if tier == CONNECTOR else None)
    )


def find(component, variable):
    """(component name, variable entry, None), or (None, None, status) for what is not in the table."""
    known = False
    if not component.get("instance"):
        evse = component.get("evse")
        for name, tier, variables in TABLE:
            if not same(name, component["name"]) or not (has_evse(evse, tier) if tier else evse is None):
                continue
            known = True
            for entry in variables:
                if same(entry[0], variable["name"]) and same(entry[1] or "", variable.get("instance") or ""):
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
    elif kind in (OPTIONS, _SEQUENCE, MEMBERS):
        if not value and low == 0:
            return None
        items = value.split(",")
        if kind == OPTIONS and len(items) != 1:
            return "InvalidValue"
        for item in items:
            if item not in high.split(",") or items.count(item) != 1:
                return "InvalidValue"
    elif kind == _BOOLEAN and value not in ("true", "false"):
        return "InvalidValue"
    return None
