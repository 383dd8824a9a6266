"""A trained encoder and decoder as plain arrays, read with numpy: a stored map needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Codec:
    """A trained network with the scaling of its inputs.

    arrays: parameter name -> array; "centre" (D,) and "scale" () are the scaling.
    """

    arrays: Mapping[str, NDArray[np.float32]]

    def encode(self, representations: NDArray[Any]) -> NDArray[np.float32]:
        """(M, D) to (M, 2) positions."""
        x = (np.asarray(representations, np.float32) - self.arrays["centre"]) / self.arrays["scale"]
        return self._run("encoder", x)

    def decode(self, positions: NDArray[Any]) -> NDArray[np.float32]:
        """(M, 2) positions to (M, D)."""
        back = self._run("decoder", np.asarray(positions, np.float32))
        return np.asarray(back * self.arrays["scale"] + self.arrays["centre"], np.float32)

    def _run(self, part: str, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Linear layers with ReLU between."""
        names = sorted(
            (n for n in self.arrays if n.startswith(f"{part}.") and n.endswith(".weight")),
            key=lambda n: int(n.split(".")[1]),
        )
        for place, name in enumerate(names):
            x = x @ self.arrays[name].T + self.arrays[name.replace("weight", "bias")]
            if place + 1 < len(names):
                x = np.maximum(x, 0)
        return np.ascontiguousarray(x, np.float32)
