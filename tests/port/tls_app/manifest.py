# ruff: noqa: F821 (the names of the manifest language)
include("$(MPY_DIR)/extmod/asyncio")
module("main.py")
