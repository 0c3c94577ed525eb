"""A client of django-redis that connects when it is made."""

from __future__ import annotations

from typing import Any

from django_redis.client import DefaultClient


class EagerClient(DefaultClient):  # type: ignore[misc]  # django-redis has no types
    """A client that pings each Redis client that it returns."""

    def get_client(self, *args: Any, **kwargs: Any) -> Any:
        """Return a connected client.

        Raises:
            redis.ConnectionError: the server does not answer.
        """
        client = super().get_client(*args, **kwargs)
        client.ping()
        return client
