# %% [markdown]
# # 7 · For instructors: grade a class, read the report
#
# Four made-up students hand in. You will grade them with one command, see what the class found hard, open one student's
# feedback, and find in the record what an appeal needs. The same commands work on a download from a learning platform.

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
COLOURS = ("FORCE_COLOR", "CLICOLOR_FORCE")  # a notebook asks for them; text is enough here
PLAIN = {name: value for name, value in os.environ.items() if name not in COLOURS}


def command(*words):
    """Run a command as you would type it, show what it prints, return its exit status."""
    print("$ python -m", *words)
    asked = [sys.executable, "-m", *map(str, words)]
    done = subprocess.run(asked, cwd=ROOT, env=PLAIN, capture_output=True, text=True)
    print((done.stdout + done.stderr).strip())
    return done.returncode


# %% [markdown]
# ## Four hand-ins
#
# One folder for each student, which is what many platforms give. **ada** hands in the reference, **ben** the untouched template,
# **eve** and **kim** files with one mistake each, from the catalogue of wrong answers that the grader knows by name.

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
# Each file runs behind the wall, never beside a test or an expected value. Before anyone is judged, two files with known grades
# are: if the reference did not get full marks here, the command would stop. To keep this notebook short it grades some tasks
# only (`--task`) and leaves the canaries out (`--no-canary`); leave both options away for a real class.

# %%
isolation = (
    [] if shutil.which("bwrap") else ["--isolation", "process"]
)  # these files are our own
if isolation:
    walkthrough.note(
        "bubblewrap is not installed: the files run without a wall. Never do this with foreign code."
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
# The journal makes it safe to stop and start: the same command again grades nothing twice.

# %%
status = command("autograder", *where)

# %% [markdown]
# ## The class in a picture
#
# `class.json` holds one row for each student and, for each test, how many passed it. What most of a class fails is a matter for
# the next lecture rather than for feedback.

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
# What **eve** gets: a page and the same as text. Her mistake has a name, so the feedback can say in a sentence what happened.
# No hidden input and no expected value is in it.

# %%
page = (folder / "out" / "students" / "eve" / "feedback.html").read_text(encoding="utf-8")
frame = f'<iframe srcdoc="{html.escape(page)}" width="100%" height="620" style="border:1px solid #ccc"></iframe>'
display({"text/html": frame, "text/plain": "feedback.html of eve"}, raw=True)

# %% [markdown]
# ## The record
#
# `record.json` is for you: every test with its outcome, the seed, the fingerprint of the file. With the seed and the file anybody
# can repeat the grade, bit for bit, which is what an appeal needs.

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
# For a single file, or to look closer while a student sits beside you, there is `grade`. It prints the table and takes
# notebooks, too.

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
# ## From here
#
# * Deadlines, late penalties and a roster: `python -m autograder batch --help`.
# * Grades in nbgrader's gradebook: `autograder/NBGRADER.md`.
# * Is the grader itself right? `python -m autograder selftest` grades every file whose grade is known, attacks included.
