"""Commands for the facts themselves: SQL, export, checking, compaction."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import click

run_argument = click.argument("run_path", metavar="RUN", type=click.Path(path_type=Path))


@click.command()
@run_argument
@click.argument("query")
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=1000, show_default=True, help="Rows printed at most."
)
def sql(run_path: Path, query: str, form: str, limit: int) -> None:
    """Ask RUN in SQL, over plain views: samples, epochs, predictions, representations, positions, ...

    The session reads this run and nothing else. `show tables` lists the views, `describe NAME` their columns.
    """
    from timetravel import open_run

    with open_run(run_path) as run:
        result = run.sql(query)
    names = result.column_names
    rows = result.slice(0, limit).to_pylist() if len(set(names)) == len(names) else []
    if len(set(names)) != len(names):
        raise click.UsageError(f"two columns are called alike in {names}; name them with `as`")
    if form == "json":
        click.echo(json.dumps(rows, indent=1, default=str))
    elif form == "csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        click.echo(text.getvalue(), nl=False)
    else:
        click.echo(_table(names, [[_cell(row[name]) for name in names] for row in rows]))
    if result.num_rows > limit:
        click.echo(f"{limit} of {result.num_rows:,} rows; --limit shows more", err=True)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = "" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _table(names: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(cell) for cell in column) for column in zip(names, *rows, strict=True)]
    lines = [names, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


@click.command()
@run_argument
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--map", "map_name", help="Name of the map; the newest when left out.")
@click.option("--parquet", is_flag=True, help="Write tables as Parquet instead of arrays.")
def export(run_path: Path, folder: Path, map_name: str | None, parquet: bool) -> None:
    """Write RUN and its map to FOLDER as plain arrays (.npy), or as Parquet tables."""
    from timetravel import open_run

    with open_run(run_path) as run:
        if parquet:
            from timetravel.store.parquet import export_parquet

            written = export_parquet(run, folder)
        else:
            from timetravel.project.export import export_arrays

            written = export_arrays(run, map_name, folder)
    click.echo(f"{len(written)} files in {folder}")


@click.command()
@run_argument
def check(run_path: Path) -> None:
    """Name every fault in RUN's files: the file, what is wrong, and the epochs it hits. Changes nothing."""
    from timetravel.store.check import check as check_run

    faults = check_run(run_path)
    for fault in faults:
        click.echo(str(fault))
    if faults:
        raise click.exceptions.Exit(1)
    click.echo("no faults")


@click.command()
@run_argument
def compact(run_path: Path) -> None:
    """Merge the small files of a long RUN. Nothing that was recorded changes; open pages go on."""
    from timetravel.store.compaction import compact as compact_run

    before, after = compact_run(run_path)
    click.echo(
        f"{before} segments became {after}" if after < before else f"{before} segments, nothing to merge"
    )
