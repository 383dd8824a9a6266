"""What a recorder says that it costs is what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torchvision.transforms import ToTensor

from timetravel.record import recorder as recorder_module
from timetravel.record.announcement import Plan, readable
from timetravel.record.recorder import Recorder
from timetravel.sampledata import digits

EPOCHS = 3


@pytest.mark.parametrize(
    "options",
    [{}, {"checkpoints": "none"}, {"activations": ["0", "3"]}],
    ids=["as it is", "no checkpoints", "activations"],
)
def test_the_estimate_is_within_a_fifth_of_the_folder(
    options: dict[str, Any], train: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[Plan] = []
    monkeypatch.setattr(recorder_module, "announce", plans.append)
    data = digits(train=True, transform=ToTensor())
    inputs, labels = data.data[:, None].float() / 255, data.targets
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters())
    with Recorder(
        tmp_path / "run", model, samples=data, optimizer=optimizer, on_error="raise", **options
    ) as recorder:
        for epoch in range(EPOCHS):
            train(model, optimizer, inputs[:400], labels[:400])
            recorder.record(epoch)
    expected = plans[0].bytes_by_fact()
    once = expected.pop("once")
    found = sum(path.stat().st_size for path in (tmp_path / "run").rglob("*") if path.is_file())
    assert once + EPOCHS * sum(expected.values()) == pytest.approx(found, rel=0.2)


def test_sizes_are_readable() -> None:
    assert [readable(size) for size in (0, 873, 12_400, 3_100_000, 2.5e12)] == [
        "0 B", "873 B", "12.4 kB", "3.1 MB", "2500.0 GB",
    ]  # fmt: skip
