"""The space in which neighbours of an unseen sample are sought: representations beside the head's logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.project.contracts import EpochData, Head


@dataclass(frozen=True, slots=True)
class Geometry:
    """Turns representations (M, D) into rows whose distances count what the head looks at more.

    A row is the representation and, beside it, its logits without their mean over classes, scaled so that
    over the fitted samples they spread `emphasis` times as widely as the representations. With emphasis 0
    or without a head a row is the representation itself. Turning, shifting and scaling the representations
    (and the head with them) changes no ratio of distances.
    """

    head: Head | None
    factor: float

    @classmethod
    def of(cls, data: EpochData, emphasis: float) -> Geometry:
        """Fitted to the samples of one epoch."""
        if emphasis <= 0 or data.head is None or len(data) < 2:
            return cls(None, 0.0)
        x = data.representations
        wide = float(np.sqrt(x.var(0, dtype=np.float64).sum()))
        high = float(np.sqrt(decisive(data.head.logits(x)).var(0).sum()))
        if not (np.isfinite(high) and high > 0):
            return cls(None, 0.0)
        return cls(data.head, float(np.sqrt(emphasis)) * wide / high)

    def rows(self, representations: NDArray[Any]) -> NDArray[np.float32]:
        """(M, D) or (M, D + C) float32."""
        x = np.asarray(representations, np.float32)
        if self.head is None:
            return x
        return np.concatenate([x, (decisive(self.head.logits(x)) * self.factor).astype(np.float32)], 1)


def decisive(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Logits without what they have in common, which softmax does not see."""
    z = np.asarray(logits, np.float64)
    centred: NDArray[np.float64] = z - z.mean(1, keepdims=True)
    return centred
