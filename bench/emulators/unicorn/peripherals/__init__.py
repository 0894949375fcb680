"""Peripheral models, by the type of their entry in a .repl."""

from __future__ import annotations

from typing import Protocol

from ...repl import Entry
from .base import Board, GpioPort, Peripheral, Uart
from .flash import FlashController
from .nrf_clock import ClockPower
from .nrf_gpio import Gpio as NrfGpio
from .nrf_nvmc import Nvmc
from .nrf_rng import Rng as NrfRng
from .nrf_timer import Timer as NrfTimer
from .nrf_uarte import Uarte
from .nrf_wdt import Wdt
from .stm32_flash import FlashInterface
from .stm32_gpio import Gpio
from .stm32_iwdg import Iwdg
from .stm32_pwr import Pwr
from .stm32_rcc import Rcc
from .stm32_rng import Rng
from .stm32_rtc import Rtc
from .stm32_timer import Timer
from .stm32_usart import Usart

__all__ = ["FlashController", "GpioPort", "Timer", "Uart", "clock_source", "create"]

_TYPES: dict[str, type[Peripheral]] = {
    "Miscellaneous.STM32F4_RCC": Rcc,
    "Timers.STM32F4_RTC": Rtc,
    "Miscellaneous.STM32_PWR": Pwr,
    "MTD.STM32F4_FlashController": FlashInterface,
    "GPIOPort.STM32_GPIOPort": Gpio,
    "UART.STM32_UART": Usart,
    "Timers.STM32_Timer": Timer,
    "Miscellaneous.STM32F4_RNG": Rng,
    "Timers.STM32_IndependentWatchdog": Iwdg,
    "Miscellaneous.NRF_CLOCK": ClockPower,
    "UART.NRF52840_UART": Uarte,
    "Timers.NRF52840_Timer": NrfTimer,
    "Miscellaneous.NRF52840_RNG": NrfRng,
    "Timers.NRF52840_Watchdog": Wdt,
    "GPIOPort.NRF52840_GPIO": NrfGpio,
    "Miscellaneous.STM32F4_RCC_ResetFlags": Rcc,
    "MTD.STM32F4_FLASH": FlashInterface,
    "UART.STM32F4_USART": Usart,
    "Timers.STM32F4_IWDG": Iwdg,
    "Miscellaneous.NRF52840_POWER_CLOCK": ClockPower,
    "UART.NRF52840_UARTE": Uarte,
    "Timers.NRF52840_TIMER": NrfTimer,
    "Timers.NRF52840_WDT": Wdt,
    "MTD.NRF52840_NVMC": Nvmc,
}
_SCRIPTED: dict[str, type[Peripheral]] = {"nvmc": Nvmc}


class ClockSource(Protocol):
    """What knows how fast the core runs."""

    def core_hz(self) -> int: ...

    def systick_reference_hz(self) -> int: ...


def create(board: Board, entry: Entry) -> Peripheral:
    """The model for an entry; catalogue.py has made sure that there is one."""
    model = _SCRIPTED[entry.name] if entry.type == "Python.PythonPeripheral" else _TYPES[entry.type]
    return model(board, entry)


class _FixedClock:
    def core_hz(self) -> int:
        return 64_000_000

    def systick_reference_hz(self) -> int:
        return 32_768


def clock_source(peripherals: list[Peripheral]) -> ClockSource:
    """The board's RCC; without one, the clocks of the nRF52, which do not change."""
    return next((p for p in peripherals if isinstance(p, Rcc)), _FixedClock())
