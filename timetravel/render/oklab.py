"""OKLab, the colour space in which equal steps look equal. Source: Björn Ottosson, 2020."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TO_CONE = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def from_hex(colors: list[str] | tuple[str, ...]) -> NDArray[np.float64]:
    """("#rrggbb", ...) to (C, 3) sRGB in [0, 1]."""
    return np.array(
        [[int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)] for color in colors]
    ).reshape(-1, 3)


def to_oklab(srgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3) sRGB in [0, 1] to OKLab."""
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    lab: NDArray[np.float64] = np.cbrt(np.clip(linear, 0, None) @ _TO_CONE.T) @ _TO_LAB.T
    return lab


def to_srgb(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3) OKLab to sRGB, clipped to [0, 1]."""
    linear = np.clip(((lab @ np.linalg.inv(_TO_LAB).T) ** 3) @ np.linalg.inv(_TO_CONE).T, 0, 1)
    srgb: NDArray[np.float64] = np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055
    )
    return srgb


def with_lightness(srgb: NDArray[np.float64], lightness: float, chroma: float) -> NDArray[np.float64]:
    """The same hues at one lightness, with at most `chroma`: what decision regions are tinted with."""
    lab = to_oklab(srgb)
    strength = np.hypot(lab[..., 1], lab[..., 2])
    scale = np.minimum(strength, chroma) / np.maximum(strength, 1e-9)
    return to_srgb(
        np.stack([np.full_like(strength, lightness), lab[..., 1] * scale, lab[..., 2] * scale], -1)
    )
