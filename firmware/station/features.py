"""The features of variants.toml. Here, for CPython and its unit tests, all are on; an image has no such
module: what it says of a feature is folded into the modules that ask (variants.py).
"""

CERTIFICATES = True
DIAGNOSTICS = True
FIRMWARE_UPDATE = True
TLS = True
