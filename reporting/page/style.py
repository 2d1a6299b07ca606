"""The look of the page: one sheet for the screen, light and dark, and for paper."""

from __future__ import annotations

from importlib.resources import files


def style() -> str:
    """The text of `page.css`, which goes into the page."""
    return files("reporting.page").joinpath("page.css").read_text(encoding="utf-8")
