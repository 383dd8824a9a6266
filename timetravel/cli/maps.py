"""Commands that make maps and judge them."""

from __future__ import annotations

import json
from pathlib import Path

import click

from timetravel.cli.progress import Progress

METHODS = ["aligned", "umap", "alignedumap", "pca", "tsne", "dvi", "timevis"]

run_argument = click.argument("run_path", metavar="RUN", type=click.Path(path_type=Path))
map_option = click.option("--map", "map_name", help="Name of the map; the newest when left out.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@run_argument
@click.option("--map", "map_name", help="Name of the map; the method's name when left out.")
@click.option(
    "--method", type=click.Choice(METHODS), default="aligned", show_default=True, help="How to project."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same map, to the bit.")
@click.option(
    "--stillness", type=click.FloatRange(0, 1), help="0: the best map of each epoch; 1: the calmest film."
)
@click.option(
    "--agreement",
    type=click.FloatRange(0, 1),
    help="0: purely the data's neighbourhoods; 1: ground that agrees with the network.",
)
@click.option(
    "--resolution",
    type=click.IntRange(20, 2000),
    default=200,
    show_default=True,
    help="Cells of the decision map on each side.",
)
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@click.option("--refit", is_flag=True, help="Make the map anew instead of adding new epochs to it.")
@click.option(
    "--check-held-out", is_flag=True, help="Also judge a fit that never saw a fifth of the samples."
)
@click.option(
    "--skip-bad", is_flag=True, help="Hide samples with NaN or infinity instead of refusing the epoch."
)
def project(
    run_path: Path,
    map_name: str | None,
    method: str,
    seed: int,
    stillness: float | None,
    agreement: float | None,
    resolution: int,
    device: str,
    refit: bool,
    check_held_out: bool,
    skip_bad: bool,
) -> None:
    """Lay every epoch of RUN out as aligned 2-D maps that read backwards.

    Epochs that were recorded since are added to the map without moving anything; --refit makes it anew.
    """
    from timetravel import open_run
    from timetravel.project.pipeline import project as project_run

    dials = {
        name: value
        for name, value in (("stillness", stillness), ("agreement", agreement))
        if value is not None
    }
    with open_run(run_path) as run, Progress() as report:
        made = project_run(
            run,
            name=map_name,
            method=method,
            seed=seed,
            resolution=resolution,
            device=device,
            refit=refit,
            check_held_out=check_held_out,
            skip_bad=skip_bad,
            report=report,
            **dials,
        )
        figures = made.quality()["overall"]
        click.echo(f"map: {made.name}, {len(made.epochs)} epochs of {len(run.samples):,} samples")
    for name in ("neighbor_preservation", "ppr", "jitter"):
        if figures.get(name) is not None:
            click.echo(f"{name:24} {figures[name]:.4f}")
    click.echo(f"next: timetravel serve {run_path}")


@click.command()
@run_argument
@map_option
@json_option
def quality(run_path: Path, map_name: str | None, as_json: bool) -> None:
    """Show how far a map of RUN can be trusted: every figure, overall and epoch by epoch."""
    from timetravel import open_run
    from timetravel.project.words import quality_table

    with open_run(run_path) as run:
        chosen = run.map(map_name)
        figures = chosen.quality()
        if as_json:
            epochs = [{"epoch": epoch, **values} for epoch, values in figures["epochs"].items()]
            head = {"run": run.name, "map": chosen.name, "method": chosen.description.method}
            click.echo(json.dumps({**head, "overall": figures["overall"], "epochs": epochs}, indent=1))
        else:
            click.echo(quality_table(figures))


@click.command()
@run_argument
@click.option(
    "--methods", default="aligned,umap,pca", show_default=True, help="Comma-separated: " + ", ".join(METHODS)
)
@click.option("--seed", type=int, default=0, show_default=True)
@json_option
def bench(run_path: Path, methods: str, seed: int, as_json: bool) -> None:
    """Run projection METHODS side by side on RUN and print their figures, seconds and memory.

    RUN may also be a folder of plain arrays. Nothing is written to it.
    """
    from timetravel.project.bench import bench as run_bench
    from timetravel.project.bench import table

    names = [name.strip() for name in methods.split(",") if name.strip()]
    unknown = [name for name in names if name not in METHODS]
    if unknown:
        raise click.BadParameter(
            f"{', '.join(unknown)} unknown; choose from {', '.join(METHODS)}", param_hint="--methods"
        )
    with Progress() as report:
        rows = run_bench(run_path, names, seed=seed, report=report)
    click.echo(json.dumps([row.as_dict() for row in rows], indent=1) if as_json else table(rows))
