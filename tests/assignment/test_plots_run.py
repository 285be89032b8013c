"""The page of a run: made from a run folder with the reference solution, opened in a real browser."""

from __future__ import annotations

import http.server
import json
import re
import subprocess
import threading
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from assignment.datasets import Data, QueryGallery, load
from assignment.datasets.data import among_themselves
from assignment.datasets.split import ArraySplit
from assignment.plots import folder, make, read_run
from assignment.plots.making import notes
from assignment.training import checkpoints, model
from assignment.training.config import Config, to_toml
from solution import dml
from tests.autograder.browser import CHROMIUM

HOSTILE = "<img src=//evil.example/x onerror=alert(1)>"
CONFIG = Config(epochs=2, lr=1e-3)


@pytest.fixture(scope="module")
def data() -> Data:
    """Twelve images of each class of the embedded sample, the test classes among all images."""
    whole = load("sample")
    train, val, test = (part.first_of_each(12) for part in (whole.train, whole.val.queries, whole.test.queries))
    gallery = ArraySplit(torch.cat([test.images, train.images]), np.concatenate([test.labels, train.labels]))
    query_gallery = QueryGallery(test, gallery, np.arange(len(test)))
    names = {**whole.class_names, 7: HOSTILE}
    return Data(
        "sample",
        "held-out",
        train,
        among_themselves(val),
        query_gallery,
        names,
        note="a part",
        licence="MIT, © somebody",
    )


def write_run(path: Path, data: Data, config: Config = CONFIG) -> Path:
    """A run folder as training leaves it; its network is the untrained one with other weights in the last block."""
    path.mkdir()
    network = model.untrained(dml, config, data)
    with torch.no_grad():
        network.features[-1][0].conv.weight.mul_(-1)
    state = {"model": network.state_dict(), "config": asdict(config), "epoch": 1, "monitor": 0.5}
    checkpoints.save(state, path / "best.pt")
    (path / "config.toml").write_text(to_toml(config), "utf-8")
    (path / "versions.json").write_text(json.dumps({"torch": "2.4", "git": {"commit": "abc", "dirty": True}}), "utf-8")
    history = "epoch,lr,loss,P@1,mAP,mine_s\n0,,,0.4,0.3,\n1,0.001,0.2,0.5,0.4,1\n2,0.001,0.1,0.45,0.4,1\n"
    (path / "history.csv").write_text(history + "3,0.0", "utf-8")  # killed while it wrote
    return path


@pytest.fixture(scope="module")
def made(data, tmp_path_factory) -> Path:
    """The page of a run, compared with a second one."""
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("runs")
    run = write_run(root / "first", data)
    other = write_run(root / "second", data, replace(CONFIG, pooling="spoc"))
    return make(run, dml, compare=[other], data=data, embeddings=("t-SNE",))


def test_the_page_shows_everything(made):
    text = made.read_text("utf-8")
    for heading in (
        "Retrieved images",
        "Precision and recall",
        "Training",
        "Regions that make two images similar",
        "t-SNE, after",
    ):
        assert heading in text
    for words in ("MIT, © somebody", "a part", "small_resnet", "git: commit", "Undefined here: few-shot"):
        assert words in text
    assert re.search(r"<th[^>]*>before</th><th[^>]*>after</th><th[^>]*>second</th>", text)
    assert re.search(r'P@1</th>(<td class="number">0\.\d{3}</td>){3}', text)


def test_untrusted_class_names_stay_text(made):
    text = made.read_text("utf-8")
    assert HOSTILE not in text
    assert "&lt;img src=//evil.example" in text


def test_each_picture_is_a_file_too(made):
    files = {path.name for path in (made.parent / "plots").iterdir()}
    assert {"retrieved-before.png", "retrieved-after.png", "precision-recall.svg", "roc.svg"} <= files
    assert {"history.svg", "among-first.svg", "tsne-before.svg", "tsne-after.svg"} <= files


def test_history_is_sorted_into_panels_and_half_a_line_is_left_out(made):
    epochs, panels = folder.curves(read_run(made.parent))
    assert epochs == [0, 1, 2]
    assert {title: list(panel) for title, panel in panels.items()} == {
        "loss": ["loss"],
        "learning rate": ["lr"],
        "validation": ["P@1", "mAP"],
    }
    assert np.isnan(panels["loss"]["loss"][0])


def test_known_metrics_are_those_of_the_same_weights_only(tmp_path, data):
    run = write_run(tmp_path / "run", data)
    tree = {"best_epoch": 1, "before": {"test": {"P@1": 0.125}}, "after": {"test": {"P@1": 0.875}}}
    (run / "evaluation.json").write_text(json.dumps(tree), "utf-8")
    assert read_run(run).metrics("after", "test", {"epoch": 1}) == {"P@1": 0.875}
    assert read_run(run).metrics("after", "val", {"epoch": 1}) is None
    assert read_run(run).metrics("after", "test", {"epoch": 2}) is None  # training went on after the evaluation
    text = make(run, dml, data=data, embeddings=()).read_text("utf-8")
    assert '<td class="number">0.125</td><td class="number">0.875</td>' in text


def test_what_a_reader_should_know_is_said(tmp_path, data):
    run = write_run(tmp_path / "run", data)
    assert notes(read_run(run), dml, data, best=1) == ["a part"]
    (run / "versions.json").write_text(json.dumps({"dml": {"sha256": "0" * 64}}), "utf-8")
    said = notes(read_run(run), dml, replace(data, note=""), best=0)
    assert ["untrained network" in said[0], "dml.py has changed" in said[1]] == [True, True]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda run: (run / "config.toml").unlink(), "not a run folder, it has no config.toml"),
        (lambda run: (run / "best.pt").unlink(), "there is no best.pt yet"),
        (lambda run: (run / "best.pt").write_bytes(b"nothing"), "damaged, or a pickle"),
        (lambda run: (run / "evaluation.json").write_text("{"), "evaluation.json: cannot be read"),
        (lambda run: (run / "versions.json").write_text("[]"), "versions.json: not a table of names"),
        (lambda run: (run / "config.toml").write_text("epoch = 3\n"), "did you mean `epochs`"),
        (lambda run: (run / "config.toml").write_text(to_toml(replace(CONFIG, reduction=8))), "is missing"),
    ],
)
def test_damaged_folders_are_one_line(tmp_path, data, damage, words):
    run = write_run(tmp_path / "run", data)
    damage(run)
    with pytest.raises(ValueError, match=words) as caught:
        make(run, dml, data=data, embeddings=())
    assert "\n" not in str(caught.value)
    assert not (run / "index.html").exists()


def test_runs_of_other_data_cannot_be_compared(tmp_path, data):
    run = write_run(tmp_path / "run", data)
    other = write_run(tmp_path / "other", data)
    (other / "config.toml").write_text(to_toml(replace(CONFIG, data="cub")), "utf-8")
    with pytest.raises(ValueError, match="its data is 'cub', not 'sample'"):
        make(run, dml, compare=[other], data=data, embeddings=())


class _Proxy(http.server.BaseHTTPRequestHandler):
    """Stands between the browser and the network: writes down what is asked for and answers that it is not there."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_error(404)

    do_CONNECT = do_GET  # noqa: N815

    def log_message(self, *arguments) -> None:
        """Say nothing."""


def browse(page: Path, size: str, scratch: Path) -> tuple[Image.Image, list[str], str]:
    """Open a page in Chromium; give its picture, the addresses it asked the network for, and the browser's log."""
    asked: list[str] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Proxy", (_Proxy,), {"asked": asked}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    switches = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --hide-scrollbars --enable-logging=stderr --v=0"
    )
    command = [
        str(CHROMIUM),
        *switches.split(),
        f"--user-data-dir={scratch}/profile",
        f"--proxy-server=127.0.0.1:{server.server_port}",
        f"--window-size={size}",
        f"--screenshot={scratch}/page.png",
        page.as_uri(),
    ]
    try:
        done = subprocess.run(command, timeout=90, capture_output=True, text=True, check=True)
    finally:
        server.shutdown()
        server.server_close()
    return Image.open(scratch / "page.png").convert("RGB"), asked, done.stderr


@pytest.mark.needs_browser
@pytest.mark.parametrize("size", ["1280,4000", "400,6000"], ids=["desk", "phone"])
def test_the_page_in_a_browser(made, size, tmp_path):
    """No complaint on the console, nothing asked of the network; it is drawn, and not wider than the screen."""
    image, asked, log = browse(made, size, tmp_path)
    assert [address for address in asked if "google" not in address] == []  # the browser's own errands aside
    assert ":CONSOLE" not in log, log
    ground = image.getpixel((2, 2))
    assert ground in ((0xF4, 0xF5, 0xF7), (0x10, 0x13, 0x18))  # the style sheet got past the policy
    assert image.crop((image.width - 3, 0, image.width, image.height)).getcolors() == [(3 * image.height, ground)]
    assert len(image.getcolors(1 << 22) or []) > 1000  # photographs, plots


@pytest.mark.needs_browser
def test_the_browser_would_have_told(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<img src='http://elsewhere.invalid/x.png'><script>console.error('no')</script>", "utf-8")
    _, asked, log = browse(page, "400,400", tmp_path)
    assert "http://elsewhere.invalid/x.png" in asked
    assert ":CONSOLE" in log
