"""Settings: keyword arguments, over ``DOCKERFLOW_*`` variables, over defaults."""

from dockerflow_mw.settings.readers import SettingsError
from dockerflow_mw.settings.settings import (
    Options,
    Settings,
    from_attributes,
    variable_of,
)

__all__ = ["Options", "Settings", "SettingsError", "from_attributes", "variable_of"]
