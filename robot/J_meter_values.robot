*** Settings ***
Documentation       Functional block J, Meter values: Part 6, chapter 2.11, with errata 6.2.58 and 6.2.63.
...
...                 The station has a meter at each EVSE and no main meter, so nothing is reported for EVSE 0. Of an EVSE
...                 with a transaction it reports by TransactionEventRequest, of the others by MeterValuesRequest
...                 (J01.FR.22).
Resource            resources/ocpp.resource
Test Teardown       Bench Finds Nothing Wrong
Test Tags           meter values


*** Variables ***
${MEASURANDS}       Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage
${REGISTER}         Energy.Active.Import.Register
${INTERVAL}         ${20}
# Part 6 does not say how long the transaction lasts: three intervals and a bit.
${DURATION}         ${65}


*** Test Cases ***
TC_J_01_CS Clock-aligned Meter Values - No transaction ongoing
    [Documentation]    At every multiple of AlignedDataInterval since midnight both EVSEs are reported.
    [Tags]
    ...    TC_J_01_CS
    ...    J01
    ...    J01.FR.01
    ...    J01.FR.02
    ...    J01.FR.06
    ...    J01.FR.07
    ...    J01.FR.08
    ...    J01.FR.14
    ...    J01.FR.17
    [Setup]    General Preconditions
    ...    AlignedDataCtrlr.Measurands=${MEASURANDS}    AlignedDataCtrlr.Interval=${INTERVAL}
    VAR    @{received}
    FOR    ${_}    IN RANGE    3
        # Steps 1 and 2
        ${values} =    Station Sends Meter Values    1    2
        ...    context=Sample.Clock    measurands=${MEASURANDS}    within=${INTERVAL + 1}
        Timestamp Is Within    ${values}[0]    1
        VAR    @{received}    @{received}    ${values}[0]
    END
    # Post scenario validations
    Timestamps Are Apart    ${received}    ${INTERVAL}
    Timestamps Are Clock Aligned    ${received}    ${INTERVAL}

TC_J_02_CS Clock-aligned Meter Values - Transaction ongoing
    [Documentation]    The EVSE with the transaction is reported by TransactionEventRequest, the idle one by
    ...    MeterValuesRequest, of the same instants.
    [Tags]    TC_J_02_CS    J01    J01.FR.02    J01.FR.06    J01.FR.07    J01.FR.08    J01.FR.14    J01.FR.22
    [Setup]    General Preconditions
    ...    AlignedDataCtrlr.Measurands=${MEASURANDS}    AlignedDataCtrlr.SendDuringIdle=false
    Reusable State EnergyTransferStarted
    Configuration State    AlignedDataCtrlr.Interval=${INTERVAL}
    VAR    @{events}
    VAR    @{idle}
    FOR    ${_}    IN RANGE    3
        # Steps 3 and 4
        ${event} =    Station Sends TransactionEvent    within=${INTERVAL + 1}
        ...    eventType=Updated    triggerReason=MeterValueClock
        ${busy} =    Meter Values Of    ${event}    Sample.Clock    ${MEASURANDS}    count=${1}
        Message Has    ${event}    timestamp=${busy}[0][timestamp]
        VAR    @{events}    @{events}    ${event}
        # Steps 1 and 2
        ${values} =    Station Sends Meter Values    2
        ...    context=Sample.Clock    measurands=${MEASURANDS}    within=1
        VAR    @{idle}    @{idle}    ${values}[0]
        Should Be Equal    ${values}[0][timestamp]    ${busy}[0][timestamp]
        Should Be True    ${{[v['value'] for v in $busy[0]['sampledValue']][2]}} > 0
        Should Be True    ${{[v['value'] for v in $values[0]['sampledValue']][2]}} == 0
    END
    # Post scenario validations
    Timestamps Are Apart    ${events}    ${INTERVAL}
    Timestamps Are Apart    ${idle}    ${INTERVAL}
    Timestamps Are Clock Aligned    ${events}    ${INTERVAL}

TC_J_03_CS Clock-aligned Meter Values - EventType Ended
    [Documentation]    The end of the transaction brings its clock-aligned values.
    [Tags]    TC_J_03_CS    J01    E06    J01.FR.06    J01.FR.07    J01.FR.08    E06.FR.11
    [Setup]    General Preconditions
    ...    AlignedDataCtrlr.TxEndedMeasurands=${MEASURANDS}    AlignedDataCtrlr.TxEndedInterval=${INTERVAL}
    ...    SampledDataCtrlr.TxEndedMeasurands=${EMPTY}    AlignedDataCtrlr.SendDuringIdle=false
    Reusable State EnergyTransferStarted
    ${transaction} =    Transaction Id
    Let Time Pass    ${DURATION}
    # Step 1
    Reusable State EVDisconnected
    # Post scenario validations
    ${started}    ${ended} =    First And Last Event Of    ${transaction}
    ${values} =    Meter Values Of    ${ended}    Sample.Clock    ${MEASURANDS}
    Timestamps Are Apart    ${values}    ${INTERVAL}
    Timestamps Are Clock Aligned    ${values}    ${INTERVAL}
    Registers Never Fall    ${values}
    Samples Fill The Transaction    ${started}    ${values}    ${ended}
    Station Sends No    MeterValues    ${INTERVAL}

TC_J_04_CS Clock-aligned Meter Values - Signed
    [Documentation]    The end of the transaction brings its clock-aligned values, each signed by the meter.
    [Tags]    TC_J_04_CS    J01    E06    J01.FR.21    E06.FR.11
    [Setup]    General Preconditions
    ...    AlignedDataCtrlr.TxEndedMeasurands=${MEASURANDS}    AlignedDataCtrlr.TxEndedInterval=${INTERVAL}
    ...    SampledDataCtrlr.TxEndedMeasurands=${EMPTY}    AlignedDataCtrlr.SendDuringIdle=false
    ...    AlignedDataCtrlr.SignReadings=true    OCPPCommCtrlr.PublicKeyWithSignedMeterValue=EveryMeterValue
    Reusable State EnergyTransferStarted
    ${transaction} =    Transaction Id
    Let Time Pass    ${DURATION}
    # Step 1
    Reusable State EVDisconnected
    # Post scenario validations
    ${started}    ${ended} =    First And Last Event Of    ${transaction}
    ${values} =    Meter Values Of    ${ended}    Sample.Clock    ${MEASURANDS}
    Timestamps Are Apart    ${values}    ${INTERVAL}
    Timestamps Are Clock Aligned    ${values}    ${INTERVAL}
    Samples Fill The Transaction    ${started}    ${values}    ${ended}
    FOR    ${value}    IN    @{values}
        Meter Value Is Signed    ${value}    key=present
    END

TC_J_06_CS Clock-aligned Meter Values - No Meter Values during transaction
    [Documentation]    With AlignedDataSendDuringIdle a transaction silences both EVSEs. The lists of sampled measurands
    ...    are empty, so that the transaction events must have no meter values at all.
    [Tags]    TC_J_06_CS    J01    J01.FR.14    J01.FR.19    J01.FR.20    C-28
    [Setup]    General Preconditions
    ...    SampledDataCtrlr.TxStartedMeasurands=${EMPTY}    SampledDataCtrlr.TxUpdatedMeasurands=${EMPTY}
    ...    SampledDataCtrlr.TxEndedMeasurands=${EMPTY}    AlignedDataCtrlr.Measurands=${MEASURANDS}
    ...    AlignedDataCtrlr.SendDuringIdle=true    AlignedDataCtrlr.Interval=${INTERVAL}
    # Steps 1 and 2
    ${before} =    Station Sends Meter Values    1    2
    ...    context=Sample.Clock    measurands=${MEASURANDS}    within=${INTERVAL + 1}
    # Step 3
    Reusable State EnergyTransferStarted
    ${transaction} =    Transaction Id
    # Steps 4 and 5
    Let Time Pass    ${INTERVAL + 5}
    # Step 6
    Reusable State EVDisconnected
    # Steps 7 and 8
    ${after} =    Station Sends Meter Values    1    2
    ...    context=Sample.Clock    measurands=${MEASURANDS}    within=${INTERVAL + 1}
    # Post scenario validations
    ${started}    ${ended} =    First And Last Event Of    ${transaction}
    Station Sent No Meter Values Between    ${started}    ${ended}
    Meter Value Field Should Be Omitted    ${started}
    Meter Value Field Should Be Omitted    ${ended}
    Timestamps Are Clock Aligned    ${before}    ${INTERVAL}
    Timestamps Are Clock Aligned    ${after}    ${INTERVAL}
    ${again} =    Station Sends Meter Values    1    2
    ...    context=Sample.Clock    measurands=${MEASURANDS}    within=${INTERVAL + 1}
    VAR    @{received}    ${after}[0]    ${again}[0]
    Timestamps Are Apart    ${received}    ${INTERVAL}

TC_J_07_CS Sampled Meter Values - EventType Started - EVSE known
    [Documentation]    The start of the transaction brings the values of its begin.
    [Tags]    TC_J_07_CS    J02    E01    J02.FR.02    J02.FR.03    J02.FR.04    E01.FR.09
    [Setup]    General Preconditions
    ...    TxCtrlr.TxStartPoint=EVConnected    SampledDataCtrlr.TxStartedMeasurands=${MEASURANDS}
    # Step 1
    Reusable State EVConnectedPreSession
    # Step 2
    Reusable State EnergyTransferStarted
    # Post scenario validations
    ${transaction} =    Transaction Id
    ${started}    ${_} =    First And Last Event Of    ${transaction}
    ${values} =    Meter Values Of    ${started}    Transaction.Begin    ${MEASURANDS}    count=${1}
    Message Has    ${started}    eventType=Started    timestamp=${values}[0][timestamp]

TC_J_09_CS Sampled Meter Values - EventType Updated
    [Documentation]    During the transaction values are sent every SampledDataTxUpdatedInterval.
    [Tags]    TC_J_09_CS    J02    J02.FR.02    J02.FR.03    J02.FR.04    J02.FR.11    J02.FR.16    E02.FR.10
    [Setup]    General Preconditions
    ...    SampledDataCtrlr.TxUpdatedMeasurands=${MEASURANDS}    SampledDataCtrlr.TxUpdatedInterval=${INTERVAL}
    Reusable State EnergyTransferStarted
    VAR    @{events}
    VAR    @{readings}
    FOR    ${_}    IN RANGE    3
        # Step 1
        ${event} =    Station Sends TransactionEvent    within=${INTERVAL + 1}
        ...    eventType=Updated    triggerReason=MeterValuePeriodic
        ${values} =    Meter Values Of    ${event}    Sample.Periodic    ${MEASURANDS}    count=${1}
        Message Has    ${event}    timestamp=${values}[0][timestamp]
        VAR    @{events}    @{events}    ${event}
        VAR    @{readings}    @{readings}    ${values}[0]
    END
    # Post scenario validations
    Timestamps Are Apart    ${events}    ${INTERVAL}
    Registers Never Fall    ${readings}
    ${first} =    Register Of    ${readings}[0]
    ${last} =    Register Of    ${readings}[-1]
    Should Be True    ${last} > ${first}
    Station Sends No    MeterValues    0

TC_J_10_CS Sampled Meter Values - EventType Ended
    [Documentation]    The end of the transaction brings the values of every SampledDataTxEndedInterval and of its end.
    [Tags]    TC_J_10_CS    J02    E06    J02.FR.02    J02.FR.03    J02.FR.04    J02.FR.16    E06.FR.11
    [Setup]    General Preconditions
    ...    SampledDataCtrlr.TxEndedMeasurands=${MEASURANDS}    SampledDataCtrlr.TxEndedInterval=${INTERVAL}
    ...    AlignedDataCtrlr.TxEndedMeasurands=${EMPTY}
    Reusable State EnergyTransferStarted
    ${transaction} =    Transaction Id
    Let Time Pass    ${DURATION}
    # Step 1
    Reusable State EVDisconnected
    # Post scenario validations
    ${started}    ${ended} =    First And Last Event Of    ${transaction}
    VAR    @{values}    @{ended.payload}[meterValue]
    VAR    ${end}    ${values}[-1]
    VAR    @{samples}    @{values}[:-1]
    Meter Value Is    ${end}    Transaction.End    ${MEASURANDS}
    FOR    ${value}    IN    @{samples}
        Meter Value Is    ${value}    Sample.Periodic    ${MEASURANDS}
    END
    Timestamps Are Apart    ${samples}    ${INTERVAL}
    Registers Never Fall    ${values}
    Samples Fill The Transaction    ${started}    ${samples}    ${ended}
    Message Has    ${ended}    timestamp=${end}[timestamp]
    ${register} =    Energy Register
    ${reported} =    Register Of    ${end}
    Should Be Equal As Integers    ${reported}    ${{int($register)}}

TC_J_11_CS Sampled Meter Values - Signed
    [Documentation]    The end of the transaction brings the values of every SampledDataTxEndedInterval and of its end,
    ...    each signed by the meter; the public key came with the first event of the transaction.
    [Tags]    TC_J_11_CS    J02    E06    J02.FR.21    E06.FR.11    E02.FR.14    E07.FR.12
    [Setup]    General Preconditions
    ...    SampledDataCtrlr.TxEndedMeasurands=${MEASURANDS}    SampledDataCtrlr.TxEndedInterval=${INTERVAL}
    ...    SampledDataCtrlr.SignReadings=true    AlignedDataCtrlr.TxEndedMeasurands=${EMPTY}
    ...    OCPPCommCtrlr.PublicKeyWithSignedMeterValue=OncePerTransaction
    Reusable State EnergyTransferStarted
    ${transaction} =    Transaction Id
    Let Time Pass    ${DURATION}
    # Step 1
    Reusable State EVDisconnected
    # Post scenario validations
    ${started}    ${ended} =    First And Last Event Of    ${transaction}
    ${begin} =    Meter Values Of    ${started}    Transaction.Begin    ${REGISTER}    count=${1}
    Meter Value Is Signed    ${begin}[0]    key=present
    VAR    @{values}    @{ended.payload}[meterValue]
    VAR    ${end}    ${values}[-1]
    VAR    @{samples}    @{values}[:-1]
    Meter Value Is    ${end}    Transaction.End    ${MEASURANDS}
    Meter Value Is Signed    ${end}    key=omitted
    FOR    ${value}    IN    @{samples}
        Meter Value Is    ${value}    Sample.Periodic    ${MEASURANDS}
        Meter Value Is Signed    ${value}    key=omitted
    END
    Timestamps Are Apart    ${samples}    ${INTERVAL}
    Samples Fill The Transaction    ${started}    ${samples}    ${ended}


*** Keywords ***
First And Last Event Of
    [Arguments]    ${transaction}
    ${events} =    Transaction Events    ${transaction}
    RETURN    ${events}[0]    ${events}[-1]

Samples Fill The Transaction
    [Documentation]    None is missing between the start of the transaction and its end.
    [Arguments]    ${started}    ${samples}    ${ended}
    VAR    @{first}    ${started}    ${samples}[0]
    VAR    @{last}    ${samples}[-1]    ${ended}
    Timestamps Are At Most Apart    ${first}    ${INTERVAL}
    Timestamps Are At Most Apart    ${last}    ${INTERVAL}

Meter Value Field Should Be Omitted
    [Arguments]    ${message}
    Message Has    ${message}    meterValue=omitted
