"""The fiscal meter of an EVSE: readings that it signs itself, in the manner of OCMF.

A record is ``OCMF|<payload>|<signature>``, both JSON. The payload has the reading in kWh, the meter's serial
number, a pagination counter, and the time since the meter was switched on (it has no other clock); the
signature is that of the payload's text.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ALGORITHM = "ECDSA-secp256r1-SHA256"
ENCODING = "OCMF"
REGISTER = "1-b:1.8.0"
"""OBIS code of the register of all energy imported."""
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class FiscalMeter:
    """A meter with a key of its own; the same number and seed give the same key and the same signatures."""

    def __init__(self, number: int, seed: int = 0) -> None:
        self.serial = f"OLB{number:05d}"
        digest = hashlib.sha256(f"fiscal meter {number}, seed {seed}".encode()).digest()
        self._key = ec.derive_private_key(int.from_bytes(digest, "big") % (_ORDER - 1) + 1, ec.SECP256R1())
        self._page = 0

    def public_key(self) -> str:
        """SubjectPublicKeyInfo in base64."""
        der = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return base64.b64encode(der).decode()

    def sign(self, watt_hours: int, uptime_ns: int) -> str:
        """The signed record of a reading, in base64."""
        self._page += 1
        milliseconds = uptime_ns // 1_000_000
        hours, rest = divmod(milliseconds, 3_600_000)
        minutes, rest = divmod(rest, 60_000)
        payload = json.dumps(
            {
                "FV": "1.0",
                "GI": "OCPP Lite Bench",
                "MS": self.serial,
                "PG": f"T{self._page}",
                "RD": [
                    {
                        "TM": f"{hours:02d}:{minutes:02d}:{rest // 1000:02d},{rest % 1000:03d} R",
                        "RV": watt_hours / 1000,
                        "RI": REGISTER,
                        "RU": "kWh",
                        "ST": "G",
                    }
                ],
            },
            separators=(",", ":"),
        )
        signature = self._key.sign(payload.encode(), ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        data = {"SA": ALGORITHM, "SE": "base64", "SD": base64.b64encode(signature).decode()}
        return base64.b64encode(f"OCMF|{payload}|{json.dumps(data, separators=(',', ':'))}".encode()).decode()


def verified(record: str, public_key: str) -> dict[str, Any]:
    """The payload of a signed record, both arguments in base64. Raises ValueError for what is not one, or not
    signed with this key.
    """
    try:
        mark, payload, signature = base64.b64decode(record, validate=True).decode().split("|")
        key = serialization.load_der_public_key(base64.b64decode(public_key, validate=True))
        sealed = json.loads(signature)
        values: dict[str, Any] = json.loads(payload)
        if mark != ENCODING or sealed["SA"] != ALGORITHM or not isinstance(key, ec.EllipticCurvePublicKey):
            raise ValueError(f"not signed by {ALGORITHM}")
        key.verify(base64.b64decode(sealed["SD"]), payload.encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise ValueError("the signature is not of this key and record") from None
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"no signed record, or no key: {error}") from None
    return values
