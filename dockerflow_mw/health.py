"""The ids of the messages that the checks of this package give.

The first ten are python-dockerflow's, number for number; the hundreds are ours.
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
"""A check was not finished when the answer was due."""

ERROR_CHECK_INVALID_RESULT = "dockerflow.health.E104"
"""A check returned something that is no result of a check."""

ERROR_DATABASE_POOL_EXHAUSTED = "dockerflow.health.E105"
"""Every connection of the application's own pool is in use."""

ERROR_MIGRATIONS_UNREADABLE = "dockerflow.health.E106"
"""The migration scripts cannot be read."""

ERROR_HTTP_UNREACHABLE = "dockerflow.health.E107"
"""An HTTP service gives no answer."""

ERROR_HTTP_STATUS = "dockerflow.health.E108"
"""An HTTP service answers with a status that is not accepted."""

ERROR_HTTP_REDIRECT = "dockerflow.health.E109"
"""An HTTP service redirects to another host, or too often."""

ERROR_PORT_CLOSED = "dockerflow.health.E110"
"""A TCP port takes no connection."""

ERROR_DISK_FULL = "dockerflow.health.E111"
"""A disk has less free space than there must be."""

ERROR_DISK_UNREADABLE = "dockerflow.health.E112"
"""The free space of a disk cannot be told."""

WARNING_DISK_LOW = "dockerflow.health.W101"
"""A disk has less free space than there should be."""

DEBUG_DATABASE_AHEAD = "dockerflow.health.D101"
"""The database has migrations that the code does not know."""

INFO_CANT_CHECK_MIGRATIONS = "dockerflow.health.I001"
WARNING_UNAPPLIED_MIGRATION = "dockerflow.health.W001"
