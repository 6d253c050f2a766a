r"""What psql sees in a script: its statements, its `:'parameters'`, and what only psql itself can run.

The rules are those of psql's own lexer (psqlscan.l): quotes with and without backslashes, dollar quotes, nested
comments, parentheses and `BEGIN ATOMIC` bodies that hold semicolons. Offsets count characters of the text, lines
count from 1.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from schedtool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

Style = Literal["literal", "identifier", "bare", "defined"]


@dataclass(frozen=True)
class Statement:
    """One statement from its first token to its semicolon; comments before it are not part of it.

    Attributes:
        text: As written.
        line: The line its first token stands on.
        offset: Where its first token starts.
        words: Its first words outside quotes and parentheses, in lower case: what kind of statement it is.
    """

    text: str
    line: int
    offset: int
    words: tuple[str, ...]


@dataclass(frozen=True)
class Parameter:
    """A psql variable: `:'name'` (literal), `:"name"` (identifier), `:name` (bare) or `:{?name}` (defined)."""

    name: str
    style: Style
    line: int
    start: int
    end: int


@dataclass(frozen=True)
class Comment:
    """A comment outside quotes, with its `--` or `/* */`."""

    text: str
    line: int


@dataclass(frozen=True)
class Script:
    """All that one pass over a text finds.

    Attributes:
        comments: Those that stand before the first statement are the header.
        meta_commands: Lines with a backslash command, which only psql understands.
        copies: Lines of `COPY … FROM STDIN` and `COPY … TO STDOUT`, whose data no file carries to a server.
        unclosed: The line of a quote or comment that never ends, or None.
        continued: The line of an `E''` string that goes on on a later line, where psql and the server read differently.
    """

    statements: tuple[Statement, ...]
    parameters: tuple[Parameter, ...]
    comments: tuple[Comment, ...]
    meta_commands: tuple[int, ...]
    copies: tuple[int, ...]
    unclosed: int | None
    continued: int | None


# psql reads bytes: every byte from 0x80 on is a letter to it, and so is every character that needs one. Said by what is
# none: Python takes 30 ms to compile a dozen sets that go up to the last character, which is half of `status`.
_LETTER = r"[^\x00-@\[-^`{-\x7F]"
_LETTER_OR_DIGIT = r"[^\x00-/:-@\[-^`{-\x7F]"
_WORD = rf"{_LETTER}[^\x00-#%-/:-@\[-^`{{-\x7F]*+"
# To the server a quote goes on when the next one stands on a later line with nothing but white space and line comments
# between. psql reads line by line and sees two quotes; they differ where the first one is an E'' and escapes go on.
_GOES_ON = re.compile(r"(?:[ \t\f\v]|--[^\n\r]*+)*+[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*+[\n\r])*+'")
_TOKEN = re.compile(
    rf"""
    (?P<space>[ \t\n\r\f\v]++)
  | (?P<comment>--[^\n\r]*+)
  | (?P<block>/\*)
  | (?P<escaped>[eE]'(?:[^'\\]|\\.|'')*+(?P<escaped_end>'?))
  | (?P<quoted>'(?:[^']|'')*+(?P<quoted_end>'?))
  | (?P<delimited>"(?:[^"]|"")*+(?P<delimited_end>"?))
  | (?P<dollar>\$(?:{_LETTER}{_LETTER_OR_DIGIT}*+)?\$)
  | (?P<argument>\$[0-9]++(?:{_WORD})?)
  | (?P<word>{_WORD})
  | (?P<number>[0-9]++(?:{_WORD})?)
  | (?P<cast>::|:=)
  | (?P<parameter>:(?:
        (?P<bare>{_LETTER_OR_DIGIT}++)
      | '(?P<literal>{_LETTER_OR_DIGIT}++)'
      | "(?P<identifier>{_LETTER_OR_DIGIT}++)"
      | \{{\?(?P<defined>{_LETTER_OR_DIGIT}++)\}}
    ))
  | (?P<meta>\\)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK_EDGE = re.compile(r"/\*|\*/")
_STYLES: tuple[Style, ...] = ("literal", "identifier", "bare", "defined")
# Enough to tell CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS name ON table from its relatives.
_KEPT_WORDS = 12


def statements(text: str) -> tuple[Statement, ...]:
    """The statements of a text, in order."""
    return scan(text).statements


def parameters(text: str) -> tuple[Parameter, ...]:
    """The psql variables of a text outside quotes and comments, in order, repeated as often as they are written."""
    return scan(text).parameters


def line_of(text: str, offset: int) -> int:
    """The line, counted from 1, on which the character at `offset` stands."""
    return text.count("\n", 0, offset) + 1


def literal(value: str) -> str:
    """A value as psql's `:'name'` writes it (libpq's PQescapeLiteral).

    Raises:
        UsageError: The value holds a NUL character, which PostgreSQL cannot store.
    """
    if "\0" in value:
        raise UsageError("a value holds a NUL character, which PostgreSQL cannot store", code="bad_parameter")
    doubled = value.replace("'", "''")
    if "\\" not in value:
        return f"'{doubled}'"
    # The blank keeps the E apart from a word before it, as libpq does.
    return " E'" + doubled.replace("\\", "\\\\") + "'"


def bind(text: str, values: Mapping[str, str]) -> str:
    """The text that `psql -v name=value -f` would send: every `:'name'` replaced by its value as a quoted literal.

    Values that no parameter names are left unused, as psql does; `:name` and `:"name"` stay as written.

    Raises:
        UsageError: A parameter has no value.
    """
    parts = []
    end = 0
    for parameter in parameters(text):
        if parameter.style != "literal":
            continue
        if parameter.name not in values:
            raise UsageError(
                f"line {parameter.line}: the parameter :'{parameter.name}' has no value", code="missing_parameter"
            )
        parts += [text[end : parameter.start], literal(values[parameter.name])]
        end = parameter.end
    return "".join([*parts, text[end:]])


def unbound_offset(text: str, values: Mapping[str, str], offset: int) -> int:
    """Where in `text` the character stands that is at `offset` of the bound text: for the lines of error messages."""
    shift = 0
    for parameter in parameters(text):
        if parameter.style != "literal" or parameter.name not in values:
            continue
        start = parameter.start + shift
        length = len(literal(values[parameter.name]))
        if offset < start:
            break
        if offset < start + length:
            return parameter.start
        shift += length - (parameter.end - parameter.start)
    return offset - shift


# As many as a project has files, or those of a long run would push the tool's own out.
@lru_cache(maxsize=1024)
def scan(text: str) -> Script:
    """Read a text once, by psql's lexical rules."""
    return _Scanner(text).run()


class _Scanner:
    """The state of psql's lexer while it reads one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.line_starts = [match.end() for match in re.finditer("\n", text)]
        self.statements: list[Statement] = []
        self.parameters: list[Parameter] = []
        self.comments: list[Comment] = []
        self.meta_commands: list[int] = []
        self.copies: list[int] = []
        self.unclosed: int | None = None
        self.continued: int | None = None
        self._begin_statement()

    def _begin_statement(self) -> None:
        self.start: int | None = None
        self.end = 0
        self.words: list[str] = []
        self.word_count = 0
        self.marks = ["", "", "", ""]
        self.parentheses = 0
        self.begins = 0

    def line(self, offset: int) -> int:
        return bisect_right(self.line_starts, offset) + 1

    def run(self) -> Script:
        # A byte order mark is no part of the script, for psql either.
        position = 1 if self.text.startswith("\ufeff") else 0
        while position < len(self.text):
            match = _TOKEN.match(self.text, position)
            assert match is not None, "the last alternative takes any character"  # noqa: S101
            position = self._take(match)
        self._end_statement()
        return Script(
            tuple(self.statements),
            tuple(self.parameters),
            tuple(self.comments),
            tuple(self.meta_commands),
            tuple(self.copies),
            self.unclosed,
            self.continued,
        )

    def _take(self, match: re.Match[str]) -> int:
        kind = match.lastgroup
        if kind == "space":
            return match.end()
        if kind in {"comment", "block"}:
            return self._comment(match.start(), match.end())
        if kind == "meta":
            return self._meta(match.start())
        return self._token(match)

    def _token(self, match: re.Match[str]) -> int:
        kind = match.lastgroup
        start, end = match.span()
        if self.start is None:
            self.start = start
        if kind == "dollar":
            end = self._dollar_end(start, match.group())
        self.end = end
        if kind in {"escaped", "quoted", "delimited"}:
            if not match.group(f"{kind}_end"):
                self.unclosed = self.unclosed or self.line(start)
            elif kind == "escaped" and _GOES_ON.match(self.text, end):
                self.continued = self.continued or self.line(start)
        elif kind == "word":
            self._word(match.group().lower(), start)
        elif kind == "parameter":
            style = next(style for style in _STYLES if match.group(style) is not None)
            self.parameters.append(Parameter(match.group(style), style, self.line(start), start, end))
        elif kind == "other":
            self._punctuation(match.group())
        return end

    def _comment(self, start: int, end: int) -> int:
        if self.text.startswith("/*", start):
            end = self._block_end(start)
        self.comments.append(Comment(self.text[start:end], self.line(start)))
        return end

    def _block_end(self, start: int) -> int:
        depth = 0
        for edge in _BLOCK_EDGE.finditer(self.text, start):
            depth += 1 if edge.group() == "/*" else -1
            if depth == 0:
                return edge.end()
        self.unclosed = self.unclosed or self.line(start)
        return len(self.text)

    def _dollar_end(self, start: int, tag: str) -> int:
        end = self.text.find(tag, start + len(tag))
        if end < 0:
            self.unclosed = self.unclosed or self.line(start)
            return len(self.text)
        return end + len(tag)

    def _meta(self, start: int) -> int:
        self.meta_commands.append(self.line(start))
        # Such a command goes on to the end of its line; what it would do is nobody's business here.
        end = self.text.find("\n", start)
        return len(self.text) if end < 0 else end

    def _word(self, word: str, start: int) -> None:
        if self.parentheses == 0 and len(self.words) < _KEPT_WORDS:
            self.words.append(word)
        if self.words[:1] == ["copy"] and self.parentheses == 0 and word in {"stdin", "stdout"}:
            self.copies.append(self.line(start))
        self._track_body(word)

    def _track_body(self, word: str) -> None:
        # psql's own heuristic for the bodies of SQL-standard functions, word for word.
        if self.word_count < len(self.marks) and word in {"create", "function", "procedure", "or", "replace"}:
            self.marks[self.word_count] = word[0]
        self.word_count += 1
        first, second, third, fourth = self.marks
        routine = first == "c" and (second in {"f", "p"} or ((second, third) == ("o", "r") and fourth in {"f", "p"}))
        if not routine or self.parentheses > 0:
            return
        if word == "begin" or (word == "case" and self.begins > 0):
            self.begins += 1
        elif word == "end" and self.begins > 0:
            self.begins -= 1

    def _punctuation(self, character: str) -> None:
        if character == "(":
            self.parentheses += 1
        elif character == ")":
            self.parentheses = max(0, self.parentheses - 1)
        elif character == ";" and self.parentheses == 0 and self.begins == 0:
            self._end_statement()

    def _end_statement(self) -> None:
        start = self.start
        if start is not None:
            text = self.text[start : self.end]
            # psql drops a lone semicolon, and the server makes no result of one.
            if text != ";":
                self.statements.append(Statement(text, self.line(start), start, tuple(self.words)))
        self._begin_statement()
