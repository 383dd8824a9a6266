"""Selections by name: a bit mask of samples, posted once, called by the hash of its content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timetravel.server.cache import ByteCache
from timetravel.server.encode import mask_bits

LIMIT_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Mask:
    """Rows of one run, ascending."""

    slug: str
    rows: NDArray[np.int64]
    bits: bytes

    @property
    def size(self) -> int:
        return len(self.bits) + self.rows.nbytes


class Masks:
    """The masks that pages and Python have handed in, the most recent ones."""

    def __init__(self) -> None:
        self._masks: ByteCache[Mask] = ByteCache(LIMIT_BYTES)

    def put(self, slug: str, rows: NDArray[np.int64], count: int) -> str:
        """The key of these rows among `count` samples of a run; the same rows have the same key."""
        bits = mask_bits(rows, count)
        key = hashlib.sha256(slug.encode() + b"\0" + bits).hexdigest()[:32]
        self._masks.put(key, Mask(slug, np.unique(rows), bits))
        return key

    def get(self, key: str) -> Mask | None:
        """The mask of that key, None when it was never posted or is long gone."""
        return self._masks.get(key)
