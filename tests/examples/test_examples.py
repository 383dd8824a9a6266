"""The examples run as they stand and say what they promise."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import timetravel
from timetravel.analyze.class_measures import pair_accuracy
from timetravel.analyze.units import characteristic_scores, characteristic_units, rise_positions, same_units

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))


def run_script(name: str, *arguments: str, out: Path) -> str:
    """What the script prints; it runs in its own folder, as the README says."""
    done = subprocess.run(
        [sys.executable, f"{name}.py", "--out", str(out), *arguments],
        cwd=EXAMPLES,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_examples_use_the_public_surface_alone(script: Path) -> None:
    public = {"timetravel", "timetravel.sampledata", "timetravel.record.adapters"}
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [str(node.module)]
        for name in names:
            if name.split(".")[0] == "timetravel":
                assert name in public or name.rpartition(".")[0] in public - {"timetravel"}, (
                    f"{script}: {name}"
                )


def test_every_example_has_a_line_in_the_readme() -> None:
    listed = set(re.findall(r"`(\w+)\.py`", (EXAMPLES / "README.md").read_text(encoding="utf-8")))
    assert listed == {script.stem for script in SCRIPTS}


def test_ten_lines_record_a_run(tmp_path: Path) -> None:
    said = run_script("ten_lines", "--epochs", "2", out=tmp_path / "run")
    assert timetravel.open_run(tmp_path / "run").epochs == [0, 1]
    assert "timetravel serve" in said


def test_label_noise_finds_most_flipped_labels(tmp_path: Path) -> None:
    said = run_script("label_noise", "--epochs", "5", out=tmp_path / "run")
    run = timetravel.open_run(tmp_path / "run")
    assert run.samples.noisy is not None
    assert run.samples.noisy.sum() == 144
    (precision,) = re.findall(r"most suspicious samples (\d+)% are flipped", said)
    assert int(precision) >= 80


def test_active_learning_records_rounds_with_masks_scores_and_picks(tmp_path: Path) -> None:
    said = run_script("active_learning", "--epochs", "2", "--rounds", "2", out=tmp_path / "run")
    assert "round 1:   60 labelled" in said
    run = timetravel.open_run(tmp_path / "run")
    first, last, after = run.labelling(0), run.labelling(1), run.labelling(2)
    assert first is not None
    assert last is not None
    assert after is not None
    assert (first.round, last.round, after.round) == (0, 0, 1)
    assert (first.labelled.sum(), first.picked.sum(), last.picked.sum()) == (40, 0, 20)
    assert np.array_equal(after.labelled, last.labelled | last.picked)
    assert last.strategy == "entropy"
    # The picks are the pool's most uncertain samples, best first.
    pool = (run.samples.split == "pool") & ~last.labelled
    assert last.scores["entropy"][last.picked].min() >= last.scores["entropy"][pool & ~last.picked].max()


def test_two_models_agree_and_disagree_on_all_samples(tmp_path: Path) -> None:
    said = run_script("two_models", "--epochs", "2", out=tmp_path / "both")
    rows = [
        [int(cell) for cell in line.split()] for line in said.splitlines() if re.match(r"\s+\d+\s+\d", line)
    ]
    assert [row[0] for row in rows] == [0, 1]
    assert all(sum(row[1:]) == 1797 for row in rows)
    for name in ("convolutional", "dense"):
        run = timetravel.open_run(tmp_path / "both" / name)
        assert np.isfinite(run.positions(1)).all()


def test_five_and_eight_are_answered_with_the_package_s_own_figures(tmp_path: Path) -> None:
    said = run_script("two_digits_5_and_8", "--epochs", "2", out=tmp_path / "run")
    run = timetravel.open_run(tmp_path / "run")
    labels = run.samples.labels
    expected = [pair_accuracy(run.logits(epoch), labels, 5, 8) for epoch in run.epochs]  # type: ignore[arg-type]
    (line,) = re.findall(r"accuracy on 5 against 8: (.*)", said)
    np.testing.assert_allclose([float(value) for value in line.split()], expected, atol=0.0051)
    for label in (5, 8):
        recall = np.array([run.predictions(epoch).correct[labels == label].mean() for epoch in run.epochs])
        rises = rise_positions(recall)
        (told,) = re.findall(rf"^{label} rises at (.*)", said, re.MULTILINE)
        assert [int(epoch) for epoch in re.findall(r"(\d+) \(", told)] == [run.epochs[at] for at in rises]
        units = {
            at: characteristic_units(
                characteristic_scores(run.representations(run.epochs[at]), labels == label)
            )
            for at in rises
        }
        answer = same_units(units, rises, run.records[0].width)
        if len(rises) > 1:
            assert answer.sentence in said
    assert re.search(r"it shares \d+% of them with another 5", said)


def test_a_residual_network_is_recorded_through_its_blocks(tmp_path: Path) -> None:
    run_script("resnet_cifar10", "--epochs", "1", "--images", "60", out=tmp_path / "run")
    run = timetravel.open_run(tmp_path / "run")
    assert run.activation_layers == ["layer1", "layer2", "layer3", "layer4"]
    assert run.records[0].width == 512


def test_the_residual_network_takes_cifar10(shared: Path, tmp_path: Path) -> None:
    root = str(shared / "data" / "cifar10")
    run_script("resnet_cifar10", "--epochs", "1", "--images", "60", "--root", root, out=tmp_path / "run")
    assert "frog" in timetravel.open_run(tmp_path / "run").classes


def test_a_lightning_training_is_recorded_by_its_callback(tmp_path: Path) -> None:
    pytest.importorskip("pytorch_lightning")
    run_script("lightning_callback", "--epochs", "1", out=tmp_path / "run")
    (record,) = timetravel.open_run(tmp_path / "run").records
    assert set(record.metrics) >= {"train_loss", "val_loss"}
