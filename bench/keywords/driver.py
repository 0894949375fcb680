"""The driver, the car, the cable, and what breaks: the manual actions of Part 6."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from robot.api.deco import keyword

from bench.keywords.base import Keywords, variable
from bench.peers import PeerError
from bench.peers.evse import FAULTS, EvseController
from bench.rig import RigError

TokenType = Literal["ISO14443", "ISO15693", "KeyCode"]
HAND_S = 0.5
"""What a driver needs for an action: the station has finished what it began before."""
UNLOCK_S = 10.0
"""How long a driver pulls at a plug that the station is to release."""


class DriverKeywords(Keywords):
    """Each of these is done half a second after the step before it, as hands are slow."""

    # the cable

    @keyword("Connect The EV And EVSE")
    def connect(self, evse: int = 1, ready: bool = True) -> None:
        """Plug a cable with a car into the EVSE, or the car into the cable that is there. The car asks for
        energy at once, unless not `ready`.
        """

        def plug(peer: EvseController, now_ns: int) -> None:
            peer.plug(evse, now_ns)
            peer.ready(evse, ready, now_ns)

        self._do(f"connects an EV to EVSE {evse}", plug)

    @keyword("Connect The EV And EVSE On EVSE Side")
    def connect_cable(self, evse: int = 1) -> None:
        """Plug a cable into the station, with no car at its other end."""
        self._do(f"plugs a cable into EVSE {evse}", lambda peer, now: peer.plug_cable(evse, now))

    @keyword("Connect The EV And EVSE On EV Side")
    def connect_car(self, evse: int = 1, ready: bool = True) -> None:
        """Plug the cable, which is in the station, into a car."""
        self.connect(evse, ready)

    @keyword("Disconnect The EV And EVSE")
    def disconnect(self, evse: int = 1) -> None:
        """Pull the cable out of the station, as soon as it is not locked; fails where it stays locked."""
        self._await_unlock(evse)
        self._do(f"pulls the cable out of EVSE {evse}", lambda peer, now: peer.unplug(evse, now))

    @keyword("Disconnect The EV And EVSE On EV Side")
    def disconnect_car(self, evse: int = 1) -> None:
        """Pull the cable out of the car; it stays in the station."""
        self._do(
            f"pulls the cable of EVSE {evse} out of the EV", lambda peer, now: peer.unplug_car(evse, now)
        )

    @keyword("Disconnect The EV And EVSE On EVSE Side")
    def disconnect_cable(self, evse: int = 1) -> None:
        """Pull the cable, in or out of a car, out of the station; fails where it stays locked."""
        self.disconnect(evse)

    @keyword
    def connector_is_locked(self, evse: int = 1) -> bool:
        """Whether the cable cannot be pulled out of the station."""
        return self.rig.evse.locked(evse, self.rig.now_ns)

    @keyword
    def connector_should_be_locked(self, evse: int = 1, within: float = UNLOCK_S) -> None:
        self._wait(f"lock of EVSE {evse}", lambda: self.connector_is_locked(evse), within)

    @keyword
    def connector_should_be_unlocked(self, evse: int = 1, within: float = UNLOCK_S) -> None:
        self._wait(f"release of EVSE {evse}'s lock", lambda: not self.connector_is_locked(evse), within)

    # the idToken

    @keyword("Present IdToken")
    def present_id_token(self, token: str | None = None, evse: int = 1, type: TokenType = "ISO14443") -> None:
        """At the reader of that EVSE; ``${VALID ID TOKEN}`` when none is given. `type`: ISO14443, ISO15693,
        KeyCode.
        """
        shown_token = token or str(variable("VALID ID TOKEN", "04A1B2C3D4E5F6"))
        self._do(
            f"presents {shown_token} at EVSE {evse}",
            lambda peer, now: peer.present_token(shown_token, now, type=type, reader=evse),
        )

    # the car

    @keyword("EV Is Ready")
    def ev_is_ready(self, evse: int = 1) -> None:
        """The car asks for energy, or does so again."""
        self._do(f"EV at EVSE {evse} asks for energy", lambda peer, now: peer.ready(evse, True, now))

    @keyword("EV Is Not Ready")
    def ev_is_not_ready(self, evse: int = 1) -> None:
        """The car at this EVSE, or the next to come, does not ask for energy."""
        self._do(f"EV at EVSE {evse} asks for no energy", lambda peer, now: peer.ready(evse, False, now))

    @keyword("EV Suspends The Energy Transfer")
    def ev_suspends(self, evse: int = 1) -> None:
        """The car takes no more energy, and stays connected."""
        self.ev_is_not_ready(evse)

    @keyword("EV Resumes The Energy Transfer")
    def ev_resumes(self, evse: int = 1) -> None:
        self.ev_is_ready(evse)

    @keyword("EV Draws At Most")
    def ev_draws_at_most(self, amps: float, evse: int = 1) -> None:
        """Current of the car from now on; the pilot may allow less."""
        self._do(
            f"EV at EVSE {evse} draws at most {amps:g} A",
            lambda peer, now: peer.set_car_limit(evse, amps, now),
        )

    @keyword
    def contactor_is_closed(self, evse: int = 1) -> bool:
        """Whether the EVSE carries energy."""
        return self.rig.evse.contactor_closed(evse, self.rig.now_ns)

    @keyword
    def contactor_should_be_closed(self, evse: int = 1, within: float = UNLOCK_S) -> None:
        self._wait(f"closed contactor of EVSE {evse}", lambda: self.contactor_is_closed(evse), within)

    @keyword
    def contactor_should_be_open(self, evse: int = 1, within: float = UNLOCK_S) -> None:
        self._wait(f"open contactor of EVSE {evse}", lambda: not self.contactor_is_closed(evse), within)

    @keyword
    def pilot_current_should_be(self, amps: int, evse: int = 1, within: float = UNLOCK_S) -> None:
        """Amperes that the EVSE offers the car; 0 when the pilot is off."""
        self._wait(
            f"pilot current of {amps} A at EVSE {evse}",
            lambda: self.rig.evse.pilot_amps(evse, self.rig.now_ns) == int(amps),
            within,
        )

    @keyword
    def energy_register(self, evse: int = 1) -> float:
        """Wh that the EVSE has delivered in all its life."""
        return self.rig.evse.energy_wh(evse, self.rig.now_ns)

    # what breaks

    @keyword
    def lock_fails(self, evse: int = 1) -> None:
        """The lock's motor is stuck where it is."""
        self._do(f"lock of EVSE {evse} is stuck", lambda peer, now: peer.lock_fails(evse, True))

    @keyword
    def lock_works(self, evse: int = 1) -> None:
        self._do(f"lock of EVSE {evse} moves", lambda peer, now: peer.lock_fails(evse, False))

    @keyword("EVSE Is Faulted")
    def evse_is_faulted(self, evse: int = 1, code: int = 1) -> None:
        """The controller raises a fault: 1 ground fault, 2 stuck relay, 3 over-temperature, 4 diode check,
        5 ventilation required, 6 overcurrent.
        """
        self._do(
            f"EVSE {evse} has fault {code} ({FAULTS.get(code)})",
            lambda peer, now: peer.fault(evse, code, now),
        )

    @keyword("EVSE Recovers")
    def evse_recovers(self, evse: int = 1) -> None:
        self.evse_is_faulted(evse, 0)

    @keyword("EVSE Controller Falls Silent")
    def controller_falls_silent(self) -> None:
        """It hears and says nothing; its contactors stay as they are."""
        self._do("EVSE controller hangs", lambda peer, now: peer.silence(True, now))

    @keyword("EVSE Controller Answers Again")
    def controller_answers(self) -> None:
        self._do("EVSE controller answers", lambda peer, now: peer.silence(False, now))

    # inside

    def _do(self, act: str, action: Callable[[EvseController, int], None]) -> None:
        self._from_now_on()
        try:
            self.rig.run_for(HAND_S)
            self._note("driver", act)
            action(self.rig.evse, self.rig.now_ns)
        except (PeerError, RigError) as error:
            raise AssertionError(f"That cannot be done: {error}") from None

    def _await_unlock(self, evse: int) -> None:
        if self.connector_is_locked(evse):
            self.connector_should_be_unlocked(evse)
