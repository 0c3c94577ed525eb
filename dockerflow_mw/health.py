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

INFO_CANT_CHECK_MIGRATIONS = "dockerflow.health.I001"
WARNING_UNAPPLIED_MIGRATION = "dockerflow.health.W001"
