# ruff: noqa: F821 (the names of the manifest language)
# What is frozen: of asyncio what is used, and the variant's station with main.py, which the port runs.
package("asyncio", ("__init__.py", "core.py", "lock.py"), base_path="$(MPY_DIR)/extmod", opt=3)
include("$(APPLICATION)/manifest.py")
