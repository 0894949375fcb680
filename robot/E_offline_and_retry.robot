*** Settings ***
Documentation       Functional block E, Transactions: Part 6, chapter 2.6, as far as it is about the queue of
...                 transaction events: their status (E14), offline behaviour (E08, E11, E12) and retries (E13).
Resource            resources/ocpp.resource
Test Teardown       Bench Finds Nothing Wrong
Test Tags           transactions


*** Variables ***
${SAMPLE INTERVAL}          ${20}
${BACK OFF}                 ${60}
${ATTEMPTS}                 ${3}
${ATTEMPT INTERVAL}         ${15}
${MESSAGE TIMEOUT}          ${30}


*** Test Cases ***
TC_E_28_CS Check Transaction status - TransactionId unknown
    [Documentation]    Of a transaction that it never did the station says that it is not going on, and nothing queued.
    [Tags]    TC_E_28_CS    E14    E14.FR.01
    General Preconditions
    ${unknown} =    Evaluate    str(uuid.UUID(int=random.Random(28).getrandbits(128)))    modules=uuid, random
    # Steps 1 and 2
    Transaction Status Is    ongoing=${False}    queued=${False}    transactionId=${unknown}

TC_E_29_CS Check Transaction status - Transaction with id ongoing - with message in queue
    [Documentation]    While the samples of an offline period are still queued, the station says so.
    [Tags]    TC_E_29_CS    E14    E14.FR.02    E14.FR.04
    Energy Is Transferred With Samples
    # Steps 1 and 2
    ${transaction} =    Transaction Id
    Station Is Offline For The Back Off Time
    # Steps 3 and 4
    Transaction Status Is    ongoing=${True}    queued=${True}    transactionId=${transaction}
    # Steps 5 and 6
    Queued Samples Arrive
    Transaction Status Is    ongoing=${True}    queued=${False}    transactionId=${transaction}

TC_E_30_CS Check Transaction status - Transaction with id ongoing - without message in queue
    [Documentation]    A transaction goes on, and all its events were answered.
    [Tags]    TC_E_30_CS    E14    E14.FR.02    E14.FR.05
    General Preconditions
    Reusable State EnergyTransferStarted
    ${transaction} =    Transaction Id
    # Steps 1 and 2
    Transaction Status Is    ongoing=${True}    queued=${False}    transactionId=${transaction}

TC_E_31_CS Check Transaction status - Transaction with id ended - with message in queue
    [Documentation]    The transaction ended offline: all that happened to it is still to be told.
    [Tags]    TC_E_31_CS    E14    E14.FR.03    E14.FR.04
    Energy Is Transferred With Samples
    ...    OCPPCommCtrlr.UnlockOnEVSideDisconnect=true    TxCtrlr.TxStopPoint=EVConnected
    ${transaction} =    Transaction Id
    CSMS Closes The Connection And Accepts None
    # Manual actions
    Driver Stops And Leaves
    CSMS Accepts Connections
    Station Reconnects    within=${BACK OFF + ${TIME DEVIATION}}
    # Steps 1 and 2
    Transaction Status Is    ongoing=${False}    queued=${True}    transactionId=${transaction}
    # Steps 3 and 4: from StopAuthorized through EVDisconnected
    Station Sends TransactionEvent    eventType=Updated    triggerReason=StopAuthorized    offline=${True}
    ...    idToken.idToken=omitted or ${VALID ID TOKEN}
    Station Sends TransactionEvent    eventType=Updated    triggerReason=ChargingStateChanged    offline=${True}
    ...    transactionInfo.chargingState=EVConnected
    Station Sends TransactionEvent    eventType=Ended    triggerReason=EVCommunicationLost    offline=${True}
    ...    transactionInfo.chargingState=Idle    transactionInfo.stoppedReason=Local or omitted
    Transaction Is Complete    ${transaction}
    Transaction Status Is    ongoing=${False}    queued=${False}    transactionId=${transaction}

TC_E_32_CS Check Transaction status - Transaction with id ended - without message in queue
    [Documentation]    The transaction is over and told.
    [Tags]    TC_E_32_CS    E14    E14.FR.03    E14.FR.05
    General Preconditions
    Reusable State EnergyTransferStarted
    ${transaction} =    Transaction Id
    Reusable State EVDisconnected
    # Steps 1 and 2
    Transaction Status Is    ongoing=${False}    queued=${False}    transactionId=${transaction}

TC_E_33_CS Check Transaction status - Without transactionId - with message in queue
    [Documentation]    Asked about no transaction in particular, the station says whether anything is queued at all.
    [Tags]    TC_E_33_CS    E14    E14.FR.06    E14.FR.07
    Energy Is Transferred With Samples
    # Steps 1 and 2
    Station Is Offline For The Back Off Time
    # Steps 3 and 4
    Transaction Status Is    ongoing=omitted    queued=${True}
    # Steps 5 and 6
    Queued Samples Arrive
    Transaction Status Is    ongoing=omitted    queued=${False}

TC_E_34_CS Check Transaction status - Without transactionId - without message in queue
    [Documentation]    Nothing is queued.
    [Tags]    TC_E_34_CS    E14    E14.FR.06    E14.FR.08
    General Preconditions
    # Steps 1 and 2
    Transaction Status Is    ongoing=omitted    queued=${False}

TC_E_40_CS Offline Behaviour - Connection loss during transaction
    [Documentation]    What a transaction would have told meanwhile comes after the connection is back, in order.
    [Tags]    TC_E_40_CS    E11    E11.FR.01    E11.FR.02    E11.FR.06
    Energy Is Transferred With Samples    SampledDataCtrlr.Enabled=true
    ${transaction} =    Transaction Id
    # Steps 1 and 2
    Station Is Offline For The Back Off Time
    # Steps 3 and 4
    Queued Samples Arrive
    Transaction Is Complete    ${transaction}    ended=${False}

TC_E_41_CS Retry sending transaction message when failed - Max retry count reached
    [Documentation]    The CSMS does not answer an event: it is sent as often as configured, then never again.
    [Tags]    TC_E_41_CS    E13    E13.FR.01    E13.FR.02    E13.FR.03    E13.FR.04
    An Event Is About To Come
    CSMS Withholds Answers    TransactionEvent
    # Step 5
    @{sent} =    Event Is Sent    ${ATTEMPTS}
    Pauses Grow    ${sent}    ${MESSAGE TIMEOUT}
    Event Does Not Come Again    ${ATTEMPTS * ${ATTEMPT INTERVAL} + ${MESSAGE TIMEOUT}}
    Gaps In Transactions Are Allowed

TC_E_42_CS Retry sending transaction message when failed - Success before reaching the max retry count
    [Documentation]    The CSMS answers the second time only.
    [Tags]    TC_E_42_CS    E13    E13.FR.01    E13.FR.02    E13.FR.03
    An Event Is About To Come
    CSMS Withholds Answers    TransactionEvent    times=${1}
    # Steps 5 and 6
    @{sent} =    Event Is Sent    ${2}
    Pauses Grow    ${sent}    ${MESSAGE TIMEOUT}
    Event Does Not Come Again    ${2 * ${ATTEMPT INTERVAL} + ${MESSAGE TIMEOUT}}
    Transaction Continues

TC_E_43_CS Offline Behaviour - Transaction during offline period
    [Documentation]    A whole transaction came and went offline, and is told as soon as there is a connection.
    [Tags]    TC_E_43_CS    E12    E12.FR.01    E12.FR.02    E12.FR.06
    # Before (errata 6.2.54)
    General Preconditions    AuthCtrlr.OfflineTxForUnknownIdEnabled=true
    ...    AuthCtrlr.LocalAuthorizeOffline=true    OCPPCommCtrlr.RetryBackOffRandomRange=0
    Memory State IdTokenCached
    Memory State TransactionEventsInQueueEnded
    Station Reconnects
    # Steps 2 and 3
    Station Sends TransactionEvent    eventType=Started    offline=${True}
    ${ended} =    Station Sends TransactionEvent    eventType=Ended    offline=${True}
    ...    pass_over=CablePluggedIn,Authorized,ChargingStateChanged,MeterValuePeriodic
    ${transaction} =    Field Of    ${ended}    transactionInfo.transactionId
    Transaction Is Complete    ${transaction}
    ${events} =    Transaction Events    ${transaction}
    FOR    ${event}    IN    @{events}
        Message Has    ${event}    offline=${True}
    END
    Transaction Status Is    ongoing=${False}    queued=${False}    transactionId=${transaction}

TC_E_44_CS Offline Behaviour - Stop transaction during offline period
    [Documentation]    The transaction that went on when the connection was lost is stopped by the driver.
    [Tags]    TC_E_44_CS    E08    E08.FR.01    E08.FR.04    E08.FR.05    E08.FR.06    E08.FR.07    E08.FR.08
    Energy Is Transferred With Samples
    ${transaction} =    Transaction Id
    # Step 1
    ${lost} =    CSMS Closes The Connection And Accepts None
    # Manual actions
    Driver Stops And Leaves
    # Step 2
    CSMS Accepts Connections
    Station Reconnects    within=${BACK OFF + ${TIME DEVIATION}}
    # Steps 3 and 4
    ${ended} =    Station Sends TransactionEvent    eventType=Ended    offline=${True}
    ...    pass_over=StopAuthorized,ChargingStateChanged,MeterValuePeriodic
    Events Are Offline Since    ${lost}    ${transaction}
    Transaction Is Complete    ${transaction}

TC_E_50_CS Retry sending transaction message when failed - Max retry count reached - CallError
    [Documentation]    The CSMS answers an event with a CALLERROR, whenever it comes.
    [Tags]    TC_E_50_CS    E13    E13.FR.01    E13.FR.02    E13.FR.03    E13.FR.04
    An Event Is About To Come
    CSMS Answers With An Error    TransactionEvent    InternalError
    # Steps 5 and 6
    @{sent} =    Event Is Sent    ${ATTEMPTS}
    Pauses Grow    ${sent}    ${0}
    Event Does Not Come Again    ${ATTEMPTS * ${ATTEMPT INTERVAL}}
    Gaps In Transactions Are Allowed

TC_E_51_CS Retry sending transaction message when failed - Success before reaching the max retry count - CallError
    [Documentation]    The CSMS answers with a CALLERROR the first time only.
    [Tags]    TC_E_51_CS    E13    E13.FR.01    E13.FR.02    E13.FR.03
    An Event Is About To Come
    CSMS Answers With An Error    TransactionEvent    InternalError    times=${1}
    # Steps 5 and 6
    @{sent} =    Event Is Sent    ${2}
    Pauses Grow    ${sent}    ${0}
    Event Does Not Come Again    ${2 * ${ATTEMPT INTERVAL}}
    Transaction Continues


*** Keywords ***
Transaction Status Is
    [Documentation]    GetTransactionStatusRequest, for this transactionId or for none.
    [Arguments]    ${ongoing}    ${queued}    &{request}
    VAR    &{expected}    ongoingIndicator=${ongoing}    messagesInQueue=${queued}
    CSMS Sends And Gets    GetTransactionStatus    ${expected}    &{request}

Energy Is Transferred With Samples
    [Documentation]    EnergyTransferStarted, with a sample every `${SAMPLE INTERVAL}` and a connection that is not
    ...    tried again before `${BACK OFF}`.
    [Arguments]    &{more}
    ${threshold} =    Evaluate    $BACK_OFF + 60
    General Preconditions
    ...    SampledDataCtrlr.TxUpdatedMeasurands=Energy.Active.Import.Register
    ...    SampledDataCtrlr.TxUpdatedInterval=${SAMPLE INTERVAL}
    ...    OCPPCommCtrlr.OfflineThreshold=${threshold}
    ...    OCPPCommCtrlr.RetryBackOffWaitMinimum=${BACK OFF}
    ...    OCPPCommCtrlr.RetryBackOffRandomRange=0
    ...    &{more}
    Reusable State EnergyTransferStarted

Station Is Offline For The Back Off Time
    [Documentation]    Until the station has just been let in again.
    CSMS Closes The Connection And Accepts None
    Let Time Pass    ${BACK OFF - ${TIME DEVIATION}}
    CSMS Accepts Connections
    Station Reconnects    within=${2 * ${TIME DEVIATION}}

Queued Samples Arrive
    [Documentation]    One for each interval of the offline period: Updated, with meter values, marked as offline. The
    ...    next one, taken online, is not marked.
    ${count} =    Evaluate    ($BACK_OFF - 2 * $TIME_DEVIATION) // $SAMPLE_INTERVAL
    FOR    ${_}    IN RANGE    ${count}
        Station Sends TransactionEvent    pass_over=${EMPTY}    within=${TIME DEVIATION}
        ...    eventType=Updated    triggerReason=MeterValuePeriodic    meterValue=present    offline=${True}
    END
    ${more} =    Station May Send TransactionEvent    offline=${True}    eventType=Updated    meterValue=present
    Station Sends TransactionEvent    pass_over=${EMPTY}    within=${SAMPLE INTERVAL + ${TIME DEVIATION}}
    ...    eventType=Updated    meterValue=present    offline=omitted or ${False}

Driver Stops And Leaves
    [Documentation]    While the station is offline.
    Let Time Pass    ${TRANSACTION DURATION}
    ${session} =    Charging Session
    Present IdToken    ${session.token}    1    ${session.token_type}
    Let Time Pass    5
    Disconnect The EV And EVSE
    Let Time Pass    5

Events Are Offline Since
    [Documentation]    All events of the transaction that arrived after the connection was lost are marked so.
    [Arguments]    ${lost}    ${transaction}
    ${events} =    Transaction Events    ${transaction}
    FOR    ${event}    IN    @{events}
        ${took} =    Seconds From    ${lost}    ${event}
        IF    ${took} > 0    Message Has    ${event}    offline=${True}
    END

An Event Is About To Come
    [Documentation]    States Authorized and EVConnectedPreSession, then steps 1 to 4.
    General Preconditions
    ...    OCPPCommCtrlr.MessageAttempts#TransactionEvent=${ATTEMPTS}
    ...    OCPPCommCtrlr.MessageAttemptInterval#TransactionEvent=${ATTEMPT INTERVAL}
    Reusable State Authorized
    Reusable State EVConnectedPreSession
    Station May Send TransactionEvent    within=0.3
    ...    triggerReason=ChargingStateChanged    transactionInfo.chargingState=SuspendedEVSE

Event Is Sent
    [Documentation]    The same one, so many times.
    [Arguments]    ${times}
    VAR    @{sent}
    VAR    ${within}    ${TIME DEVIATION}
    FOR    ${n}    IN RANGE    ${times}
        ${event} =    Station Sends TransactionEvent    pass_over=${EMPTY}    within=${within}
        ...    eventType=Updated    triggerReason=ChargingStateChanged    transactionInfo.chargingState=Charging
        VAR    @{sent}    @{sent}    ${event}
        ${within} =    Evaluate    $MESSAGE_TIMEOUT + ($n + 1) * $ATTEMPT_INTERVAL + $TIME_DEVIATION
        Should Be Equal    ${event.payload}    ${sent[0].payload}
    END
    RETURN    @{sent}

Pauses Grow
    [Documentation]    By the interval at each transmission, after `timeout` seconds without an answer (E13.FR.03).
    [Arguments]    ${sent}    ${timeout}
    ${count} =    Get Length    ${sent}
    FOR    ${n}    IN RANGE    1    ${count}
        ${pause} =    Evaluate    $timeout + $n * $ATTEMPT_INTERVAL
        Takes At Least    ${sent[${n} - 1]}    ${sent[${n}]}    ${pause}
        Takes At Most    ${sent[${n} - 1]}    ${sent[${n}]}    ${pause}
    END

Event Does Not Come Again
    [Arguments]    ${seconds}
    Station Sends No TransactionEvent    ${seconds + ${TIME DEVIATION}}
    ...    triggerReason=ChargingStateChanged    transactionInfo.chargingState=Charging

Transaction Continues
    [Documentation]    Nothing of it was lost.
    ${transaction} =    Transaction Id
    Note That Energy Is Transferred
    Reusable State EVDisconnected
    Transaction Is Complete    ${transaction}
