"""The checks for Flask's extensions, and the functions that register checks.

All applications run the checks of the default registry. Each check runs inside an
application context, in which Flask-SQLAlchemy finds its engine::

    from dockerflow_mw.flask import checks

    checks.register_partial(checks.check_database_connected, db)
"""

from __future__ import annotations

from dockerflow_mw import checks, health
from dockerflow_mw.checks import *  # noqa: F403  # python-dockerflow has the same names

__all__ = ["health"]
__all__ += checks.__all__
