"""The runs that a server shows: a table from slugs to run folders. Requests name slugs, never paths."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any

import duckdb

from timetravel.errors import RunNotFound, TimetravelError
from timetravel.run import Run, open_run

PAIR = 2
"""Runs that the page shows side by side."""


@dataclass(slots=True)
class Entry:
    """One run folder. `error`: why it cannot be opened, in one sentence; `stamp` changes with its content."""

    slug: str
    path: Path
    run: Run | None = None
    error: str | None = None
    stamp: Hashable = None
    factory: str | None = None
    factory_arguments: Mapping[str, Any] | None = None
    lock: RLock = field(default_factory=RLock)

    @property
    def key(self) -> str:
        """The stamp as a short text."""
        return hashlib.sha256(repr(self.stamp).encode()).hexdigest()[:16]

    def open(self) -> Run:
        """The run, opened at first use; a damaged one is tried again each time."""
        with self.lock:
            if self.run is None:
                try:
                    self.run = open_run(self.path)
                except (TimetravelError, OSError, ValueError, duckdb.Error) as error:
                    self.error = sentence(error)
                    raise RunNotFound(f"run {self.slug} cannot be opened: {self.error}") from error
                self.error = None
                self.stamp = stamp_of(self.run)
            return self.run

    def refresh(self) -> bool:
        """Reads what was committed since; True when the content changed."""
        with self.lock:
            if self.run is None:
                return False
            before = self.stamp
            try:
                self.run.refresh()
                self.stamp = stamp_of(self.run)
            except (TimetravelError, OSError, ValueError, duckdb.Error) as error:
                self.error = sentence(error)
                return False
            self.error = None
            return self.stamp != before

    def close(self) -> None:
        """Closes the run when it is open."""
        with self.lock:
            if self.run is not None:
                self.run.close()
                self.run = None


def stamp_of(run: Run) -> Hashable:
    """A value that is equal only while facts and maps of the run are the same."""
    return (run.run_id, run.key, tuple((name, run.map(name).key) for name in run.maps))


def sentence(error: BaseException) -> str:
    """An error as one line."""
    return " ".join(str(error).split())[:500] or type(error).__name__


class Library:
    """All runs of a server by slug."""

    def __init__(self, paths: Sequence[Path | str]) -> None:
        self._entries: dict[str, Entry] = {}
        self._folders: list[Path] = []
        self._lock = RLock()
        self.open_slugs: list[str] = []
        for given in paths:
            path = Path(given)
            if is_run(path):
                self.open_slugs.append(self._add(path).slug)
            elif path.is_dir() and (inner := runs_in(path)):
                self._folders.append(path)
                for run_path in inner:
                    self._add(run_path)
            else:
                open_run(path)  # says what was found and what to pass
                raise RunNotFound(f"{path} holds no run; pass a run folder or a folder of runs")
        if not self.open_slugs:
            self.open_slugs = list(self._entries)[:1]
        del self.open_slugs[PAIR:]

    def add(self, run: Run) -> Entry:
        """A run that is open already."""
        entry = self._add(Path(run.path))
        entry.run, entry.stamp = run, stamp_of(run)
        if entry.slug not in self.open_slugs:
            self.open_slugs = [*self.open_slugs, entry.slug][:PAIR]
        return entry

    def __len__(self) -> int:
        """Runs that are known of."""
        return len(self._entries)

    def entries(self) -> list[Entry]:
        """All runs, those of folders that appeared since among them."""
        with self._lock:
            known = {entry.path.resolve() for entry in self._entries.values()}
            for folder in self._folders:
                for path in runs_in(folder):
                    if path.resolve() not in known:
                        self._add(path)
            return list(self._entries.values())

    def entry(self, slug: str) -> Entry:
        """The run of that slug; RunNotFound names those that there are."""
        with self._lock:
            entry = self._entries.get(slug)
        if entry is None:
            raise RunNotFound(f"there is no run {slug!r}; there are {', '.join(list(self._entries)[:20])}")
        return entry

    def run(self, slug: str) -> Run:
        """The open run of that slug."""
        return self.entry(slug).open()

    def stamp(self, parts: Mapping[str, str]) -> Hashable:
        """What an answer for these path parts depends on: the content of each run named."""
        stamps = []
        for part in ("run", "a", "b"):
            if part in parts:
                entry = self.entry(parts[part])
                entry.open()
                stamps.append((entry.slug, entry.stamp))
        return tuple(stamps)

    def opened(self) -> list[Entry]:
        """Runs that are open now."""
        with self._lock:
            return [entry for entry in self._entries.values() if entry.run is not None]

    def close(self) -> None:
        """Closes every run."""
        for entry in self.opened():
            entry.close()

    def _add(self, path: Path) -> Entry:
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", path.resolve().name).strip("-").lower() or "run"
        slug, number = stem, 2
        while slug in self._entries:
            slug, number = f"{stem}-{number}", number + 1
        self._entries[slug] = Entry(slug, path)
        return self._entries[slug]


def is_run(path: Path) -> bool:
    """Whether a folder is meant as a run, be it damaged."""
    return (path / "run.json").is_file() or (path / "facts").is_dir()


def runs_in(folder: Path) -> list[Path]:
    """Run folders directly inside a folder, by name."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and is_run(path))
