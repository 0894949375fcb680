"""A CSMS for OCPP 2.0.1, without I/O: in lock step with virtual time, or served over TCP (`server`)."""

from csms_stub.csms import EPOCH, Csms
from csms_stub.messages import CsmsError, Error, Message, Raw, Result, Withhold
from csms_stub.session import Session

__all__ = ["EPOCH", "Csms", "CsmsError", "Error", "Message", "Raw", "Result", "Session", "Withhold"]
