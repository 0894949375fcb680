*** Settings ***
Documentation       Functional block A, Security: Part 6, chapter 2.2.
Resource            resources/ocpp.resource
Resource            resources/network.resource
Resource            resources/certificates.resource
Test Setup          Prepare The Station
Test Teardown       Bench Finds Nothing Wrong
Test Tags           security


*** Variables ***
${SHORT PASSWORD}           15-Passw0rd-000
# A00 and its errata 6.2.3 have the first five; the others a path validation must find as well (A00.FR.308, FR.501).
@{INVALID CERTIFICATES}
...                         expired
...                         not yet valid
...                         unknown root
...                         wrong host name
...                         wildcard host name
...                         self-signed
...                         missing intermediate
...                         wrong key usage
...                         weak key
...                         SHA-1 signature
${LONG OPERATION TIMEOUT}   ${300}
# For what a station says as soon as it is connected, and the answers.
${AFTER CONNECTING}         ${1}


*** Test Cases ***
TC_A_01_CS Basic Authentication - Valid username/password combination
    [Documentation]    The station authenticates itself with HTTP Basic authentication, username and password being
    ...    its identity and SecurityCtrlr.BasicAuthPassword.
    ...
    ...    The errata 2025-09 to A00.FR.205 let a password hold any characters, 16 to 64 of them.
    [Tags]    TC_A_01_CS    A00    B01    A00.FR.202    A00.FR.203    A00.FR.204    A00.FR.205    A00.FR.301
    ...    A00.FR.302    A00.FR.304    B01.FR.01    B01.FR.05    B01.FR.09
    # Step 1
    Reusable State Booted
    ${upgrade} =    Upgrade Request Of The Station
    Station Authenticates With    ${upgrade}    ${IDENTITY}    ${PASSWORD}
    ${length} =    Get Length    ${upgrade.password}
    Should Be True    16 <= ${length} <= 64    The password has ${length} characters, allowed are 16 to 64

TC_A_04_CS TLS - server-side certificate - Valid certificate
    [Documentation]    The station takes up a TLS 1.2 connection with a CSMS whose certificate is valid, and boots.
    [Tags]    TC_A_04_CS    A00    A00.FR.306    A00.FR.307    A00.FR.308    A00.FR.309    A00.FR.312    A00.FR.313
    ...    A00.FR.319    A00.FR.321
    [Setup]    Prepare The Station    security_profile=2    roots=csms
    Reusable State Booted
    Station Connects
    TLS Handshakes So Far Are Seen
    Reusable State Booting
    # Steps 1 to 4
    ${handshake} =    Station Begins A TLS Handshake    within=${120}
    TLS Is As Required    ${handshake}
    # Steps 5 and 6
    ${upgrade} =    Station Connects
    Should Be Equal As Integers    ${upgrade.status}    101
    Station Authenticates With    ${upgrade}    ${IDENTITY}    ${PASSWORD}
    # Steps 7 to 10
    Station Has Booted

TC_A_05_CS TLS - server-side certificate - Invalid certificate
    [Documentation]    The station refuses each CSMS certificate that is not valid, tries again, and tells of it.
    [Tags]    TC_A_05_CS    A00    A00.FR.308    A00.FR.309    A00.FR.310    A00.FR.311    A00.FR.501    A00.FR.504
    [Setup]    Prepare The Station    security_profile=2    roots=csms
    ...    OCPPCommCtrlr.NetworkProfileConnectionAttempts=3    OCPPCommCtrlr.NetworkConfigurationPriority=1
    ...    OCPPCommCtrlr.RetryBackOffWaitMinimum=5    OCPPCommCtrlr.RetryBackOffRandomRange=0
    Reusable State Booted
    FOR    ${wrong}    IN    @{INVALID CERTIFICATES}
        # Steps 1 to 3
        Let Time Pass    ${AFTER CONNECTING}
        Network Is Cut
        Station Reconnects
        # Steps 4 to 7
        Let Time Pass    ${AFTER CONNECTING}
        CSMS Shows In TLS    ${wrong}    times=1
        TLS Handshakes So Far Are Seen
        Network Is Cut
        ${refused} =    Station Begins A TLS Handshake
        TLS Handshake Has Failed    ${refused}
        # Steps 8 and 9
        Station Reconnects
        # Steps 10 and 11
        Station Sends    SecurityEventNotification    type=InvalidCsmsCertificate
    END

TC_A_06_CS TLS - server-side certificate - TLS version too low
    [Documentation]    The station ends a TLS handshake in which the CSMS answers with TLS 1.1, or with 1.0.
    [Tags]    TC_A_06_CS    A00    A00.FR.314    A00.FR.316
    [Template]    Station Refuses An Older TLS
    TLS 1.1
    TLS 1.0

TC_A_09_CS Update Charging Station Password for HTTP Basic Authentication - Accepted
    [Documentation]    The station takes a new password, connects again, and authenticates itself with it, also after
    ...    a reset.
    [Tags]    TC_A_09_CS    A01    A01.FR.01    A01.FR.11    A01.FR.12    B01.FR.01
    Reusable State Booted
    Station Connects
    # Steps 1 and 2
    ${results} =    Results Of SetVariables    SecurityCtrlr.BasicAuthPassword=${NEW PASSWORD}
    VAR    ${status}    ${results}[0][attributeStatus]
    Should Contain Any    ${status}    Accepted    RebootRequired
    IF    '${status}' == 'RebootRequired'    CSMS Sends And Gets    Reset    Accepted    type=Immediate
    # Steps 3 and 4
    ${upgrade} =    Station Connects
    Should Be Equal As Integers    ${upgrade.status}    101
    Station Authenticates With    ${upgrade}    ${IDENTITY}    ${NEW PASSWORD}
    # Steps 5 to 8
    IF    '${status}' == 'RebootRequired'    Station Has Booted
    # It is kept (A01.FR.01)
    Power Cycle The Station
    Station Has Booted
    ${upgrade} =    Upgrade Request Of The Station
    Station Authenticates With    ${upgrade}    ${IDENTITY}    ${NEW PASSWORD}

TC_A_10_CS Update Charging Station Password for HTTP Basic Authentication - Rejected
    [Documentation]    A password that is too short is rejected; the station keeps the one it has.
    [Tags]    TC_A_10_CS    A01    A01.FR.01    A01.FR.11    A01.FR.12
    Reusable State Booted
    # Steps 1 and 2
    ${results} =    Results Of SetVariables    SecurityCtrlr.BasicAuthPassword=${SHORT PASSWORD}
    Should Be Equal    ${results}[0][attributeStatus]    Rejected
    # Steps 3 to 5
    Power Cycle The Station
    Station Has Booted
    ${upgrade} =    Upgrade Request Of The Station
    Should Be Equal As Integers    ${upgrade.status}    101
    Station Authenticates With    ${upgrade}    ${IDENTITY}    ${PASSWORD}

TC_A_19_CS Upgrade Charging Station Security Profile - Accepted
    [Documentation]    From security profile 1 to 2: the station connects with TLS, drops the profile that is lower, and
    ...    does not come back to it.
    [Tags]    TC_A_19_CS    A05    A05.FR.04    A05.FR.05    A05.FR.06
    [Setup]    Prepare The Station    OCPPCommCtrlr.RetryBackOffRepeatTimes=0
    ...    OCPPCommCtrlr.RetryBackOffWaitMinimum=20    OCPPCommCtrlr.RetryBackOffRandomRange=0
    Reusable State Booted
    Memory State CertificateInstalled    csms
    # Steps 1 to 6
    CSMS Lets The Station Migrate    second=${FIRST TLS ENDPOINT}    security_profile=${2}
    # Steps 7 to 9
    ${handshake} =    Station Begins A TLS Handshake    within=${120}
    TLS Is As Required    ${handshake}
    Station Connects To    ${FIRST TLS ENDPOINT}    101
    # Step 10
    Station Has Booted
    # Steps 11 and 12
    ${profile} =    CSMS Gets Variable    SecurityCtrlr    SecurityProfile
    Should Be Equal    ${profile}    2
    # Steps 13 and 14
    ${priority} =    CSMS Gets Variable    OCPPCommCtrlr    NetworkConfigurationPriority
    Should Not Contain    ${priority}    1
    # Steps 15 and 16 (errata 6.2.7)
    TLS Host Stops Listening
    Network Is Cut
    Let Time Pass    ${LONG OPERATION TIMEOUT}
    ${connected} =    Station Is Connected
    Should Not Be True    ${connected}
    # Steps 17 and 18
    TLS Host Listens Again
    Station Connects To    ${FIRST TLS ENDPOINT}    101

TC_A_20_CS Upgrade Charging Station Security Profile - No valid CSMSRootCertificate installed
    [Documentation]    With no CSMS root certificate the station does not go over to security profile 2.
    [Tags]    TC_A_20_CS    A05    A05.FR.02
    Reusable State Booted
    # Steps 1 and 2 (errata 6.2.9)
    CSMS Sets Network Profile    ${2}    ${SECOND TLS ENDPOINT}    Accepted or Rejected    security_profile=${2}
    # Steps 3 and 4
    ${results} =    Results Of SetVariables    OCPPCommCtrlr.NetworkConfigurationPriority=2,1
    Should Be Equal    ${results}[0][attributeStatus]    Rejected

TC_A_22_CS Upgrade Charging Station Security Profile - Downgrade security profile - Rejected
    [Documentation]    A station that uses security profile 2 takes no network profile with a lower one.
    [Tags]    TC_A_22_CS    A05    B09    B09.FR.04
    [Setup]    Prepare The Station    security_profile=2    roots=csms
    Reusable State Booted
    # Steps 1 and 2
    CSMS Sets Network Profile    ${2}    ${SECOND ENDPOINT}    Rejected

A Server That Has Expired Is Found Out Once The Clock Is Set
    [Documentation]    Before its first BootNotificationResponse a station has no clock, and may take a certificate that has
    ...    expired. It leaves that CSMS as soon as it knows; after a reset it goes by the time that it has kept.
    [Tags]    tls    needs tls    A00    A00.FR.308    A00.FR.310    A00.FR.311
    [Setup]    Prepare The Station    security_profile=2    roots=csms    OCPPCommCtrlr.RetryBackOffWaitMinimum=5
    ...    OCPPCommCtrlr.RetryBackOffRandomRange=0    OCPPCommCtrlr.NetworkProfileConnectionAttempts=3
    CSMS Shows In TLS    expired    times=1
    Power Up The Station
    ${taken} =    Station Begins A TLS Handshake
    Should Be Equal    ${taken.shown}    expired
    Station Sends    BootNotification
    ${handshake} =    Station Begins A TLS Handshake    within=${120}
    TLS Is As Required    ${handshake}
    Station Sends In Any Order    SecurityEventNotification    type=InvalidCsmsCertificate
    # Sets the clock again: a time that it can trust, which it keeps
    Station Sends    Heartbeat    within=${600}
    Let Time Pass    5
    CSMS Shows In TLS    expired    times=1
    Power Cycle The Station
    ${refused} =    Station Begins A TLS Handshake    within=${120}
    TLS Handshake Has Failed    ${refused}
    Station Has Booted    InvalidCsmsCertificate


*** Keywords ***
Station Refuses An Older TLS
    [Documentation]    TC_A_06 with a CSMS whose ServerHello has this version.
    [Arguments]    ${version}
    Prepare The Station    security_profile=2    roots=csms    OCPPCommCtrlr.NetworkProfileConnectionAttempts=1
    ...    OCPPCommCtrlr.RetryBackOffWaitMinimum=5    OCPPCommCtrlr.RetryBackOffRandomRange=0
    # Steps 1 to 3
    CSMS Shows In TLS    ${version}    times=1
    Power Up The Station
    ${refused} =    Station Begins A TLS Handshake
    TLS Handshake Has Failed    ${refused}
    # Steps 4 to 9
    ${handshake} =    Station Begins A TLS Handshake    within=${120}
    TLS Is As Required    ${handshake}
    Station Connects To    ${FIRST TLS ENDPOINT}    101
    # Steps 10 to 13
    ${boot} =    Station Sends    BootNotification
    Station Reports All Connectors As    Available
    # Steps 14 to 17, in any order
    Station Sends In Any Order    SecurityEventNotification    type=StartupOfTheDevice or ResetOrReboot
    Station Sends In Any Order    SecurityEventNotification    type=InvalidTLSVersion
    Bench Finds Nothing Wrong
