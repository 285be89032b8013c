"""`python -m autograder grade`: grade one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.console import Console

from assignment.manifest import Manifest
from assignment.text import counted, one_line
from autograder.cli.options import load_manifest, task_ids
from autograder.cli.status import FAULT, OK, UNTRUSTED, UNUSABLE, UNWRITTEN, USAGE, errors, stop
from autograder.sandbox.backends import Isolation

if TYPE_CHECKING:
    from autograder.grading.checkpoint import CheckpointSubmission
    from autograder.grading.inputs import Inputs
    from autograder.intake.notebook import Notebook


def grade(
    file: Annotated[
        Optional[Path],
        typer.Argument(help="The student's dml.py or notebook; with --replay only if it is not beside the record."),
    ] = None,
    out: Annotated[
        Optional[Path], typer.Option(help="Output folder for record.json, feedback.html, feedback.md.")
    ] = None,
    seed: Annotated[
        Optional[int], typer.Option(help="Seed of all inputs; by default another one for each file.", min=0)
    ] = None,
    isolation: Annotated[Isolation, typer.Option(help="Sandbox for the student's code.")] = Isolation.auto,
    task: Annotated[
        Optional[list[str]], typer.Option(help="Only this task (id or number) and its prerequisites.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print only the record, as JSON.")] = False,
    canary: Annotated[bool, typer.Option(help="First grade two files with a known grade.")] = True,
    checkpoint: Annotated[
        Optional[Path], typer.Option(help="Also grade a submitted network: best.pt of a run.")
    ] = None,
    data: Annotated[
        str, typer.Option(help="Evaluate it on the test classes of this data set, not on the hidden sample.")
    ] = "",
    root: Annotated[Optional[Path], typer.Option(help="Folder of that data set.")] = None,
    baseline_weights: Annotated[
        Optional[Path], typer.Option(help="Initial weights of its backbone: a state_dict; by default random weights.")
    ] = None,
    replay: Annotated[
        Optional[Path], typer.Option(metavar="RECORD", help="Repeat the grade of this record and compare.")
    ] = None,
    explain: Annotated[
        str, typer.Option(metavar="TASK", help="Show hidden inputs and values of a task in the terminal.")
    ] = "",
) -> None:
    """Grade one file: print a table, write the record and the student's feedback to --out."""
    manifest = load_manifest()
    tasks = task_ids(task or [], manifest)
    explained = task_ids([explain], manifest) if explain else None
    if checkpoint is None and (data or root or baseline_weights):
        stop(USAGE, "--data, --root, --baseline-weights: they are for a checkpoint; add --checkpoint FILE")
    if root and not data:
        stop(USAGE, f"--root {root}: it is the folder of a data set; name the data set with --data")
    from autograder.grading.inputs import OptionError, read_inputs
    from autograder.intake import IntakeError

    try:
        inputs = read_inputs(
            file,
            manifest,
            seed=seed,
            tasks=tasks,
            replay=replay,
            checkpoint=checkpoint,
            baseline=baseline_weights,
        )
    except OptionError as problem:
        stop(USAGE, problem)
    except IntakeError as problem:
        stop(UNUSABLE, problem)
    if isolation is Isolation.process and not as_json:
        errors.print("[yellow]note:[/] `process` is not a sandbox; use it only for code that you trust.")

    from autograder.sandbox.backends import IsolationError
    from autograder.sandbox.wall import Wall

    try:
        wall = Wall(isolation.value, manifest)  # imports libraries while this process imports its own
    except IsolationError as problem:
        stop(UNTRUSTED, problem)
    with wall:
        from assignment.checking.student import GraderFault
        from autograder.grading.explain import explain as print_explanation
        from autograder.grading.grade import canaries
        from autograder.grading.grade import grade as grade_submission
        from autograder.grading.make_record import record_of
        from autograder.grading.record import to_json
        from autograder.reports import feedback, terminal, write

        submission, notebook = inputs.submission, inputs.submission.notebook
        checkpoint_submission = _checkpoint(inputs, data, root)
        manifest = manifest.with_checkpoint() if checkpoint_submission else manifest
        console = Console(stderr=True) if as_json else Console()
        try:
            with console.status("starting" + (" and grading two known files" if canary else "")):
                wall.wait_ready()
                if canary:
                    canaries(wall, wall.manifest)
            with terminal.Progress(manifest, console, f"grading {submission.name}") as progress:
                result = grade_submission(
                    submission,
                    wall,
                    manifest,
                    inputs.seed,
                    inputs.tasks,
                    progress,
                    checkpoint=checkpoint_submission,
                )
            record = record_of(result, manifest)
            if as_json:
                typer.echo(to_json(record), nl=False)
            else:
                terminal.print_result(record, manifest, console)
                if notebook:
                    _print_notes(notebook, manifest, console)
            for task_id in explained or []:
                print_explanation(submission, wall, manifest, result.seed, task_id, console)
        except GraderFault as problem:
            stop(UNTRUSTED, f"the grader is at fault, not the submission: {problem}")
    if out is not None:
        try:
            written = write.write_reports(record, feedback.feedback(record, manifest, submission.source), out)
            if notebook:
                write.write_text(out / manifest.file, submission.source)
        except write.ReportError as problem:
            stop(UNWRITTEN, problem)
        if not as_json:
            console.print(f"feedback for the student: {written.html}", soft_wrap=True, highlight=False)
    if inputs.past is not None:
        from autograder.grading.replay import MOST_DIFFERENCES, differences

        changed = differences(inputs.past.record, record)
        for line in changed[:MOST_DIFFERENCES]:
            console.print(one_line(line, 400), style="yellow", soft_wrap=True, highlight=False, markup=False)
        verdict = f"{counted(len(changed), 'difference')} from the record" if changed else "identical to the record"
        console.print(verdict, highlight=False)
        raise typer.Exit(FAULT if changed else OK)


def _checkpoint(inputs: Inputs, data: str, root: Path | None) -> CheckpointSubmission | None:
    """The submitted checkpoint and the images to evaluate it on."""
    if inputs.checkpoint is None:
        return None
    from assignment.datasets import DataMissing
    from autograder.grading.checkpoint import CheckpointSubmission, hidden_images, images_of

    try:
        images = images_of(data, root) if data else hidden_images()
    except (DataMissing, ValueError) as problem:
        stop(USAGE, problem)
    return CheckpointSubmission(inputs.checkpoint, images, inputs.baseline)


def _print_notes(notebook: Notebook, manifest: Manifest, console: Console) -> None:
    """Print the notes of intake about a notebook."""
    console.print(
        f"line numbers are those of the {manifest.file} assembled from the notebook; --out writes it", style="dim"
    )
    for note in notebook.notes:
        console.print(f"  note: {one_line(note)}", style="yellow", soft_wrap=True, highlight=False, markup=False)
