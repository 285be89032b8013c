# %% [markdown]
# # 7 · For instructors: grade a class, read the report
#
# Four invented students submit. You will grade them with one command, see which tests most students failed, open one
# student's feedback, and find in the record what you need for an appeal. The same commands work on a download from a
# learning platform.

# %%
import html
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from IPython.display import display

from assignment import walkthrough
from assignment.plots import canvas
from autograder.misconceptions import catalogue

ROOT = Path(walkthrough.__file__).parents[2]
folder = Path(tempfile.mkdtemp(prefix="class-"))
COLOURS = ("FORCE_COLOR", "CLICOLOR_FORCE")  # set by notebooks; plain text is enough here
PLAIN = {name: value for name, value in os.environ.items() if name not in COLOURS}


def command(*words):
    """Run a command as typed in a shell, print its output, return its exit status."""
    print("$ python -m", *words)
    asked = [sys.executable, "-m", *map(str, words)]
    done = subprocess.run(asked, cwd=ROOT, env=PLAIN, capture_output=True, text=True)
    print((done.stdout + done.stderr).strip())
    return done.returncode


# %% [markdown]
# ## Four submissions
#
# One folder per student, as many platforms provide. **ada** submits the reference, **ben** the untouched template, **eve** and
# **kim** files with one mistake each, from the grader's catalogue of known mistakes.

# %%
texts = {
    "ada": (ROOT / "solution" / "dml.py").read_text(encoding="utf-8"),
    "ben": (ROOT / "template" / "dml.py").read_text(encoding="utf-8"),
}
wrong = {each.id: each for each in catalogue.load()}
for name, mistake in (("eve", "triplet-loss--no-hinge"), ("kim", "descriptor--wrong-axis")):
    texts[name] = wrong[mistake].source
for name, text in texts.items():
    (folder / "in" / name).mkdir(parents=True)
    (folder / "in" / name / "dml.py").write_text(text, encoding="utf-8")
print(
    "\n".join(
        f"{name}/dml.py  {len(text.splitlines())} lines" for name, text in texts.items()
    )
)

# %% [markdown]
# ## One command
#
# Each file runs in the sandbox, never in the same process as a test or an expected value. Normally the command first grades
# two files with known grades, and stops if the reference does not get all points. To keep this notebook short, it grades
# some tasks only (`--task`) and skips these canaries (`--no-canary`); omit both options for a real class.

# %%
isolation = (
    [] if shutil.which("bwrap") else ["--isolation", "process"]
)  # these files are our own
if isolation:
    walkthrough.note(
        "bubblewrap is not installed: the files run without a sandbox. Never do this with code that you do not trust."
    )
tasks = [
    word
    for name in ("descriptor", "triplet-loss", "distances", "average-precision")
    for word in ("--task", name)
]
where = ["batch", folder / "in", "--out", folder / "out", "--no-canary", *isolation, *tasks]
status = command("autograder", *where)
print("exit status", status)

# %% [markdown]
# Thanks to the journal the command can be stopped and repeated at any time: nothing is graded twice.

# %%
status = command("autograder", *where)

# %% [markdown]
# ## The class at a glance
#
# `class.json` has one row per student and, for each test, how many students passed it. A test that most of the class fails is
# a topic for the next lecture rather than for individual feedback.

# %%
summary = json.loads((folder / "out" / "class.json").read_text(encoding="utf-8"))
rows = {
    row["key"]: {
        "points": float(row["points"]),
        "known mistakes": ", ".join(row.get("misconceptions", [])),
    }
    for row in summary["students"]
}
walkthrough.table(rows, "student")
tests = [test for test in summary["tests"] if test["failed"] or test["skipped"]][:10]
figure, axes = canvas.new_figure(8, 0.32 * len(tests) + 1)
names = [canvas.plain(test["behaviour"] or test["name"], 70) for test in tests]
axes[0, 0].barh(names, [test["failed"] for test in tests], color=canvas.WRONG)
axes[0, 0].invert_yaxis()
axes[0, 0].locator_params(axis="x", integer=True)
axes[0, 0].set(xlabel=f"students of {len(rows)} who failed it")
walkthrough.show(figure, "class", "The tests that most students failed")

# %% [markdown]
# ## One student's feedback
#
# **eve** gets an HTML page and the same content as Markdown. Her mistake is in the catalogue, so the feedback explains it in a
# sentence. It contains no hidden input and no expected value.

# %%
page = (folder / "out" / "students" / "eve" / "feedback.html").read_text(encoding="utf-8")
frame = f'<iframe srcdoc="{html.escape(page)}" width="100%" height="620" style="border:1px solid #ccc"></iframe>'
display({"text/html": frame, "text/plain": "feedback.html of eve"}, raw=True)

# %% [markdown]
# ## The record
#
# `record.json` is for you: every test with its outcome, the seed, the hash of the file. With the seed and the file the grade
# can be repeated bit for bit, which is what you need for an appeal.

# %%
record = json.loads(
    (folder / "out" / "students" / "eve" / "record.json").read_text(encoding="utf-8")
)
print("a record holds:", ", ".join(record))
for task in record["tasks"]:
    failed = [test for test in task["tests"] if test["status"] == "failed"]
    for test in failed:
        print(f"\n{task['id']} · {test['name']}: {test['status']}")
        print(f"  {test['behaviour']}")
        if test["misconception"]:
            print(f"  recognised as: {test['misconception']}")

# %% [markdown]
# ## One file
#
# For a single file, for example during office hours, use `grade`. It prints the table, and it also accepts notebooks.

# %%
status = command(
    "autograder",
    "grade",
    folder / "in" / "eve" / "dml.py",
    "--task",
    "triplet-loss",
    "--no-canary",
    *isolation,
)
shutil.rmtree(folder)

# %% [markdown]
# ## Next steps
#
# * The manual, with a course in ten steps: `autograder/README.md`.
# * Deadlines, late penalties and a roster: `python -m autograder batch --help`.
# * Grades in nbgrader's gradebook: `autograder/NBGRADER.md`.
# * Test the grader itself: `python -m autograder selftest` grades every file whose grade is known, attacks included.
