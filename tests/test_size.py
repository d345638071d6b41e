"""Every module has one job and every function fits on a screen: the sizes that the code of scanner/ keeps."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import scanner

PACKAGE = Path(scanner.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
#: Lines of a module, blank ones and docstrings too.
LONGEST_MODULE = 250
#: Lines of a function from its `def` to its last line: a screen.
LONGEST_FUNCTION = 45
#: Modules and folders at the top of the package, without what Python, the build or a tool expects there.
MOST_ENTRIES = 12
EXPECTED_BY_TOOLS = {"__init__.py", "__pycache__", "_version.py", "py.typed"}
#: Addresses of version 0.1.0 under which plug-ins import; they hold no code.
KEPT_FOR_PLUGINS = {"errors.py", "interfaces.py"}


def functions_of(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def too_long(source):
    return {name: lines for name, lines in functions_of(source) if lines > LONGEST_FUNCTION}


@pytest.mark.slow
def test_a_module_and_its_functions_stay_short():
    sources = {str(path.relative_to(PACKAGE)): path.read_text(encoding="utf-8") for path in MODULES}
    long_modules = {module for module, source in sources.items() if len(source.splitlines()) > LONGEST_MODULE}
    assert not long_modules, "split them: each has more than one job"
    long_functions = {module: functions for module, source in sources.items() if (functions := too_long(source))}
    assert not long_functions, "split the functions into their steps"


def test_the_top_of_the_package_has_few_entries():
    entries = {path.name for path in PACKAGE.iterdir()} - EXPECTED_BY_TOOLS - KEPT_FOR_PLUGINS
    assert len(entries) <= MOST_ENTRIES, sorted(entries)


def test_a_function_of_one_line_too_many_is_noticed():
    longest = "def f():\n" + "    x = 1\n" * (LONGEST_FUNCTION - 1)
    assert not too_long(longest)
    assert too_long("class C:\n" + "".join(f"    {line}\n" for line in (longest + "    x = 2").splitlines())) == {
        "f": LONGEST_FUNCTION + 1
    }
