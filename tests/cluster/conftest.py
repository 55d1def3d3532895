"""The engines of the shared log's own tests."""

from tests.sharedlog.conftest import (
    bucket_url,
    nats_cluster,
    nats_url,
    own_state,
    postgresql,
    postgresql_url,
)

__all__ = ["bucket_url", "nats_cluster", "nats_url", "own_state", "postgresql", "postgresql_url"]
