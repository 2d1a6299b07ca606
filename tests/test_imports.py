"""Imports go one way, and the service needs none of the training side's packages."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "data_contracts": set(),
    "features": {"data_contracts"},
    "models": {"data_contracts", "features"},
    "policy": {"data_contracts", "features", "models"},
    "reporting": {"data_contracts", "features", "models", "policy"},
    "serving": {"data_contracts", "features", "models", "policy"},
    "training": {"data_contracts", "features", "models", "policy"},
    "evaluation": {"data_contracts", "features", "models", "policy", "training"},
    "learning": {"data_contracts", "features", "models", "policy", "serving", "training"},
    "simulation": {"data_contracts"},
    "command_line": {
        "data_contracts", "features", "models", "policy", "reporting", "serving", "training", "evaluation",
        "simulation", "learning",
    },
    "benchmarks": {
        "data_contracts", "features", "models", "policy", "reporting", "serving", "training", "evaluation",
        "simulation", "command_line", "learning",
    },
}  # fmt: skip
HEAVY = {"mlflow", "great_expectations", "pandas", "sklearn", "matplotlib"}


def imported(file: Path, top_level_only: bool = False) -> set[str]:
    """First names of the modules that a file imports."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_imports_go_one_way(room: str) -> None:
    for file in sorted((ROOT / room).rglob("*.py")):
        ours = imported(file) & set(ALLOWED) - {room}
        assert ours <= ALLOWED[room], f"{file.relative_to(ROOT)} imports {sorted(ours - ALLOWED[room])}"


@pytest.mark.parametrize("room", ["features", "models", "policy", "serving"])
def test_the_request_side_names_no_heavy_package(room: str) -> None:
    for file in sorted((ROOT / room).rglob("*.py")):
        heavy = imported(file) & HEAVY
        assert not heavy, f"{file.relative_to(ROOT)} imports {sorted(heavy)}"


def test_commands_import_heavy_packages_only_when_they_run() -> None:
    for file in sorted((ROOT / "command_line").rglob("*.py")):
        heavy = imported(file, top_level_only=True) & HEAVY
        assert not heavy, f"{file.relative_to(ROOT)} imports {sorted(heavy)} when it is loaded"
