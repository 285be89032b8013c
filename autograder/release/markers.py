"""Make the template from the reference: solution blocks become stubs, reference blocks are removed.

    ### BEGIN SOLUTION <task-id>   …   ### END SOLUTION     replaced by a stub that raises NotImplementedError
    ### BEGIN REFERENCE            …   ### END REFERENCE    removed whole

A marker is a comment on a line of its own, written exactly like this. A comment that only resembles one is an error:
ignoring it would publish a solution.
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
    """The markers of the reference are wrong; the message starts with the line.

    Attributes:
        line: counted from 1.
    """

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line


@dataclass(frozen=True)
class Block:
    """A marked block: lines `begin` … `end` (counted from 1, the markers' own), its kind, and its task's id."""

    begin: int
    end: int
    kind: str
    task: str
    indent: str


def find_blocks(source: str, manifest: Manifest) -> list[Block]:
    """Find all marked blocks; raise MarkerError for markers that are wrong in any way."""
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
            raise MarkerError(number, "a marker must be on a line of its own, not after code")
        word, kind, argument = match.group(1), match.group(2), match.group(3) or ""
        if word == "BEGIN":
            if opened is not None:
                raise MarkerError(number, f"nested block: the one of line {opened.begin} is still open")
            _check_task(number, kind, argument, manifest)
            opened = Block(number, 0, kind, argument, indent)
            continue
        if opened is None:
            raise MarkerError(number, f"END {kind} without BEGIN {kind}")
        if kind != opened.kind:
            raise MarkerError(number, f"END {kind} closes BEGIN {opened.kind} of line {opened.begin}")
        if argument:
            raise MarkerError(number, f"END {kind} takes no '{argument}'")
        if indent != opened.indent:
            raise MarkerError(number, f"END {kind} is not indented like its BEGIN in line {opened.begin}")
        if not any(line.strip() and not line.lstrip().startswith("#") for line in lines[opened.begin : number - 1]):
            raise MarkerError(opened.begin, "empty block: there is no code in it")
        blocks.append(Block(opened.begin, number, kind, opened.task, indent))
        opened = None
    if opened is not None:
        raise MarkerError(opened.begin, f"unclosed block: BEGIN {opened.kind} has no END {opened.kind}")
    return blocks


def make_template(source: str, manifest: Manifest) -> str:
    """Return the template's text for the reference's text; the same input always gives the same output.

    All imports stay, also those that only solutions use: students need them. An import that only the reference needs
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
        raise MarkerError(problem.lineno or 0, f"the template is not valid Python: {problem.msg}") from None
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


def outside_blocks(source: str, blocks: list[Block]) -> str:
    """The lines of the source that are not in a block."""
    inside = {number for block in blocks for number in range(block.begin, block.end + 1)}
    return "\n".join(line for number, line in enumerate(source.splitlines(), start=1) if number not in inside)


def _comments(source: str) -> list[tuple[int, int, str]]:
    """All comments as (line, column, text). Tokens, so that a marker quoted in a docstring does not count."""
    try:
        ast.parse(source)
    except SyntaxError as problem:
        raise MarkerError(problem.lineno or 0, f"the reference is not valid Python: {problem.msg}") from None
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [(token.start[0], token.start[1], token.string) for token in tokens if token.type == tokenize.COMMENT]


def _refuse_lookalike(number: int, comment: str) -> None:
    """Raise MarkerError for a comment that may be a misspelt marker."""
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
            raise MarkerError(number, f"BEGIN REFERENCE takes no '{argument}'")
        return
    if not argument:
        raise MarkerError(number, "BEGIN SOLUTION needs the id of its task")
    try:
        manifest.task(argument)
    except ManifestError as problem:
        raise MarkerError(number, str(problem)) from None


def _check_names(source: str, template: ast.Module, blocks: list[Block]) -> None:
    """A name that only a removed block defines would be a NameError in the student's file."""
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
            raise MarkerError(removed[name], f"the block defines '{name}', which the template still uses")


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [alias.asname or alias.name.partition(".")[0] for alias in node.names]
    return [part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)]
