"""What SQL over a run answers, and all that it refuses."""

import hashlib

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from timetravel.errors import BadInput
from timetravel.store import sql
from timetravel.store.facts import (
    Activations,
    FilterChanges,
    MapDescription,
    MapEpoch,
    ParameterStatistics,
)
from timetravel.store.maps import MapWriter
from timetravel.store.run import open_run


@pytest.fixture(scope="module")
def rich(small, tmp_path_factory):
    """A run with every kind of fact, and a map."""
    path = tmp_path_factory.mktemp("sql") / "rich"
    with small.open(path) as writer:
        for epoch in range(3):
            figures = {"weight_mean": float(epoch), "update_norm": None}
            cosine = np.array([0.1, 0.9, 0.3], np.float32) * (epoch + 1) / 3
            change = FilterChanges(layer="conv", cosine=cosine, relative=cosine, norm=cosine, gradient=cosine)
            other = FilterChanges(
                layer="fc", cosine=cosine / 2, relative=cosine, norm=cosine, gradient=cosine
            )
            half = np.full((30, 2), epoch + 0.5, np.float16)
            writer.commit(
                small.facts(
                    epoch,
                    statistics=[ParameterStatistics(layer="conv", parameter="weight", figures=figures)],
                    filter_changes=[change, other],
                    activations=[Activations(layer="conv", means=half, maxima=half)],
                )
            )
    with open_run(path) as run:
        description = MapDescription(name="it's mine", method="m", parameters={}, seed=0)
        with MapWriter.open(run, description) as writer:
            positions = [MapEpoch(epoch=e, positions=np.full((30, 2), e, np.float32)) for e in run.epochs]
            writer.commit(positions, {"figure": 0.5})
        yield run


def one(run, query, *parameters, **options):
    return run.sql(query, parameters, **options).column(0).to_pylist()


def test_an_answer_is_an_arrow_table(rich):
    table = rich.sql("SELECT epoch, count(*) AS samples FROM predictions GROUP BY epoch ORDER BY epoch")
    assert isinstance(table, pa.Table)
    assert table.to_pydict() == {"epoch": [0, 1, 2], "samples": [30, 30, 30]}


def test_vectors_and_logits_are_lists_of_floats(rich, small):
    query = "SELECT vector FROM representations WHERE epoch = $1 ORDER BY sample_id"
    found = np.array(one(rich, query, 2), np.float32)
    np.testing.assert_array_equal(found, small.representations(2).astype(np.float32))
    logits = np.array(one(rich, "SELECT logits FROM logits WHERE epoch = 1 ORDER BY sample_id"), np.float32)
    np.testing.assert_array_equal(logits, rich.logits(1))
    means = np.array(one(rich, "SELECT channel_means FROM activations WHERE epoch = 1"))
    assert (means == 1.5).all()


def test_distances_can_be_asked_for(rich, small):
    query = (
        "SELECT count(*) FROM representations WHERE list_distance(vector, $1::FLOAT[]) < 1.5 AND epoch = 0"
    )
    centre = [0.0] * 6
    expected = (np.linalg.norm(small.representations(0).astype(float), axis=1) < 1.5).sum()
    assert one(rich, query, centre) == [expected]


def test_every_table_of_the_schema_is_a_view_even_without_rows(rich):
    session = sql.Session(rich)
    try:
        for name in session.views():
            assert session.query(f'SELECT count(*) FROM "{name}"').num_rows == 1
    finally:
        session.close()


def test_maps_have_their_name_in_a_column(rich):
    query = "SELECT map_id, epoch, max(x) FROM positions GROUP BY ALL ORDER BY epoch"
    assert rich.sql(query).to_pylist()[2] == {"map_id": "it's mine", "epoch": 2, "max(x)": 2.0}
    assert rich.sql("SELECT * FROM quality").to_pylist() == [
        {"map_id": "it's mine", "epoch": None, "figure": "figure", "value": 0.5, "revision": 1}
    ]


def test_the_five_look_ups(rich, small):
    stats = rich.sql("SELECT * FROM layer_stats WHERE layer = 'conv' ORDER BY epoch").to_pylist()
    assert [row["weight_mean"] for row in stats] == [0, 1, 2]
    filters = rich.sql("SELECT * FROM layer_filters WHERE layer = 'fc' AND epoch = 2 ORDER BY filter")
    np.testing.assert_allclose(filters.column("cosine").to_numpy(), [0.05, 0.45, 0.15], rtol=1e-6)
    top = rich.sql("SELECT layer, filter FROM top_filters WHERE epoch = 2 AND rank <= 3 ORDER BY rank")
    assert [tuple(row.values()) for row in top.to_pylist()] == [("conv", 1), ("fc", 1), ("conv", 2)]
    labels = rich.samples.labels
    found = rich.sql(
        "SELECT epoch, class, sum(samples) n, sum(correct) r FROM class_stats GROUP BY ALL ORDER BY ALL"
    )
    expected = [
        (epoch, small.classes[c], 10, int(rich.predictions(epoch).correct[labels == c].sum()))
        for epoch in range(3)
        for c in range(3)
    ]
    assert [tuple(row.values()) for row in found.to_pylist()] == expected
    learned = one(rich, "SELECT sum(learned) FROM class_stats WHERE epoch = 1")[0]
    assert learned == int((rich.predictions(1).correct & ~rich.predictions(0).correct).sum())
    samples = rich.sql("SELECT DISTINCT sample_id FROM class_samples WHERE class = 'b' AND epoch = 0")
    assert sorted(samples.column(0).to_pylist()) == rich.samples.ids[labels == 1].tolist()


def test_only_the_epochs_asked_for_are_read(rich):
    assert one(rich, "SELECT DISTINCT epoch FROM predictions ORDER BY 1", epochs=[2, 0]) == [0, 2]
    assert one(rich, "SELECT DISTINCT epoch FROM representations ORDER BY 1", epochs=[1]) == [1]
    assert one(rich, "SELECT count(*) FROM positions", epochs=[1]) == [30]
    assert one(rich, "SELECT count(*) FROM predictions", epochs=[]) == [0]
    assert one(rich, "SELECT count(*) FROM samples", epochs=[]) == [30]


def test_new_epochs_are_seen_after_a_refresh(small, run):
    with open_run(run) as opened:
        assert one(opened, "SELECT count(DISTINCT epoch) FROM representations") == [3]
        with small.open(run) as writer:
            writer.commit(small.facts(3))
        assert opened.refresh()
        assert one(opened, "SELECT count(DISTINCT epoch) FROM representations") == [4]


def test_parameters_are_values_and_never_sql(rich):
    text = "'; DROP TABLE x; --"
    assert one(rich, "SELECT $1 || $2", text, "b") == [text + "b"]
    with pytest.raises(BadInput, match="cannot be answered"):
        rich.sql("SELECT $1, $2", [1])


def state(run):
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest() for path in run.path.rglob("*") if path.is_file()
    }


REFUSED = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM read_json('/etc/passwd')",
    "SELECT * FROM read_parquet('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM 'x.csv'",
    "SELECT * FROM 's3://bucket/x.parquet'",
    "SELECT * FROM 'https://localhost/x.parquet'",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM parquet_metadata('/etc/passwd')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM query('COPY (SELECT 1) TO ''{out}''')",
    "SELECT getenv('HOME')",
    "COPY (SELECT 1) TO '{out}'",
    "COPY predictions TO '{out}' (FORMAT parquet)",
    "EXPORT DATABASE '{out}'",
    "IMPORT DATABASE '/tmp'",
    "ATTACH '{out}' AS other",
    "ATTACH '{facts}' AS other (READ_ONLY)",
    "DETACH s0",
    "USE s0",
    "INSTALL httpfs",
    "LOAD httpfs",
    "FORCE INSTALL spatial",
    "SET enable_external_access = true",
    "SET allowed_directories = ['/']",
    "SET lock_configuration = false",
    "RESET enable_external_access",
    "PRAGMA enable_profiling",
    "PRAGMA database_list",
    "SET threads = 1",
    "CREATE TABLE mine AS SELECT 1",
    "CREATE TEMP TABLE mine AS SELECT 1",
    "CREATE OR REPLACE VIEW predictions AS SELECT 1",
    "CREATE MACRO f(a) AS a",
    "CREATE SECRET x (TYPE s3)",
    "CREATE SCHEMA s0.mine",
    "DROP VIEW predictions",
    "INSERT INTO s0.main.classes VALUES (9, 'x')",
    "UPDATE s0.main.classes SET name = 'x'",
    "DELETE FROM s0.main.classes",
    "ALTER TABLE s0.main.classes ADD COLUMN x INTEGER",
    "TRUNCATE s0.main.classes",
    "CHECKPOINT",
    "FORCE CHECKPOINT s0",
    "VACUUM",
    "ANALYZE",
    "BEGIN TRANSACTION",
    "CALL pragma_version()",
    "EXECUTE x",
    "PREPARE x AS SELECT 1",
    "EXPLAIN ANALYZE SELECT 1",
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY (SELECT 1) TO '{out}'",
    "WITH a AS (INSERT INTO s0.main.classes VALUES (9, 'x') RETURNING *) SELECT * FROM a",
    "",
    ";",
    "-- nothing",
    "\0",
]


@pytest.mark.parametrize("query", REFUSED)
def test_nothing_but_the_run_can_be_read_and_nothing_written(rich, tmp_path, query):
    out = tmp_path / "out"
    facts = next((rich.path / "facts").glob("*.duckdb"))
    before = state(rich)
    with pytest.raises(BadInput) as caught:
        rich.sql(query.format(out=out, facts=facts))
    assert "\n" not in str(caught.value)
    assert not out.exists()
    assert state(rich) == before
    assert one(rich, "SELECT count(*) FROM predictions") == [90]


def test_python_variables_are_not_tables(rich):
    secret = pa.table({"a": [1]})
    assert secret.num_rows == 1
    with pytest.raises(BadInput, match="does not exist"):
        rich.sql("SELECT * FROM secret")


def test_a_view_planted_in_a_segment_is_not_used(small, tmp_path, monkeypatch):
    """Even one whose hash the manifest gives, as in a folder made by somebody else."""
    from timetravel.store import epoch_parts
    from timetravel.store.segment import write_tables

    def planted(path, tables, **rest):
        rows = write_tables(path, tables, **rest)
        if "predictions" in rows:
            with duckdb.connect(str(path)) as connection:
                connection.execute("ALTER TABLE predictions RENAME TO hidden")
                connection.execute("CREATE VIEW predictions AS SELECT * FROM read_text('/etc/passwd')")
                connection.execute("CREATE MACRO decode_half(a) AS 'planted'")
        return rows

    monkeypatch.setattr(epoch_parts, "write_tables", planted)
    small.run(tmp_path / "run", [0])
    with open_run(tmp_path / "run") as run:
        assert one(run, "SELECT count(*) FROM predictions") == [0]
        assert len(one(run, "SELECT vector FROM representations")[0]) == 6
        assert (run.predictions(0).predicted == -1).all()


def test_an_unknown_table_names_those_that_are_there(rich):
    with pytest.raises(
        BadInput, match=r"prediction does not exist.* The views are: .*class_stats.*predictions"
    ):
        rich.sql("SELECT * FROM prediction")


def test_wrong_sql_says_where(rich):
    with pytest.raises(BadInput, match='column "nonsense"'):
        rich.sql("SELECT nonsense FROM predictions")
    with pytest.raises(BadInput, match="syntax error"):
        rich.sql("SELEC 1")


def test_a_query_that_takes_too_long_is_stopped_and_the_next_one_works(rich):
    session = sql.Session(rich)
    try:
        with pytest.raises(BadInput, match=r"took over 0\.2 s"):
            session.query(
                "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b", timeout=0.2
            )
        assert session.query("SELECT 1").num_rows == 1
    finally:
        session.close()


def test_an_answer_that_is_too_large_is_refused(rich, monkeypatch):
    monkeypatch.setattr(sql, "LARGEST_ANSWER_BYTES", 1 << 20)
    with pytest.raises(BadInput, match="add a LIMIT"):
        rich.sql("SELECT range FROM range(1000000)")


def test_a_run_of_too_many_files_asks_for_epochs(rich, monkeypatch):
    monkeypatch.setattr(sql, "MOST_SEGMENTS", 6)
    with pytest.raises(
        BadInput, match=r"would open 9 files, at most 6 are; pass epochs=\[...\] \(the run has 3\)"
    ):
        rich.sql("SELECT count(*) FROM representations")
    assert one(rich, "SELECT count(*) FROM predictions") == [90]  # representations stay closed
    assert one(rich, "SELECT count(*) FROM representations", epochs=[1]) == [30]
