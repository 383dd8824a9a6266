"""umap-learn as this package calls it: imported late, silent, and on one thread."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.project.figures_neighbors import comfortable_scale


@contextmanager
def quiet_umap() -> Iterator[Any]:
    """The module `umap`, while its warnings about nothing of ours are silent and numba uses one thread.

    One thread, because sums of several threads come in any order, and a seed must give the same map.
    """
    import numba

    before = numba.get_num_threads()
    with warnings.catch_warnings():
        # Said at import: tensorflow, of a variant of UMAP that nothing here uses, is missing.
        warnings.filterwarnings("ignore", message="Tensorflow not installed", category=ImportWarning)
        # Said by AlignedUMAP, which cannot be told n_jobs=1: a seed means one job, and that is meant.
        warnings.filterwarnings("ignore", message="n_jobs value", category=UserWarning)
        # A neighbour graph in several pieces gets a start that is laid out piece by piece.
        warnings.filterwarnings("ignore", message="Graph is not fully connected", category=UserWarning)
        # The eigenvectors of a graph of equal samples do not converge; umap then starts at random.
        warnings.filterwarnings("ignore", message="Spectral initialisation failed", category=UserWarning)
        import umap

        numba.set_num_threads(1)
        try:
            yield umap
        finally:
            numba.set_num_threads(before)


def of_ordinary_size(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """x (n, D), or x times a power of two where its squares would leave float32."""
    scale = comfortable_scale(x)
    return x if scale == 1 else x * scale
