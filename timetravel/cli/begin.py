"""Commands that make a run: the demo, and the import of plain arrays."""

from __future__ import annotations

from pathlib import Path

import click

from timetravel.cli.progress import Progress


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("timetravel-demo"),
    show_default=True,
    help="Folder for the two runs.",
)
@click.option("--epochs", type=click.IntRange(min=1), default=15, show_default=True, help="Epochs to train.")
@click.option(
    "--dataset",
    default="digits",
    show_default=True,
    type=click.Choice(["digits", "mnist", "fashion-mnist", "cifar10"]),
    help="What to train on; all but digits need --root.",
)
@click.option("--root", type=click.Path(path_type=Path), help="Folder that holds the data set.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of training and maps.")
@click.option("--no-serve", is_flag=True, help="Stop when the runs and maps are made.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=5006, show_default=True, help="Port of the page."
)
def demo(
    out: Path, epochs: int, dataset: str, root: Path | None, seed: int, no_serve: bool, port: int
) -> None:
    """Train two small networks on real handwritten digits, record every epoch, map them, and open the page.

    The digits ship with the package. A demo that was interrupted goes on where it stopped.
    """
    from timetravel.demo import FACTORIES, run_demo

    with Progress() as report:
        runs = run_demo(out, epochs=epochs, dataset=dataset, root=root, seed=seed, report=report)
    for run in runs:
        click.echo(f"run: {run}")
    if no_serve:
        click.echo("open them: timetravel serve " + " ".join(str(run) for run in runs))
        return
    from timetravel.server.serve import serve

    serve(runs, port=port, factories=FACTORIES)


@click.command("import-arrays")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("run_path", metavar="RUN", type=click.Path(path_type=Path))
def import_arrays(folder: Path, run_path: Path) -> None:
    """Make RUN from the plain arrays in FOLDER.

    FOLDER holds run.json and one .npy or .npz file an array (representations, logits, labels, ...), or the
    layout that the DeepVisualInsight and TimeVis tools write.
    """
    from timetravel.record.arrays import import_arrays as import_folder

    with Progress() as report:
        path = import_folder(folder, run_path, report=report)
    click.echo(f"run: {path}\nnext: timetravel project {path}")
