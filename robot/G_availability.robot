*** Settings ***
Documentation       Functional block G, Availability: Part 6, chapter 2.8. The configured EVSE is 1, its connector 1.
Resource            resources/ocpp.resource
Test Setup          General Preconditions
Test Teardown       Bench Finds Nothing Wrong
Test Tags           availability


*** Test Cases ***
TC_G_01_CS Connector status Notification - Available to Occupied
    [Documentation]    The station reports that an EV was connected.
    [Tags]    TC_G_01_CS    G01    G01.FR.01    G01.FR.03
    # Step 1
    Reusable State EVConnectedPreSession

TC_G_02_CS Connector status Notification - Occupied to Available
    [Documentation]    The station reports that the EV was disconnected.
    [Tags]    TC_G_02_CS    G01    G01.FR.01    G01.FR.04
    # Reusable state
    Reusable State EVConnectedPreSession
    # Manual action, steps 3 and 4
    Disconnect The EV And EVSE
    Connector Is Reported As    Available

TC_G_03_CS Change Availability EVSE - Operative to inoperative
    [Documentation]    An EVSE out of operation is Unavailable, and nobody can start a transaction on it.
    [Tags]    TC_G_03_CS    G03    G03.FR.01    G03.FR.02    G03.FR.04    G03.FR.06
    # Step 1, and the post scenario validation
    Reusable State Unavailable    1
    EVSE Starts No Transaction    1
    Reusable State EnergyTransferStarted    2

TC_G_04_CS Change Availability EVSE - Inoperative to operative
    [Documentation]    An EVSE put into operation again is Available, and a transaction can be started on it.
    [Tags]    TC_G_04_CS    G03    G03.FR.01    G03.FR.02    G03.FR.04    G03.FR.07
    # Memory state
    Reusable State Unavailable    1
    # Steps 1 and 2
    CSMS Changes Availability    Operative    evse=1
    # Steps 3 and 4, and the post scenario validation
    Connector Is Reported As    Available    1
    Reusable State EnergyTransferStarted

TC_G_05_CS Change Availability Charging Station - Operative to inoperative
    [Documentation]    All connectors of a station out of operation are Unavailable, and so is the station.
    [Tags]    TC_G_05_CS    G04    G04.FR.01    G04.FR.02    G04.FR.03    G04.FR.05    G04.FR.07
    # Step 1, and the post scenario validation
    Reusable State Unavailable
    ${state} =    CSMS Gets Variable    ChargingStation    AvailabilityState
    Should Be Equal    ${state}    Unavailable
    EVSE Starts No Transaction    1
    EVSE Starts No Transaction    2

TC_G_06_CS Change Availability Charging Station - Inoperative to operative
    [Documentation]    All connectors of a station put into operation again are Available.
    [Tags]    TC_G_06_CS    G04    G04.FR.01    G04.FR.02    G04.FR.03    G04.FR.05    G04.FR.08
    # Reusable state
    Reusable State Unavailable
    # Steps 1 and 2
    CSMS Changes Availability    Operative
    # Steps 3 and 4, and the post scenario validation
    Station Reports All Connectors As    Available
    Reusable State EnergyTransferStarted

TC_G_07_CS Change Availability Connector - Operative to inoperative
    [Documentation]    A connector out of operation is Unavailable.
    [Tags]    TC_G_07_CS    G03    G03.FR.01    G03.FR.02    G03.FR.04    G03.FR.06
    # Step 1, and the post scenario validation
    Reusable State Unavailable    1    1
    EVSE Starts No Transaction    1

TC_G_08_CS Change Availability Connector - Inoperative to operative
    [Documentation]    A connector put into operation again is Available. What the CSMS has set for its EVSE is another
    ...    thing (G03, note 1).
    [Tags]    TC_G_08_CS    G03    G03.FR.01    G03.FR.02    G03.FR.04    G03.FR.07
    # Memory state
    Reusable State Unavailable    1    1
    CSMS Changes Availability    Operative    evse=1
    Connector Is Reported As    Unavailable    1
    # Steps 1 and 2
    CSMS Changes Availability    Operative    evse=1    connector=1
    # Steps 3 and 4, and the post scenario validation
    Connector Is Reported As    Available    1

TC_G_09_CS Change Availability EVSE - Operative to operative
    [Documentation]    An EVSE that is in operation can be put into operation.
    [Tags]    TC_G_09_CS    G03    G03.FR.01    G03.FR.02    G03.FR.03    G03.FR.04
    # Steps 1 and 2
    CSMS Changes Availability    Operative    evse=1
    Connector Is Reported As    Available    1

TC_G_10_CS Change Availability EVSE - Inoperative to inoperative
    [Documentation]    An EVSE that is out of operation can be put out of operation.
    [Tags]    TC_G_10_CS    G03    G03.FR.01    G03.FR.02    G03.FR.03    G03.FR.04
    # Charging state
    Reusable State Unavailable    1
    # Steps 1 and 2
    CSMS Changes Availability    Inoperative    evse=1
    # Post scenario validation
    Connector Is Reported As    Unavailable    1
    Every Connector Has Been Reported

TC_G_11_CS Change Availability EVSE - With ongoing transaction
    [Documentation]    The EVSE goes out of operation when its transaction has ended, which is at step 3, as TxStopPoint
    ...    contains Authorized.
    [Tags]    TC_G_11_CS    G03    G03.FR.01    G03.FR.02    G03.FR.04    G03.FR.05
    # Charging state
    Reusable State EnergyTransferStarted
    # Steps 1 and 2
    CSMS Changes Availability    Inoperative    Scheduled    evse=1
    Connector Stays Occupied
    # Steps 3 to 14
    Session Ends On An EVSE That Becomes Unavailable
    # Post scenario validation
    Every Connector Has Been Reported

TC_G_12_CS Change Availability Charging Station - Operative to operative
    [Documentation]    A station that is in operation can be put into operation.
    [Tags]    TC_G_12_CS    G04    G04.FR.01    G04.FR.02    G04.FR.03    G04.FR.04    G04.FR.05
    # Steps 1 and 2
    CSMS Changes Availability    Operative
    Station Reports All Connectors As    Available

TC_G_13_CS Change Availability Charging Station - Inoperative to inoperative
    [Documentation]    A station that is out of operation can be put out of operation, and reports its connectors.
    [Tags]    TC_G_13_CS    G04    G04.FR.01    G04.FR.02    G04.FR.03    G04.FR.04    G04.FR.05
    # Charging state
    Reusable State Unavailable
    # Steps 1 and 2
    CSMS Changes Availability    Inoperative
    # Steps 3 and 4, and the post scenario validation
    Station Reports All Connectors As    Unavailable

TC_G_14_CS Change Availability Charging Station - With ongoing transaction
    [Documentation]    The other EVSE goes out of operation at once, the one with the transaction when that has ended:
    ...    at step 5, as TxStopPoint contains Authorized.
    [Tags]    TC_G_14_CS    G04    G04.FR.01    G04.FR.02    G04.FR.03    G04.FR.05    G04.FR.06
    # Charging state
    Reusable State EnergyTransferStarted
    # Steps 1 and 2
    CSMS Changes Availability    Inoperative    Scheduled
    # Steps 3 and 4
    Connector Is Reported As    Unavailable    2
    Connector Stays Occupied
    # Steps 5 to 16
    Session Ends On An EVSE That Becomes Unavailable
    # Post scenario validation
    Every Connector Has Been Reported

TC_G_15_CS Change Availability Connector - Operative to operative
    [Documentation]    A connector that is in operation can be put into operation.
    [Tags]    TC_G_15_CS    G03    G03.FR.01    G03.FR.02    G03.FR.03    G03.FR.04
    # Steps 1 and 2
    CSMS Changes Availability    Operative    evse=1    connector=1
    # Post scenario validation
    Connector Is Reported As    Available    1
    Every Connector Has Been Reported

TC_G_16_CS Change Availability Connector - Inoperative to inoperative
    [Documentation]    A connector that is out of operation can be put out of operation.
    [Tags]    TC_G_16_CS    G03    G03.FR.01    G03.FR.02    G03.FR.03    G03.FR.04
    # Charging state
    Reusable State Unavailable    1    1
    # Steps 1 and 2
    CSMS Changes Availability    Inoperative    evse=1    connector=1
    # Post scenario validation
    Connector Is Reported As    Unavailable    1
    Every Connector Has Been Reported

TC_G_17_CS Change Availability Connector - With ongoing transaction
    [Documentation]    The connector goes out of operation when the transaction has ended, which is at step 3, as
    ...    TxStopPoint contains Authorized.
    [Tags]    TC_G_17_CS    G03    G03.FR.01    G03.FR.02    G03.FR.04    G03.FR.05
    # Charging state
    Reusable State EnergyTransferStarted
    # Steps 1 and 2
    CSMS Changes Availability    Inoperative    Scheduled    evse=1    connector=1
    Connector Stays Occupied
    # Steps 3 to 14
    Session Ends On An EVSE That Becomes Unavailable
    # Post scenario validation
    Every Connector Has Been Reported

TC_G_18_CS Change Availability EVSE - state persists across reboot
    [Documentation]    An EVSE out of operation is still so after a power cut.
    [Tags]    TC_G_18_CS    G03    G01.FR.01    G01.FR.02    G03.FR.08
    # Charging state
    Reusable State Unavailable    1
    # Steps 1 and 2
    CSMS Changes Availability    Inoperative    evse=1
    # Steps 3 and 4
    Connector Is Reported As    Unavailable    1
    # Step 5, and the post scenario validation
    Power Cycle The Station
    Station Boots And Reports    PowerUp    1=Unavailable    2=Available

TC_G_19_CS Change Availability Connector - state persists across reboot
    [Documentation]    A connector out of operation is still so after a reset.
    [Tags]    TC_G_19_CS    G03    G03.FR.08
    # Charging state
    Reusable State Unavailable    1    1
    # Step 1
    Reusable State Booting
    # Steps 2 to 7, and the post scenario validation
    Station Boots And Reports    RemoteReset    1=Unavailable    2=Available

TC_G_21_CS Change Availability Charging Station - state persists across reboot
    [Documentation]    A station out of operation is still so after a reset.
    [Tags]    TC_G_21_CS    G04    G04.FR.09
    # Charging state
    Reusable State Unavailable
    # Step 1
    Reusable State Booting
    # Steps 2 to 7, and the post scenario validation
    Station Boots And Reports    RemoteReset    1=Unavailable    2=Unavailable


*** Keywords ***
CSMS Changes Availability
    [Documentation]    ChangeAvailabilityRequest for the station, an EVSE or a connector; the response has this status.
    [Arguments]    ${to}    ${status}=Accepted    ${evse}=${0}    ${connector}=${0}
    VAR    &{request}    operationalStatus=${to}
    IF    ${connector}
        VAR    &{request}    &{request}    evse=${{ {"id": int($evse), "connectorId": int($connector)} }}
    ELSE IF    ${evse}
        VAR    &{request}    &{request}    evse=${{ {"id": int($evse)} }}
    END
    CSMS Sends And Gets    ChangeAvailability    ${status}    &{request}

EVSE Starts No Transaction
    [Documentation]    Neither cable nor idToken starts anything, a remote start is refused, and the status stays.
    [Arguments]    ${evse}
    VAR    &{token}    idToken=${VALID ID TOKEN}    type=ISO14443
    CSMS Sends And Gets    RequestStartTransaction    Rejected
    ...    evseId=${{int($evse)}}    remoteStartId=${8}    idToken=${token}
    Connect The EV And EVSE    ${evse}
    Present IdToken    ${VALID ID TOKEN}    ${evse}
    Station Sends No    TransactionEvent    5
    Station Sends No    StatusNotification    1
    Contactor Should Be Open    ${evse}

Connector Stays Occupied
    [Documentation]    The scheduled change has not come yet: nothing is reported of EVSE 1, and energy flows.
    Station Sends No    StatusNotification    2
    ${state} =    CSMS Gets Variable    Connector    AvailabilityState    1    1
    Should Be Equal    ${state}    Occupied
    Contactor Should Be Closed

Session Ends On An EVSE That Becomes Unavailable
    [Documentation]    TC_G_11_CS steps 3 to 14: Unavailable is reported when the transaction has ended, and no other
    ...    status afterwards (G01.FR.05).
    Reusable State StopAuthorized
    Transaction Should Have Ended
    Connector Is Reported As    Unavailable    1
    Reusable State EVConnectedPostSession
    Disconnect The EV And EVSE
    Station Sends No    StatusNotification    3
    EVSE Starts No Transaction    1
