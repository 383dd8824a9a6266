"""The callback for Hugging Face's Trainer, called as the Trainer calls it.

transformers is not among the test dependencies (it is large and its Trainer needs more packages still), so
a stand-in gives the base class; what is tested is what the callback makes of the Trainer's calls.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from timetravel.errors import MissingPart
from timetravel.store.run import open_run

NAME = "timetravel.record.adapters.huggingface"


class Classifier(nn.Module):
    """Takes inputs by name and gives a dict, as the models of transformers do."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(20, 8), nn.Linear(8, 3)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> dict[str, torch.Tensor]:
        words = self.embed(input_ids) * attention_mask[..., None]
        return {"logits": self.head(words.mean(1)), "hidden": words}


@pytest.fixture
def adapter(monkeypatch: pytest.MonkeyPatch) -> Any:
    stand_in = ModuleType("transformers")
    stand_in.TrainerCallback = type("TrainerCallback", (), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "transformers", stand_in)
    monkeypatch.delitem(sys.modules, NAME, raising=False)
    yield importlib.import_module(NAME)
    sys.modules.pop(NAME, None)


def test_every_epoch_is_recorded_with_what_was_logged_last(adapter: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    tokens = torch.randint(0, 20, (30, 5))
    samples = [
        {"input_ids": row, "attention_mask": torch.ones(5), "labels": int(row[0]) % 3} for row in tokens
    ]
    model = Classifier()
    callback = adapter.HuggingFaceCallback(tmp_path / "run", samples=samples, quiet=True, on_error="raise")
    state = SimpleNamespace(is_world_process_zero=True, epoch=0.0, global_step=0, log_history=[])
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    callback.on_train_begin(None, state, None, model=model, optimizer=optimizer)
    for epoch in (1, 2):
        state.epoch, state.global_step = epoch - 1e-9, epoch * 10
        state.log_history.append({"loss": 1.0 / epoch, "eval_loss": 0.5, "epoch": epoch, "step": epoch * 10})
        callback.on_epoch_end(None, state, None, model=model)
    callback.on_train_end(None, state, None)
    with open_run(tmp_path / "run") as run:
        assert run.epochs == [1, 2]
        assert run.record(2).metrics == {"train_loss": 0.5, "val_loss": 0.5}
        assert run.record(2).step == 20
        assert run.representations(1).shape == (30, 8)
        assert run.description.hyperparameters["optimizer"] == "AdamW"


def test_other_processes_record_nothing(adapter: Any, tmp_path: Path) -> None:
    callback = adapter.HuggingFaceCallback(tmp_path / "run", samples=[])
    state = SimpleNamespace(is_world_process_zero=False, epoch=1.0, global_step=1, log_history=[])
    callback.on_train_begin(None, state, None, model=Classifier())
    callback.on_epoch_end(None, state, None)
    callback.on_train_end(None, state, None)
    assert not (tmp_path / "run").exists()


def test_without_transformers_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.delitem(sys.modules, NAME, raising=False)
    with pytest.raises(MissingPart, match="pip install transformers"):
        importlib.import_module(NAME)
