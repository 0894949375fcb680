"""``python -m csms_stub``: see `csms_stub.server`."""

import sys

from csms_stub.server import main

if __name__ == "__main__":
    sys.exit(main())
