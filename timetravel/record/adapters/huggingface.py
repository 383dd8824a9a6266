"""Record a training of Hugging Face's Trainer: one callback more.

    trainer = Trainer(model, arguments, callbacks=[HuggingFaceCallback("runs/mine", samples=dataset)], ...)

`samples` is a data set of dicts of tensors with a "labels" entry, all padded to one length, or a
DataLoader over one. `transformers` is no dependency of this package and not installed where its tests run:
they call the callback as the Trainer does, without the Trainer. `examples/huggingface_trainer.py` shows it
in place.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from timetravel.errors import MissingPart
from timetravel.record.recorder import Recorder

try:
    from transformers import TrainerCallback
except ImportError as error:
    raise MissingPart("transformers is not installed; pip install transformers") from error


class HuggingFaceCallback(TrainerCallback):  # type: ignore[misc]
    """Records at the end of every epoch, with the numbers that the Trainer logged last.

    path, samples and all options are those of `Recorder`; `output` is "logits" unless given. Epochs are
    counted from 1; the Trainer's own `state.epoch` is a fraction, its `global_step` becomes `step`.
    """

    def __init__(self, path: str | Path, *, samples: Any, **options: Any) -> None:
        self._path, self._samples, self._options = path, samples, {"output": "logits", **options}
        self._recorder: Recorder | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            options = {"optimizer": kwargs.get("optimizer"), **self._options}
            self._recorder = Recorder(self._path, kwargs["model"], samples=self._samples, **options)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._recorder is not None:
            logged = state.log_history[-1] if state.log_history else {}
            names = {"loss": "train_loss", "eval_loss": "val_loss", "eval_accuracy": "val_accuracy"}
            numbers: Any = {
                names.get(name, name): value
                for name, value in logged.items()
                if isinstance(value, int | float) and name not in ("epoch", "step")
            }
            self._recorder.record(round(state.epoch), step=state.global_step, **numbers)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._recorder is not None:
            self._recorder.close()
            self._recorder = None
