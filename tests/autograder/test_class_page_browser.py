"""The class page in Chromium: it loads, sorts, searches and shows who, by keyboard, too; nothing hostile runs."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from autograder.reports import similar
from autograder.reports.class_page import making, pairs
from tests.autograder.browser import Browser
from tests.autograder.made_up_class import MANIFEST, write_class
from tests.autograder.test_class_page import HOSTILE

pytestmark = pytest.mark.needs_browser

LIGHT, DARK = (0xF4, 0xF5, 0xF7), (0x10, 0x13, 0x18)
ROWS = "[...document.querySelectorAll('#table tbody tr')]"
SHOWN = f"{ROWS}.filter(row => !row.hidden)"
STUDENTS, MANY = 60, 1000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return written(tmp_path_factory.mktemp("class"), STUDENTS)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return written(tmp_path_factory.mktemp("large"), MANY)


def written(folder: Path, number: int) -> Path:
    """A class and its pages, hostile students among them; no files are compared."""
    flags = {n: [f"line {n}: {HOSTILE}", "line 2: import os"] for n in (1, 2)}
    names = {1: HOSTILE, 4: "Zoë Øberg", 5: "<b>Ana</b>"}
    write_class(folder, number, names=names, keys={1: HOSTILE}, flags=flags, messages={9: HOSTILE})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "_compare", lambda files, seconds: similar.Found(compared=len(files)))
        making.make(folder, MANIFEST)
        making.make(folder, MANIFEST, pseudonyms=True)
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def page(browser, folder):
    """The page, opened afresh at a desk."""
    browser.look(1280, 900)
    browser.open("about:blank")
    browser.open((folder / making.PAGE).as_uri())
    return browser


def column(page: Browser, number: int, most: int = 2000) -> list[str]:
    return page.ask(f"{SHOWN}.slice(0, {most}).map(row => row.cells[{number}].textContent)")


def click(page: Browser, selector: str) -> None:
    page.ask(f"document.querySelector({json.dumps(selector)}).click()")
    page.ask("new Promise(done => setTimeout(done, 50))")  # a change of the address is told a moment later


def test_it_loads_within_a_second(browser, large):
    """From the address to the second frame drawn, by the CPU time of the whole browser: other work on the machine
    stretches the clock more than this. One undisturbed load is enough."""
    taken = []
    while len(taken) < 8 and min(taken, default=9.9) > 1.0:
        browser.look(1280, 900)
        browser.open("about:blank")
        before = browser.busy()
        seconds = browser.open((large / making.PAGE).as_uri())
        taken.append(browser.busy() - before)
        assert browser.ask(f"{ROWS}.length") == MANY
        print(f"{taken[-1]:.2f} CPU seconds, {seconds:.2f} s")
    assert min(taken) < 1.0


def test_nothing_hostile_runs(page):
    assert page.ask("document.title") == "Deep metric learning: the class"
    click(page, "#flags ~ * a[href='#who-f0']")
    assert "owned" in page.ask("document.getElementById('chip-words').textContent")  # shown, as text
    assert page.ask("document.title") == "Deep metric learning: the class"
    assert page.ask("document.scripts.length") == 2 and page.ask("document.querySelectorAll('img').length") == 3
    assert page.complaints() == []
    assert [address for address in page.requests() if not address.endswith(making.PAGE)] == []


def test_the_policy_stops_what_would_get_in(page):
    """If escaping failed one day, the policy still stands: no script runs, nothing is loaded from anywhere."""
    page.ask(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title=1\">"
        '<iframe srcdoc="<script>top.document.title=2</script>"></iframe>\');'
        "const added = document.createElement('script'); added.textContent = 'document.title = 3';"
        "document.body.append(added); new Promise(done => setTimeout(done, 300))"
    )
    assert page.ask("document.title") == "Deep metric learning: the class"
    assert any("Content Security Policy" in line for line in page.complaints())
    assert not [a for a in page.requests() if a.startswith("http")]


def test_search(page):
    page.ask("document.getElementById('search').focus()")
    for letter in "zoe berg":
        page.key(letter, letter)
    assert column(page, 0) == ["Zoë Øberg s-0004"]
    assert page.ask("document.getElementById('said').textContent") == f"1 of {STUDENTS} students"
    page.ask("const box = document.getElementById('search'); box.value = ''; box.dispatchEvent(new Event('input'))")
    assert len(column(page, 0)) == STUDENTS


def test_sort_by_keyboard(page):
    """Tab to a heading, Enter: largest first, what has no number last; Enter again: the other way round."""
    page.ask("document.getElementById('search').focus()")
    for _ in range(2):
        page.key("Tab")
    assert page.ask("document.activeElement.textContent") == "Points"
    for down in (True, False):
        page.key("Enter")
        values = [text.split()[0] for text in column(page, 1)]
        assert values[-1] == "–" and values.count("–") == 1
        numbers = [float(value) for value in values[:-1]]
        assert numbers == sorted(numbers, reverse=down) and len({*numbers}) > 10
        said = page.ask("[...document.querySelectorAll('[aria-sort]')].map(head => head.ariaSort + head.textContent)")
        assert said == ["descendingPoints" if down else "ascendingPoints"]
    page.key("Tab")  # the focus stayed on its button
    assert page.ask("document.activeElement.textContent") == "Bonus"
    click(page, "#table th button")
    names = [
        name.casefold()
        for name in page.ask(
            f"{SHOWN}.map(row => (row.cells[0].querySelector('a') ?? row.cells[0].firstChild).textContent.trim())"
        )
    ]
    assert names == sorted(names)


def test_who_has_what(page, folder):
    """A misconception's number leads to its students; the address can be kept, and Back leads back."""
    tree = json.loads((folder / "class.json").read_text())
    entry = tree["misconceptions"][0]
    click(page, "a[href='#who-m0']")
    assert len(column(page, 0)) == entry["count"] > 2
    assert page.ask("document.activeElement.id") == "students"
    page.ask("history.back(); new Promise(done => setTimeout(done, 200))")
    assert len(column(page, 0)) == STUDENTS and page.ask("document.getElementById('chip').hidden")
    page.open((folder / making.PAGE).as_uri() + "#who-t2")
    few = len(column(page, 0))
    assert 0 < few < STUDENTS and len([s for s in column(page, 3) if s.startswith("–")]) == 0
    click(page, "#chip a")
    assert len(column(page, 0)) == STUDENTS
    page.open((folder / making.PAGE).as_uri() + "#who-constructor")
    assert len(column(page, 0)) == STUDENTS


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (400, "light")])
def test_it_is_drawn_and_no_wider_than_the_screen(browser, folder, width, scheme):
    for name in (making.PAGE, making.SHARED):
        browser.look(width, 900, scheme)
        browser.open((folder / name).as_uri())
        assert browser.ask("document.documentElement.scrollWidth") == width
        image = browser.picture()
        assert image.getpixel((2, 2)) == (LIGHT if scheme == "light" else DARK)
        assert len(image.getcolors(1 << 20) or []) > 100
        assert browser.complaints() == []


@pytest.mark.parametrize("width", [1024, 1300, 1600])
def test_columns_do_not_overlap_and_headings_do_not_break(browser, folder, width):
    browser.look(width, 900)
    browser.open((folder / making.PAGE).as_uri())
    within = "[...row.cells].every(cell => cell.scrollWidth <= Math.ceil(cell.getBoundingClientRect().width))"
    assert browser.ask(f"{ROWS}.slice(10, 30).every(row => {within})")
    assert browser.ask("[...document.querySelectorAll('.signs')].every(signs => signs.textContent.length >= 15)")
    heights = browser.ask(
        "[...document.querySelectorAll('#table th button')].map(b => b.getBoundingClientRect().height)"
    )
    assert max(heights) < 1.5 * min(heights)  # one line each


def test_on_a_phone_the_students_are_named_as_what_they_are(browser, folder):
    shown = "getComputedStyle(document.querySelector('.rest')).display"
    for width, display in ((400, "inline"), (1280, "none")):
        browser.look(width, 900)
        browser.open((folder / making.PAGE).as_uri())
        assert browser.ask(shown) == display
    assert "students not complete" in browser.ask("document.querySelector('.rest').textContent")


def test_rows_are_cards_on_a_phone(browser, folder):
    browser.look(400, 900)
    browser.open((folder / making.PAGE).as_uri())
    tops = browser.ask(f"[0, 1, 2].map(n => {ROWS}[0].cells[n].getBoundingClientRect().top)")
    assert tops[0] < tops[1] == tops[2]  # the name above, then two facts a line
    sizes = browser.ask("[...document.querySelectorAll('#table th button')].map(b => b.getBoundingClientRect().height)")
    assert min(sizes) >= 24  # a finger hits it


def test_it_can_be_read_aloud(page):
    """Each picture has words, each control a name, headings are in order, and the table is one."""
    tree = page("Accessibility.getFullAXTree")["nodes"]
    named = {"image", "img", "button", "link", "searchbox", "table"}
    found = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in tree if not n.get("ignored")]
    assert not [role for role, name in found if role in named - {"table"} and not name]
    assert {"table", "columnheader", "rowheader", "searchbox", "status"} <= {role for role, _ in found}
    levels = page.ask("[...document.querySelectorAll('h1, h2, h3')].map(head => +head.tagName[1])")
    assert levels[0] == 1 and all(b - a <= 1 for a, b in pairwise(levels))
    assert page.ask("[...document.images].every(image => image.alt.length > 20)")


def test_print(browser, folder):
    browser.look(1280, 900, media="print")
    browser.open((folder / making.PAGE).as_uri())
    hidden = browser.ask("['nav', '.tools'].map(s => getComputedStyle(document.querySelector(s)).display)")
    assert hidden == ["none", "none"]
    assert browser.ask(f"getComputedStyle({ROWS}[50]).contentVisibility") == "visible"


def test_the_browser_would_have_told(browser, tmp_path):
    bad = tmp_path / "bad.html"
    bad.write_text("<img src='http://elsewhere.invalid/x.png'><script>console.error('no'); document.title = 1</script>")
    browser.open(bad.as_uri())
    assert browser.complaints() and "http://elsewhere.invalid/x.png" in browser.requests()
    assert browser.ask("document.title") == "1"
