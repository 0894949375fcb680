"""The commands of ``ocpp-bench``, by what they are about."""
