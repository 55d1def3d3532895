"""The engines of the shared log's own tests."""

from tests.sharedlog.conftest import nats_cluster, nats_url, postgresql, postgresql_url

__all__ = ["nats_cluster", "nats_url", "postgresql", "postgresql_url"]
