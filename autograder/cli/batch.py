"""`python -m autograder batch`: grade a class."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.console import Console

from assignment.cores import available_cores
from assignment.manifest import load
from autograder.cli.options import task_ids
from autograder.cli.status import (
    FAULT,
    INTERRUPTED,
    OK,
    TERMINATED,
    UNTRUSTED,
    UNUSABLE,
    USAGE,
    errors,
    stop,
    unwritable,
)
from autograder.sandbox.backends import Isolation


def batch(
    source: Annotated[Path, typer.Argument(metavar="IN", help="What the learning platform gave: a folder or archive.")],
    out: Annotated[Path, typer.Option(help="Folder for journal, grades, reports; a later run goes on from there.")],
    workers: Annotated[Optional[int], typer.Option(help="Pool at once; by default one per core.", min=1)] = None,
    roster: Annotated[Optional[Path], typer.Option(help="Class list: a CSV with a column of identifiers.")] = None,
    deadline: Annotated[str, typer.Option(help="For example 2026-05-31T23:59+02:00; else the manifest's.")] = "",
    assignment: Annotated[str, typer.Option(help="Which one, where nbgrader's folder holds several.")] = "",
    seed: Annotated[Optional[int], typer.Option(help="Seed of all inputs; by default each file's own.", min=0)] = None,
    isolation: Annotated[Isolation, typer.Option(help="Sandbox for the students' code.")] = Isolation.auto,
    task: Annotated[Optional[list[str]], typer.Option(help="Only this task (id or number) and what it needs.")] = None,
    canary: Annotated[bool, typer.Option(help="Grade two known files first.")] = True,
    dask: Annotated[str, typer.Option(metavar="ADDRESS", help="Grade on a Dask cluster: its scheduler.")] = "",
    gpu: Annotated[
        bool, typer.Option("--gpu", help="Dask: only workers with --resources GPU=1, one file each.")
    ] = False,
) -> None:
    """Grade a class: every file once, reports for each student, one summary. The same command goes on after a stop."""
    from autograder.classroom.folders import FolderError
    from autograder.classroom.workers import WorkerError
    from autograder.cli.stopping import Terminated, sigterm_like_ctrl_c
    from autograder.intake import IntakeError
    from autograder.intake.lateness import DeadlineError
    from autograder.reports.class_batch import grade_class
    from autograder.sandbox.backends import IsolationError

    manifest = load()
    if dask and workers:
        stop(USAGE, "--workers: a cluster has its own workers; leave it out with --dask")
    if gpu and not dask:
        stop(USAGE, "--gpu: it selects workers of a cluster; add --dask ADDRESS")
    try:
        with sigterm_like_ctrl_c():
            report = grade_class(
                source,
                out,
                manifest,
                Console(),
                isolation=isolation.value,
                workers=workers or available_cores(),
                roster=roster,
                deadline=deadline,
                assignment=assignment,
                seed=seed,
                tasks=task_ids(task or [], manifest),
                canary=canary,
                dask=dask,
                gpu=gpu,
            )
    except (DeadlineError, FolderError) as problem:
        stop(USAGE, problem)
    except IntakeError as problem:
        stop(UNUSABLE, problem)
    except (IsolationError, WorkerError) as problem:
        stop(UNTRUSTED, f"the grader is at fault, not a submission: {problem}")
    except KeyboardInterrupt as signal:
        errors.print("stopped; finished grades are in the journal, and the same command goes on from there")
        raise typer.Exit(TERMINATED if isinstance(signal, Terminated) else INTERRUPTED) from None
    except OSError as problem:
        unwritable(problem)
    raise typer.Exit(FAULT if report.crashed else OK)
