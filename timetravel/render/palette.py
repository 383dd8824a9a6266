"""One colour a class, the same in every epoch, view, run and picture.

The ten colours were searched for: the smallest distance between any two of them in OKLab, over normal,
protan, deutan and tritan vision (Machado et al. 2009, full severity), is .087 on light and on dark ground,
above every published set of ten that we measured (.007 to .076). A test recomputes the distances.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass

LIGHT = (
    "#2e6fd3",
    "#dd7a1b",
    "#47aa6d",
    "#c84145",
    "#9d7cfb",
    "#783e1e",
    "#bd6faf",
    "#c8b73d",
    "#64c3cf",
    "#384960",
)
DARK = (
    "#3d7bde",
    "#db830a",
    "#ade856",
    "#c5404d",
    "#a98ff1",
    "#af8774",
    "#ee9abc",
    "#b7be5d",
    "#60ebef",
    "#637189",
)

HUES = len(LIGHT)
RINGED = 2 * HUES
"""Up to here classes differ by hue and by disc or ring; beyond, by group and lightness."""


@dataclass(frozen=True, slots=True)
class ClassPalette:
    """Colours of C classes: `light` and `dark` as "#rrggbb"; `ring` where a class is drawn as a ring."""

    light: tuple[str, ...]
    dark: tuple[str, ...]
    ring: tuple[bool, ...]


def class_palette(count: int, groups: Sequence[int] | None = None) -> ClassPalette:
    """Colours of `count` classes.

    groups: for more than 20 classes, the group of each class (any integers); by default ten runs of
    neighbouring classes. Hue tells the group, lightness the class inside it: nobody tells a thousand
    colours apart, so the page never asks for it.
    """
    if count == 2:  # the strongest pair for every kind of vision: blue and orange
        return ClassPalette(LIGHT[:2], DARK[:2], (False, False))
    if count <= RINGED:
        order = [index % HUES for index in range(count)]
        return ClassPalette(
            tuple(LIGHT[index] for index in order),
            tuple(DARK[index] for index in order),
            tuple(index >= HUES for index in range(count)),
        )
    if groups is None:
        groups = [index * HUES // count for index in range(count)]
    if len(groups) != count:
        raise ValueError(f"{len(groups)} groups for {count} classes; one a class is expected")
    names = sorted(set(groups))
    members = {name: [index for index in range(count) if groups[index] == name] for name in names}
    place = [
        members[groups[index]].index(index) / max(1, len(members[groups[index]]) - 1)
        for index in range(count)
    ]
    hue = [names.index(groups[index]) % HUES for index in range(count)]
    return ClassPalette(
        tuple(_shade(LIGHT[hue[index]], place[index]) for index in range(count)),
        tuple(_shade(DARK[hue[index]], place[index]) for index in range(count)),
        (False,) * count,
    )


def _shade(color: str, place: float) -> str:
    """The same hue, from darker (place 0) to lighter (place 1)."""
    red, green, blue = (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    lightness = min(0.85, max(0.2, lightness + 0.32 * (place - 0.5)))
    return "#" + "".join(
        f"{round(255 * part):02x}" for part in colorsys.hls_to_rgb(hue, lightness, saturation)
    )
