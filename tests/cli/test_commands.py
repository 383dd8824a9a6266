"""The command line: what each command prints, and one line and exit code 2 for what a user can mend."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from timetravel.cli import main
from timetravel.store.facts import EpochFacts, EpochRecord, Head, RunDescription, Samples
from timetravel.store.writer import FactsWriter

SAMPLES, WIDTH, CLASSES, EPOCHS = 90, 6, 3, 3


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clouds that move apart over three epochs, with a linear head."""
    path = tmp_path_factory.mktemp("cli") / "clouds"
    generator = np.random.default_rng(0)
    labels = (np.arange(SAMPLES) % CLASSES).astype(np.int32)
    samples = Samples(
        ids=np.arange(SAMPLES, dtype=np.int64) * 10,
        labels=labels,
        split=np.array(["train"] * 60 + ["test"] * 30, dtype=object),
        attributes={"source": np.array(["north", "south"] * (SAMPLES // 2), dtype=object)},
    )
    description = RunDescription(name="clouds", classes=("ant", "bee", "cat"), hyperparameters={"lr": 0.1})
    noise = generator.normal(size=(SAMPLES, WIDTH))
    with FactsWriter.open(path, description, samples) as writer:
        for epoch in range(EPOCHS):
            x = (noise + 2 * (epoch + 1) * np.eye(CLASSES, WIDTH)[labels]).astype(np.float32)
            head = Head(weight=np.eye(CLASSES, WIDTH, dtype=np.float32), bias=np.zeros(CLASSES, np.float32))
            writer.commit(
                EpochFacts(
                    record=EpochRecord(epoch=epoch, metrics={"train_loss": 1 / (epoch + 1)}),
                    sample_ids=samples.ids,
                    representations=x,
                    logits=head.logits(x).astype(np.float32),
                    head=head,
                )
            )
    return path


@pytest.fixture(scope="module")
def mapped(recorded: Path) -> Path:
    done = run("project", recorded, "--resolution", "60")
    assert done.exit_code == 0, done.output
    return recorded


def test_help_lists_every_command() -> None:
    shown = run("--help")
    assert shown.exit_code == 0
    for name in ("demo", "import-arrays", "project", "quality", "serve", "info", "sql", "export", "bench"):
        assert name in shown.output


@pytest.mark.parametrize(
    "words",
    [("info",), ("quality",), ("project",), ("sql", "select 1"), ("check",), ("serve",)],
    ids=lambda words: words[0],
)
def test_a_path_without_a_run_is_one_line_and_exit_code_2(words: tuple[str, ...], tmp_path: Path) -> None:
    command, *rest = words
    failed = run(command, tmp_path / "nowhere", *rest)
    assert failed.exit_code == 2
    assert len(failed.output.strip().splitlines()) == 1
    assert "nowhere" in failed.output


def test_info_says_what_a_run_holds(recorded: Path) -> None:
    told = json.loads(run("info", recorded, "--json").output)
    assert told["samples"] == SAMPLES
    assert told["splits"] == {"train": 60, "test": 30}
    assert told["epochs"] == [0, 1, 2]
    assert told["classes"] == ["ant", "bee", "cat"]
    assert told["metrics"]["1"]["train_loss"] == pytest.approx(0.5)
    assert sum(told["bytes"].values()) > 0
    words = run("info", recorded).output
    assert "90 (60 train, 30 test), 3 classes" in words


def test_info_lists_what_is_passed_on_with_a_run(recorded: Path) -> None:
    words = run("info", recorded, "--privacy").output
    assert words.startswith("Whoever gets this run gets:")
    listed = json.loads(run("info", recorded, "--privacy", "--json").output)["recorded"]
    assert all(one["what"] in words for one in listed)
    assert {one["what"]: one["recorded"] for one in listed}["labels"] is True


def test_sql_prints_a_table_csv_or_json(recorded: Path) -> None:
    query = "select epoch, count(*) as n from predictions group by epoch order by epoch"
    assert json.loads(run("sql", recorded, query, "--format", "json").output) == [
        {"epoch": epoch, "n": SAMPLES} for epoch in range(EPOCHS)
    ]
    assert run("sql", recorded, query, "--format", "csv").output == "epoch,n\n0,90\n1,90\n2,90\n"
    assert run("sql", recorded, query).output.splitlines()[0].split() == ["epoch", "n"]


def test_sql_that_cannot_be_answered_is_one_line(recorded: Path) -> None:
    failed = run("sql", recorded, "select * from nothing_of_that_name")
    assert failed.exit_code == 2
    assert "nothing_of_that_name" in failed.output


def test_project_then_quality_then_export(mapped: Path, tmp_path: Path) -> None:
    told = json.loads(run("quality", mapped, "--json").output)
    assert told["method"] == "aligned"
    assert [row["epoch"] for row in told["epochs"]] == [0, 1, 2]
    assert 0 <= told["overall"]["neighbor_preservation"] <= 1
    assert "neighbor_preservation" in run("quality", mapped).output
    exported = run("export", mapped, tmp_path / "arrays")
    assert exported.exit_code == 0, exported.output
    positions = np.load(tmp_path / "arrays" / "positions.npy", allow_pickle=False)
    assert positions.shape == (EPOCHS, SAMPLES, 2)
    assert np.load(tmp_path / "arrays" / "sample_ids.npy", allow_pickle=False).tolist()[:2] == [0, 10]


def test_parquet_tables_are_read_back(mapped: Path, tmp_path: Path) -> None:
    import duckdb

    assert run("export", mapped, tmp_path / "tables", "--parquet").exit_code == 0
    with duckdb.connect() as connection:
        found = connection.execute(
            f"select count(*) from '{tmp_path}/tables/predictions/**/*.parquet'"
        ).fetchone()
    assert found == (SAMPLES * EPOCHS,)


def test_pictures_of_an_epoch_and_of_the_travel(mapped: Path, tmp_path: Path) -> None:
    from PIL import Image

    assert (
        run("render", mapped, "--out", tmp_path / "map.png", "--size", "300", "--epoch", "1").exit_code == 0
    )
    with Image.open(tmp_path / "map.png") as still:
        assert still.width > 300
    assert run("render", mapped, "--out", tmp_path / "map.svg", "--size", "300", "--dark").exit_code == 0
    assert (tmp_path / "map.svg").read_text().count("<circle") >= SAMPLES
    assert run("render", mapped, "--out", tmp_path / "travel.gif", "--size", "200").exit_code == 0
    with Image.open(tmp_path / "travel.gif") as film:
        assert film.n_frames > EPOCHS


def test_a_picture_of_an_unknown_kind_or_epoch_says_what_to_do(mapped: Path, tmp_path: Path) -> None:
    failed = run("render", mapped, "--out", tmp_path / "map.bmp")
    assert failed.exit_code == 2
    assert ".gif" in failed.output
    failed = run("render", mapped, "--out", tmp_path / "map.png", "--epoch", "9")
    assert failed.exit_code == 2
    assert "0, 1, 2" in failed.output


def test_check_finds_no_fault_in_a_good_run_and_names_the_file_of_a_bad_one(
    recorded: Path, tmp_path: Path
) -> None:
    import shutil

    assert run("check", recorded).output.strip() == "no faults"
    copy = tmp_path / "copy"
    shutil.copytree(recorded, copy)
    victim = sorted((copy / "facts" / "vectors").iterdir())[0]
    victim.write_bytes(victim.read_bytes()[:-100])
    found = run("check", copy)
    assert found.exit_code == 1
    assert victim.name in found.output


def test_an_unknown_method_in_a_benchmark_is_named(recorded: Path) -> None:
    failed = run("bench", recorded, "--methods", "aligned,magic")
    assert failed.exit_code == 2
    assert "magic" in failed.output
