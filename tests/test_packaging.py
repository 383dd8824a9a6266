"""The package as it is installed: nothing missing from the wheel, nothing that needs the repository."""

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def settings() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the tracked tree so that nothing stale comes along."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE", "timetravel", "server", "data"):
        subprocess.run(["cp", "-r", str(ROOT / name), str(source / name)], check=True)
    built = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            str(out),
            str(source),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:  # setuptools too old in this environment: build as users do
        subprocess.run(
            [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(out), str(source)],
            check=True,
        )
    (path,) = out.glob("*.whl")
    return path


def test_every_folder_with_python_in_it_is_listed(settings: dict) -> None:
    listed = set(settings["tool"]["setuptools"]["packages"])
    found = set()
    for package, folder in (
        ("timetravel", "timetravel"),
        ("timetravel.server", "server"),
        ("timetravel.sampledata", "data"),
    ):
        for path in (ROOT / folder).rglob("*.py"):
            inside = path.parent.relative_to(ROOT / folder).parts
            found.add(".".join([package, *inside]))
    assert listed == found


def test_the_wheel_holds_the_page_and_the_digits(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "timetravel/server/static/app.mjs" in names
    assert "timetravel/server/templates/index.html" in names
    assert any(name.startswith("timetravel/sampledata/digits/") for name in names)
    assert "timetravel/py.typed" in names
    assert not [name for name in names if name.startswith(("server/", "data/", "tests/"))]


@pytest.mark.slow
def test_the_demo_s_first_steps_run_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)],
        check=True,
    )
    code = (
        "import timetravel, timetravel.server, timetravel.sampledata, pathlib\n"
        f"assert pathlib.Path(timetravel.__file__).is_relative_to({str(site)!r}), timetravel.__file__\n"
        f"assert pathlib.Path(timetravel.server.__file__).is_relative_to({str(site)!r})\n"
        "from timetravel.cli import main\n"
        f"main(['demo', '--no-serve', '--epochs', '2', '--out', {str(tmp_path / 'demo')!r}])\n"
    )
    # -P and an explicit path: the copy in site/ must win over the editable install.
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(list((tmp_path / "demo").iterdir())) == 2
