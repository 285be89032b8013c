"""A web server on this machine, miniatures of the official archives, and the command line."""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from data_scripts import registry
from data_scripts.__main__ import app


@dataclass
class Server:
    """Serves `files` (path → bytes).

    Attributes:
        cut: send only so many bytes of an answer, then hang up. ranges: whether Range is understood.
        asked: path and Range header of every request.
    """

    address: str
    files: dict[str, bytes] = field(default_factory=dict)
    cut: int | None = None
    ranges: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.asked.append((self.path, wanted))
            whole = state.files.get(self.path.partition("?")[0])
            if whole is None:
                self.send_error(404)
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and state.ranges else 0
            if start >= len(whole):
                self.send_error(416)
                return
            body = whole[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if state.cut is None else body[: state.cut])

        def log_message(self, *_: object) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Server(f"http://127.0.0.1:{running.server_port}")
    thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield state
    running.shutdown()
    running.server_close()


def tarred(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def jpeg(value: int = 0) -> bytes:
    out = io.BytesIO()
    noise = np.random.default_rng(value).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    Image.fromarray(noise).save(out, "JPEG", quality=95)
    return out.getvalue()


def cub_files() -> dict[str, bytes]:
    labels = [0, 0, 1, 1, 100, 100, 150, 150]
    names = [f"{label + 1:03}.Bird/Bird_{i}.jpg" for i, label in enumerate(labels)]
    return {
        "attributes.txt": b"beside the folder, as in the official archive",
        "CUB_200_2011/images.txt": "".join(f"{i + 1} {name}\n" for i, name in enumerate(names)).encode(),
        "CUB_200_2011/image_class_labels.txt": "".join(f"{i + 1} {c + 1}\n" for i, c in enumerate(labels)).encode(),
        **{f"CUB_200_2011/images/{name}": jpeg(i) for i, name in enumerate(names)},
    }


def pets_files() -> tuple[dict[str, bytes], dict[str, bytes]]:
    names = [f"{breed}_{i}" for breed in ("Siamese", "pug", "boxer", "havanese", "Bengal") for i in (1, 2)]
    lists = {"annotations/list.txt": "\n".join(f"{name} 1 1 1" for name in names).encode()}
    return {f"images/{name}.jpg": jpeg(i) for i, name in enumerate(names)}, lists


def sop_files() -> dict[str, bytes]:
    head = "image_id class_id super_class_id path\n"
    lists = {"train": [1, 2, 10], "test": [11, 12]}
    files = {}
    for part, ids in lists.items():
        rows = [f"{i} {i} 1 bicycle_final/{i}_0.JPG" for i in ids]
        files[f"Stanford_Online_Products/Ebay_{part}.txt"] = (head + "\n".join(rows)).encode()
        files |= {f"Stanford_Online_Products/bicycle_final/{i}_0.JPG": jpeg(i) for i in ids}
    return files


def fashion_files() -> dict[str, bytes]:
    """The four files by their official names, without gzip."""
    files = {}
    for part, n in (("train", 30), ("t10k", 20)):
        for kind, array in (
            ("images-idx3", np.arange(n * 784, dtype=np.uint8).reshape(n, 28, 28)),
            ("labels-idx1", (np.arange(n) % 10).astype(np.uint8)),
        ):
            head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            files[f"{part}-{kind}-ubyte"] = head + array.tobytes()
    return files


@functools.cache  # gzip writes the time into a file: made twice, it would have two checksums
def official_archives(name: str) -> list[bytes]:
    """What the server gives for each archive of a set, in the registry's order."""
    if name == "cub":
        return [tarred(cub_files())]
    if name == "pets":
        return [tarred(files) for files in pets_files()]
    if name == "sop":
        return [zipped(sop_files())]
    return [gzip.compress(content) for content in fashion_files().values()]


@pytest.fixture
def published(server, monkeypatch) -> Callable[..., list[bytes]]:
    """A function that publishes a set on the server, in the registry's place for it; gives the archives."""

    def publish(name: str, contents: list[bytes] | None = None) -> list[bytes]:
        contents = contents or official_archives(name)
        source = registry.SOURCES[name]
        archives = []
        for archive, content in zip(source.archives, contents, strict=True):
            server.files[f"/{archive.name}"] = content
            raw = gzip.decompress(content) if archive.unpacked_md5 else b""
            archives.append(
                registry.Archive(
                    f"{server.address}/{archive.name}?download=1",
                    hashlib.md5(content).hexdigest(),
                    hashlib.md5(raw).hexdigest() if raw else "",
                )
            )
        monkeypatch.setitem(registry.SOURCES, name, replace(source, archives=tuple(archives)))
        return contents

    return publish


@pytest.fixture
def command(tmp_path, monkeypatch) -> Callable[..., tuple[int, str]]:
    """Run `python -m data_scripts …` in an empty folder, without a system's FashionMNIST: exit status and output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "share"))

    def run(*arguments: str | Path) -> tuple[int, str]:
        done = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
        return done.exit_code, done.output

    return run
