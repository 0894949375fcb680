"""An image whose signature is wrong never starts, whatever becomes of the other one."""

from collections.abc import Callable
from pathlib import Path

from bench import updates
from bench.platforms import load_platform
from bench.provision import Provisioning
from bench.rig import Rig
from csms_stub.pki import Pki, der

BOARD = "stm32f4_discovery"
IDENTITY = Provisioning().identity
SLOT = 320 * 1024
FIRST_WORD = 4


def test_unsigned_image_does_not_start_when_the_other_is_lost(firmware: Callable[..., Path]) -> None:
    """It goes to the first slot, where an image without anything behind it counts as a programmer's."""
    pki = Pki()
    root = der(pki.root("manufacturer").certificate)
    rig = Rig(
        load_platform(BOARD), firmware(BOARD, "secure"), provisioning=Provisioning(manufacturer_roots=[root])
    )
    first, second = (rig._symbols[name].value for name in ("_slot_first", "_slot_second"))
    old, new = (updates.update_file(BOARD, following=following) for following in (False, True))
    running = updates.images(old)[1]
    at_tail = second + SLOT - updates.TAIL_SIZE
    rig.emulator.write_memory(second, running)
    rig.emulator.write_memory(at_tail, updates.tail(running, 1, confirmed=True))
    rig.hosts.files.files["/firmware.upd"] = new
    rig.power_on()

    def told(action: str, count: int) -> Callable[[], list[dict]]:
        def messages() -> list[dict]:
            session = rig.csms.sessions.get(IDENTITY)
            found = [message.payload for message in session.requests(action)] if session else []
            return found if len(found) >= count else []

        return messages

    rig.run_until("boot", told("BootNotification", 1), 60)
    rig.run_for(1)
    signer = pki.signer()
    firmware_ = {
        "location": "http://files.local:8080/firmware.upd",
        "retrieveDateTime": "2025-12-31T22:00:00Z",
        "signingCertificate": signer.chain_pem,
        "signature": signer.sign(new + b"x"),
    }
    rig.csms.session(IDENTITY).call("UpdateFirmware", {"requestId": 1, "firmware": firmware_}, rig.now_ns)
    ends = rig.run_until("end", told("FirmwareStatusNotification", 3), 300)
    assert [end["status"] for end in ends] == ["Downloading", "Downloaded", "InvalidSignature"]
    image = updates.images(new)[0]
    assert rig.emulator.read_memory(first, len(image)) == b"\xff" * FIRST_WORD + image[FIRST_WORD:]

    rig.expect_reset()
    rig.power_off()
    rig.emulator.write_memory(at_tail, bytes(4))
    rig.run_for(0.5)
    rig.power_on()
    boots = rig.run_until("boot", told("BootNotification", 2), 60)
    assert boots[-1]["chargingStation"]["firmwareVersion"] == updates.version(old)
    rig.close()
