"""The callback for Lightning, in the real Lightning."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

pl = pytest.importorskip("pytorch_lightning", reason="pytorch-lightning comes with the test extra")

from timetravel.record.adapters.lightning import LightningCallback  # noqa: E402
from timetravel.store.run import open_run  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:(pytorch_lightning|lightning_fabric).*"),
    pytest.mark.filterwarnings("ignore:.*(num_workers|log_every_n_steps|srun|litlogger|tensorboardX).*"),
]


class Module(pl.LightningModule):  # type: ignore[misc,name-defined]
    def __init__(self, fail_at: int | None = None) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 10)
        )
        self.fail_at = fail_at

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)

    def training_step(self, batch: Any, number: int) -> torch.Tensor:
        if self.fail_at == self.current_epoch:
            raise RuntimeError("out of luck")
        loss = nn.functional.cross_entropy(self(batch[0]), batch[1])
        self.log("train_loss", loss, on_epoch=True, on_step=False)
        return loss

    def validation_step(self, batch: Any, number: int) -> None:
        self.log("val_loss", nn.functional.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.05, momentum=0.9)


def fit(digits: Any, callbacks: list[Any], tmp_path: Path, **options: Any) -> Module:
    pl.seed_everything(3, verbose=False)
    module = Module(**options)
    data = TensorDataset(*digits)
    trainer = pl.Trainer(
        max_epochs=3, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=callbacks, default_root_dir=str(tmp_path), num_sanity_val_steps=1,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's own advice on workers and intervals
        trainer.fit(module, DataLoader(data, 64, shuffle=True), DataLoader(data, 64))
    return module


@pytest.mark.parametrize("whole", [True, False])
def test_every_epoch_is_recorded_with_its_metrics(whole: bool, digits: Any, tmp_path: Path) -> None:
    options = {} if whole else {"model": lambda module: module.net}
    callback = LightningCallback(tmp_path / "run", samples=digits, quiet=True, on_error="raise", **options)
    module = fit(digits, [callback], tmp_path)
    assert callback.recorder is None, "the recorder is closed when the training ends"
    with open_run(tmp_path / "run") as run:
        assert run.epochs == [0, 1, 2]
        assert [record.step for record in run.records] == [5, 10, 15]
        assert all({"train_loss", "val_loss"} <= record.metrics.keys() for record in run.records)
        assert run.record(1).learning_rates == (0.05,)
        assert run.description.hyperparameters["optimizer"] == "SGD"
        module.eval()
        with torch.no_grad():
            np.testing.assert_allclose(run.logits(2), module(digits[0]), atol=1e-4)


def test_the_training_is_the_same_with_and_without_the_callback(digits: Any, tmp_path: Path) -> None:
    recorded = fit(digits, [LightningCallback(tmp_path / "run", samples=digits, quiet=True)], tmp_path)
    alone = fit(digits, [], tmp_path)
    for name, value in alone.state_dict().items():
        assert torch.equal(value, recorded.state_dict()[name]), name


def test_an_exception_in_the_training_closes_the_run(digits: Any, tmp_path: Path) -> None:
    callback = LightningCallback(tmp_path / "run", samples=digits, quiet=True)
    with pytest.raises(RuntimeError, match="out of luck"):
        fit(digits, [callback], tmp_path, fail_at=1)
    assert callback.recorder is None
    with open_run(tmp_path / "run") as run:
        assert run.epochs == [0]
