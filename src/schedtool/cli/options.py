"""The options that every command takes, and what a command makes of them."""

from __future__ import annotations

import os
import sys
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from schedtool.cli.output import JsonAnswer, Progress, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import psycopg

    from schedtool.database import Target
    from schedtool.project import Project

FORMATS = ("text", "json", "junit", "csv")


@dataclass
class Invocation:
    """One call of the command line: its global options, and the things they stand for.

    Commands get it by `@click.pass_obj`. It is filled while the arguments are read, and not changed afterwards.
    """

    command: str = ""
    database: str | None = None
    schema: str = "public"
    directory: Path | None = None
    format: str = "text"
    wait: float = 0
    verbose: int = 0
    quiet: bool = False
    answering: JsonAnswer | None = field(default=None, repr=False)

    @property
    def json(self) -> bool:
        """The answer is to be one JSON object."""
        return self.format == "json"

    def target(self) -> Target:
        """The database and schema meant.

        Raises:
            UsageError: No database is given, or it cannot be read.
        """
        from schedtool.database import Target, resolve

        return Target(resolve(self.database, os.environ), self.schema)

    def project(self, *, check: bool = True) -> Project:
        """The project meant, read and checked; without `check`, read as far as it takes to compare it with records.

        Raises:
            UsageError: It is not there, or one of its files breaks a rule.
        """
        from schedtool.project import glance, load

        return load(self.directory) if check else glance(self.directory)

    @contextmanager
    def connect(
        self, *, read_only: bool = False, shared: bool = False, lock_timeout: float = 10, statement_timeout: float = 0
    ) -> Iterator[psycopg.Connection[Any]]:
        """A connection for this command, closed at the end of the block.

        Raises:
            Busy: No connection.
            Failed: Connected, but not to what this command needs.
        """
        from schedtool.database import connect

        connection = connect(
            self.target(),
            application=self.command,
            wait=self.wait,
            lock_timeout=lock_timeout,
            statement_timeout=statement_timeout,
            read_only=read_only,
            shared=shared,
            notify=self.say,
        )
        with closing(connection):
            yield connection

    @contextmanager
    def answer(self) -> Iterator[JsonAnswer]:
        """The JSON object on stdout, ended with the block; after an error it is ended with the error."""
        self.answering = JsonAnswer(sys.stdout, self.command)
        yield self.answering
        self.answering.close()

    def say(self, text: str) -> None:
        """A line of news or advice for people, on stderr; not with -q."""
        if not self.quiet:
            sys.stderr.write("\n".join(printable(line) for line in text.split("\n")) + "\n")
            sys.stderr.flush()

    def detail(self, text: str) -> None:
        """A line for those who asked for more with -v, on stderr."""
        if self.verbose:
            self.say(text)

    def progress(self, what: str, total: int | None = None) -> Progress:
        """A progress display on stderr, for a `with` block; nothing with -q."""
        return Progress(what, total, quiet=self.quiet)


def command(
    name: str, *, reads: str, writes: str, locks: str, formats: tuple[str, ...] = ("text", "json")
) -> Callable[[Callable[..., int | None]], Command]:
    """Make a function a command; it returns its exit code (None is 0).

    Its docstring is its help. What it reads, writes and locks stands there too, because that is what a DBA wants to
    know before running it on a live database.
    """
    facts = (("Reads", reads), ("Writes", writes), ("Locks", locks))

    def made(function: Callable[..., int | None]) -> Command:
        return click.command(name, cls=Command, facts=facts, formats=formats)(function)

    return made


nice_ratio_option = click.option(
    "--nice-ratio",
    metavar="R",
    type=click.FloatRange(0, 1000),
    help="Rest R times as long as batches take, all workers together; 0 never.  [default: 39 while others are at work]",
)


class Command(click.Command):
    """A command that takes the global options too, and shows what it touches."""

    def __init__(
        self, *args: Any, facts: tuple[tuple[str, str], ...] = (), formats: tuple[str, ...] = (), **settings: Any
    ) -> None:
        super().__init__(*args, **settings)
        self.facts = facts
        self.formats = formats
        for parameter in self.params:
            if isinstance(parameter, click.Option):
                parameter.show_envvar = True
        self.params += global_options()

    def invoke(self, ctx: click.Context) -> Any:
        """Run it, if it speaks the format asked for."""
        invocation = ctx.find_object(Invocation)
        if invocation is not None and invocation.format not in self.formats:
            takes = ", ".join(self.formats)
            raise click.UsageError(f"{self.name} takes --format {takes}, not {invocation.format}", ctx=ctx)
        return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What it touches, its own options, then the global ones."""
        with formatter.section("What it touches"):
            formatter.write_dl([*self.facts, ("Formats", ", ".join(self.formats))])
        write_options(self, ctx, formatter)


def write_options(made: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """The options of a command or of the group, the global ones in a section of their own."""
    records: dict[bool, list[tuple[str, str]]] = {False: [], True: []}
    for parameter in made.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is not None:
            records[isinstance(parameter, _GlobalOption)].append(record)
    for is_global, title in ((False, "Options"), (True, "Global options (before or after the command)")):
        if records[is_global]:
            with formatter.section(title):
                formatter.write_dl(records[is_global])


class _GlobalOption(click.Option):
    """An option that may stand before or after the command; its variable is read once, before the command."""

    def value_from_envvar(self, ctx: click.Context) -> Any:
        # Read by database.resolve, which knows the order of all variables that name a database.
        if ctx.parent is not None or self.name == "database":
            return None
        return super().value_from_envvar(ctx)

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        if ctx.parent is not None or self.name == "database":
            return None
        return super().resolve_envvar_value(ctx)


def global_options() -> list[click.Parameter]:
    """Fresh copies of the global options, for one command."""
    return [
        _option(
            ["--database"],
            "DATABASE_URL",
            metavar="URL",
            help="libpq URL or keywords. Without it SCHEDTOOL_DATABASE_URL, DATABASE_URL, then libpq's PG*.",
        ),
        _option(
            ["--schema"],
            "SCHEMA",
            metavar="NAME",
            help="The one schema that holds parents, tables and records.  [default: public]",
        ),
        _option(
            ["--project", "directory"],
            "PROJECT",
            metavar="DIR",
            type=click.Path(path_type=Path),
            help="Folder with migrations/ and sql/. Without it, the shipped ones.",
        ),
        _option(["--format"], "FORMAT", type=click.Choice(FORMATS), help="How the answer is written to stdout."),
        _option(
            ["--wait"],
            "WAIT",
            metavar="S",
            type=click.FloatRange(min=0, max=86400),
            help="Seconds to wait for the server to come up and for the tool's lock.  [default: 0]",
        ),
        _option(["-v", "--verbose"], "VERBOSE", count=True, help="Say more; twice for tracebacks."),
        _option(["-q", "--quiet"], "QUIET", is_flag=True, help="No progress and no advice."),
    ]


def _option(names: list[str], variable: str, **settings: Any) -> _GlobalOption:
    return _GlobalOption(
        names,
        envvar=f"SCHEDTOOL_{variable}",
        show_envvar=True,
        allow_from_autoenv=False,
        expose_value=False,
        callback=_keep,
        **settings,
    )


def _keep(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Keep a global option that was given; behind the command it is nearer, and wins."""
    invocation = ctx.ensure_object(Invocation)
    name = parameter.name or ""
    if ctx.get_parameter_source(name) not in {ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT}:
        return value
    if name == "verbose":
        value += invocation.verbose
    setattr(invocation, name, value)
    if invocation.quiet and invocation.verbose:
        raise click.UsageError("-v and -q exclude each other", ctx=ctx)
    return value
