"""Whether a model's uncertainty tells when it is wrong (A7)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.class_measures import area_under_roc

GROUPS = 10


def finds_errors(scores: NDArray[Any], wrong: NDArray[np.bool_]) -> float:
    """AUROC of an uncertainty score (n,) against being wrong (n,); NaN when all or none are wrong."""
    return area_under_roc(scores, wrong)


def error_by_decile(
    scores: NDArray[Any], wrong: NDArray[np.bool_], *, groups: int = GROUPS
) -> NDArray[np.float64]:
    """(groups,) error rate of the samples from the lowest score to the highest, in equal groups.

    Ties keep the given order. NaN for a group without samples (fewer samples than groups).
    """
    known = np.flatnonzero(np.isfinite(np.asarray(scores, np.float64)))
    order = known[np.argsort(np.asarray(scores)[known], kind="stable")]
    parts = np.array_split(order, groups)
    return np.array([wrong[part].mean() if len(part) else np.nan for part in parts], np.float64)
