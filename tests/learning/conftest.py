"""The databases and the bundle of the service's tests serve here too."""

from __future__ import annotations

from tests.serving.conftest import bundle, database, postgres_url, postgresql, sqlite

__all__ = ["bundle", "database", "postgres_url", "postgresql", "sqlite"]
