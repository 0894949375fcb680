"""The station put together: drivers, connection, OCPP, and the watchdog over them."""

import asyncio
import gc
import sys

import board
from micropython import const

from . import features, health, log, profiles
from .aio import Port
from .authorization import Authorization
from .availability import Availability
from .devicemodel import DeviceModel
from .evse import EvseController
from .link import Link
from .metering import Metering
from .modem import Modem, Socket
from .outbox import Outbox
from .provisioning import Provisioning
from .remote import Remote
from .rpc import Rpc
from .transactions import Transactions

if features.CERTIFICATES:
    from . import certificates
if features.FIRMWARE_UPDATE:
    from .firmware import Firmware
if features.DIAGNOSTICS:
    from .diagnostics import Diagnostics
    from .http import Transfer
    from .notices import Notices, SecurityEvents
if features.TLS:
    from .secure import SecureSocket
if features.REPL:
    from . import repl
if features.RESET:
    from .reset import Reset

# The STM32's LSI may run at 47 kHz instead of 32 (data sheet, 5.3.8): 32 s are 21.8 s at least.
_WATCHDOG_MS = const(32000)
_FEED_S = const(20)
_COLLECT_BYTES = const(4096)


class Station:
    """All parts of the station on two serial ports (see aio.Port)."""

    def __init__(self, modem_port, evse_port):
        self.modem = Modem(modem_port)
        self.evse = EvseController(evse_port)
        if features.NETWORK_PROFILES:
            profiles.promote()
        self.model = model = DeviceModel()
        socket = Socket(self.modem)
        self.link = link = Link(socket, model)
        # feature TLS
        link.secure = SecureSocket(socket)
        # end
        self.rpc = rpc = Rpc(link)
        self.provisioning = provisioning = Provisioning(link, rpc, model)
        self.outbox = outbox = Outbox(rpc, model, provisioning.online)
        self.authorization = authorization = Authorization(rpc, model, provisioning)
        self.metering = metering = Metering(model, self.evse, rpc, outbox, provisioning.online)
        self.transactions = transactions = Transactions(self.evse, model, outbox, authorization, metering)
        transactions.registration = lambda: provisioning.status
        self.availability = availability = Availability(provisioning, rpc, self.evse, transactions)
        transactions.operative = availability.operative
        provisioning.on_news = availability.on_news
        transactions.on_idle += (availability.on_status, outbox.on_idle)
        if features.RESET:
            reset = Reset(provisioning, model, self.evse, transactions, availability)
            reset.link = link
            reset.outbox = outbox
            transactions.on_idle.append(reset.on_idle)
        remote = Remote(provisioning, rpc, self.evse, availability, transactions)
        remote.metering = metering
        self.evse.on_status = availability.on_status
        self.evse.on_state = transactions.on_state
        self.evse.on_token = transactions.on_token
        metering.transactions = transactions
        outbox.on_response = transactions.on_response
        outbox.find = transactions.find
        outbox.idle = lambda: not transactions.active(0)
        link.on_text = rpc.on_text
        link.on_up = provisioning.on_up
        link.on_down = provisioning.on_down
        provisioning.on_online = outbox.on_online
        provisioning.on_offline = outbox.on_offline
        if features.BASE_REPORT:
            model.submit = rpc.submit
        model.on_change = self._on_change
        model.live = self._live
        rpc.handlers = {
            "GetVariables": model.get_variables,
            "SetVariables": model.set_variables,
            # feature NETWORK_PROFILES
            "SetNetworkProfile": profiles.set_profile,
            # end
            # feature BASE_REPORT
            "GetBaseReport": model.get_base_report,
            # end
            # feature TRANSACTION_STATUS
            "GetTransactionStatus": outbox.get_status,
            # end
            # feature CHANGE_AVAILABILITY
            "ChangeAvailability": availability.change,
            # end
            # feature AUTH_CACHE
            "ClearCache": authorization.clear_cache,
            # end
            # feature DATA_TRANSFER
            "DataTransfer": remote.data_transfer,
            # end
            # feature RESET
            "Reset": reset.reset,
            # end
            # feature TRIGGER_MESSAGE
            "TriggerMessage": remote.trigger,
            # end
            # feature UNLOCK_CONNECTOR
            "UnlockConnector": remote.unlock,
            # end
            # feature REMOTE_START_STOP
            "RequestStartTransaction": transactions.request_start,
            "RequestStopTransaction": transactions.request_stop,
            # end
            # feature CERTIFICATES
            "InstallCertificate": self._install_certificate,
            "GetInstalledCertificateIds": certificates.get_ids,
            "DeleteCertificate": self._delete_certificate,
            # end
        }

        self.protocols = ""  # of files
        # feature DIAGNOSTICS
        self._add_diagnostics(remote)

    def _add_diagnostics(self, remote):
        provisioning = self.provisioning
        self.events = events = SecurityEvents(self.rpc, provisioning.online)
        self.notices = notices = Notices(self.rpc, provisioning.online)
        # kept whether or not the CSMS is ever reached (A04.FR.04)
        events.report(provisioning.started)
        self.rpc.report = self.outbox.report = self.link.report = events.report
        if features.TLS:
            self.link.secure.report = events.report

        def on_ready():
            events.pump()
            notices.pump()

        provisioning.on_ready = on_ready
        self.protocols = "HTTP,HTTPS" if features.TLS else "HTTP"
        sockets = {"http": Socket(self.modem, 1)}
        if features.TLS:
            sockets["https"] = SecureSocket(Socket(self.modem, 2))
        transfer = Transfer(sockets)
        self.diagnostics = block = Diagnostics(transfer, self.model, notices, self.authorization)
        remote.statuses["LogStatusNotification"] = block.send_status
        self.rpc.handlers["GetLog"] = block.get_log
        self.rpc.handlers["CustomerInformation"] = block.customer_information
        # end
        # feature FIRMWARE_UPDATE
        self.firmware = block = Firmware(transfer, self.model, notices, events, self.transactions)
        block.modem = self.modem
        block.availability = self.availability
        block.link = self.link
        block.registration = provisioning
        remote.statuses["FirmwareStatusNotification"] = block.send_status
        self.rpc.handlers["UpdateFirmware"] = block.update
        # end

    # feature CERTIFICATES
    async def _install_certificate(self, request, link):
        if await certificates.install(request, link):
            self.events.report("ReconfigurationOfSecurityParameters", request["certificateType"])

    async def _delete_certificate(self, request, link):
        if await certificates.delete(request, link):
            self.events.report("ReconfigurationOfSecurityParameters", "a certificate is deleted")

    # end

    def _live(self, name, evse):
        if name == "ActiveNetworkProfile":
            return self.link.slot()
        if name == "MessageTimeout":
            return str(self.link.message_timeout())
        if name == "FileTransferProtocols":
            return self.protocols
        # feature TLS
        if name == "SecurityProfile":
            return str(profiles.security())
        # end
        # feature CERTIFICATES
        if name == "CertificateEntries":
            return str(certificates.entries())
        if name == "AdditionalRootCertificateCheck":
            return "true" if certificates.additional_check() else "false"
        # end
        if features.AUTH_CACHE and name == "Storage":
            return str(self.authorization.cache.storage())
        return self.availability.status(evse) if evse else self.availability.station_status()

    def _on_change(self, key):
        if key == "SecurityCtrlr.BasicAuthPassword":
            # feature DIAGNOSTICS
            # A01.FR.11, and FR.12: not the password itself
            self.events.report("ReconfigurationOfSecurityParameters", "BasicAuthPassword")
            # end
            return self.link.reconnect
        if "DataCtrlr." in key:
            self.metering.on_change()
        self.provisioning.on_interval()
        return None

    def start(self):
        """Start the tasks; each restarts the station when it fails."""
        for task in (
            self.modem.run(),
            self.evse.read(),
            self.evse.run(),
            self.link.run(),
            self.rpc.run(),
            self.provisioning.run(),
            self.outbox.run(),
            self.metering.run(),
            self.transactions.run(),
            self.transactions.read(),
        ):
            asyncio.create_task(_guard(task))
        # feature DIAGNOSTICS
        asyncio.create_task(_guard(self.diagnostics.run()))
        # end
        # feature FIRMWARE_UPDATE
        asyncio.create_task(_guard(self.firmware.run()))
        # end


async def _guard(task):
    try:
        await task
    except Exception as e:
        log.error("main: a task failed, the station restarts")
        sys.print_exception(e)
        board.reset()


# feature WATCHDOG
async def watch():
    """Feed the watchdog as long as every task keeps its promises."""
    board.watchdog(_WATCHDOG_MS)
    while True:
        late = health.late()
        if late:
            log.error("main: task %s is stuck", late)
        else:
            board.feed()
        await asyncio.sleep_ms(_FEED_S * 1000)


# end


async def main():
    """Start the station on the board's UARTs; never returns."""
    # What lives for long is allocated among what does not: collected often, it stays together at the start.
    gc.threshold(_COLLECT_BYTES)
    log.info("station %s on %s", board.VERSION, board.NAME)
    if features.FAULT_RECORD and (fault := board.fault()):
        log.error("main: fault before this boot: pc %x lr %x psr %x cfsr %x hfsr %x mmfar %x bfar %x", *fault)
    station = Station(Port(board.UART(board.MODEM)), Port(board.UART(board.EVSE)))
    station.start()
    # feature REPL
    asyncio.create_task(repl.run(station))
    # end
    gc.collect()
    log.info("main: %d bytes of heap free", gc.mem_free())
    if features.WATCHDOG:
        await watch()
    while True:
        await asyncio.sleep_ms(_FEED_S * 1000)


def run():
    """Entry point of the firmware."""
    asyncio.run(main())
