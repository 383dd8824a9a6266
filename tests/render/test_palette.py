"""Colours that everybody can tell apart."""

import re
from pathlib import Path

import numpy as np
import pytest

from timetravel.render.palette import DARK, LIGHT, class_palette

FLOOR = 0.08
PAGE = Path(__file__).parents[2] / "server" / "static"

# Machado, Oliveira, Fernandes 2009, severity 1.0, on linear RGB.
VISIONS = {
    "normal": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def linear(colors: tuple[str, ...]) -> np.ndarray:
    srgb = np.array([[int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)] for color in colors])
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def oklab(rgb: np.ndarray) -> np.ndarray:
    to_cone = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    to_lab = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return np.cbrt(np.clip(rgb, 0, 1) @ to_cone.T) @ to_lab.T


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
def test_any_two_class_colours_are_told_apart_by_every_kind_of_vision(
    colors: tuple[str, ...], vision: str
) -> None:
    lab = oklab(linear(colors) @ np.array(VISIONS[vision]).T)
    distance = np.linalg.norm(lab[:, None] - lab[None], axis=2)[np.triu_indices(len(colors), 1)]
    assert distance.min() >= FLOOR


@pytest.mark.parametrize("count", [0, 1, 2, 10, 11, 20, 21, 100, 1000])
def test_every_class_has_a_colour_in_both_themes(count: int) -> None:
    palette = class_palette(count)
    assert len(palette.light) == len(palette.dark) == len(palette.ring) == count
    assert all(len(color) == 7 for color in palette.light + palette.dark)


def test_the_second_ten_classes_share_hues_with_the_first_and_differ_by_shape() -> None:
    palette = class_palette(20)
    assert palette.light[:10] == palette.light[10:]
    assert palette.ring == (False,) * 10 + (True,) * 10


def test_classes_of_one_group_share_a_hue_and_differ_in_lightness() -> None:
    palette = class_palette(100, groups=[index % 5 for index in range(100)])
    assert len({palette.light[index] for index in range(0, 100, 5)}) == 20


def test_a_group_for_each_class_is_asked_for() -> None:
    with pytest.raises(ValueError, match="3 groups for 30 classes"):
        class_palette(30, groups=[0, 1, 2])


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("theme", [":root", ':root[data-theme="dark"]'])
def test_who_is_right_of_two_runs_is_told_apart_by_every_kind_of_vision(theme: str, vision: str) -> None:
    style = (PAGE / "panels" / "panels.css").read_text()
    block = style[style.index(f"{theme} {{") :].partition("}")[0]
    colors = tuple(re.findall(r"--agree-\w+: (#[0-9a-f]{6});", block))
    assert len(colors) == 4
    lab = oklab(linear(colors) @ np.array(VISIONS[vision]).T)
    distance = np.linalg.norm(lab[:, None] - lab[None], axis=2)[np.triu_indices(4, 1)]
    assert distance.min() >= FLOOR
