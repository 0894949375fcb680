*** Settings ***
Documentation       The station on an emulated STM32F4 Discovery, in Renode alone.
Suite Setup         Setup
Suite Teardown      Teardown
Test Setup          Reset Emulation
Test Teardown       Test Teardown
Resource            ${RENODEKEYWORDS}
Resource            station.resource


*** Variables ***
${PLATFORM}     stm32f4_discovery
${MODEM}        usart2
${EVSE}         usart3


*** Test Cases ***
Boot Log
    Boot Log Names The Board

AT Traffic
    Station Sets Up Its Network Module

RAPI Traffic
    Station Asks Its EVSE Controller

Reset
    Reset Keeps The Store And Is Told

Watchdog
    Watchdog Resets A Station That Hangs
