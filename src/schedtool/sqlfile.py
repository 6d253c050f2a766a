"""One file of `sql/`: what its header says, and whether it keeps to the contract of its folder."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from schedtool import directives, psqlscript
from schedtool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_DIRECTIVES = {
    "batches": {"keys", "settings", "leftover"},
    "dry_run": {"keys", "settings"},
    "verify": {"keys", "settings", "until"},
    "settings": {"keys"},
    "queries": {"writes"},
}
_RANGED = {"batches", "dry_run"}
# What a file of batches/ may be; any other part is a slip, and the file would be passed over in silence.
_BATCH_PARTS = {None, "session", "reject", "rollback", "rollback.reject", "before", "after"}
# Beside first, last and settings.
_PARAMETERS: dict[tuple[str, str | None], set[str]] = {("dry_run", "rescues"): {"rejects", "candidates"}}
_CHECKED = {"batches", "dry_run", "verify"}
# Letters said by what is none, which Python compiles quicker; see psqlscript.
_IDENTIFIER = r'([^\x00-@\[-^`{-\x7F][\w$]*|"(?:[^"]|"")+")'
_KEYS = re.compile(rf"{_IDENTIFIER}\s*\(\s*{_IDENTIFIER}\s*\)")
_TRANSACTION_CONTROL = {"begin", "commit", "end", "abort"}


@dataclass(frozen=True)
class Keys:
    """The table and key whose ranges a file is run for, as the catalog spells them."""

    table: str
    column: str


@dataclass(frozen=True)
class SqlFile:
    """A file of `sql/<folder>/`.

    Attributes:
        name: The file's name without `.sql`.
        migration: The id of the migration it belongs to, or None in folders that belong to none.
        part: What stands between the id and `.sql`, or None.
        keys: It is run per range of this table and key.
        settings: The number of the migration whose stored settings it reads.
        leftover: What a finished job has done stays done; so many keys the migration's file may then do alone.
        until: The number of the migration after which it is no longer run.
        writes: It may change data; all other queries run READ ONLY.
        parameters: The names of its `:'parameters'`, in order of their first use.
        description: What its header says, without directives.
    """

    folder: str
    name: str
    path: Path
    text: str = field(repr=False)
    migration: str | None
    part: str | None
    keys: Keys | None
    settings: str | None
    until: str | None
    leftover: int | None
    writes: bool
    parameters: tuple[str, ...]
    description: str = field(repr=False)


def read_text(path: Path, file: str) -> str:
    """A SQL file's text, without byte order mark, with lines that end in a line feed.

    Raises:
        UsageError: It cannot be read, is not UTF-8, or holds a NUL.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{file}:{line}: it is not UTF-8", code="bad_file") from error
    except OSError as error:
        raise UsageError(f"{file}: it cannot be read: {error.strerror}", code="bad_file") from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        raise UsageError(f"{file}:{psqlscript.line_of(text, text.index(chr(0)))}: it holds a NUL", code="bad_file")
    return text


def files_in(folder: Path) -> list[Path]:
    """The files of a folder in order of name, hidden ones left out; none where there is no folder.

    Raises:
        UsageError: It is there, and may not be read.
    """
    try:
        found = (path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())
        return sorted(found, key=lambda path: path.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        message = f"{folder} cannot be read: {error.strerror}"
        raise UsageError(
            message, hint="files and folders of a project are read by whoever runs it", code="bad_project"
        ) from error


def check_script(script: psqlscript.Script, file: str) -> None:
    """Refuse what cannot be sent in one message inside the runner's transaction.

    Raises:
        UsageError: A backslash command, COPY with data, transaction control, or a quote without an end.
    """
    for lines, what, hint in (
        (script.meta_commands[:1], "a backslash command is for psql only", "say it in SQL"),
        (script.copies[:1], "COPY with STDIN or STDOUT is for psql only", "use INSERT … VALUES"),
        ((script.unclosed,) if script.unclosed else (), "a quote or comment has no end", None),
        (
            (script.continued,) if script.continued else (),
            "psql and the server read an E'' string differently that goes on on another line",
            "join the pieces with ||",
        ),
    ):
        if lines:
            raise UsageError(f"{file}:{lines[0]}: {what}", hint=hint, code="bad_file")
    for statement in script.statements:
        first, second = (*statement.words, "", "")[:2]
        if (
            first in _TRANSACTION_CONTROL
            or (first, second) in {("start", "transaction"), ("prepare", "transaction")}
            or (first == "rollback" and second != "to")
        ):
            raise UsageError(
                f"{file}:{statement.line}: {first.upper()} has no place in a file; the runner owns the transaction",
                code="bad_file",
            )


def read_folder(root: Path, folder: str, owners: Mapping[str, str] | None) -> list[SqlFile]:
    """The files of `sql/<folder>/`, in order of name; `owners` are ids and numbers of the migrations they belong to.

    Raises:
        UsageError: A file belongs to no migration, or breaks the contract of its folder.
    """
    paths = [path for path in files_in(root / "sql" / folder) if path.suffix == ".sql"]
    files = [_read(path, f"sql/{folder}/{path.name}", folder, owners) for path in paths]
    return sorted(files, key=lambda file: (file.migration or "", file.part or "", file.name))


def _read(path: Path, file: str, folder: str, owners: Mapping[str, str] | None) -> SqlFile:
    text = read_text(path, file)
    script = psqlscript.scan(text)
    header = directives.read(text, file=file, known=_DIRECTIVES.get(folder, set()))
    check_script(script, file)
    if not script.statements:
        raise UsageError(f"{file}:1: it holds no statement", code="bad_file")
    migration, part = _owner(path.stem, file, owners) if owners is not None else (None, None)
    around = folder == "batches" and part in {"session", "before", "after"}
    if folder == "batches" and part not in _BATCH_PARTS:
        parts = ", ".join(sorted(filter(None, _BATCH_PARTS)))
        raise UsageError(f"{file}:1: '{part}' is no part of batches: {parts}", code="bad_file")
    keys = _keys(header.get("keys"), file, required=folder in _RANGED and not around)
    numbers = set(owners.values()) if owners is not None else set()
    settings = _number(header.get("settings"), file, numbers)
    names = tuple(dict.fromkeys(found.name for found in script.parameters if found.style == "literal"))
    if folder in _CHECKED:
        given = {"first", "last"} if keys and not around else set()
        if part is not None and part.endswith("reject"):
            given |= {"sqlstate", "message"}
        given |= _PARAMETERS.get((folder, part), set()) | ({"settings"} if settings else set())
        _check_parameters(script, file, given)
    return SqlFile(
        folder=folder,
        name=path.stem,
        path=path,
        text=text,
        migration=migration,
        part=part,
        keys=keys,
        settings=settings,
        until=_number(header.get("until"), file, numbers),
        leftover=_leftover(header.get("leftover"), file),
        writes="writes" in header,
        parameters=names,
        description=_description(script, {said.line for said in header.values()}),
    )


def _owner(stem: str, file: str, owners: Mapping[str, str]) -> tuple[str, str | None]:
    for migration, number in owners.items():
        for name in (migration, number):
            if stem == name:
                return migration, None
    # The longest id first: one id may be the beginning of another.
    for migration in sorted(owners, key=len, reverse=True):
        if stem.startswith(f"{migration}."):
            return migration, stem.removeprefix(f"{migration}.")
    for migration, number in owners.items():
        if file.startswith("sql/settings/") and stem.startswith(f"{number}."):
            return migration, stem.removeprefix(f"{number}.")
    raise UsageError(f"{file}:1: there is no migration of this name", code="bad_project")


def _keys(said: directives.Directive | None, file: str, *, required: bool) -> Keys | None:
    if said is None:
        if required:
            hint = "say for which ranges it runs: -- keys: table (column)"
            raise UsageError(f"{file}:1: its header has no '-- keys:'", hint=hint, code="bad_file")
        return None
    match = _KEYS.fullmatch(said.value)
    if match is None:
        message = f"{file}:{said.line}: '-- keys:' is table (column), not '{said.value}'"
        raise UsageError(message, code="bad_file")
    return Keys(_spelled(match.group(1)), _spelled(match.group(2)))


def _spelled(identifier: str) -> str:
    return identifier[1:-1].replace('""', '"') if identifier.startswith('"') else identifier.lower()


def _number(said: directives.Directive | None, file: str, numbers: set[str]) -> str | None:
    if said is not None and said.value not in numbers:
        message = f"{file}:{said.line}: '-- {said.name}:' is the number of a migration, and '{said.value}' is none"
        raise UsageError(message, code="bad_file")
    return said.value if said else None


def _leftover(said: directives.Directive | None, file: str) -> int | None:
    if said is not None and not re.fullmatch(r"[0-9]{1,9}", said.value):
        message = f"{file}:{said.line}: '-- leftover:' is a number of keys, not '{said.value}'"
        raise UsageError(message, code="bad_file")
    return int(said.value) if said is not None else None


def _check_parameters(script: psqlscript.Script, file: str, given: set[str]) -> None:
    here = ", ".join(f":'{name}'" for name in sorted(given)) or "none"
    for parameter in script.parameters:
        if parameter.style == "literal" and parameter.name in given:
            continue
        if parameter.style == "bare" and parameter.name.isdigit():
            continue
        raise UsageError(
            f"{file}:{parameter.line}: parameters of this file are {here}, and this reads as psql's {parameter.name}",
            hint=f"write :'{parameter.name}'" if parameter.name in given else None,
            code="bad_file",
        )


def _description(script: psqlscript.Script, directive_lines: set[int]) -> str:
    first = script.statements[0].line
    lines = [
        comment.text.removeprefix("--").strip()
        for comment in script.comments
        if comment.line < first and comment.text.startswith("--") and comment.line not in directive_lines
    ]
    return "\n".join(lines).strip()
