"""A firmware update of the emulated board, and the power that fails on its way.

POWER_CUTS=100 pytest tests/port/test_update.py cuts the power at a hundred points; by default at few.
"""

import os
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

from bench import updates
from bench.platforms import load_platform
from bench.provision import Provisioning
from bench.rig import Rig
from csms_stub.pki import Pki, der

BOARD = "stm32f4_discovery"
IDENTITY = Provisioning().identity
OLD, NEW = "0.1.0", "0.1.0-next"
SLOT = 320 * 1024
CUTS = int(os.environ.get("POWER_CUTS", "2"))


class Update:
    """A board that is asked to update its firmware, its second slot full of an older image."""

    def __init__(self, elf: Path) -> None:
        pki = Pki()
        root = der(pki.root("manufacturer").certificate)
        self.rig = Rig(load_platform(BOARD), elf, provisioning=Provisioning(manufacturer_roots=[root]))
        symbols = self.rig._symbols
        self.slots = symbols["_slot_first"].value, symbols["_slot_second"].value
        old = updates.images(updates.update_file(BOARD, following=False))
        new = updates.images(updates.update_file(BOARD))
        self.images = {OLD: old[0], NEW: new[1]}
        self.rig.emulator.write_memory(self.slots[1], old[1])
        tail = updates.tail(old[1], 1, attempts=3)
        self.rig.emulator.write_memory(self.slots[1] + SLOT - updates.TAIL_SIZE, tail)
        file = updates.update_file(BOARD)
        self.rig.hosts.files.files["/firmware.upd"] = file
        self.rig.power_on()
        self.booted(1)
        self.rig.run_for(1)
        self.begin_ns = self.rig.now_ns
        signer = pki.signer()
        firmware = {
            "location": "http://files.local:8080/firmware.upd",
            "retrieveDateTime": "2025-12-31T22:00:00Z",
            "signingCertificate": signer.chain_pem,
            "signature": signer.sign(file),
        }
        self.session.call("UpdateFirmware", {"requestId": 1, "firmware": firmware}, self.begin_ns)

    @property
    def session(self):
        return self.rig.csms.session(IDENTITY)

    def booted(self, count: int) -> str:
        """Wait for a BootNotificationRequest: the version that it tells."""

        def boots():
            found = self.session.requests("BootNotification") if IDENTITY in self.rig.csms.sessions else []
            return found if len(found) >= count else None

        boots = self.rig.run_until("boot", boots, 60)
        return str(boots[-1].payload["chargingStation"]["firmwareVersion"])

    def told(self, status: str) -> int | None:
        """When the CSMS was told of a status, in ns."""
        for message in self.session.requests("FirmwareStatusNotification"):
            if message.payload["status"] == status:
                return int(message.at_ns)
        return None

    def until(self, status: str) -> int:
        self.rig.expect_reset()
        return self.rig.run_until(status, lambda: self.told(status), 300)


def test_power_cuts_leave_a_whole_image(firmware: Callable[..., Path]) -> None:
    elf = firmware(BOARD, "secure")
    whole = Update(elf)
    end_ns = whole.until("Installed")
    verified_ns = whole.told("SignatureVerified")
    assert whole.booted(2) == NEW
    begin_ns = whole.begin_ns
    whole.rig.close()
    # as many of them before the image is in place as after
    points = [begin_ns + (verified_ns - begin_ns) * (2 * n + 1) // CUTS for n in range((CUTS + 1) // 2)]
    points += [verified_ns + (end_ns - verified_ns) * (2 * n + 1) // CUTS for n in range(CUTS // 2)]
    seen = set()
    for at_ns in points:
        cut = Update(elf)
        cut.rig.expect_reset()
        cut.rig.run_for((at_ns - cut.rig.now_ns) / 1e9)
        boots = len(cut.session.requests("BootNotification"))
        cut.rig.power_off()
        cut.rig.run_for(0.5)
        cut.rig.power_on()
        version = cut.booted(boots + 1)
        image = cut.images[version]
        slot = cut.slots[version == NEW]
        assert crc32(cut.rig.emulator.read_memory(slot, len(image))) == crc32(image), at_ns
        assert (version == OLD) or at_ns > verified_ns
        seen.add(version)
        cut.rig.close()
    assert seen == {OLD, NEW}
