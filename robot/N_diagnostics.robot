*** Settings ***
Documentation       Functional block N, Diagnostics: Part 6, chapter 2.15.
Resource            resources/ocpp.resource
Test Setup          General Preconditions
Test Teardown       Bench Finds Nothing Wrong
Test Tags           diagnostics


*** Variables ***
${LOGS}                     http://files.local:8080/logs
${RETRY INTERVAL}           ${20}
# What an upload, or a report, may take.
${TRANSFER TIME}            ${120}
# Part 2, appendix 1: what is in a security log, and nothing else.
@{SECURITY EVENTS}
...                         FirmwareUpdated
...                         FailedToAuthenticateAtCsms
...                         CsmsFailedToAuthenticate
...                         SettingSystemTime
...                         StartupOfTheDevice
...                         ResetOrReboot
...                         SecurityLogWasCleared
...                         ReconfigurationOfSecurityParameters
...                         MemoryExhaustion
...                         InvalidMessages
...                         AttemptedReplayAttacks
...                         TamperDetectionActivated
...                         InvalidFirmwareSignature
...                         InvalidFirmwareSigningCertificate
...                         InvalidCsmsCertificate
...                         InvalidChargingStationCertificate
...                         InvalidTLSVersion
...                         InvalidTLSCipherSuite
...                         MaintenanceLoginAccepted
...                         MaintenanceLoginFailed


*** Test Cases ***
TC_N_25_CS Retrieve Log Information - Diagnostics Log - Success
    [Documentation]    The diagnostics log is uploaded under the name that was told, and its status with it.
    [Tags]    TC_N_25_CS    N01    N01.FR.01    N01.FR.02    N01.FR.04    N01.FR.07    N01.FR.08    N01.FR.09
    ...    N01.FR.13
    # Steps 1 to 6
    ${text} =    Log Is Uploaded    DiagnosticsLog    ${25}
    Should Not Be True    $PASSWORD in $text    The diagnostics log holds the password
    ${others} =    Lines Without A Security Event    ${text}
    Should Not Be Empty    ${others}    The diagnostics log has security events alone

TC_N_26_CS Retrieve Log Information - Diagnostics Log - Upload failed
    [Documentation]    The place for the log does not exist: the station tries as often as it was told, in the interval
    ...    it was told, and says so.
    [Tags]    TC_N_26_CS    N01    N01.FR.01    N01.FR.02    N01.FR.04    N01.FR.07    N01.FR.08    N01.FR.10
    ...    N01.FR.13
    File Server Is Wrong    /missing/    status=404
    # Steps 1 and 2
    VAR    &{log}    remoteLocation=http://files.local:8080/missing
    CSMS Sends And Gets    GetLog    Accepted    logType=DiagnosticsLog    requestId=${26}
    ...    retries=${3}    retryInterval=${RETRY INTERVAL}    log=${log}
    # Steps 3 to 6 (errata 6.2.93)
    ${moment} =    Station Sends    LogStatusNotification    status=Uploading    requestId=${26}
    VAR    ${failure}    UploadFailure or BadMessage or PermissionDenied or NotSupportedOperation
    VAR    ${seconds}    ${{ 3 * $RETRY_INTERVAL + 30 }}
    ${statuses} =    All Requests Within    ${seconds}    LogStatusNotification
    ${uploads} =    Messages With    ${statuses}    status=Uploading    requestId=${26}
    ${failures} =    Messages With    ${statuses}    status=${failure}    requestId=${26}
    Should Contain Any    ${{ [len($uploads) + 1] }}    ${1}    ${4}
    Should Contain Any    ${{ [len($failures)] }}    ${1}    ${4}
    Should Be Equal As Integers    ${{ len($uploads) + len($failures) }}    ${{ len($statuses) }}
    Takes At Least    ${moment}    ${failures}[-1]    ${{ 3 * $RETRY_INTERVAL }}
    Takes At Most    ${moment}    ${failures}[-1]    ${{ 3 * $RETRY_INTERVAL }}
    ${attempts} =    File Requests    /missing/
    Length Should Be    ${attempts}    4

TC_N_27_CS Get Customer Information - Accepted + data
    [Documentation]    What the station keeps of an idToken is reported.
    [Tags]    TC_N_27_CS    N09    N09.FR.02    N09.FR.05
    [Setup]    General Preconditions    AuthCtrlr.LocalPreAuthorize=true    AuthCacheCtrlr.Enabled=true
    Memory State IdTokenCached
    # Steps 1 to 4
    ${data} =    Customer Information    ${27}    report=${True}    clear=${False}
    Should Contain    ${data}    ${VALID ID TOKEN}
    # It is still there
    ${data} =    Customer Information    ${28}    report=${True}    clear=${False}
    Should Contain    ${data}    ${VALID ID TOKEN}

TC_N_28_CS Get Customer Information - Accepted + no data
    [Documentation]    Nothing is kept of the idToken, and that is said.
    [Tags]    TC_N_28_CS    N09    N09.FR.02    N09.FR.06
    Customer Information    ${1}    report=${False}    clear=${True}
    # Steps 1 to 4
    ${data} =    Customer Information    ${28}    report=${True}    clear=${False}    parts=${1}
    Should Not Be Empty    ${data}
    Should Not Contain    ${data}    ${VALID ID TOKEN}

TC_N_30_CS Clear Customer Information - Clear and report + data
    [Documentation]    What the station keeps of an idToken is reported, and is gone after that: the station has to ask
    ...    the CSMS again.
    [Tags]    TC_N_30_CS    N10    N10.FR.01    N10.FR.03
    [Setup]    General Preconditions    AuthCtrlr.LocalPreAuthorize=true    AuthCacheCtrlr.Enabled=true
    Memory State IdTokenCached
    # Steps 1 to 4
    ${data} =    Customer Information    ${30}    report=${True}    clear=${True}
    Should Contain    ${data}    ${VALID ID TOKEN}
    # Steps 5 to 8
    ${data} =    Customer Information    ${31}    report=${True}    clear=${False}    parts=${1}
    Should Not Contain    ${data}    ${VALID ID TOKEN}
    Reusable State Authorized Local

TC_N_31_CS Clear Customer Information - Clear and report + no data
    [Documentation]    There is nothing to clear, and that is said.
    [Tags]    TC_N_31_CS    N10    N10.FR.01    N10.FR.04
    # Steps 1 to 4
    ${data} =    Customer Information    ${31}    report=${True}    clear=${True}    parts=${1}
    Should Not Be Empty    ${data}
    Should Not Contain    ${data}    ${VALID ID TOKEN}

TC_N_32_CS Clear Customer Information - Clear and no report
    [Documentation]    What is kept of the idToken is cleared, which is said and nothing else.
    [Tags]    TC_N_32_CS    N10    N10.FR.01    N10.FR.06
    [Setup]    General Preconditions    AuthCtrlr.LocalPreAuthorize=true    AuthCacheCtrlr.Enabled=true
    Memory State IdTokenCached
    # Steps 1 to 4
    ${data} =    Customer Information    ${32}    report=${False}    clear=${True}    parts=${1}
    Should Not Be Empty    ${data}
    Should Not Contain    ${data}    ${VALID ID TOKEN}
    Reusable State Authorized Local

TC_N_35_CS Retrieve Log Information - Security Log - Success
    [Documentation]    The security log is uploaded. It tells of the start and of a new password, which is not in it.
    [Tags]    TC_N_35_CS    N01    N01.FR.01    N01.FR.02    N01.FR.03    N01.FR.07    N01.FR.08    N01.FR.09
    ...    N01.FR.13    A01.FR.11    A01.FR.12
    Station Connects
    ${results} =    Results Of SetVariables    SecurityCtrlr.BasicAuthPassword=${NEW PASSWORD}
    Should Be Equal    ${results}[0][attributeStatus]    Accepted
    Station Connects
    # Steps 1 to 6
    ${text} =    Log Is Uploaded    SecurityLog    ${35}
    Should Contain Any    ${text}    StartupOfTheDevice    ResetOrReboot
    Should Contain    ${text}    ReconfigurationOfSecurityParameters
    Should Not Be True    $NEW_PASSWORD in $text    The security log holds the password
    ${others} =    Lines Without A Security Event    ${text}
    Should Be Empty    ${others}    The security log has more than security events

TC_N_36_CS Retrieve Log Information - Second Request
    [Documentation]    A second request cancels the upload that is under way, and is done.
    [Tags]    TC_N_36_CS    N01    N01.FR.01    N01.FR.02    N01.FR.03    N01.FR.07    N01.FR.08    N01.FR.09
    ...    N01.FR.12    N01.FR.13
    File Server Is Wrong    /logs/    times=1    delay_s=60
    VAR    &{log}    remoteLocation=${LOGS}
    # Steps 1 and 2
    CSMS Sends And Gets    GetLog    Accepted    logType=DiagnosticsLog    requestId=${36}    log=${log}
    # Steps 3 and 4
    Station Sends    LogStatusNotification    status=Uploading    requestId=${36}
    # Steps 5 to 8 (errata 6.2.97: in either order)
    CSMS Sends And Gets    GetLog    AcceptedCanceled    logType=DiagnosticsLog    requestId=${37}    log=${log}
    Station Sends    LogStatusNotification    status=AcceptedCanceled    requestId=${36}
    # Steps 9 to 12
    Station Sends    LogStatusNotification    within=${TRANSFER TIME}    status=Uploading    requestId=${37}
    Station Sends    LogStatusNotification    within=${TRANSFER TIME}    status=Uploaded    requestId=${37}
    Uploaded Log    /logs/


*** Keywords ***
Log Is Uploaded
    [Documentation]    Steps 1 to 6 of TC_N_25 and TC_N_35; returns the text of the log.
    [Arguments]    ${type}    ${request_id}
    VAR    &{log}    remoteLocation=${LOGS}
    # Steps 1 and 2
    ${response} =    CSMS Sends And Gets    GetLog    Accepted
    ...    logType=${type}    requestId=${request_id}    log=${log}
    ${name} =    Field Of    ${response}    filename
    Should Not Be Empty    ${name}
    # Steps 3 and 4
    ${uploading} =    Station Sends    LogStatusNotification    status=Uploading    requestId=${request_id}
    Comes Before    ${response}    ${uploading}
    # Steps 5 and 6
    Station Sends    LogStatusNotification    within=${TRANSFER TIME}    status=Uploaded    requestId=${request_id}
    ${text} =    Uploaded Log    /logs/${name}
    Should Not Be Empty    ${text}
    RETURN    ${text}

Lines Without A Security Event
    [Documentation]    The lines of a log that name none of `@{SECURITY EVENTS}`.
    [Arguments]    ${text}
    VAR    ${any event}    ${{ "|".join($SECURITY_EVENTS) }}
    RETURN    ${{ re.findall("^(?!.*(?:" + $any_event + ")).+$", $text, re.MULTILINE) }}

Customer Information
    [Documentation]    CustomerInformationRequest for `${VALID ID TOKEN}`; returns the data of all parts of the report,
    ...    of which there may be at most so many.
    [Arguments]    ${request_id}    ${report}    ${clear}    ${parts}=${10}
    VAR    &{token}    idToken=${VALID ID TOKEN}    type=ISO14443
    CSMS Sends And Gets    CustomerInformation    Accepted
    ...    requestId=${request_id}    report=${report}    clear=${clear}    idToken=${token}
    VAR    ${data}    ${EMPTY}
    FOR    ${number}    IN RANGE    ${parts}
        ${part} =    Station Sends    NotifyCustomerInformation    within=${TRANSFER TIME}
        ...    requestId=${request_id}    seqNo=${number}    generatedAt=present
        VAR    ${data}    ${data}${part.payload}[data]
        IF    not $part.payload.get("tbc", False)    RETURN    ${data}
    END
    Fail    The report has more than ${parts} parts
