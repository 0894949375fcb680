# ruff: noqa: F821 (the names of the manifest language)
# What is frozen into the image: asyncio, the station, and main.py, which the port runs after reset.
include("$(MPY_DIR)/extmod/asyncio")
module("main.py")
package("station")
