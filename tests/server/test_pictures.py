"""Thumbnails of one size and many shapes."""

import io

import numpy as np
from PIL import Image

from timetravel.server.pictures import PER_LINE, png, sheet


def read(body: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(body)))


def test_an_image_keeps_its_size_and_pixels() -> None:
    pixels = np.arange(8 * 5 * 3, dtype=np.uint8).reshape(8, 5, 3)
    assert np.array_equal(read(png(pixels)), pixels)


def test_a_sheet_has_sixteen_cells_a_line_and_shows_every_image_in_its_own() -> None:
    images = [np.full((4, 4), shade, np.uint8) for shade in range(10, 30)]
    paper = read(sheet(images, 8))
    assert paper.shape == (16, PER_LINE * 8, 2)
    assert paper[4, 3 * 8 + 4].tolist() == [13, 255]
    assert paper[12, 1 * 8 + 4].tolist() == [27, 255]


def test_a_missing_image_is_transparent_and_a_wide_one_keeps_its_shape() -> None:
    wide = np.full((2, 8, 3), 200, np.uint8)
    paper = read(sheet([None, wide], 8))
    assert paper[:, :8, 3].max() == 0
    assert (paper[:, 8:16, 3] > 0).sum() == 2 * 8


def test_no_images_make_an_empty_sheet() -> None:
    assert read(sheet([], 8)).shape == (8, PER_LINE * 8, 2)
