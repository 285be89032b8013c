"""Make the template from the reference: solution blocks become stubs, reference blocks are removed.

    ### BEGIN SOLUTION <task-id>   …   ### END SOLUTION     replaced by a stub that raises NotImplementedError
    ### BEGIN REFERENCE            …   ### END REFERENCE    removed

Markers are comments on lines of their own, written exactly like this. A comment that resembles a marker is an error,
since ignoring it could publish a solution.
"""

from __future__ import annotations

import ast
import difflib
import io
import re
import tokenize
from dataclasses import dataclass

from assignment.manifest import Manifest, ManifestError

SOLUTION, REFERENCE = "SOLUTION", "REFERENCE"
MARKER = re.compile(r"### (BEGIN|END) (SOLUTION|REFERENCE)(?: (\S+))?")


class MarkerError(ValueError):
    """The markers of the reference are wrong; the message begins with the line.

    Attributes:
        line: counted from 1.
    """

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line


@dataclass(frozen=True)
class Block:
    """A marked block: the lines of its markers (from 1), its kind, and the id of its task."""

    begin: int
    end: int
    kind: str
    task: str
    indent: str


def find_blocks(source: str, manifest: Manifest) -> list[Block]:
    """Find all marked blocks; MarkerError if any marker is wrong."""
    lines = source.splitlines()
    blocks: list[Block] = []
    opened: Block | None = None
    for number, column, comment in _comments(source):
        match = MARKER.fullmatch(comment.rstrip())
        if match is None:
            _refuse_lookalike(number, comment)
            continue
        indent = lines[number - 1][:column]
        if indent.strip():
            raise MarkerError(number, "marker after code; put it on a line of its own")
        word, kind, argument = match.group(1), match.group(2), match.group(3) or ""
        if word == "BEGIN":
            if opened is not None:
                raise MarkerError(number, f"nested block; close the one of line {opened.begin} first")
            _check_task(number, kind, argument, manifest)
            opened = Block(number, 0, kind, argument, indent)
            continue
        if opened is None:
            raise MarkerError(number, f"END {kind} without BEGIN {kind}; add it or remove this line")
        if kind != opened.kind:
            raise MarkerError(
                number, f"END {kind} closes BEGIN {opened.kind} of line {opened.begin}; write END {opened.kind}"
            )
        if argument:
            raise MarkerError(number, f"END {kind} takes no argument; remove '{argument}'")
        if indent != opened.indent:
            raise MarkerError(number, f"END {kind} is not indented like BEGIN in line {opened.begin}; align them")
        if not any(line.strip() and not line.lstrip().startswith("#") for line in lines[opened.begin : number - 1]):
            raise MarkerError(opened.begin, "empty block; add code or remove the markers")
        blocks.append(Block(opened.begin, number, kind, opened.task, indent))
        opened = None
    if opened is not None:
        raise MarkerError(opened.begin, f"unclosed block; add END {opened.kind}")
    return blocks


def make_template(source: str, manifest: Manifest) -> str:
    """Return the text of the template for the text of the reference.

    All imports are kept, including those that only solutions use: students need them. An import for the reference alone
    belongs in a reference block.

    Raises:
        MarkerError: a marker is wrong, or the template uses a name that only a removed block defines.
    """
    lines = source.splitlines()
    blocks = find_blocks(source, manifest)
    out: list[str] = []
    at = 0
    for block in blocks:
        out += lines[at : block.begin - 1]
        if block.kind == SOLUTION:
            label = manifest.task(block.task).label.replace("\\", "\\\\").replace('"', '\\"')
            out += [f"{block.indent}# your code", f'{block.indent}raise NotImplementedError("{label}")']
        at = block.end
    out += lines[at:]
    template = "\n".join(out) + "\n"
    try:
        tree = ast.parse(template)
    except SyntaxError as problem:
        raise MarkerError(
            problem.lineno or 0, f"the template is not valid Python ({problem.msg}); check the markers"
        ) from None
    _check_names(source, tree, blocks)
    return template


def check_stubs(blocks: list[Block], manifest: Manifest) -> None:
    """Raise MarkerError if a task has no stub although the manifest says that it has one, or the other way round."""
    marked = {block.task: block.begin for block in blocks}
    for task in manifest.tasks:
        if task.stub and task.id not in marked:
            raise MarkerError(
                0, f"task '{task.id}' has no solution block; mark one, or set 'stub = false' for the task"
            )
        if not task.stub and task.id in marked:
            raise MarkerError(marked[task.id], f"task '{task.id}' has a solution block, but 'stub = false'")


def _comments(source: str) -> list[tuple[int, int, str]]:
    """All comments as (line, column, text); from tokens, so that markers in docstrings do not count."""
    try:
        ast.parse(source)
    except SyntaxError as problem:
        raise MarkerError(
            problem.lineno or 0, f"the reference is not valid Python ({problem.msg}); correct it"
        ) from None
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [(token.start[0], token.start[1], token.string) for token in tokens if token.type == tokenize.COMMENT]


def _refuse_lookalike(number: int, comment: str) -> None:
    """Raise MarkerError for a comment that was probably meant as a marker."""
    words = re.findall(r"[A-Za-z]+", comment)[:3]
    glued = re.match(r"(?i)(begin|end)[ _-]*(?=sol|ref)", "".join(words))
    close = len(words) > 1 and _is_like(words[0], ("begin", "end")) and _is_like(words[1], ("solution", "reference"))
    shouted = re.match(r"#+\s*(BEGIN|END)\b", comment)
    if (comment.startswith("###") and words) or glued or close or shouted:
        raise MarkerError(
            number,
            f"'{comment.strip()[:60]}' is not a marker; write '### BEGIN SOLUTION <task-id>', '### END SOLUTION', "
            "'### BEGIN REFERENCE' or '### END REFERENCE'",
        )


def _is_like(word: str, choices: tuple[str, ...]) -> bool:
    return bool(difflib.get_close_matches(word.lower(), choices, n=1, cutoff=0.7))


def _check_task(number: int, kind: str, argument: str, manifest: Manifest) -> None:
    if kind == REFERENCE:
        if argument:
            raise MarkerError(number, f"BEGIN REFERENCE takes no argument; remove '{argument}'")
        return
    if not argument:
        raise MarkerError(number, "BEGIN SOLUTION without a task; add the id of its task")
    try:
        manifest.task(argument)
    except ManifestError as problem:
        raise MarkerError(number, str(problem)) from None


def _check_names(source: str, template: ast.Module, blocks: list[Block]) -> None:
    """Raise MarkerError for a name that only removed blocks define, a NameError in the student's file."""
    removed: dict[str, int] = {}
    for node in ast.parse(source).body:
        if any(block.begin < node.lineno < block.end for block in blocks):
            for name in _defined(node):
                removed.setdefault(name, node.lineno)
    for node in template.body:
        for name in _defined(node):
            removed.pop(name, None)
    for name in (part.id for part in ast.walk(template) if isinstance(part, ast.Name)):
        if name in removed:
            raise MarkerError(
                removed[name], f"the block defines '{name}', which the template uses; move the definition out of it"
            )


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [alias.asname or alias.name.partition(".")[0] for alias in node.names]
    return [part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)]
