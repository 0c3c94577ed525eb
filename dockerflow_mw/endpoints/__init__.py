"""The endpoints of Dockerflow, independent of protocols and frameworks."""

from __future__ import annotations

from dockerflow_mw.endpoints.error import Error
from dockerflow_mw.endpoints.heartbeat import Heartbeat, HeartbeatState
from dockerflow_mw.endpoints.http import Endpoint
from dockerflow_mw.endpoints.lbheartbeat import LBHeartbeat
from dockerflow_mw.endpoints.version import Version
from dockerflow_mw.settings import Settings

VERSION = "/__version__"
HEARTBEAT = "/__heartbeat__"
LBHEARTBEAT = "/__lbheartbeat__"
ERROR = "/__error__"


def paths(settings: Settings) -> list[str]:
    """Return the paths of all endpoints, in the order of `build_endpoints`."""
    error = [ERROR] if settings.error_endpoint else []
    groups = [path for path, _ in settings.groups]
    return [VERSION, HEARTBEAT, LBHEARTBEAT, *error, *groups]


def build_endpoints(
    settings: Settings, state: HeartbeatState, version_root: object = None
) -> dict[str, Endpoint]:
    """Return the endpoints by path.

    Args:
        settings: the settings of the middleware.
        state: the state shared by the heartbeats.
        version_root: the argument of ``version_callback``; None for the version's
            folder.
    """
    endpoints: dict[str, Endpoint] = {
        VERSION: Version(settings, version_root),
        HEARTBEAT: Heartbeat(state),
        LBHEARTBEAT: LBHeartbeat(),
    }
    if settings.error_endpoint:
        endpoints[ERROR] = Error(settings.error_token)
    groups = {path: Heartbeat(state, names) for path, names in settings.groups}
    return endpoints | groups
