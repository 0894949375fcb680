"""The whole station against the emulated network module, EVSE controller and CSMS, in virtual time."""

import pytest

from tests.station.world import IDENTITY, PASSWORD, World


@pytest.fixture
def world():
    world = World()
    yield world
    world.close()


def test_boot_accepted(world):
    world.boot()
    world.accepted()
    boot = world.requests("BootNotification")[0].payload
    assert boot["reason"] == "PowerUp"
    assert {(m.payload["evseId"], m.payload["connectorStatus"]) for m in world.requests("StatusNotification")} == {
        (1, "Available"),
        (2, "Available"),
    }
    world.run(5)
    assert world.session.violations == []
