"""Commands that draw: stills, films, the cube, and the page as one file."""

from __future__ import annotations

from pathlib import Path

import click

from timetravel.cli.progress import Progress

run_argument = click.argument("run_path", metavar="RUN", type=click.Path(path_type=Path))
map_option = click.option("--map", "map_name", help="Name of the map; the newest when left out.")


@click.command()
@run_argument
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="File to write: .png or .svg for one epoch, .gif, .webp or .mp4 for the travel.",
)
@map_option
@click.option("--epoch", type=int, help="Epoch of a still; the last when left out.")
@click.option("--color", default="label", show_default=True, help="Column that colours the points.")
@click.option(
    "--size", type=click.IntRange(200, 4000), default=900, show_default=True, help="Pixels on each side."
)
@click.option("--dark", is_flag=True, help="Dark ground.")
def render(
    run_path: Path, out: Path, map_name: str | None, epoch: int | None, color: str, size: int, dark: bool
) -> None:
    """Draw a map of RUN as a picture, or the whole travel as a film."""
    from timetravel import open_run
    from timetravel.render.film import write_film
    from timetravel.render.still import write_still

    still = out.suffix.lower() in {".png", ".svg"}
    with open_run(run_path) as run, Progress() as report:
        if still:
            write_still(run, out, map_name=map_name, epoch=epoch, color=color, size=size, dark=dark)
        else:
            write_film(run, out, map_name=map_name, color=color, size=size, dark=dark, report=report)
    click.echo(f"wrote {out}")


@click.command()
@run_argument
@click.option("--out", type=click.Path(path_type=Path), required=True, help="PNG to write.")
@map_option
@click.option(
    "--size", type=click.IntRange(200, 4000), default=1000, show_default=True, help="Pixels on each side."
)
@click.option("--dark", is_flag=True, help="Dark ground.")
def render3d(run_path: Path, out: Path, map_name: str | None, size: int, dark: bool) -> None:
    """Draw the space-time cube of RUN: trails through (x, y, epoch) and the boundary as a surface."""
    from timetravel import open_run
    from timetravel.render.cube import write_cube

    with open_run(run_path) as run:
        write_cube(run, out, map_name=map_name, size=size, dark=dark)
    click.echo(f"wrote {out}")


@click.command("export-html")
@run_argument
@click.argument("out", type=click.Path(path_type=Path))
@map_option
def export_html(run_path: Path, out: Path, map_name: str | None) -> None:
    """Write one self-contained HTML file OUT with slider, trails, hover and decision regions."""
    from timetravel import open_run
    from timetravel.render.page import write_page

    with open_run(run_path) as run, Progress() as report:
        size = write_page(run, out, map_name=map_name, report=report)
    click.echo(f"wrote {out}, {size / 1e6:.1f} MB")
