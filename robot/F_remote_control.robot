*** Settings ***
Documentation       Functional block F, Remote control: Part 6, chapter 2.7. The configured EVSE is 1, its connector 1.
Resource            resources/ocpp.resource
Resource            resources/firmware.resource
Test Setup          General Preconditions
Test Teardown       Bench Finds Nothing Wrong
Test Tags           remote control


*** Variables ***
&{AUTHORIZED BY CSMS}       AuthCtrlr.Enabled=true    AuthCtrlr.DisableRemoteAuthorization=false
&{EVSE 1}                   id=${1}
&{CONNECTOR 1.1}            id=${1}    connectorId=${1}


*** Test Cases ***
TC_F_01_CS Remote start transaction - Cable plugin first
    [Documentation]    The EV is connected, then the CSMS starts the transaction.
    [Tags]    TC_F_01_CS    F01    F02    F01.FR.03    F01.FR.04    F01.FR.05    F01.FR.13    F01.FR.17    F01.FR.19
    ...    F02.FR.01
    [Setup]    General Preconditions    &{AUTHORIZED BY CSMS}
    # Reusable state
    Reusable State EVConnectedPreSession
    ${transaction} =    Transaction Id
    # Step 1
    ${response} =    Reusable State Authorized Remote
    Message Has    ${response}    transactionId=${transaction}
    # Step 2
    Reusable State EnergyTransferStarted

TC_F_02_CS Remote start transaction - Remote start first - AuthorizationRemoteStart is true
    [Documentation]    The CSMS starts the transaction, whose idToken the station has authorized, then the EV is connected.
    [Tags]    TC_F_02_CS    F01    F02    F01.FR.01    F02.FR.01
    [Setup]    General Preconditions    &{AUTHORIZED BY CSMS}    AuthCtrlr.AuthorizeRemoteStart=true
    # Step 1
    Reusable State Authorized Remote
    # Step 2
    Reusable State EnergyTransferStarted

TC_F_03_CS Remote start transaction - Remote start first - AuthorizationRemoteStart is false
    [Documentation]    The CSMS starts the transaction without the idToken being asked for, then the EV is connected.
    [Tags]    TC_F_03_CS    F01    F02    F01.FR.02    F02.FR.01
    [Setup]    General Preconditions    &{AUTHORIZED BY CSMS}    AuthCtrlr.AuthorizeRemoteStart=false
    # Step 1
    Reusable State Authorized Remote    authorize=${False}
    Station Sends No    Authorize    2
    # Step 2
    Reusable State EnergyTransferStarted

TC_F_04_CS Remote start transaction - Remote start first - Cable plugin timeout
    [Documentation]    No cable comes within EVConnectionTimeOut: the transaction ends, and another one can be started.
    [Tags]    TC_F_04_CS    E03    F02    F02.FR.01    F02.FR.07    E03.FR.01    E03.FR.05
    [Setup]    General Preconditions    TxCtrlr.EVConnectionTimeOut=${EV CONNECTION TIME OUT}
    ...    TxCtrlr.TxStartPoint=Authorized    &{AUTHORIZED BY CSMS}
    # Reusable state
    Reusable State Authorized Remote
    ${transaction} =    Transaction Id
    ${events} =    Transaction Events    ${transaction}
    # Steps 1 and 2
    ${event} =    Station Sends TransactionEvent    triggerReason=EVConnectTimeout    eventType=Ended
    ...    transactionInfo.stoppedReason=Timeout    within=${EV CONNECTION TIME OUT + ${TIME DEVIATION}}
    Takes At Least    ${events}[0]    ${event}    ${EV CONNECTION TIME OUT}
    Charging Session Is Over
    # Step 3
    Reusable State Authorized Remote    remote_start_id=${4712}

TC_F_08_CS Remote stop transaction - Success
    [Documentation]    The CSMS stops the transaction.
    [Tags]    TC_F_08_CS    F03    F03.FR.02    F03.FR.03    F03.FR.07    F03.FR.09
    # Reusable state
    Reusable State EnergyTransferStarted
    # Step 1
    Reusable State StopAuthorized Remote
    Contactor Should Be Open

TC_F_09_CS Remote stop transaction - Rejected
    [Documentation]    A transaction that the station does not know cannot be stopped; the one it has goes on.
    [Tags]    TC_F_09_CS    F03    F03.FR.08
    # Reusable state
    Reusable State EnergyTransferStarted
    ${transaction} =    Transaction Id
    # Steps 1 and 2
    CSMS Sends And Gets    RequestStopTransaction    Rejected    transactionId=not-${transaction[4:]}
    Station Sends No TransactionEvent    5
    Contactor Should Be Closed

TC_F_05_CS Remote unlock Connector - With ongoing transaction
    [Documentation]    A connector with an authorized transaction stays locked.
    [Tags]    TC_F_05_CS    F05    F05.FR.01    F05.FR.02
    # Charging state
    Reusable State EnergyTransferStarted
    Connector Should Be Locked
    # Steps 1 and 2
    CSMS Sends And Gets    UnlockConnector    OngoingAuthorizedTransaction    evseId=${1}    connectorId=${1}
    Station Sends No TransactionEvent    5
    ${locked} =    Connector Is Locked
    Should Be True    ${locked}    The connector was unlocked during a transaction
    Contactor Should Be Closed

TC_F_06_CS Remote unlock Connector - Without ongoing transaction - Accepted
    [Documentation]    A connector whose lock was stuck at the end of the transaction is unlocked by the CSMS: not while
    ...    it is still stuck, but then.
    [Tags]    TC_F_06_CS    F05    F05.FR.01    F05.FR.04    F05.FR.05
    # Charging state
    Reusable State EnergyTransferStarted
    Lock Fails
    Reusable State StopAuthorized
    CSMS Sends And Gets    UnlockConnector    UnlockFailed    evseId=${1}    connectorId=${1}
    ${locked} =    Connector Is Locked
    Should Be True    ${locked}
    Lock Works
    # Steps 1 and 2
    CSMS Sends And Gets    UnlockConnector    Unlocked    evseId=${1}    connectorId=${1}
    ${locked} =    Connector Is Locked
    Should Not Be True    ${locked}    The station says Unlocked, but the connector is locked

TC_F_07_CS Remote unlock Connector - Without ongoing transaction - No cable connected
    [Documentation]    A connector without a cable is unlocked like any other.
    [Tags]    TC_F_07_CS    F05    F05.FR.01    F05.FR.06
    # Steps 1 and 2
    CSMS Sends And Gets    UnlockConnector    Unlocked    evseId=${1}    connectorId=${1}

TC_F_10_CS Remote unlock Connector - Without ongoing transaction - UnknownConnector
    [Documentation]    A connector that the station does not have cannot be unlocked.
    [Tags]    TC_F_10_CS    F05    F05.FR.03
    # Steps 1 and 2
    CSMS Sends And Gets    UnlockConnector    UnknownConnector    evseId=${1}    connectorId=${999}
    CSMS Sends And Gets    UnlockConnector    UnknownConnector    evseId=${999}    connectorId=${1}

TC_F_11_CS Trigger message - MeterValues - Specific EVSE
    [Documentation]    The CSMS asks for the meter values of one EVSE and gets these.
    [Tags]    TC_F_11_CS    F06    F06.FR.02    F06.FR.04    F06.FR.05    F06.FR.06    F06.FR.10
    # Steps 1 and 2
    ${response} =    CSMS Sends And Gets    TriggerMessage    Accepted
    ...    requestedMessage=MeterValues    evse=${EVSE 1}
    # Steps 3 and 4
    ${values} =    Station Sends    MeterValues    within=${TIME DEVIATION}
    ...    evseId=1    meterValue[0].sampledValue[0].context=Trigger
    Comes Before    ${response}    ${values}
    Station Sends No    MeterValues    2

TC_F_12_CS Trigger message - MeterValues - All EVSE
    [Documentation]    The CSMS asks for the meter values and gets those of every EVSE.
    [Tags]    TC_F_12_CS    F06    F06.FR.04    F06.FR.05    F06.FR.06    F06.FR.10    F06.FR.11
    # Steps 1 and 2
    ${response} =    CSMS Sends And Gets    TriggerMessage    Accepted    requestedMessage=MeterValues
    # Steps 3 and 4, for every EVSE
    FOR    ${evse}    IN    1    2
        ${values} =    Station Sends    MeterValues    within=${TIME DEVIATION}
        ...    evseId=${evse}    meterValue[0].sampledValue[0].context=Trigger
        Comes Before    ${response}    ${values}
    END
    Station Sends No    MeterValues    2

TC_F_13_CS Trigger message - TransactionEvent - Specific EVSE
    [Documentation]    The CSMS asks for the state of the transaction on one EVSE and gets that.
    [Tags]    TC_F_13_CS    F06    F06.FR.02    F06.FR.04    F06.FR.05    F06.FR.07    F06.FR.10
    # Reusable state
    Reusable State EnergyTransferStarted    1
    Reusable State EnergyTransferStarted    2    ${VALID ID TOKEN 2}
    # Steps 1 and 2
    ${response} =    CSMS Sends And Gets    TriggerMessage    Accepted
    ...    requestedMessage=TransactionEvent    evse=${EVSE 1}
    # Steps 3 and 4
    ${event} =    Station Sends TransactionEvent    1    evse.id=omitted or 1    triggerReason=Trigger
    ...    transactionInfo.chargingState=Charging    meterValue[0].sampledValue[0].context=Trigger
    Comes Before    ${response}    ${event}
    Station Sends No TransactionEvent    2    2

TC_F_14_CS Trigger message - TransactionEvent - All EVSE
    [Documentation]    The CSMS asks for the state of the transactions and gets that of every EVSE.
    [Tags]    TC_F_14_CS    F06    F06.FR.04    F06.FR.05    F06.FR.07    F06.FR.10    F06.FR.11
    # Reusable state, for all EVSEs
    Reusable State EnergyTransferStarted    1
    Reusable State EnergyTransferStarted    2    ${VALID ID TOKEN 2}
    # Steps 1 and 2
    ${response} =    CSMS Sends And Gets    TriggerMessage    Accepted    requestedMessage=TransactionEvent
    # Steps 3 and 4, for every EVSE
    FOR    ${evse}    IN    1    2
        ${event} =    Station Sends TransactionEvent    ${evse}    evse.id=${evse}    triggerReason=Trigger
        ...    transactionInfo.chargingState=Charging    meterValue[0].sampledValue[0].context=Trigger
        Comes Before    ${response}    ${event}
    END

TC_F_15_CS Trigger message - LogStatusNotification - Idle
    [Documentation]    No log is being uploaded.
    [Tags]    TC_F_15_CS    F06    F06.FR.04    F06.FR.05    F06.FR.10    F06.FR.15
    # Steps 1 and 2
    ${response} =    CSMS Sends And Gets    TriggerMessage    Accepted    requestedMessage=LogStatusNotification
    # Steps 3 and 4
    ${status} =    Station Sends    LogStatusNotification    within=${TIME DEVIATION}    status=Idle
    Comes Before    ${response}    ${status}

TC_F_16_CS Trigger message - LogStatusNotification - Uploading
    [Documentation]    A log is being uploaded, for which the file server takes its time.
    [Tags]    TC_F_16_CS    F06    N01    F06.FR.04    F06.FR.05    F06.FR.10    F06.FR.14
    ...    F06.FR.15
    File Server Is Wrong    /logs/    delay_s=20
    # Steps 1 and 2
    VAR    &{log}    remoteLocation=http://files.local:8080/logs
    CSMS Sends And Gets    GetLog    Accepted    logType=DiagnosticsLog    requestId=${16}    log=${log}
    # Steps 3 and 4
    Station Sends    LogStatusNotification    status=Uploading    requestId=${16}
    # Steps 5 and 6
    ${response} =    CSMS Sends And Gets    TriggerMessage    Accepted    requestedMessage=LogStatusNotification
    # Steps 7 and 8
    ${status} =    Station Sends    LogStatusNotification    within=${TIME DEVIATION}
    ...    status=Uploading    requestId=${16}
    Comes Before    ${response}    ${status}
    Station Sends    LogStatusNotification    status=Uploaded    requestId=${16}
    # Nothing is being uploaded (F06.FR.15)
    CSMS Sends And Gets    TriggerMessage    Accepted    requestedMessage=LogStatusNotification
    Station Sends    LogStatusNotification    within=${TIME DEVIATION}    status=Idle

TC_F_17_CS Trigger message - FirmwareStatusNotification - Specific EVSE not relevant
    [Documentation]    An EVSE that has nothing to do with the message is ignored.
    [Tags]    TC_F_17_CS    F06    F06.FR.03    F06.FR.04    F06.FR.05    F06.FR.10
    # Steps 1 and 2
    ${response} =    CSMS Sends And Gets    TriggerMessage    Accepted
    ...    requestedMessage=FirmwareStatusNotification    evse=${EVSE 1}
    # Steps 3 and 4
    ${status} =    Station Sends    FirmwareStatusNotification    within=${TIME DEVIATION}    status=Idle
    Comes Before    ${response}    ${status}

TC_F_18_CS Trigger message - FirmwareStatusNotification - Idle
    [Documentation]    No firmware is being downloaded or installed.
    [Tags]    TC_F_18_CS    F06    L01    F06.FR.04    F06.FR.05    F06.FR.10    F06.FR.16    L01.FR.25
    # Steps 1 and 2
    ${response} =    CSMS Sends And Gets    TriggerMessage    Accepted
    ...    requestedMessage=FirmwareStatusNotification
    # Steps 3 and 4
    ${status} =    Station Sends    FirmwareStatusNotification    within=${TIME DEVIATION}    status=Idle
    Comes Before    ${response}    ${status}

TC_F_19_CS Trigger message - FirmwareStatusNotification - Downloading
    [Documentation]    A firmware is being downloaded, slowly; its signature is not valid (errata 6.2.59).
    [Tags]    TC_F_19_CS    F06    L01    F06.FR.04    F06.FR.05    F06.FR.10    L01.FR.26
    [Setup]    Station And A Small File
    # Nothing is being updated
    CSMS Sends And Gets    TriggerMessage    Accepted    requestedMessage=FirmwareStatusNotification
    Station Sends    FirmwareStatusNotification    within=${TIME DEVIATION}    status=Idle
    File Server Is Wrong    ${FIRMWARE PATH}    rate=300
    # Steps 1 and 2
    CSMS Updates The Firmware    ${19}    signed=another file
    # Steps 3 and 4
    Firmware Status Is    Downloading    ${19}
    # Steps 5 and 6
    ${response} =    CSMS Sends And Gets    TriggerMessage    Accepted
    ...    requestedMessage=FirmwareStatusNotification
    # Steps 7 and 8
    ${status} =    Firmware Status Is    Downloading    ${19}    within=${TIME DEVIATION}
    Comes Before    ${response}    ${status}
    # Steps 9 to 14
    Firmware Status Is    Downloaded    ${19}
    Firmware Status Is    InvalidSignature    ${19}
    Station Sends    SecurityEventNotification    type=InvalidFirmwareSignature

TC_F_20_CS Trigger message - Heartbeat
    [Documentation]    The CSMS asks for a HeartbeatRequest and gets it, after the response.
    [Tags]    TC_F_20_CS    F06    F06.FR.04    F06.FR.05    F06.FR.10
    # Steps 1 and 2
    ${response} =    CSMS Sends And Gets    TriggerMessage    Accepted    requestedMessage=Heartbeat
    # Steps 3 and 4
    ${heartbeat} =    Station Sends    Heartbeat    within=${TIME DEVIATION}
    Comes Before    ${response}    ${heartbeat}
    ${answer} =    Answer To    ${heartbeat}
    Should Be Equal    ${answer.type}    CALLRESULT

TC_F_23_CS Trigger message - StatusNotification - Specific EVSE - Available
    [Documentation]    The CSMS asks for the status of a connector and gets it: Available.
    [Tags]    TC_F_23_CS    F06    F06.FR.02    F06.FR.04    F06.FR.05    F06.FR.10
    # Steps 1 and 2
    ${response} =    CSMS Sends And Gets    TriggerMessage    Accepted
    ...    requestedMessage=StatusNotification    evse=${CONNECTOR 1.1}
    # Steps 3 and 4
    ${report} =    Connector Is Reported As    Available    1    within=${TIME DEVIATION}
    Comes Before    ${response}    ${report}
    Station Sends No    StatusNotification    2

TC_F_24_CS Trigger message - StatusNotification - Specific EVSE - Occupied
    [Documentation]    The CSMS asks for the status of a connector and gets it: Occupied.
    [Tags]    TC_F_24_CS    F06    F06.FR.02    F06.FR.04    F06.FR.05    F06.FR.10
    # Reusable state
    Reusable State EVConnectedPreSession
    # Steps 1 and 2
    ${response} =    CSMS Sends And Gets    TriggerMessage    Accepted
    ...    requestedMessage=StatusNotification    evse=${CONNECTOR 1.1}
    # Steps 3 and 4
    ${report} =    Connector Is Reported As    Occupied    1    within=${TIME DEVIATION}
    Comes Before    ${response}    ${report}
    Station Sends No    StatusNotification    2

TC_F_26_CS Trigger message - BootNotification - Rejected
    [Documentation]    A station that was accepted does not introduce itself again.
    [Tags]    TC_F_26_CS    F06    F06.FR.04    F06.FR.05    F06.FR.17
    # Steps 1 and 2
    CSMS Sends And Gets    TriggerMessage    Rejected    requestedMessage=BootNotification
    Station Sends No    BootNotification    5

TC_F_27_CS Trigger message - NotImplemented
    [Documentation]    A station without ISO 15118 has no such certificate to ask for.
    [Tags]    TC_F_27_CS    F06    F06.FR.08
    # Steps 1 and 2
    CSMS Sends And Gets    TriggerMessage    NotImplemented    requestedMessage=SignCombinedCertificate
