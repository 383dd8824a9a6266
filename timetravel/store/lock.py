"""One writer a ledger, held by the kernel: a dead writer's lock is free at once."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import weakref
from datetime import UTC, datetime
from pathlib import Path

from timetravel.errors import RunLocked

NAME = "lock"
LARGEST_NOTE_BYTES = 4096

_held: weakref.WeakSet[LedgerLock] = weakref.WeakSet()


class LedgerLock:
    """An exclusive lock on a ledger's folder, from construction to `release`.

    Raises RunLocked, naming process, host and time, when somebody else holds it. A forked child does not
    inherit it.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self.pid = os.getpid()
        self._descriptor: int | None = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(self._descriptor)
        except OSError as error:
            message = self._refusal(folder)
            self._close()
            raise RunLocked(message) from error
        note = {
            "pid": self.pid,
            "host": socket.gethostname(),
            "since": datetime.now(UTC).isoformat("T", "seconds"),
        }
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps(note).encode(), 0) if hasattr(os, "pwrite") else os.write(
            self._descriptor, json.dumps(note).encode()
        )
        _held.add(self)

    @property
    def is_held(self) -> bool:
        """Whether this object still holds the lock, in this process."""
        return self._descriptor is not None

    def release(self) -> None:
        """Let go; the note of who held it goes too."""
        if self._descriptor is None:
            return
        if self.pid == os.getpid():
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, 0)
        self._close()

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None

    def _refusal(self, folder: Path) -> str:
        holder = holder_of(folder)
        who = "another process"
        if holder:
            who = f"process {holder.get('pid')} on {holder.get('host')}, since {holder.get('since')},"
        return f"{folder} is being written by {who}; wait for it to end, or write to another folder"


def holder_of(folder: Path) -> dict[str, object] | None:
    """What the lock file says of its holder; None when it says nothing. It may be out of date."""
    try:
        with open(folder / NAME, "rb") as file:
            note = json.loads(file.read(LARGEST_NOTE_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    return {str(k)[:40]: str(v)[:100] for k, v in note.items()} if isinstance(note, dict) else None


def is_held(folder: Path) -> bool:
    """Whether somebody is writing to this ledger now."""
    try:
        descriptor = os.open(folder / NAME, os.O_RDWR)
    except OSError:
        return False
    try:
        _lock(descriptor)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, LARGEST_NOTE_BYTES, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _forget_in_child() -> None:
        # Data-loader workers are forked: with the descriptor they would keep a dead recorder's lock.
        for held in list(_held):
            held._close()

    os.register_at_fork(after_in_child=_forget_in_child)
