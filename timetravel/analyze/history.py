"""All epochs of a run as arrays: the one place in this layer that reads predictions over time.

Rows are epochs in the order of recording, columns are samples in the order of `run.samples`. Arrays are
filled when first asked for and extended when the run grows. 100 epochs of 200,000 samples cost 40 MB for
the predicted classes and 80 MB for each further figure that is asked for.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import RunNotFound
from timetravel.store.facts import UNLABELLED, Predictions, Samples
from timetravel.store.run import StoredRun

Figure = Literal["p_true", "p_predicted", "margin", "loss"]

MOST_SHORT_CLASSES = 32_767
"""With more classes than this the predicted class needs 32 bits."""


class History:
    """What a run predicted at every recorded epoch. Treat every array as read-only.

    epochs: labels in the order of recording. key: the run's key when this was read.
    """

    def __init__(self, run: StoredRun, earlier: History | None = None) -> None:
        self._run = weakref.ref(run)
        self._lock = threading.RLock()
        self.epochs: tuple[int, ...] = tuple(run.epochs)
        self.samples: Samples = run.samples
        self.class_count = len(run.classes)
        self.key = run.key
        self.run_id = run.run_id
        self._positions = {epoch: position for position, epoch in enumerate(self.epochs)}
        self._arrays: dict[str, NDArray[Any]] = {}
        self._derived: dict[str, Any] = {}
        self._making: dict[str, threading.RLock] = {}
        if earlier is not None and self._continues(earlier):
            self._arrays = dict(earlier._arrays)

    def _continues(self, earlier: History) -> bool:
        known = len(earlier.samples)
        return (
            self.run_id == earlier.run_id  # a folder may hold another run since
            and self.epochs[: len(earlier.epochs)] == earlier.epochs
            and np.array_equal(self.samples.ids[:known], earlier.samples.ids)
            and np.array_equal(self.samples.labels[:known], earlier.samples.labels)
            and (self.class_count > MOST_SHORT_CLASSES) == (earlier.class_count > MOST_SHORT_CLASSES)
        )

    @property
    def labels(self) -> NDArray[np.int32]:
        """(N,) label, UNLABELLED where unknown."""
        return self.samples.labels

    def position(self, epoch: int) -> int:
        """Place of an epoch in the order of recording. RunNotFound when it was not recorded."""
        found = self._positions.get(epoch)
        if found is None:
            raise RunNotFound(f"there is no epoch {epoch}; recorded are {recorded_in_words(self.epochs)}")
        return found

    def before(self, epoch: int) -> int | None:
        """The epoch recorded just before this one, None for the first."""
        position = self.position(epoch)
        return self.epochs[position - 1] if position else None

    @property
    def predicted(self) -> NDArray[np.signedinteger[Any]]:
        """(E, N) predicted class, -1 where absent or not finite."""
        return self._filled("predicted")

    def figure(self, name: Figure) -> NDArray[np.float32]:
        """(E, N) p_true, p_predicted, margin or loss; NaN where unknown."""
        return self._filled(name)

    @property
    def known(self) -> NDArray[np.bool_]:
        """(E, N) where a sample has a label and a prediction, so that it is right or wrong."""
        found: NDArray[np.bool_] = self.kept("known", lambda: (self.predicted >= 0) & (self.labels >= 0))
        return found

    @property
    def correct(self) -> NDArray[np.bool_]:
        """(E, N) right; False where wrong or unknown."""
        found: NDArray[np.bool_] = self.kept("correct", lambda: self.known & (self.predicted == self.labels))
        return found

    def each(self) -> Iterator[Predictions]:
        """The predictions of one epoch after another, for what needs no more than one at a time."""
        run = self._opened()
        for epoch in self.epochs:
            yield run.predictions(epoch)

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make()` gives, computed once for this state of the run; `name` must be unique in the layer.

        Each name has a lock of its own: a search that takes seconds must not keep others from a list of columns.
        """
        if name in self._derived:
            return self._derived[name]
        with self._making.setdefault(name, threading.RLock()):
            if name not in self._derived:
                self._derived[name] = make()
            return self._derived[name]

    def _opened(self) -> StoredRun:
        run = self._run()
        if run is None:
            raise RunNotFound("the run of this history was closed; open it again")
        return run

    def _filled(self, name: str) -> NDArray[Any]:
        with self._lock:
            found = self._arrays.get(name)
            shape = (len(self.epochs), len(self.samples))
            if found is None or found.shape != shape:
                found = self._arrays[name] = self._read(name, found, shape)
                found.flags.writeable = False
            return found

    def _read(self, name: str, earlier: NDArray[Any] | None, shape: tuple[int, int]) -> NDArray[Any]:
        run = self._opened()
        if name == "predicted":
            short = self.class_count <= MOST_SHORT_CLASSES
            out = np.full(shape, UNLABELLED, np.int16 if short else np.int32)
        else:
            out = np.full(shape, np.nan, np.float32)
        done = 0
        if earlier is not None:
            done, width = earlier.shape
            out[:done, :width] = earlier
        for position in range(done, shape[0]):
            out[position] = getattr(run.predictions(self.epochs[position]), name)[: shape[1]]
        return out


_histories: weakref.WeakKeyDictionary[StoredRun, History] = weakref.WeakKeyDictionary()
_guard = threading.Lock()


def history(run: StoredRun) -> History:
    """The run's history as of its last `refresh`; kept with the run, extended when it has grown."""
    with _guard:
        found = _histories.get(run)
        if found is None or found.key != run.key:
            found = _histories[run] = History(run, found)
        return found


def recorded_in_words(epochs: tuple[int, ...] | list[int], near: int | None = None) -> str:
    """The recorded epochs, shortened: all of a few, the first and last of many, or those beside `near`."""
    if not epochs:
        return "none"
    if near is not None and len(epochs) > 8:
        below = [epoch for epoch in epochs if epoch < near]
        above = [epoch for epoch in epochs if epoch > near]
        beside = ([max(below)] if below else []) + ([min(above)] if above else [])
        return ", ".join(str(epoch) for epoch in beside)
    if len(epochs) <= 8:
        return ", ".join(str(epoch) for epoch in epochs)
    return f"{epochs[0]}, {epochs[1]} … {epochs[-1]} ({len(epochs)})"
