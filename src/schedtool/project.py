"""A project: a folder with `migrations/` and `sql/`, read whole and checked before anything runs.

A file that breaks a rule is refused with its line. What is read is text: nothing here knows a database.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from schedtool import directives, psqlscript
from schedtool.errors import UsageError
from schedtool.ordering import in_order
from schedtool.sqlfile import Keys, SqlFile, check_script, files_in, read_folder, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Keys", "Migration", "Project", "SqlFile", "load"]

_ROLLBACK = ".rollback.sql"
_BY_MIGRATION = ("batches", "dry_run", "verify", "plan", "rejects", "settings")
_DIRECTIVES = frozenset({"transactional", "depends", "guard", "again", "rollback"})
_OTHERS = ("queries", "rehearse")


@dataclass(frozen=True)
class Migration:
    """One versioned SQL file.

    Attributes:
        id: The file's name without `.sql`, which is also yoyo's id.
        number: What other files call it: its leading digits, or the id where there are none.
        text: What is sent, without byte order mark, with lines that end in a line feed.
        checksum: SHA-256 of that text, in hex: an editor that changes line ends changes no migration.
        contract: It destroys, and runs only when asked to.
        transactional: False for one statement that cannot run in a transaction.
        one_way: It says that there is no way back, so it may run without a rollback.
        guarded: Its first statement only looks, and only at what is there before any migration: see guards.py.
        again: Once it is committed it is sent once more, for what it leaves to a transaction of its own.
        depends: Ids that come before it.
        rollback: The text of its rollback, or None.
    """

    id: str
    number: str
    path: Path
    text: str = field(repr=False)
    checksum: str
    contract: bool
    transactional: bool
    one_way: bool
    guarded: bool
    again: bool
    depends: tuple[str, ...]
    rollback_path: Path | None
    rollback: str | None = field(repr=False)


@dataclass(frozen=True)
class Project:
    """All files of a project.

    Attributes:
        migrations: In the order in which they are applied, those of `contract/` last.
        checked: Every file was read and keeps the rules; see `load` and `glance`.
    """

    root: Path
    migrations: tuple[Migration, ...]
    checked: bool = True
    _folders: dict[str, tuple[SqlFile, ...]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def files(self) -> tuple[SqlFile, ...]:
        """What `sql/` holds beside the migrations."""
        return tuple(file for name in (*_BY_MIGRATION, *_OTHERS) for file in self.folder(name))

    def thorough(self) -> Project:
        """The same project with every file checked, which is what anything is run from.

        Raises:
            UsageError: A file breaks a rule; the message names file and line.
        """
        if self.checked:
            return self
        for migration in self.migrations:
            _check(migration, self.root)
        project = replace(self, checked=True)
        for name in (*_BY_MIGRATION, *_OTHERS):
            # Reads it: a mistake is told before anything runs.
            project.folder(name)
        return project

    def find(self, beginning: str) -> Migration:
        """The migration whose id begins so, if it is only one.

        Raises:
            UsageError: None does, or several do.
        """
        exact = [migration for migration in self.migrations if beginning in {migration.id, migration.number}]
        found = exact or [migration for migration in self.migrations if migration.id.startswith(beginning)]
        if len(found) == 1 and beginning:
            return found[0]
        if found and beginning:
            names = ", ".join(migration.id for migration in found)
            raise UsageError(f"'{beginning}' begins several migrations: {names}", code="ambiguous_migration")
        names = ", ".join(migration.id for migration in self.migrations)
        raise UsageError(f"no migration '{beginning}'", hint=f"there are {names}", code="unknown_migration")

    def sql_files(self, folder: str, migration: Migration) -> tuple[SqlFile, ...]:
        """The files of `sql/<folder>/` that belong to a migration, the one without a part first."""
        return tuple(file for file in self.folder(folder) if file.migration == migration.id)

    def sql_file(self, folder: str, migration: Migration, part: str | None = None) -> SqlFile | None:
        """The one file of `sql/<folder>/` for a migration and part (`<id>.<part>.sql`), or None."""
        return next((file for file in self.sql_files(folder, migration) if file.part == part), None)

    def folder(self, name: str) -> tuple[SqlFile, ...]:
        """All files of `sql/<name>/`, in order of name; read and checked when they are first asked for."""
        if name not in self._folders:
            owners = {migration.id: migration.number for migration in self.migrations}
            self._folders[name] = tuple(read_folder(self.root, name, owners if name in _BY_MIGRATION else None))
        return self._folders[name]

    def relative(self, path: Path) -> str:
        """A path as messages show it: from the project's root where it lies there."""
        return _shown(path, self.root)


def load(directory: Path | None) -> Project:
    """Read and check a project; without a directory, the one that comes with the package.

    Raises:
        UsageError: A folder is missing or holds no migration, or a file breaks a rule; the message names file and line.
    """
    return glance(directory).thorough()


def glance(directory: Path | None) -> Project:
    """Read a project without checking its files, for what only compares them with the records.

    Reading every statement of every file is a third of what `status` takes. Whatever runs a file takes the project's
    `thorough()` first.

    Raises:
        UsageError: A folder is missing or holds no migration, or a migration's header breaks a rule.
    """
    root = directory if directory is not None else shipped()
    return Project(root, _read_migrations(root), checked=False)


def shipped() -> Path:
    """Where the migrations that come with the package lie: inside a wheel, or on top of the checkout."""
    package = Path(__file__).parent
    inside = package / "_project"
    return inside if inside.is_dir() else package.parent.parent


def number_of(migration_id: str) -> str:
    """What other files call a migration: its leading digits (`0003`, `20240131_02`), or the id where there are none."""
    match = re.match(r"\d+(?:_\d+)*", migration_id)
    return match.group() if match else migration_id


def _read_migrations(root: Path) -> tuple[Migration, ...]:
    folder = root / "migrations"
    try:
        there = folder.is_dir()
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error.strerror}", code="no_migrations") from error
    if not there:
        hint = "--project names a folder that holds migrations/ and sql/"
        raise UsageError(f"{root} has no folder migrations/", hint=hint, code="no_migrations")
    paths = _migration_paths(folder, root)
    plain = [_read_migration(path, root, contract=False) for path in paths]
    paths = _migration_paths(folder / "contract", root)
    contract = [_read_migration(path, root, contract=True) for path in paths]
    if not plain + contract:
        raise UsageError(f"{folder} holds no migrations", hint="write one: schedtool new NAME", code="no_migrations")
    seen: dict[str, Migration] = {}
    for migration in plain + contract:
        if migration.id in seen:
            other = _shown(seen[migration.id].path, root)
            message = f"{_shown(migration.path, root)}:1: {other} has the same name"
            raise UsageError(message, code="bad_project")
        seen[migration.id] = migration
    return _sorted(plain, contract, root)


def _sorted(plain: Sequence[Migration], contract: Sequence[Migration], root: Path) -> tuple[Migration, ...]:
    """In order of id, each after what it depends on, the contract ones last."""
    known = {migration.id: migration for migration in [*plain, *contract]}
    for migration in known.values():
        for name in migration.depends:
            place = f"{_shown(migration.path, root)}:1"
            if name not in known:
                raise UsageError(f"{place}: it depends on '{name}', which is not there", code="bad_depends")
            if known[name].contract and not migration.contract:
                message = f"{place}: it depends on '{name}' of contract/, which may never be applied"
                raise UsageError(message, code="bad_depends")
    depends = {migration.id: migration.depends for migration in known.values()}
    order = in_order(sorted(depends), depends)
    return tuple(sorted((known[name] for name in order), key=lambda migration: migration.contract))


def _migration_paths(folder: Path, root: Path) -> list[Path]:
    paths = []
    files = [path for path in files_in(folder) if not path.name.startswith("_")]
    names = {path.name for path in files}
    for path in files:
        if path.suffix == ".py" or path.name.startswith("post-apply"):
            message = f"{_shown(path, root)}:1: migrations in Python and post-apply hooks are not run by schedtool"
            raise UsageError(message, hint="write it as a numbered .sql file", code="bad_project")
        if path.name.endswith(_ROLLBACK):
            forward = path.name.removesuffix(_ROLLBACK) + ".sql"
            if forward not in names:
                raise UsageError(f"{_shown(path, root)}:1: there is no {forward} to roll back", code="bad_project")
        elif path.suffix == ".sql":
            paths.append(path)
    return paths


def _check(migration: Migration, root: Path) -> None:
    """Read what reading the header alone leaves out: every statement, and what stands too late to be obeyed."""
    file = _shown(migration.path, root)
    directives.read(migration.text, file=file, known=_DIRECTIVES)
    _check_script(migration.text, file, transactional=migration.transactional)
    if migration.rollback is not None and migration.rollback_path is not None:
        rollback_file = _shown(migration.rollback_path, root)
        # yoyo reads the directives of the forward file only; one here would be ignored.
        directives.read(migration.rollback, file=rollback_file, known=())
        _check_script(migration.rollback, rollback_file, transactional=migration.transactional)


def _read_migration(path: Path, root: Path, *, contract: bool) -> Migration:
    file = _shown(path, root)
    text = read_text(path, file)
    header = directives.read(directives.header(text), file=file, known=_DIRECTIVES)
    transactional = _switch(header, "transactional", file=file, default=True)
    if "guard" in header and header["guard"].value.lower() != "first":
        said = header["guard"]
        message = f"{file}:{said.line}: '-- guard:' is first, the statement that may be asked alone, not '{said.value}'"
        raise UsageError(message, code="bad_file")
    rollback_path = path.with_name(path.stem + _ROLLBACK)
    if "rollback" in header:
        said = header["rollback"]
        if said.value.lower() != "none" or rollback_path.is_file():
            wrong = f"and {rollback_path.name} is there" if rollback_path.is_file() else f"not '{said.value}'"
            message = f"{file}:{said.line}: '-- rollback:' is none, for a migration without a way back, {wrong}"
            raise UsageError(message, code="bad_file")
    rollback = None
    if rollback_path.is_file():
        rollback = read_text(rollback_path, _shown(rollback_path, root))
    return Migration(
        id=path.stem,
        number=number_of(path.stem),
        path=path,
        text=text,
        checksum=hashlib.sha256(text.encode()).hexdigest(),
        contract=contract,
        transactional=transactional,
        one_way="rollback" in header,
        guarded="guard" in header,
        again=_switch(header, "again", file=file, default=False),
        depends=tuple(header["depends"].value.split()) if "depends" in header else (),
        rollback_path=rollback_path if rollback is not None else None,
        rollback=rollback,
    )


def _switch(header: Mapping[str, directives.Directive], name: str, *, file: str, default: bool) -> bool:
    if name not in header:
        return default
    said = header[name]
    if said.value.lower() not in {"true", "false"}:
        message = f"{file}:{said.line}: '-- {name}:' is true or false, not '{said.value}'"
        raise UsageError(message, code="bad_file")
    return said.value.lower() == "true"


def _check_script(text: str, file: str, *, transactional: bool) -> None:
    script = psqlscript.scan(text)
    check_script(script, file)
    if not script.statements:
        raise UsageError(f"{file}:1: it holds no statement", code="bad_file")
    for parameter in script.parameters:
        if parameter.style != "bare" or not parameter.name.isdigit():
            raise UsageError(
                f"{file}:{parameter.line}: a migration takes no parameters, and this reads as psql's {parameter.name}",
                hint="what a migration needs it reads from tables; an array slice wants a space behind its colon",
                code="bad_file",
            )
    if not transactional and len(script.statements) > 1:
        raise UsageError(
            f"{file}:{script.statements[1].line}: a file that is not transactional holds one statement",
            hint="a failure between two of them would leave half of the file done; make two files of it",
            code="bad_file",
        )


def _shown(path: Path, root: Path) -> str:
    return str(path).removeprefix(f"{root}{os.sep}")
