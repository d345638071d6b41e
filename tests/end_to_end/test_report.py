"""A report with hostile names in it, opened in a browser: they are read there, and nothing comes of them."""

from __future__ import annotations

import anyio
import pytest
from msgspec import structs

from scanner.core.model import NodeStatus, Target
from scanner.core.patch_rows import Patch, patch_rows_of
from scanner.files.local import LocalFiles
from scanner.store.store import Store
from tests.end_to_end.browser import listening, opened
from tests.reports.html.page_reader import Page
from tests.store.samples import commit, node

TAKEN_OVER = "taken over"


def hostile(address: str, name: str) -> str:
    """Markup that, if it is obeyed, renames the page and asks a server for this name in every way there is."""
    url = f"{address}/{name}"
    return (
        f"</td></small></style><script>document.title = '{TAKEN_OVER}'</script><script src='{url}.js'></script>"
        f"<img src='{url}.png' onerror=\"document.title = '{TAKEN_OVER}'\"><iframe src='{url}.html'></iframe>"
        f"<link rel='stylesheet' href='{url}.css'><b style='background: url({url}.jpg)'>{name}</b>"
    )


@pytest.fixture
def listener():
    with listening() as (address, asked):
        yield address, asked


@pytest.fixture
def report(terminal, listener):
    """The file of a report, and the hostile texts that it has to show."""
    address, _ = listener
    texts = {
        name: hostile(address, name)
        for name in ("computer", "platform", "reason", "account", "title", "kb", "severity", "cve")
    }
    anyio.run(_store, Store(LocalFiles(terminal.folder / "patchsweep-data")), texts)
    ended = terminal.run("report", "--output", "report.html")
    assert (ended.code, ended.stdout) == (0, "")
    assert "report.html" in ended.stderr
    return terminal.folder / "report.html", texts.values()


async def _store(store: Store, texts: dict[str, str]) -> None:
    target = Target("111111111111", "eu-west-1", texts["account"])
    made = node(1, status=NodeStatus.MISMATCHED, reason=texts["reason"], target=target)
    named = structs.replace(made.node, computer_name=texts["computer"], platform_name=texts["platform"])
    patch = Patch(texts["kb"], texts["title"], "Security", texts["severity"], "Missing", 0.0, texts["cve"])
    nodes = [structs.replace(made, node=named, patches=patch_rows_of([patch]))]
    await commit(store, [nodes], target=target)


@pytest.mark.usefixtures("browser")
def test_names_that_are_markup_are_read_as_text_and_nothing_runs_or_is_fetched(report, listener):
    file, texts = report

    html, complaints = opened(file)

    page = Page(html)
    assert [text for text in texts if text not in page.text] == []
    assert not {"script", "img", "iframe", "link", "b"} & {tag for tag, _ in page.elements}
    assert f"<title>{TAKEN_OVER}" not in html
    assert "<title>Patch report of " in html
    assert complaints == []
    assert listener[1] == []


@pytest.mark.usefixtures("browser")
def test_markup_that_slipped_through_would_still_not_run_or_fetch(report, listener):
    file, _ = report
    page = file.read_text()
    file.write_text(page.replace("<main>", f"<main>{hostile(listener[0], 'slipped')}"))

    html, complaints = opened(file)

    assert f"<title>{TAKEN_OVER}" not in html
    assert listener[1] == []
    assert len(complaints) >= 5


@pytest.mark.usefixtures("browser")
def test_this_browser_would_have_run_and_fetched_it(report, listener):
    file, _ = report
    file.write_text(f"<!DOCTYPE html><title>harmless</title><body>{hostile(listener[0], 'obeyed')}")

    html, _ = opened(file)

    assert f"<title>{TAKEN_OVER}" in html
    assert {"/obeyed.js", "/obeyed.png", "/obeyed.html", "/obeyed.css", "/obeyed.jpg"} <= {*listener[1]}
