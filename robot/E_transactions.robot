*** Settings ***
Documentation       Functional block E, Transactions: Part 6, chapter 2.6. The test cases about what is sent again, and
...                 about GetTransactionStatus, are in E_offline_and_retry.robot.
Resource            resources/ocpp.resource
Test Teardown       Bench Finds Nothing Wrong
Test Tags           transactions


*** Variables ***
# The authorization that most test cases ask for.
&{AUTHORIZED BY CSMS}       AuthCtrlr.Enabled=true    AuthCtrlr.DisableRemoteAuthorization=false


*** Test Cases ***
TC_E_01_CS Start transaction options - PowerPathClosed
    [Documentation]    The transaction starts when the power path is closed: EV connected and driver authorized.
    [Tags]    TC_E_01_CS    E01    E01.FR.05    E01.FR.07    E01.FR.10    E01.FR.15    E01.FR.16
    [Setup]    General Preconditions    TxCtrlr.TxStartPoint=PowerPathClosed
    Reusable State Authorized
    # Steps 1 and 2
    Reusable State EVConnectedPreSession
    Transaction Should Run
    Reusable State EnergyTransferStarted

TC_E_02_CS Start transaction options - EnergyTransfer
    [Documentation]    The transaction starts with the flow of energy, and not before.
    [Tags]    TC_E_02_CS    E01    E01.FR.06    E01.FR.07    E01.FR.10    E01.FR.15    E01.FR.16
    [Setup]    General Preconditions    TxCtrlr.TxStartPoint=EnergyTransfer
    Reusable State Authorized
    # Manual action, steps 1 and 2
    EV Is Connected To    1
    # Steps 3 and 4
    Station Sends TransactionEvent    eventType=Started    triggerReason=ChargingStateChanged or Authorized
    ...    idToken.idToken=${VALID ID TOKEN}    idToken.type=ISO14443
    ...    evse.id=1    evse.connectorId=1    transactionInfo.chargingState=Charging
    Contactor Should Be Closed

TC_E_09_CS Start transaction options - EVConnected
    [Documentation]    The transaction starts when the EV is connected.
    [Tags]    TC_E_09_CS    E01    E01.FR.02    E01.FR.07    E01.FR.10    E01.FR.15    E01.FR.16
    [Setup]    General Preconditions    TxCtrlr.TxStartPoint=EVConnected
    # Manual action, steps 1 and 2
    EV Is Connected To    1
    # Steps 3 and 4
    Station Sends TransactionEvent    eventType=Started
    ...    triggerReason=CablePluggedIn or ChargingStateChanged
    ...    evse.id=1    evse.connectorId=1    transactionInfo.chargingState=EVConnected
    # Errata 6.2.44
    Reusable State Authorized
    Reusable State EnergyTransferStarted

TC_E_10_CS Start transaction options - Authorized - Local
    [Documentation]    The transaction starts when the driver is authorized by an idToken.
    [Tags]    TC_E_10_CS    E01    C01    E01.FR.03    E01.FR.07    E01.FR.10    E01.FR.15    E01.FR.16    C01.FR.02
    [Setup]    General Preconditions    TxCtrlr.TxStartPoint=Authorized    &{AUTHORIZED BY CSMS}
    # Manual action, steps 1 and 2
    Present IdToken    ${VALID ID TOKEN}
    Station Sends    Authorize    idToken.idToken=${VALID ID TOKEN}    idToken.type=ISO14443
    # Steps 3 and 4
    Note Authorization    1    ${VALID ID TOKEN}    ISO14443
    Station Sends TransactionEvent    eventType=Started    triggerReason=Authorized
    ...    idToken.idToken=${VALID ID TOKEN}    idToken.type=ISO14443
    # Errata 6.2.44
    Reusable State EVConnectedPreSession
    Reusable State EnergyTransferStarted

TC_E_13_CS Start transaction options - Authorized - Remote
    [Documentation]    The transaction starts when the CSMS authorizes it.
    [Tags]    TC_E_13_CS    E01    F02    E01.FR.03    F01.FR.03    F01.FR.04    F01.FR.06    F01.FR.19    F02.FR.01
    [Setup]    General Preconditions    TxCtrlr.TxStartPoint=Authorized    &{AUTHORIZED BY CSMS}
    # Steps 1 to 6
    Reusable State Authorized Remote
    # Errata 6.2.44
    Reusable State EVConnectedPreSession
    Reusable State EnergyTransferStarted

TC_E_11_CS Start transaction options - DataSigned
    [Documentation]    The transaction starts when the meter has signed a reading.
    [Tags]    TC_E_11_CS    E01    E01.FR.04    E01.FR.07    E01.FR.10    E01.FR.15    E01.FR.16
    [Setup]    General Preconditions    TxCtrlr.TxStartPoint=DataSigned    SampledDataCtrlr.SignReadings=true
    Reusable State Authorized
    # Manual action, steps 1 and 2
    EV Is Connected To    1
    # Steps 3 and 4
    VAR    ${samples}    meterValue[*].sampledValue[*]
    ${event} =    Station Sends TransactionEvent    eventType=Started    triggerReason=SignedDataReceived
    ...    idToken.idToken=${VALID ID TOKEN}    idToken.type=ISO14443    evse.id=1    evse.connectorId=1
    Message Has    ${event}
    ...    ${samples}.context=Transaction.Begin
    ...    ${samples}.signedMeterValue.encodingMethod=present
    ...    ${samples}.signedMeterValue.publicKey=present
    ...    ${samples}.signedMeterValue.signedMeterData=present
    ...    ${samples}.signedMeterValue.signingMethod=present
    # Steps 5 and 6
    Station Sends TransactionEvent    eventType=Updated
    ...    triggerReason=ChargingStateChanged    transactionInfo.chargingState=Charging

TC_E_03_CS Local start transaction - Cable plugin first - Success
    [Documentation]    On both EVSEs, one after the other: cable first, then the idToken.
    [Tags]    TC_E_03_CS    E02    C01    E02.FR.01    E02.FR.05    E02.FR.06    E02.FR.07    E02.FR.13    E02.FR.15
    ...    E02.FR.16    E02.FR.17    E01.FR.16    C01.FR.02
    [Setup]    General Preconditions    &{AUTHORIZED BY CSMS}
    FOR    ${evse}    ${token}    IN    ${1}    ${VALID ID TOKEN}    ${2}    ${VALID ID TOKEN 2}
        Reusable State EVConnectedPreSession    ${evse}
        # Steps 1 and 2
        Reusable State Authorized Local    ${evse}    ${token}
        Reusable State EnergyTransferStarted    ${evse}
        Connector Should Be Locked    ${evse}
    END

TC_E_04_CS Local start transaction - Authorization first - Success
    [Documentation]    On both EVSEs, one after the other: idToken first, then the cable.
    [Tags]    TC_E_04_CS    E03    C01    E03.FR.01    E03.FR.06    E03.FR.12    E01.FR.16    C01.FR.02
    [Setup]    General Preconditions    &{AUTHORIZED BY CSMS}
    FOR    ${evse}    ${token}    IN    ${1}    ${VALID ID TOKEN}    ${2}    ${VALID ID TOKEN 2}
        # Steps 1 and 2
        Reusable State Authorized Local    ${evse}    ${token}
        Reusable State EnergyTransferStarted    ${evse}
        Connector Should Be Locked    ${evse}
    END

TC_E_05_CS Local start transaction - Authorization first - Cable plugin timeout
    [Documentation]    No cable comes within EVConnectionTimeOut: the authorization ends, and another one can begin.
    [Tags]    TC_E_05_CS    E03    C01    E03.FR.01    E03.FR.05    E03.FR.06    E03.FR.12    C01.FR.02
    [Setup]    General Preconditions    TxCtrlr.EVConnectionTimeOut=${EV CONNECTION TIME OUT}
    ...    AuthCacheCtrlr.Enabled=false    AuthCtrlr.LocalPreAuthorize=false    &{AUTHORIZED BY CSMS}
    Reusable State Authorized Local
    # Steps 1 and 2
    Cable Comes Too Late
    # Steps 3 and 4
    Reusable State Authorized Local
    Reusable State EnergyTransferStarted

TC_E_52_CS Local start transaction - Authorization first - DisableRemoteAuthorization
    [Documentation]    The station asks no CSMS, knows no idToken itself, and so starts nothing.
    [Tags]    TC_E_52_CS    E03    C01    C01.FR.02    C01.FR.05
    [Setup]    General Preconditions    AuthCtrlr.Enabled=true    AuthCtrlr.DisableRemoteAuthorization=true
    # Manual action, step 1
    Present IdToken    ${VALID ID TOKEN}
    Station Sends No    Authorize    5
    # Errata 6.2.48
    Reusable State EVConnectedPreSession
    Station Sends No TransactionEvent    10
    Station Sends No    Authorize    1
    Contactor Should Be Open

TC_E_06_CS Local Stop Transaction - Accepted
    [Documentation]    On both EVSEs: the idToken that started the transaction stops it.
    [Tags]    TC_E_06_CS    E07    C01    E07.FR.04    E06.FR.15    C01.FR.03
    [Setup]    General Preconditions    &{AUTHORIZED BY CSMS}
    Reusable State EnergyTransferStarted    1    ${VALID ID TOKEN}
    Reusable State EnergyTransferStarted    2    ${VALID ID TOKEN 2}
    FOR    ${evse}    IN    ${1}    ${2}
        ${transaction} =    Transaction Id    ${evse}
        # Steps 1 to 3
        Reusable State StopAuthorized Local    ${evse}
        Reusable State EVConnectedPostSession    ${evse}
        Reusable State EVDisconnected    ${evse}
        Transaction Is Complete    ${transaction}
    END

TC_E_14_CS Stop transaction options - EVDisconnected - Charging Station side
    [Documentation]    The transaction ends with the connection, although it was stopped before.
    [Tags]    TC_E_14_CS    E06    E06.FR.02    E06.FR.15
    [Setup]    General Preconditions    TxCtrlr.TxStopPoint=EVConnected
    Reusable State EVConnectedPostSession
    # Manual action, steps 1 and 2
    Disconnect The EV And EVSE
    Connector Is Reported As    Available
    # Steps 3 and 4 (errata 6.2.51)
    Station Sends TransactionEvent    eventType=Ended    triggerReason=EVCommunicationLost
    ...    transactionInfo.chargingState=Idle
    ...    transactionInfo.stoppedReason=${{'Remote or EVDisconnected' if $AUTHORIZATION == 'remote' else 'Local or EVDisconnected or omitted'}}

TC_E_20_CS Stop transaction options - EVDisconnected - EV side (able to charge IEC 61851-1 EV)
    [Documentation]    The cable is pulled out of the EV: the transaction ends.
    [Tags]    TC_E_20_CS    E06    E10    E06.FR.02    E06.FR.15
    [Setup]    General Preconditions    TxCtrlr.TxStopPoint=EVConnected    TxCtrlr.StopTxOnEVSideDisconnect=false
    Reusable State EnergyTransferSuspended
    # Manual action, steps 1 and 2
    Disconnect The EV And EVSE On EV Side
    Station Sends TransactionEvent    eventType=Ended    triggerReason=EVCommunicationLost
    ...    transactionInfo.chargingState=Idle    transactionInfo.stoppedReason=EVDisconnected

TC_E_15_CS Stop transaction options - StopAuthorized - Local
    [Documentation]    The transaction ends when the driver stops it.
    [Tags]    TC_E_15_CS    E06    E06.FR.03    E06.FR.15
    [Setup]    General Preconditions    TxCtrlr.TxStopPoint=Authorized
    Reusable State EnergyTransferStarted
    Let Time Pass    ${TRANSACTION DURATION}
    # Manual action, steps 1 and 2
    Present IdToken    ${VALID ID TOKEN}
    Station Sends TransactionEvent    eventType=Ended    triggerReason=StopAuthorized
    ...    transactionInfo.stoppedReason=Local or omitted

TC_E_21_CS Stop transaction options - StopAuthorized - Remote
    [Documentation]    The transaction ends when the CSMS stops it.
    [Tags]    TC_E_21_CS    E06    F03    E06.FR.03    E06.FR.15    F03.FR.09
    [Setup]    General Preconditions    TxCtrlr.TxStopPoint=Authorized
    Reusable State EnergyTransferStarted
    # Steps 1 and 2
    ${transaction} =    Transaction Id
    CSMS Sends And Gets    RequestStopTransaction    Accepted    transactionId=${transaction}
    # Steps 3 and 4
    Station Sends TransactionEvent    eventType=Ended    triggerReason=RemoteStop
    ...    transactionInfo.stoppedReason=Remote

TC_E_16_CS Stop transaction options - Deauthorized - Invalid idToken
    [Documentation]    A transaction was started offline; the CSMS does not accept its idToken afterwards.
    [Tags]    TC_E_16_CS    E06    C15    E06.FR.04    E06.FR.15    C15.FR.04
    [Setup]    General Preconditions    TxCtrlr.TxStopPoint=Authorized,PowerPathClosed
    ...    AuthCtrlr.OfflineTxForUnknownIdEnabled=true    TxCtrlr.StopTxOnInvalidId=true
    ...    OCPPCommCtrlr.RetryBackOffWaitMinimum=10    OCPPCommCtrlr.RetryBackOffRandomRange=0
    ...    &{AUTHORIZED BY CSMS}
    Memory State IdTokenCached
    CSMS Answers IdToken    TransactionEvent    ${VALID ID TOKEN}    Invalid
    Reusable State StartOfflineTransaction
    # Steps 1 and 2: what was queued
    Station Reconnects
    Station Sends TransactionEvent    eventType=Started    offline=true
    ${event} =    Transaction Events Come Offline Until    Ended
    # Steps 3 and 4
    Message Has    ${event}    triggerReason=Deauthorized    transactionInfo.stoppedReason=DeAuthorized
    Contactor Should Be Open

TC_E_17_CS Stop transaction options - Deauthorized - EV side disconnect
    [Documentation]    The cable is pulled out of the EV: the transaction ends, and the cable stays locked until the
    ...    driver presents the idToken again.
    [Tags]    TC_E_17_CS    E06    E06.FR.04    E06.FR.15
    [Setup]    General Preconditions    TxCtrlr.TxStopPoint=Authorized    TxCtrlr.StopTxOnEVSideDisconnect=true
    ...    OCPPCommCtrlr.UnlockOnEVSideDisconnect=false    &{AUTHORIZED BY CSMS}
    Reusable State EnergyTransferSuspended
    # Manual action, steps 1 and 2
    Disconnect The EV And EVSE On EV Side
    Station Sends TransactionEvent    eventType=Ended    triggerReason=EVCommunicationLost
    ...    transactionInfo.chargingState=Idle    transactionInfo.stoppedReason=EVDisconnected
    # Manual actions, steps 3 and 4
    Cable Is Released By The IdToken

TC_E_39_CS Stop transaction options - Deauthorized - timeout
    [Documentation]    No cable comes within EVConnectionTimeOut: a cable that comes later does not start charging.
    [Tags]    TC_E_39_CS    E06    E06.FR.04    E06.FR.15
    [Setup]    General Preconditions    TxCtrlr.TxStopPoint=Authorized
    ...    TxCtrlr.EVConnectionTimeOut=${EV CONNECTION TIME OUT}    &{AUTHORIZED BY CSMS}
    Reusable State Authorized
    # Steps 1 and 2
    Cable Comes Too Late
    # Manual actions, steps 3 and 4 (errata 6.2.47)
    EV Is Connected To    1
    # Steps 5 and 6: optional
    Station May Send TransactionEvent    triggerReason=CablePluggedIn    transactionInfo.chargingState=not Charging
    Station Sends No TransactionEvent    20
    Contactor Should Be Open

TC_E_07_CS Stop transaction options - PowerPathClosed - Local stop
    [Documentation]    The transaction ends with the power path, which the driver opens.
    [Tags]    TC_E_07_CS    E06    E06.FR.06    E06.FR.15
    [Setup]    General Preconditions    TxCtrlr.TxStopPoint=PowerPathClosed
    Reusable State EnergyTransferStarted
    # Manual action, step 1
    Reusable State StopAuthorized Local
    Transaction Should Have Ended

TC_E_35_CS Stop transaction options - PowerPathClosed - Remote stop
    [Documentation]    The transaction ends with the power path, which the CSMS has opened.
    [Tags]    TC_E_35_CS    E06    E06.FR.06    E06.FR.15
    [Setup]    General Preconditions    TxCtrlr.TxStopPoint=PowerPathClosed
    Reusable State EnergyTransferStarted
    # Steps 1 to 4 (errata 6.2.49)
    Reusable State StopAuthorized Remote
    Transaction Should Have Ended

TC_E_37_CS Stop transaction options - PowerPathClosed - EV side disconnect
    [Documentation]    The transaction ends with the power path, which the EV has left.
    [Tags]    TC_E_37_CS    E06    E06.FR.06    E06.FR.15
    [Setup]    General Preconditions    TxCtrlr.TxStopPoint=PowerPathClosed
    ...    TxCtrlr.StopTxOnEVSideDisconnect=false
    Reusable State EnergyTransferSuspended
    # Manual action, steps 1 and 2
    Disconnect The EV And EVSE On EV Side
    Station Sends TransactionEvent    eventType=Ended    triggerReason=EVCommunicationLost
    ...    transactionInfo.chargingState=Idle    transactionInfo.stoppedReason=EVDisconnected or StoppedByEV

TC_E_08_CS Stop transaction options - EnergyTransfer stopped - StopAuthorized
    [Documentation]    The transaction ends with the flow of energy, which the driver stops.
    [Tags]    TC_E_08_CS    E06    E06.FR.07    E06.FR.15
    [Setup]    General Preconditions    TxCtrlr.TxStopPoint=EnergyTransfer
    Reusable State EnergyTransferStarted
    # Step 1
    Reusable State StopAuthorized
    Transaction Should Have Ended

TC_E_22_CS Stop transaction options - EnergyTransfer stopped - SuspendedEV
    [Documentation]    The transaction ends with the flow of energy, which the EV stops (errata 6.2.50).
    [Tags]    TC_E_22_CS    E06    E06.FR.07    E06.FR.15
    [Setup]    General Preconditions    TxCtrlr.TxStopPoint=EnergyTransfer
    Reusable State EnergyTransferStarted
    Let Time Pass    ${TRANSACTION DURATION}
    # Manual action, steps 1 and 2
    EV Suspends The Energy Transfer
    Station Sends TransactionEvent    eventType=Ended    triggerReason=ChargingStateChanged
    ...    transactionInfo.chargingState=EVConnected or SuspendedEV    transactionInfo.stoppedReason=StoppedByEV

TC_E_24_CS Disconnect cable on EV-side - Deauthorize transaction - UnlockOnEVSideDisconnect is true
    [Documentation]    The cable is pulled out of the EV: the station releases it. TxStopPoint, which the test case
    ...    leaves open, is such that only the deauthorization ends the transaction.
    [Tags]    TC_E_24_CS    E09    E09.FR.01    E09.FR.02    E09.FR.04
    [Setup]    General Preconditions    TxCtrlr.TxStopPoint=Authorized    TxCtrlr.StopTxOnEVSideDisconnect=true
    ...    OCPPCommCtrlr.UnlockOnEVSideDisconnect=true
    Reusable State EnergyTransferSuspended
    # Manual action, steps 1 and 2
    Disconnect The EV And EVSE On EV Side
    Station Sends TransactionEvent    eventType=Ended    triggerReason=EVCommunicationLost
    ...    transactionInfo.chargingState=Idle
    # Manual action, steps 3 and 4
    Disconnect The EV And EVSE On EVSE Side
    Connector Is Reported As    Available

TC_E_25_CS Disconnect cable on EV-side - Deauthorize transaction - UnlockOnEVSideDisconnect is false
    [Documentation]    The cable is pulled out of the EV: the station keeps it until the idToken is presented.
    [Tags]    TC_E_25_CS    E09    E09.FR.01    E09.FR.03    E09.FR.04
    [Setup]    General Preconditions    TxCtrlr.StopTxOnEVSideDisconnect=true
    ...    OCPPCommCtrlr.UnlockOnEVSideDisconnect=false
    Reusable State EnergyTransferSuspended
    # Manual action, steps 1 and 2
    Disconnect The EV And EVSE On EV Side
    Station Sends TransactionEvent    triggerReason=EVCommunicationLost    transactionInfo.chargingState=Idle
    # Manual actions, steps 3 and 4
    Cable Is Released By The IdToken

TC_E_26_CS Disconnect cable on EV-side - Suspend transaction
    [Documentation]    The cable is pulled out of the EV and plugged in again: the transaction goes on.
    [Tags]    TC_E_26_CS    E10    E10.FR.01    E10.FR.03
    [Setup]    General Preconditions    TxCtrlr.TxStopPoint=Authorized    TxCtrlr.StopTxOnEVSideDisconnect=false
    ...    OCPPCommCtrlr.UnlockOnEVSideDisconnect=false
    Reusable State EnergyTransferSuspended
    # Manual action, steps 1 and 2
    Disconnect The EV And EVSE On EV Side
    Station Sends TransactionEvent    eventType=Updated    triggerReason=EVCommunicationLost
    ...    transactionInfo.chargingState=Idle
    Let Time Pass    5
    Connector Should Be Locked
    # Manual action, steps 5 and 6
    Connect The EV And EVSE On EV Side
    Station Sends TransactionEvent    eventType=Updated    triggerReason=CablePluggedIn
    ...    transactionInfo.chargingState=EVConnected
    # Steps 7 and 8
    Station Sends TransactionEvent    pass_over=ChargingStateChanged    eventType=Updated
    ...    triggerReason=ChargingStateChanged    transactionInfo.chargingState=Charging
    Contactor Should Be Closed

TC_E_45_CS Offline Behaviour - Stop transaction during offline period - Same GroupId
    [Documentation]    Offline, another idToken of the same group stops the transaction.
    [Tags]    TC_E_45_CS    E08    E08.FR.02    E08.FR.04    E08.FR.05    E08.FR.06    E08.FR.07    E08.FR.08
    [Setup]    General Preconditions    OCPPCommCtrlr.OfflineThreshold=70
    ...    OCPPCommCtrlr.RetryBackOffWaitMinimum=10    OCPPCommCtrlr.RetryBackOffRandomRange=0
    VAR    &{group}    idToken=FLEET-7    type=Central
    CSMS Knows IdToken    ${VALID ID TOKEN}    Accepted    groupIdToken=${group}
    CSMS Knows IdToken    ${VALID ID TOKEN 2}    Accepted    groupIdToken=${group}
    Memory State IdTokenCached    ${VALID ID TOKEN 2}
    Reusable State Authorized
    Reusable State EnergyTransferStarted
    # Step 1
    CSMS Closes The Connection And Accepts None
    # Manual actions
    Present IdToken    ${VALID ID TOKEN 2}
    Contactor Should Be Open
    Disconnect The EV And EVSE
    Let Time Pass    5
    # Step 2
    CSMS Accepts Connections
    Station Reconnects
    # Steps 3 and 4
    ${event} =    Transaction Events Come Offline Until    Ended
    Message Has    ${event}    offline=true
    ${transaction} =    Transaction Id
    Transaction Is Complete    ${transaction}


*** Keywords ***
EV Is Connected To
    [Documentation]    Manual action of connecting, and the report of the connector that follows.
    [Arguments]    ${evse}
    Connect The EV And EVSE    ${evse}
    Note That EV Is Connected    ${evse}
    Connector Is Reported As    Occupied    ${evse}

Cable Comes Too Late
    [Documentation]    EVConnectionTimeOut passes after authorization: the transaction ends, where one has started.
    ${due} =    TxStartPoint Has    Authorized
    ${ends} =    TxStopPoint Has    Authorized
    IF    ${due} and ${ends}
        ${event} =    Station Sends TransactionEvent    triggerReason=EVConnectTimeout    eventType=Ended
        ...    transactionInfo.stoppedReason=Timeout    within=${EV CONNECTION TIME OUT + ${TIME DEVIATION}}
        ${transaction} =    Transaction Id
        ${events} =    Transaction Events    ${transaction}
        Takes At Least    ${events}[0]    ${event}    ${EV CONNECTION TIME OUT}
    ELSE IF    ${due}
        Station Sends TransactionEvent    triggerReason=EVConnectTimeout    eventType=Updated
        ...    within=${EV CONNECTION TIME OUT + ${TIME DEVIATION}}
    ELSE
        Let Time Pass    ${EV CONNECTION TIME OUT + ${TIME DEVIATION}}
    END
    Charging Session Is Over

Cable Is Released By The IdToken
    [Documentation]    The cable is locked although the EV has gone. The idToken of the transaction releases it; the
    ...    driver takes it.
    Let Time Pass    5
    ${locked} =    Connector Is Locked
    Should Be True    ${locked}    The cable is released before the idToken is presented
    Present IdToken    ${VALID ID TOKEN}
    Disconnect The EV And EVSE On EVSE Side
    Connector Is Reported As    Available

Transaction Events Come Offline Until
    [Documentation]    The queue is emptied: all events happened offline, but the last one may be of now. Returns the
    ...    first event of this type.
    [Arguments]    ${type}
    WHILE    True    limit=20
        ${event} =    Station Sends TransactionEvent    eventType=Updated or ${type}
        IF    '${event.payload}[eventType]' == '${type}'    RETURN    ${event}
        Message Has    ${event}    offline=true
    END
