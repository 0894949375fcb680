"""An OCPP 2.0.1 charging station: MicroPython on the chip, CPython in the unit tests."""
