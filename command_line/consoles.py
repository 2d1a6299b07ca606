"""Where tables are printed: a terminal's own width, or a fixed one where output is read by programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def table_console(width: int) -> Console:
    """A console for tables, `width` columns wide where no terminal says how many there are."""
    # Rich takes a while to import, and not every command prints a table.
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=width)
