"""A training with a recorder is, to the last bit, the training without one."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from timetravel.record.recorder import Recorder


class Jittered(Dataset):  # type: ignore[type-arg]
    """Digits with random augmentation from every generator there is, one of them its own."""

    def __init__(self, inputs: torch.Tensor, labels: torch.Tensor) -> None:
        self.inputs, self.labels = inputs, labels
        self.own = np.random.default_rng(7)

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        noise = random.random() + np.random.rand() + torch.rand(()).item() + self.own.random()  # noqa: NPY002
        return self.inputs[row].roll(int(noise * 2), -1) + 0.01 * noise, int(self.labels[row])


class Noisy(nn.Module):
    """Dropout of its own making, with a generator and a counter that move on every call."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        self.noise = torch.Generator().manual_seed(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return x + 0.01 * torch.rand(x.shape, generator=self.noise)


def fit(
    path: Path | None, inputs: torch.Tensor, labels: torch.Tensor, *, breaking: bool = False
) -> dict[str, Any]:
    """Three epochs, recorded at `path` or not; everything that training leaves behind."""
    random.seed(1)
    np.random.seed(2)  # noqa: NPY002
    torch.manual_seed(3)
    data = Jittered(inputs, labels)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout2d(0.3), nn.Flatten(), Noisy(),
        nn.utils.parametrizations.weight_norm(nn.Linear(144, 16)), nn.Dropout(0.3), nn.Linear(16, 10),
    )  # fmt: skip
    model[1].momentum = 0.3
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    loader = DataLoader(data, batch_size=32, shuffle=True)
    seen: list[int] = []
    model[0].register_forward_hook(
        lambda module, args, output: seen.append(len(output)) if module.training else None
    )
    recorder = None
    if path is not None:
        recorder = Recorder(
            path, model, samples=loader, optimizer=optimizer, activations=["0"], batch_size=50
        )
        if breaking:
            model[8].register_forward_hook(_Breaking())
    for epoch in range(3):
        model.train()
        model[3].eval()
        for batch, target in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(batch), target).backward()
            optimizer.step()
        if recorder is not None:
            gradients = [p.grad for p in model.parameters()]
            values = [g.clone() for g in gradients if g is not None]
            if breaking:
                with pytest.warns(match="was not recorded") if epoch == 0 else _nothing():
                    assert not recorder.record(epoch)
            else:
                assert recorder.record(epoch, loss=1.0)
            assert all(p.grad is g for p, g in zip(model.parameters(), gradients, strict=True))
            assert all(
                torch.equal(a, b)
                for a, b in zip((g for g in gradients if g is not None), values, strict=True)
            )
        # A half-finished epoch of a loader must go on where it was.
    if recorder is not None:
        recorder.close()
    return {
        "weights": {name: value.clone() for name, value in model.state_dict().items()},
        "modes": [module.training for module in model.modules()],
        "hooks": [len(module._forward_hooks) for module in list(model.modules())[:-1]],
        "batches": seen,
        "python": random.getstate(),
        "numpy": np.random.get_state()[1].tolist(),  # noqa: NPY002
        "torch": torch.get_rng_state().tolist(),
        "own": data.own.bit_generator.state,
        "model": model[5].noise.get_state().tolist(),
        "optimizer": [state["exp_avg"].sum().item() for state in optimizer.state.values()],
    }


class _Breaking:
    """Raises in the recorder's pass, which is the one without gradients."""

    def __call__(self, module: nn.Module, args: Any, output: torch.Tensor) -> None:
        if not torch.is_grad_enabled():
            raise RuntimeError("a hook of the user broke")


class _nothing:
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


def same(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert a["weights"].keys() == b["weights"].keys()
    for name, value in a["weights"].items():
        assert torch.equal(value, b["weights"][name]), name
    for key in a.keys() - {"weights", "hooks"}:
        assert a[key] == b[key], key


def test_weights_and_random_states_are_bit_identical(
    digits: tuple[torch.Tensor, torch.Tensor], tmp_path: Path
) -> None:
    with_recorder = fit(tmp_path / "run", *digits)
    without = fit(None, *digits)
    same(with_recorder, without)
    assert with_recorder["hooks"] == without["hooks"]


def test_a_recording_that_breaks_in_the_middle_disturbs_nothing_either(
    digits: tuple[torch.Tensor, torch.Tensor], tmp_path: Path
) -> None:
    same(fit(tmp_path / "run", *digits, breaking=True), fit(None, *digits))


def test_recording_in_the_middle_of_an_epoch_leaves_the_loader_where_it_is(
    digits: tuple[torch.Tensor, torch.Tensor], tmp_path: Path
) -> None:
    def order(recorder: Recorder | None, loader: DataLoader[Any]) -> list[int]:
        torch.manual_seed(5)
        found = []
        for number, (_, labels) in enumerate(loader):
            found.extend(labels.tolist())
            if recorder is not None:
                recorder.record(number)
        return found

    inputs, labels = digits
    loader = DataLoader(Jittered(inputs[:60], labels[:60]), batch_size=20, shuffle=True)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    with Recorder(tmp_path / "run", model, samples=loader, quiet=True, on_error="raise") as recorder:
        assert order(recorder, loader) == order(None, loader)


def test_a_graph_that_waits_for_its_backward_pass_is_not_broken(
    digits: tuple[torch.Tensor, torch.Tensor], tmp_path: Path, net: nn.Sequential
) -> None:
    with Recorder(tmp_path / "run", net, samples=digits, quiet=True, on_error="raise") as recorder:
        loss = net(digits[0][:8]).sum()
        recorder.record(0)
        loss.backward()
    assert net[0].weight.grad is not None
