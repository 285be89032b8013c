"""JupyterLab with the walkthrough notebooks, used as a student does: in a real browser, by mouse."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("jupyterlab", reason="jupyterlab is not installed: pip install -e '.[notebooks]'")
from tests.autograder.browser import CHROMIUM

websocket = pytest.importorskip("websocket", reason="websocket-client is not installed: pip install -e '.[dev]'")

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-for-one-test"
WAIT = 240  # seconds; a slow machine needs a minute for PyTorch alone
FRAMES = {"right": (0, 135, 90), "wrong": (204, 51, 17), "query": (0, 85, 164)}  # colours of the grid's frames
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(4 * WAIT),
    pytest.mark.needs_browser,
]


class Page:
    """One page of a headless browser, driven through its DevTools protocol."""

    def __init__(self, profile: Path) -> None:
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--no-first-run"]
        self.process = subprocess.Popen(
            [str(CHROMIUM), *options, "--window-size=1280,1000", f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            told = profile / "DevToolsActivePort"
            wait_for(told.exists, "the browser's port")
            port = told.read_text().split()[0]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
                address = next(each for each in json.load(answer) if each["type"] == "page")["webSocketDebuggerUrl"]
            self.socket = websocket.create_connection(address, suppress_origin=True, timeout=WAIT)
        except BaseException:
            end(self.process)
            raise
        self.number = 0

    def ask(self, method: str, **parameters: object) -> dict:
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]

    def value(self, expression: str) -> object:
        """What a JavaScript expression evaluates to."""
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def wait(self, expression: str) -> None:
        wait_for(lambda: self.value(f"Boolean({expression})"), expression)

    def click(self, element: str) -> None:
        """Click into the middle of the element that an expression gives."""
        self.wait(element)
        middle = "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]"
        x, y = self.value(f"(e => {{ {middle} }})({element})")
        for kind, buttons in (("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 0)):
            button = "none" if kind == "mouseMoved" else "left"
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, buttons=buttons, clickCount=1)

    def picture(self) -> bytes:
        return base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"])

    def close(self) -> None:
        self.socket.close()
        end(self.process)


def wait_for(ready, what: str) -> None:
    until = time.monotonic() + WAIT
    while not ready():
        assert time.monotonic() < until, f"waited {WAIT} s for {what}"
        time.sleep(0.2)


def end(process: subprocess.Popen) -> None:
    """End a process with all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def lab(tmp_path) -> Iterator[str]:
    """A JupyterLab of its own; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = tmp_path / "settings" / "@jupyterlab"
    (settings / "notebook-extension").mkdir(parents=True)
    # Every cell on the page, also those that are far down; no question about news.
    (settings / "notebook-extension" / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')
    (settings / "apputils-extension").mkdir()
    (settings / "apputils-extension" / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    command = [sys.executable, "-m", "notebooks", "lab", "--sample", "--out", tmp_path / "notebooks", "--no-browser"]
    options = [f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}", "--allow-root"]
    places = {"JUPYTERLAB_SETTINGS_DIR": tmp_path / "settings", "JUPYTER_RUNTIME_DIR": tmp_path / "runtime"}
    log = tmp_path / "lab.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [*map(str, command), *options],
            cwd=ROOT,
            env={**os.environ, **{name: str(place) for name, place in places.items()}},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token={TOKEN}", timeout=5).status == 200
        except OSError:
            return False

    try:
        wait_for(answers, "JupyterLab")
        yield f"http://127.0.0.1:{port}"
    finally:
        end(process)


def kernel_is_ready(lab: str) -> bool:
    with urllib.request.urlopen(f"{lab}/api/kernels?token={TOKEN}") as answer:
        return any(each["execution_state"] == "idle" and each["connections"] for each in json.load(answer))


def test_the_first_notebook_in_a_browser(lab, tmp_path):
    page = Page(tmp_path / "profile")
    try:
        page.ask("Page.enable")
        page.ask("Page.navigate", url=f"{lab}/lab/tree/1-retrieval.ipynb?token={TOKEN}")
        page.wait("document.querySelectorAll('.jp-NotebookPanel .jp-CodeCell').length > 5")
        wait_for(lambda: kernel_is_ready(lab), "the kernel")  # "Run" before that would start a second one
        menu = "[...document.querySelectorAll('.lm-MenuBar-item')].find(e => e.textContent.trim() === 'Run')"
        item = "[...document.querySelectorAll('.lm-Menu-item')].find(e => e.textContent.startsWith('Run All Cells'))"
        page.click(menu)
        page.click(item)
        cell = "[...document.querySelectorAll('.jp-CodeCell')].find(e => e.innerText.includes('grid-mac'))"
        grid = f"{cell}.querySelector('.jp-OutputArea-output img')"
        page.wait(f"({grid} || {{}}).naturalWidth > 500")
        prompts = "[...document.querySelectorAll('.jp-CodeCell .jp-InputArea-prompt')].map(e => e.textContent.trim())"
        page.wait(f"{prompts}.every(text => /^\\[\\d+\\]:$/.test(text))")  # all cells are done
        page.value(f"{grid}.scrollIntoView({{block: 'center'}})")
        time.sleep(0.5)  # until it has been drawn there
        picture = page.picture()
        (tmp_path / "grid.png").write_bytes(picture)
        assert page.value("document.querySelectorAll('[data-mime-type=\"application/vnd.jupyter.error\"]').length") == 0
    finally:
        page.close()
    seen = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
    for name, colour in FRAMES.items():
        assert (np.abs(seen - colour).max(axis=2) < 12).sum() > 100, f"no frame for '{name}' on the page"
