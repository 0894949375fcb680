*** Settings ***
Documentation       Functional block M, certificate management: Part 6, chapter 2.14.
Resource            resources/ocpp.resource
Resource            resources/network.resource
Resource            resources/certificates.resource
Test Setup          Station With A CSMS Root
Test Teardown       Bench Finds Nothing Wrong
Test Tags           certificates


*** Variables ***
${SECURITY PROFILE}     ${2}
${ROOTS}                csms,manufacturer


*** Test Cases ***
TC_M_01_CS Install CA certificate - CSMSRootCertificate
    [Documentation]    A second CSMS root certificate is installed beside the first one, and is still there after a
    ...    power cycle.
    [Tags]    TC_M_01_CS    M05    M05.FR.01    M05.FR.02
    # Step 1
    Memory State CertificateInstalled    new csms
    # Step 2
    ${response} =    Reusable State GetInstalledCertificates    new csms
    Certificate Is Listed    ${response}    CSMSRootCertificate    csms
    Power Cycle The Station
    Station Has Booted
    Reusable State GetInstalledCertificates    new csms

TC_M_02_CS Install CA certificate - ManufacturerRootCertificate
    [Documentation]    A root certificate of the manufacturer is installed.
    [Tags]    TC_M_02_CS    M05    M05.FR.01    M05.FR.02
    # Step 1
    Memory State CertificateInstalled    new manufacturer    ManufacturerRootCertificate
    # Step 2
    Reusable State GetInstalledCertificates    new manufacturer    ManufacturerRootCertificate

TC_M_07_CS Install CA certificate - Rejected - Certificate invalid
    [Documentation]    A certificate that has expired is not installed, nor one that is not of a CA, nor one that has been
    ...    changed, nor is what is none.
    [Tags]    TC_M_07_CS    M05    M05.FR.01    M05.FR.07
    # Steps 1 and 2
    ${expired} =    Root Certificate    new csms    expired=${True}
    ${forged} =    Root Certificate    new csms    forged=${True}
    ${signer} =    Signing Certificate
    VAR    ${no certificate}
    ...    ${{ "-----BEGIN CERTIFICATE-----\nbm8gY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n" }}
    # as long as its first bytes say, and nothing in it
    ${hollow} =    Evaluate    base64.encodebytes(bytes((0x30, 0x82, 1, 0)) + bytes(256)).decode()
    VAR    ${hollow}    -----BEGIN CERTIFICATE-----\n${hollow}-----END CERTIFICATE-----\n
    VAR    @{invalid}    ${expired}    ${forged}    ${signer}    no certificate at all    ${expired[:300]}    ${no certificate}
    ...    ${hollow}
    FOR    ${certificate}    IN    @{invalid}
        CSMS Sends And Gets    InstallCertificate    Rejected
        ...    certificateType=CSMSRootCertificate    certificate=${certificate}
    END
    # Steps 3 and 4
    ${response} =    CSMS Gets Installed Certificates    CSMSRootCertificate
    Certificate Is Not Listed    ${response}    CSMSRootCertificate    new csms    expired=${True}
    Certificate Is Not Listed    ${response}    CSMSRootCertificate    new csms

TC_M_09_CS Install CA certificate - AdditionalRootCertificateCheck - Rejected
    [Documentation]    A CSMS root certificate that the present one has not signed is not installed.
    [Tags]    TC_M_09_CS    M05    M05.FR.10    M05.FR.11
    [Setup]    Station With A CSMS Root    SecurityCtrlr.AdditionalRootCertificateCheck=true
    # Steps 1 and 2
    ${certificate} =    Root Certificate    new csms
    CSMS Sends And Gets    InstallCertificate    Rejected
    ...    certificateType=CSMSRootCertificate    certificate=${certificate}
    # Steps 3 and 4
    ${response} =    Reusable State GetInstalledCertificates    csms
    Certificate Is Not Listed    ${response}    CSMSRootCertificate    new csms

TC_M_12_CS Retrieve certificates from Charging Station - CSMSRootCertificate
    [Documentation]    The hash data of the CSMS root certificates are told.
    [Tags]    TC_M_12_CS    M03    M03.FR.01    M03.FR.03    M03.FR.04
    Memory State CertificateInstalled    new csms
    # Step 1
    ${response} =    Reusable State GetInstalledCertificates    new csms
    Certificates Are Of    ${response}    CSMSRootCertificate

TC_M_13_CS Retrieve certificates from Charging Station - ManufacturerRootCertificate
    [Documentation]    The hash data of the manufacturer's root certificates are told.
    [Tags]    TC_M_13_CS    M03    M03.FR.01    M03.FR.03    M03.FR.04
    Memory State CertificateInstalled    new manufacturer    ManufacturerRootCertificate
    # Step 1
    ${response} =    Reusable State GetInstalledCertificates    new manufacturer    ManufacturerRootCertificate
    Certificates Are Of    ${response}    ManufacturerRootCertificate
    # Its serial number begins with a zero, which is left out (CertificateHashDataType)
    Certificate Is Listed    ${response}    ManufacturerRootCertificate    manufacturer

TC_M_17_CS Retrieve certificates from Charging Station - CSMSRootCertificate & ManufacturerRootCertificate
    [Documentation]    The hash data of certificates of both types are told.
    [Tags]    TC_M_17_CS    M03    M03.FR.01    M03.FR.03    M03.FR.04
    Memory State CertificateInstalled    new csms
    Memory State CertificateInstalled    new manufacturer    ManufacturerRootCertificate
    # Step 1
    ${response} =    CSMS Gets Installed Certificates    CSMSRootCertificate    ManufacturerRootCertificate
    Certificate Is Listed    ${response}    CSMSRootCertificate    new csms
    Certificate Is Listed    ${response}    ManufacturerRootCertificate    new manufacturer

TC_M_18_CS Retrieve certificates from Charging Station - All certificateTypes
    [Documentation]    Asked for no type the station tells of the certificates of all types.
    [Tags]    TC_M_18_CS    M03    M03.FR.01    M03.FR.03    M03.FR.04
    Memory State CertificateInstalled    new csms
    Memory State CertificateInstalled    new manufacturer    ManufacturerRootCertificate
    # Steps 1 and 2
    ${response} =    CSMS Gets Installed Certificates
    Certificate Is Listed    ${response}    CSMSRootCertificate    new csms
    Certificate Is Listed    ${response}    ManufacturerRootCertificate    new manufacturer

TC_M_19_CS Retrieve certificates from Charging Station - No matching certificate found
    [Documentation]    There is no certificate of the type that is asked for.
    [Tags]    TC_M_19_CS    M03    M03.FR.01    M03.FR.02
    # Steps 1 and 2
    VAR    @{types}    MORootCertificate
    VAR    &{nothing}    status=NotFound    certificateHashDataChain=omitted
    CSMS Sends And Gets    GetInstalledCertificateIds    ${nothing}    certificateType=${types}

TC_M_20_CS Delete a certificate from a Charging Station - Success
    [Documentation]    A certificate is deleted, and no other.
    [Tags]    TC_M_20_CS    M04    M04.FR.01    M04.FR.02
    Memory State CertificateInstalled    new csms
    # Step 1
    Reusable State GetInstalledCertificates    new csms
    # Steps 2 and 3
    ${hash_data} =    Hash Data Of    new csms
    CSMS Sends And Gets    DeleteCertificate    Accepted    certificateHashData=${hash_data}
    # Step 4
    ${response} =    Reusable State GetInstalledCertificates    csms
    Certificate Is Not Listed    ${response}    CSMSRootCertificate    new csms

TC_M_22_CS Delete a certificate from a Charging Station - No matching certificate found
    [Documentation]    A certificate that is not installed cannot be deleted.
    [Tags]    TC_M_22_CS    M04    M04.FR.01    M04.FR.04
    # Step 1
    Reusable State GetInstalledCertificates    csms
    # Steps 2 and 3
    ${hash_data} =    Hash Data Of    unknown
    CSMS Sends And Gets    DeleteCertificate    NotFound    certificateHashData=${hash_data}
    Reusable State GetInstalledCertificates    csms

TC_M_30_CS Install CA certificate - AdditionalRootCertificateCheck - Reconnect using new CSMS Root - Success
    [Documentation]    Once the station has connected with the new CSMS root certificate the old one is gone.
    [Tags]    TC_M_30_CS    M05    M05.FR.09    M05.FR.13
    [Setup]    Station With A CSMS Root    SecurityCtrlr.AdditionalRootCertificateCheck=true
    Memory State CertificateInstalled    csms successor
    # Steps 1 to 4
    CSMS Shows In TLS    root=csms successor
    Station Is Reset And Connects    csms successor
    # Steps 6 and 7
    ${response} =    Reusable State GetInstalledCertificates    csms successor
    Certificate Is Not Listed    ${response}    CSMSRootCertificate    csms

TC_M_31_CS Install CA certificate - AdditionalRootCertificateCheck - Reconnect using new CSMS Root - Fallback mechanism
    [Documentation]    The CSMS's certificate still leads to the old root: the station falls back to that.
    [Tags]    TC_M_31_CS    M05    M05.FR.09    M05.FR.14
    [Setup]    Station With A CSMS Root    SecurityCtrlr.AdditionalRootCertificateCheck=true
    Memory State CertificateInstalled    csms successor
    # Steps 1 to 5
    Station Is Reset And Connects    csms
    # Steps 7 and 8
    Reusable State GetInstalledCertificates    csms


*** Keywords ***
Station With A CSMS Root
    [Documentation]    Booted with security profile 2, with these variables in its store.
    [Arguments]    &{variables}
    Prepare The Station    &{variables}
    Reusable State Booted

Station Is Reset And Connects
    [Documentation]    TC_M_30 and TC_M_31, steps 1 to 6: the CSMS shows a certificate that leads to this root.
    [Arguments]    ${root}
    CSMS Shows In TLS    root=${root}
    TLS Handshakes So Far Are Seen
    CSMS Sends And Gets    Reset    Accepted    type=OnIdle
    Station Has Booted
    ${last} =    Last TLS Handshake
    TLS Is As Required    ${last}
