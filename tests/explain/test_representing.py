"""Inputs that were never recorded get the representation that the recorder would have taken."""

from pathlib import Path

import numpy as np
import pytest
import torch
from explained_networks import digits_net

from timetravel import Recorder
from timetravel.errors import BadInput
from timetravel.explain.representing import represent
from timetravel.store.run import open_run

FACTORY = "explained_networks:digits_net"


def test_recorded_inputs_are_represented_as_they_were_recorded(recorded: Path) -> None:
    run = open_run(recorded)
    inputs = run.inputs(run.samples.ids)
    assert inputs is not None
    rows = np.stack([np.asarray(array) for array in inputs.arrays])
    found = represent(run, rows, 2, factory=FACTORY)
    np.testing.assert_allclose(found, run.representations(2), rtol=1e-3, atol=1e-3)


def test_a_layer_whose_output_was_recorded_is_represented_by_its_output(tmp_path: Path) -> None:
    inputs = torch.rand(12, 1, 8, 8)
    with Recorder(
        tmp_path / "run",
        digits_net(),
        samples=(inputs, torch.arange(12) % 10),
        layer="2",
        quiet=True,
        on_error="raise",
    ) as recorder:
        recorder.record(0)
    run = open_run(tmp_path / "run")
    found = represent(run, inputs.numpy(), 0, factory=FACTORY)
    assert found.shape == (12, 64)
    np.testing.assert_allclose(found, run.representations(0), rtol=1e-3, atol=1e-3)


def test_many_inputs_are_worked_on_in_chunks(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, rows = open_run(recorded), np.random.default_rng(0).random((9, 1, 8, 8)).astype(np.float32)
    whole = represent(run, rows, 1, factory=FACTORY)
    monkeypatch.setattr("timetravel.explain.representing.BATCH_VALUES", 128)
    np.testing.assert_allclose(represent(run, rows, 1, factory=FACTORY), whole, atol=1e-6)
    assert represent(run, rows[:0], 1, factory=FACTORY).shape == (0, 16)


def test_inputs_of_another_shape_are_refused_with_theirs(recorded: Path) -> None:
    with pytest.raises(BadInput, match=r"cannot take inputs of shape \(2, 3, 8, 8\)"):
        represent(open_run(recorded), np.zeros((2, 3, 8, 8)), 1, factory=FACTORY)
