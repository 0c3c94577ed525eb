"""Every habit of the project is a session here; ``nox -l`` lists them."""

from __future__ import annotations

import signal

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["tests", "lint", "typing", "docs"]

PYPROJECT = nox.project.load_toml("pyproject.toml")


def install(session: nox.Session, *groups: str) -> None:
    """Install the package and some groups of what it is tried with."""
    session.install("-q", "-e", ".", *nox.project.dependency_groups(PYPROJECT, *groups))


@nox.session
def demo(session: nox.Session) -> None:
    """Serve a real application, break its database and show what comes out."""
    install(session, "demo")
    # A SIGTERM is passed on, as Ctrl-C is, and the servers get the time to stop.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    session.run("python", "examples/demo.py", *session.posargs, terminate_timeout=30)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests with their coverage; arguments go to pytest."""
    install(session, "tests")
    session.run("coverage", "run", "-m", "pytest", *session.posargs)
    if not session.posargs:
        session.run("coverage", "report")


@nox.session
def lint(session: nox.Session) -> None:
    """Look for what ruff finds, and for imports against the floors."""
    install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types strictly."""
    install(session, "typing")
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; whatever does not fit is an error."""
    install(session, "docs")
    session.run("sphinx-build", "-n", "-W", "--keep-going", "-q", "docs", "docs/_build")


# What is varied, of which group it is, and the Pythons that have it.
OLD, ALL, NEW = ("3.11", "3.12"), ("3.11", "3.12", "3.13"), ("3.12", "3.13")
MATRIX = [
    ("dockerflow", "differences", ("3.11",)),
    ("django==4.2.*", "django", OLD),
    ("django==5.2.*", "django", ALL),
    ("django==6.0.*", "django", NEW),
    ("django==6.1.*", "django", NEW),
    ("flask==2.3.*", "flask", ALL),
    ("flask==3.0.*", "flask", ALL),
    ("flask==3.1.*", "flask", ALL),
    # These use what later releases of websockets have moved.
    ("sanic==23.12.* websockets<14", "sanic", OLD),
    ("sanic==24.12.* websockets<14", "sanic", ALL),
    ("sanic==25.*", "sanic", ALL),
    ("fastapi==0.100.*", "fastapi", OLD),
    ("starlette==0.46.*", "fastapi", ALL),
    ("starlette==1.*", "fastapi", ALL),
    ("sqlalchemy==2.0.*", "services", ALL),
    ("sqlalchemy==2.1.*", "services", ALL),
    ("redis==5.*", "services", ALL),
    ("redis==6.*", "services", ALL),
    ("redis==7.*", "services", ALL),
    ("redis==8.*", "services", ALL),
]
ROWS = [
    nox.param(python, pins, group, id=f"{pins.split()[0]}-{python}")
    for pins, group, pythons in MATRIX
    for python in pythons
]
FRAMEWORKS = ("django", "fastapi", "flask", "sanic")


@nox.session
@nox.parametrize(["python", "pins", "group"], ROWS)
def compat(session: nox.Session, pins: str, group: str) -> None:
    """Run the tests of a framework, or of the checks, with one of its versions.

    With python-dockerflow, compare with it in all frameworks, field by field.
    """
    groups = FRAMEWORKS if group == "differences" else (group,)
    wanted = nox.project.dependency_groups(
        PYPROJECT, "pytest", "services", "demo", *groups
    )
    session.install("-q", "-e", ".", *wanted, *pins.split())
    tests = {
        "differences": ["tests/compat"],
        "services": ["tests/checks/builtin"],
    }.get(group, [f"tests/{group}", "tests/contract", "-k", group])
    # What old releases import may be deprecated by now.
    ignored = ("-W", "ignore::DeprecationWarning")
    session.run("pytest", "-q", *ignored, *tests, *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure beside other packages, in one run; arguments name topics."""
    install(session, "bench")
    session.run("python", "-m", "tests.benchmarks", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Try the properties of lines a hundred thousand times each."""
    install(session, "tests")
    session.env["DOCKERFLOW_TEST_EXAMPLES"] = "100000"
    session.run("pytest", "-q", "tests/test_lines.py", *session.posargs)
