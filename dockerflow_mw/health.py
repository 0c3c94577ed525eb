"""The ids of the messages of the built-in checks and of the runner.

The numbers up to 10 are those of python-dockerflow.
"""

ERROR_CANNOT_CONNECT_DATABASE = "dockerflow.health.E001"
ERROR_UNUSABLE_DATABASE = "dockerflow.health.E002"
ERROR_MISCONFIGURED_DATABASE = "dockerflow.health.E003"
ERROR_CANNOT_CONNECT_REDIS = "dockerflow.health.E004"
ERROR_MISSING_REDIS_CLIENT = "dockerflow.health.E005"
ERROR_MISCONFIGURED_REDIS = "dockerflow.health.E006"
ERROR_REDIS_PING_FAILED = "dockerflow.health.E007"
ERROR_DB_API_EXCEPTION = "dockerflow.health.E008"
ERROR_SQLALCHEMY_EXCEPTION = "dockerflow.health.E009"
ERROR_REDIS_EXCEPTION = "dockerflow.health.E010"

ERROR_CHECK_FAILED = "dockerflow.health.E101"
"""A check returned ``False``, a string or a message without an id."""

ERROR_CHECK_RAISED = "dockerflow.health.E102"
"""A check raised an exception."""

ERROR_CHECK_TIMED_OUT = "dockerflow.health.E103"
"""A check was not finished within its timeout."""

ERROR_CHECK_INVALID_RESULT = "dockerflow.health.E104"
"""A check returned a value that is not a result of a check."""

ERROR_MIGRATIONS_UNREADABLE = "dockerflow.health.E106"
"""The migration scripts cannot be read."""

ERROR_HTTP_UNREACHABLE = "dockerflow.health.E107"
"""An HTTP service sends no response."""

ERROR_HTTP_STATUS = "dockerflow.health.E108"
"""An HTTP service responds with a status that is not accepted."""

ERROR_HTTP_REDIRECT = "dockerflow.health.E109"
"""An HTTP service redirects to another host, or too often."""

ERROR_PORT_CLOSED = "dockerflow.health.E110"
"""A TCP port accepts no connection."""

ERROR_DISK_FULL = "dockerflow.health.E111"
"""The free space of a disk is below the failure threshold."""

ERROR_DISK_UNREADABLE = "dockerflow.health.E112"
"""The free space of a disk is unknown."""

WARNING_DISK_LOW = "dockerflow.health.W101"
"""The free space of a disk is below the warning threshold."""

DEBUG_DATABASE_AHEAD = "dockerflow.health.D101"
"""The database has migrations that the code lacks."""

INFO_CANT_CHECK_MIGRATIONS = "dockerflow.health.I001"
WARNING_UNAPPLIED_MIGRATION = "dockerflow.health.W001"

__all__ = sorted(name for name in globals() if name.isupper())
