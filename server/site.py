"""What all routes share: runs, jobs, posted masks, answers by content key, threads."""

from __future__ import annotations

from collections.abc import Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from timetravel.server.cache import ByteCache
from timetravel.server.jobs import JobBoard
from timetravel.server.library import Library
from timetravel.server.masks import Masks
from timetravel.server.pool import Pool
from timetravel.server.routes import Answer
from timetravel.store.facts import Selection


@dataclass(slots=True)
class Site:
    """The services of one server."""

    library: Library
    board: JobBoard
    pool: Pool = field(default_factory=Pool)
    slow_pool: Pool = field(default_factory=lambda: Pool(2))
    """Threads for what takes all epochs of a run: places and columns must not wait behind it."""
    making: dict[Hashable, Future[Answer]] = field(default_factory=dict)
    """Answers that are being made, by what they depend on."""
    cache: ByteCache[Answer] = field(default_factory=ByteCache)
    masks: Masks = field(default_factory=Masks)
    unsaved: dict[str, dict[str, Selection]] = field(default_factory=dict)
    """Selections by run and name where the run's folder cannot be written."""
    overviews: dict[str, tuple[Hashable, dict[str, Any]]] = field(default_factory=dict)
    """What run.json says, by run, with the stamp of the content that it was made from."""
    map_name: str | None = None
    live: bool = False

    def close(self) -> None:
        """Ends children and threads, closes runs."""
        self.board.close()
        self.pool.close()
        self.slow_pool.close()
        self.library.close()

    @property
    def is_busy(self) -> bool:
        """Whether a closed site still has a call under way."""
        return self.pool.is_busy or self.slow_pool.is_busy
