"""Compare the time of ranking with the matrix product alone and with other libraries. Writes retrieval.md.

    python -m benchmarks.retrieval                                    # about two minutes on one core
    python -m benchmarks.retrieval --queries 60000                    # all images as queries
    python -m benchmarks.retrieval --gallery 4000 --queries 1000 --small 500 --dry

Random unit descriptors are the hardest case: positives are anywhere in the ranking. All candidates get the same
descriptors and threads. Seconds are CPU seconds of this process, the minimum over some rounds in which the candidates
take turns, so that other load on the machine has little effect. Only ratios within one run are comparable.

* the product alone: `torch.mm` of 512 queries at a time with the gallery, into preallocated memory;
* faiss `IndexFlatL2`, exact search; for P@1 and mAP it has to return the sorted gallery;
* pytorch-metric-learning's `AccuracyCalculator`, which searches with faiss;
* torchmetrics' `RetrievalPrecision(top_k=1)` and `RetrievalMAP`, including the product and the removal of the query.
"""

from __future__ import annotations

import argparse
import datetime
import logging
import platform
import resource
import sys
import time
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from assignment.cores import available_cores
from assignment.evaluation import ranking, retrieval

OUT = Path(__file__).with_name("retrieval.md")
LIST = 30  # nearest images, as for the mining of negatives
CHUNK = 512  # queries per product: the fastest of 128 … 1024 on the machine of the committed table
CLASSES = {"classes of 5": 5, "ten classes": None}  # images per class; None: a tenth of the gallery

Contenders = dict[str, Callable[[], object]]


def least(contenders: Contenders, rounds: int) -> dict[str, float]:
    """CPU seconds of each candidate, the minimum over some rounds in which they take turns."""
    seconds = dict.fromkeys(contenders, float("inf"))
    for _ in range(rounds):
        for name, action in contenders.items():
            start = time.process_time()
            action()
            seconds[name] = min(seconds[name], time.process_time() - start)
            print(f"{name}: {seconds[name]:.2f} s", file=sys.stderr, flush=True)
    return seconds


def unit_rows(n: int, dim: int) -> Tensor:
    """Random descriptors (n, dim)."""
    rows = torch.randn(n, dim, generator=torch.Generator().manual_seed(0))
    return rows / rows.norm(dim=1, keepdim=True)


def labels_of(n: int, size: int | None) -> np.ndarray:
    """Labels (n,) in random order; classes of about `size` images, or ten classes."""
    return np.random.default_rng(0).permutation(np.arange(n) % (n // size if size else 10))


def product(gallery: Tensor, queries: int) -> Callable[[], None]:
    """The chunked product alone; its memory is allocated and touched beforehand."""
    strip = torch.zeros(CHUNK, len(gallery))

    def run() -> None:
        for start in range(0, queries, CHUNK):
            rows = gallery[start : min(start + CHUNK, queries)]
            torch.mm(rows, gallery.T, out=strip[: len(rows)])

    return run


def metrics(gallery: Tensor, labels: np.ndarray, queries: int) -> Callable[[], retrieval.QueryMetrics]:
    """All retrieval metrics of the first so many images."""
    rows, own = gallery[:queries], np.arange(queries)
    return lambda: retrieval.query_metrics(rows, labels[:queries], gallery, labels, own)


def nearest(gallery: Tensor, queries: int) -> Callable[[], Tensor]:
    """The nearest images of the first `queries` images."""
    return lambda: ranking.rank(gallery[:queries], gallery, LIST, torch.arange(queries))


def faiss_search(gallery: Tensor, queries: int, k: int) -> Callable[[], object]:
    """Exact search for k + 1 images, because the query itself is found as well."""
    import faiss

    rows = gallery.numpy()

    def run() -> object:
        index = faiss.IndexFlatL2(rows.shape[1])
        index.add(rows)
        return index.search(rows[:queries], k + 1)

    return run


def metric_learning(gallery: Tensor, labels: np.ndarray) -> Callable[[], dict[str, float]]:
    """P@1 and mAP over the whole gallery by pytorch-metric-learning."""
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

    calculator = AccuracyCalculator(
        include=("precision_at_1", "mean_average_precision"), k=len(gallery) - 1, device=torch.device("cpu")
    )
    targets = torch.from_numpy(labels)
    return lambda: calculator.get_accuracy(gallery, targets)


def torch_metrics(gallery: Tensor, labels: np.ndarray) -> Callable[[], tuple[float, float]]:
    """P@1 and mAP over the whole gallery by torchmetrics."""
    from torchmetrics.retrieval import RetrievalMAP, RetrievalPrecision

    targets = torch.from_numpy(labels)
    n = len(gallery)
    others = ~torch.eye(n, dtype=torch.bool)

    def run() -> tuple[float, float]:
        scores = (gallery @ gallery.T + 1)[others]  # scores below 0 would count as misses
        relevant = (targets[:, None] == targets)[others]
        indexes = torch.arange(n)[:, None].expand(n, n)[others]
        answers = (
            metric(scores, relevant, indexes=indexes) for metric in (RetrievalPrecision(top_k=1), RetrievalMAP())
        )
        first, second = (float(answer) for answer in answers)
        return first, second

    return run


def check(gallery: Tensor, labels: np.ndarray) -> None:
    """Raise RuntimeError if the other libraries do not get our P@1 and mAP: then times are not comparable."""
    ours = metrics(gallery, labels, len(gallery))()
    theirs = metric_learning(gallery, labels)()
    wanted = (float(ours.first.mean()), float(ours.average_precision.mean()))
    for name, got in {
        "pytorch-metric-learning": (theirs["precision_at_1"], theirs["mean_average_precision"]),
        "torchmetrics": torch_metrics(gallery, labels)(),
    }.items():
        if not np.allclose(wanted, got, atol=1e-4):
            raise RuntimeError(f"{name}: P@1 and mAP are {got}, ours are {wanted}")


def table(options: argparse.Namespace) -> str:
    """Measure everything and write the page."""
    gallery = unit_rows(options.gallery, options.dim)
    queries = min(options.queries, options.gallery)
    by_class = {name: labels_of(options.gallery, size) for name, size in CLASSES.items()}
    metrics(gallery[:100], by_class["ten classes"][:100], 100)()  # compiles the functions
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    nearest(gallery, min(queries, 2 * CHUNK))()
    for labels in by_class.values():
        metrics(gallery, labels, min(queries, 2 * CHUNK))()
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20

    ours = f"{LIST} nearest"
    contenders: Contenders = {"product": product(gallery, queries), ours: nearest(gallery, queries)}
    contenders |= {name: metrics(gallery, labels, queries) for name, labels in by_class.items()}
    contenders["faiss"] = faiss_search(gallery, queries, LIST)
    large = least(contenders, options.rounds)

    small = gallery[: options.small].clone()
    small_labels = {name: labels_of(len(small), size) for name, size in CLASSES.items()}
    rows = []
    for name, labels in small_labels.items():
        check(small[: min(len(small), 500)], labels_of(min(len(small), 500), CLASSES[name]))
        peers: Contenders = {
            "ours": metrics(small, labels, len(small)),
            "faiss, the whole gallery in order": faiss_search(small, len(small), len(small) - 1),
            "pytorch-metric-learning": metric_learning(small, labels),
            "torchmetrics": torch_metrics(small, labels),
        }
        seconds = least(peers, 1)
        own = seconds.pop("ours")
        rows += [f"| {peer} | {name} | {own:.2f} | {s:.2f} | {s / own:.1f} |" for peer, s in seconds.items()]

    bare = large["product"]
    shape = f"{options.gallery:,} × {options.dim}"
    lines = [
        "# Time of ranking",
        "",
        "Written by `python -m benchmarks.retrieval`; its docstring says what is measured: CPU seconds, random unit",
        f"descriptors, {torch.get_num_threads()} thread(s) each. Compare the ratios; seconds depend on the machine.",
        "",
        f"## {queries:,} queries in a gallery of {shape}",
        "",
        "| what | seconds | relative to the product |",
        "|---|---:|---:|",
        f"| product alone, {CHUNK} queries at a time | {bare:.2f} | 1.00 |",
        f"| the {LIST} nearest of each, ties by index | {large[ours]:.2f} | {large[ours] / bare:.2f} |",
    ]
    for name in CLASSES:
        r = np.bincount(by_class[name]).mean() - 1
        what = f"P@K, R@K, mAP, MAP@R, curve; {name} (R ≈ {r:,.0f})"
        lines.append(f"| {what} | {large[name]:.2f} | {large[name] / bare:.2f} |")
    lines += [
        f"| faiss `IndexFlatL2`, the {LIST + 1} nearest | {large['faiss']:.2f} | {large['faiss'] / bare:.2f} |",
        "",
        f"Peak memory on top of the descriptors: {memory:.2f} GiB.",
        "",
        "Besides the product, the lists need one pass over the distances, for the minima of groups of columns, and the",
        "metrics of small classes one short pass for each positive. Those of large classes look up every distance in a",
        "table of the positives: random access, and branches that cannot be predicted. The product takes only",
        f"{1e9 * bare / queries / options.gallery:.1f} ns per distance, so such a look-up is relatively expensive.",
        "",
        f"## P@1 and mAP of {len(small):,} × {options.dim}, all images are queries",
        "",
        "| library | classes | our seconds | its seconds | relative to ours |",
        "|---|---|---:|---:|---:|",
        *rows,
        "",
        "Ours are all metrics of the table above, the peers' P@1 and mAP alone; on 500 images they agree with ours.",
        "",
        f"{datetime.date.today()}, {platform.system()} {platform.machine()}, {available_cores()} cores, Python"
        f" {platform.python_version()}, torch {torch.__version__.split('+')[0]}, "
        + ", ".join(
            f"{name} {metadata.version(name)}" for name in ("faiss-cpu", "pytorch-metric-learning", "torchmetrics")
        )
        + ".",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gallery", type=int, default=60_000, help="images in the gallery")
    parser.add_argument("--queries", type=int, default=4096, help="number of queries among them")
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--small", type=int, default=2000, help="images for the libraries that sort everything")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dry", action="store_true", help="print the page only")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    import faiss

    faiss.omp_set_num_threads(options.threads)
    logging.getLogger("PML").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="torchmetrics")
    text = table(options)
    if not options.dry:
        OUT.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
