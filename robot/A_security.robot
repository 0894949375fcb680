*** Settings ***
Documentation       Functional block A, Security: Part 6, chapter 2.2.
Resource            resources/ocpp.resource
Test Setup          Prepare The Station
Test Teardown       Bench Finds Nothing Wrong
Test Tags           security


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
    ${authorization} =    Header    ${upgrade}    Authorization
    ${credentials} =    Evaluate    base64.b64encode($IDENTITY.encode() + b":" + $PASSWORD.encode()).decode()
    Should Be Equal    ${authorization}    Basic ${credentials}
    Should End With    ${upgrade.path}    /${upgrade.user}
    ${length} =    Get Length    ${upgrade.password}
    Should Be True    16 <= ${length} <= 64    The password has ${length} characters, allowed are 16 to 64
