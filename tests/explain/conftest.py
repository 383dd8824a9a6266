"""A real run with checkpoints: a small CNN on real digits, three epochs."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from explained_networks import digits_net
from torch.utils.data import ConcatDataset
from torchvision.transforms import ToTensor

from timetravel import Recorder
from timetravel.sampledata import digits


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three epochs of `digits_net`; the run names a factory that must never be run for being named."""
    path = tmp_path_factory.mktemp("explain") / "run"
    torch.manual_seed(0)
    model = digits_net()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    train, test = digits(True, ToTensor()), digits(False, ToTensor())
    inputs, labels = train.data[:, None].float() / 255, train.targets
    recorder = Recorder(
        path,
        model,
        samples=ConcatDataset([train, test]),
        optimizer=optimizer,
        activations=["0"],
        factory="explained_networks:must_not_run",
        factory_arguments={"width": 16},
        quiet=True,
        on_error="raise",
    )
    with recorder:
        for epoch in (1, 2, 3):
            for rows in torch.randperm(len(labels)).split(64):
                optimizer.zero_grad()
                F.cross_entropy(model(inputs[rows]), labels[rows]).backward()
                optimizer.step()
            recorder.record(epoch)
    return path
