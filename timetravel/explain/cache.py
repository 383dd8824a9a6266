"""Results in memory, found again by the content that they were computed from."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from threading import Lock
from typing import Any

import numpy as np


def content_key(*parts: Any) -> str:
    """A hash of arrays (type, shape and bytes) and of other values by their text."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).data if part.size else b"")
        else:
            digest.update(f"{type(part).__name__}:{part}".encode())
        digest.update(b"\0")
    return digest.hexdigest()


class ArrayCache:
    """The results used last, up to `limit_bytes` of arrays in them. Safe among threads."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._held: OrderedDict[str, tuple[Any, ...]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: str) -> tuple[Any, ...] | None:
        """The result under `key`, None when it is not held any more."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)

    def put(self, key: str, result: tuple[Any, ...]) -> None:
        """Keeps a result; those not used for longest make room. One over the limit is not kept."""
        size = _size(result)
        with self._lock:
            if key in self._held or size > self._limit:
                return
            self._held[key] = result
            self._bytes += size
            while self._bytes > self._limit:
                _, oldest = self._held.popitem(last=False)
                self._bytes -= _size(oldest)


def _size(result: tuple[Any, ...]) -> int:
    return sum(part.nbytes for part in result if isinstance(part, np.ndarray))
