"""JSON Schemas of everything that goes over HTTP, generated from `data_contracts.messages`.

They are kept as golden files in `data_contracts/schemas/`, so that a change of the contract shows in
a diff. `python -m data_contracts.schemas` writes them anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from data_contracts.messages import SCHEMAS

FOLDER = Path(__file__).parent / "schemas"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema of one message, as it goes over the wire; raises KeyError for another name."""
    model = SCHEMAS[name]
    mode: Any = "serialization" if name.endswith("_answer") else "validation"
    return {"$schema": _DIALECT, "$id": f"urn:tact:schema:{name}"} | model.model_json_schema(mode=mode)


def as_text(schema: dict[str, Any]) -> str:
    """A schema as it is kept in its file."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def write_schemas(folder: Path = FOLDER) -> list[Path]:
    """Write every schema into `folder` and remove those that are no message any more."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name in SCHEMAS:
        file = folder / f"{name}.json"
        file.write_text(as_text(schema_of(name)), encoding="utf-8")
        files.append(file)
    for file in set(folder.glob("*.json")) - set(files):
        file.unlink()
    return files


if __name__ == "__main__":
    write_schemas()
