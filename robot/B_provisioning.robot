*** Settings ***
Documentation       Functional block B, Provisioning: Part 6, chapter 2.3.
Resource            resources/ocpp.resource
Resource            resources/network.resource
Resource            resources/certificates.resource
Test Setup          Prepare The Station
Test Teardown       Bench Finds Nothing Wrong
Test Tags           provisioning


*** Variables ***
# What chapter 2 of Part 2's referenced components and variables (with errata) and Part 4, 8 say of them.
${STANDARD VARIABLES}       ${CURDIR}/resources/variables.csv


*** Test Cases ***
TC_B_01_CS Cold Boot Charging Station - Accepted
    [Documentation]    The station boots, introduces itself, and reports every connector.
    [Tags]    TC_B_01_CS    B01    B01.FR.01    B01.FR.05    B01.FR.09
    # Step 1
    ${boot} =    Reusable State Booted
    Should Be Equal    ${boot.payload}[reason]    PowerUp
    # Post scenario validation
    Station Reports All Connectors As    Available

TC_B_02_CS Cold Boot Charging Station - Pending
    [Documentation]    While the boot is pending the CSMS reads and writes the device model, but starts nothing; a
    ...    triggered BootNotification ends the pending state before its interval does.
    [Tags]    TC_B_02_CS    B02    F06    B02.FR.01    B02.FR.02    B02.FR.04    B02.FR.05    B02.FR.06    B02.FR.08
    ...    F06.FR.17
    # Manual action: reboot.  Steps 1 and 2
    CSMS Answers BootNotification    Pending
    Power Up The Station
    ${pending} =    Station Sends    BootNotification
    # Steps 3 and 4
    CSMS Sets Variable    OCPPCommCtrlr    OfflineThreshold    300
    # Steps 5 and 6
    ${threshold} =    CSMS Gets Variable    OCPPCommCtrlr    OfflineThreshold
    Should Be Equal    ${threshold}    300
    # Steps 7 to 10
    ${response} =    CSMS Sends    GetBaseReport    requestId=${71}    reportBase=FullInventory
    Should Be Equal    ${response.payload}[status]    Accepted
    ${report} =    Station Reports Its Device Model    ${71}
    Should Not Be Empty    ${report}
    # Steps 11 and 12
    VAR    &{token}    idToken=04A1B2C3D4E5F6    type=ISO14443
    ${response} =    CSMS Sends    RequestStartTransaction
    ...    evseId=${1}    remoteStartId=${1}    idToken=${token}
    Should Be Equal    ${response.payload}[status]    Rejected
    Station Sent Only    BootNotification    NotifyReport
    # Steps 13 and 14
    CSMS Answers BootNotification    Accepted
    ${response} =    CSMS Sends    TriggerMessage    requestedMessage=BootNotification
    Should Contain Any    ${response.payload}[status]    Accepted    NotImplemented
    # Steps 15 and 16
    IF    '${response.payload}[status]' == 'Accepted'
        ${boot} =    Station Sends    BootNotification    within=${TIME DEVIATION}
        Comes Before    ${response}    ${boot}
        Should Be Equal    ${boot.payload}[reason]    Triggered
    ELSE
        ${boot} =    Station Sends    BootNotification    within=${HEARTBEAT INTERVAL + ${TIME DEVIATION}}
        Takes At Least    ${pending}    ${boot}    ${HEARTBEAT INTERVAL}
    END
    # Steps 17 and 18, and the post scenario validation
    Station Reports All Connectors As    Available

TC_B_03_CS Cold Boot Charging Station - Rejected
    [Documentation]    A rejected station says nothing at all until the interval has passed, and then boots again.
    [Tags]    TC_B_03_CS    B03    B03.FR.02    B03.FR.04    B03.FR.06
    # Manual action: reboot.  Steps 1 and 2
    CSMS Answers BootNotification    Accepted
    CSMS Answers BootNotification    Rejected    times=1
    Power Up The Station
    ${rejected} =    Station Sends    BootNotification
    ${rejection} =    Answer To    ${rejected}
    Should Be Equal    ${rejection.payload}[status]    Rejected
    # Steps 3 and 4
    ${again} =    Station Sends    BootNotification    within=${2 * ${HEARTBEAT INTERVAL}}
    Takes At Least    ${rejection}    ${again}    ${HEARTBEAT INTERVAL}
    Takes At Most    ${rejection}    ${again}    ${HEARTBEAT INTERVAL}
    Station Sent Nothing Between    ${rejected}    ${again}
    # Steps 5 and 6, and the post scenario validation
    Station Reports All Connectors As    Available

TC_B_30_CS Cold Boot Charging Station - Pending/Rejected - SecurityError
    [Documentation]    A rejected station answers what the CSMS must not ask with SecurityError.
    [Tags]    TC_B_30_CS    B03    B03.FR.08
    # Steps 1 and 2
    CSMS Answers BootNotification    Rejected
    Power Up The Station
    ${rejected} =    Station Sends    BootNotification
    ${rejection} =    Answer To    ${rejected}
    # Steps 3 and 4: only if the station does not disconnect
    Let Time Pass    1
    ${connected} =    Station Is Connected
    Pass Execution If    not ${connected}    The station closed the connection, as B03.FR.04 allows
    ${error} =    CSMS Sends And Gets An Error    GetBaseReport    requestId=${301}    reportBase=FullInventory
    Should Be Equal    ${error.error_code}    SecurityError

TC_B_51_CS Status change during offline period - > Offline Threshold
    [Documentation]    Back after more than OfflineThreshold, the station reports every connector.
    [Tags]    TC_B_51_CS    B04    B04.FR.01
    [Setup]    General Preconditions    OCPPCommCtrlr.OfflineThreshold=40    OCPPCommCtrlr.RetryBackOffWaitMinimum=42
    ...    OCPPCommCtrlr.RetryBackOffRandomRange=0
    # Step 1
    CSMS Closes The Connection And Accepts None
    # Step 2: manual action
    Connect The EV And EVSE    1
    # Step 3
    Let Time Pass    40
    CSMS Accepts Connections
    Station Reconnects
    # Steps 4 and 5
    Connector Is Reported As    Occupied    1
    Connector Is Reported As    Available    2
    # Each once: nobody changed them since
    Station Sends No    StatusNotification    ${TIME DEVIATION}

TC_B_52_CS Status change during offline period - < Offline Threshold
    [Documentation]    Back after less than OfflineThreshold, the station reports the connector that changed, and no
    ...    other one.
    [Tags]    TC_B_52_CS    B04    B04.FR.02
    [Setup]    General Preconditions    OCPPCommCtrlr.OfflineThreshold=40    OCPPCommCtrlr.RetryBackOffWaitMinimum=38
    ...    OCPPCommCtrlr.RetryBackOffRandomRange=0
    # Step 1
    CSMS Closes The Connection And Accepts None
    # Step 2: manual action
    Connect The EV And EVSE    1
    # Step 3
    Let Time Pass    5
    CSMS Accepts Connections
    Station Reconnects    within=40
    # Steps 4 and 5
    Connector Is Reported As    Occupied    1
    Station Sends No    StatusNotification    ${TIME DEVIATION}

TC_B_06_CS Get Variables - single value
    [Documentation]    The value of a required variable.
    [Tags]    TC_B_06_CS    B06    B06.FR.01    B06.FR.02    B06.FR.03    B06.FR.04    B06.FR.10    B06.FR.11
    [Setup]    General Preconditions    OCPPCommCtrlr.OfflineThreshold=300
    # Steps 1 and 2
    ${results} =    Results Of GetVariables    OCPPCommCtrlr.OfflineThreshold    attribute=Actual
    Variable Was Read    ${results}[0]    300

TC_B_07_CS Get Variables - multiple values
    [Documentation]    The values of two required variables with one request.
    [Tags]    TC_B_07_CS    B06    B06.FR.01    B06.FR.02    B06.FR.03    B06.FR.04    B06.FR.10
    [Setup]    General Preconditions    OCPPCommCtrlr.OfflineThreshold=300    AuthCtrlr.LocalAuthorizeOffline=true
    # Steps 1 and 2
    ${results} =    Results Of GetVariables    OCPPCommCtrlr.OfflineThreshold    AuthCtrlr.LocalAuthorizeOffline
    ...    attribute=Actual
    Variable Was Read    ${results}[0]    300
    Variable Was Read    ${results}[1]    true

TC_B_32_CS Get Variables - Unknown component
    [Documentation]    A component that the station does not have.
    [Tags]    TC_B_32_CS    B06    B06.FR.06
    [Setup]    General Preconditions
    # Steps 1 and 2
    ${results} =    Results Of GetVariables    UnknownComponent.OfflineThreshold
    Variable Was Not Read    ${results}[0]    UnknownComponent

TC_B_33_CS Get Variables - Unknown variable
    [Documentation]    A variable that the component does not have.
    [Tags]    TC_B_33_CS    B06    B06.FR.07
    [Setup]    General Preconditions
    # Steps 1 and 2
    ${results} =    Results Of GetVariables    OCPPCommCtrlr.UnknownVariable
    Variable Was Not Read    ${results}[0]    UnknownVariable

TC_B_34_CS Get Variables - Not supported attribute type
    [Documentation]    An attribute that the variable does not have.
    [Tags]    TC_B_34_CS    B06    B06.FR.08
    [Setup]    General Preconditions
    # Steps 1 and 2
    ${results} =    Results Of GetVariables    OCPPCommCtrlr.OfflineThreshold    attribute=Target
    Variable Was Not Read    ${results}[0]    NotSupportedAttributeType

TC_B_09_CS Set Variables - single value
    [Documentation]    A required variable is set; afterwards it has the value.
    [Tags]    TC_B_09_CS    B05    B05.FR.01    B05.FR.02    B05.FR.03    B05.FR.10    B05.FR.12
    [Setup]    General Preconditions    OCPPCommCtrlr.OfflineThreshold=200
    ${value} =    CSMS Gets Variable    OCPPCommCtrlr    OfflineThreshold
    Should Be Equal    ${value}    200
    # Steps 1 and 2
    ${results} =    Results Of SetVariables    OCPPCommCtrlr.OfflineThreshold=300    attribute=Actual
    Variable Was Set    ${results}[0]
    ${value} =    CSMS Gets Variable    OCPPCommCtrlr    OfflineThreshold
    Should Be Equal    ${value}    300

TC_B_10_CS Set Variables - multiple values
    [Documentation]    Two required variables are set with one request; afterwards they have the values.
    [Tags]    TC_B_10_CS    B05    B05.FR.01    B05.FR.02    B05.FR.03    B05.FR.10    B05.FR.12
    [Setup]    General Preconditions    OCPPCommCtrlr.OfflineThreshold=200    AuthCtrlr.LocalAuthorizeOffline=false
    ${value} =    CSMS Gets Variable    AuthCtrlr    LocalAuthorizeOffline
    Should Be Equal    ${value}    false
    # Steps 1 and 2
    ${results} =    Results Of SetVariables    OCPPCommCtrlr.OfflineThreshold=300
    ...    AuthCtrlr.LocalAuthorizeOffline=true    attribute=Actual
    Variable Was Set    ${results}[0]
    Variable Was Set    ${results}[1]
    ${value} =    CSMS Gets Variable    OCPPCommCtrlr    OfflineThreshold
    Should Be Equal    ${value}    300
    ${value} =    CSMS Gets Variable    AuthCtrlr    LocalAuthorizeOffline
    Should Be Equal    ${value}    true

TC_B_35_CS Set Variables - Unknown component
    [Documentation]    A component that the station does not have.
    [Tags]    TC_B_35_CS    B05    B05.FR.04
    [Setup]    General Preconditions
    # Steps 1 and 2
    ${results} =    Results Of SetVariables    UnknownComponent.OfflineThreshold=300
    Should Be Equal    ${results}[0][attributeStatus]    UnknownComponent

TC_B_36_CS Set Variables - Unknown variable
    [Documentation]    A variable that the component does not have.
    [Tags]    TC_B_36_CS    B05    B05.FR.05
    [Setup]    General Preconditions
    # Steps 1 and 2
    ${results} =    Results Of SetVariables    OCPPCommCtrlr.UnknownVariable=300
    Should Be Equal    ${results}[0][attributeStatus]    UnknownVariable

TC_B_37_CS Set Variables - Not supported attribute type
    [Documentation]    An attribute that the variable does not have; its Actual value stays.
    [Tags]    TC_B_37_CS    B05    B05.FR.06
    [Setup]    General Preconditions    OCPPCommCtrlr.OfflineThreshold=200
    # Steps 1 and 2
    ${results} =    Results Of SetVariables    OCPPCommCtrlr.OfflineThreshold=300    attribute=Target
    Should Be Equal    ${results}[0][attributeStatus]    NotSupportedAttributeType
    ${value} =    CSMS Gets Variable    OCPPCommCtrlr    OfflineThreshold
    Should Be Equal    ${value}    200

TC_B_11_CS Set Variables - invalidly formatted values
    [Documentation]    Of five values the integer takes the first one only, and the boolean the third one. Steps 3 and
    ...    4 (SmartChargingCtrlr) and 7 and 8 (NextTimeOffsetTransitionDateTime) are about variables that the station
    ...    does not have.
    [Tags]    TC_B_11_CS    B05    B05.FR.07
    [Setup]    General Preconditions    OCPPCommCtrlr.OfflineThreshold=200    AuthCtrlr.AuthorizeRemoteStart=false
    VAR    @{values}    300    300.1    true    2026-01-01T00:00:00.000Z    abc
    FOR    ${value}    IN    @{values}
        # Steps 1 and 2
        ${results} =    Results Of SetVariables    OCPPCommCtrlr.OfflineThreshold=${value}
        IF    '${value}' == '300'
            Variable Was Set    ${results}[0]
        ELSE
            Variable Was Rejected    ${results}[0]    InvalidValue
        END
        # Steps 5 and 6
        ${results} =    Results Of SetVariables    AuthCtrlr.AuthorizeRemoteStart=${value}
        IF    '${value}' == 'true'
            Variable Was Set    ${results}[0]
        ELSE
            Variable Was Rejected    ${results}[0]    InvalidValue
        END
    END
    ${value} =    CSMS Gets Variable    OCPPCommCtrlr    OfflineThreshold
    Should Be Equal    ${value}    300
    ${value} =    CSMS Gets Variable    AuthCtrlr    AuthorizeRemoteStart
    Should Be Equal    ${value}    true

TC_B_39_CS Set Variables - Read-only
    [Documentation]    A variable that can only be read.
    [Tags]    TC_B_39_CS    B05    B05.FR.09
    [Setup]    General Preconditions
    # Steps 1 and 2
    ${results} =    Results Of SetVariables    OCPPCommCtrlr.MessageTimeout#Default=60
    Variable Was Rejected    ${results}[0]    ReadOnly

TC_B_12_CS Get Base Report - ConfigurationInventory
    [Documentation]    All variables that can be set, those that the standard requires among them.
    [Tags]    TC_B_12_CS    B07    B07.FR.01    B07.FR.03    B07.FR.04    B07.FR.07    B07.FR.10    B07.FR.12
    [Setup]    General Preconditions
    # Steps 1 to 4
    ${report} =    CSMS Gets Base Report    ConfigurationInventory    ${121}
    # Post scenario validations
    Report Holds Only    ${report}    ReadWrite    WriteOnly
    Report Holds The Required Variables    ${report}    ${STANDARD VARIABLES}    only_settable=True
    Report Follows The Standard    ${report}    ${STANDARD VARIABLES}

TC_B_13_CS Get Base Report - FullInventory
    [Documentation]    All variables, those that the standard requires among them.
    [Tags]    TC_B_13_CS    B07    B07.FR.01    B07.FR.03    B07.FR.04    B07.FR.08    B07.FR.10    B07.FR.12
    [Setup]    General Preconditions
    # Steps 1 to 4
    ${report} =    CSMS Gets Base Report    FullInventory    ${131}
    # Post scenario validations
    Report Holds The Required Variables    ${report}    ${STANDARD VARIABLES}

TC_B_14_CS Get Base Report - SummaryInventory
    [Documentation]    Errata 5.8: the availability of station, EVSEs and connectors.
    [Tags]    TC_B_14_CS    B07    B07.FR.01    B07.FR.03    B07.FR.04    B07.FR.09    B07.FR.10
    [Setup]    General Preconditions
    # Steps 1 to 4
    ${report} =    CSMS Gets Base Report    SummaryInventory    ${141}
    # Post scenario validations
    VAR    ${availability}    ${{[item for item in $report if item["variable"]["name"] == "AvailabilityState"]}}
    Length Should Be    ${availability}    ${{1 + len({name.split(".")[0] for name in $CONNECTORS}) + len($CONNECTORS)}}
    FOR    ${item}    IN    @{availability}
        Should Be Equal    ${item}[variableAttribute][0][value]    Available
    END
    Report Follows The Standard    ${report}    ${STANDARD VARIABLES}

TC_B_53_CS Get Base Report - Test mandatory DM variables via FullInventory
    [Documentation]    All variables that the standard requires, and of all variables what the standard says of them.
    [Tags]    TC_B_53_CS    B07    B07.FR.03    B07.FR.08
    [Setup]    General Preconditions
    # Steps 1 to 4
    ${report} =    CSMS Gets Base Report    FullInventory    ${531}
    # Post scenario validations
    Report Holds The Required Variables    ${report}    ${STANDARD VARIABLES}
    Report Follows The Standard    ${report}    ${STANDARD VARIABLES}

TC_B_43_CS Set new NetworkConnectionProfile - Rejected
    [Documentation]    A profile for a slot that the station does not have.
    [Tags]    TC_B_43_CS    B09    B09.FR.02
    [Setup]    General Preconditions
    # Steps 1 and 2
    CSMS Sets Network Profile    ${999}    ${SECOND ENDPOINT}    Rejected

TC_B_45_CS Migrate to new ConnectionProfile - Success - Same CSMS Root
    [Documentation]    The station connects to the end point of the slot that was put first.
    [Tags]    TC_B_45_CS    B09    B10    B09.FR.01    B10.FR.01    B10.FR.04    B10.FR.06
    [Setup]    General Preconditions
    # Steps 1 to 6
    CSMS Lets The Station Migrate
    # Step 7
    Station Connects To    ${SECOND ENDPOINT}    101
    Station Has Booted
    ${slot} =    CSMS Gets Variable    OCPPCommCtrlr    ActiveNetworkProfile
    Should Be Equal    ${slot}    2

TC_B_46_CS Migrate to new ConnectionProfile - Fallback mechanism - Same CSMS Root
    [Documentation]    Two attempts at the first slot get no answer: the station connects to the second slot.
    [Tags]    TC_B_46_CS    B10    B10.FR.03    B10.FR.04
    [Setup]    General Preconditions    OCPPCommCtrlr.NetworkProfileConnectionAttempts=2
    # Steps 1 to 6
    CSMS Ignores Connections    ${SECOND ENDPOINT}
    CSMS Lets The Station Migrate
    # Step 7
    Station Connects To    ${SECOND ENDPOINT}    0
    Station Connects To    ${SECOND ENDPOINT}    0
    # Step 8
    Station Connects To    ${FIRST ENDPOINT}    101
    # Step 9
    Station Has Booted
    ${slot} =    CSMS Gets Variable    OCPPCommCtrlr    ActiveNetworkProfile
    Should Be Equal    ${slot}    1

TC_B_47_CS Migrate to new ConnectionProfile - Fallback after NetworkProfileConnectionAttempts - New CSMS Root - New CSMS
    [Documentation]    The certificate of the other CSMS leads to the old root: the station does not take it, and goes
    ...    back to its CSMS by that root.
    [Tags]    TC_B_47_CS    B09    B10    M05    B10.FR.07    M05.FR.15    M05.FR.16
    [Setup]    Prepare The Station    security_profile=2    roots=csms
    ...    SecurityCtrlr.AdditionalRootCertificateCheck=true    OCPPCommCtrlr.NetworkProfileConnectionAttempts=1
    Reusable State Booted
    Memory State CertificateInstalled    csms successor
    TLS Handshakes So Far Are Seen
    # Steps 1 to 6
    CSMS Lets The Station Migrate    ${FIRST TLS ENDPOINT}    ${SECOND TLS ENDPOINT}    ${2}
    # Steps 7 and 8
    ${refused} =    Station Begins A TLS Handshake
    TLS Handshake Has Failed    ${refused}
    # Step 9
    Station Connects To    ${FIRST TLS ENDPOINT}    101
    # Step 10
    Station Has Booted    InvalidCsmsCertificate
    # Steps 11 and 12
    Reusable State GetInstalledCertificates    csms

TC_B_49_CS Migrate to new ConnectionProfile - Fallback after NetworkProfileConnectionAttempts - Same CSMS Root
    [Documentation]    Neither slot's attempt is accepted: the station goes on with the profile that it was last
    ...    connected with.
    [Tags]    TC_B_49_CS    B10    B10.FR.07
    [Setup]    General Preconditions    OCPPCommCtrlr.NetworkProfileConnectionAttempts=1
    ...    OCPPCommCtrlr.RetryBackOffRepeatTimes=0    OCPPCommCtrlr.RetryBackOffRandomRange=0
    ...    OCPPCommCtrlr.RetryBackOffWaitMinimum=20
    # Steps 1 to 6
    CSMS Refuses The Next Connection    2
    CSMS Lets The Station Migrate
    # Steps 7 and 8
    Station Connects To    ${SECOND ENDPOINT}    503
    # Steps 9 and 10
    ${refused} =    Station Connects To    ${FIRST ENDPOINT}    503
    # Steps 11 and 12
    ${accepted} =    Station Connects To    ${FIRST ENDPOINT}    101
    Takes At Least    ${refused}    ${accepted}    20
    Takes At Most    ${refused}    ${accepted}    20
    # Step 13
    Station Has Booted
    ${slot} =    CSMS Gets Variable    OCPPCommCtrlr    ActiveNetworkProfile
    Should Be Equal    ${slot}    1

TC_B_50_CS Migrate to new ConnectionProfile - Success - New CSMS Root - New CSMS
    [Documentation]    The station connects to another CSMS, whose certificate leads to a root that was installed for it.
    [Tags]    TC_B_50_CS    B10    M05    B10.FR.01    B10.FR.06    M05.FR.13
    [Setup]    Prepare The Station    security_profile=2    roots=csms
    Reusable State Booted
    Memory State CertificateInstalled    new csms
    CSMS Shows In TLS    root=new csms    host=csms2.local
    # Steps 1 to 6
    CSMS Lets The Station Migrate    ${FIRST TLS ENDPOINT}    ${SECOND TLS ENDPOINT}    ${2}
    # Steps 7 and 8
    Station Connects To    ${SECOND TLS ENDPOINT}    101
    ${handshake} =    Last TLS Handshake
    TLS Is As Required    ${handshake}
    # Step 9
    Station Has Booted

TC_B_57_CS Network Reconnection - After connection loss
    [Documentation]    Part 4, 5.3: the station waits RetryBackOffWaitMinimum before it connects again, and twice as
    ...    long after an attempt that failed.
    [Tags]    TC_B_57_CS    Part4-5.3
    VAR    ${minimum}    10
    # Preparations
    Reusable State Booted
    CSMS Sets Variable    OCPPCommCtrlr    NetworkProfileConnectionAttempts    3
    CSMS Sets Variable    OCPPCommCtrlr    RetryBackOffRepeatTimes    2
    CSMS Sets Variable    OCPPCommCtrlr    RetryBackOffRandomRange    0
    CSMS Sets Variable    OCPPCommCtrlr    RetryBackOffWaitMinimum    ${minimum}
    # Step 1
    ${closed} =    CSMS Closes The Connection
    # Steps 2 and 3
    ${reconnected} =    Station Connects
    Takes At Least    ${closed}    ${reconnected}    ${minimum}
    Takes At Most    ${closed}    ${reconnected}    ${minimum}
    # Step 4
    Let Time Pass    5
    CSMS Refuses The Next Connection
    ${closed} =    CSMS Closes The Connection
    # Steps 5 and 6
    ${refused} =    Station Connects
    Takes At Least    ${closed}    ${refused}    ${minimum}
    Takes At Most    ${closed}    ${refused}    ${minimum}
    Should Be Equal As Integers    ${refused.status}    503
    # Steps 7 and 8: the back-off time has doubled
    ${reconnected} =    Station Connects
    Takes At Least    ${refused}    ${reconnected}    ${2 * ${minimum}}
    Takes At Most    ${refused}    ${reconnected}    ${2 * ${minimum}}
    Should Be Equal As Integers    ${reconnected.status}    101
    Let Time Pass    1
    ${connected} =    Station Is Connected
    Should Be True    ${connected}

Largest Requests While Both EVSEs Charge
    [Documentation]    Ten variables are read and ten set with one request each, the most that ItemsPerMessage allows, and
    ...    all are reported, while two transactions go on: memory is enough for that.
    [Tags]    B05    B06    B07    B06.FR.16    needs base_report    needs clock_aligned    needs max_energy
    [Setup]    General Preconditions
    Reusable State EnergyTransferStarted    1
    Reusable State EnergyTransferStarted    2    ${VALID ID TOKEN 2}
    ${results} =    Results Of GetVariables    OCPPCommCtrlr.OfflineThreshold
    ...    OCPPCommCtrlr.MessageAttempts#TransactionEvent    OCPPCommCtrlr.FileTransferProtocols
    ...    SampledDataCtrlr.TxStartedMeasurands    SampledDataCtrlr.TxUpdatedMeasurands
    ...    SampledDataCtrlr.TxEndedMeasurands    TxCtrlr.TxStartPoint    TxCtrlr.TxStopPoint
    ...    ClockCtrlr.DateTime    SecurityCtrlr.Identity
    FOR    ${result}    IN    @{results}
        Should Be Equal    ${result}[attributeStatus]    Accepted
    END
    VAR    ${measurands}    Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage
    ${results} =    Results Of SetVariables    OCPPCommCtrlr.OfflineThreshold=77
    ...    OCPPCommCtrlr.MessageAttempts#TransactionEvent=5    OCPPCommCtrlr.ResetRetries=2
    ...    SampledDataCtrlr.TxUpdatedMeasurands=${measurands}    SampledDataCtrlr.TxEndedMeasurands=${measurands}
    ...    TxCtrlr.EVConnectionTimeOut=55    TxCtrlr.MaxEnergyOnInvalidId=5    AlignedDataCtrlr.Measurands=${measurands}
    ...    AuthCtrlr.MasterPassGroupId=MASTER    SecurityCtrlr.OrganizationName=OCPP Lite Bench
    FOR    ${result}    IN    @{results}
        Variable Was Set    ${result}
    END
    ${report} =    CSMS Gets Base Report    FullInventory    ${161}
    Report Follows The Standard    ${report}    ${STANDARD VARIABLES}
    # one more is one too many
    ${items} =    Evaluate    [{"component": {"name": "EVSE"}, "variable": {"name": "Power"}}] * 11
    ${error} =    CSMS Sends And Gets An Error    GetVariables    getVariableData=${items}
    Should Be Equal    ${error.error_code}    OccurrenceConstraintViolation


*** Keywords ***
Variable Was Read
    [Documentation]    A GetVariableResult is Accepted with this value.
    [Arguments]    ${result}    ${value}
    Should Be Equal    ${result}[attributeStatus]    Accepted
    Should Be Equal    ${result}[attributeValue]    ${value}
    Status Info Tells No Error    ${result}

Variable Was Not Read
    [Documentation]    A GetVariableResult has this status and no value.
    [Arguments]    ${result}    ${status}
    Should Be Equal    ${result}[attributeStatus]    ${status}
    Should Not Contain    ${result}    attributeValue

Variable Was Set
    [Documentation]    A SetVariableResult is Accepted.
    [Arguments]    ${result}
    Should Be Equal    ${result}[attributeStatus]    Accepted
    Status Info Tells No Error    ${result}

Variable Was Rejected
    [Documentation]    A SetVariableResult is Rejected, for this reason where it gives one.
    [Arguments]    ${result}    ${reason}
    Should Be Equal    ${result}[attributeStatus]    Rejected
    VAR    ${given}    ${{$result.get("attributeStatusInfo", {}).get("reasonCode", $reason)}}
    Should Be Equal    ${given}    ${reason}

Status Info Tells No Error
    [Arguments]    ${result}
    VAR    ${reason}    ${{$result.get("attributeStatusInfo", {}).get("reasonCode", "NoError")}}
    Should Be Equal    ${reason}    NoError

CSMS Gets Base Report
    [Documentation]    GetBaseReportRequest; returns all reportData of the NotifyReportRequests, whose numbers are
    ...    checked, and every list of which must say what it may hold.
    [Arguments]    ${base}    ${request_id}
    VAR    &{accepted}    status=Accepted    statusInfo.reasonCode=omitted or NoError
    CSMS Sends And Gets    GetBaseReport    ${accepted}    requestId=${request_id}    reportBase=${base}
    ${report} =    Station Reports Its Device Model    ${request_id}
    FOR    ${item}    IN    @{report}
        IF    $item["variableCharacteristics"]["dataType"].endswith("List")
            Should Not Be Empty    ${item}[variableCharacteristics][valuesList]
        END
    END
    RETURN    ${report}
