"""Two maps compared, one map against a region, one scale for many maps."""

import numpy as np
import pytest
from explained_networks import TINY_INPUT, tinynet
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr

from timetravel.explain.attribution import attribute_inputs
from timetravel.explain.similarity import color_limit, rank_correlation, region_preference, top_overlap

MAPS = arrays(np.float32, (4, 5), elements=st.floats(-3, 3, width=32))


@given(MAPS, MAPS)
def test_rank_correlation_is_spearman_s_of_the_sizes(one: np.ndarray, other: np.ndarray) -> None:
    found = rank_correlation(one, other)
    a, b = np.abs(one).ravel(), np.abs(other).ravel()
    if len(np.unique(a)) == 1 or len(np.unique(b)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(spearmanr(a, b).statistic, abs=1e-9)
        assert found == pytest.approx(rank_correlation(-other, one), abs=1e-12)


@given(MAPS)
def test_a_map_is_like_itself(values: np.ndarray) -> None:
    assert top_overlap(values, values) in (None, 1.0)
    assert rank_correlation(values, values) in (None, pytest.approx(1.0))
    assert not np.any(values - values)


def test_the_top_tenth_is_compared_and_ties_go_to_the_first_pixel() -> None:
    one, other = np.zeros(20), np.zeros(20)
    one[[3, 7]] = [5, -6]
    other[[7, 9]] = 1
    assert top_overlap(one, other) == 0.5
    assert top_overlap(np.ones(20), np.ones(20) + (np.arange(20) < 2)) == 1.0
    assert top_overlap(np.zeros(20), one) is None
    assert top_overlap(np.full(20, np.nan), one) is None


def test_random_maps_overlap_by_chance() -> None:
    draw = np.random.default_rng(0)
    found = [top_overlap(draw.random(400), draw.random(400)) for _ in range(200)]
    assert np.mean(found) == pytest.approx(0.1, abs=0.01)


def test_maps_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="expected equal shapes"):
        rank_correlation(np.zeros((2, 2)), np.zeros(4))


def test_equal_attribution_everywhere_prefers_no_region() -> None:
    region = np.zeros((4, 4), bool)
    region[1:3, :2] = True
    assert region_preference(np.ones((4, 4)), region) == pytest.approx((0.25, 0.25, 1.0))


def test_tinynet_looks_at_its_upper_row() -> None:
    values = attribute_inputs(tinynet(), TINY_INPUT, method="input_x_gradient", targets=0)
    top = np.array([[True, True], [False, False]])
    assert region_preference(values, top) == pytest.approx((1.0, 0.5, 2.0))
    assert region_preference(np.zeros((2, 2)), top) is None
    assert region_preference(np.ones((2, 2)), ~np.ones((2, 2), bool)) is None
    with pytest.raises(ValueError, match="region is"):
        region_preference(np.ones((3, 2)), top)


def test_the_colour_limit_is_a_percentile_that_never_divides_by_zero() -> None:
    values = np.linspace(-1, 1, 1001)
    assert color_limit(values) == pytest.approx(0.98, abs=1e-3)
    spike = np.zeros(1000)
    spike[3] = -7
    assert color_limit(spike) == 7
    assert color_limit(np.zeros(10)) == 0
    assert color_limit(np.array([np.nan, 2.0])) == 2
    assert color_limit(np.array([])) == 0
