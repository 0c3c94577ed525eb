"""Move a project from python-dockerflow to dockerflow-mw.

Without ``--write`` the command prints what would change, and changes nothing.
"""

from __future__ import annotations

import argparse
import difflib
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dockerflow_mw.cli.findings import Finding
from dockerflow_mw.cli.rewriting import rewrite_configuration, rewrite_python

CONFIGURATIONS = {".cfg", ".ini", ".toml", ".yaml", ".yml"}
SKIPPED = {".git", ".hg", ".nox", ".tox", "__pycache__", "node_modules"}


class _File(NamedTuple):
    """A file of the project before and after."""

    path: Path
    before: bytes
    after: bytes
    findings: set[Finding]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand.

    Args:
        parser: the parser of the subcommand.
    """
    parser.add_argument("path", metavar="PATH", type=_path, help="a file or a folder")
    parser.add_argument(
        "--write", action="store_true", help="write the changes instead of a diff"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print or write the changes; then print what a person has to look at.

    Args:
        arguments: ``path`` and ``write``.

    Returns:
        0, or 1 if a file cannot be written.
    """
    files = [*_files(arguments.path)]
    changed = [file for file in files if file.after != file.before]
    if arguments.write:
        try:
            _write(changed)
        except OSError as error:
            reason = f"cannot write {error.filename}: {error.strerror}"
            print(f"dockerflow-mw migrate: {reason}; run it again.", file=sys.stderr)
            return 1
    lines: list[bytes] = []
    for file in changed:
        name = os.fsencode(file.path)
        lines += [b"Changed %b\n" % name] if arguments.write else _diff(file)
    for file in files:
        for line, sentence in sorted(file.findings):
            text = f"{line}: {sentence}\n".encode(errors="surrogateescape")
            lines.append(b"%b:%b" % (os.fsencode(file.path), text))
    if not changed:
        lines.append(b"No file needs a change.\n")
    # The bytes of the files, so that a tool such as patch can apply the diff.
    sys.stdout.buffer.writelines(lines)
    sys.stdout.buffer.flush()
    return 0


def _path(value: str) -> Path:
    path = Path(value)
    if not path.exists():
        raise argparse.ArgumentTypeError(f"{value!r} does not exist")
    if not path.is_dir() and _kind(path) is None:
        allowed = ", ".join(sorted({".py", *CONFIGURATIONS}))
        raise argparse.ArgumentTypeError(
            f"{value!r} is neither a folder nor a file of requirements or of {allowed}"
        )
    return path


def _kind(path: Path) -> str | None:
    """Return the kind of a file, or ``None`` for a file that the command skips."""
    if path.suffix == ".py":
        return "python"
    packages = path.suffix in (".in", ".txt") and (
        "requirements" in path.name or path.parent.name == "requirements"
    )
    if path.suffix in CONFIGURATIONS or packages or path.name == "Pipfile":
        return "configuration"
    return None


def _files(path: Path) -> Iterator[_File]:
    """Yield the files that mention dockerflow, in order."""
    for found in [path] if path.is_file() else _walk(path):
        try:
            before = found.read_bytes()
        except OSError as error:
            sentence = f"The file cannot be read: {error.strerror}."
            yield _File(found, b"", b"", {Finding(1, sentence)})
            continue
        if b"dockerflow" not in before:
            continue
        if _kind(found) == "python":
            after, findings = rewrite_python(before, found.name)
        else:
            after, findings = rewrite_configuration(before)
        yield _File(found, before, after, findings)


def _walk(top: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(top):
        # A folder with pyvenv.cfg is a virtual environment.
        folders[:] = [
            name
            for name in sorted(folders)
            if name not in SKIPPED and not Path(folder, name, "pyvenv.cfg").exists()
        ]
        for name in sorted(names):
            path = Path(folder, name)
            if _kind(path) and path.is_file() and not path.is_symlink():
                yield path


def _diff(file: _File) -> Iterator[bytes]:
    before, after = (io.BytesIO(d).readlines() for d in (file.before, file.after))
    name = os.fsencode(file.path)
    for line in difflib.diff_bytes(difflib.unified_diff, before, after, name, name):
        yield (
            line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n"
        )


def _write(files: list[_File]) -> None:
    """Replace all files, or none if the new content of one cannot be stored.

    Raises:
        OSError: a file cannot be written; its ``filename`` is that file.
    """
    prepared: list[tuple[Path, Path]] = []
    path = Path()
    try:
        for path, _, after, _ in files:
            prepared.append((_stored_beside(path, after), path))
        for temporary, path in prepared:
            # Replacing a link would leave its target as it was.
            temporary.replace(path.resolve())
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    finally:
        for temporary, _ in prepared:
            temporary.unlink(missing_ok=True)


def _stored_beside(path: Path, data: bytes) -> Path:
    """Return a new file of the same folder and mode, with other content."""
    target = path.resolve()
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as file:
        try:
            file.write(data)
            file.close()
            shutil.copymode(target, file.name)
        except OSError:
            os.unlink(file.name)
            raise
    return Path(file.name)
