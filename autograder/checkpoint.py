"""Judge a checkpoint that was handed in beside a file: how far its training has raised P@1 on classes never seen.

The bytes are never opened here. They go behind the wall twice: first to the reference solution, which reads them and
describes the images with the network as it was before training, then to the student's file, which describes them
before and after. The images go there in an order drawn afresh and without labels; P@1 and mAP are computed here.

The best of all untrained networks counts, of the student's and of the reference's with several seeds, each with the
BatchNorm statistics of images and with none: a file that plays dumb before training gains nothing by it, nor does a
lucky random network by being called a trained one. P@1 of random networks varies by as much as a short training adds,
mAP by less than that, so both have to rise.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from assignment import datasets
from assignment.checking.checkpoint import LONGEST, PROBLEMS, SAFE, Refused
from assignment.checking.improvement import unit
from assignment.checking.outcome import FAILED, Outcome
from assignment.checking.student import Answer, GraderFault, Student, StudentError
from assignment.datasets import fashion_mnist
from assignment.datasets.data import QueryGallery
from assignment.datasets.split import ArraySplit, Split
from assignment.evaluation import retrieval
from assignment.manifest import CHECKPOINT, Manifest
from assignment.training.config import Config, from_values
from autograder import known
from autograder.intake import Submission, Upload
from autograder.sandbox.wall import Ending, Session, Wall

SAMPLE = Path(__file__).parent / "hidden_tests" / "fashion_hidden.npz"
PART = 8 << 20  # bytes of a file or of images in one request
BATCH = 256  # images in one request
SETTLING, SETTLING_BYTES = 256, 32 << 20  # images that random BatchNorm layers take their statistics from
BEHAVIOUR = "the handed-in checkpoint raises P@1 on classes never seen"
HINT = "Train longer, or look at P@1 on the validation classes: the best epoch is chosen there."


@dataclass(frozen=True)
class Pictures:
    """What a checkpoint is asked about.

    Attributes:
        name: of the data set. asking: queries of held-out classes and their gallery.
        settling: (B, 3, H, W) float32 training images. trained_on: names of data sets that a checkpoint may be of.
    """

    name: str
    asking: QueryGallery
    settling: np.ndarray
    trained_on: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many images are described."""
        return len(self.asking.gallery) + (len(self.asking.queries) if self.asking.self_index is None else 0)

    @property
    def megapixels(self) -> float:
        """Millions of pixels of these images."""
        return self.count * self.settling.shape[2] * self.settling.shape[3] / 1e6


@dataclass(frozen=True)
class Handed:
    """A checkpoint to be judged, on which images, and the weights its backbone began with (None: random ones)."""

    upload: Upload
    pictures: Pictures
    baseline: Upload | None = None

    def facts(self) -> dict[str, Any]:
        """What the record says about it."""
        return {
            "name": self.upload.name,
            "sha256": self.upload.sha256,
            "bytes": self.upload.size,
            "data": self.pictures.name,
            "images": self.pictures.count,
            "baseline_sha256": self.baseline.sha256 if self.baseline else "",
        }


def hidden_pictures() -> Pictures:
    """The hidden sample of FashionMNIST: the three test classes ask all ten."""
    with np.load(SAMPLE) as arrays:
        images, labels = fashion_mnist.as_images(arrays["images"]), arrays["labels"]
    own = np.flatnonzero(np.isin(labels, fashion_mnist.TEST_CLASSES))
    asking = QueryGallery(ArraySplit(images[own], labels[own]), ArraySplit(images, labels), own)
    sample = datasets.SAMPLE.name
    return Pictures("hidden sample", asking, _settling(datasets.load(sample).train), datasets.same_images(sample))


def pictures_of(name: str, root: Path | None) -> Pictures:
    """The test classes of a data set; DataMissing or ValueError in one line where they cannot be had."""
    data = datasets.load(name, root)
    return Pictures(name, data.test, _settling(data.train), datasets.same_images(name))


def _settling(split: Split) -> np.ndarray:
    count = min(SETTLING, len(split), SETTLING_BYTES // split[0].numpy().nbytes)
    return np.stack([split[int(i)].numpy() for i in np.linspace(0, len(split) - 1, count)])


def judge(
    handed: Handed,
    submission: Submission,
    wall: Wall,
    manifest: Manifest,
    seed: int,
    import_problem: StudentError | None = None,
) -> tuple[Outcome, list[Ending]]:
    """Judge a checkpoint: an outcome of the task "checkpoint", and how the processes behind the wall ended.

    Args:
        handed: the checkpoint. submission: the file that goes with it. wall: where both are let loose.
        manifest: one `with_checkpoint`. seed: of the order of the images. import_problem: why the file cannot be used.

    Raises:
        GraderFault: the wall fails, or the reference does.
    """
    points = manifest.task(CHECKPOINT).points
    outcome = Outcome("test_checkpoint", CHECKPOINT, BEHAVIOUR, "", points)
    endings: list[Ending] = []
    start = time.perf_counter()
    try:
        if import_problem is not None:
            raise import_problem
        with roomy(wall, manifest, handed):
            _judge(handed, submission, wall, manifest, seed, outcome, endings)
    except Refused as problem:
        outcome.status, outcome.reason = FAILED, "unexpected"
        outcome.problem = PROBLEMS.get(problem.args[0], problem.args[0])
    except StudentError as problem:
        outcome.status, outcome.reason = FAILED, problem.kind
        outcome.exception, outcome.message, outcome.line = problem.type_name, problem.message, problem.line
    outcome.seconds = time.perf_counter() - start
    return outcome, endings


def _judge(
    handed: Handed,
    submission: Submission,
    wall: Wall,
    manifest: Manifest,
    seed: int,
    outcome: Outcome,
    endings: list[Ending],
) -> None:
    settings = manifest.checkpoint
    if not handed.upload.data:
        size = f"has more than {settings['file_mb']} MB" if handed.upload.size else "is empty"
        raise Refused(f"{size}; hand in the best.pt of a run, which holds weights alone")
    rng = np.random.default_rng([seed, handed.pictures.count])
    order = rng.permutation(handed.pictures.count)
    others = rng.integers(2**31, size=settings["other_seeds"]).tolist()
    settling = handed.pictures.settling

    with opened(wall, known.reference(), endings) as session:
        if session.import_problem is not None:
            raise GraderFault(f"the reference cannot be imported: {session.import_problem}")
        talk = Talk(session, handed, seed, time_limit(settings, handed.pictures, 2 + 2 * len(others)))
        try:
            config = trained_with(talk.ask("inspect", talk.name, settings["parameters"]), handed.pictures, outcome)
            starts = [(each, images) for each in (config.seed, *others) for images in (settling, None)]
            for each, images in starts[:1] if handed.baseline else starts:
                talk.ask("untrained", {**asdict(config), "seed": each}, talk.weights, images)
            found = talk.describe(order, 1 if handed.baseline else len(starts))
            untrained = [figures(handed.pictures.asking, order, rows) for rows in found]
        except StudentError as problem:
            if problem.kind != "exception":
                raise
            height, width = settling.shape[2:]
            raise Refused(f"is of a network that cannot take these images of {height} × {width} pixels") from None
    with opened(wall, submission.source, endings) as session:
        talk = Talk(session, handed, seed, time_limit(settings, handed.pictures, 2))
        talk.ask("untrained", asdict(config), talk.weights, settling)
        talk.ask("trained", asdict(config), talk.name)
        own, after = (figures(handed.pictures.asking, order, rows) for rows in talk.describe(order, 2))

    before = np.max([own, *untrained], axis=0).tolist()
    details = {"p_at_1_before": before[0], "p_at_1_after": after[0], "map_before": before[1], "map_after": after[1]}
    outcome.details |= {**details, "own": list(own), "reference": [list(each) for each in untrained]}
    least = settings["least_rise"], settings["least_rise_map"]
    if after[0] - before[0] < least[0] or after[1] - before[1] < least[1]:
        outcome.hint = HINT
        raise Refused(
            f"takes P@1 on classes never seen from {before[0]:.2f} to {after[0]:.2f} and mAP from {before[1]:.2f} to "
            f"{after[1]:.2f}; they should rise by at least {least[0]:.2f} and {least[1]:.2f}"
        )


def time_limit(settings: dict[str, Any], pictures: Pictures, networks: int) -> float:
    """Seconds that one of the two conversations may take, with so many networks."""
    each = settings["image_seconds"] * pictures.count + settings["megapixel_seconds"] * pictures.megapixels
    return settings["seconds"] + each * networks


@contextmanager
def roomy(wall: Wall, manifest: Manifest, handed: Handed) -> Iterator[None]:
    """Give the wall's next sessions the limits of a checkpoint instead of those of a test."""
    settings, before = manifest.checkpoint, wall.manifest
    extra = -(-len(handed.baseline.data) >> 20) + 1 if handed.baseline else 0
    limits = dataclasses.replace(
        before.limits,
        memory_mb=settings["memory_mb"],
        file_mb=settings["file_mb"] + before.limits.file_mb + extra,
        submission_seconds=time_limit(settings, handed.pictures, 2 + 2 * settings["other_seeds"]),
        improvement_seconds=0.0,
    )
    wall.manifest = dataclasses.replace(before, limits=limits)
    try:
        yield
    finally:
        wall.manifest = before


@contextmanager
def opened(wall: Wall, source: str, endings: list[Ending]) -> Iterator[Session]:
    """A session whose processes' endings are kept."""
    session = wall.session(source)
    try:
        with session:
            yield session
    finally:
        endings += session.endings


class Talk:
    """A conversation with an `Evaluation` behind the wall (see `assignment.checking.checkpoint`).

    Attributes:
        name, weights: of the checkpoint and of the baseline's weights over there; "" for none.
    """

    def __init__(self, session: Session, handed: Handed, seed: int, seconds: float) -> None:
        session.begin_test(seconds)
        self.pictures = handed.pictures
        self.evaluation = Student(session.perform, seed).probe.evaluation()
        self.name = "checkpoint" + (SAFE if handed.upload.name.lower().endswith(SAFE) else ".pt")
        self.weights = "baseline.pth" if handed.baseline else ""
        self._send(self.name, handed.upload.data)
        if handed.baseline:
            self._send(self.weights, handed.baseline.data)

    def _send(self, name: str, data: bytes) -> None:
        for start in range(0, len(data), PART):
            self.evaluation.method("receive", name, np.frombuffer(data[start : start + PART], np.uint8))

    def ask(self, method: str, *args: Any) -> dict[str, Any]:
        """Call a method that says whether there is a problem; Refused if there is."""
        answer = self.evaluation.method(method, *args)
        told = answer.value if isinstance(answer, Answer) else None
        if not isinstance(told, dict) or not isinstance(problem := told.get("problem"), str):
            raise StudentError("garbage", f"`{method}` gave no answer of its kind")
        if problem in PROBLEMS:
            raise Refused(problem)
        if problem:
            raise StudentError("garbage", "a problem of no known kind")
        return told

    def describe(self, order: np.ndarray, networks: int) -> list[np.ndarray]:
        """Descriptors (N, dim) float32 of length one of the images in this order, by each network."""
        found: list[list[np.ndarray]] = [[] for _ in range(networks)]
        size = max(1, min(BATCH, PART // self.pictures.settling[0].nbytes))
        for start in range(0, len(order), size):
            images = fetch(self.pictures.asking, order[start : start + size])
            answer = self.evaluation.method("describe", images)
            for i, rows in enumerate(found):
                rows.append(checked(answer[i].array, len(images), rows[0].shape[1] if rows else None))
        return [unit(np.concatenate(rows)).astype(np.float32) for rows in found]


def fetch(asking: QueryGallery, rows: np.ndarray) -> np.ndarray:
    """Images (B, C, H, W) by number: those of the gallery, then those of the queries."""
    gallery = len(asking.gallery)
    images = [asking.gallery[int(i)] if i < gallery else asking.queries[int(i) - gallery] for i in rows]
    return torch.stack(images).numpy()


def checked(rows: np.ndarray, count: int, dim: int | None) -> np.ndarray:
    """Return descriptors as they must be; Refused if they are not."""
    if rows.ndim != 2 or len(rows) != count or rows.dtype.kind != "f" or not 1 <= rows.shape[1] <= LONGEST:
        raise Refused("gave something else than one row of numbers for each image")
    if dim is not None and rows.shape[1] != dim:
        raise Refused("gave descriptors of different lengths for different images")
    if not np.isfinite(rows).all():
        raise Refused("gave descriptors that are NaN or infinite")
    return rows.astype(np.float32)


def trained_with(told: dict[str, Any], pictures: Pictures, outcome: Outcome) -> Config:
    """The settings of the checkpoint, looked at once more on this side, and noted."""
    try:
        config = from_values(told.get("settings", {}), "checkpoint")
    except (AttributeError, TypeError, ValueError):
        raise Refused("settings") from None
    if config.data not in pictures.trained_on:
        raise Refused(f"was trained on {config.data}, and is judged on {pictures.trained_on[-1]}")
    if config.protocol != "held-out":
        raise Refused("was trained with the classes it is asked about: its protocol has to be held-out")
    outcome.details |= {"backbone": config.backbone, "pooling": config.pooling, "reduction": config.reduction}
    outcome.details |= {"loss": config.loss, "pretrained": bool(config.weights)}
    return config


def figures(asking: QueryGallery, order: np.ndarray, rows: np.ndarray) -> tuple[float, float]:
    """P@1 and mAP of the queries, from the descriptors of all images in the order in which they were sent.

    Equal distances are decided by that order, which nobody behind the wall can know anything by.
    """
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    descriptors, count = torch.from_numpy(rows), len(asking.gallery)
    sent = np.flatnonzero(order < count)  # where the gallery's images stand among those sent
    own = None
    if asking.self_index is None:
        queries = descriptors[place[count:]]
    else:
        queries = descriptors[place[asking.self_index]]
        own = np.searchsorted(sent, place[asking.self_index])
    labels = np.asarray(asking.gallery.labels)[order[sent]]
    found = retrieval.query_metrics(queries, np.asarray(asking.queries.labels), descriptors[sent], labels, own, (1,))
    return float(found.first.mean()), float(found.average_precision.mean())
