"""OCPP Lite Bench: emulated boards, what is wired to them, scenarios and measurements."""
