"""Which files an input path stands for, and how each is opened."""

from __future__ import annotations

import gzip
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

import pyarrow as pa

from data_contracts.errors import UnreadableInput

Format = Literal["parquet", "csv", "jsonl"]

FORMATS: dict[str, Format] = {".parquet": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
OUTPUT_ENDING = ".validated"
"""Folders with this ending hold what `tact validate` wrote, and are never input again."""

_KNOWN = ".parquet, .csv or .jsonl, each optionally with .gz"
_GZIP_MAGIC = b"\x1f\x8b"
_OTHER_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


@dataclass(frozen=True, slots=True)
class Source:
    """One input file; `name` is how places in it are shown (`part-1.csv`, or `2026/part-1.csv`)."""

    path: Path
    name: str
    format: Format
    gzipped: bool


def find_sources(path: str | Path) -> tuple[tuple[Source, ...], tuple[str, ...]]:
    """The files behind `path`, in the order of their names, and notes about files left out.

    A folder stands for every file with a known ending in it and below it. Names that start with
    `.` or `_` are left out, as Spark and macOS put their own files there.

    Raises
    ------
    UnreadableInput
        Nothing is there, nothing in the folder can be read, or the ending is not known.
    """
    root = Path(path)
    if not root.exists():
        raise UnreadableInput(f"{root}: there is no such file or folder")
    if root.is_file():
        source = _as_source(root, root.name)
        if source is None:
            ending = "".join(root.suffixes[-2:]) or "none"
            raise UnreadableInput(f"{root}: the ending ({ending}) is not known; give {_KNOWN}")
        return (source,), ()
    sources, others = [], []
    for file in sorted(root.rglob("*")):
        parts = file.relative_to(root).parts
        hidden = any(part.startswith((".", "_")) or part.endswith(OUTPUT_ENDING) for part in parts)
        if hidden or not file.is_file():
            continue
        name = "/".join(parts)
        source = _as_source(file, name)
        if source is None:
            others.append(name)
        else:
            sources.append(source)
    told = ", ".join(others[:5]) + (f" and {len(others) - 5} more" if len(others) > 5 else "")
    if not sources:
        there = f"; it holds {told}" if others else "; it is empty"
        raise UnreadableInput(f"{root}: no file in this folder ends in {_KNOWN}{there}")
    notes = (f"left out for their endings: {told}",) if others else ()
    return tuple(sources), notes


def output_folder(path: str | Path) -> Path:
    """Where `tact validate` writes unless told otherwise: `crm.validated` beside `crm.csv.gz`."""
    root = Path(path).absolute()
    name = root.name
    if root.is_file():
        name = name.removesuffix(".gz")
        name = name.removesuffix(Path(name).suffix)
    return root.with_name(name + OUTPUT_ENDING)


def _as_source(path: Path, name: str) -> Source | None:
    lowered = name.lower()
    gzipped = lowered.endswith(".gz")
    ending = Path(lowered.removesuffix(".gz")).suffix
    return Source(path, name, FORMATS[ending], gzipped) if ending in FORMATS else None


@contextmanager
def opened(source: Source) -> Iterator[IO[bytes]]:
    """Open a source for reading from its start, unzipped; a Parquet source can be sought in.

    Damage met while reading inside the block is raised as UnreadableInput too.

    Raises
    ------
    UnreadableInput
        The file is empty, can't be opened, is damaged, or is text in another encoding than UTF-8.
    """
    try:
        with source.path.open("rb") as raw:
            magic = raw.read(2)
            raw.seek(0)
            _check_start(source, magic)
            if not source.gzipped:
                yield raw
                return
            with gzip.open(raw) as unzipped:
                stream = cast("IO[bytes]", unzipped)
                if source.format != "parquet":
                    yield stream
                    return
                # Parquet is read from its end, so it is unzipped to disk first, not to memory.
                with tempfile.TemporaryFile() as file:
                    shutil.copyfileobj(stream, file, 1 << 20)
                    file.seek(0)
                    yield file
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise UnreadableInput(f"{source.path}: the gzip data is damaged or cut off ({error})") from None
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        # Arrow raises OSError for damaged data too, then without the name of a fault of the system.
        if isinstance(error, OSError) and error.strerror:
            raise UnreadableInput(f"{source.path}: {error.strerror}") from None
        reason = " ".join(str(error).split())[:200]
        raise UnreadableInput(f"{source.path}: not readable as {source.format} ({reason})") from None


def _check_start(source: Source, magic: bytes) -> None:
    if not magic:
        raise UnreadableInput(f"{source.path}: the file is empty")
    if source.gzipped and magic != _GZIP_MAGIC:
        raise UnreadableInput(f"{source.path}: ends in .gz but is not gzip data")
    if not source.gzipped and magic == _GZIP_MAGIC:
        raise UnreadableInput(f"{source.path}: is gzip data; add .gz to its name")
    if source.format != "parquet" and magic in _OTHER_ENCODINGS:
        encoding = _OTHER_ENCODINGS[magic]
        raise UnreadableInput(f"{source.path}: the text is {encoding}; save it as UTF-8")
