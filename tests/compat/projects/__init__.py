"""The same service in each framework, with either package.

Each module is named after its framework and has two names:

``make(package, folder)``
    Makes the service with a package, ``"dockerflow"`` or ``"dockerflow_mw"``, as users
    do. The folder holds version.json. Returns a function that sends a request:
    ``ask(method, path, headers) -> Answer``. An exception that reaches the server gives
    status 500.
``REQUESTS``
    The requests of this framework, after `tests.compat.exchange.REQUESTS`.

A service has the pages ``/`` (200), ``/missing`` (no route), ``/teapot`` (418),
``/unavailable`` (503), ``/boom`` (raises ``ValueError("boom")``) and ``/stream`` (two
chunks). It has the checks of `tests.compat.exchange.register` and usual settings.
"""
