"""Collect the pictures of executed notebooks on one page, for readers who do not want to run them."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import nbformat
from PIL import Image

from notebooks.source import NotebookError, build, fingerprint, names, outputs

FOLDER = Path(__file__).with_name("gallery")
REFERENCE = Path(__file__).parents[1] / "solution" / "dml.py"
MOST_BYTES = 1_500_000
COLOURS = 96  # of the palette; enough for photographs and plots


def make(executed: Path, folder: Path = FOLDER) -> list[Path]:
    """Write `README.md` and one PNG for each picture that has a name; remove pictures of an earlier gallery.

    Args:
        executed: the folder with the executed notebooks.

    Raises:
        NotebookError: a notebook is missing, or its source or the reference changed after it was executed; or the
            pictures are too large.
    """
    wanted, page = fingerprint(REFERENCE), [HEAD]
    pictures: dict[str, bytes] = {}
    for name in names():
        path = executed / f"{name}.ipynb"
        notebook = nbformat.read(path, as_version=4) if path.is_file() else None
        if notebook is None or notebook.metadata.get("ran_with") != wanted or cells(notebook) != cells(build(name)):
            raise NotebookError(
                f"{path} is missing, older than its source or executed with another file than the reference: "
                f"`python -m notebooks run --sample {name}` first"
            )
        page.append(f"## {title(notebook)}\n")
        for output in outputs(notebook):
            about = output.get("metadata", {}).get("walkthrough", {})
            if "name" in about:
                file = f"{name[0]}-{about['name']}.png"
                pictures[file] = smaller(base64.b64decode(output["data"]["image/png"]))
                page.append(f"![{about['words']}]({file})\n\n{about['words']}\n")
    size = sum(map(len, pictures.values()))
    if size > MOST_BYTES:
        raise NotebookError(
            f"the pictures are {size / 1e6:.1f} MB together, more than {MOST_BYTES / 1e6:.1f}; show fewer"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    for file, data in pictures.items():
        (folder / file).write_bytes(data)
    (folder / "README.md").write_text("\n".join(page), encoding="utf-8")
    return [folder / "README.md", *(folder / file for file in pictures)]


HEAD = """\
# Gallery

The pictures of the walkthrough notebooks, made with the reference solution and the embedded sample by
`python -m notebooks run --sample` and `python -m notebooks gallery`.

Images: FashionMNIST, © 2017 Zalando SE, MIT licence.
"""


def cells(notebook: nbformat.NotebookNode) -> list[str]:
    """The sources of all cells."""
    return [cell.source for cell in notebook.cells]


def title(notebook: nbformat.NotebookNode) -> str:
    """The first heading."""
    return notebook.cells[0].source.splitlines()[0].lstrip("# ")


def smaller(png: bytes) -> bytes:
    """The picture with a palette of few colours, in about a third of the bytes."""
    out = io.BytesIO()
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()
