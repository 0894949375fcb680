*** Settings ***
Documentation       Functional block F, Remote control: Part 6, chapter 2.7.
Resource            resources/ocpp.resource
Test Setup          Prepare The Station
Test Teardown       Bench Finds Nothing Wrong
Test Tags           remote control


*** Test Cases ***
TC_F_20_CS Trigger message - Heartbeat
    [Documentation]    The CSMS asks for a HeartbeatRequest and gets it, after the response.
    [Tags]    TC_F_20_CS    F06    F06.FR.04    F06.FR.05    F06.FR.10
    Reusable State Booted
    # Steps 1 and 2
    ${response} =    CSMS Sends    TriggerMessage    requestedMessage=Heartbeat
    Should Be Equal    ${response.payload}[status]    Accepted
    # Steps 3 and 4
    ${heartbeat} =    Station Sends    Heartbeat    within=${TIME DEVIATION}
    Comes Before    ${response}    ${heartbeat}
    ${answer} =    Answer To    ${heartbeat}
    Should Be Equal    ${answer.type}    CALLRESULT
