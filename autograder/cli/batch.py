"""`python -m autograder batch`: grade a class."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.console import Console

from assignment.cores import available_cores
from autograder.cli.options import load_manifest, task_ids
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
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="Download of the learning platform: a folder or archive.")
    ],
    out: Annotated[Path, typer.Option(help="Output folder; a later run with it continues this one.")],
    workers: Annotated[Optional[int], typer.Option(help="Number of processes; by default one per core.", min=1)] = None,
    roster: Annotated[Optional[Path], typer.Option(help="Class list: a CSV file with a column of identifiers.")] = None,
    deadline: Annotated[
        str, typer.Option(help="For example 2026-05-31T23:59+02:00; by default that of the manifest.")
    ] = "",
    assignment: Annotated[str, typer.Option(help="Name of the assignment if an nbgrader folder has several.")] = "",
    seed: Annotated[
        Optional[int], typer.Option(help="Seed of all inputs; by default another one for each file.", min=0)
    ] = None,
    isolation: Annotated[Isolation, typer.Option(help="Sandbox for the students' code.")] = Isolation.auto,
    task: Annotated[
        Optional[list[str]], typer.Option(help="Only this task (id or number) and its prerequisites.")
    ] = None,
    canary: Annotated[bool, typer.Option(help="First grade two files with a known grade.")] = True,
    dask: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Grade on a Dask cluster; address of its scheduler.")
    ] = "",
    gpu: Annotated[
        bool, typer.Option("--gpu", help="With --dask: only workers started with --resources GPU=1.")
    ] = False,
) -> None:
    """Grade a class: reports for each student, a class page, class.json. After a stop the same command continues."""
    from autograder.classroom.folders import FolderError
    from autograder.classroom.workers import WorkerError
    from autograder.cli.stopping import Terminated, sigterm_like_ctrl_c
    from autograder.intake import IntakeError
    from autograder.intake.lateness import DeadlineError
    from autograder.reports.class_batch import grade_class
    from autograder.sandbox.backends import IsolationError

    manifest = load_manifest()
    if dask and workers:
        stop(USAGE, "--workers: a cluster has its own workers; leave out --workers or --dask")
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
        errors.print("stopped; finished grades are in the journal, and the same command continues")
        raise typer.Exit(TERMINATED if isinstance(signal, Terminated) else INTERRUPTED) from None
    except OSError as problem:
        unwritable(problem)
    raise typer.Exit(FAULT if report.crashed else OK)
