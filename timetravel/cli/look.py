"""Commands that show: the page, and what a run holds."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("paths", metavar="RUN [RUN_B]", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--port", type=click.IntRange(0, 65535), default=5006, show_default=True, help="0 takes a free one."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Any other address needs a token.")
@click.option("--token", help="Token for other machines; made and printed when there is none.")
@click.option(
    "--token-file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="File with the token."
)
@click.option("--allow-origin", multiple=True, help="Further host:port under which the page is reached.")
@click.option("--factory", help="module:function that rebuilds the network, for saliency. Runs that code.")
@click.option(
    "--factory-arguments", help="JSON object of its arguments; those of the recording when left out."
)
@click.option("--map", "map_name", help="Name of the map to open.")
@click.option("--live/--no-live", default=True, show_default=True, help="Follow a run while it is recorded.")
@click.option("--open/--no-open", "open_browser", default=False, help="Open a browser.")
def serve(
    paths: tuple[Path, ...],
    port: int,
    host: str,
    token: str | None,
    token_file: Path | None,
    allow_origin: tuple[str, ...],
    factory: str | None,
    factory_arguments: str | None,
    map_name: str | None,
    live: bool,
    open_browser: bool,
) -> None:
    """Open the page on one run, on two side by side, or on a folder of runs."""
    from timetravel.server.serve import serve as serve_runs

    if token_file is not None:
        token = token_file.read_text(encoding="utf-8").strip()
    arguments = None
    if factory_arguments is not None:
        try:
            arguments = json.loads(factory_arguments)
        except ValueError as error:
            raise click.BadParameter(f"not JSON: {error}", param_hint="--factory-arguments") from error
        if not isinstance(arguments, dict):
            raise click.BadParameter("a JSON object is expected", param_hint="--factory-arguments")
    serve_runs(
        list(paths),
        port=port,
        host=host,
        token=token,
        allow_origin=list(allow_origin),
        factory=factory,
        factory_arguments=arguments,
        map_name=map_name,
        live=live,
        open_browser=open_browser,
    )


@click.command()
@click.argument("run_path", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--privacy", is_flag=True, help="List what was recorded about the machine and the data.")
def info(run_path: Path, as_json: bool, privacy: bool) -> None:
    """Say what RUN holds: samples, epochs, facts, maps, and what each costs on disk."""
    from timetravel import open_run
    from timetravel.cli.summary import describe, in_words, privacy_in_words, privacy_list

    with open_run(run_path) as run:
        if privacy:
            recorded = privacy_list(run)
            summary, text = {"recorded": recorded}, privacy_in_words(recorded)
        else:
            summary = describe(run)
            text = in_words(summary)
    click.echo(json.dumps(summary, indent=1) if as_json else text)
