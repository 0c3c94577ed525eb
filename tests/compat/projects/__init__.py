"""The same small service in each framework, with either of the packages.

A module here is named after its framework and has two things:

``make(package, folder)``
    makes the service with the package of that name, ``"dockerflow"`` or
    ``"dockerflow_mw"``, as its users would, its version.json in the folder, and gives
    the function that asks it: ``ask(method, path, headers) -> Answer``. What reaches
    the server as an exception is answered with status 500.
``REQUESTS``
    what is asked beside `tests.compat.exchange.REQUESTS`, which every service has.

A service has the pages ``/`` (200), ``/missing`` (no route), ``/teapot`` (a view
that answers 418), ``/unavailable`` (a view that answers 503), ``/boom`` (raises
``ValueError("boom")``), ``/stream`` (two chunks); the checks that `register` of
`tests.compat.exchange` gives it; and the settings that its framework's users have.
"""
