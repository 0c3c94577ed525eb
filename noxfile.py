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


@nox.session
def bench(session: nox.Session) -> None:
    """Measure beside python-dockerflow, in one run."""
    install(session, "bench")
    session.run("python", "-m", "tests.benchmarks.heartbeat")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Try the properties of lines a hundred thousand times each."""
    install(session, "tests")
    session.env["DOCKERFLOW_TEST_EXAMPLES"] = "100000"
    session.run("pytest", "-q", "tests/test_lines.py", *session.posargs)
