"""A firmware update, and one that is rolled back because its image never confirms itself."""

from __future__ import annotations

from itertools import pairwise

from bench import updates
from bench.emulators.base import NS_PER_S, FlashOperation
from bench.firmware import elf_path
from bench.powercuts.points import Group, Interval
from bench.powercuts.station import BOOT_S, KEPT, SETTLE_S, Station
from bench.powercuts.walk import Course, Verdict
from bench.provision import Provisioning
from bench.rig import NotInTime
from csms_stub.messages import Message
from csms_stub.pki import Pki, der

ORDER = (
    "DownloadScheduled",
    "Downloading",
    "Downloaded",
    "SignatureVerified",
    "InstallScheduled",
    "Installing",
    "InstallRebooting",
)
FINAL = ("Installed", "InstallationFailed", "DownloadFailed", "InvalidSignature", "InstallVerificationFailed")
PATH = "/firmware.upd"
UPDATE_S = 400.0
WEIGHTS = {
    "erase slot": 16,
    "program slot": 22,
    "program tail": 12,
    "store": 20,
    "journal": 8,
    "phase": 22,
}
"""Of a hundred points. `phase`: at any moment of each phase of the update, however short it is."""


class Update(Station):
    """An update into the second slot, which is full of an image that has failed three times."""

    name = "update"
    moving = (*Station.moving, "fw", "fw:job", "fw:pem", "fw:sig")

    def __init__(self, board: str, seed: int) -> None:
        self._pki = Pki()
        root = der(self._pki.root("manufacturer").certificate)
        provisioning = Provisioning(variables=KEPT, manufacturer_roots=[root])
        super().__init__(board, elf_path(board, "secure"), provisioning, seed)
        self.slots = self.symbols["_slot_first"], self.symbols["_slot_second"]
        self.slot_size = self.symbols["_slot_size"]
        files = [updates.update_file(board, following=following) for following in (False, True)]
        self.files = {updates.version(file): file for file in files}
        self.images = {version: updates.images(file) for version, file in self.files.items()}
        self.old, self.new = self.files
        self._call = ""
        self._began_ns = 0

    # the span

    def begin(self) -> None:
        emulator, (_, second) = self.rig.emulator, self.slots
        image = self.images[self.old][1]
        emulator.write_memory(second, image)
        tail = updates.tail(image, 1, attempts=3)
        emulator.write_memory(second + self.slot_size - updates.TAIL_SIZE, tail)
        self.start()
        self.remember()
        self._request(1, self.new)

    def _request(self, number: int, version: str) -> None:
        """Have the CSMS ask for an update."""
        self.rig.hosts.files.files[PATH] = self.files[version]
        payload = self._payload(number, self.files[version])
        for _ in range(4):
            self._began_ns = self.rig.now_ns
            self._call = self.session.call("UpdateFirmware", payload, self.rig.now_ns)
            if number == 1:
                return
            if self.answer(self._call).payload.get("status") == "Accepted":
                return
            self.rig.run_for(SETTLE_S)
        raise NotInTime(f"update {number} is not accepted")

    def _payload(self, number: int, file: bytes) -> dict[str, object]:
        signer = self._pki.signer()
        firmware = {
            "location": f"http://files.local:8080{PATH}",
            "retrieveDateTime": "2025-12-31T22:00:00Z",
            "signingCertificate": signer.chain_pem,
            "signature": signer.sign(file),
        }
        return {"requestId": number, "firmware": firmware}

    def whole(self) -> Course:
        self.rig.expect_reset()
        begin_ns, resets = self.rig.now_ns, len(self.rig.resets)
        self.rig.run_until("Installed", lambda: "Installed" in self.told(1), UPDATE_S)
        self.rig.run_for(1)
        operations = self.rig.emulator.flash_operations()
        phases = self._phases(operations, begin_ns, self.rig.resets[resets].at_ns)
        return Course(self._groups(operations, phases), phases)

    def _phases(
        self, operations: list[FlashOperation], begin_ns: int, reset_ns: int
    ) -> list[tuple[str, Interval]]:
        slot = self.intervals(operations, "slot")
        *commit, attempt, confirm = self.intervals(operations, "tail", "program")
        # the image's first word is held back until then
        first = slot.pop()
        marks = [
            ("request", begin_ns),
            ("download", slot[0][0]),
            ("verification", slot[-1][1]),
            ("commit", first[0]),
            ("leaving", commit[-1][1]),
            ("boot stage", reset_ns),
            ("first start", attempt[1]),
            ("confirmed", confirm[1]),
            ("", self.rig.now_ns),
        ]
        return [(name, (at, until)) for (name, at), (_, until) in pairwise(marks)]

    def _groups(self, operations: list[FlashOperation], phases: list[tuple[str, Interval]]) -> list[Group]:
        found = {
            "erase slot": self.intervals(operations, "slot", "erase"),
            "program slot": self.intervals(operations, "slot", "program"),
            "program tail": self.intervals(operations, "tail", "program"),
            "store": self.intervals(operations, "store"),
            "journal": self.intervals(operations, "journal"),
            "phase": [interval for _, interval in phases],
        }
        return [Group(name, WEIGHTS[name], intervals) for name, intervals in found.items()]

    def part(self, address: int) -> str:
        for slot in self.slots:
            if slot <= address < slot + self.slot_size:
                return "tail" if address >= slot + self.slot_size - updates.TAIL_SIZE else "slot"
        return super().part(address)

    # after the cut

    def judge(self, follow: bool) -> Verdict:
        verdict = Verdict()
        verdict.outcome = self._judge_image(verdict, self.back(verdict))
        self._judge_order(verdict, 1)
        answer = self.session.response(self._call)
        accepted = answer is not None and answer.payload.get("status") == "Accepted"
        if accepted and not self._final(1) and "fw:job" not in self.stored():
            verdict.problems.append("the update was accepted, and is forgotten")
        if follow and not verdict.problems:
            self._follow(verdict)
        return verdict

    def _follow(self, verdict: Verdict) -> None:
        """The update under way to its end, another one, and the events."""
        rig, problems = self.rig, verdict.problems
        verdict.followed = True
        if "fw:job" in self.stored():
            rig.expect_reset()
            rig.run_until("end of the update", lambda: self._final(1), UPDATE_S)
            rig.run_for(SETTLE_S)
        version = str(self.boots()[-1].payload["chargingStation"]["firmwareVersion"])
        self._judge_image(verdict, version)
        self._judge_order(verdict, 1)
        rig.csms.script.restore("TransactionEvent")
        rig.expect_reset()
        self._request(2, self.old if version == self.new else self.new)
        rig.run_until("Installed", lambda: "Installed" in self.told(2), UPDATE_S)
        self._judge_image(verdict, str(self.boots()[-1].payload["chargingStation"]["firmwareVersion"]))
        self._judge_order(verdict, 2)
        rig.run_until("delivery of the events", self._delivered, UPDATE_S)
        problems += rig.problems()

    def _delivered(self) -> bool:
        return not self._queue()

    def _final(self, number: int) -> bool:
        return any(status in FINAL for status in self.told(number))

    def _messages(self, number: int) -> list[Message]:
        return [
            message
            for message in self.session.requests("FirmwareStatusNotification")
            if message.payload.get("requestId") == number
        ]

    def told(self, number: int) -> list[str]:
        """What the CSMS was told of an update."""
        return [str(message.payload["status"]) for message in self._messages(number)]

    def _judge_image(self, verdict: Verdict, version: str) -> str:
        """Does the image run whose version was told, and is it whole? "old" or "new"."""
        counter = self.rig.emulator.read_register("pc")
        slot = next((n for n, at in enumerate(self.slots) if at <= counter < at + self.slot_size), None)
        if slot is None or version not in self.images:
            verdict.problems.append(f"{version} runs at 0x{counter:08x}")
            return "lost"
        image = self.images[version][slot]
        if self.rig.emulator.read_memory(self.slots[slot], len(image)) != image:
            verdict.problems.append(f"the image of {version} in slot {slot} is not whole")
        return "old" if version == self.old else "new"

    def _judge_order(self, verdict: Verdict, number: int) -> None:
        """What was told is in the order of L01, begins anew with a boot only, and ends once (L01.FR.01)."""
        messages, problems = self._messages(number), verdict.problems
        boots = [message.at_ns for message in self.boots()]
        versions = [str(m.payload["chargingStation"]["firmwareVersion"]) for m in self.boots()]
        last, last_boot, end = -1, 0, ""
        for message in messages:
            status = str(message.payload["status"])
            at_s = message.at_ns / NS_PER_S
            boot = sum(at <= message.at_ns for at in boots)
            if boot != last_boot:
                last, last_boot = -1, boot
            if end and status != end:
                problems.append(f"{at_s:.3f} s: {status} after {end}")
            elif status in FINAL:
                end = status
                if status == "Installed" and versions[boot - 1] == versions[0] and number == 1:
                    problems.append(f"{at_s:.3f} s: Installed by the old image")
                elif status != "Installed" and versions[boot - 1] != versions[0] and number == 1:
                    problems.append(f"{at_s:.3f} s: {status} by the new image")
            elif ORDER.index(status) <= last:
                problems.append(f"{at_s:.3f} s: {status} after {ORDER[last]}")
            else:
                last = ORDER.index(status)


class Rollback(Update):
    """An image that does not confirm itself, because it does not reach the CSMS: the boot stage goes back."""

    name = "rollback"
    trial_s = 700.0
    """More than the image takes to give up."""

    def begin(self) -> None:
        super().begin()
        resets = len(self.rig.resets)
        self.rig.run_until("reset", lambda: len(self.rig.resets) > resets, UPDATE_S)
        self.rig.modem.outage(True, self.rig.now_ns)

    def whole(self) -> Course:
        begin_ns, resets = self.rig.resets[-1].at_ns, len(self.rig.resets)
        self.rig.emulator.flash_operations()
        self._back_to_old()
        self.rig.run_for(20)
        operations = self.rig.emulator.flash_operations()
        attempts = [end for _, end in self.intervals(operations, "tail", "program")]
        starts = [begin_ns, *(reset.at_ns for reset in self.rig.resets[resets:])]
        phases = []
        for number, (start, attempt) in enumerate(zip(starts, attempts, strict=False), 1):
            phases += [
                (f"boot stage {number}", (start, attempt)),
                (f"trial {number}", (attempt, starts[number])),
            ]
        going_back = starts[-1], starts[-1] + NS_PER_S // 5
        phases += [("going back", going_back), ("old again", (going_back[1], self.rig.now_ns))]
        return Course(self._groups(operations, phases), phases)

    def _back_to_old(self) -> None:
        first = self.slots[0]
        self.rig.run_until(
            "rollback",
            lambda: first <= self.rig.emulator.read_register("pc") < first + self.slot_size,
            (updates.ATTEMPTS + 1) * self.trial_s,
        )

    def judge(self, follow: bool) -> Verdict:
        """With `follow` the CSMS stays away until the old image runs."""
        verdict = Verdict(followed=follow)
        if follow:
            self._back_to_old()
        self.rig.modem.outage(False, self.rig.now_ns)
        verdict.outcome = self._judge_image(verdict, self.back(verdict))
        self.rig.run_until("end of the update", lambda: self._final(1), BOOT_S)
        self._judge_order(verdict, 1)
        if follow and verdict.outcome != "old":
            verdict.problems.append("an image that does not confirm itself goes on")
        return verdict
