"""The examples run as they stand and say what they promise."""

import ast
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

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


def row_of(said: str, name: str) -> list[float]:
    """The numbers in the line of a table that starts with a name; per cents as shares."""
    (cells,) = re.findall(rf"^\s*{name}\s+(.*)$", said, re.MULTILINE)
    return [float(cell.rstrip("%")) / (100 if cell.endswith("%") else 1) for cell in cells.split()]


def pairs_in_order(scores: np.ndarray, positive: np.ndarray) -> float:
    """AUROC by comparing every positive sample with every other."""
    gap = scores[positive][:, None] - scores[~positive][None, :]
    return float((gap > 0).mean() + (gap == 0).mean() / 2)


def blocks_of(text: str) -> list[str]:
    """The blocks of Python in a page."""
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.fixture(scope="module")
def learning(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What active_learning.py said in two rounds of two epochs, and its run."""
    out = tmp_path_factory.mktemp("learning") / "run"
    return run_script("active_learning", "--epochs", "2", "--rounds", "2", out=out), out


@pytest.fixture(scope="module")
def two_models(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What two_models.py said in two epochs, and the folder of its runs."""
    out = tmp_path_factory.mktemp("models") / "both"
    return run_script("two_models", "--epochs", "2", out=out), out


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_examples_use_the_public_surface_alone(script: Path) -> None:
    public = {"timetravel", "timetravel.sampledata", "timetravel.record.adapters", "timetravel.analyze"}
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
    noisy, labels = run.samples.noisy, run.samples.labels
    each = [run.predictions(epoch) for epoch in run.epochs]
    plain = {
        "mean_loss": np.mean([now.loss.astype(float) for now in each], axis=0),
        "share_wrong": np.mean([~now.correct for now in each], axis=0),
    }
    for name, scores in plain.items():
        auroc, found = row_of(said, name)
        assert auroc == pytest.approx(pairs_in_order(scores, noisy), abs=0.00051)
        # Of equal scores any may be among the suspects.
        line = np.sort(scores)[-144]
        sure = noisy[scores > line].sum() / 144
        assert sure - 0.0051 <= found <= sure + noisy[scores == line].sum() / 144 + 0.0051
    assert row_of(said, "combined")[1] == int(precision) / 100
    over_time = row_of(said, "aum, epochs so far:")
    assert len(over_time) == len(run.epochs)
    assert over_time[-1] == row_of(said, "aum")[1] > over_time[0]
    fitted = [
        (now.predicted == labels)[noisy].sum() > (now.predicted == run.samples.true_labels)[noisy].sum()
        for now in each
    ]
    assert ("To the end flipped samples are not predicted" in said) == (not fitted[-1])


def test_active_learning_records_rounds_with_masks_scores_and_picks(learning: tuple[str, Path]) -> None:
    said, path = learning
    assert "round 1:   60 labelled" in said
    run = timetravel.open_run(path)
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


def test_active_learning_says_what_other_strategies_would_have_picked(learning: tuple[str, Path]) -> None:
    said, path = learning
    run = timetravel.open_run(path)
    labelling = run.labelling(3)
    assert labelling is not None
    pool = np.flatnonzero((run.samples.split == "pool") & ~labelling.labelled)
    assert f"The last 20 picks came from {len(pool)} samples" in said
    logits = np.asarray(run.logits(3), float)[pool]
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    best = np.sort(p, axis=1)
    for name, scores in {"margin": best[:, -2] - best[:, -1], "least_confidence": -best[:, -1]}.items():
        assert row_of(said, name) == [labelling.picked[pool[np.argsort(-scores)[:20]]].sum()]
    assert row_of(said, "entropy")[0] >= 19  # its own picks, but for what float16 does to the last place
    assert len(re.findall(r"^\w+ +\d+$", said, re.MULTILINE)) == 8


def test_active_learning_says_whether_its_scores_find_errors(learning: tuple[str, Path]) -> None:
    said, path = learning
    run = timetravel.open_run(path)
    labelling = run.labelling(3)
    assert labelling is not None
    pool = (run.samples.split == "pool") & ~labelling.labelled
    scores, wrong = labelling.scores["entropy"][pool], ~run.predictions(3).correct[pool]
    ((share, auroc),) = re.findall(
        r"In the pool ([\d.]+)% are wrong; entropy finds them with AUROC ([\d.]+)\.", said
    )
    assert float(share) == pytest.approx(100 * wrong.mean(), abs=0.051)
    assert float(auroc) == pytest.approx(pairs_in_order(scores, wrong), abs=0.00051)
    tenths = row_of(said, "Wrong by tenths of the pool, lowest score first:")
    expected = [part.mean() for part in np.array_split(wrong[np.argsort(scores, kind="stable")], 10)]
    np.testing.assert_allclose(tenths, expected, atol=0.0051)


def test_two_models_agree_and_disagree_on_all_samples(two_models: tuple[str, Path]) -> None:
    said, folder = two_models
    rows = [
        [int(cell) for cell in line.split()] for line in said.splitlines() if re.match(r"\s+\d+\s+\d", line)
    ]
    assert [row[0] for row in rows] == [0, 1]
    assert all(sum(row[1:]) == 1797 for row in rows)
    for name in ("convolutional", "dense"):
        run = timetravel.open_run(folder / name)
        assert np.isfinite(run.positions(1)).all()
        unseen, now = run.samples.split == "test", run.predictions(1)
        sure, right = now.p_predicted[unseen].astype(float), now.correct[unseen]
        error = 0.0
        for low in np.arange(10) / 10:
            among = (sure > low) & (sure <= low + 0.1)
            error += abs(sure[among].sum() - right[among].sum()) / len(sure)
        (told,) = re.findall(rf"{name} +([\d.]+)% right, ([\d.]+)% sure, calibration error ([\d.]+)", said)
        expected = [right.mean(), sure.mean(), error]
        shares = [float(told[0]) / 100, float(told[1]) / 100, float(told[2])]
        np.testing.assert_allclose(shares, expected, atol=0.00051)


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
            for at in range(len(run.epochs))
            if at in rises or not at or recall[at] - recall[at - 1] < 0.05
        }
        answer = same_units(units, rises, run.records[0].width)
        assert answer.sentence in said
        if len(rises) > 1:
            assert f"two rises {answer.overlap:.2f}, of two other moments {answer.other_overlap:.2f}" in said
        right = np.array([run.predictions(epoch).correct[labels == label] for epoch in run.epochs])
        counted = Counter(" ".join("01"[one] for one in column) for column in right.T.astype(int))
        part = said.split(f"\n{label} rises at")[1].split(" rises at")[0]
        told_patterns = re.findall(rf"right at ([01 ]+): (\d+) of {right.shape[1]}", part)
        assert [int(count) for _, count in told_patterns] == [count for _, count in counted.most_common(3)]
        assert all(counted[pattern] == int(count) for pattern, count in told_patterns)
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


def test_every_line_of_the_questions_page_works(
    learning: tuple[str, Path],
    two_models: tuple[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    section = (ROOT / "docs/questions.md").read_text(encoding="utf-8").split("## The same from Python")[1]
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/a").symlink_to(learning[1])
    (tmp_path / "runs/b").symlink_to(two_models[1] / "dense")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(blocks_of(section)[0], names)
    lines = re.findall(r"^\| .*\? \| (.*) \| `(.*)` \|$", section, re.MULTILINE)
    assert len(lines) == section.count("\n|") - 2
    found = {}
    for functions, line in lines:
        here = dict(names)
        for module, function in re.findall(r"`(\w+)\.(\w+)`", functions):
            exec(f"from timetravel.analyze.{module} import {function}", here)
        found[line] = eval(line, here)
    assert all(np.size(value) for value in found.values())
    rows, run = names["rows"], names["run"]
    assert found["loss_change(then.loss[rows], now.loss[rows]).mean"] == pytest.approx(
        (names["now"].loss[rows].astype(float) - names["then"].loss[rows]).mean()
    )
    assert found["[one.labelled.sum() for one in rounds(run)]"] == [40, 60]
    suggested = found['run.samples.ids[suggest(run, epoch, "k_centre", 20)]']
    assert set(run.samples.split[run.rows(suggested)]) == {"pool"}


def test_the_invariants_are_had_as_the_page_on_maps_says(
    two_models: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    section = (ROOT / "docs/aligned-maps.md").read_text(encoding="utf-8").split("## The invariants")[1]
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/mine").symlink_to(two_models[1] / "convolutional")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(blocks_of(section)[0], names)
    assert capsys.readouterr().out.startswith("1 Share(held=")
    on, off = names["boundary_stays"](names["moments"][1])
    assert on.of + off.of == 1797
    assert off.value > 0.9
    assert names["moving"](*names["moments"]).of > 20
