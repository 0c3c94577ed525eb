"""The endpoints as URL patterns, for projects that do without the middleware.

At the root of a URL configuration::

    urlpatterns = [path("", include("dockerflow_mw.django.urls")), ...]

Here Django's middleware comes first, so that a probe may meet its host checks and
redirects; and the view of a heartbeat is a sync one, which an async stack runs one at
a time with the other sync views.
"""

from __future__ import annotations

from django.urls import re_path

from dockerflow_mw.django import views

app_name = "dockerflow"

urlpatterns = [
    re_path(rf"^{path[1:]}/?\Z", view, name=view.__name__)
    for view, path in views.PATHS.items()
]
