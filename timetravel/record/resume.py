"""Going on with a run that is there already: does it fit, and where did it stop?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from timetravel.errors import BadInput, RunNotFound
from timetravel.record.layer import Layer
from timetravel.record.trace import names_of
from timetravel.record.weights import FILTERED, Weights, by_filter
from timetravel.store.facts import Labelling, Samples
from timetravel.store.run import open_run


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a run folder holds before this recording. width is None before the first epoch."""

    ids: NDArray[np.int64]
    classes: tuple[str, ...]
    recorded_at: Mapping[int, str | None]
    width: int | None
    labelling: Labelling | None
    checkpoint: Mapping[str, NDArray[Any]] | None

    @classmethod
    def of(cls, path: Path) -> Earlier | None:
        """The run at `path`, None when there is none."""
        if not (path / "run.json").is_file():
            return None
        try:
            opened = open_run(path)
        except RunNotFound:
            return None  # made, but stopped before its first commit
        with opened as run:
            last = run.records[-1] if run.records else None
            return cls(
                ids=run.samples.ids,
                classes=run.classes,
                recorded_at={record.epoch: record.recorded_at for record in run.records},
                width=None if last is None else last.width,
                labelling=None if last is None else run.labelling(last.epoch),
                checkpoint=run.checkpoint(last.epoch) if last is not None and last.has_checkpoint else None,
            )

    def check(self, layer: Layer, samples: Samples, classes: tuple[str, ...], *, has_own_ids: bool) -> None:
        """BadInput that names every difference to what is about to be recorded.

        New classes may come at the end, and samples may come and go when they have ids of their own.
        """
        differences = []
        if classes[: len(self.classes)] != self.classes:
            differences.append(f"its classes are {_few(self.classes)}, these are {_few(classes)}")
        if self.width is not None and self.width != layer.width:
            differences.append(f"its representations have width {self.width}, these have {layer.width}")
        shared = int(np.isin(samples.ids, self.ids).sum())
        if not has_own_ids and (len(samples) != len(self.ids) or shared < len(samples)):
            differences.append(
                f"it has {len(self.ids)} samples, these are {len(samples)} without ids (pass sample_ids to tell which)"
            )
        elif has_own_ids and not shared:
            differences.append("none of the sample_ids is among its samples")
        if differences:
            raise BadInput(
                f"the folder holds a run that does not go on with this model: {'; '.join(differences)}; "
                "record into another folder"
            )

    def weights(self, model: nn.Module) -> Weights | None:
        """The weights at its last epoch, for the changes since; None without a checkpoint."""
        if self.checkpoint is None:
            return None
        stored = self.checkpoint
        filters = {
            name: by_filter(module, stored[f"{name}.weight"])
            for name, module in names_of(model).items()
            if isinstance(module, FILTERED) and f"{name}.weight" in stored
        }
        return Weights(parameters=stored, gradients={}, filters=filters, filter_gradients={})

    def labelling_of(self, samples: Samples) -> Labelling | None:
        """The last labelling, when it is of the same samples in the same order."""
        return self.labelling if np.array_equal(self.ids, samples.ids) else None


def _few(names: tuple[str, ...]) -> str:
    return f"{len(names)} ({', '.join(names[:4])}{', ...' if len(names) > 4 else ''})"
