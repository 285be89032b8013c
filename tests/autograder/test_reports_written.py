"""The reports as files, in a terminal and in a browser: nothing is half written."""

from __future__ import annotations

import errno
import io
import os
import subprocess

import pytest
from PIL import Image
from rich.console import Console

from assignment.checking.outcome import FAILED, NOT_IMPLEMENTED, PASSED, SKIPPED
from autograder.grading.record import from_json
from autograder.reports import terminal, write
from autograder.reports.feedback import feedback
from tests.autograder.browser import CHROMIUM
from tests.autograder.made_up_grades import (
    HOSTILE,
    MANIFEST,
    outcome,
    partial_source,
    with_retrieval,
)


def test_reports_are_written(full, tmp_path):
    out = tmp_path / "deep" / "er"
    written = write.write_reports(full, feedback(full, MANIFEST), out)
    assert from_json(written.record.read_bytes()) == full
    assert sorted(p.name for p in out.iterdir()) == ["feedback.html", "feedback.md", "record.json"]
    assert "</html>" in written.html.read_text() and written.markdown.read_text().startswith("# ")
    write.write_reports(full, feedback(full, MANIFEST), out)
    assert len(list(out.iterdir())) == 3


def test_full_disk_leaves_earlier_results(full, empty, tmp_path, monkeypatch):
    write.write_reports(full, feedback(full, MANIFEST), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    calls = []

    def fsync(descriptor):
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(write.os, "fsync", fsync)
    with pytest.raises(
        write.ReportError, match=r"^the reports cannot be written to .* \(No space left on device\); .*$"
    ):
        write.write_reports(empty, feedback(empty, MANIFEST), tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_folder_that_cannot_be_written(full, tmp_path):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(write.ReportError) as caught:
        write.write_reports(full, feedback(full, MANIFEST), tmp_path / "file" / "out")
    assert "\n" not in str(caught.value) and (tmp_path / "file").read_text() == "kept"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder(full, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(write.ReportError, match="Permission denied"):
        write.write_reports(full, feedback(full, MANIFEST), tmp_path)


def test_progress_counts_and_stays_silent_without_a_terminal():
    file = io.StringIO()
    with terminal.Progress(MANIFEST, Console(file=file), HOSTILE) as progress:
        for status in (PASSED, FAILED, SKIPPED, PASSED):
            progress(outcome(status=status, reason="" if status == PASSED else NOT_IMPLEMENTED))
    assert progress.counts == {"triplet-loss": [2, 1, 1]} and file.getvalue() == ""


def test_progress_in_a_terminal():
    file = io.StringIO()
    with terminal.Progress(MANIFEST, Console(file=file, force_terminal=True, width=100), "grading dml.py") as progress:
        progress(outcome())
        progress._live.refresh()
    assert "grading dml.py: 1 test" in file.getvalue() and "1 tests" not in file.getvalue()


@pytest.mark.needs_browser
@pytest.mark.parametrize("size", ["900,1600", "390,1600"], ids=["desk", "phone"])
def test_page_in_a_browser(partial, size, tmp_path):
    """The style sheet gets past the page's own policy, and the page is drawn."""
    entry = with_retrieval(partial, 0.5, 0.4)
    page = write.write_reports(entry, feedback(entry, MANIFEST, partial_source()), tmp_path).html
    picture = tmp_path / "page.png"
    switches = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    more = f"--disable-component-update --disable-sync --hide-scrollbars --user-data-dir={tmp_path}/profile"
    command = [
        CHROMIUM,
        *switches.split(),
        *more.split(),
        f"--window-size={size}",
        f"--screenshot={picture}",
        page.as_uri(),
    ]
    subprocess.run(command, timeout=90, capture_output=True, check=True)
    image = Image.open(picture).convert("RGB")
    assert image.getpixel((2, 2)) in (
        (0xF4, 0xF5, 0xF7),
        (0x10, 0x13, 0x18),
    )  # the ground of the light or the dark style
    assert len(image.getcolors(1 << 20) or []) > 100
