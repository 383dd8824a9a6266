"""The box that the camera opens with."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from timetravel.server.overview import WIDEST_VIEW, first_view


def stored(*epochs: np.ndarray) -> Any:
    """A map of these positions, as far as the view asks it."""
    return SimpleNamespace(
        epochs=list(range(len(epochs))), positions=lambda epoch: epochs[epoch], extent=(-9.0, 9.0, -9.0, 9.0)
    )


def cloud(reach: float, middle: float = 0.0) -> np.ndarray:
    return np.random.default_rng(0).uniform(-reach, reach, (4000, 2)).astype(np.float32) + np.float32(middle)


def test_it_holds_all_epochs() -> None:
    view, is_cut = first_view(stored(cloud(1), cloud(1, 0.2), cloud(1.2)))
    assert not is_cut
    assert np.allclose(view, [-1.27, 1.27, -1.27, 1.27], atol=0.05)


def test_one_far_sample_does_not_shrink_the_rest() -> None:
    points = cloud(1)
    points[7] = 500
    points[8] = np.nan
    assert first_view(stored(points, points))[0][1] < 1.2


def test_one_wide_epoch_does_not_make_the_others_small() -> None:
    view, is_cut = first_view(stored(cloud(5), cloud(1), cloud(1), cloud(1)))
    assert is_cut
    assert np.allclose(view, np.array([-1, 1, -1, 1]) * WIDEST_VIEW * 1.06, atol=0.05)


def test_without_positions_it_is_the_map_s_extent() -> None:
    assert first_view(stored(np.full((5, 2), np.nan, np.float32))) == ([-9.0, 9.0, -9.0, 9.0], False)
    assert first_view(stored()) == ([-9.0, 9.0, -9.0, 9.0], False)
