"""The running service that the client commands are tried against."""

from tests.serving.conftest import bundle, service, strict_service

__all__ = ["bundle", "service", "strict_service"]
