*** Settings ***
Documentation       Part 4, OCPP-J: CALLs that are not as they must be (4.1.7) are answered by a CALLERROR with their id
...                 and the error code that 4.3 has for them. Nothing else comes of them: what goes on goes on, the
...                 connection stays, and no memory is lost.
Resource            resources/ocpp.resource
Test Teardown       Bench Finds Nothing Wrong
Test Tags           ocpp-j


*** Variables ***
@{ACTIONS}
...    ChangeAvailability
...    ClearCache
...    DataTransfer
...    GetBaseReport
...    GetTransactionStatus
...    GetVariables
...    RequestStartTransaction
...    RequestStopTransaction
...    Reset
...    SetNetworkProfile
...    SetVariables
...    TriggerMessage
...    UnlockConnector
# All violations there are run without a board (tests/station/test_hostile_calls.py); here, a part of them.
${EVERY}            ${100}


*** Test Cases ***
CALLs That Violate A Schema Are Refused
    [Documentation]    While a car charges: wrong types, names, values, lengths, numbers of items, wrong customData, fields
    ...    that are missing.
    [Tags]    Part4-4.1.7    Part4-4.3    needs auth_cache    needs base_report    needs change_availability
    ...    needs data_transfer    needs network_profiles    needs remote_start_stop    needs reset
    ...    needs transaction_status    needs trigger_message    needs unlock_connector
    [Setup]    General Preconditions    SampledDataCtrlr.TxUpdatedInterval=0
    Reusable State EnergyTransferStarted
    ${before} =    Heap In Use
    ${count} =    CSMS Sends Wrong CALLs    @{ACTIONS}    every=${EVERY}
    Should Be True    ${count} > 60
    ${after} =    Heap In Use
    Should Be True    ${after} <= ${before}    ${{$after - $before}} bytes of the heap are lost
    What Goes On Goes On

Texts That Cannot Be Read Are Refused
    [Documentation]    What is no JSON, no list, no CALL, or too long.
    [Tags]    Part4-4.1.3    Part4-4.2.3    Part4-4.3    Part4-4.4    needs transaction_status
    [Setup]    General Preconditions    SampledDataCtrlr.TxUpdatedInterval=0
    Reusable State EnergyTransferStarted
    CSMS Sends Text    hello    -1    RpcFrameworkError
    CSMS Sends Text    ${EMPTY}    -1    RpcFrameworkError
    CSMS Sends Text    []    -1    RpcFrameworkError
    CSMS Sends Text    {"a":1}    -1    RpcFrameworkError
    CSMS Sends Text    [2,5,"Reset",{"type":"Immediate"}]    -1    RpcFrameworkError
    CSMS Sends Text    [2,"${{'x' * 37}}","Reset",{"type":"Immediate"}]    -1    RpcFrameworkError
    CSMS Sends Text    [2,"a","Reset"]    a    RpcFrameworkError
    CSMS Sends Text    [2,"a","Reset",{"type":"Immediate"},{}]    a    RpcFrameworkError
    CSMS Sends Text    [7,"a","Reset",{"type":"Immediate"}]    a    MessageTypeNotSupported
    CSMS Sends Text    [2,"a","Reset",{"type":"Immediate"}    a    FormatViolation
    CSMS Sends Text    [2,"a","Reset",{"type":"Immediate}]    a    FormatViolation
    CSMS Sends Text    [2,"a","Reset",{"type" "Immediate"}]    a    FormatViolation
    CSMS Sends Text    [2,"a","Reset",{"type":"Immediate"}] and more    a    FormatViolation
    CSMS Sends Text    [2,"a","Reset",{"type":"\\udbff"}]    a    FormatViolation
    CSMS Sends Text    [2,"a","DataTransfer",{"vendorId":"a${{chr(9)}}b"}]    a    FormatViolation
    CSMS Sends Text    [2,"\\ud83d","ClearCache",{}]    -1    RpcFrameworkError
    CSMS Sends Text    [2,"a","ClearCache",{"customData":${{'[' * 200 + ']' * 200}}}]    a    FormatViolation
    CSMS Sends Text    [2,"a","Reset",{"type":"Immediate","x":"${{'x' * 3100}}"}]    a    FormatViolation
    CSMS Sends Text    [2,"a","Reset",{"type":"Immediate","x":"${{'x' * 9000}}"}]    a    FormatViolation
    What Goes On Goes On

Actions That The Station Does Not Have Are Refused
    [Documentation]    NotImplemented for what it does not know, NotSupported for what it knows and does not support.
    [Tags]    Part4-4.1.6    Part4-4.3    K01.FR.29
    [Setup]    General Preconditions
    CSMS Sends Text    [2,"a","Frobnicate",{}]    a    NotImplemented
    CSMS Sends Text    [2,"a","reset",{"type":"Immediate"}]    a    NotImplemented
    CSMS Sends Text    [2,"a","ResetRequest",{"type":"Immediate"}]    a    NotImplemented
    CSMS Sends Text    [2,"a","Heartbeat",{}]    a    NotImplemented
    CSMS Sends Text    [2,"a\\ud83d\\uDE00 \\u00e9","Heartbeat",{}]    a${{chr(0x1F600)}} ${{chr(0xE9)}}    NotImplemented
    CSMS Sends Text    [2,"a","SetChargingProfile",{}]    a    NotSupported
    CSMS Sends Text    [2,"a","SendLocalList",{}]    a    NotSupported
    CSMS Sends Text    [2,"a","GetReport",{}]    a    NotSupported
    ${answer} =    CSMS Sends CALL With All Fields    GetCompositeSchedule
    Should Be Equal    ${answer.error_code}    NotSupported

CustomData Is Taken Everywhere And Ignored
    [Documentation]    Requests with every optional field, and customData in every object of them, have the same answer as
    ...    without.
    [Tags]    Part4-9    needs change_availability    needs data_transfer    needs network_profiles
    ...    needs remote_start_stop    needs transaction_status    needs unlock_connector
    [Setup]    General Preconditions
    FOR    ${action}    IN
    ...    ChangeAvailability
    ...    DataTransfer
        ...    GetTransactionStatus
    ...    GetVariables
    ...    RequestStopTransaction
    ...    SetNetworkProfile
    ...    SetVariables
    ...    UnlockConnector
        ${plain} =    CSMS Sends CALL With All Fields    ${action}
        Should Be Equal    ${plain.type}    CALLRESULT
        ${custom} =    CSMS Sends CALL With All Fields    ${action}    custom=${True}
        Should Be Equal    ${custom.type}    CALLRESULT
        ${answer} =    Without CustomData    ${custom.payload}
        Should Be Equal    ${answer}    ${plain.payload}
    END


*** Keywords ***
What Goes On Goes On
    [Documentation]    The transaction and the energy, the connection, and a request that is right.
    Transaction Should Run
    Contactor Should Be Closed
    ${transaction} =    Transaction Id
    VAR    &{going on}    ongoingIndicator=${True}    messagesInQueue=${False}
    CSMS Sends And Gets    GetTransactionStatus    ${going on}    transactionId=${transaction}
    ${interval} =    CSMS Gets Variable    SampledDataCtrlr    TxUpdatedInterval
    Should Be Equal    ${interval}    0
