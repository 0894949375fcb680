*** Settings ***
Documentation       Functional block A, Security: Part 6, chapter 2.2.
Resource            resources/ocpp.resource
Test Setup          Prepare The Station
Test Teardown       Bench Finds Nothing Wrong
Test Tags           security


*** Variables ***
${SHORT PASSWORD}           15-Passw0rd-000


*** Test Cases ***
TC_A_01_CS Basic Authentication - Valid username/password combination
    [Documentation]    The station authenticates itself with HTTP Basic authentication, username and password being
    ...    its identity and SecurityCtrlr.BasicAuthPassword.
    ...
    ...    The errata 2025-09 to A00.FR.205 let a password hold any characters, 16 to 64 of them.
    [Tags]    TC_A_01_CS    A00    B01    A00.FR.202    A00.FR.203    A00.FR.204    A00.FR.205    A00.FR.301
    ...    A00.FR.302    A00.FR.304    B01.FR.01    B01.FR.05    B01.FR.09
    # Step 1
    Reusable State Booted
    ${upgrade} =    Upgrade Request Of The Station
    Station Authenticates With    ${upgrade}    ${IDENTITY}    ${PASSWORD}
    ${length} =    Get Length    ${upgrade.password}
    Should Be True    16 <= ${length} <= 64    The password has ${length} characters, allowed are 16 to 64

TC_A_09_CS Update Charging Station Password for HTTP Basic Authentication - Accepted
    [Documentation]    The station takes a new password, connects again, and authenticates itself with it, also after
    ...    a reset.
    [Tags]    TC_A_09_CS    A01    A01.FR.01    A01.FR.11    A01.FR.12    B01.FR.01
    Reusable State Booted
    Station Connects
    # Steps 1 and 2
    ${results} =    Results Of SetVariables    SecurityCtrlr.BasicAuthPassword=${NEW PASSWORD}
    VAR    ${status}    ${results}[0][attributeStatus]
    Should Contain Any    ${status}    Accepted    RebootRequired
    IF    '${status}' == 'RebootRequired'    CSMS Sends And Gets    Reset    Accepted    type=Immediate
    # Steps 3 and 4
    ${upgrade} =    Station Connects
    Should Be Equal As Integers    ${upgrade.status}    101
    Station Authenticates With    ${upgrade}    ${IDENTITY}    ${NEW PASSWORD}
    # Steps 5 to 8
    IF    '${status}' == 'RebootRequired'    Station Has Booted
    # It is kept (A01.FR.01)
    Power Cycle The Station
    Station Has Booted
    ${upgrade} =    Upgrade Request Of The Station
    Station Authenticates With    ${upgrade}    ${IDENTITY}    ${NEW PASSWORD}

TC_A_10_CS Update Charging Station Password for HTTP Basic Authentication - Rejected
    [Documentation]    A password that is too short is rejected; the station keeps the one it has.
    [Tags]    TC_A_10_CS    A01    A01.FR.01    A01.FR.11    A01.FR.12
    Reusable State Booted
    # Steps 1 and 2
    ${results} =    Results Of SetVariables    SecurityCtrlr.BasicAuthPassword=${SHORT PASSWORD}
    Should Be Equal    ${results}[0][attributeStatus]    Rejected
    # Steps 3 to 5
    Power Cycle The Station
    Station Has Booted
    ${upgrade} =    Upgrade Request Of The Station
    Should Be Equal As Integers    ${upgrade.status}    101
    Station Authenticates With    ${upgrade}    ${IDENTITY}    ${PASSWORD}
