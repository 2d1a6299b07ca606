"""The running service and the databases that the commands are tried against."""

from tests.serving.conftest import (
    bundle,
    database,
    postgres_url,
    postgresql,
    service,
    sqlite,
    strict_service,
)

__all__ = ["bundle", "database", "postgres_url", "postgresql", "service", "sqlite", "strict_service"]
