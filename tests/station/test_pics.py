"""What the station declares (firmware/pics.toml) is what its device model offers."""

import pytest
from station.variables import EVSES, MUTABILITY, TABLE, TYPES

from bench.conformance.pics import load_pics
from firmware.variants import load as load_variants

PICS = load_pics()
TABLES = {
    f"{component}.{entry[0]}" + (f"#{entry[1]}" if entry[1] else ""): entry
    for component, _, variables in TABLE
    for entry in variables
}

OPTIONAL = {
    "C-02": "AuthCtrlr.OfflineTxForUnknownIdEnabled",
    "C-03": "TxCtrlr.MaxEnergyOnInvalidId",
    "C-04": "OCPPCommCtrlr.MinimumStatusDuration",
    "C-08": "AuthCtrlr.MasterPassGroupId",
    "C-13": "EVSE.AllowReset",
    "C-20": "ChargingStation.AllowNewSessionsPendingFirmwareUpdate",
    "C-21": "OCPPCommCtrlr.QueueAllMessages",
    "C-25": "ClockCtrlr.TimeOffset",
    "C-26": "ClockCtrlr.TimeZone",
    "C-28": "AlignedDataCtrlr.SendDuringIdle",
    "C-42": "SampledDataCtrlr.SignReadings",
    "C-49": "AuthCacheCtrlr.Enabled",
    "C-53": "AuthCacheCtrlr.LifeTime",
    "C-58": "AuthCtrlr.DisableRemoteAuthorization",
    "C-59": "AuthCacheCtrlr.DisablePostAuthorize",
    "AS-2": "SecurityCtrlr.AdditionalRootCertificateCheck",
}
"""Feature -> the variable that Part 5 names for it."""

POINTS = {
    "1": "EVConnected",
    "2": "Authorized",
    "3": "DataSigned",
    "4": "PowerPathClosed",
    "5": "EnergyTransfer",
    "6": "ParkingBayOccupancy",
}
STOP_POINTS = {"1": POINTS["1"], "2": POINTS["2"], "3": POINTS["4"], "4": POINTS["5"], "5": POINTS["6"]}

MEASURANDS = {
    "C-40.1": "SampledDataCtrlr.TxStartedMeasurands",
    "C-40.2": "SampledDataCtrlr.TxUpdatedMeasurands",
    "C-40.3": "SampledDataCtrlr.TxEndedMeasurands",
    "C-40.4": "AlignedDataCtrlr.Measurands",
    "C-40.5": "AlignedDataCtrlr.TxEndedMeasurands",
}


def mutability(name: str) -> str:
    return MUTABILITY[TABLES[name][2] >> 3 & 3]


def choices(name: str) -> set[str]:
    assert TYPES[TABLES[name][2] & 7].endswith("List")
    return set(TABLES[name][5].split(","))


@pytest.mark.parametrize(("feature", "variable"), OPTIONAL.items())
def test_variable_is_there_where_its_feature_is_declared(feature: str, variable: str) -> None:
    # here every feature of variants.toml is on
    on = {key: value for part in load_variants().features.values() for key, value, _ in part.on}
    assert (variable in TABLES) == bool(on.get(feature, PICS.feature(feature)))


@pytest.mark.parametrize(
    ("feature", "variable", "points"),
    [("C-09", "TxCtrlr.TxStartPoint", POINTS), ("C-10", "TxCtrlr.TxStopPoint", STOP_POINTS)],
)
def test_points_of_a_transaction(feature: str, variable: str, points: dict[str, str]) -> None:
    declared = {point for number, point in points.items() if PICS.feature(f"{feature}.{number}")}
    assert choices(variable) == declared


def test_points_can_be_set() -> None:
    assert PICS.feature("C-51") == (mutability("TxCtrlr.TxStartPoint") == "ReadWrite")
    assert PICS.feature("C-52") == (mutability("TxCtrlr.TxStopPoint") == "ReadWrite")


@pytest.mark.parametrize(
    ("both", "variable"),
    [
        (("C-06.1", "C-06.2"), "TxCtrlr.StopTxOnEVSideDisconnect"),
        (("C-12.1", "C-12.2"), "OCPPCommCtrlr.UnlockOnEVSideDisconnect"),
        (("C-48.1", "C-48.2"), "AuthCtrlr.AuthorizeRemoteStart"),
    ],
)
def test_both_values_are_offered_where_both_are_declared(both: tuple[str, str], variable: str) -> None:
    assert all(PICS.feature(option) for option in both) == (mutability(variable) == "ReadWrite")


@pytest.mark.parametrize(("feature", "variable"), MEASURANDS.items())
def test_measurands(feature: str, variable: str) -> None:
    assert set(PICS.feature(feature)) == choices(variable)


def test_lists_and_counts() -> None:
    assert set(PICS.feature("C-23")) == choices("ClockCtrlr.TimeSource")
    assert set(PICS.feature("C-54")) == choices("AuthCacheCtrlr.Policy")
    assert PICS.feature("HFS-8") == EVSES
