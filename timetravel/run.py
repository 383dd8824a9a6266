"""The run that people hold: what is on disk, joined with what can be worked out from it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import BadInput, MissingPart, RunNotFound
from timetravel.store.run import StoredRun

if TYPE_CHECKING:
    from timetravel.analyze.interesting import InterestingEpoch
    from timetravel.explain.pipeline import Attribution


@dataclass(frozen=True, slots=True)
class Placed:
    """Unseen samples on the map of an epoch.

    positions: (M, 2) map units. predicted: (M,) class index, None without a head. distance: (M,) to the nearest
    fitted sample in representation space. snapped: (M,) moved onto ground of the predicted class.
    """

    positions: NDArray[np.float32]
    predicted: NDArray[np.int32] | None
    distance: NDArray[np.float32]
    snapped: NDArray[np.bool_]


class Run(StoredRun):
    """One recorded run: facts, maps, and the analyses that people ask for by name."""

    def interesting_epochs(self, map: str | None = None) -> list[InterestingEpoch]:
        """Epochs where something happened, in order, each with a score and a reason in words."""
        from timetravel.analyze.signals import run_interesting_epochs

        return run_interesting_epochs(self, map)

    def select(self, query: str, *, epoch: int | None = None, map: str | None = None) -> NDArray[np.int64]:
        """Ids of the samples that fit a query in the language of the page's search box.

        query: "label:cat pred:dog loss>2 flipped:3..7", see docs/search.md. epoch: what "now" means, the last
        when left out. Raises BadInput with the position of a mistake.
        """
        from timetravel.analyze.query import select

        return self.samples.ids[select(self, query, epoch=epoch, map=map)]

    def project_samples(
        self,
        samples: Any,
        epoch: int,
        *,
        map: str | None = None,
        factory: str | None = None,
        factory_arguments: Mapping[str, Any] | None = None,
        blind: bool = False,
    ) -> Placed:
        """Place and classify samples that the map never saw, moving nothing.

        samples: (M, D) representations of the epoch, or (M, ...) inputs of the model, which need `factory`.
        blind: by their neighbours alone, without the network's prediction.
        """
        from timetravel.project.pipeline import stored_maps
        from timetravel.project.run_epochs import RunEpochs

        stored = self.map(map)
        if epoch not in stored.epochs:
            raise RunNotFound(
                f"map {stored.name!r} holds no epoch {epoch}; it holds {stored.epochs[0]} to {stored.epochs[-1]}"
            )
        width = self.record(epoch).width
        rows = np.asarray(samples, np.float32)
        if rows.ndim != 2 or rows.shape[1] != width:
            rows = self._represented(rows, epoch, width, factory, factory_arguments)
        if not np.isfinite(rows).all():
            raise BadInput(
                f"{int((~np.isfinite(rows)).any(1).sum())} of {len(rows)} samples have numbers that are not finite"
            )
        head = self.head(epoch)
        predicted = None if head is None else head.logits(rows).argmax(1).astype(np.int32)
        maps = stored_maps(self, stored, RunEpochs(self))
        placement = maps.place(stored.epochs.index(epoch), rows, None if blind else predicted)
        return Placed(placement.positions, predicted, placement.distance, placement.snapped)

    def _represented(
        self,
        inputs: NDArray[np.float32],
        epoch: int,
        width: int,
        factory: str | None,
        factory_arguments: Mapping[str, Any] | None,
    ) -> NDArray[np.float32]:
        if factory is None:
            raise MissingPart(
                f"samples of shape {inputs.shape} are no representations (they are {width} wide); "
                "to place inputs pass factory='module:function', which rebuilds the network"
            )
        from timetravel.explain.representing import represent

        return represent(self, inputs, epoch, factory=factory, factory_arguments=factory_arguments)

    def attribute(
        self,
        sample_ids: Sequence[int],
        epochs: Sequence[int],
        method: str = "saliency",
        target: str | int = "predicted",
        **options: Any,
    ) -> Attribution:
        """Where the network looked: attribution maps by Captum. Needs checkpoints, inputs and a factory."""
        from timetravel.explain.pipeline import attribute

        return attribute(self, sample_ids, epochs, method, target, **options)


def open_run(path: str | os.PathLike[str]) -> Run:
    """Open a run folder for reading; RunNotFound says what is there instead."""
    return Run(path)
