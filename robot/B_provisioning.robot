*** Settings ***
Documentation       Functional block B, Provisioning: Part 6, chapter 2.3.
Resource            resources/ocpp.resource
Test Setup          Prepare The Station
Test Teardown       Bench Finds Nothing Wrong
Test Tags           provisioning


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
