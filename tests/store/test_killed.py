"""A writer that dies at any moment loses nothing that was committed and shows nothing that was not."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from timetravel.store.check import check
from timetravel.store.facts import MapDescription, MapEpoch
from timetravel.store.maps import MapWriter
from timetravel.store.run import open_run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="children are forked")

KILLER = '''
"""Runs one piece of work again and again in forked children, each killed one step later than the one before."""
import importlib.util, json, os, shutil, sys
from pathlib import Path

helpers, source, target, work = sys.argv[1:]
spec = importlib.util.spec_from_file_location("helpers", helpers)
module = importlib.util.module_from_spec(spec)
sys.modules["helpers"] = module
spec.loader.exec_module(module)
import timetravel.store.compaction, timetravel.store.maps, timetravel.store.run
from timetravel.store import compaction
import numpy as np
small = module.Small()


def commit(run):
    with small.open(run) as writer:
        writer.commit(small.facts(3, checkpoint={"w": small.head.weight}))
        acknowledge()


def compact(run):
    compaction.MOST_LIVE, compaction.MERGED_AT_ONCE = 3, 4
    compaction.compact(run)
    acknowledge()


def new_map(run):
    from timetravel.store.facts import MapDescription, MapEpoch
    with timetravel.store.run.open_run(run) as opened:
        description = MapDescription(name="main", method="m", parameters={"new": True}, seed=1)
        with timetravel.store.maps.MapWriter.open(opened, description, replace=True) as writer:
            for some in (opened.epochs[:1], opened.epochs[1:]):
                writer.commit([MapEpoch(epoch=e, positions=np.full((30, 2), 7 + e, np.float32)) for e in some])
    acknowledge()


def note(run):
    with timetravel.store.run.open_run(run) as opened:
        opened.save_selection("kept", [101, 102])
    acknowledge()


def acknowledge():
    (Path(target) / f"{number}.done").write_bytes(b"")


def deadly(name, plain):
    def call(*arguments, **keywords):
        global left
        left -= 1
        if left == 0:
            os._exit(9)
        return plain(*arguments, **keywords)
    return call


number = 0
while True:
    number += 1
    run = Path(target) / str(number)
    shutil.copytree(source, run)
    child = os.fork()
    if child == 0:
        left = number
        for name in ("fsync", "rename", "replace", "link", "unlink", "mkdir", "ftruncate", "rmdir"):
            setattr(os, name, deadly(name, getattr(os, name)))
        try:
            globals()[work](run)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(3)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, 9):
        sys.exit(f"step {number} ended with {status}")
    if status == 0:
        break
print(number)
'''

HELPERS = Path(__file__).with_name("conftest.py")


def killed_at_every_step(source: Path, folder: Path, work: str) -> list[tuple[Path, bool]]:
    """(run folder, whether the work was acknowledged) for every step at which the writer was killed."""
    folder.mkdir()
    arguments = [sys.executable, "-c", KILLER, str(HELPERS), str(source), str(folder), work]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    steps = int(done.stdout)
    assert steps > 8
    return [(folder / str(n), (folder / f"{n}.done").exists()) for n in range(1, steps + 1)]


def assert_whole(small, run, epochs) -> None:
    for epoch in epochs:
        np.testing.assert_array_equal(run.representations(epoch), small.representations(epoch))
        expected = small.head.logits(small.representations(epoch)).argmax(axis=1)
        np.testing.assert_array_equal(run.predictions(epoch).predicted, expected)


def test_a_commit_killed_at_every_step(small, run, tmp_path):
    with_three = 0
    for path, acknowledged in killed_at_every_step(run, tmp_path / "killed", "commit"):
        with open_run(path) as opened:
            assert opened.epochs in ([0, 1, 2], [0, 1, 2, 3])
            assert not acknowledged or 3 in opened.epochs
            assert_whole(small, opened, opened.epochs)
            if 3 in opened.epochs:
                with_three += 1
                np.testing.assert_array_equal(opened.checkpoint(3)["w"], small.head.weight)
        faults = check(path)
        assert {fault.kind for fault in faults} <= {"leftover"}, faults
        with small.open(path) as writer:
            writer.commit(small.facts(4))
        with open_run(path) as opened:
            assert opened.epochs[-1] == 4
            assert_whole(small, opened, opened.epochs)
    assert with_three > 1


def test_a_compaction_killed_at_every_step(small, tmp_path):
    source = small.run(tmp_path / "run", range(4))
    for path, _ in killed_at_every_step(source, tmp_path / "killed", "compact"):
        with open_run(path) as opened:
            assert opened.epochs == [0, 1, 2, 3]
            assert opened.damaged == {}
            assert_whole(small, opened, opened.epochs)
        assert {fault.kind for fault in check(path)} <= {"leftover"}


def test_a_map_that_is_replaced_and_killed_at_every_step(run, tmp_path):
    with open_run(run) as opened:
        description = MapDescription(name="main", method="m", parameters={"new": False}, seed=0)
        with MapWriter.open(opened, description) as writer:
            writer.commit(
                [MapEpoch(epoch=e, positions=np.full((30, 2), e, np.float32)) for e in opened.epochs]
            )
    seen = set()
    for path, acknowledged in killed_at_every_step(run, tmp_path / "killed", "new_map"):
        with open_run(path) as opened:
            assert opened.maps == ["main"]
            found = opened.map()
            assert found.epochs == [0, 1, 2]
            is_new = found.description.parameters["new"]
            seen.add(is_new)
            assert is_new or not acknowledged
            for epoch in found.epochs:
                assert (found.positions(epoch) == epoch + 7 * is_new).all()
        assert {fault.kind for fault in check(path)} <= {"leftover"}
    assert seen == {True, False}


def test_a_note_killed_at_every_step(run, tmp_path):
    for path, acknowledged in killed_at_every_step(run, tmp_path / "killed", "note"):
        with open_run(path) as opened:
            names = [selection.name for selection in opened.selections()]
            assert names in ([], ["kept"])
            assert not acknowledged or names == ["kept"]
            opened.save_selection("next", [100])
            assert opened.selection("next").ids.tolist() == [100]


RECORDER = """
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("helpers", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["helpers"] = module
spec.loader.exec_module(module)
small = module.Small()
with small.open(Path(sys.argv[2])) as writer:
    epoch = max(writer.committed_epochs, default=-1) + 1
    print("ready", flush=True)
    while True:
        writer.commit(small.facts(epoch))
        print(epoch, flush=True)
        epoch += 1
"""


def test_a_recorder_killed_at_random_moments_loses_nothing_acknowledged(small, tmp_path):
    run, chance = tmp_path / "run", random.Random(7)
    acknowledged: list[int] = []
    begun = time.monotonic()
    for _ in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", RECORDER, str(HELPERS), str(run)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.0, 0.6))
        child.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in child.stdout.read().split("\n")[:-1] if line]
        child.wait()
        child.stdout.close()
        with open_run(run) as opened:
            assert opened.damaged == {}
            assert set(acknowledged) <= set(opened.epochs)
            assert opened.epochs == list(range(len(opened.epochs)))
            assert_whole(small, opened, opened.epochs)
            acknowledged = list(opened.epochs)
        assert {fault.kind for fault in check(run)} <= {"leftover"}
        if time.monotonic() - begun > 10 and acknowledged:
            break
    assert acknowledged
    shutil.rmtree(run)
