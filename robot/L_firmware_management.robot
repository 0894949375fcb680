*** Settings ***
Documentation       Functional block L, Firmware management: Part 6, chapter 2.13.
Resource            resources/ocpp.resource
Resource            resources/firmware.resource
Test Setup          Station And A Small File
Test Teardown       Bench Finds Nothing Wrong
Test Tags           firmware


*** Variables ***
${OFFSET PERIOD}            ${180}
@{INVALID SIGNERS}          unknown root    self-signed    expired    not yet valid    wrong key usage


*** Test Cases ***
TC_L_01_CS Secure Firmware Update - Installation successful
    [Documentation]    The station downloads a firmware, checks its signature, installs it, and runs it.
    [Tags]    TC_L_01_CS    L01    L01.FR.01    L01.FR.04    L01.FR.05    L01.FR.09    L01.FR.10    L01.FR.12
    ...    L01.FR.15    L01.FR.20    L01.FR.21    L01.FR.23    L01.FR.28    L01.FR.31
    [Setup]    Station And A New Firmware
    # Steps 1 and 2
    CSMS Updates The Firmware    ${1}
    # Steps 3 to 8
    Firmware Is Downloaded And Verified    ${1}
    # Steps 9 to 21
    Firmware Is Installed And Runs    ${1}
    # It stays: whoever falls back from a firmware that fails does so by now
    FOR    ${_}    IN RANGE    4
        Power Cycle The Station
        Station Sends    BootNotification    within=${120}    chargingStation.firmwareVersion=${NEW VERSION}
    END

TC_L_02_CS Secure Firmware Update - InstallScheduled
    [Documentation]    The firmware is downloaded at once, and installed at the time that was told.
    [Tags]    TC_L_02_CS    L01    L01.FR.01    L01.FR.04    L01.FR.05    L01.FR.09    L01.FR.10    L01.FR.12
    ...    L01.FR.15    L01.FR.16    L01.FR.20    L01.FR.21    L01.FR.23
    [Setup]    Station And A New Firmware
    # Steps 1 and 2
    ${accepted} =    CSMS Updates The Firmware    ${2}    install=${OFFSET PERIOD}
    # Steps 3 to 8
    Firmware Is Downloaded And Verified    ${2}
    # Steps 9 and 10
    Firmware Status Is    InstallScheduled    ${2}
    # Steps 11 to 23
    ${installing} =    Firmware Is Installed And Runs    ${2}
    Takes At Least    ${accepted}    ${installing}    ${OFFSET PERIOD - 1}
    Takes At Most    ${accepted}    ${installing}    ${OFFSET PERIOD}

TC_L_03_CS Secure Firmware Update - DownloadScheduled
    [Documentation]    The firmware is downloaded at the time that was told, and installed at once.
    [Tags]    TC_L_03_CS    L01    L01.FR.01    L01.FR.04    L01.FR.05    L01.FR.09    L01.FR.10    L01.FR.12
    ...    L01.FR.13    L01.FR.15    L01.FR.20    L01.FR.21    L01.FR.23
    [Setup]    Station And A New Firmware
    # Steps 1 and 2
    ${accepted} =    CSMS Updates The Firmware    ${3}    retrieve=${OFFSET PERIOD}
    # Steps 3 and 4
    Firmware Status Is    DownloadScheduled    ${3}    within=${TIME DEVIATION}
    # Steps 5 to 10
    ${downloading} =    Firmware Is Downloaded And Verified    ${3}
    Takes At Least    ${accepted}    ${downloading}    ${OFFSET PERIOD - 1}
    Takes At Most    ${accepted}    ${downloading}    ${OFFSET PERIOD}
    # Steps 11 to 23
    Firmware Is Installed And Runs    ${3}

TC_L_05_CS Secure Firmware Update - InvalidCertificate
    [Documentation]    A signing certificate that does not hold is refused, before anything is downloaded.
    [Tags]    TC_L_05_CS    L01    L01.FR.01    L01.FR.02    L01.FR.21    L01.FR.22
    FOR    ${fault}    IN    @{INVALID SIGNERS}
        # Steps 1 and 2
        CSMS Updates The Firmware    ${5}    InvalidCertificate or RevokedCertificate    fault=${fault}
        # Steps 3 and 4
        Station Sends    SecurityEventNotification    type=InvalidFirmwareSigningCertificate
    END
    ${requests} =    File Requests    /
    Should Be Empty    ${requests}

TC_L_06_CS Secure Firmware Update - InvalidSignature
    [Documentation]    A signature that is not of this file is found out; the station goes on with what it has.
    [Tags]    TC_L_06_CS    L01    L01.FR.01    L01.FR.03    L01.FR.04    L01.FR.10    L01.FR.20
    # Steps 1 and 2
    CSMS Updates The Firmware    ${6}    signed=another file
    # Steps 3 to 6
    Firmware Is Downloaded    ${6}
    # Steps 7 to 10, in any order
    Firmware Status Is    InvalidSignature    ${6}
    Station Sends In Any Order    SecurityEventNotification    type=InvalidFirmwareSignature
    Old Firmware Still Runs

TC_L_07_CS Secure Firmware Update - DownloadFailed
    [Documentation]    There is no such file, or only the beginning of it.
    [Tags]    TC_L_07_CS    L01    L01.FR.01    L01.FR.10    L01.FR.20    L01.FR.30
    # Steps 1 and 2
    CSMS Updates The Firmware    ${7}    location=${FIRMWARE LOCATION}_does_not_exist
    # Steps 3 to 6
    Station May Send    FirmwareStatusNotification    within=10    status=Downloading    requestId=${7}
    Firmware Status Is    DownloadFailed    ${7}
    File Server Is Wrong    ${FIRMWARE PATH}    cut_at=1000
    CSMS Updates The Firmware    ${8}
    Firmware Status Is    Downloading    ${8}
    Firmware Status Is    DownloadFailed    ${8}    within=${TRANSFER TIME}

TC_L_08_CS Secure Firmware Update - InstallVerificationFailed or InstallationFailed
    [Documentation]    The file is signed as it is, but broken inside: it is not installed, and the station stays in use.
    [Tags]    TC_L_08_CS    L01    L01.FR.01    L01.FR.10    L01.FR.12    L01.FR.20    L01.FR.29
    # Steps 1 and 2
    CSMS Updates The Firmware    ${8}
    # Steps 3 to 8
    Firmware Is Downloaded And Verified    ${8}
    # Steps 9 to 17
    Station May Send    FirmwareStatusNotification    within=${TRANSFER TIME}    status=Installing    requestId=${8}
    Connectors Were At Most Reported As    Unavailable
    Firmware Status Is    InstallVerificationFailed or InstallationFailed    ${8}
    Old Firmware Still Runs

TC_L_10_CS Secure Firmware Update - AcceptedCanceled
    [Documentation]    A second request cancels the download of the first one, and is done.
    [Tags]    TC_L_10_CS    L01    L01.FR.01    L01.FR.10    L01.FR.20    L01.FR.24
    [Setup]    Station And A New Firmware
    File Server Is Wrong    ${FIRMWARE PATH}    times=1    rate=1000
    # Steps 1 and 2
    CSMS Updates The Firmware    ${10}
    # Steps 3 and 4
    Firmware Status Is    Downloading    ${10}
    # Steps 5 and 6
    CSMS Updates The Firmware    ${11}    AcceptedCanceled
    # Steps 7 to 12 (errata 6.2.82)
    Station May Send    FirmwareStatusNotification    within=${TIME DEVIATION}
    ...    status=DownloadFailed or InstallationFailed    requestId=${10}
    Firmware Is Downloaded And Verified    ${11}
    # Steps 13 to 25
    Firmware Is Installed And Runs    ${11}

TC_L_12_CS Secure Firmware Update - Unable to download/install firmware with ongoing transaction - AllowNewSessionsPendingFirmwareUpdate is true
    [Documentation]    The update waits for the transaction that runs, and for another that begins meanwhile.
    [Tags]    TC_L_12_CS    L01    L01.FR.01    L01.FR.06    L01.FR.07    L01.FR.10    L01.FR.13    L01.FR.20
    [Setup]    Station And A New Firmware
    Configuration State    ChargingStation.AllowNewSessionsPendingFirmwareUpdate=true
    Reusable State EnergyTransferStarted    ${1}
    # Steps 1 and 2
    CSMS Updates The Firmware    ${12}
    # Steps 3 and 4
    Firmware Status Is    DownloadScheduled    ${12}
    # Step 5
    Reusable State EnergyTransferStarted    ${2}    ${VALID ID TOKEN 2}
    # Steps 6 and 7
    Reusable State EVDisconnected    ${1}
    Station Sends No    FirmwareStatusNotification    30
    Reusable State EVDisconnected    ${2}
    # Steps 8 to 13
    Firmware Is Downloaded And Verified    ${12}
    # Steps 14 to 26
    Firmware Is Installed And Runs    ${12}

TC_L_13_CS Secure Firmware Update - Unable to download/install firmware with ongoing transaction - AllowNewSessionsPendingFirmwareUpdate is false
    [Documentation]    The update waits for the transaction that runs; no other can begin meanwhile.
    [Tags]    TC_L_13_CS    L01    L01.FR.01    L01.FR.06    L01.FR.07    L01.FR.10    L01.FR.13    L01.FR.20
    [Setup]    Station And A New Firmware
    Configuration State    ChargingStation.AllowNewSessionsPendingFirmwareUpdate=false
    Reusable State EnergyTransferStarted    ${1}
    # Steps 1 and 2
    CSMS Updates The Firmware    ${13}
    # Steps 3 and 4
    Station May Send    FirmwareStatusNotification    within=${TIME DEVIATION}
    ...    status=DownloadScheduled    requestId=${13}
    # Steps 5 and 6
    Connector Is Reported As    Unavailable    ${2}
    # Step 7
    Reusable State EVDisconnected    ${1}
    # Steps 8 to 13
    Firmware Is Downloaded And Verified    ${13}
    # Steps 14 to 26
    Firmware Is Installed And Runs    ${13}

TC_L_18_CS Secure Firmware Update - Missing firmware signing certificate and signature
    [Documentation]    A firmware that nobody has signed is not taken.
    [Tags]    TC_L_18_CS    L01    L01.FR.11    L01.FR.21    L01.FR.22
    ${now} =    Date Time In    -7200
    VAR    &{firmware}    location=${FIRMWARE LOCATION}    retrieveDateTime=${now}    installDateTime=${now}
    # Steps 1 and 2
    CSMS Sends And Gets    UpdateFirmware    Rejected or InvalidCertificate    requestId=${18}    firmware=${firmware}
    Station Sends No    FirmwareStatusNotification    30
