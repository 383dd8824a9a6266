"""A training that is killed, interrupted or ended without a goodbye loses nothing that was committed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from timetravel.record.recorder import Recorder
from timetravel.store.run import open_run

TRAINING = textwrap.dedent(
    """
    import signal
    import sys
    import torch
    from torch import nn
    import timetravel

    # A suite that a script starts in the background hands down an ignored SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    samples = torch.rand(500, 1, 8, 8), torch.randint(0, 10, (500,))
    recorder = timetravel.Recorder(sys.argv[1], model, samples=samples, quiet=True, on_error="raise")
    for epoch in range(int(sys.argv[2])):
        with torch.no_grad():
            model[1].weight.fill_(epoch)
        recorder.record(epoch)
        print(epoch, flush=True)
    """
)


@contextmanager
def started(path: Path, epochs: int) -> Iterator[subprocess.Popen[str]]:
    """The training in a process of its own, which is gone in the end."""
    with subprocess.Popen(
        [sys.executable, "-c", TRAINING, str(path), str(epochs)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as training:
        try:
            yield training
        finally:
            training.kill()


def epochs_told(training: subprocess.Popen[str], count: int) -> list[int]:
    """The first epochs that the training says it has recorded."""
    assert training.stdout is not None
    lines = [training.stdout.readline() for _ in range(count)]
    if not all(lines):
        raise AssertionError(training.communicate()[1])
    return [int(line) for line in lines]


@pytest.mark.parametrize(("after", "delay"), [(2, 0.0), (4, 0.013), (5, 0.031)])
def test_a_kill_loses_nothing_committed_and_the_run_goes_on(after: int, delay: float, tmp_path: Path) -> None:
    with started(tmp_path / "run", 10_000) as training:
        told = epochs_told(training, after + 1)
        time.sleep(delay)
        training.send_signal(signal.SIGKILL)
        rest = training.communicate()[0].split()
    last = int(rest[-1]) if rest else told[-1]
    with open_run(tmp_path / "run") as run:
        kept = run.epochs
        # Commits run at most one epoch behind what `record` has returned for.
        assert kept == list(range(len(kept)))
        assert len(kept) >= last
        for epoch in kept:
            assert run.checkpoint(epoch)["1.weight"][0, 0] == epoch
            assert np.isfinite(run.logits(epoch)).all()
    more = (
        TRAINING.replace("range(int(sys.argv[2]))", f"range({len(kept)}, {len(kept) + 2})")
        + "recorder.close()"
    )
    command = [sys.executable, "-c", more, str(tmp_path / "run")]
    resumed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert resumed.returncode == 0, resumed.stderr
    with open_run(tmp_path / "run") as run:
        assert run.epochs == list(range(len(kept) + 2))


def test_a_program_that_ends_without_closing_keeps_its_last_epoch(tmp_path: Path) -> None:
    with started(tmp_path / "run", 3) as training:
        _, errors = training.communicate()
    assert training.returncode == 0, errors
    with open_run(tmp_path / "run") as run:
        assert run.epochs == [0, 1, 2]


def test_an_interrupt_leaves_whole_epochs(tmp_path: Path) -> None:
    with started(tmp_path / "run", 10_000) as training:
        epochs_told(training, 3)
        training.send_signal(signal.SIGINT)
        rest, errors = training.communicate()
    assert "KeyboardInterrupt" in errors
    last = int(rest.split()[-1]) if rest.split() else 2
    with open_run(tmp_path / "run") as run:
        assert run.epochs == list(range(len(run.epochs)))
        assert run.epochs[-1] >= last


def test_a_forked_child_can_neither_record_nor_close(tmp_path: Path, net, digits) -> None:
    with Recorder(tmp_path / "run", net, samples=digits, quiet=True, on_error="raise") as recorder:
        recorder.record(0)
        recorder._settle()
        child = os.fork()
        if child == 0:
            try:
                recorder.record(1)
            except Exception as error:
                recorder.close()
                os._exit(0 if "another process" in str(error) else 3)
            os._exit(4)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert recorder.record(1)
    with open_run(tmp_path / "run") as run:
        assert run.epochs == [0, 1]
