"""Small trainings on real digits, for everything that a recorder is tested with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from timetravel.record.recorder import Recorder


@pytest.fixture(scope="session")
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """300 real digits: (300, 1, 8, 8) float32 in 0..1, and their labels."""
    from timetravel.sampledata import digits as load

    data = load(train=True)
    return data.data[:300, None].float() / 255, data.targets[:300]


@pytest.fixture
def net() -> nn.Sequential:
    """A small network with everything that recording could disturb."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(64, 16),
        nn.ReLU(),
        nn.Linear(16, 10),
    )


def train_epoch(model: nn.Module, optimizer: Any, inputs: torch.Tensor, labels: torch.Tensor) -> float:
    """One shuffled pass; the mean loss."""
    model.train()
    losses = []
    for rows in torch.randperm(len(inputs)).split(64):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs[rows]), labels[rows])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return float(np.mean(losses))


@pytest.fixture
def train() -> Callable[..., float]:
    """One shuffled pass over (model, optimizer, inputs, labels), giving the mean loss."""
    return train_epoch


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Callable[..., Recorder]]:
    """Makes quiet recorders that raise, into tmp_path / "run" unless a path is given; closes them all."""
    made: list[Recorder] = []

    def make(model: nn.Module, samples: Any, path: Path | None = None, **options: Any) -> Recorder:
        settings = {"quiet": True, "on_error": "raise", **options}
        made.append(Recorder(path or tmp_path / "run", model, samples=samples, **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()
