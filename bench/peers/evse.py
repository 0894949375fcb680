"""The EVSE controller at the EVSE UART (OpenEVSE RAPI manner) with its EVSEs, cables and cars."""

from __future__ import annotations


class EvseController:
    """A controller with `evses` EVSEs (numbered from 1), each with one connector and maybe a car.

    Energy is integrated in virtual time. All methods take virtual nanoseconds, never going back. Raises
    ValueError for an EVSE that is not there.
    """

    def __init__(self, *, evses: int = 2, voltage_mv: int = 230_000, seed: int = 0) -> None: ...

    def power(self, on: bool, now_ns: int) -> None:
        """Supply of the controller; on: boots and says $AB. On from the start."""

    def receive(self, data: bytes, now_ns: int) -> None: ...

    def poll(self, now_ns: int) -> bytes:
        raise NotImplementedError

    def next_event_ns(self) -> int | None:
        raise NotImplementedError

    # the car and its driver

    def plug(self, evse: int, now_ns: int) -> None:
        """Cable with a car: pilot A -> B."""

    def unplug(self, evse: int, now_ns: int) -> None:
        """Raises PeerError while the connector is locked."""

    def ready(self, evse: int, on: bool, now_ns: int) -> None:
        """The car wants energy (B -> C when charging is enabled) or not."""

    def present_token(self, token: str, now_ns: int, *, type: str = "ISO14443", reader: int = 1) -> None: ...

    def set_car_limit(self, evse: int, amps: float, now_ns: int) -> None:
        """What the car takes at most (default 32 A)."""

    # faults

    def fault(self, evse: int, code: int, now_ns: int) -> None:
        """Raise a fault ($AE, pilot F, contactor opens); code 0 clears it."""

    def lock_fails(self, evse: int, on: bool) -> None:
        """The lock motor is stuck: $SL is answered $NK."""

    def silence(self, on: bool, now_ns: int) -> None:
        """The controller is dead: hears nothing, says nothing."""

    def drop_frames(self, count: int) -> None:
        """The next `count` frames towards the board are lost."""

    def corrupt_frames(self, count: int) -> None:
        """The next `count` frames towards the board have one byte changed."""

    # what a scenario looks at

    def pilot(self, evse: int, now_ns: int) -> str: ...  # type: ignore[empty-body]

    def contactor_closed(self, evse: int, now_ns: int) -> bool: ...  # type: ignore[empty-body]

    def locked(self, evse: int) -> bool: ...  # type: ignore[empty-body]

    def pilot_amps(self, evse: int) -> int: ...  # type: ignore[empty-body]

    def energy_wh(self, evse: int, now_ns: int) -> float: ...  # type: ignore[empty-body]
