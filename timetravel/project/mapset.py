"""Maps of all epochs of a run that are read backwards by interpolation, whatever method laid them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from timetravel.project.boundary import boundary_samples
from timetravel.project.contracts import EpochData, Epochs, Placement, is_linear
from timetravel.project.geometry import Geometry, decisive
from timetravel.project.inverse import InterpolatingInverse
from timetravel.project.neighbours import Search
from timetravel.project.placement import Reading, place
from timetravel.store.facts import BoundarySamples


class InterpolatedMaps:
    """A `MapSet` over positions: inverse by interpolation, unseen samples by their neighbours.

    epochs: the run; an epoch is read again when its inverse is asked for. positions: E arrays (N, 2), NaN
    where absent. boundary: E sets of boundary samples, which serve the inverse as further nodes.
    emphasis: how much the head's logits count when an unseen sample looks for its neighbours.
    """

    def __init__(
        self,
        epochs: Epochs,
        positions: Sequence[NDArray[np.float32]],
        *,
        method: str,
        parameters: Mapping[str, Any] | None = None,
        seed: int = 0,
        boundary: Sequence[BoundarySamples | None] | None = None,
        emphasis: float = 0.0,
    ) -> None:
        self.epochs = epochs
        self.positions: Sequence[NDArray[np.float32]] = list(positions)
        self.method, self.seed = method, seed
        self.parameters: Mapping[str, Any] = dict(parameters or {})
        self.boundary: Sequence[BoundarySamples | None] = (
            [None] * len(self.positions) if boundary is None else boundary
        )
        self._emphasis = emphasis
        self._opened: tuple[int, _Opened] | None = None

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def labels(self) -> Sequence[int]:
        return self.epochs.labels[: len(self)]

    def inverse(self, index: int, /) -> InterpolatingInverse:
        return self._open(index).inverse

    def place(
        self, index: int, representations: NDArray[Any], predicted: NDArray[Any] | None = None, /
    ) -> Placement:
        opened = self._open(index)
        return place(
            opened.search(),
            opened.positions,
            opened.geometry.rows(representations),
            inverse=opened.inverse if predicted is not None else None,
            fitted_class=None if predicted is None else opened.data.predicted,
            predicted=None if predicted is None else np.asarray(predicted),
            reading=opened.reading(representations) if predicted is None and self._emphasis > 0 else None,
        )

    def place_boundary(self, index: int, points: NDArray[Any], /) -> NDArray[np.float32]:
        """(M, 2) positions of further points of the decision boundary (M, D).

        As unseen samples are placed, but beside the epoch's boundary samples, which show where the boundary is.
        """
        opened = self._open(index)
        return place(opened.search_boundary(), opened.border, opened.geometry.rows(points)).positions

    def learned(self, index: int, /) -> Mapping[str, NDArray[Any]] | None:
        return None

    def _open(self, index: int) -> _Opened:
        index = range(len(self))[index]
        if self._opened is None or self._opened[0] != index:
            self._opened = None  # one epoch of representations at a time
            opened = _Opened(
                self.epochs[index], self.positions[index], self.boundary[index], self._emphasis, self.seed
            )
            self._opened = index, opened
        return self._opened[1]


class _Opened:
    """One epoch with its representations in memory."""

    def __init__(
        self,
        data: EpochData,
        positions: NDArray[np.float32],
        boundary: BoundarySamples | None,
        emphasis: float,
        seed: int,
    ) -> None:
        # a row is a node only where it was mapped: held-out samples of a check are present but not fitted
        mapped: NDArray[np.bool_] = np.all(np.isfinite(positions[data.present]), axis=1)
        self.data = data if mapped.all() else data.take(mapped)
        self.positions = positions[self.data.present]
        self.inverse = _inverse(self.data, self.positions, boundary)
        self.geometry = Geometry.of(self.data, emphasis)
        self._seed = seed
        self._search: Search | None = None
        self._border_search: Search | None = None

    def search(self) -> Search:
        if self._search is None:
            self._search = Search(self.geometry.rows(self.data.representations), seed=self._seed)
        return self._search

    def reading(self, representations: NDArray[Any]) -> Reading | None:
        """What the ground should read at samples; None without a linear head, whose logits alone are quick to read."""
        head, logits = self.data.head, self.data.logits
        if head is None or not is_linear(head) or logits is None or len(logits) < 2:
            return None
        spread = float(decisive(logits).var(0).sum())
        if not (np.isfinite(spread) and spread > 0):
            return None
        rows = np.asarray(representations, np.float32)
        return Reading(self.inverse, decisive(head.logits(rows)), spread)

    @property
    def border(self) -> NDArray[np.float64]:
        """(M, 2) where the boundary samples are."""
        return self.inverse.positions[len(self.positions) :]

    def search_boundary(self) -> Search:
        if self._border_search is None:
            rows = self.geometry.rows(self.inverse.representations[len(self.positions) :])
            self._border_search = Search(rows, seed=self._seed)
        return self._border_search


def _inverse(
    data: EpochData, positions: NDArray[np.float32], boundary: BoundarySamples | None
) -> InterpolatingInverse:
    x, y, logits = data.representations, positions, data.logits
    if boundary is not None and len(boundary.positions) and data.head is not None and logits is not None:
        extra = np.asarray(boundary.representations, np.float32)
        x, y = np.concatenate([x, extra]), np.concatenate([y, boundary.positions])
        logits = np.concatenate([logits, np.asarray(data.head.logits(extra), np.float64)])
    return InterpolatingInverse(
        y,
        x,
        head=data.head,
        logits=logits,
        linear=data.head is None or is_linear(data.head),
        fitted=len(positions),
    )


class BoundaryOnDemand(Sequence[BoundarySamples | None]):
    """The boundary samples of each epoch, made again when asked for: only their positions are kept."""

    def __init__(
        self, epochs: Epochs, positions: Sequence[NDArray[np.float32]], counts: Sequence[int], seed: int
    ) -> None:
        self._epochs, self._positions, self._counts, self._seed = epochs, positions, counts, seed

    def __len__(self) -> int:
        return len(self._positions)

    @overload
    def __getitem__(self, index: int) -> BoundarySamples | None: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[BoundarySamples | None]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        positions = self._positions[index]
        if not len(positions):
            return None
        points, pairs = boundary_samples(by_id(self._epochs[index]), self._counts[index], seed=self._seed)
        return BoundarySamples(representations=points, pairs=pairs, positions=positions)


def by_id(data: EpochData) -> EpochData:
    """The epoch with its samples in the order of their ids, so that nothing depends on the order of rows."""
    order = np.argsort(data.sample_ids, kind="stable")
    if (order == np.arange(len(order))).all():
        return data
    return data.take(order)
