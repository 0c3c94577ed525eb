"""The endpoints as URL patterns, for projects without the middleware.

At the root of a URL configuration::

    urlpatterns = [path("", include("dockerflow_mw.django.urls")), ...]

Host checks and redirects of Django's middleware then apply to probes.
"""

from __future__ import annotations

from django.urls import re_path

from dockerflow_mw.django.views import PATHS

app_name = "dockerflow"

urlpatterns = [
    re_path(rf"^{path[1:]}/?\Z", view, name=view.__name__)
    for view, path in PATHS.items()
]
