*** Settings ***
Documentation       The station on an emulated nRF52840 DK, in Renode alone.
Suite Setup         Setup
Suite Teardown      Teardown
Test Setup          Reset Emulation
Test Teardown       Test Teardown
Resource            ${RENODEKEYWORDS}
Resource            station.resource


*** Variables ***
${PLATFORM}     nrf52840dk
${MODEM}        uart0
${EVSE}         uart1


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
