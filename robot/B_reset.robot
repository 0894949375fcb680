*** Settings ***
Documentation       Functional block B, Provisioning: reset of the station and of an EVSE, Part 6, chapter 2.3. The
...                 configured EVSE is 1, its connector 1. TxStartPoint and TxStopPoint contain Authorized: a
...                 transaction ends when its stop is authorized, and the steps for later ends are left out.
Resource            resources/ocpp.resource
Test Setup          General Preconditions
Test Teardown       Bench Finds Nothing Wrong
Test Tags           provisioning


*** Test Cases ***
TC_B_20_CS Reset Charging Station - Without ongoing transaction - OnIdle
    [Documentation]    An idle station resets itself at once.
    [Tags]    TC_B_20_CS    B01    B11    B01.FR.03    B11.FR.01    B11.FR.03    B11.FR.04
    # Steps 1 and 2
    CSMS Sends And Gets    Reset    Accepted    type=OnIdle
    # Steps 3 to 6, and the post scenario validation
    Station Boots And Reports    RemoteReset    1=Available    2=Available

TC_B_21_CS Reset Charging Station - With Ongoing Transaction - OnIdle
    [Documentation]    The station resets itself when the transaction has ended. Until then no other one can start.
    [Tags]    TC_B_21_CS    B12    B12.FR.01    B12.FR.03
    # Reusable state
    Reusable State EnergyTransferStarted
    # Steps 1 and 2
    CSMS Sends And Gets    Reset    Scheduled    type=OnIdle
    Connector Is Reported As    Unavailable    2
    Present IdToken    ${VALID ID TOKEN 2}    2
    Connect The EV And EVSE    2
    Station Sends No    BootNotification    60
    Contactor Should Be Closed    1
    Contactor Should Be Open    2
    Disconnect The EV And EVSE    2
    # Step 3
    Reusable State StopAuthorized
    # Steps 7 to 12, and the post scenario validation
    Station Boots And Reports    ScheduledReset    1=Occupied    2=Available

TC_B_22_CS Reset Charging Station - With Ongoing Transaction - Immediate
    [Documentation]    The station ends the transaction and resets itself.
    [Tags]    TC_B_22_CS    B12    E07    B01.FR.03    B12.FR.02    B12.FR.04    E07.FR.03
    # Reusable state
    Reusable State EnergyTransferStarted
    # Steps 1 and 2
    CSMS Sends And Gets    Reset    Accepted    type=Immediate
    # Steps 3 and 4
    Station Sends TransactionEvent    eventType=Ended    triggerReason=ResetCommand    idToken=omitted
    ...    transactionInfo.chargingState=EVConnected    transactionInfo.stoppedReason=ImmediateReset
    # Steps 5 to 8, and the post scenario validation
    Station Boots And Reports    RemoteReset    1=Occupied    2=Available

TC_B_23_CS Reset Charging Station - Unavailable persists reset
    [Documentation]    A connector out of operation is still so after a reset.
    [Tags]    TC_B_23_CS    B11    B01.FR.03    B11.FR.01    B11.FR.02    B11.FR.03    B11.FR.04
    # Memory state
    Reusable State Unavailable    1    1
    # Steps 1 and 2
    CSMS Sends And Gets    Reset    Accepted    type=OnIdle
    # Steps 3 to 6, and the post scenario validation
    Station Boots And Reports    RemoteReset    1=Unavailable    2=Available

TC_B_25_CS Reset EVSE - Without ongoing transaction
    [Documentation]    An EVSE is reset, and the station is not. Meanwhile it is Unavailable and its pilot is off.
    [Tags]    TC_B_25_CS    B11    B11.FR.01    B11.FR.08    B11.FR.10
    ${allowed} =    CSMS Gets Variable    EVSE    AllowReset    1
    Should Be Equal    ${allowed}    true
    # Steps 1 and 2
    CSMS Sends And Gets    Reset    Accepted    type=OnIdle    evseId=${1}
    EVSE Is Reset    Available
    Station Sends No    BootNotification    10
    Reusable State EnergyTransferStarted

TC_B_26_CS Reset EVSE - With Ongoing Transaction - OnIdle
    [Documentation]    An EVSE is reset when its transaction has ended; the transaction on the other one goes on.
    [Tags]    TC_B_26_CS    B12    B12.FR.01    B12.FR.07
    # Reusable state
    Reusable State EnergyTransferStarted    1
    Reusable State EnergyTransferStarted    2    ${VALID ID TOKEN 2}
    # Steps 1 and 2
    CSMS Sends And Gets    Reset    Scheduled    type=OnIdle    evseId=${1}
    Station Sends No    StatusNotification    30
    # Step 3
    Reusable State StopAuthorized    1
    EVSE Is Reset    Occupied
    # Steps 4 and 5
    Reusable State EVConnectedPostSession    1
    Reusable State EVDisconnected    1
    Contactor Should Be Closed    2
    Station Sends No    BootNotification    10

TC_B_27_CS Reset EVSE - With Ongoing Transaction - Immediate
    [Documentation]    The transaction is ended and the EVSE reset; the transaction on the other one goes on.
    [Tags]    TC_B_27_CS    B12    E07    B12.FR.02    B12.FR.08    E07.FR.03
    # Reusable state
    Reusable State EnergyTransferStarted    1
    Reusable State EnergyTransferStarted    2    ${VALID ID TOKEN 2}
    # Steps 1 and 2
    CSMS Sends And Gets    Reset    Accepted    type=Immediate    evseId=${1}
    # Steps 3 and 4
    Station Sends TransactionEvent    1    eventType=Ended    triggerReason=ResetCommand
    ...    transactionInfo.chargingState=EVConnected    transactionInfo.stoppedReason=ImmediateReset
    EVSE Is Reset    Occupied
    Contactor Should Be Closed    2
    Station Sends No    BootNotification    10

TC_B_28_CS Reset EVSE - Not Supported
    [Documentation]    A station that cannot reset an EVSE alone says so, and resets nothing.
    [Tags]    TC_B_28_CS    B11    B12    B11.FR.01    B11.FR.09    B12.FR.01    B12.FR.09
    # Steps 1 and 2
    CSMS Sends And Gets    Reset    Rejected    type=OnIdle    evseId=${1}
    Station Sends No    BootNotification    10

TC_B_29_CS Reset EVSE - With ongoing transaction - Not Supported
    [Documentation]    A station that cannot reset an EVSE alone says so, and the transaction there goes on.
    [Tags]    TC_B_29_CS    B12    B12.FR.01    B12.FR.09
    # Reusable state
    Reusable State EnergyTransferStarted
    # Steps 1 and 2
    CSMS Sends And Gets    Reset    Rejected    type=OnIdle    evseId=${1}
    Station Sends No    BootNotification    10
    Contactor Should Be Closed

TC_B_41_CS Reset Charging Station - With multiple ongoing transactions - OnIdle
    [Documentation]    The station resets itself when all its transactions have ended.
    [Tags]    TC_B_41_CS    B12    E07    B12.FR.01    B12.FR.03    E07.FR.03
    # Reusable states
    Reusable State EnergyTransferStarted    1
    Reusable State EnergyTransferStarted    2    ${VALID ID TOKEN 2}
    # Steps 1 and 2
    CSMS Sends And Gets    Reset    Scheduled    type=OnIdle
    # Steps 3 to 5
    Reusable State StopAuthorized    1
    Reusable State EVConnectedPostSession    1
    Reusable State EVDisconnected    1
    Station Sends No    BootNotification    30
    # Steps 7 and 8
    Reusable State StopAuthorized    2
    # Steps 11 to 14, and the post scenario validation
    Station Boots And Reports    ScheduledReset    1=Available    2=Occupied


*** Keywords ***
EVSE Is Reset
    [Documentation]    EVSE 1 is Unavailable without power and pilot for a while, and then as it was.
    [Arguments]    ${afterwards}
    Connector Is Reported As    Unavailable    1
    Pilot Current Should Be    0    1
    Contactor Should Be Open    1
    Connector Is Reported As    ${afterwards}    1    within=${20}
    Pilot Current Should Be    32    1
