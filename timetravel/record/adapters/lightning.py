"""Record a Lightning training: one callback more in the Trainer.

    trainer = Trainer(callbacks=[LightningCallback("runs/mine", samples=dataset)])

Works with `pytorch_lightning` and with `lightning`, whichever the program has loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import nn

from timetravel.errors import MissingPart
from timetravel.record.recorder import Recorder


def _callback_class() -> Any:
    """`Callback` of the Lightning that the program uses; of the one installed when none is loaded yet."""
    names = ("pytorch_lightning", "lightning.pytorch")
    for name in sorted(names, key=lambda name: name not in sys.modules):
        try:
            return import_module(name).Callback
        except ImportError:
            continue
    raise MissingPart("Lightning is not installed; pip install pytorch-lightning")


class LightningCallback(_callback_class()):  # type: ignore[misc]
    """Records at the end of every training epoch, after its validation, with the metrics logged so far.

    path, samples and all options are those of `Recorder`. `model`: picks the network out of the
    LightningModule, such as `lambda module: module.net`; default: the module itself, whose `forward` must
    give the logits. The optimizers are the trainer's.

    Lightning runs callbacks before the module's own hook of the same name, so a metric that is logged in
    the module's `on_train_epoch_end` is not there yet; log it in `training_step` or in validation.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        samples: Any,
        model: Callable[[Any], nn.Module] = lambda module: module,
        **options: Any,
    ) -> None:
        super().__init__()
        self._make = lambda module, optimizers: Recorder(
            path, model(module), samples=samples, **{"optimizer": optimizers, **options}
        )
        self.recorder: Recorder | None = None

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        if trainer.is_global_zero:
            self.recorder = self._make(pl_module, list(trainer.optimizers))

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        if self.recorder is not None and not trainer.sanity_checking:
            metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
            reserved = {"epoch", "step", "labelled", "picks", "scores", "round", "strategy"}
            named: Any = {f"{name}_" if name in reserved else name: value for name, value in metrics.items()}
            self.recorder.record(trainer.current_epoch, step=trainer.global_step, **named)

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        self._close()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        self._close()

    def _close(self) -> None:
        if self.recorder is not None:
            self.recorder.close()
            self.recorder = None
