"""t-SNE, every epoch on its own: the best known keeper of neighbours, which knows nothing of time.

Source: van der Maaten and Hinton 2008; Linderman et al. 2019 (FIt-SNE); by openTSNE (Policar et al. 2024).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import MissingPart
from timetravel.project.baselines.per_epoch import PerEpoch, plane_of
from timetravel.project.contracts import EpochData

GRID_SAMPLES = 1000
"""Below, openTSNE's tree is faster than its grid, which has at least 50 x 50 cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PerEpochTSNE(PerEpoch):
    """openTSNE's TSNE, forces by interpolation on a grid. perplexity: less where there are few samples.

    iterations: half of them before, all of them after exaggeration ends.
    """

    perplexity: float = 30.0
    iterations: int = 500

    name = "tsne"

    def lay_out(self, data: EpochData, seed: int) -> NDArray[Any]:
        try:
            from openTSNE import TSNE
        except ImportError as error:
            raise MissingPart(
                "the method tsne needs openTSNE, which is not installed: pip install 'timetravel-maps[bench]'"
            ) from error
        method = TSNE(
            perplexity=min(self.perplexity, (len(data) - 1) / 3),
            initialization=plane_of(data.representations, seed),
            negative_gradient_method="fft" if len(data) >= GRID_SAMPLES else "bh",
            early_exaggeration_iter=self.iterations // 2,
            n_iter=self.iterations,
            random_state=seed,
            n_jobs=1,
        )
        # openTSNE squares distances in the precision of its input.
        scaled = data.representations / (float(np.abs(data.representations).max(initial=0)) or 1.0)
        return np.asarray(method.fit(scaled))
