"""A ledger: a folder of immutable segments, a manifest that is replaced in one step, and a lock.

The order on disk is data, name, manifest, name of the manifest, each synced before the next. Replacing
the manifest is the commit: before it nothing is visible, after it everything is. Whoever dies in between
leaves at most files that no manifest names.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import duckdb

from timetravel.errors import TimetravelError
from timetravel.store import durable, manifest
from timetravel.store.lock import LedgerLock
from timetravel.store.manifest import Manifest, Segment
from timetravel.store.paths import segment_path

SPARE_BYTES = 64 << 20
"""Free space that a commit leaves beyond twice its own size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of a commit. `build` writes it to the given path and returns table -> rows.

    folder: where in the ledger, "" for its root. stem: name before the hash, default the commit's number.
    """

    kind: str
    suffix: str
    build: Callable[[Path], dict[str, int]]
    folder: str = ""
    epochs: tuple[int, ...] = ()
    extent: tuple[float, float, float, float] | None = None


class Ledger:
    """The write side of a ledger; holds its lock until `close`. One commit at a time, whole or absent."""

    def __init__(self, folder: Path, name: str) -> None:
        durable.make_folder(folder)
        self.folder = folder
        self.lock = LedgerLock(folder)
        self.notice: str | None = None
        try:
            loaded = manifest.load(folder)
            if loaded is None:
                self.manifest = Manifest(ledger=name, generation=0, segments=[])
            else:
                self.manifest, self.notice = loaded
            self._tmp = folder / "tmp"
            shutil.rmtree(self._tmp, ignore_errors=True)
            durable.make_folder(self._tmp)
        except BaseException:
            self.lock.release()
            raise

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever committed."""
        return self.manifest.generation == 0

    def commit(
        self,
        parts: Sequence[Part],
        *,
        remove: Collection[str] = (),
        pending: bool = False,
        expected_bytes: int = 0,
        written: Callable[[Segment], object] | None = None,
        in_place_of: str | None = None,
    ) -> list[Segment]:
        """Publish the parts as one generation; returns their entries.

        remove: names of segments that this generation replaces; their files go once it is in place.
        in_place_of: the segment before which the new ones are listed, default at the end.
        written: told of each file when it has its final name, so that a later part can name it.
        Raises TimetravelError naming the folder when the disk is full or refuses; nothing is changed then.
        """
        if os.getpid() != self.lock.pid:
            raise TimetravelError(
                f"{self.folder}: this process ({os.getpid()}) was forked from the writer ({self.lock.pid}); "
                "only the process that opened the run can write to it"
            )
        self._check_space(expected_bytes)
        try:
            segments = []
            for number, part in enumerate(parts):
                segments.append(self._write(number, part))
                if written is not None:
                    written(segments[-1])
            entries = list(self.manifest.segments)
            # Merged rows keep their place in the order of writing.
            at = next((n for n, entry in enumerate(entries) if entry.file == in_place_of), len(entries))
            entries[at:at] = segments
            gone = set(remove)
            following = Manifest(
                ledger=self.manifest.ledger,
                generation=self.manifest.generation + 1,
                segments=[entry for entry in entries if entry.file not in gone],
                pending=pending,
            )
            self._publish(following)
        except (OSError, duckdb.Error) as error:
            raise self._trouble(error, expected_bytes) from error
        finally:
            self._empty_tmp()
        if remove:
            self._remove(remove)
        return segments

    def _write(self, number: int, part: Part) -> Segment:
        path = self._tmp / f"{number}.{part.suffix}"
        rows = part.build(path)
        durable.sync_file(path)
        digest = durable.sha256_of(path)
        stem = f"{self.manifest.generation + 1:06d}-{digest[:12]}.{part.suffix}"
        name = f"{part.folder}/{stem}" if part.folder else stem
        target = segment_path(self.folder, name)
        durable.make_folder(target.parent)
        size = path.stat().st_size
        durable.publish(path, target)
        return Segment(
            file=name,
            kind=part.kind,
            sha256=digest,
            bytes=size,
            epochs=list(part.epochs),
            rows=rows,
            extent=part.extent,
        )

    def _publish(self, following: Manifest) -> None:
        fresh = self._tmp / manifest.NAME
        durable.write_file(fresh, manifest.encode(following))
        durable.replace_keeping(fresh, self.folder / manifest.NAME, self.folder / manifest.PREVIOUS_NAME)
        self.manifest = following

    def _remove(self, names: Collection[str]) -> None:
        # The manifest before names these files: it must not be used any more once they are gone.
        copy = self._tmp / manifest.PREVIOUS_NAME
        durable.write_file(copy, manifest.encode(self.manifest))
        os.replace(copy, self.folder / manifest.PREVIOUS_NAME)
        durable.sync_folder(self.folder)
        for name in names:
            with contextlib.suppress(OSError):
                os.unlink(segment_path(self.folder, name))

    def _check_space(self, expected_bytes: int) -> None:
        try:
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            raise self._trouble(error, expected_bytes) from error
        needed = 2 * expected_bytes + SPARE_BYTES
        if expected_bytes and free < needed:
            raise TimetravelError(
                f"{self.folder}: {free >> 20} MB are free, this commit needs {needed >> 20} MB; free some space, "
                "nothing was changed"
            )

    def _trouble(self, error: Exception, expected_bytes: int) -> TimetravelError:
        try:
            free = f"{shutil.disk_usage(self.folder).free >> 20} MB are free, {expected_bytes >> 20} MB were needed"
        except OSError:
            free = "the folder cannot be reached"
        text = str(error).splitlines()[0][:300]
        return TimetravelError(f"{self.folder}: the commit failed and nothing was changed: {text} ({free})")

    def _empty_tmp(self) -> None:
        with contextlib.suppress(OSError):
            for path in self._tmp.iterdir():
                path.unlink()

    def close(self) -> None:
        """Let the next writer in."""
        with contextlib.suppress(OSError):
            if os.getpid() == self.lock.pid:
                self._tmp.rmdir()
        self.lock.release()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
