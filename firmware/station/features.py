"""The features of variants.toml. Here, for CPython and its unit tests, all are on; an image has no such
module: what it says of a feature is folded into the modules that ask (variants.py).
"""

ASSERTS = True
ATTRIBUTE_PATH = True
AUTH_CACHE = True
BASE_REPORT = True
CERTIFICATES = True
CHANGE_AVAILABILITY = True
CLOCK_ALIGNED = True
COMPUTED_GOTO = True
DATA_TRANSFER = True
DIAGNOSTICS = True
ERROR_DETAILS = True
ERROR_TEXTS = True
FAULT_RECORD = True
FIRMWARE_UPDATE = True
LINE_NUMBERS = True
LOG = True
LOG_DEBUG = True
LOOKUP_CACHE = True
MASTER_PASS = True
MAX_ENERGY = True
NETWORK_PROFILES = True
PROFILE_FALLBACK = True
REMOTE_START_STOP = True
REPL = True
RESET = True
RESET_EVSE = True
SIGNED_METER_VALUES = True
STACK_CHECK = True
TLS = True
TRANSACTION_STATUS = True
TRIGGER_ALL = True
TRIGGER_MESSAGE = True
UNLOCK_CONNECTOR = True
WATCHDOG = True
