"""Docstrings of functions say first what the function does: a verb in the third person, "Returns the …"."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import scanner

PACKAGE = Path(scanner.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
#: Words in `s` with which a docstring could begin and that are no verbs.
NO_VERBS = frozenset(
    {"As", "Columns", "Is", "Its", "Nodes", "Rows", "Settings", "Status", "This", "Times", "Transports"}
)


def is_help(function, source):
    """Whether click shows the docstring as help, which addresses the user: "Show the nodes …"."""
    decorators = " ".join(map(ast.unparse, function.decorator_list))
    return ".command(" in decorators or ".group(" in decorators or f"help={function.name}.__doc__" in source


def first_words(source):
    """Yields name and first word of the docstring of each function that has one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text and not is_help(node, source):
                yield node.name, text.split()[0].rstrip(",:;")


def without_verb(source):
    return {
        name: word
        for name, word in first_words(source)
        if not (word.isalpha() and word[0].isupper() and word.endswith("s")) or word in NO_VERBS
    }


@pytest.mark.slow
def test_a_docstring_begins_with_a_verb_in_the_third_person():
    wrong = {str(path.relative_to(PACKAGE)): without_verb(path.read_text(encoding="utf-8")) for path in MODULES}
    assert {module: words for module, words in wrong.items() if words} == {}


@pytest.mark.parametrize("text", ["Return it.", "The name.", "Whether it is.", "Its name.", "`x`, or None."])
def test_a_docstring_that_begins_otherwise_is_noticed(text):
    assert list(without_verb(f'def f():\n    """{text}"""')) == ["f"]
    assert without_verb('def f():\n    """Returns it."""') == {}
