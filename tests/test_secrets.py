"""No secret is in anything that a run leaves behind, nor in what a station logs, uploads and keeps of it."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.platforms import load_platform
from bench.provision import Provisioning
from bench.rig import Rig
from bench.scenarios import ROOT
from csms_stub.csms import Csms
from csms_stub.messages import Message, Payload
from csms_stub.pki import Pki, der, pem
from tests.images import Firmware

BOARD = "stm32f4_discovery"
NEW_PASSWORD, REFUSED_PASSWORD = "kept:Passw0rd=0003", "refused-000"
FILES_USER, FILES_PASSWORD = "files", "files-Passw0rd-0004"
SCENARIOS = {
    "lite": ("TC_A_01_CS", "TC_A_09_CS", "TC_A_10_CS"),
    "secure": ("TC_A_04_CS", "TC_A_10_CS", "TC_L_06_CS", "TC_N_35_CS"),
}
"""They authenticate the station, with TLS, too, give it another password, upload its log, and sign a file."""


def passwords() -> list[str]:
    resources = (ROOT / "resources" / "ocpp.resource", ROOT / "A_security.robot")
    text = "\n".join(resource.read_text() for resource in resources)
    return re.findall(r"^\$\{(?:NEW |SHORT )?PASSWORD} +(\S+)$", text, re.MULTILINE)


def logins(user: str, *secrets: str) -> list[str]:
    return [base64.b64encode(f"{user}:{secret}".encode()).decode() for secret in secrets]


@pytest.mark.parametrize("variant", SCENARIOS)
def test_a_run_tells_no_password_and_no_private_key(variant: str, firmware: Firmware, tmp_path: Path) -> None:
    assert len(passwords()) == 3
    known = [*passwords(), Provisioning.password, Provisioning.wifi_password]
    options = ["--board", BOARD, "--variant", variant, "--firmware", str(firmware(BOARD, variant))]
    tests = [word for name in SCENARIOS[variant] for word in ("--test", name)]
    report = tmp_path / "report"
    done = CliRunner().invoke(app, ["run", *options, *tests, "--jobs", "1", "--report", str(report)])
    assert done.exit_code == 0, done.output
    left = {path: path.read_bytes() for path in report.rglob("*") if path.is_file()}
    assert any(b"SetVariables" in content for content in left.values()), "the transcript is there"
    left[tmp_path / "what was printed"] = done.output.encode()
    for secret in (*known, *logins(Provisioning.identity, *known), "PRIVATE KEY"):
        found = [str(path) for path, content in left.items() if secret.encode() in content]
        assert not found, f"{secret[:3]}... is in {found}"


def test_a_station_logs_and_uploads_no_password(firmware: Firmware) -> None:
    """Over TLS: a new password and one that is refused; a login for the log, and for a firmware."""
    pki = Pki()
    rig = Rig(
        load_platform(BOARD),
        firmware(BOARD, "secure"),
        provisioning=Provisioning(
            url="wss://csms.local:9443/ocpp",
            security_profile=2,
            csms_roots=[der(pki.root("csms").certificate)],
            manufacturer_roots=[der(pki.root("manufacturer").certificate)],
        ),
        csms=Csms(passwords={Provisioning.identity: Provisioning.password}),
    )
    rig.hosts.files.login = FILES_USER, FILES_PASSWORD
    place = f"http://{FILES_USER}:{FILES_PASSWORD}@files.local:8080"
    signer = pki.signer()

    def connected() -> bool:
        session = rig.csms.sessions.get(Provisioning.identity)
        return bool(session and session.connected and session.registration == "Accepted")

    def ask(action: str, payload: Payload) -> Payload:
        session = rig.csms.session()
        mid = session.call(action, payload, rig.now_ns)
        response: Message = rig.run_until(action, lambda: session.response(mid), 60)
        assert response.type == "CALLRESULT", response
        return response.payload

    def set_password(password: str) -> str:
        item = {
            "component": {"name": "SecurityCtrlr"},
            "variable": {"name": "BasicAuthPassword"},
            "attributeValue": password,
        }
        answer = ask("SetVariables", {"setVariableData": [item]})
        return str(answer["setVariableResult"][0]["attributeStatus"])

    def upload(kind: str, number: int) -> None:
        where = {"remoteLocation": place + "/logs"}
        assert ask("GetLog", {"logType": kind, "requestId": number, "log": where})["status"] == "Accepted"
        rig.run_until(kind, lambda: len(rig.hosts.files.uploads()) == number, 120)
        rig.run_for(5)

    try:
        rig.power_on()
        rig.run_until("boot", connected, 60)
        assert set_password(REFUSED_PASSWORD) == "Rejected"
        assert set_password(NEW_PASSWORD) == "Accepted"
        upgrades = len(rig.csms.connections)
        rig.run_until("reconnect", lambda: len(rig.csms.connections) > upgrades and connected(), 60)
        firmware_there = {
            "location": place + "/none.upd",
            "retrieveDateTime": "2025-12-31T22:00:00Z",
            "signingCertificate": pem(signer.certificate),
            "signature": signer.sign(b"none"),
        }
        update = {"requestId": 9, "retries": 0, "firmware": firmware_there}
        assert ask("UpdateFirmware", update)["status"] == "Accepted"
        rig.run_until("request", lambda: len(rig.hosts.files.requests), 120)
        rig.run_for(5)
        upload("SecurityLog", 1)
        upload("DiagnosticsLog", 2)
        assert rig.problems() == []
        left = {
            "log": "\n".join(line.text for line in rig.log).encode(),
            "transcript": "\n".join(rig.transcript()).encode(),
            "journal": rig.journal_area() or b"",
            "uploads": b"\n".join(request.received for request in rig.hosts.files.uploads()),
        }
    finally:
        rig.close()
    assert b"ReconfigurationOfSecurityParameters BasicAuthPassword" in left["uploads"]
    assert b"firmware: " in left["uploads"]
    assert b"/none.upd" in left["transcript"]
    secrets = (Provisioning.password, NEW_PASSWORD, REFUSED_PASSWORD, Provisioning.wifi_password)
    shown = [*secrets, FILES_PASSWORD, *logins(Provisioning.identity, *secrets)]
    for secret in (*shown, *logins(FILES_USER, FILES_PASSWORD), "PRIVATE KEY"):
        found = [name for name, content in left.items() if secret.encode() in content]
        assert not found, f"{secret[:3]}... is in the {found}"
