"""The command ``dockerflow-mw migrate``, run on folders and files."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from dockerflow_mw.cli import main

MODULE = "import os\nimport dockerflow\nx = 1\nprint('dockerflow')\n"
MOVED = "import os\nimport dockerflow_mw as dockerflow\nx = 1\nprint('dockerflow')\n"

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "dockerflow_mw")


def project(folder: Path) -> Path:
    """Make a project with two files to change and two lines to look at."""
    for name, text in {
        "src/app.py": MODULE,
        "src/old.py": "print 'dockerflow'",
        "logging.ini": "class = dockerflow.logging.MozlogFormatter",
        "requirements/base.txt": "dockerflow>=2024.4\n",
        "README.md": "dockerflow.logging.MozlogFormatter\n",
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


DIFF = """\
--- {0}/logging.ini
+++ {0}/logging.ini
@@ -1 +1 @@
-class = dockerflow.logging.MozlogFormatter
\\ No newline at end of file
+class = dockerflow_mw.logging.MozlogFormatter
\\ No newline at end of file
--- {0}/src/app.py
+++ {0}/src/app.py
@@ -1,4 +1,4 @@
 import os
-import dockerflow
+import dockerflow_mw as dockerflow
 x = 1
 print('dockerflow')
"""

FINDINGS = """\
{0}/requirements/base.txt:1: If this is a dependency, replace dockerflow by \
dockerflow-mw.
{0}/src/old.py:1: The file is unchanged, as it cannot be read: Missing parentheses in \
call to 'print'. Did you mean print(...)?.
"""


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_diff_is_printed_and_no_file_changes(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    before = contents(project(tmp_path))
    assert main(["migrate", str(tmp_path)]) == 0
    shown = capsysbinary.readouterr().out.decode()
    assert shown == (DIFF + FINDINGS).format(tmp_path)
    assert contents(tmp_path) == before


def test_the_diff_can_be_applied(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    file = tmp_path / "app.py"
    file.write_bytes(b"# coding: latin-1\r\nx = '\xe9'\r\nimport dockerflow as d\r\n")
    main(["migrate", str(file)])
    diff = capsysbinary.readouterr().out
    main(["migrate", str(file), "--write"])
    expected = file.read_bytes()
    file.write_bytes(expected.replace(b"_mw", b""))
    command = ["git", "apply", "-p0", "--unsafe-paths", "--directory=/"]
    subprocess.run(command, input=diff, cwd=tmp_path, check=True, timeout=30)
    assert file.read_bytes() == expected


def test_write_changes_the_files_once(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    app = project(tmp_path) / "src" / "app.py"
    app.chmod(0o750)
    assert main(["migrate", "--write", str(tmp_path)]) == 0
    shown = capsysbinary.readouterr().out.decode()
    changed = "Changed {0}/logging.ini\nChanged {0}/src/app.py\n"
    assert shown == (changed + FINDINGS).format(tmp_path)
    assert app.read_text() == MOVED
    assert app.stat().st_mode & 0o777 == 0o750

    after = contents(tmp_path)
    assert main(["migrate", "--write", str(tmp_path)]) == 0
    shown = capsysbinary.readouterr().out.decode()
    assert shown == FINDINGS.format(tmp_path) + "No file needs a change.\n"
    assert contents(tmp_path) == after


def test_the_target_of_a_link_is_changed(tmp_path: Path) -> None:
    target, link = tmp_path / "target.py", tmp_path / "link.py"
    target.write_text(MODULE)
    link.symlink_to(target)
    assert main(["migrate", "--write", str(link)]) == 0
    assert link.is_symlink()
    assert target.read_text() == MOVED


@pytest.mark.parametrize(
    "name",
    [
        ".git/hook.py",
        ".hg/hook.py",
        ".nox/tests/app.py",
        ".tox/tests/app.py",
        "web/node_modules/tool/app.py",
        "env/lib/app.py",
        "app.txt",
    ],
)
def test_files_of_tools_are_skipped(tmp_path: Path, name: str) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(MODULE)
    main(["migrate", "--write", str(tmp_path)])
    assert file.read_text() == MODULE


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["migrate"], "the following arguments are required: PATH"),
        (["migrate", "/no/path"], "'/no/path' does not exist"),
        (["migrate", ""], "'' does not exist"),
        (["migrate", ".", "--wirte"], "unrecognized arguments: --wirte"),
        (["migrate", ".", "--writ"], "unrecognized arguments: --writ"),
    ],
)
def test_bad_input_is_told_in_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert sentence in shown.err
    assert shown.err.count("\n") == 1


UNREADABLE = [
    ("app.py", b"import dockerflow\nprint 'x'", 2, "Missing parentheses"),
    ("app.py", b"import dockerflow\nx = '\xe9'", 1, "can't decode"),
    ("app.py", b"# coding: nothing\nimport dockerflow", 1, "unknown encoding"),
    ("app.py", b"# coding: rot13\nimport dockerflow", 1, "not a text encoding"),
    ("app.py", b"x = 'dockerflow'" + b" + ''" * 3000, 1, "recursion"),
    (
        "log.ini",
        b"# \xe9\nclass = dockerflow.logging.MozlogFormatter",
        1,
        "can't decode",
    ),
]


@pytest.mark.parametrize(("name", "data", "line", "reason"), UNREADABLE)
def test_an_unreadable_file_stays(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    data: bytes,
    line: int,
    reason: str,
) -> None:
    file = tmp_path / name
    file.write_bytes(data)
    assert main(["migrate", "--write", str(tmp_path)]) == 0
    finding, end = capsys.readouterr().out.splitlines()
    assert finding.startswith(f"{file}:{line}: The file is unchanged, as it cannot be ")
    assert reason in finding
    assert end == "No file needs a change."
    assert file.read_bytes() == data


# A first run imports everything, because the standard library may be root's alone.
AS_ANOTHER_USER = """
import os, sys
from dockerflow_mw.cli import main
main(["migrate", sys.argv[1]])
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
sys.exit(main(["migrate", sys.argv[1]]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such rights.")
def test_a_closed_folder_is_reported_and_the_others_are_read() -> None:
    with tempfile.TemporaryDirectory() as name:
        # The parents of tmp_path are closed to other users.
        folder, closed = Path(name), Path(name, "pgdata")
        folder.chmod(0o755)
        (folder / "app.py").write_text(MODULE)
        closed.mkdir(0o700)
        if os.getuid() != 0:
            closed.chmod(0)
        command = [sys.executable, "-c", AS_ANOTHER_USER, name]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=True
        )
        closed.chmod(0o700)
    assert f"+++ {folder / 'app.py'}" in done.stdout
    assert f"{closed}:1: The file is unchanged, as it cannot be read: " in done.stdout


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="needs root")
def test_the_owner_of_a_file_stays(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text(MODULE)
    os.chown(file, 65534, 65534)
    main(["migrate", "--write", str(file)])
    assert (file.stat().st_uid, file.stat().st_gid) == (65534, 65534)


def test_a_named_file_is_read_whatever_its_suffix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "Pipfile"
    file.write_text('dockerflow = "*"')
    assert main(["migrate", str(file)]) == 0
    assert capsys.readouterr().out.startswith(f"{file}:1: If this is a dependency")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no ulimit.")
def test_no_file_changes_if_one_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(MODULE)
    (tmp_path / "b.py").write_text(MODULE + "#" * 100_000)
    before = contents(tmp_path)
    # The system refuses files of more than 16 KiB.
    limited = ["bash", "-c", 'ulimit -f 16; exec "$@"', "bash"]
    done = subprocess.run(
        [*limited, *COMMAND, "migrate", "--write", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stdout) == (1, "")
    reason = f"cannot write {tmp_path}/b.py: File too large"
    assert done.stderr == f"dockerflow-mw migrate: {reason}; run it again.\n"
    assert contents(tmp_path) == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no bash.")
def test_a_closed_pipe_is_no_error_to_look_at(tmp_path: Path) -> None:
    # The diff is larger than the buffer of a pipe.
    (tmp_path / "app.py").write_text("import dockerflow\n" * 10_000)
    command = ["bash", "-c", '"$@" | head -1', "bash", *COMMAND, "migrate", "app.py"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=30
    )
    assert (done.stdout, done.stderr) == ("--- app.py\n", "")
