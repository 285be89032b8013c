"""Read the inputs of `grade` before anything slow starts: a file or a record, and perhaps a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assignment.manifest import Manifest
from autograder.grading.replay import Past, read_past
from autograder.intake import IntakeError, Submission, Upload, read_submission, read_upload
from autograder.intake.archives import is_archive
from autograder.intake.choice import KINDS


class OptionError(ValueError):
    """Options contradict each other; the message is one line that says what to change."""


@dataclass(frozen=True)
class Inputs:
    """The inputs of one grade.

    Attributes:
        submission, seed, tasks: arguments of `grade`. past: the record whose grade is repeated.
        checkpoint: a trained network submitted beside the file. baseline: initial weights of its backbone.
    """

    submission: Submission
    seed: int | None = None
    tasks: Sequence[str] | None = None
    past: Past | None = None
    checkpoint: Upload | None = None
    baseline: Upload | None = None


def read_inputs(
    file: Path | None,
    manifest: Manifest,
    *,
    seed: int | None = None,
    tasks: Sequence[str] | None = None,
    replay: Path | None = None,
    checkpoint: Path | None = None,
    baseline: Path | None = None,
) -> Inputs:
    """Read the inputs of one grade.

    Args:
        file: the submission; with `replay` it may be None, for the file beside the record.
        replay: a record whose seed and tasks are used. checkpoint, baseline: files of weights.

    Raises:
        OptionError: options contradict each other. IntakeError: a file cannot be used.
    """
    if replay is not None and (tasks or seed is not None):
        raise OptionError("--replay: seed and tasks are those of the record; leave out --seed and --task")
    past = read_past(replay, file) if replay is not None else None
    if past is not None:
        file, seed, tasks = past.file, past.seed, past.tasks
        if past.record.checkpoint and checkpoint is None:
            raise OptionError(f"{replay}: a checkpoint was graded, too; add it with --checkpoint")
    if file is None:
        raise OptionError("no file: give the student's file, or a record with --replay")
    if file.is_file() and file.suffix.lower() not in KINDS:
        raise IntakeError(_other_kind(file, manifest))
    submission = read_submission(file, manifest)
    limit = manifest.checkpoint["file_mb"] * 10**6
    weights = read_upload(baseline, limit) if baseline is not None else None
    if weights is not None and not weights.data:
        raise IntakeError(
            f"{baseline}: it is empty or has more than {limit / 1e6:g} MB; give the weights of one backbone"
        )
    return Inputs(
        submission=submission if past is None else past.named(submission),
        seed=seed,
        tasks=tasks,
        past=past,
        checkpoint=read_upload(checkpoint, limit) if checkpoint is not None else None,
        baseline=weights,
    )


def _other_kind(file: Path, manifest: Manifest) -> str:
    """The error for a file that is neither Python nor a notebook."""
    if is_archive(file.name):
        return f"{file}: it is an archive; grade it with `python -m autograder batch {file} --out DIR`"
    return f"{file}: it is neither a .py nor an .ipynb; give the student's {manifest.file}"
