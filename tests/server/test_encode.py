"""What goes over the wire can be read back, and says where there is nothing."""

import gzip
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from timetravel.server.encode import (
    NOWHERE,
    STEPS,
    codes,
    mask_rows,
    mask_text,
    packed,
    quantise,
    share_bytes,
    to_json,
    to_wire,
)

EXTENT = (-2.0, 6.0, 10.0, 11.0)


@given(arrays.arrays(np.float64, (7, 2), elements=st.floats(0, 1)))
def test_quantised_positions_are_half_a_step_off_at_most(shares: np.ndarray) -> None:
    x0, x1, y0, y1 = EXTENT
    points = np.array([x0, y0]) + shares * np.array([x1 - x0, y1 - y0])
    steps = quantise(points, EXTENT)
    back = np.array([x0, y0]) + steps / STEPS * np.array([x1 - x0, y1 - y0])
    assert np.all(np.abs(back - points) <= np.array([x1 - x0, y1 - y0]) * (0.5 / STEPS + 1e-12))


def test_absent_samples_are_nowhere_and_none_is_at_the_origin() -> None:
    points = np.array([[0.0, 10.5], [np.nan, np.nan], [0.0, np.inf], [99.0, -99.0]])
    steps = quantise(points, EXTENT)
    assert steps.dtype == np.dtype("<u2")
    assert steps[1].tolist() == steps[2].tolist() == [NOWHERE, NOWHERE]
    assert steps[3].tolist() == [STEPS, 0]


def test_a_map_without_extent_does_not_divide_by_zero() -> None:
    assert quantise(np.zeros((1, 2)), (0, 0, 0, 0)).tolist() == [[0, 0]]


def test_values_are_little_endian() -> None:
    assert to_wire(np.array([1], ">i4"), "i32") == b"\x01\x00\x00\x00"
    assert to_wire(np.array([1.5]), "f32") == np.float32(1.5).tobytes()


def test_class_codes_keep_sixteen_bits_and_a_mark_for_none() -> None:
    assert codes(np.array([-1, 0, 300, 65534, 65535])).tolist() == [NOWHERE, 0, 300, 65534, NOWHERE]


def test_shares_fill_a_byte() -> None:
    assert share_bytes(np.array([0, 0.5, 1, 2, -1, np.nan])).tolist() == [0, 128, 255, 255, 0, 0]


@given(st.integers(1, 70), st.data())
def test_masks_give_their_rows_back(count: int, data: st.DataObject) -> None:
    rows = sorted(data.draw(st.sets(st.integers(0, count - 1))))
    assert mask_rows(mask_text(np.array(rows, np.int64), count), count).tolist() == rows


@pytest.mark.parametrize(("text", "why"), [("!", "base64"), ("AAAA", "are expected"), ("gA==", "past")])
def test_a_mask_that_is_none_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        mask_rows(text, 7)


def test_json_has_no_nan_and_no_numpy() -> None:
    value = {
        "a": np.float32("nan"),
        "b": [np.int64(3), float("inf")],
        "c": np.array([[0.1, np.nan]], np.float32),
        4: np.array(["x", None], object),
        "d": np.bool_(True),
    }
    assert json.loads(to_json(value)) == {
        "a": None,
        "b": [3, None],
        "c": [[0.1, None]],
        "4": ["x", None],
        "d": True,
    }


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_float32_survives_json_to_eight_digits(number: float) -> None:
    (back,) = json.loads(to_json(np.array([number], np.float32)))
    assert back == pytest.approx(number, rel=1e-7, abs=1e-44)


def test_packing_is_repeatable() -> None:
    body = bytes(10_000)
    assert packed(body) == packed(body)
    assert gzip.decompress(packed(body)) == body


def test_whole_numbers_that_a_browser_would_round_go_as_text() -> None:
    large = 2**53 + 1
    told = json.loads(to_json({"id": large, "ids": np.array([large, 5, -large]), "row": np.int64(7)}))
    assert told == {"id": str(large), "ids": [str(large), 5, str(-large)], "row": 7}
    assert json.loads(to_json(np.array([2**53 - 1, -(2**53) + 1]))) == [2**53 - 1, -(2**53) + 1]
