"""The project's sessions, which ``nox -l`` lists."""

from __future__ import annotations

import signal

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["tests", "lint", "typing", "docs"]

PYPROJECT = nox.project.load_toml("pyproject.toml")


def install(session: nox.Session, *groups: str) -> None:
    """Install the package with dependency groups."""
    session.install("-q", "-e", ".", *nox.project.dependency_groups(PYPROJECT, *groups))


@nox.session
def demo(session: nox.Session) -> None:
    """Serve two applications, stop their database, and print answers and log lines."""
    install(session, "demo")
    # nox passes a KeyboardInterrupt on to the demo. By default, SIGTERM would end nox
    # and leave the servers running.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    session.run("python", "examples/demo.py", *session.posargs, terminate_timeout=30)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests and measure their coverage; arguments go to pytest."""
    install(session, "tests")
    session.run("coverage", "run", "-m", "pytest", *session.posargs)
    if not session.posargs:
        session.run("coverage", "report")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting, floors and circles of imports, sizes, and wording."""
    install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")
    session.run("python", ".ci/check_style.py")


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types in strict mode."""
    install(session, "typing")
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error."""
    install(session, "docs")
    session.run("sphinx-build", "-n", "-W", "--keep-going", "-q", "docs", "docs/_build")


# Pinned versions, the dependency group that tests them, and the Pythons that they
# support.
OLD, ALL, NEW = ("3.11", "3.12"), ("3.11", "3.12", "3.13"), ("3.12", "3.13")
OLDEST = "django==4.2.* flask==2.3.* sanic==23.12.* websockets<14 fastapi==0.100.*"
MATRIX = [
    ("dockerflow", "differences", ("3.11",)),
    (f"dockerflow {OLDEST}", "differences", ("3.11",)),
    ("django==4.2.*", "django", OLD),
    ("django==5.2.*", "django", ALL),
    ("django==6.0.*", "django", NEW),
    ("django==6.1.*", "django", NEW),
    ("flask==2.3.*", "flask", ALL),
    ("flask==3.0.*", "flask", ALL),
    ("flask==3.1.*", "flask", ALL),
    # These releases import names that websockets 14 has moved.
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
    nox.param(python, pins, group, id=f"{name}-{python}")
    for pins, group, pythons in MATRIX
    for name in ["dockerflow-oldest" if OLDEST in pins else pins.split()[0]]
    for python in pythons
]
FRAMEWORKS = ("django", "fastapi", "flask", "sanic")


@nox.session
@nox.parametrize(["python", "pins", "group"], ROWS)
def compat(session: nox.Session, pins: str, group: str) -> None:
    """Run the tests of a framework or of the checks with one pinned version.

    The rows of python-dockerflow compare all frameworks with it, field by field.
    """
    groups = FRAMEWORKS if group == "differences" else (group,)
    wanted = nox.project.dependency_groups(
        PYPROJECT, "pytest", "services", "demo", *groups
    )
    session.install("-q", "-e", ".", *wanted, *pins.split())
    tests = {
        "differences": ["tests/compat", "tests/test_complete_example.py"],
        "services": ["tests/checks/builtin"],
    }.get(group, [f"tests/{group}", "tests/contract", "-k", group])
    # Old releases import modules that are deprecated since, such as multipart.
    ignored = (
        *("-W", "ignore::DeprecationWarning"),
        *("-W", "ignore::PendingDeprecationWarning"),
    )
    session.run("pytest", "-q", *ignored, *tests, *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure the package and its peers in one run; arguments name topics."""
    install(session, "bench")
    session.run("python", "-m", "tests.benchmarks", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Run the property tests of log lines with 100,000 examples each."""
    install(session, "tests")
    session.env["DOCKERFLOW_TEST_EXAMPLES"] = "100000"
    session.run("pytest", "-q", "tests/test_lines.py", *session.posargs)
