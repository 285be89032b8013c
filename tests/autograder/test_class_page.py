"""The class page as a text: what it counts, what it hides, that nothing hostile gets through; mistakes are a line."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from rich.console import Console
from typer.testing import CliRunner

from autograder.__main__ import app
from autograder.classroom.class_file import ClassFileError, read_class_file
from autograder.reports import class_batch, similar
from autograder.reports.class_page import making, pairs
from autograder.reports.class_page.facts import collect
from autograder.reports.class_page.pseudonyms import pseudonyms
from autograder.reports.class_page.reading import read_flags
from tests.autograder.made_up_class import MANIFEST, disguised, write_class, written_by

HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=alert(2)><!-- "
    "\x1b[31mred\u202eesrever\u200b {{ 7 * 7 }} \"'&amp; javascript:alert(3) \u2028"
)
NUMBER = 30


class Page(HTMLParser):
    """Tags, attributes, and the texts of elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.rows: list[str] = []
        self._in_row = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "tr":
            self._in_row = True
            self.rows.append("")

    def handle_endtag(self, tag):
        self._in_row = self._in_row and tag != "tr"

    def handle_data(self, data):
        self.words.append(data)
        if self._in_row:
            self.rows[-1] += data + " "


@pytest.fixture
def nothing_alike(monkeypatch):
    """No files are compared: it takes seconds, and test_similar.py does."""
    monkeypatch.setattr(pairs, "_compare", lambda files, seconds: similar.Found(compared=len(files)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A class in which 3 handed in the same file and one handed in nothing."""
    folder = tmp_path_factory.mktemp("class")
    flags = {4: ["line 3: import os", "line 9: import os", "line 4: eval"]} | {
        n: ["line 1: eval"] for n in range(9, 20)
    }
    write_class(folder, NUMBER, sources=dict.fromkeys((1, 2, 3), "x = 'one'"), flags=flags, messages={7: "no file"})
    return folder


def told(folder: Path, **options) -> str:
    return making.make(folder, MANIFEST, **options).read_text(encoding="utf-8")


def test_it_counts_what_the_summary_says(folder):
    tree = read_class_file(folder)
    rows = [row for row in tree.students if row.graded]
    facts = collect(tree, *read_flags(folder, tree.students), making._relative(folder / "x.html", folder))
    assert (facts.handed_in, facts.graded) == (NUMBER, NUMBER - 1) and facts.missing == ["Max Missing"]
    assert facts.mean == pytest.approx(sum(r.final.points for r in rows) / len(rows))
    for task in facts.tasks:
        id = next(t.id for t in tree.tasks if t.number == task.number)
        rest = {r.key for r in rows if r.tasks[id].state != "all"}
        assert {facts.rows[n].person.key for n in facts.groups[task.group][1]} == rest
        assert task.rate == pytest.approx(1 - len(rest) / len(rows)) and sum(task.states.values()) == len(rows)
    for count, entry in zip(facts.misconceptions, tree.misconceptions, strict=True):
        assert {facts.rows[n].person.key for n in facts.groups[count.group][1]} == set(entry.students)
    assert [(flag.title, flag.count) for flag in facts.flags] == [("import os", 1), ("eval", 12)]
    assert [row.flags for row in facts.rows[3:6]] == [0, 2, 0]
    assert [row.flags for row in facts.rows] == [row.flags for row in tree.students]
    late = facts.rows[3]
    assert late.before == tree.students[3].points and late.points == pytest.approx(0.9 * late.before)
    assert facts.rows[7].points is None and facts.rows[7].person.href and facts.rows[7].notes == "nothing to grade"
    assert facts.identical == [["s-0001", "s-0002", "s-0003"]]


def test_the_list_by_p_at_1_shares_places(folder):
    tree = read_class_file(folder)
    values = [0.9, 0.8, 0.9, 0.7, *[None] * (len(tree.students) - 4)]
    rows = tuple(replace(row, p_at_1=value) for row, value in zip(tree.students, values, strict=True))
    tree = replace(tree, students=rows)
    facts = collect(tree, {}, [], making._relative(folder / "x.html", folder))
    assert [(leader.place, leader.p_at_1) for leader in facts.leaders] == [(1, 0.9), (1, 0.9), (3, 0.8), (4, 0.7)]


def test_links_lead_to_the_feedback_pages(folder, nothing_alike, tmp_path):
    for out in (None, tmp_path / "elsewhere" / "page.html"):
        page = making.make(folder, MANIFEST, out=out)
        found = Page(page.read_text(encoding="utf-8")).attributes
        links = {unquote(value) for name, value in found if name == "href" and not value.startswith("#")}
        expected = {folder / "students" / f"s-{n:04d}" / "feedback.html" for n in range(NUMBER)}
        assert {(page.parent / link).resolve() for link in links} == {path.resolve() for path in expected}


def test_nothing_hostile_gets_through(monkeypatch, tmp_path):
    found = similar.Found([similar.Pair(0, 1, (0.5, 0.5), 200, (HOSTILE,))], skipped={0: HOSTILE, 1: "too long"})
    monkeypatch.setattr(pairs, "_compare", lambda files, seconds: found)
    write_class(
        tmp_path,
        8,
        sources={1: "x = 'one'", 2: "x = 'two'"},
        names={1: HOSTILE, 2: "", 3: "\u202e"},
        keys={1: "k" + HOSTILE, 2: HOSTILE},
        flags={1: [f"line 3: {HOSTILE}", HOSTILE]},
        messages={4: HOSTILE},
    )
    tree = json.loads((tmp_path / "class.json").read_text())
    tree["students"][5]["folder"] = "javascript:alert(1)//"
    (tmp_path / "class.json").write_text(json.dumps(tree))
    text = told(tmp_path)
    page = Page(text)
    assert page.tags.count("script") == 2 and text.count("</script") == 2 and "<!--" not in text
    assert not {"iframe", "object", "embed", "form", "base"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "style"]
    assert all(value.startswith("data:image/svg+xml;base64,") for name, value in page.attributes if name == "src")
    assert not [value for name, value in page.attributes if name == "href" and ":" in value]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028\u202a-\u202e]", text)
    assert "document.title='owned'" in "".join(page.words)  # shown, as text
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    assert len(data["order"]) == 8 and "owned" in json.dumps(data["groups"])


def test_pseudonyms_give_nobody_away(folder, nothing_alike):
    names = [row.name for row in read_class_file(folder).students]
    text = told(folder, pseudonyms=True)
    page = Page(text)
    assert "script" not in page.tags and "a" in page.tags
    words = " ".join(page.words)
    assert not [name for name in {*names, "Max Missing"} if name in words]
    assert "s-00" not in text and "students/" not in text and "import os" not in text and "no file" not in text
    known = json.loads((folder / "pseudonyms.json").read_text())
    assert len(set(known.values())) == NUMBER == len(known)
    places = [row.split() for row in page.rows if re.fullmatch(r"\d+ .* 0\.\d{4}", row.strip())]
    rows = read_class_file(folder).students
    expected = {known[r.key]: f"{r.p_at_1:.4f}" for r in rows if r.p_at_1 is not None}
    assert {" ".join(place[1:-1]): place[-1] for place in places} == expected


def test_pseudonyms_stay_and_are_drawn(tmp_path):
    first = pseudonyms(tmp_path, ["a", "b"])
    assert pseudonyms(tmp_path, ["b", "c", "a"]).items() >= first.items()
    (tmp_path / "pseudonyms.json").unlink()
    assert pseudonyms(tmp_path, ["a", "b"]) != first  # nothing of them can be computed from the key
    thousands = pseudonyms(tmp_path, map(str, range(3000)))
    assert len({*thousands.values()}) == len(thousands) == 3002
    (tmp_path / "pseudonyms.json").write_text("[1]")
    with pytest.raises(ClassFileError, match="damaged; repair it"):
        pseudonyms(tmp_path, ["a"])


def test_similar_files_are_named_and_kept(tmp_path, monkeypatch):
    half = written_by(1).split("def f3")[0] + "def f3" + written_by(9).split("def f3")[1]
    sources = {0: written_by(1), 1: written_by(2), 2: disguised(half), 3: written_by(1), 4: disguised(written_by(2))}
    sources |= {5: "x" * (similar.LONGEST_FILE + 1)}
    write_class(tmp_path, 7, sources=sources)
    rows = read_class_file(tmp_path).students
    found = pairs.find(tmp_path, rows, MANIFEST)
    (pair,) = found.pairs
    assert (pair.first, pair.second, pair.where) == (["s-0000", "s-0003"], ["s-0002"], ("f0", "f1", "f2"))
    assert found.same == [["s-0001", "s-0004"]] and found.notes == ["Not compared (too long): s-0005."]
    monkeypatch.setattr(pairs, "_compare", None)  # nothing changed: it is not asked again
    assert pairs.find(tmp_path, rows, MANIFEST) == found
    text = told(tmp_path)
    assert "Alike in part" in text and "<code>f0</code>" in text and "The same but for names" in text


def test_a_comparison_that_fails_is_a_note(tmp_path, monkeypatch):
    write_class(tmp_path, 3, sources={0: written_by(1), 1: written_by(2)})
    monkeypatch.setattr(pairs.sys, "executable", "/bin/false")
    assert "could not be compared" in told(tmp_path) and not (tmp_path / "similar.json").exists()
    monkeypatch.undo()
    monkeypatch.setattr(pairs, "MORE_SECONDS", 0.01)
    found = pairs.find(tmp_path, read_class_file(tmp_path).students, MANIFEST, 0.01)
    assert found.notes == ["The files could not be compared in the time given."]


def test_a_class_without_any_grade_has_a_page(tmp_path):
    write_class(tmp_path, 2, messages={0: "no file", 1: "no file"})
    assert "No task was graded." in told(tmp_path)
    assert "mean of 20" in told(tmp_path, pseudonyms=True)


def test_a_record_that_cannot_be_read_is_named(nothing_alike, tmp_path):
    write_class(tmp_path, 3, flags={1: ["line 1: import os"]})
    (tmp_path / "students" / "s-0001" / "record.json").write_text("{")
    assert "their flags are missing below: s-0001" in told(tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "contains no class.json; give the output folder of 'batch --out'"),
        ("{", "; run the batch again, which writes it"),
        ('{"schema": 99}', "is damaged"),
        ('{"schema": 1, "students": [{}]}', "is damaged"),
        ("[" * 100_000, "is damaged"),
    ],
)
def test_one_line_per_mistake(tmp_path, text, says):
    if text is not None:
        (tmp_path / "class.json").write_text(text)
    done = CliRunner().invoke(app, ["report", str(tmp_path)], env={"COLUMNS": "300"})
    assert done.exit_code == 3
    assert says in done.output and done.output.count("\n") == 1


def test_the_command(folder, nothing_alike, tmp_path):
    out = tmp_path / "shared.html"
    done = CliRunner().invoke(app, ["report", str(folder), "--pseudonyms", "--out", str(out)])
    assert done.exit_code == 0 and done.output == f"class page: {out}\n" and out.stat().st_size > 5000
    done = CliRunner().invoke(app, ["report", str(folder), "--out", str(tmp_path)])
    assert done.exit_code == 5 and "cannot be written" in done.output


def test_a_batch_survives_a_page_that_cannot_be_made(tmp_path, capsys):
    class_batch._make_page(tmp_path, MANIFEST, Console(width=300))
    assert "could not be made" in capsys.readouterr().out


@pytest.mark.needs_bubblewrap
@pytest.mark.slow
def test_a_batch_makes_the_page(tmp_path):
    """The real command, from hand-ins to the page."""
    root = Path(__file__).parents[2]
    for n, path in enumerate(("solution/dml.py", "template/dml.py", "solution/dml.py")):
        (tmp_path / "in" / f"s-{n}").mkdir(parents=True)
        shutil.copy(root / path, tmp_path / "in" / f"s-{n}" / "dml.py")
    out = str(tmp_path / "out")
    options = ["--task", "triplet-loss", "--no-canary", "--workers", "1"]
    done = CliRunner().invoke(app, ["batch", str(tmp_path / "in"), "--out", out, *options])
    assert done.exit_code == 0 and "class page: " in done.output
    text = (tmp_path / "out" / "class.html").read_text(encoding="utf-8")
    assert 'href="students/s-0/feedback.html"' in text and "The same file" in text
