"""Dockerflow for Django: endpoints, health checks, request summaries and request ids.

Every setting of `dockerflow_mw.settings.Settings` is a Django setting in capitals with
the prefix ``DOCKERFLOW_``. It precedes the environment variable of the same name.
By default version.json is in ``BASE_DIR``, ``SILENCED_SYSTEM_CHECKS`` are silenced,
and heartbeats show details only in ``DEBUG``.
"""
