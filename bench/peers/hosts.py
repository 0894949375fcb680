"""The hosts that stations of the bench know: a CSMS with two end points, and a file server, with and without
TLS."""

from __future__ import annotations

from bench.peers.network import InProcessNetwork
from csms_stub.csms import Csms
from csms_stub.files import FileServer
from csms_stub.pki import Pki
from csms_stub.tls import Service, TlsEndpoint, TlsHandshake

CSMS_HOST, CSMS_PORT = "csms.local", 9000
"""The name by which stations of the bench know their CSMS."""
SECOND_HOST, SECOND_PORT = "csms2.local", 9001
"""Its second end point, to which a station can migrate."""
FILES_HOST, FILES_PORT = "files.local", 8080
"""Firmware images, and where logs go."""
TLS_PORTS = {CSMS_HOST: 9443, SECOND_HOST: 9444, FILES_HOST: 8443}


class Hosts:
    """`network` leads to them.

    pki         made for the clock of the CSMS
    files       the file server, under http and https
    tls         host -> TlsEndpoint, at the port of `TLS_PORTS`
    """

    def __init__(self, csms: Csms) -> None:
        self.pki = Pki(epoch=csms.epoch)
        self.files = FileServer(epoch=csms.epoch)
        services: dict[str, Service] = {CSMS_HOST: csms, SECOND_HOST: csms, FILES_HOST: self.files}
        self.tls = {host: TlsEndpoint(service, self.pki, host) for host, service in services.items()}
        self.network = InProcessNetwork()
        self.network.add(CSMS_HOST, CSMS_PORT, csms)
        self.network.add(SECOND_HOST, SECOND_PORT, csms)
        self.network.add(FILES_HOST, FILES_PORT, self.files)
        for host, endpoint in self.tls.items():
            self.network.add(host, TLS_PORTS[host], endpoint)

    @property
    def handshakes(self) -> list[TlsHandshake]:
        """Of all TLS end points, oldest first."""
        found = [shake for endpoint in self.tls.values() for shake in endpoint.handshakes]
        return sorted(found, key=lambda shake: shake.at_ns)

    def transcript(self) -> list[tuple[int, str]]:
        """(virtual ns, line) of each TLS handshake and each request for a file."""
        entries = [
            (s.at_ns, f"TLS {s.endpoint} {s.suite or s.failure or 'unfinished'}") for s in self.handshakes
        ]
        for request in self.files.requests:
            size = request.sent or len(request.received)
            entries.append(
                (request.at_ns, f"{request.endpoint} {request.method} {request.path} {request.status} {size}")
            )
        return entries
