*** Settings ***
Documentation       Functional block C, Authorization: Part 6, chapter 2.4, with the errata of 2025-09.
Resource            resources/ocpp.resource
Test Setup          General Preconditions
Test Teardown       Bench Finds Nothing Wrong
Test Tags           authorization


*** Variables ***
# `<Configured message timeout>`: so long the test system waits for what must not come.
${MESSAGE TIMEOUT}          ${30}
${MASTER PASS ID TOKEN}     04FEEDC0DE0004
${MASTER PASS GROUP}        MASTER-GROUP
&{MASTER GROUP}             idToken=${MASTER PASS GROUP}    type=Central
&{GROUP}                    idToken=FAMILY-7    type=Central
# `<Configured RetryBackOffWaitMinimum_duration>`: long enough for what is done by hand meanwhile.
${BACK OFF}                 ${30}


*** Test Cases ***
TC_C_02_CS Local start transaction - Authorization Invalid/Unknown
    [Documentation]    An idToken that the CSMS calls invalid starts nothing.
    [Tags]    TC_C_02_CS    C01    C01.FR.01    C01.FR.02
    [Setup]    General Preconditions    AuthCtrlr.Enabled=true    AuthCtrlr.DisableRemoteAuthorization=false
    Reusable State EVConnectedPreSession
    # Steps 1 and 2, and the note
    Authorization Is Refused    ${INVALID ID TOKEN}    Invalid

TC_C_04_CS Local Stop Transaction - Different idToken
    [Documentation]    Another idToken than that of the start does not stop a transaction, though it is accepted.
    [Tags]    TC_C_04_CS    C01    E07    C01.FR.02    C01.FR.03
    [Setup]    General Preconditions    AuthCtrlr.Enabled=true    AuthCtrlr.DisableRemoteAuthorization=false
    Reusable State EnergyTransferStarted
    # Steps 1 and 2
    Present IdToken    ${VALID ID TOKEN 2}
    Station Asks For Authorization    ${VALID ID TOKEN 2}    Accepted
    # Note, and the post scenario validation
    Station Sends No TransactionEvent    ${MESSAGE TIMEOUT}    idToken.idToken=present
    Station Sends No TransactionEvent    0    eventType=Ended
    Contactor Should Be Closed

TC_C_06_CS Local start transaction - Authorization Blocked
    [Documentation]    An idToken that the CSMS calls blocked starts nothing.
    [Tags]    TC_C_06_CS    C01    C01.FR.01    C01.FR.02
    [Setup]    General Preconditions    AuthCtrlr.Enabled=true    AuthCtrlr.DisableRemoteAuthorization=false
    Reusable State EVConnectedPreSession
    # Steps 1 and 2, and the note
    Authorization Is Refused    ${BLOCKED ID TOKEN}    Blocked

TC_C_07_CS Local start transaction - Authorization Expired
    [Documentation]    An idToken that the CSMS calls expired starts nothing.
    [Tags]    TC_C_07_CS    C01    C01.FR.01    C01.FR.02
    [Setup]    General Preconditions    AuthCtrlr.Enabled=true    AuthCtrlr.DisableRemoteAuthorization=false
    Reusable State EVConnectedPreSession
    # Steps 1 and 2, and the note
    Authorization Is Refused    ${EXPIRED ID TOKEN}    Expired

TC_C_08_CS Authorization through authorization cache - Accepted
    [Documentation]    An idToken that is in the cache as accepted starts energy transfer without being asked for.
    [Tags]    TC_C_08_CS    C12    C12.FR.02    C12.FR.04
    [Setup]    General Preconditions    AuthCacheCtrlr.Enabled=true    AuthCtrlr.LocalPreAuthorize=true
    Memory State IdTokenCached
    Reusable State EVConnectedPreSession
    # Step 1
    Reusable State Authorized Local    cached=${True}
    # Step 2, and the post scenario validation
    Reusable State EnergyTransferStarted

TC_C_09_CS Authorization through authorization cache - Invalid & Not Accepted
    [Documentation]    The CSMS is asked about an idToken that is in the cache as invalid, and its answer counts.
    [Tags]    TC_C_09_CS    C10    C12    C10.FR.03    C12.FR.05
    [Setup]    Cache Is In Use
    Memory State IdTokenCached    ${INVALID ID TOKEN}    status=Invalid
    Reusable State EVConnectedPreSession
    # Steps 1 and 2
    Authorization Is Refused    ${INVALID ID TOKEN}    Invalid

TC_C_10_CS Authorization through authorization cache - Blocked
    [Documentation]    The CSMS is asked about an idToken that is in the cache as blocked.
    [Tags]    TC_C_10_CS    C10    C12    C10.FR.03    C12.FR.05
    [Setup]    Cache Is In Use
    Memory State IdTokenCached    ${BLOCKED ID TOKEN}    status=Blocked
    Reusable State EVConnectedPreSession
    # Steps 1 and 2
    Authorization Is Refused    ${BLOCKED ID TOKEN}    Blocked

TC_C_11_CS Authorization through authorization cache - Expired
    [Documentation]    The CSMS is asked about an idToken that is in the cache as expired.
    [Tags]    TC_C_11_CS    C10    C12    C10.FR.03    C12.FR.05
    [Setup]    Cache Is In Use
    Memory State IdTokenCached    ${EXPIRED ID TOKEN}    status=Expired
    Reusable State EVConnectedPreSession
    # Steps 1 and 2
    Authorization Is Refused    ${EXPIRED ID TOKEN}    Expired

TC_C_12_CS Authorization through authorization cache - Invalid & Accepted
    [Documentation]    An idToken that is in the cache as invalid may charge once the CSMS accepts it.
    [Tags]    TC_C_12_CS    C10    C12    C10.FR.03    C12.FR.05    C12.FR.06
    [Setup]    Cache Is In Use
    Memory State IdTokenCached    ${INVALID ID TOKEN}    status=Invalid
    Reusable State EVConnectedPreSession
    CSMS Knows IdToken    ${INVALID ID TOKEN}    Accepted
    # Steps 1 to 4
    Reusable State Authorized Local    token=${INVALID ID TOKEN}
    # Step 5, and the post scenario validation
    Reusable State EnergyTransferStarted

TC_C_13_CS Authorization through authorization cache - Accepted but cable not connected yet
    [Documentation]    An idToken of the cache authorizes before the cable is connected; energy flows afterwards.
    [Tags]    TC_C_13_CS    C12    C12.FR.02    C12.FR.04
    [Setup]    General Preconditions    AuthCacheCtrlr.Enabled=true    AuthCtrlr.LocalPreAuthorize=true
    Memory State IdTokenCached
    # Steps 1 and 2
    Reusable State Authorized Local    cached=${True}
    # Steps 3 and 4, and the post scenario validation
    Reusable State EVConnectedPreSession
    Reusable State EnergyTransferStarted

TC_C_15_CS Authorization through authorization cache - StopTxOnInvalidId = false, MaxEnergyOnInvalidId > 0
    [Documentation]    An idToken of the cache that has become invalid meanwhile gets no more than
    ...    MaxEnergyOnInvalidId.
    [Tags]    TC_C_15_CS    C12    E05    C12.FR.02    C12.FR.04    C15.FR.02    C15.FR.07    E05.FR.03
    VAR    ${allowed}    10000
    Configuration State
    ...    AuthCacheCtrlr.Enabled=true
    ...    AuthCtrlr.LocalPreAuthorize=true
    ...    AuthCtrlr.LocalAuthorizeOffline=true
    ...    AuthCtrlr.OfflineTxForUnknownIdEnabled=true
    ...    TxCtrlr.StopTxOnInvalidId=false
    ...    TxCtrlr.MaxEnergyOnInvalidId=${allowed}
    ...    OCPPCommCtrlr.OfflineThreshold=${{$BACK_OFF + 60}}
    ...    OCPPCommCtrlr.RetryBackOffWaitMinimum=${BACK OFF}
    ...    OCPPCommCtrlr.RetryBackOffRandomRange=0
    Memory State IdTokenCached
    Reusable State EVConnectedPreSession
    ${before} =    Energy Register
    # Steps 1 to 4
    Cached IdToken Is Presented Offline    ${TRANSACTION DURATION}
    # Step 3: first the messages that must not come
    Station Sends No TransactionEvent    ${TRANSACTION DURATION}    triggerReason=Deauthorized
    Station Sends No TransactionEvent    0    transactionInfo.chargingState=SuspendedEVSE
    Offline Events Report The Energy Transfer
    Contactor Should Be Closed
    # Post scenario validation
    Station Sends TransactionEvent    within=7200    eventType=Updated
    ...    triggerReason=ChargingStateChanged    transactionInfo.chargingState=SuspendedEVSE
    Contactor Should Be Open
    ${after} =    Energy Register
    Should Be True    abs(${after} - ${before} - ${allowed}) < 200

TC_C_16_CS Authorization through authorization cache - StopTxOnInvalidId = true
    [Documentation]    An idToken of the cache that has become invalid meanwhile ends its transaction.
    [Tags]    TC_C_16_CS    C12    E05    C12.FR.02    C12.FR.04    C15.FR.02    C15.FR.04    E05.FR.10
    Configuration State
    ...    AuthCacheCtrlr.Enabled=true
    ...    AuthCtrlr.LocalPreAuthorize=true
    ...    AuthCtrlr.LocalAuthorizeOffline=true
    ...    TxCtrlr.StopTxOnInvalidId=true
    ...    TxCtrlr.MaxEnergyOnInvalidId=0
    Memory State IdTokenCached
    Reusable State EVConnectedPreSession
    # Steps 1 to 4
    Cached IdToken Is Presented Offline    5
    Offline Events Report The Energy Transfer
    # Steps 5 and 6, and the post scenario validation
    Station Deauthorizes The Transaction
    Contactor Should Be Open

TC_C_17_CS Authorization through authorization cache - StopTxOnInvalidId = false
    [Documentation]    An idToken of the cache that has become invalid meanwhile gets no more energy, but its
    ...    transaction goes on.
    [Tags]    TC_C_17_CS    C12    E05    C12.FR.02    C12.FR.04    C15.FR.02    C15.FR.06    E05.FR.02
    Configuration State
    ...    AuthCacheCtrlr.Enabled=true
    ...    AuthCtrlr.LocalPreAuthorize=true
    ...    AuthCtrlr.OfflineTxForUnknownIdEnabled=true
    ...    TxCtrlr.StopTxOnInvalidId=false
    ...    TxCtrlr.MaxEnergyOnInvalidId=0
    Memory State IdTokenCached
    Reusable State EVConnectedPreSession
    # Steps 1 to 4
    Cached IdToken Is Presented Offline    5
    Offline Events Report The Energy Transfer
    # Steps 5 and 6, and the post scenario validation
    Station Sends TransactionEvent    eventType=Updated
    ...    triggerReason=ChargingStateChanged    transactionInfo.chargingState=SuspendedEVSE
    Contactor Should Be Open
    Station Sends No TransactionEvent    ${TRANSACTION DURATION}

TC_C_18_CS Authorization through authorization cache - StopTxOnInvalidId = true, MaxEnergyOnInvalidId > 0
    [Documentation]    StopTxOnInvalidId ends the transaction of an idToken that has become invalid, whatever
    ...    MaxEnergyOnInvalidId allows.
    [Tags]    TC_C_18_CS    C12    E05    C12.FR.02    C12.FR.04    C15.FR.02    C15.FR.04    E05.FR.10
    Configuration State
    ...    AuthCacheCtrlr.Enabled=true
    ...    AuthCtrlr.LocalPreAuthorize=true
    ...    AuthCtrlr.LocalAuthorizeOffline=true
    ...    AuthCtrlr.OfflineTxForUnknownIdEnabled=true
    ...    TxCtrlr.StopTxOnInvalidId=true
    ...    TxCtrlr.MaxEnergyOnInvalidId=500
    ...    OCPPCommCtrlr.OfflineThreshold=${{$BACK_OFF + 60}}
    ...    OCPPCommCtrlr.RetryBackOffWaitMinimum=${BACK OFF}
    ...    OCPPCommCtrlr.RetryBackOffRandomRange=0
    Memory State IdTokenCached
    Reusable State EVConnectedPreSession
    # Steps 1 to 4
    Cached IdToken Is Presented Offline    ${TRANSACTION DURATION}
    Offline Events Report The Energy Transfer
    # Steps 5 and 6, and the post scenario validation
    ${event} =    Station Deauthorizes The Transaction
    Message Has    ${event}    offline=false or omitted
    Contactor Should Be Open

TC_C_26_CS Offline Authorization - Unknown Id
    [Documentation]    Offline, an unknown idToken starts a transaction; when the CSMS calls it invalid afterwards,
    ...    energy transfer is suspended until its holder ends the transaction.
    [Tags]    TC_C_26_CS    C13    C15    C13.FR.04    C15.FR.02    C15.FR.06    C15.FR.08
    [Setup]    General Preconditions
    ...    AuthCtrlr.LocalPreAuthorize=true
    ...    AuthCtrlr.OfflineTxForUnknownIdEnabled=true
    ...    AuthCtrlr.LocalAuthorizeOffline=true
    ...    TxCtrlr.MaxEnergyOnInvalidId=0
    ...    TxCtrlr.StopTxOnInvalidId=false
    CSMS Answers IdToken    TransactionEvent    ${VALID ID TOKEN}    Invalid
    Reusable State StartOfflineTransaction
    Station Reconnects
    # Step 1 of the errata
    Connector Is Reported As    Occupied
    # Steps 1 and 2
    Offline Events Report The Energy Transfer    Started
    Station Sends TransactionEvent    eventType=Updated
    ...    triggerReason=ChargingStateChanged    transactionInfo.chargingState=SuspendedEVSE
    Contactor Should Be Open
    # Steps 3 and 4, of the errata 3 to 5
    CSMS Answers As Usual    TransactionEvent
    Reusable State StopAuthorized Local
    Reusable State EVConnectedPostSession
    Reusable State EVDisconnected

TC_C_32_CS Store Authorization Data in the Authorization Cache - Persistent over reboot
    [Documentation]    What the cache holds is still there after a power cycle.
    [Tags]    TC_C_32_CS    C10    C10.FR.02    C12.FR.02
    [Setup]    General Preconditions    AuthCacheCtrlr.Enabled=true    AuthCtrlr.LocalPreAuthorize=true
    Memory State IdTokenCached
    # Step 1
    Power Cycle The Station
    Station Has Booted
    # Steps 2 and 3
    Reusable State Authorized Local    cached=${True}
    # Steps 4 and 5
    Reusable State EVConnectedPreSession
    Reusable State EnergyTransferStarted

TC_C_33_CS Store Authorization Data in the Authorization Cache - Update on AuthorizeResponse
    [Documentation]    What an AuthorizeResponse says of an idToken is in the cache from then on.
    [Tags]    TC_C_33_CS    C10    C12    C10.FR.04    C12.FR.02    C12.FR.06
    [Setup]    General Preconditions    AuthCacheCtrlr.Enabled=true    AuthCtrlr.LocalPreAuthorize=true
    Reusable State EVConnectedPreSession
    # Steps 1 to 4
    Reusable State Authorized Local
    # Steps 5 to 7
    Reusable State EnergyTransferStarted
    Reusable State EVConnectedPostSession
    Reusable State EVDisconnected
    # Step 10
    Reusable State EVConnectedPreSession
    # Steps 12 and 13
    CSMS Answers IdToken    TransactionEvent    ${VALID ID TOKEN}    Invalid
    Reusable State Authorized Local    cached=${True}

TC_C_34_CS Store Authorization Data in the Authorization Cache - Update on TransactionEventResponse
    [Documentation]    What a TransactionEventResponse says of an idToken is in the cache from then on. TxStartPoint
    ...    is such that the EV is connected by the time of the first TransactionEventRequest.
    [Tags]    TC_C_34_CS    C10    C12    C10.FR.03    C10.FR.05    C12.FR.06
    [Setup]    General Preconditions
    ...    AuthCacheCtrlr.Enabled=true
    ...    AuthCtrlr.LocalPreAuthorize=true
    ...    TxCtrlr.StopTxOnInvalidId=true
    ...    TxCtrlr.MaxEnergyOnInvalidId=0
    ...    TxCtrlr.TxStartPoint=EVConnected
    Memory State IdTokenCached
    # Step 1
    CSMS Answers IdToken    TransactionEvent    ${VALID ID TOKEN}    Invalid
    Reusable State Authorized Local    cached=${True}
    # Step 2
    Reusable State EVConnectedPreSession
    Reusable State Deauthorized
    Note That Stop Is Authorized
    # Step 3
    Reusable State EVDisconnected
    # Step 6
    CSMS Answers IdToken    Authorize    ${VALID ID TOKEN}    Invalid
    Authorization Is Refused    ${VALID ID TOKEN}    Invalid

TC_C_36_CS Store Authorization Data in the Authorization Cache - AuthCtrlr.LocalPreAuthorize = false
    [Documentation]    Without LocalPreAuthorize the CSMS is asked about an idToken that the cache holds.
    [Tags]    TC_C_36_CS    C10    C10.FR.11
    [Setup]    General Preconditions    AuthCacheCtrlr.Enabled=true    AuthCtrlr.LocalPreAuthorize=false
    Memory State IdTokenCached
    # Steps 1 and 2
    CSMS Knows IdToken    ${VALID ID TOKEN}    Invalid
    Authorization Is Refused    ${VALID ID TOKEN}    Invalid

TC_C_37_CS Clear Authorization Data in Authorization Cache - Accepted
    [Documentation]    The CSMS clears the cache; what was in it is not known any more.
    [Tags]    TC_C_37_CS    C11    C11.FR.01    C11.FR.02    C11.FR.03
    [Setup]    General Preconditions    AuthCacheCtrlr.Enabled=true    AuthCtrlr.LocalPreAuthorize=true
    Memory State IdTokenCached
    # Steps 1 and 2
    CSMS Sends And Gets    ClearCache    Accepted
    # Step 4
    Reusable State EVConnectedPreSession
    # Steps 5 to 8
    Reusable State Authorized Local
    # Step 9
    Reusable State EnergyTransferStarted

TC_C_38_CS Clear Authorization Data in Authorization Cache - Rejected
    [Documentation]    A cache that is disabled cannot be cleared.
    [Tags]    TC_C_38_CS    C11    C11.FR.01    C11.FR.02    C11.FR.04
    Memory State IdTokenCached
    Configuration State    AuthCacheCtrlr.Enabled=false
    # Steps 1 and 2
    CSMS Sends And Gets    ClearCache    Rejected

TC_C_39_CS Authorization by GroupId - Success
    [Documentation]    Another idToken of the same group stops the transaction, after the CSMS has been asked about it.
    [Tags]    TC_C_39_CS    C09    C09.FR.02    C09.FR.03    C09.FR.05
    Tokens Are In The Group    ${VALID ID TOKEN}    ${VALID ID TOKEN 2}
    Reusable State EVConnectedPreSession
    # Steps 1 to 4
    Reusable State Authorized Local
    # Step 5
    Reusable State EnergyTransferStarted
    # Steps 6 and 7
    Present IdToken    ${VALID ID TOKEN 2}
    Station Asks For Authorization    ${VALID ID TOKEN 2}    Accepted
    # Steps 8 and 9
    Other IdToken Stops The Transaction    ${VALID ID TOKEN 2}
    # Steps 10 to 12
    Reusable State EVConnectedPostSession
    Reusable State EVDisconnected

TC_C_41_CS Authorization by GroupId - Success with Authorization Cache
    [Documentation]    Another idToken of the same group stops the transaction; both are in the cache, and nobody is
    ...    asked.
    [Tags]    TC_C_41_CS    C09    C09.FR.02    C09.FR.03    C09.FR.07
    [Setup]    General Preconditions    AuthCacheCtrlr.Enabled=true    AuthCtrlr.LocalPreAuthorize=true
    Tokens Are In The Group    ${VALID ID TOKEN}    ${VALID ID TOKEN 2}
    Memory State IdTokenCached    ${VALID ID TOKEN}
    Memory State IdTokenCached    ${VALID ID TOKEN 2}
    Reusable State EVConnectedPreSession
    # Steps 1 and 2
    Reusable State Authorized Local    cached=${True}
    # Step 3
    Reusable State EnergyTransferStarted
    # Step 4
    Let Time Pass    ${TRANSACTION DURATION}
    Present IdToken    ${VALID ID TOKEN 2}
    Other IdToken Stops The Transaction    ${VALID ID TOKEN 2}
    Station Sends No    Authorize    1
    # Steps 5 to 7
    Reusable State EVConnectedPostSession
    Reusable State EVDisconnected

TC_C_42_CS Authorization by GroupId - Not stopped by GroupId
    [Documentation]    An idToken of the same group that is not valid does not stop the transaction.
    [Tags]    TC_C_42_CS    C09    C09.FR.11
    Tokens Are In The Group    ${VALID ID TOKEN}
    CSMS Knows IdToken    ${INVALID ID TOKEN}    Invalid    groupIdToken=${GROUP}
    Reusable State EVConnectedPreSession
    # Steps 1 to 4
    Reusable State Authorized Local
    # Step 5
    Reusable State EnergyTransferStarted
    # Steps 6 and 7, the note, and the post scenario validation
    Present IdToken    ${INVALID ID TOKEN}
    Station Asks For Authorization    ${INVALID ID TOKEN}    Invalid
    Station Sends No TransactionEvent    ${MESSAGE TIMEOUT}
    Contactor Should Be Closed

TC_C_44_CS Authorization by GroupId - Invalid status with Authorization Cache
    [Documentation]    An idToken of the same group that the cache holds as invalid does not stop the transaction;
    ...    the CSMS is asked about it.
    [Tags]    TC_C_44_CS    C09    C09.FR.02    C09.FR.11    C10.FR.03
    [Setup]    Cache Is In Use
    Tokens Are In The Group    ${VALID ID TOKEN}
    CSMS Knows IdToken    ${INVALID ID TOKEN}    Invalid    groupIdToken=${GROUP}
    Memory State IdTokenCached    ${VALID ID TOKEN}
    Memory State IdTokenCached    ${INVALID ID TOKEN}    status=Invalid
    Reusable State EVConnectedPreSession
    # Steps 1 and 2
    Reusable State Authorized Local    cached=${True}
    # Step 3
    Reusable State EnergyTransferStarted
    # Steps 4 and 5, and the note
    Present IdToken    ${INVALID ID TOKEN}
    Station Asks For Authorization    ${INVALID ID TOKEN}    Invalid
    Station Sends No TransactionEvent    ${MESSAGE TIMEOUT}
    Contactor Should Be Closed

TC_C_45_CS Authorization by GroupId - Master pass - Not able to start transaction
    [Documentation]    A master pass is accepted and starts nothing.
    [Tags]    TC_C_45_CS    C16    C12.FR.09    C16.FR.03
    [Setup]    General Preconditions
    ...    TxCtrlr.TxStartPoint=Authorized
    ...    AuthCtrlr.MasterPassGroupId=${MASTER PASS GROUP}
    CSMS Knows IdToken    ${MASTER PASS ID TOKEN}    Accepted    groupIdToken=${MASTER GROUP}
    # Steps 1 and 2, and the note
    Present IdToken    ${MASTER PASS ID TOKEN}
    Station Asks For Authorization    ${MASTER PASS ID TOKEN}    Accepted
    Station Sends No    TransactionEvent    2
    # Step 3
    Reusable State EVConnectedPreSession
    # Step 4
    Station Sends No    TransactionEvent    ${MESSAGE TIMEOUT}
    Contactor Should Be Open

TC_C_46_CS Store Authorization Data in the Authorization Cache - AuthCacheLifeTime
    [Documentation]    An idToken that was not used for AuthCacheLifeTime is not in the cache any more.
    [Tags]    TC_C_46_CS    C10    C10.FR.08    C10.FR.10
    [Setup]    General Preconditions
    ...    AuthCacheCtrlr.LifeTime=${TRANSACTION DURATION}
    ...    AuthCtrlr.LocalPreAuthorize=true
    Memory State IdTokenCached
    Reusable State EVConnectedPreSession
    # Step 1
    Let Time Pass    ${TRANSACTION DURATION}
    # Step 2
    Reusable State Authorized Local

TC_C_49_CS Stop Transaction with a Master Pass - Without UI
    [Documentation]    A master pass ends the transactions of all EVSEs.
    [Tags]    TC_C_49_CS    C16    C16.FR.02    C16.FR.07
    [Setup]    General Preconditions    AuthCtrlr.MasterPassGroupId=${MASTER PASS GROUP}
    CSMS Knows IdToken    ${MASTER PASS ID TOKEN}    Accepted    groupIdToken=${MASTER GROUP}
    Reusable State EnergyTransferStarted    ${1}    ${VALID ID TOKEN}
    Reusable State EnergyTransferStarted    ${2}    ${VALID ID TOKEN 2}
    # Steps 1 and 2
    Present IdToken    ${MASTER PASS ID TOKEN}
    Station Asks For Authorization    ${MASTER PASS ID TOKEN}    Accepted
    # Steps 3 and 4
    FOR    ${evse}    IN    ${1}    ${2}
        Other IdToken Stops The Transaction    ${MASTER PASS ID TOKEN}    ${evse}    MasterPass
    END
    # Steps 5 to 7
    FOR    ${evse}    IN    ${1}    ${2}
        Reusable State EVConnectedPostSession    ${evse}
        Reusable State EVDisconnected    ${evse}
    END

TC_C_56_CS Local start transaction - Authorization Unknown
    [Documentation]    An idToken that the CSMS does not know starts nothing.
    [Tags]    TC_C_56_CS    C01    C01.FR.01    C01.FR.02
    [Setup]    General Preconditions    AuthCtrlr.Enabled=true    AuthCtrlr.DisableRemoteAuthorization=false
    CSMS Knows IdToken    ${INVALID ID TOKEN}    Unknown
    Reusable State EVConnectedPreSession
    # Steps 1 and 2, and the note
    Authorization Is Refused    ${INVALID ID TOKEN}    Unknown

TC_C_57_CS Authorization through authorization cache - AuthCacheDisablePostAuthorize
    [Documentation]    With AuthCacheDisablePostAuthorize the CSMS is not asked about an idToken that is in the cache
    ...    as invalid: it is refused.
    [Tags]    TC_C_57_CS    C10    C12    C10.FR.03    C12.FR.05
    [Setup]    General Preconditions
    ...    AuthCacheCtrlr.Enabled=true
    ...    AuthCtrlr.LocalPreAuthorize=true
    ...    AuthCacheCtrlr.DisablePostAuthorize=true
    Memory State IdTokenCached    ${INVALID ID TOKEN}    status=Invalid
    Reusable State EVConnectedPreSession
    # Step 1
    CSMS Knows IdToken    ${INVALID ID TOKEN}    Accepted
    Present IdToken    ${INVALID ID TOKEN}
    Station Sends No    Authorize    ${MESSAGE TIMEOUT}
    Station Sends No TransactionEvent    0
    Contactor Should Be Open

Full Cache Makes Room For New Entries
    [Documentation]    What is presented when the cache is full takes the place of the least recently used entry, over
    ...    a power cycle, too. Not of Part 6.
    [Tags]    C10    C10.FR.01    C10.FR.02    C10.FR.07    needs auth_cache
    [Setup]    General Preconditions    AuthCacheCtrlr.DisablePostAuthorize=true
    VAR    &{group}    idToken=${{'G' * 36}}    type=Central
    FOR    ${n}    IN RANGE    10    36
        CSMS Knows IdToken    04AA${n}    Blocked    groupIdToken=${group}
        Present IdToken    04AA${n}
        Station Asks For Authorization    04AA${n}    Blocked
        Let Time Pass    0.2
    END
    ${full} =    CSMS Gets Variable    AuthCacheCtrlr    Storage
    Power Cycle The Station
    Station Has Booted
    ${kept} =    CSMS Gets Variable    AuthCacheCtrlr    Storage
    Should Be Equal    ${kept}    ${full}
    Present IdToken    04AA35
    Station Sends No    Authorize    2
    Present IdToken    04AA10
    Station Asks For Authorization    04AA10    Blocked


*** Keywords ***
Cache Is In Use
    [Documentation]    The Configuration State of the scenarios about idTokens that the cache refuses.
    General Preconditions
    ...    AuthCacheCtrlr.Enabled=true
    ...    AuthCtrlr.LocalPreAuthorize=true
    ...    AuthCacheCtrlr.DisablePostAuthorize=false

Tokens Are In The Group
    [Documentation]    The CSMS accepts these idTokens, and says that they belong to `&{GROUP}`.
    [Arguments]    @{tokens}
    FOR    ${token}    IN    @{tokens}
        CSMS Knows IdToken    ${token}    Accepted    groupIdToken=${GROUP}
    END

Station Asks For Authorization
    [Documentation]    AuthorizeRequest for this idToken, which the CSMS answers with `status`.
    [Arguments]    ${token}    ${status}
    ${request} =    Station Sends    Authorize    idToken.idToken=${token}    idToken.type=ISO14443
    ${response} =    Answer To    ${request}
    Message Has    ${response}    idTokenInfo.status=${status}

Authorization Is Refused
    [Documentation]    The idToken is presented, the CSMS is asked and answers `status`, and nothing is started.
    [Arguments]    ${token}    ${status}
    Present IdToken    ${token}
    Station Asks For Authorization    ${token}    ${status}
    Station Sends No TransactionEvent    ${MESSAGE TIMEOUT}
    Contactor Should Be Open

Cached IdToken Is Presented Offline
    [Documentation]    Steps 1 and 2 of the scenarios about an idToken that has become invalid: the connection is
    ...    closed, the idToken of the cache presented, and after some seconds the station may connect again.
    [Arguments]    ${seconds}
    CSMS Answers IdToken    TransactionEvent    ${VALID ID TOKEN}    Invalid
    CSMS Closes The Connection And Accepts None
    Present IdToken    ${VALID ID TOKEN}
    Note Authorization    ${1}    ${VALID ID TOKEN}    ISO14443
    Let Time Pass    ${seconds}
    CSMS Accepts Connections
    Station Reconnects

Offline Events Report The Energy Transfer
    [Documentation]    What was queued offline: the idToken, and that energy is transferred.
    [Arguments]    ${first}=Updated
    Station Sends TransactionEvent    eventType=${first}    triggerReason=Authorized    offline=true
    Station May Send TransactionEvent    triggerReason=CablePluggedIn    offline=true
    Station Sends TransactionEvent    eventType=Updated    pass_over=ChargingStateChanged
    ...    triggerReason=ChargingStateChanged    transactionInfo.chargingState=Charging    offline=true
    Note That Energy Is Transferred

Station Deauthorizes The Transaction
    [Documentation]    Returns the event with triggerReason Deauthorized; it is the last one where TxStopPoint is left
    ...    with the authorization.
    ${ends} =    TxStopPoint Has    Authorized    PowerPathClosed    EnergyTransfer
    IF    ${ends}
        ${event} =    Station Sends TransactionEvent    eventType=Ended    triggerReason=Deauthorized
        ...    transactionInfo.stoppedReason=DeAuthorized
    ELSE
        ${event} =    Station Sends TransactionEvent    eventType=Updated    triggerReason=Deauthorized
    END
    RETURN    ${event}

Other IdToken Stops The Transaction
    [Documentation]    StopAuthorized with an idToken that is not that of the start, or without one.
    [Arguments]    ${token}    ${evse}=${1}    ${reason}=Local or omitted
    ${event} =    Station Sends TransactionEvent    ${evse}    triggerReason=StopAuthorized
    ...    idToken.idToken=omitted or ${token}    idToken.type=omitted or ISO14443
    Transaction Stops As Configured    ${evse}    ${event}    ${reason}
    Note That Stop Is Authorized    ${evse}
