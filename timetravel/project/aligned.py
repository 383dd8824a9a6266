"""The method `aligned`: all epochs laid out together, still where the network was still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from timetravel.errors import BadInput
from timetravel.project import graph as graphs
from timetravel.project.boundary import boundary_samples
from timetravel.project.contracts import EpochData, Epochs, MapSet, Report
from timetravel.project.coupling import LEAST_TOP, Tie, persistence, tie_strength
from timetravel.project.forces import Array
from timetravel.project.layout import EpochNodes, Schedule, lock_step, stage
from timetravel.project.mapset import BoundaryOnDemand, InterpolatedMaps, by_id
from timetravel.project.neighbours import Search, neighbor_count
from timetravel.project.start import Anchor, Part, common_start, some
from timetravel.store.facts import BoundarySamples

_Points = tuple[NDArray[np.float32], NDArray[np.int32]]
NEVER = np.zeros((0, 2), np.float32)
NO_POINTS: _Points = np.zeros((0, 0), np.float32), np.zeros((0, 2), np.int32)

EXTENSION = Schedule(iterations=150, rate=0.3)
"""A new epoch starts where the one before is, so it needs fewer and shorter steps."""

USUAL_STEADINESS = 0.7
"""At which ties are as the settings say. A steadier run needs stronger and steeper ones to tell its few moving
samples from the many that stay; a restless one weaker and flatter ones."""

EXTENSION_STRENGTH = 3.0
"""Times the usual strength: one epoch is held by one other, and nothing pulls from the far side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a person can turn.

    stillness: 0 the best map of each epoch, 1 the calmest film. agreement: 0 purely the data's
    neighbourhoods, 1 ground that agrees with the network. boundary_share: boundary samples per sample.
    """

    stillness: float = 0.5
    agreement: float = 0.5
    boundary_share: float = 0.1

    def __post_init__(self) -> None:
        for name in ("stillness", "agreement", "boundary_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} = {getattr(self, name)}: expected a number from 0 to 1")

    @property
    def tie_strength(self) -> float:
        """0, 3 and 30 at stillness 0, .5 and 1, in a run of usual steadiness."""
        s = self.stillness
        return 3 * (2 * s) ** 2 if s < 0.5 else 3 * 10 ** (2 * s - 1)

    @property
    def tie_power(self) -> float:
        return 8 - 4 * max(0.0, 2 * self.stillness - 1)

    @property
    def schedule(self) -> Schedule:
        """The looser the ties, the more an epoch gains from its own time: below stillness .5 more iterations, the
        first of them with a stronger pull, on a finer grid."""
        loose = max(0.0, 1 - 2 * self.stillness)
        return Schedule(
            iterations=250 + round(350 * loose),
            rate=0.5 + 0.5 * loose,
            exaggerated=round(200 * loose),
            exaggeration=1 + 0.6 * loose,
            cell=1 - 0.5 * loose,
        )

    @property
    def cross(self) -> float:
        """Factor on edges between samples of different predicted class: 1, .2, .04."""
        return float(0.2 ** (2 * self.agreement))

    @property
    def emphasis(self) -> float:
        return 8 * self.agreement


@dataclass(slots=True)
class _Prepared:
    """What the layout keeps of an epoch once its representations are gone."""

    rows: NDArray[np.int64]  # (n,) rows of the run, in order of sample id
    graph: sparse.csr_array  # over n samples and then M boundary samples
    boundary_count: int
    collapsed: bool
    share: NDArray[np.float32] | None = None  # kept neighbours since the epoch before
    here: NDArray[np.int64] | None = None  # common samples as nodes of this epoch
    there: NDArray[np.int64] | None = None  # and of the one before

    @property
    def nodes(self) -> int:
        return len(self.rows) + self.boundary_count


class Aligned:
    """Aligned maps by exact repulsion in lock-step. See docs/aligned-maps.md."""

    name = "aligned"

    def __init__(
        self, settings: Settings | None = None, *, device: str = "cpu", workers: int | None = None
    ) -> None:
        self.settings = settings or Settings()
        self.device = device
        self._workers = workers

    @property
    def emphasis(self) -> float:
        """How much the head's logits count when an unseen sample looks for its neighbours."""
        return self.settings.emphasis

    @property
    def parameters(self) -> Mapping[str, Any]:
        return asdict(self.settings)

    def fit(self, epochs: Epochs, /, *, seed: int = 0, report: Report | None = None) -> MapSet:
        prepared, parts, anchor = self._prepare_all(epochs, seed, report)
        common = common_start(parts, anchor, epochs.sample_count, stage(report, "start"))
        top = _persistence_top([p.share for p in prepared if p.share is not None])
        nodes = self._tied(prepared, top)
        starts = [_start(p, common) for p in prepared]
        laid = lock_step(
            nodes,
            starts,
            schedule=self.settings.schedule,
            workers=self._workers,
            report=stage(report, "layout"),
        )
        return self._maps(epochs, prepared, laid, seed, top)

    def extend(self, maps: MapSet, epochs: Epochs, /, *, report: Report | None = None) -> MapSet:
        """Each new epoch is tied to the one before, which stays where it is, and starts from there."""
        done = len(maps)
        positions = list(maps.positions)
        borders: list[BoundarySamples | None] = [None] * done
        before: _Prepared | None = None
        ids_before: NDArray[np.int32] | None = None
        width: int | None = None
        for index in range(done - 1, len(epochs)):
            data = by_id(epochs[index])
            width = _same_width(data, width, epochs.labels[done - 1 :])
            made, ids, points = self._prepare(data, maps.seed)
            if before is not None:
                if ids is not None and ids_before is not None:
                    _remember_persistence(before, ids_before, made, ids)
                laid = self._laid_after(before, made, positions[-1])
                positions.append(_spread_out(made, laid, epochs.sample_count))
                borders.append(_boundary(points, laid[len(made.rows) :]))
                if report is not None:
                    report("layout", index - done + 1, len(epochs) - done)
            before, ids_before = made, ids
        return InterpolatedMaps(
            epochs,
            positions,
            method=self.name,
            parameters=self.parameters,
            seed=maps.seed,
            boundary=_Joined(maps.boundary, borders[done:]),
            emphasis=self.settings.emphasis,
        )

    def _laid_after(self, before: _Prepared, made: _Prepared, positions: NDArray[np.float32]) -> Array:
        """Positions of the nodes of a new epoch, the one before held fixed."""
        start = _start(made, positions)
        if made.collapsed:
            return start
        top = _persistence_top([made.share] if made.share is not None else [])
        nodes = self._tied([before, made], top, EXTENSION_STRENGTH)[1]
        rim = positions[before.rows]
        return lock_step([nodes], [start], schedule=EXTENSION, rim_before=rim, workers=self._workers)[0]

    def _prepare_all(
        self, epochs: Epochs, seed: int, report: Report | None
    ) -> tuple[list[_Prepared], list[Part], Anchor]:
        """Every epoch's graph, what the common start is made of, and the last epoch that has any spread."""
        prepared: list[_Prepared] = []
        parts: list[Part] = []
        ids_before: NDArray[np.int32] | None = None
        width: int | None = None
        for index in range(len(epochs)):
            data = by_id(epochs[index])
            width = _same_width(data, width, epochs.labels)
            made, ids, _ = self._prepare(data, seed)
            if prepared and ids is not None and ids_before is not None:
                _remember_persistence(prepared[-1], ids_before, made, ids)
            prepared.append(made)
            few = np.flatnonzero(some(data.sample_ids, seed))
            n = len(data)
            graph = made.graph[:n, :n] if len(few) == n else self._graph(data.take(few), seed)[0]
            parts.append((data.present[few], graph))
            ids_before = ids
            if report is not None:
                report("neighbours", index + 1, len(epochs))
        last = max((i for i, p in enumerate(prepared) if not p.collapsed), default=len(prepared) - 1)
        data = by_id(epochs[last])
        if not len(data):
            raise BadInput("found no sample in any epoch, expected at least one: record some samples")
        return prepared, parts, Anchor.make(data, seed)

    def _prepare(self, data: EpochData, seed: int) -> tuple[_Prepared, NDArray[np.int32] | None, _Points]:
        count = len(data)
        if count < 2:
            empty = sparse.csr_array((count, count), dtype=np.float32)
            return _Prepared(data.present, empty, 0, True), None, NO_POINTS
        graph, ids, distances = self._graph(data, seed)
        collapsed = not bool(distances.any())
        wanted = round(self.settings.boundary_share * count)
        points = NO_POINTS if collapsed else boundary_samples(data, wanted, seed=seed)
        if len(points[0]):
            graph = graphs.with_boundary(graph, data, *points)
        return _Prepared(data.present, graph, len(points[0]), collapsed), ids, points

    def _graph(
        self, data: EpochData, seed: int
    ) -> tuple[sparse.csr_array, NDArray[np.int32], NDArray[np.float32]]:
        """The graph of an epoch's samples, with their neighbours' ids and distances."""
        ids, distances = Search(data.representations, seed=seed).among(neighbor_count(len(data)))
        graph = graphs.fuzzy_graph(ids, distances)
        predicted = data.predicted
        if predicted is not None:
            graph = graphs.agreeing(graph, predicted, self.settings.cross)
        return graph, ids, distances

    def _tied(self, prepared: Sequence[_Prepared], top: float, times: float = 1.0) -> list[EpochNodes]:
        steadiness = _steadiness([p.share for p in prepared if p.share is not None], top)
        before = [Tie.none(p.nodes) for p in prepared]
        after = [Tie.none(p.nodes) for p in prepared]
        for e in range(1, len(prepared)):
            p = prepared[e]
            if p.share is None or p.here is None or p.there is None:
                continue
            weight = tie_strength(
                p.share,
                strength=times * steadiness * self.settings.tie_strength,
                power=steadiness * self.settings.tie_power,
                floor=0,
                top=top,
            )
            before[e].row[p.here], before[e].weight[p.here] = p.there, weight
            after[e - 1].row[p.there], after[e - 1].weight[p.there] = p.here, weight
        return [EpochNodes(p.graph, b, a) for p, b, a in zip(prepared, before, after, strict=True)]

    def _maps(
        self, epochs: Epochs, prepared: Sequence[_Prepared], laid: Sequence[Array], seed: int, top: float
    ) -> InterpolatedMaps:
        positions, borders = [], []
        for p, y in zip(prepared, laid, strict=True):
            positions.append(_spread_out(p, y, epochs.sample_count))
            borders.append(y[len(p.rows) :])
        counts = [round(self.settings.boundary_share * len(p.rows)) for p in prepared]
        return InterpolatedMaps(
            epochs,
            positions,
            method=self.name,
            parameters={**self.parameters, "persistence_top": top},
            seed=seed,
            boundary=BoundaryOnDemand(epochs, borders, counts, seed),
            emphasis=self.settings.emphasis,
        )


def _same_width(data: EpochData, width: int | None, labels: Sequence[int]) -> int:
    found = int(data.representations.shape[1])
    if width is not None and found != width:
        raise BadInput(
            f"epoch {data.epoch}: found representations {found} wide, expected {width} as at epoch {labels[0]}: "
            "one map needs one width; map these epochs apart"
        )
    return found


def _remember_persistence(
    before: _Prepared, ids_before: NDArray[np.int32], now: _Prepared, ids: NDArray[np.int32]
) -> None:
    now.there, now.here, now.share = persistence(before.rows, ids_before, now.rows, ids)


def _persistence_top(shares: Sequence[NDArray[np.float32]]) -> float:
    """The 95th percentile of kept neighbours over all steps: what counts as wholly steady in this run."""
    every = np.concatenate(shares) if shares else np.zeros(0)
    return float(np.percentile(every, 95)) if len(every) else 1.0


def _steadiness(shares: Sequence[NDArray[np.float32]], top: float) -> float:
    """Mean of kept neighbours over `top`, in units of what is usual."""
    every = np.concatenate(shares) if shares else np.zeros(0)
    if not len(every):
        return 1.0
    return float(np.minimum(every / max(top, LEAST_TOP), 1).mean()) / USUAL_STEADINESS


def _start(p: _Prepared, common: Array) -> Array:
    start = np.full((p.nodes, 2), np.nan, np.float32)
    start[: len(p.rows)] = common[p.rows]
    return graphs.from_neighbors(p.graph, start)


def _spread_out(p: _Prepared, laid: Array, count: int) -> NDArray[np.float32]:
    """(N, 2) positions of the samples, NaN where absent."""
    every = np.full((count, 2), np.nan, np.float32)
    every[p.rows] = laid[: len(p.rows)]
    return every


def _boundary(points: _Points, positions: Array) -> BoundarySamples | None:
    if not len(positions):
        return None
    return BoundarySamples(representations=points[0], pairs=points[1], positions=positions)


class _Joined(Sequence[BoundarySamples | None]):
    """Boundary samples of the epochs that were there and of the new ones, none loaded before it is asked for."""

    def __init__(
        self, first: Sequence[BoundarySamples | None], then: Sequence[BoundarySamples | None]
    ) -> None:
        self._first, self._then = first, then

    def __len__(self) -> int:
        return len(self._first) + len(self._then)

    @overload
    def __getitem__(self, index: int) -> BoundarySamples | None: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[BoundarySamples | None]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        return self._first[index] if index < len(self._first) else self._then[index - len(self._first)]
