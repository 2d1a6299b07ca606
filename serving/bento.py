"""Build a bento with the champion inside: `python -m serving.bento`, or `make bento`.

The project's request side and the champion's folder are copied side by side, and BentoML builds the
copy by `bentofile.yaml`. Inside a bento the service finds its champion in `bundle/` beside its packages.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from data_contracts.configuration import tact_home
from data_contracts.errors import BundleUnusable, TactError

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("data_contracts", "features", "models", "policy", "serving")


def stage(bundle: Path, folder: Path) -> None:
    """Copy what a bento needs, and the bundle, into `folder`; raises BundleUnusable."""
    from models.bundle import load_bundle

    load_bundle(bundle)
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(bundle, folder / "bundle")
    shutil.copy(ROOT / "bentofile.yaml", folder / "bentofile.yaml")


def build(bundle: Path, version: str | None = None) -> tuple[str, Path]:
    """Build the bento and store it in BentoML's store; returns its tag and its folder."""
    import bentoml

    with tempfile.TemporaryDirectory(prefix="tact-bento-") as name:
        folder = Path(name)
        stage(bundle, folder)
        bento = bentoml.bentos.build_bentofile(
            str(folder / "bentofile.yaml"), build_ctx=str(folder), version=version
        )
    return str(bento.tag), Path(bento.path)


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 when it was built, 1 where there is no usable champion."""
    parser = argparse.ArgumentParser(prog="python -m serving.bento", description=__doc__)
    parser.add_argument("--bundle", type=Path, help="a bundle's folder [default: the champion in TACT_HOME]")
    parser.add_argument("--version", help="the bento's version [default: BentoML makes one]")
    given = parser.parse_args(arguments)
    try:
        tag, folder = build(given.bundle or champion_folder(), given.version)
    except TactError as error:
        sys.stderr.write(f"tact: {error.detail}\n")
        return error.exit_code
    sys.stdout.write(f"{tag}\n{folder}\nserve it with: bentoml serve {tag}\n")
    return 0


def champion_folder() -> Path:
    """The folder of the bundle that would be served; raises BundleUnusable where there is none."""
    from serving.champion import find_bundle

    home = tact_home()
    place = find_bundle(home)
    if place is None:
        raise BundleUnusable(
            f"{home} has no champion: train one with `tact train` and start `tact serve` once, or name --bundle"
        )
    return place.folder


if __name__ == "__main__":
    sys.exit(main())
