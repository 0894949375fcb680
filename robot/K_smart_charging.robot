*** Settings ***
Documentation       Functional block K, Smart Charging: Part 6, chapter 2.12, for a station without it.
Resource            resources/ocpp.resource
Test Setup          General Preconditions
Test Teardown       Bench Finds Nothing Wrong
Test Tags           smart charging


*** Test Cases ***
TC_K_38_CS Remote start transaction with charging profile - Ignore chargingProfile
    [Documentation]    A station without smart charging ignores the charging profile of a RequestStartTransactionRequest:
    ...    the EV is offered all the current there is.
    [Tags]    TC_K_38_CS    F01    F01.FR.12    F01.FR.13
    # Reusable state
    Reusable State EVConnectedPreSession
    ${transaction} =    Transaction Id
    # Steps 1 and 2
    VAR    &{period}    startPeriod=${0}    limit=${6}    numberPhases=${1}
    VAR    @{periods}    ${period}
    VAR    &{schedule}    id=${1}    chargingRateUnit=A    chargingSchedulePeriod=${periods}
    VAR    @{schedules}    ${schedule}
    VAR    &{profile}    id=${1}    stackLevel=${0}    chargingProfilePurpose=TxProfile
    ...    chargingProfileKind=Relative    chargingSchedule=${schedules}
    VAR    &{token}    idToken=${VALID ID TOKEN}    type=ISO14443
    VAR    &{accepted}    status=Accepted    transactionId=${transaction}
    CSMS Sends And Gets    RequestStartTransaction    ${accepted}
    ...    evseId=${1}    remoteStartId=${38}    idToken=${token}    chargingProfile=${profile}
    Note Authorization    1    ${VALID ID TOKEN}    ISO14443    ${38}
    # Steps 3 and 4
    Station Sends    Authorize    idToken.idToken=${VALID ID TOKEN}    idToken.type=ISO14443
    # Steps 5 and 6
    Station Sends TransactionEvent    1    triggerReason=RemoteStart    transactionInfo.remoteStartId=present
    # Step 7
    Reusable State EnergyTransferStarted
    Pilot Current Should Be    32
