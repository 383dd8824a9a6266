"""The architecture, held by tests: imports point down, and a process loads only what its role needs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FOLDERS = {
    "timetravel": ROOT / "timetravel",
    "timetravel.server": ROOT / "server",
    "timetravel.sampledata": ROOT / "data",
}

HEIGHT = {
    "timetravel.errors": 0,
    "timetravel.version": 0,
    "timetravel.store": 1,
    "timetravel.record": 2,
    "timetravel.project": 2,
    "timetravel.analyze": 2,
    "timetravel.explain": 2,
    "timetravel.render": 3,
    "timetravel.run": 4,
    "timetravel.demo": 5,
    "timetravel.server": 6,
    "timetravel.cli": 7,
}


SAFE_VALUE = {"allow_pickle": "False", "weights_only": "True"}
"""Keyword arguments that must never have another value: the other one runs code from a file."""


def modules() -> dict[str, Path]:
    """Every module of the package by its import name."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = list(path.relative_to(folder).with_suffix("").parts)
            if parts[-1] == "__init__":
                parts.pop()
            found[".".join([package, *parts])] = path
    return found


def imports(path: Path) -> set[str]:
    """Names that a file imports, those under TYPE_CHECKING left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    names: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def layer(module: str) -> str | None:
    """The layer that a module belongs to, None for the top of the package and the sample data."""
    return next((name for name in HEIGHT if module == name or module.startswith(name + ".")), None)


def test_imports_point_down() -> None:
    wrong = []
    for module, path in modules().items():
        here = layer(module)
        if here is None:
            continue
        for name in imports(path):
            there = layer(name)
            if there and there != here and HEIGHT[there] >= HEIGHT[here]:
                wrong.append(f"{module} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_the_sample_data_import_nothing_of_ours() -> None:
    for module, path in modules().items():
        if module.startswith("timetravel.sampledata"):
            ours = {name for name in imports(path) if layer(name)}
            assert not ours, f"{module} imports {ours}"


def test_nothing_is_imported_by_its_folder() -> None:
    # `import server` from the repository's root would load a second copy of the package.
    tests = {str(path): path for path in (ROOT / "tests").rglob("*.py")}
    for module, path in {**modules(), **tests}.items():
        roots = {name.split(".")[0] for name in imports(path)}
        assert not roots & {"server", "data"}, module


def test_no_file_reads_pickles_or_runs_text() -> None:
    forbidden_calls = {"eval", "exec"}
    for module, path in modules().items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name in imports(path):
            assert name.split(".")[0] not in {"pickle", "dill", "marshal", "shelve"}, (
                f"{module} imports {name}"
            )
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                if isinstance(node.func, ast.Name):
                    assert node.func.id not in forbidden_calls, f"{module}:{node.lineno}"
                for keyword in node.keywords:
                    if keyword.arg in SAFE_VALUE:
                        given = ast.unparse(keyword.value)
                        assert given == SAFE_VALUE[keyword.arg], (
                            f"{module}:{node.lineno} {keyword.arg}={given}"
                        )


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import timetravel", {"torch", "bokeh", "faiss", "duckdb", "numpy", "umap", "vtkmodules"}),
        ("import timetravel.cli", {"torch", "bokeh", "faiss", "duckdb", "umap", "vtkmodules"}),
        ("from timetravel import open_run", {"torch", "bokeh", "umap", "vtkmodules", "captum"}),
        ("from timetravel import Recorder", {"bokeh", "faiss", "umap", "vtkmodules", "captum"}),
        ("from timetravel import show", {"torch", "torchvision", "umap", "vtkmodules", "captum"}),
    ],
)
def test_a_process_loads_only_what_its_role_needs(statement: str, absent: set[str]) -> None:
    code = f"{statement}\nimport sys\nprint(*sorted(set(sys.modules) & {absent!r}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
