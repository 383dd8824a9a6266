"""What every baseline checks before and after its own work.

All of them lay samples out in the order of their ids, so that a permutation of the rows of a run permutes
the map to the bit although the methods draw random numbers row by row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import BadInput
from timetravel.project.contracts import EpochData, Epochs


def spread(positions: NDArray[Any], data: EpochData, sample_count: int) -> NDArray[np.float32]:
    """(n, 2) positions of the present samples as (N, 2) of all samples, NaN where absent."""
    everyone = np.full((sample_count, 2), np.nan, np.float32)
    everyone[data.present] = positions
    return everyone


def enough(method: str, data: EpochData, least: int, width: int | None = None) -> None:
    """Raises BadInput when an epoch has fewer samples than a method needs, or another width than before."""
    if len(data) < least:
        raise BadInput(
            f"epoch {data.epoch}: found {len(data)} usable samples, {method} needs at least {least}: "
            "record more samples, or use the method aligned or pca"
        )
    if width is not None and data.representations.shape[1] != width:
        raise BadInput(
            f"epoch {data.epoch}: found representations of width {data.representations.shape[1]}, expected "
            f"{width} as at the epochs before: {method} maps epochs of one width; record the same layer throughout"
        )


def settings(method: Any) -> Mapping[str, Any]:
    """The fields of a method's dataclass, for storing with the map."""
    return asdict(method)


def epoch_seed(seed: int, index: int) -> int:
    """A seed of its own for each epoch, so that adding an epoch later gives what a joint fit gives."""
    return int(np.random.SeedSequence([seed, index]).generate_state(1)[0])


def checked_labels(epochs: Epochs, known: int) -> list[int]:
    """Labels of the epochs after the first `known`; BadInput when there are fewer than that."""
    labels = list(epochs.labels)
    if len(labels) < known:
        raise BadInput(f"found {len(labels)} epochs, the map already has {known}: pass all epochs of the run")
    return labels[known:]


def finite(method: str, data: EpochData, positions: NDArray[Any]) -> NDArray[Any]:
    """The positions (n, 2) as they are; BadInput when a method could not place a sample."""
    bad = np.flatnonzero(~np.isfinite(positions).all(1))
    if len(bad):
        raise BadInput(
            f"epoch {data.epoch}: {method} gave no finite position to {len(bad)} of {len(data)} samples "
            f"(first id {data.sample_ids[bad[0]]}): use the method aligned"
        )
    return positions
