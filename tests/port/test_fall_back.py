"""A firmware update whose image crashes at once: the boot stage goes back, and the station says so."""

from __future__ import annotations

from zlib import crc32

import pytest

from bench import updates
from bench.emulators import Kind
from bench.emulators.renode.locate import RenodeMissing
from bench.platforms import load_platform
from bench.provision import Provisioning
from bench.rig import Rig
from csms_stub.pki import Pki, der
from tests.images import Firmware

OLD = "0.1.0"
SLOT = 320 * 1024
ATTEMPTS = 3


@pytest.mark.parametrize("emulator", ["unicorn", pytest.param("renode", marks=pytest.mark.renode)])
def test_image_that_crashes_is_given_up(emulator: Kind, board: str, firmware: Firmware) -> None:
    elf = firmware(board, "secure")
    pki = Pki()
    provisioning = Provisioning(manufacturer_roots=[der(pki.root("manufacturer").certificate)])
    try:
        rig = Rig(load_platform(board), elf, emulator=emulator, provisioning=provisioning)
    except RenodeMissing as error:
        pytest.skip(str(error))
    first, second = (rig._symbols[name].value for name in ("_slot_first", "_slot_second"))
    file = updates.broken(updates.update_file(board), first)
    used = updates.images(updates.update_file(board, following=False))[1]
    rig.emulator.write_memory(second, used)  # the flash has to be erased

    signer = pki.signer()
    rig.hosts.files.files["/firmware.upd"] = file
    firmware_request = {
        "location": "http://files.local:8080/firmware.upd",
        "retrieveDateTime": "2025-12-31T22:00:00Z",
        "signingCertificate": signer.chain_pem,
        "signature": signer.sign(file),
    }
    rig.power_on()
    rig.run_until("boot", lambda: rig.csms.sessions, 60)
    session = rig.csms.session(provisioning.identity)
    rig.run_until("boot", lambda: session.requests("BootNotification"), 60)
    rig.run_for(1)
    rig.expect_reset(1 + ATTEMPTS)
    session.call("UpdateFirmware", {"requestId": 1, "firmware": firmware_request}, rig.now_ns)

    def told() -> list[str]:
        return [each.payload["status"] for each in session.requests("FirmwareStatusNotification")]

    rig.run_until("the end", lambda: "InstallationFailed" in told(), 300)
    assert told()[-3:] == ["Installing", "InstallRebooting", "InstallationFailed"]
    boots = session.requests("BootNotification")
    assert [each.payload["chargingStation"]["firmwareVersion"] for each in boots] == [OLD, OLD]
    image = updates.images(file)[1]
    tail = rig.emulator.read_memory(second + SLOT - updates.TAIL_SIZE, updates.TAIL_SIZE)
    assert tail == updates.tail(image, 1, attempts=ATTEMPTS)
    assert crc32(rig.emulator.read_memory(second, len(image))) == crc32(image)
    assert len(rig.resets) == 2 + ATTEMPTS
    assert rig.problems() == []
    rig.close()
