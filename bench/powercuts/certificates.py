"""Certificates that are installed, replaced and deleted, while the supply is cut."""

from __future__ import annotations

from itertools import pairwise

from bench.emulators.base import NS_PER_S, FlashOperation
from bench.firmware import elf_path
from bench.powercuts.points import Group, Interval
from bench.powercuts.station import KEPT, Station
from bench.powercuts.walk import Course, Verdict
from bench.provision import Provisioning, record, room
from csms_stub.messages import Payload
from csms_stub.pki import ROOTS, Pki, Root, der, hash_data, pem

WEIGHTS = {"record": 34, "seal": 12, "compaction": 20, "erase": 14, "journal": 6, "phase": 14}
"""Of a hundred points. `seal`: the last words of a record, which make it count. `phase`: at
any moment of the half second from each request on."""
CSMS, MANUFACTURER = "CSMSRootCertificate", "ManufacturerRootCertificate"
_APART_S = 3
_ROOM, _FILLER = 1600, 400
"""Bytes of the store's bank that are free at the start, so that one of the requests compacts it; bytes of the
value that a key had before, again and again."""

Held = frozenset[tuple[str, str]]
"""Type and root of each certificate that is installed."""


class Certificates(Station):
    """Roots come and go beside those in use, while the store is compacted."""

    name = "certificates"
    moving = (*Station.moving, "x:")
    checked = False
    """AdditionalRootCertificateCheck."""
    steps: tuple[tuple[str, str, Root], ...] = (
        ("InstallCertificate", CSMS, "new csms"),
        ("InstallCertificate", MANUFACTURER, "new manufacturer"),
        ("DeleteCertificate", CSMS, "new csms"),
        ("DeleteCertificate", MANUFACTURER, "new manufacturer"),
        ("InstallCertificate", CSMS, "new csms"),
        ("InstallCertificate", MANUFACTURER, "new manufacturer"),
    )

    def __init__(self, board: str, seed: int) -> None:
        self._pki = Pki()
        variables = {**KEPT, "SecurityCtrlr.AdditionalRootCertificateCheck": str(self.checked).lower()}
        provisioning = Provisioning(
            url="wss://csms.local:9443/ocpp",
            security_profile=2,
            variables=variables,
            csms_roots=[self._der("csms")],
            manufacturer_roots=[self._der("manufacturer")],
        )
        super().__init__(board, elf_path(board, "secure"), provisioning, seed)
        self.held: Held = frozenset({(CSMS, "csms"), (MANUFACTURER, "manufacturer")})
        """Before the newest request."""
        self.wanted: Held = self.held
        """After it."""
        self._request: tuple[str, Payload] | None = None
        self._call = ""

    def _der(self, name: Root) -> bytes:
        return der(self._pki.root(name).certificate)

    # the span

    def begin(self) -> None:
        emulator, store, area = self.rig.emulator, self.rig.store, self.rig.store_area()
        assert store is not None
        assert area is not None
        bank, left = store.size // 2, room(area)
        old = record("filler", bytes(_FILLER))
        emulator.write_memory(store.start + bank - left, old * ((left - _ROOM) // len(old)))
        self.start()
        self.remember()
        # what a compaction has left there
        emulator.write_memory(store.start + bank, bytes(bank))
        self.rig.emulator.flash_operations()
        for number, (action, kind, name) in enumerate(self.steps):
            at_ns = self.rig.now_ns + (1 + number * _APART_S) * NS_PER_S
            self.agenda.append((at_ns, lambda step=(action, kind, name): self._step(*step)))  # type: ignore[misc]

    def _step(self, action: str, kind: str, name: Root) -> None:
        self.held = self.wanted
        self.wanted = self.after(action, kind, name)
        self._request = action, self._payload(action, kind, name)
        self._call = self.session.call(*self._request, self.rig.now_ns)

    def after(self, action: str, kind: str, name: Root) -> Held:
        """What is installed after a request."""
        certificate = {(kind, name)}
        return self.held | certificate if action == "InstallCertificate" else self.held - certificate

    def _payload(self, action: str, kind: str, name: Root) -> Payload:
        if action == "InstallCertificate":
            return {"certificateType": kind, "certificate": pem(self._pki.root(name).certificate)}
        return {"certificateHashData": self._hash_data(name)}

    def _hash_data(self, name: Root) -> dict[str, str]:
        issuer = self._pki.root("csms").certificate if name == "csms successor" else None
        return hash_data(self._pki.root(name).certificate, issuer)

    def whole(self) -> Course:
        starts = [at_ns for at_ns, _ in self.agenda]
        phases = []
        operations: list[FlashOperation] = []
        written: dict[str, list[Interval]] = {"record": [], "seal": [], "compaction": []}
        for start, (action, _, name) in zip(starts, self.steps, strict=True):
            until_ns = start + _APART_S * NS_PER_S
            self.advance(until_ns - 1)
            answer = self.answer(self._call)
            if answer.payload.get("status") != "Accepted":
                raise AssertionError(f"{action} of {name} is answered {answer.payload}")
            done = self.rig.emulator.flash_operations()
            operations += done
            programs = [
                each for each in done if self.part(each.address) == "store" and each.kind == "program"
            ]
            compacts = bool(self.intervals(done, "store", "erase"))
            for before, each in pairwise(programs):
                part = "compaction" if compacts else "seal" if each.address < before.address else "record"
                written[part].append((each.start_ns, each.end_ns))
            phases.append((f"{action} {name}", (start, until_ns)))
        found = {
            **written,
            "erase": self.intervals(operations, "store", "erase"),
            "journal": self.intervals(operations, "journal"),
            "phase": [(start, start + NS_PER_S // 2) for _, (start, _) in phases],
        }
        return Course([Group(name, WEIGHTS[name], spans) for name, spans in found.items()], phases)

    # after the cut

    def judge(self, follow: bool) -> Verdict:
        verdict = Verdict()
        answer = self.session.response(self._call) if self._call else None
        self.back(verdict)
        found = self._installed()
        self._judge_values(verdict, found)
        verdict.outcome = {self.wanted: "new", self.held: "old"}.get(found, "lost")
        if verdict.outcome == "lost":
            verdict.problems.append(f"installed are {sorted(found)}")
        elif answer and answer.payload.get("status") == "Accepted" and found != self.wanted:
            verdict.problems.append(f"the request was accepted; installed are {sorted(found)}")
        if follow and self._request and not verdict.problems:
            verdict.followed = True
            self.ask(*self._request)
            if (found := self._installed()) != self.wanted:
                verdict.problems.append(f"after the same request again {sorted(found)} are installed")
            self._judge_values(verdict, found)
            verdict.problems += self.losses()
        return verdict

    def _installed(self) -> Held:
        """What the station lists. Raises NotInTime."""
        known: dict[tuple[str, ...], str] = {tuple(self._hash_data(name).values()): name for name in ROOTS}
        answer = self.ask("GetInstalledCertificateIds", {})
        listed = answer.payload.get("certificateHashDataChain", [])
        return frozenset(
            (entry["certificateType"], known.get(tuple(entry["certificateHashData"].values()), "unheard of"))
            for entry in listed
        )

    def _judge_values(self, verdict: Verdict, installed: Held) -> None:
        """What stands in the store is these certificates to the byte, a replaced one twice at most."""
        stored = {value for key, value in self.stored().items() if key.startswith("x:")}
        names = {name for _, name in installed}
        wanted = {self._der(name) for name in ROOTS if name in names}
        if {value[: len(value) - self._behind(value)] for value in stored} != wanted:
            verdict.problems.append("the certificates in the store are not those that are listed")

    def _behind(self, value: bytes) -> int:
        """Bytes behind the certificate: of one that is not self-signed, its issuer's hash."""
        return 32 if value[:-32] == self._der("csms successor") else 0


class Replacement(Certificates):
    """The CSMS's root is replaced by one that it has signed (M05.FR.09 to FR.12)."""

    name = "replacement"
    checked = True
    steps = (("InstallCertificate", CSMS, "csms successor"),)
