"""Where TLS gets its randomness from: the operating system, or a generator with a seed.

`tlslite` and `ecdsa` ask ``os.urandom``. In lock step a run must be the same every time, down to the bytes of
a key exchange, so they are answered by the source that is drawn from just then.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import ecdsa.util
from tlslite.utils import cryptomath

Source = Callable[[int], bytes]
"""So many bytes."""

_source: ContextVar[Source] = ContextVar("source", default=os.urandom)


class Seeded:
    """Bytes that follow from a seed: SHA-256 in counter mode. For tests, where nothing is secret."""

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()
        self._count = 0
        self._rest = b""

    def __call__(self, size: int) -> bytes:
        while len(self._rest) < size:
            self._rest += hashlib.sha256(self._seed + self._count.to_bytes(8)).digest()
            self._count += 1
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


@contextmanager
def drawing_from(source: Source) -> Iterator[None]:
    """TLS draws from `source` inside the block."""
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)


class _Os:
    """The module `os` to those who take only randomness from it."""

    @staticmethod
    def urandom(size: int) -> bytes:
        return _source.get()(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


cryptomath.os = ecdsa.util.os = _Os()
