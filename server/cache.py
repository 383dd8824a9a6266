"""Answers kept by content key, shared by all sessions, bounded in bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, Protocol, TypeVar

LIMIT_BYTES = 64 << 20


class Sized(Protocol):
    """Anything that knows its bytes."""

    @property
    def size(self) -> int: ...


Value = TypeVar("Value", bound=Sized)


class ByteCache(Generic[Value]):
    """The most recently used values whose sizes add up to at most `limit` bytes. Safe among threads."""

    def __init__(self, limit: int = LIMIT_BYTES) -> None:
        self.limit = limit
        self.size = 0
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable) -> Value | None:
        """The value, now the most recent one."""
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def put(self, key: Hashable, value: Value) -> None:
        """Keeps the value and drops the oldest; one above half the limit is not kept at all."""
        if value.size > self.limit // 2:
            return
        with self._lock:
            old = self._values.pop(key, None)
            self.size += value.size - (old.size if old else 0)
            self._values[key] = value
            while self.size > self.limit:
                self.size -= self._values.popitem(last=False)[1].size
