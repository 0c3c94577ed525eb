"""Finds the files of a project, and prints or writes their changes."""

from __future__ import annotations

import difflib
import io
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dockerflow_mw.cli.findings import Finding
from dockerflow_mw.cli.rewriting import rewrite_configuration, rewrite_python

# Odd files raise the last three in tokenize, ast and codecs.
_UNREADABLE = (
    *(OSError, SyntaxError, ValueError),
    *(LookupError, MemoryError, RecursionError),
)

# A module without the first may register a check with Django.
_MENTION = re.compile(rb"dockerflow|django\.core")

SUFFIXES = {".py", ".cfg", ".ini", ".toml", ".yaml", ".yml"}


class _File(NamedTuple):
    """A file of the project before and after."""

    path: Path
    before: bytes
    after: bytes
    findings: set[Finding]


def run(path: Path, *, write: bool) -> int:
    """Print or write the changes; then print what a person has to look at.

    Args:
        path: a file or a folder.
        write: whether to write the changes; otherwise they are printed as a diff.

    Returns:
        0, or 1 if a file cannot be written.
    """
    files = [*_files(path)]
    changed = [file for file in files if file.after != file.before]
    if write:
        try:
            _write(changed)
        except OSError as error:
            reason = f"cannot write {error.filename}: {error.strerror}"
            print(f"dockerflow-mw migrate: {reason}; run it again.", file=sys.stderr)
            return 1
    lines: list[bytes] = []
    for file in changed:
        name = os.fsencode(file.path)
        lines += [b"Changed %b\n" % name] if write else _diff(file)
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


def _files(path: Path) -> Iterator[_File]:
    """Yield the files that may need a change or a look, in order."""
    for found in [path] if path.is_file() else _walk(path):
        is_python = found.suffix == ".py"
        rewrite = rewrite_python if is_python else rewrite_configuration
        try:
            before = found.read_bytes()
            if _MENTION.search(before):
                yield _File(found, before, *rewrite(before))
        except _UNREADABLE as error:
            line = getattr(error, "lineno", None) or 1
            reason = f"it cannot be read: {getattr(error, 'msg', error)}"
            finding = Finding(line, f"The file is unchanged, as {reason}.")
            yield _File(found, b"", b"", {finding})


def _walk(top: Path) -> Iterator[Path]:
    unreadable: list[Path] = []
    for folder, folders, names in os.walk(
        top, onerror=lambda error: unreadable.append(Path(error.filename))
    ):
        folders[:] = [
            name for name in sorted(folders) if not _is_of_a_tool(Path(folder, name))
        ]
        for name in sorted(names):
            path = Path(folder, name)
            if _is_known(path) and path.is_file() and not path.is_symlink():
                yield path
    # The caller reports the error that reading them raises.
    yield from unreadable


def _is_known(path: Path) -> bool:
    return path.suffix in SUFFIXES or (
        path.suffix == ".txt" and "requirements" in f"{path.parent.name}/{path.name}"
    )


def _is_of_a_tool(folder: Path) -> bool:
    return (
        folder.name.startswith(".")
        or folder.name == "node_modules"
        or os.path.exists(folder / "pyvenv.cfg")  # a virtual environment
    )


def _diff(file: _File) -> Iterator[bytes]:
    before, after = (io.BytesIO(d).readlines() for d in (file.before, file.after))
    name = os.fsencode(file.path)
    for line in difflib.diff_bytes(difflib.unified_diff, before, after, name, name):
        yield line
        if not line.endswith(b"\n"):
            yield b"\n\\ No newline at end of file\n"


def _write(files: list[_File]) -> None:
    """Replace all files, or none if the new content of one cannot be stored.

    Raises:
        OSError: a file cannot be written; its ``filename`` is that file.
    """
    prepared: list[tuple[Path, Path]] = []
    path = Path()
    try:
        for path, _, after, _ in files:
            # Replacing a link would leave its target as it was.
            target = path.resolve()
            temporary = target.with_name(f"{target.name}.dockerflow-mw")
            prepared.append((temporary, target))
            temporary.touch(0o600)  # the file may have secrets
            temporary.write_bytes(after)
            shutil.copymode(target, temporary)
            owner = target.stat()
            os.chown(temporary, owner.st_uid, owner.st_gid)
        for temporary, path in prepared:
            temporary.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    finally:
        for temporary, _ in prepared:
            temporary.unlink(missing_ok=True)
