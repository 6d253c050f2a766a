"""What psql sees in a script, held against psql itself: its log of sent queries is the expectation."""

from __future__ import annotations

import re
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from schedtool import psqlscript
from schedtool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Psql
    from tests.servers import Database

VALUES = {"a": "it's", "b": "back\\slash 'and' quote", "c": "", "d": "zwölf; -- not a comment\n/*"}

# psql 18 writes C comments around a logged query, older ones only stars.
LOGGED = re.compile(r"^/?\*{8,} QUERY \*{9,}/?\n(.*?)\n/?\*{20,}/?\n", re.DOTALL | re.MULTILINE)

HARD = {
    "quotes": "SELECT 'a;b', 'it''s;', \"c;d\", \"e\"\"f;g\"; SELECT 2;",
    "a backslash is nothing in a plain quote": r"SELECT 'a\'; SELECT 2;",
    "a backslash escapes in an E quote": r"SELECT E'a\';b', e'\\'; SELECT 2;",
    "a name that ends in e is no E quote": r"SELECT namee'a\'; SELECT 2;",
    "other quotes with a letter": r"SELECT U&'a\;b', B'01', x'1F', n'a;b', U&" + '"c;d"; SELECT 2;',
    "dollar quotes": "SELECT $$a;b$$, $x$ $$; $y$ ; $x$, $x1$;$x1$; SELECT 2;",
    "a dollar in a name starts no quote": "SELECT a$$; SELECT b$x$; SELECT 3;",
    "a dollar after a number does": "SELECT $1$$;$$; SELECT 2;",
    "a dollar alone": "SELECT $; SELECT $x; SELECT 3;",
    "letters beyond ASCII": "SELECT $ä$;$ä$, ü$$; SELECT 'ß;'; SELECT 3;",
    "nested comments": "SELECT /* a /* ; */ ' ; */ 1; SELECT 2 /**/; /* ; */ SELECT 3;",
    "a comment in an operator": "SELECT 1 +-- ;\n2; SELECT 3 */* ; */ 4; SELECT 5;",
    "line comments": "SELECT 1 -- ';\n; -- SELECT 2;\nSELECT 3;",
    "parentheses": "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2); SELECT 3; SELECT 4); SELECT 5;",
    "a body in SQL": dedent("""
        CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC
            SELECT CASE WHEN true THEN 1 END; SELECT (CASE WHEN true THEN 2 END);
        END; SELECT 2; CREATE PROCEDURE p() BEGIN ATOMIC SELECT 1; END; SELECT 3;
    """),
    "begin elsewhere is no body": "CREATE TABLE begin (a int); BEGIN; SELECT 1; END; SELECT 2;",
    "an empty statement": ";; SELECT 1; ; /* ; */ ; SELECT 2",
    "no semicolon at the end": "SELECT 1;\nSELECT 2 -- the end",
    "a quote over lines": "SELECT 'a\n;b\n', $$\n;\n$$, \"\n;\"; SELECT 2;",
    "a quote that goes on": "SELECT 'a'\n';b', 'c' -- ;\n 'd;'; SELECT 2;",
    "casts and slices": "SELECT 1::int, ARRAY[1,2][1:2], '{}'::text[]; SELECT 2;",
    "parameters": "SELECT :'a', :'b'::text, ':''a''', \":'a'\", $$:'a'$$ /* :'a' */ -- :'a'\n, :'c'||:'d'; SELECT 2;",
    "a cast is no parameter": "SELECT 1::'a', a:::'a', :'not here', :'', : 'a'; SELECT 2;",
}


@pytest.fixture
def sent(psql: Psql, empty_database: Database, tmp_path: Path) -> Callable[[str], list[str]]:
    """The queries that psql sends for a text, without what stands before their first token."""

    def run(text: str) -> list[str]:
        script, log = tmp_path / "script.sql", tmp_path / "psql.log"
        script.write_text(text, encoding="utf-8")
        log.unlink(missing_ok=True)
        psql(empty_database, "-q", "-L", log, file=script, variables=VALUES)
        queries = [psqlscript.statements(query) for query in LOGGED.findall(log.read_text(encoding="utf-8"))]
        assert all(len(query) <= 1 for query in queries), queries
        return [statement.text for query in queries for statement in query]

    return run


@pytest.mark.parametrize("text", HARD.values(), ids=HARD.keys())
def test_a_hard_text_is_split_and_bound_as_psql_does(text: str, sent: Callable[[str], list[str]]) -> None:
    bound = psqlscript.bind(text, VALUES)

    assert [statement.text for statement in psqlscript.statements(bound)] == sent(text)


PIECES = [
    *("'", '"', "$$", "$x$", "E'", "e", "U&'", "--", "/*", "*/", "\\'", "''", "\\\\"),
    *(";", ";", ";", "(", ")", "\n", "\n", " ", "a", "SELECT 1", "$1", "1", "é", "+", ":", "::"),
    *(":'a'", ":'b'", ":a1", ":'z", "begin", "end", "case", "create function", "create or replace procedure"),
]


def words(text: str) -> list[str]:
    """A text without its white space: psql sends neither empty lines nor the last line end of a file."""
    return text.split()


@settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=25), glue=st.sampled_from(["", " "]))
def test_any_text_is_split_and_bound_as_psql_does(
    pieces: list[str], glue: str, sent: Callable[[str], list[str]]
) -> None:
    text = glue.join(pieces)
    # A backslash outside quotes is a command to psql, and only literals are bound: those of which the value is known.
    assume(not psqlscript.scan(text).meta_commands)
    assume(all((found.style == "literal") is (found.name in VALUES) for found in psqlscript.parameters(text)))

    bound = psqlscript.bind(text, VALUES)

    assert [words(statement.text) for statement in psqlscript.statements(bound)] == [words(text) for text in sent(text)]


@given(value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_bound_value_is_one_literal_whatever_it_holds(value: str) -> None:
    bound = psqlscript.bind("SELECT :'v'; SELECT 2;", {"v": value})

    assert len(psqlscript.statements(bound)) == 2
    assert psqlscript.parameters(bound) == ()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=20))
def test_a_bound_value_arrives_as_it_was(values: list[str], empty_database: Database) -> None:
    names = {f"v{index}": value for index, value in enumerate(values)}
    text = "SELECT ARRAY[" + ", ".join(f":'{name}'" for name in names) + "]::text[]"
    with empty_database.connect() as connection:
        row = connection.execute(psqlscript.bind(text, names).encode()).fetchone()

    assert row == (values,)


def test_a_value_with_a_nul_is_refused() -> None:
    with pytest.raises(UsageError, match="NUL"):
        psqlscript.literal("a\0b")


def test_a_parameter_without_a_value_is_named_with_its_line() -> None:
    with pytest.raises(UsageError, match="line 2: the parameter :'last' has no value"):
        psqlscript.bind("SELECT :'first',\n:'last'", {"first": "1"})


def test_parameters_are_told_apart_by_style_and_line() -> None:
    found = psqlscript.parameters("SELECT :'a', ':x',\n:\"b\", :c, :{?d}, e::f, g[1:2]")

    assert [(parameter.name, parameter.style, parameter.line) for parameter in found] == [
        ("a", "literal", 1),
        ("b", "identifier", 2),
        ("c", "bare", 2),
        ("d", "defined", 2),
        ("2", "bare", 2),
    ]


def test_a_statement_knows_its_line_its_offset_and_its_first_words() -> None:
    text = "-- head\n\n/* more\n*/ CREATE INDEX CONCURRENTLY i ON t (lower(a));\nSELECT 1"
    first, second = psqlscript.statements(text)

    assert (first.line, text[first.offset :][:6], first.words) == (
        4,
        "CREATE",
        ("create", "index", "concurrently", "i", "on", "t"),
    )
    assert (second.line, second.text, second.words) == (5, "SELECT 1", ("select",))


def test_what_only_psql_can_run_is_found_with_its_line() -> None:
    script = psqlscript.scan("SELECT 1;\n\\set x 1\nCOPY t (a) FROM STDIN;\nCOPY t TO '/tmp/stdin';\nSELECT '\\x'")

    assert (script.meta_commands, script.copies, script.unclosed) == ((2,), (3,), None)


@pytest.mark.parametrize("text", ["\nSELECT 'a", '\nSELECT "a', "\nSELECT $x$ a $y$", "\n/* a /* */", "\nSELECT E'\\'"])
def test_a_quote_or_comment_without_an_end_is_found_with_its_line(text: str) -> None:
    assert psqlscript.scan(text).unclosed == 2


def test_an_escape_string_that_goes_on_is_found_because_psql_and_the_server_differ() -> None:
    assert psqlscript.scan("SELECT 1,\nE'a' -- b\n  'c'").continued == 2
    assert psqlscript.scan("SELECT 1,\n'a'\n  'c', E'a' 'b'").continued is None


@given(before=st.text("ab'\\\n", max_size=5), value=st.text("x'\\\n", max_size=5))
def test_an_offset_in_the_bound_text_leads_back_to_the_text(before: str, value: str) -> None:
    text = f"SELECT $${before}$$, :'v', column_b, :'v';\nmore"
    bound = psqlscript.bind(text, {"v": value})
    for wanted in ("SELECT", "column_", "more"):
        assert psqlscript.unbound_offset(text, {"v": value}, bound.index(wanted)) == text.index(wanted)


def test_a_long_run_of_comments_after_a_quote_is_read_in_no_time() -> None:
    text = "SELECT E'a'" + " -- -- --" * 2000

    assert len(psqlscript.statements(text)) == 1


def test_a_byte_order_mark_is_no_part_of_the_first_statement() -> None:
    assert psqlscript.statements("\ufeffSELECT 1;")[0].text == "SELECT 1;"
