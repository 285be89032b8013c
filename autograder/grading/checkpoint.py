"""Grade a checkpoint that was submitted beside a file: how much its training raised P@1 on unseen classes.

The grader never opens the bytes. They are sent into the sandbox twice: first to the reference solution, which reads
them and computes descriptors with the network as it was before training, then to the student's file, which computes
them before and after training. The images are sent in a random order and without labels; P@1 and mAP are computed
here.

The trained network is compared with the best untrained one: the student's and the reference's with several seeds, each
with BatchNorm statistics of images and with initial ones. So a file gains nothing by bad descriptors before training,
nor by passing a random network with a high P@1 off as trained. P@1 of random networks varies by as much as a short
training adds, mAP by less, so both have to rise.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from assignment import datasets
from assignment.checking.checkpoint import LONGEST, PROBLEMS, SAFE, Refused
from assignment.checking.improvement import unit
from assignment.checking.outcome import FAILED, Outcome, Reason
from assignment.checking.student import Answer, GraderFault, Student, StudentError
from assignment.datasets import fashion_mnist
from assignment.datasets.data import QueryGallery
from assignment.datasets.split import ArraySplit, Split
from assignment.evaluation import retrieval
from assignment.manifest import Manifest
from assignment.training.config import Config, from_values
from autograder.grading import reference_files
from autograder.grading.record import CheckpointFacts
from autograder.grading.values import valid
from autograder.intake import Submission, Upload
from autograder.sandbox.wall import Ending, Session, Wall

SAMPLE = Path(__file__).parents[1] / "hidden_tests" / "fashion_hidden.npz"
PART = 8 << 20  # bytes of a file or of images in one request
BATCH = 256  # images in one request
CALIBRATION, CALIBRATION_BYTES = 256, 32 << 20  # images for the BatchNorm statistics of untrained networks
BEHAVIOUR = "the submitted checkpoint raises P@1 on unseen classes"
HINT = "Train longer, or check P@1 on the validation classes: the best epoch is chosen there."


@dataclass(frozen=True)
class CheckpointSettings:
    """The manifest's settings for checkpoints; see [checkpoint] in assignment.toml."""

    least_rise: float
    least_rise_map: float
    other_seeds: int
    file_mb: int
    parameters: int
    memory_mb: int
    seconds: float
    image_seconds: float
    megapixel_seconds: float

    def time_limit(self, images: EvaluationImages, networks: int) -> float:
        """Seconds for one file to describe the images with so many networks."""
        each = self.image_seconds * images.count + self.megapixel_seconds * images.megapixels
        return self.seconds + each * networks


def settings_of(manifest: Manifest) -> CheckpointSettings:
    """Return the manifest's settings for checkpoints."""
    return CheckpointSettings(**{field.name: manifest.checkpoint[field.name] for field in fields(CheckpointSettings)})


@dataclass(frozen=True)
class EvaluationImages:
    """The images that a checkpoint is evaluated on.

    Attributes:
        name: name of the data set. split: queries of held-out classes and their gallery.
        calibration: (B, 3, H, W) float32 training images. trained_on: names of the data sets that the checkpoint may
            have been trained on.
    """

    name: str
    split: QueryGallery
    calibration: np.ndarray
    trained_on: tuple[str, ...]

    @property
    def count(self) -> int:
        """Number of images that each network describes."""
        return len(self.split.gallery) + (len(self.split.queries) if self.split.self_index is None else 0)

    @property
    def megapixels(self) -> float:
        """Their number of pixels, in millions."""
        return self.count * self.calibration.shape[2] * self.calibration.shape[3] / 1e6


@dataclass(frozen=True)
class CheckpointSubmission:
    """A checkpoint, the images to evaluate it on, and the initial weights of its backbone (None: random weights)."""

    upload: Upload
    images: EvaluationImages
    baseline: Upload | None = None

    def facts(self) -> CheckpointFacts:
        """Return the checkpoint's entry in the record."""
        return CheckpointFacts(
            name=valid(self.upload.name),
            sha256=self.upload.sha256,
            bytes=self.upload.size,
            data=self.images.name,
            images=self.images.count,
            baseline_sha256=self.baseline.sha256 if self.baseline else "",
        )


def hidden_images() -> EvaluationImages:
    """The hidden sample of FashionMNIST: queries of the three test classes, a gallery of all ten."""
    with np.load(SAMPLE) as arrays:
        images, labels = fashion_mnist.as_images(arrays["images"]), arrays["labels"]
    queries = np.flatnonzero(np.isin(labels, fashion_mnist.TEST_CLASSES))
    split = QueryGallery(ArraySplit(images[queries], labels[queries]), ArraySplit(images, labels), queries)
    sample = datasets.SAMPLE.name
    calibration = _calibration(datasets.load(sample).train)
    return EvaluationImages("hidden sample", split, calibration, datasets.same_images(sample))


def images_of(name: str, root: Path | None) -> EvaluationImages:
    """The test classes of a data set; DataMissing or ValueError, in one line, if they cannot be loaded."""
    data = datasets.load(name, root)
    return EvaluationImages(name, data.test, _calibration(data.train), datasets.same_images(name))


def _calibration(split: Split) -> np.ndarray:
    count = min(CALIBRATION, len(split), CALIBRATION_BYTES // split[0].numpy().nbytes)
    return np.stack([split[int(i)].numpy() for i in np.linspace(0, len(split) - 1, count)])


def grade_checkpoint(
    checkpoint: CheckpointSubmission,
    submission: Submission,
    wall: Wall,
    manifest: Manifest,
    seed: int,
    import_problem: StudentError | None = None,
) -> tuple[Outcome, list[Ending]]:
    """Grade a checkpoint; return the outcome of the task "checkpoint" and how the processes in the sandbox ended.

    Args:
        checkpoint: the checkpoint. submission: the file that goes with it. wall: the sandbox for both.
        manifest: a manifest `with_checkpoint`. seed: seed of the order of the images.
        import_problem: why the file cannot be imported, None if it can.

    Raises:
        GraderFault: the sandbox fails, or the reference does.
    """
    task = manifest.checkpoint_task
    outcome = Outcome("test_checkpoint", task.id, BEHAVIOUR, "", task.points)
    endings: list[Ending] = []
    start = time.perf_counter()
    try:
        if import_problem is not None:
            raise import_problem
        with checkpoint_limits(wall, manifest, checkpoint):
            _evaluate(checkpoint, submission, wall, manifest, seed, outcome, endings)
    except Refused as problem:
        outcome.status, outcome.reason = FAILED, Reason.UNEXPECTED
        outcome.problem = PROBLEMS.get(problem.args[0], problem.args[0])
    except StudentError as problem:
        outcome.status, outcome.reason = FAILED, problem.kind
        outcome.exception, outcome.message, outcome.line = problem.type_name, problem.message, problem.line
    outcome.seconds = time.perf_counter() - start
    return outcome, endings


def _evaluate(
    checkpoint: CheckpointSubmission,
    submission: Submission,
    wall: Wall,
    manifest: Manifest,
    seed: int,
    outcome: Outcome,
    endings: list[Ending],
) -> None:
    settings, images = settings_of(manifest), checkpoint.images
    if not checkpoint.upload.data:
        size = f"has more than {settings.file_mb} MB" if checkpoint.upload.size else "is empty"
        raise Refused(f"{size}; submit the best.pt of a run, which holds only weights")
    rng = np.random.default_rng([seed, images.count])
    order = rng.permutation(images.count)
    others = rng.integers(2**31, size=settings.other_seeds).tolist()

    with session_of(wall, reference_files.reference(), endings) as session:
        if session.import_problem is not None:
            raise GraderFault(f"the reference cannot be imported: {session.import_problem}")
        client = EvaluationClient(session, checkpoint, seed, settings.time_limit(images, 2 + 2 * len(others)))
        try:
            config = trained_with(client.ask("inspect", client.name, settings.parameters), images, outcome)
            starts = [(start, batch) for start in (config.seed, *others) for batch in (images.calibration, None)]
            starts = starts[:1] if checkpoint.baseline else starts
            for start, batch in starts:
                client.ask("untrained", {**asdict(config), "seed": start}, client.weights, batch)
            untrained = [metrics(images.split, order, rows) for rows in client.describe(order, len(starts))]
        except StudentError as problem:
            if problem.kind != Reason.EXCEPTION:
                raise
            height, width = images.calibration.shape[2:]
            raise Refused(f"holds a network that cannot process images of {height} × {width} pixels") from None
    with session_of(wall, submission.source, endings) as session:
        client = EvaluationClient(session, checkpoint, seed, settings.time_limit(images, 2))
        client.ask("untrained", asdict(config), client.weights, images.calibration)
        client.ask("trained", asdict(config), client.name)
        before_training, after = (metrics(images.split, order, rows) for rows in client.describe(order, 2))

    before = np.max([before_training, *untrained], axis=0).tolist()
    details = {"p_at_1_before": before[0], "p_at_1_after": after[0], "map_before": before[1], "map_after": after[1]}
    outcome.details |= {**details, "own": list(before_training), "reference": [list(each) for each in untrained]}
    least = settings.least_rise, settings.least_rise_map
    if after[0] - before[0] < least[0] or after[1] - before[1] < least[1]:
        outcome.hint = HINT
        raise Refused(
            f"changes P@1 on unseen classes from {before[0]:.2f} to {after[0]:.2f} and mAP from {before[1]:.2f} to "
            f"{after[1]:.2f}; they should rise by at least {least[0]:.2f} and {least[1]:.2f}"
        )


@contextmanager
def checkpoint_limits(wall: Wall, manifest: Manifest, checkpoint: CheckpointSubmission) -> Iterator[None]:
    """Start the sandbox's sessions with the limits of a checkpoint instead of those of a test."""
    settings, before = settings_of(manifest), wall.manifest
    extra = -(-len(checkpoint.baseline.data) >> 20) + 1 if checkpoint.baseline else 0
    limits = dataclasses.replace(
        before.limits,
        memory_mb=settings.memory_mb,
        file_mb=settings.file_mb + before.limits.file_mb + extra,
        submission_seconds=settings.time_limit(checkpoint.images, 2 + 2 * settings.other_seeds),
        improvement_seconds=0.0,
    )
    wall.manifest = dataclasses.replace(before, limits=limits)
    try:
        yield
    finally:
        wall.manifest = before


@contextmanager
def session_of(wall: Wall, source: str, endings: list[Ending]) -> Iterator[Session]:
    """A session that adds to `endings` how its processes ended."""
    session = wall.session(source)
    try:
        with session:
            yield session
    finally:
        endings += session.endings


class EvaluationClient:
    """Sends a checkpoint to an `assignment.checking.checkpoint.Evaluation` in the sandbox, and calls its methods.

    Attributes:
        name, weights: names of the checkpoint and of the baseline's weights in the sandbox; "" if there are none.
    """

    def __init__(self, session: Session, checkpoint: CheckpointSubmission, seed: int, seconds: float) -> None:
        session.begin_test(seconds)
        self.images = checkpoint.images
        self.evaluation = Student(session.perform, seed).probe.evaluation()
        self.name = "checkpoint" + (SAFE if checkpoint.upload.name.lower().endswith(SAFE) else ".pt")
        self.weights = "baseline.pth" if checkpoint.baseline else ""
        self._send(self.name, checkpoint.upload.data)
        if checkpoint.baseline:
            self._send(self.weights, checkpoint.baseline.data)

    def _send(self, name: str, data: bytes) -> None:
        for start in range(0, len(data), PART):
            self.evaluation.method("receive", name, np.frombuffer(data[start : start + PART], np.uint8))

    def ask(self, method: str, *args: Any) -> dict[str, Any]:
        """Call a method that returns a dictionary with the entry "problem"; Refused if that names a problem."""
        answer = self.evaluation.method(method, *args)
        tree = answer.value if isinstance(answer, Answer) else None
        if not isinstance(tree, dict) or not isinstance(problem := tree.get("problem"), str):
            raise StudentError(Reason.GARBAGE, f"`{method}` returned something else than its dictionary")
        if problem in PROBLEMS:
            raise Refused(problem)
        if problem:
            raise StudentError(Reason.GARBAGE, "an unknown problem")
        return tree

    def describe(self, order: np.ndarray, networks: int) -> list[np.ndarray]:
        """For each network the descriptors (N, dim) float32 of length one of all images, in this order."""
        found: list[list[np.ndarray]] = [[] for _ in range(networks)]
        size = max(1, min(BATCH, PART // self.images.calibration[0].nbytes))
        for start in range(0, len(order), size):
            images = images_at(self.images.split, order[start : start + size])
            answer = self.evaluation.method("describe", images)
            for i, rows in enumerate(found):
                rows.append(checked_descriptors(answer[i].array, len(images), rows[0].shape[1] if rows else None))
        return [unit(np.concatenate(rows)).astype(np.float32) for rows in found]


def images_at(split: QueryGallery, rows: np.ndarray) -> np.ndarray:
    """Images (B, C, H, W) by number: those of the gallery come first, then those of the queries."""
    gallery = len(split.gallery)
    images = [split.gallery[int(i)] if i < gallery else split.queries[int(i) - gallery] for i in rows]
    return torch.stack(images).numpy()


def checked_descriptors(rows: np.ndarray, count: int, dim: int | None) -> np.ndarray:
    """Return `count` descriptors as float32; Refused if they have another shape or type, or are not finite."""
    if rows.ndim != 2 or len(rows) != count or rows.dtype.kind != "f" or not 1 <= rows.shape[1] <= LONGEST:
        raise Refused("returned something else than one row of numbers for each image")
    if dim is not None and rows.shape[1] != dim:
        raise Refused("returned descriptors of different lengths for different images")
    if not np.isfinite(rows).all():
        raise Refused("returned descriptors that are NaN or infinite")
    return rows.astype(np.float32)


def trained_with(inspected: dict[str, Any], images: EvaluationImages, outcome: Outcome) -> Config:
    """Return the settings that the checkpoint was trained with, validated here, and note them in the outcome."""
    try:
        config = from_values(inspected.get("settings", {}), "checkpoint")
    except (AttributeError, TypeError, ValueError):
        raise Refused("settings") from None
    if config.data not in images.trained_on:
        raise Refused(f"was trained on {config.data}, and is evaluated on {images.trained_on[-1]}")
    if config.protocol != "held-out":
        raise Refused("was trained on the classes it is evaluated on: its protocol has to be held-out")
    outcome.details |= {"backbone": config.backbone, "pooling": config.pooling, "reduction": config.reduction}
    outcome.details |= {"loss": config.loss, "pretrained": bool(config.weights)}
    return config


def metrics(split: QueryGallery, order: np.ndarray, rows: np.ndarray) -> tuple[float, float]:
    """P@1 and mAP of the queries, from the descriptors of all images in the order in which they were sent.

    Ties are broken by that order, which is unknown in the sandbox.
    """
    position = np.empty_like(order)
    position[order] = np.arange(len(order))
    descriptors, count = torch.from_numpy(rows), len(split.gallery)
    sent = np.flatnonzero(order < count)  # positions of the gallery's images among those sent
    self_index = None
    if split.self_index is None:
        queries = descriptors[position[count:]]
    else:
        queries = descriptors[position[split.self_index]]
        self_index = np.searchsorted(sent, position[split.self_index])
    labels = np.asarray(split.gallery.labels)[order[sent]]
    found = retrieval.query_metrics(
        queries, np.asarray(split.queries.labels), descriptors[sent], labels, self_index, (1,)
    )
    return float(found.first.mean()), float(found.average_precision.mean())
