"""Odd runs from arrays to the page: each gets a finite map, figures, an export and answers, or a clear error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import Running
from numpy.typing import NDArray

from timetravel.errors import BadInput
from timetravel.project.export import export_arrays
from timetravel.project.pipeline import project
from timetravel.record.arrays import import_arrays
from timetravel.run import open_run

Arrays = dict[str, NDArray[Any]]


def run_arrays(
    *, count: int = 60, width: int = 6, classes: int = 3, epochs: int = 3, seed: int = 0
) -> tuple[Arrays, dict[str, Any]]:
    """Blobs that drift apart, one a class, with the head that tells them apart."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    centres = random.normal(size=(classes, width))
    noise = random.normal(size=(count, width)) * 0.5
    x = np.stack([centres[labels] * (epoch + 1) + noise for epoch in range(epochs)]).astype(np.float32)
    weight = np.repeat(centres[None], epochs, 0).astype(np.float32)
    bias = np.zeros((epochs, classes), np.float32)
    bias -= (centres**2).sum(1) * (np.arange(epochs)[:, None] + 1) / 2
    arrays = {
        "representations": x,
        "head_weight": weight,
        "head_bias": bias.astype(np.float32),
        "labels": labels.astype(np.int64),
    }
    about = {
        "name": "odd",
        "classes": [str(c) for c in range(classes)],
        "epochs": list(range(1, epochs + 1)),
    }
    return arrays, about


def write(folder: Path, arrays: Arrays, about: dict[str, Any]) -> Path:
    folder.mkdir(parents=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    (folder / "run.json").write_text(json.dumps(about))
    return folder


def one_class() -> Any:
    arrays, about = run_arrays(classes=1)
    return arrays, about


def one_predicted_class() -> Any:
    arrays, about = run_arrays()
    arrays["head_weight"][:] = 0
    arrays["head_bias"][:] = [5, 0, 0]
    return arrays, about


def thousand_classes() -> Any:
    return run_arrays(count=1500, classes=1000, width=32)


def gaps_between_epochs() -> Any:
    arrays, about = run_arrays()
    about["epochs"] = [0, 7, 40]
    return arrays, about


def negative_and_backward_epochs() -> Any:
    arrays, about = run_arrays()
    about["epochs"] = [5, 3, 9]
    return arrays, about


def same_epoch_twice_in_content() -> Any:
    arrays, about = run_arrays()
    for name in ("representations", "head_weight", "head_bias"):
        arrays[name][1] = arrays[name][0]
    return arrays, about


def collapsed() -> Any:
    arrays, about = run_arrays()
    arrays["representations"][1] = 1
    return arrays, about


def some_not_finite() -> Any:
    arrays, about = run_arrays()
    arrays["representations"][1, :5] = np.nan
    arrays["representations"][2, 7] = np.inf
    return arrays, about


def mostly_not_finite() -> Any:
    arrays, about = run_arrays()
    arrays["representations"][1, :40] = np.nan
    return arrays, about


def unlabelled() -> Any:
    arrays, about = run_arrays()
    arrays["labels"][:] = -1
    return arrays, about


def without_labels() -> Any:
    arrays, about = run_arrays()
    del arrays["labels"]
    return arrays, about


def without_a_head() -> Any:
    arrays, about = run_arrays()
    del arrays["head_weight"], arrays["head_bias"]
    return arrays, about


def logits_alone() -> Any:
    arrays, about = run_arrays()
    arrays["logits"] = (
        np.einsum("end,ecd->enc", arrays["representations"], arrays.pop("head_weight"))
        + arrays.pop("head_bias")[:, None]
    ).astype(np.float32)
    return arrays, about


def scaled_by(factor: float) -> Callable[[], Any]:
    def make() -> Any:
        arrays, about = run_arrays()
        arrays["representations"] = (arrays["representations"] * factor).astype(np.float32)
        arrays["head_weight"] = (arrays["head_weight"] / factor).astype(np.float32)
        return arrays, about

    return make


def duplicates() -> Any:
    arrays, about = run_arrays()
    arrays["representations"][:, 20:] = arrays["representations"][:, 20:21]
    return arrays, about


def strange_names() -> Any:
    arrays, about = run_arrays()
    about["classes"] = [
        '<script>alert("x")</script>',
        "a\nb 'c'",
        "\u202eright to left \U0001f600 " + "x" * 300,
    ]
    about["name"] = '<img src=x onerror="alert(1)">'
    return arrays, about


ODD: dict[str, Callable[[], Any]] = {
    "one class": one_class,
    "one predicted class": one_predicted_class,
    "two classes": lambda: run_arrays(classes=2),
    "1,000 classes": thousand_classes,
    "one sample": lambda: run_arrays(count=1, classes=1),
    "two samples": lambda: run_arrays(count=2, classes=2),
    "five samples": lambda: run_arrays(count=5, classes=2),
    "one epoch": lambda: run_arrays(epochs=1),
    "gaps between epochs": gaps_between_epochs,
    "epochs out of order": negative_and_backward_epochs,
    "equal epochs": same_epoch_twice_in_content,
    "collapsed": collapsed,
    "some rows not finite": some_not_finite,
    "most rows not finite": mostly_not_finite,
    "unlabelled": unlabelled,
    "no labels": without_labels,
    "no head": without_a_head,
    "logits alone": logits_alone,
    "huge": scaled_by(1e30),
    "tiny": scaled_by(1e-30),
    "duplicates": duplicates,
    "1 wide": lambda: run_arrays(width=1, classes=2),
    "2 wide": lambda: run_arrays(width=2, classes=2),
    "5,000 wide": lambda: run_arrays(width=5_000),
    "strange names": strange_names,
}


@pytest.mark.parametrize("case", list(ODD))
@pytest.mark.filterwarnings("default::timetravel.errors.TimetravelWarning")
def test_an_odd_run_goes_all_the_way(case: str, tmp_path: Path, serving: Callable[..., Running]) -> None:
    arrays, about = ODD[case]()
    path = import_arrays(write(tmp_path / "arrays", arrays, about), tmp_path / "run")
    with open_run(path) as run:
        if "not finite" in case:
            with pytest.raises(BadInput, match=r"epoch 2: found NaN or infinity .* pass --skip-bad"):
                project(run)
        stored = project(run, skip_bad="not finite" in case)
        assert run.epochs == about["epochs"]
        for epoch in stored.epochs:
            positions = run.positions(epoch)
            present = np.isfinite(arrays["representations"][about["epochs"].index(epoch)]).all(1)
            assert np.isfinite(positions[present]).all()
            assert np.isnan(positions[~present]).all()
        if stored.epochs:
            written = {file.name for file in export_arrays(run, None, tmp_path / "out")}
            assert {"positions.npy", "representations.npy", "inverse.npy", "epochs.npy"} <= written
        run.interesting_epochs()
        run.select("pred:0" if "head_weight" in arrays else "id:0", epoch=about["epochs"][0])
    served = serving([path], live=False)
    for epoch in about["epochs"]:
        for address in addresses(epoch, run=path.name, map_name="aligned"):
            answer = served.fetch(address)
            assert answer.code < 500, (address, answer.body)
        rows = list(range(min(4, arrays["representations"].shape[1])))
        for address in (f"data/{path.name}/set/{epoch}.json", f"data/{path.name}/table"):
            answer = served.fetch(address, "POST", {"rows": rows, "epoch": epoch, "map": "aligned"})
            assert answer.code < 500, (address, answer.body)
    described = served.json(f"data/{path.name}/run.json")
    assert list(described["epochs"]) == about["epochs"]


def addresses(epoch: int, *, run: str, map_name: str) -> list[str]:
    """Everything that the page asks for at one epoch."""
    base = f"data/{run}"
    return [
        f"{base}/run.json",
        f"{base}/findings.json",
        f"{base}/positions/{map_name}/{epoch}.u16",
        f"{base}/regions/{map_name}/{epoch}.bin",
        f"{base}/boundary/{map_name}/{epoch}.json",
        f"{base}/confusion/{epoch}.json",
        f"{base}/changed/{epoch}.json",
        f"{base}/labelling/{epoch}.json",
        f"{base}/neurons/{epoch}.json?row=0",
        f"{base}/neighbors/{map_name}/{epoch}.json?row=0",
        f"{base}/sample/0.json?epoch={epoch}",
        f"{base}/image/0.png",
        f"{base}/selections.json",
        f"{base}/complete.json?text=pre",
        *(f"{base}/column/{name}/{epoch}.bin" for name in ("predicted", "confidence", "loss", "correct")),
        f"{base}/column/label/-.bin",
        f"{base}/categories/label.json",
    ]
