*** Settings ***
Documentation       Functional block P, Data Transfer: Part 6, chapter 2.17.
Resource            resources/ocpp.resource
Test Setup          General Preconditions
Test Teardown       Bench Finds Nothing Wrong
Test Tags           data transfer


*** Test Cases ***
TC_P_01_CS Data Transfer to the Charging Station - Rejected / Unknown VendorId / Unknown MessageId
    [Documentation]    The station knows no vendor's messages and says so.
    [Tags]    TC_P_01_CS    P01    P01.FR.05    P01.FR.06
    # Steps 1 and 2
    VAR    &{data}    of=any    kind=${{["of", 1, {"thing": None}]}}
    CSMS Sends And Gets    DataTransfer    UnknownVendorId or UnknownMessageId or Rejected
    ...    vendorId=org.openchargealliance.octt    messageId=octt-message    data=${data}

TC_P_03_CS CustomData - Receive custom data
    [Documentation]    The station takes requests with customData anywhere in them, and does what they ask for.
    [Tags]    TC_P_03_CS    Part4-9
    # Steps 1 and 2
    VAR    &{custom}    vendorId=org.openchargealliance.octt    of=anything    more=${{[1, {"deep": True}]}}
    VAR    &{component}    name=OCPPCommCtrlr    customData=${custom}
    VAR    &{variable}    name=OfflineThreshold    customData=${custom}
    VAR    &{item}
    ...    component=${component}
    ...    variable=${variable}
    ...    attributeType=Actual
    ...    attributeValue=200
    ...    customData=${custom}
    VAR    @{items}    ${item}
    ${response} =    CSMS Sends    SetVariables    setVariableData=${items}    customData=${custom}
    Message Has    ${response}    setVariableResult[0].attributeStatus=Accepted
    # Steps 3 and 4
    VAR    &{item}    component=${component}    variable=${variable}    attributeType=Actual    customData=${custom}
    VAR    @{items}    ${item}
    ${response} =    CSMS Sends    GetVariables    getVariableData=${items}    customData=${custom}
    Message Has    ${response}    getVariableResult[0].attributeStatus=Accepted
    ...    getVariableResult[0].attributeType=Actual or omitted    getVariableResult[0].attributeValue=200
