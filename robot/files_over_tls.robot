*** Settings ***
Documentation       Firmware and logs by HTTPS, from and to a file server with a chain of its own, while the CSMS is connected
...                 by TLS, too: L01.FR.08, N01, and the rules of A00 for a server's certificate. These are no test cases of
...                 Part 6.
Resource            resources/ocpp.resource
Resource            resources/firmware.resource
Test Setup          Station With TLS And A Small File
Test Teardown       Bench Finds Nothing Wrong
Test Tags           tls    needs tls    needs firmware_update    needs diagnostics


*** Variables ***
${FILES}                    https://files.local:8443
@{NOT TRUSTED}
...    expired
...    wrong host name
...    self-signed
...    unknown root
...    weak key
...    TLS 1.1


*** Test Cases ***
A Firmware Comes By HTTPS
    [Documentation]    The update from end to end, with both TLS sessions at once.
    [Tags]    L01    L01.FR.08
    ${content} =    Update File
    Files Hold    ${content}
    ${version} =    Version In    ${content}
    VAR    ${NEW VERSION}    ${version}    scope=TEST
    CSMS Updates The Firmware    ${1}    location=${FILES}${FIRMWARE PATH}
    Firmware Is Downloaded And Verified    ${1}
    CSMS Has Stayed Connected
    Firmware Is Installed And Runs    ${1}

A File Server That Cannot Be Trusted Is Asked For Nothing
    [Documentation]    Each attempt ends with the handshake; the CSMS hears of the failure, and stays connected. It is no
    ...    security event, as that is about the CSMS's certificate alone.
    [Tags]    L01    L01.FR.30    A00.FR.308    A00.FR.309    A00.FR.316    A00.FR.501
    VAR    ${id}    ${0}
    FOR    ${wrong}    IN    @{NOT TRUSTED}
        VAR    ${id}    ${{ $id + 1 }}
        CSMS Shows In TLS    ${wrong}    times=2    root=new csms    host=files.local
        TLS Handshakes So Far Are Seen
        CSMS Updates The Firmware    ${id}    location=${FILES}${FIRMWARE PATH}    retries=${1}    retryInterval=${5}
        Firmware Status Is    Downloading    ${id}
        FOR    ${attempt}    IN    1    2
            ${handshake} =    Station Begins A TLS Handshake
            TLS Handshake Has Failed    ${handshake}
        END
        Firmware Status Is    DownloadFailed    ${id}
    END
    ${requests} =    File Requests    /
    Should Be Empty    ${requests}
    Station Sends No    SecurityEventNotification    5
    CSMS Has Stayed Connected

A Download By HTTPS Ends Too Soon, Or Goes On
    [Documentation]    What is cut short is told as failed, or gone on with at the next attempt; a slow server is waited for,
    ...    a silent one is not; a wrong signature is found out.
    [Tags]    L01    L01.FR.03    L01.FR.30
    File Server Is Wrong    ${FIRMWARE PATH}    cut_at=1000
    CSMS Updates The Firmware    ${1}    location=${FILES}${FIRMWARE PATH}    retries=${0}
    Firmware Status Is    Downloading    ${1}
    Firmware Status Is    DownloadFailed    ${1}
    File Server Is Wrong    ${FIRMWARE PATH}    stall_at=1000
    CSMS Updates The Firmware    ${2}    location=${FILES}${FIRMWARE PATH}    retries=${0}
    Firmware Status Is    Downloading    ${2}
    Firmware Status Is    DownloadFailed    ${2}
    CSMS Shows In TLS    stalls    times=1    root=new csms    host=files.local
    CSMS Updates The Firmware    ${3}    location=${FILES}${FIRMWARE PATH}    retries=${0}
    Firmware Status Is    Downloading    ${3}
    Firmware Status Is    DownloadFailed    ${3}
    File Server Is Wrong    ${FIRMWARE PATH}    times=1    cut_at=2000    rate=400
    CSMS Updates The Firmware    ${4}    signed=another file    location=${FILES}${FIRMWARE PATH}
    ...    retries=${1}    retryInterval=${1}
    Firmware Is Downloaded    ${4}
    Firmware Status Is    InvalidSignature    ${4}
    Station Sends    SecurityEventNotification    type=InvalidFirmwareSignature
    CSMS Has Stayed Connected

A Log Goes Out By HTTPS
    [Documentation]    Not to a server that cannot be trusted, and with both TLS sessions at once to one that can.
    [Tags]    N01    N01.FR.08    N01.FR.09    N01.FR.10
    VAR    &{log}    remoteLocation=${FILES}/logs
    CSMS Shows In TLS    unknown root    times=1    host=files.local
    CSMS Sends And Gets    GetLog    Accepted    logType=DiagnosticsLog    requestId=${1}    retries=${1}
    ...    retryInterval=${5}    log=${log}
    Log Status Is    Uploading    ${1}
    Log Status Is    UploadFailure    ${1}
    Log Status Is    Uploading    ${1}
    Log Status Is    Uploaded    ${1}
    ${uploads} =    File Requests    /logs/
    Length Should Be    ${uploads}    1
    CSMS Has Stayed Connected
    # one session and its handshake take 10 kB at most
    ${peak} =    Peak Of The TLS Arena
    Should Be True    ${peak} > 13000

The CSMS Is Reached Again While A File Server's Handshake Hangs
    [Documentation]    Both sessions are in their handshake at once; what the file server does not do is no fault of the
    ...    CSMS's.
    [Tags]    L01    A00.FR.310
    CSMS Shows In TLS    stalls    times=1    root=new csms    host=files.local
    CSMS Updates The Firmware    ${1}    location=${FILES}${FIRMWARE PATH}    retries=${0}
    Firmware Status Is    Downloading    ${1}
    Let Time Pass    5
    CSMS Closes The Connection
    Station Connects    within=${120}
    Firmware Status Is    DownloadFailed    ${1}
    Station Sends No    SecurityEventNotification    5    type=InvalidCsmsCertificate


*** Keywords ***
Station With TLS And A Small File
    [Documentation]    Booted with security profile 2. The file server's chain leads to another root than the CSMS's.
    Prepare The Station    security_profile=2    roots=csms,new csms,manufacturer
    ...    OCPPCommCtrlr.RetryBackOffWaitMinimum=2    OCPPCommCtrlr.RetryBackOffRandomRange=0
    CSMS Shows In TLS    root=new csms    host=files.local
    Reusable State Booted
    ${upgrade} =    Upgrade Request Of The Station
    VAR    ${FIRST UPGRADE}    ${upgrade}    scope=TEST
    Files Hold    ${SMALL FILE}
    Station Sends No    SecurityEventNotification    5    type=InvalidCsmsCertificate

CSMS Has Stayed Connected
    [Documentation]    Since it was first reached.
    ${upgrade} =    Upgrade Request Of The Station
    Should Be Equal    ${upgrade}    ${FIRST UPGRADE}

Log Status Is
    [Arguments]    ${status}    ${request_id}
    Station Sends    LogStatusNotification    within=${TRANSFER TIME}    status=${status}    requestId=${request_id}
