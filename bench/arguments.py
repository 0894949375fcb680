"""Arguments of the programs beside ``ocpp-bench``, as ``python -m bench.memory.cost``."""

from __future__ import annotations

import argparse
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """Ends as ``ocpp-bench`` does where something is wrong: one line on stderr, exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")
