"""The handwritten digits that ship with the package, as a torchvision data set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torchvision.datasets import MNIST

TEST_EVERY = 5
"""Of the 1,797 images in scikit-learn's order, rows 4, 9, 14, ... are the test part."""

ROOT = Path(__file__).parent / "digits"


class Digits(MNIST):  # type: ignore[misc]
    """1,797 digits of 8x8 grey values in 0..255, split for good into 1,438 training and 359 test images."""

    classes: ClassVar[list[str]] = [str(digit) for digit in range(10)]

    def __init__(
        self,
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(ROOT, train=train, transform=transform, target_transform=target_transform)

    @property
    def raw_folder(self) -> str:
        """Where the IDX files lie; the same folder that a plain ``MNIST(root)`` would read."""
        return str(ROOT / "MNIST" / "raw")

    @property
    def sample_ids(self) -> NDArray[np.int64]:
        """(n,) row of each image in scikit-learn's ``load_digits()``; unique over both parts."""
        position = np.arange(len(self), dtype=np.int64)
        if self.train:
            return position + position // (TEST_EVERY - 1)
        return position * TEST_EVERY + TEST_EVERY - 1
