# ruff: noqa: F821 (the names of the manifest language)
# What is frozen: asyncio, and the variant's station with main.py, which the port runs after reset.
include("$(MPY_DIR)/extmod/asyncio")
include("$(APPLICATION)/manifest.py")
