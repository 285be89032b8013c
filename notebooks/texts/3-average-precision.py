# %% [markdown]
# # 3 · Average precision and SmoothAP
#
# P@1 evaluates the first image of a ranking; average precision (AP) evaluates all of it. You will compute AP step by step,
# see why it cannot be used as a loss directly, and how SmoothAP approximates it.

# %%
import sys
import time

import numpy as np
import torch

sys.path.append("..")  # where assignment/ lies, if it is not installed
from assignment import walkthrough
from assignment.plots import canvas
from assignment.training import model

dml = walkthrough.student("dml.py")
data, base = walkthrough.load("fashion-mnist")

# %% [markdown]
# ## One ranking, step by step
#
# Each image of a ranked list is either a hit (of the query's class) or a miss. At every **hit**, compute the precision so far:
# the share of hits among all images up to this rank. The mean of these precisions is the average precision. Misses do not
# contribute a term, but they reduce the precision at every later hit.

# %%
ranking = [True, True, False, True, False, False, True, False]


def step_by_step(ranking):
    """The precision at each rank, with a plain loop: correct, easy to read, and slow."""
    seen_right, shares = 0, []
    for place, is_hit in enumerate(ranking, start=1):
        seen_right += is_hit
        shares.append(seen_right / place)
    return shares


shares = step_by_step(ranking)
at_hits = [share for share, is_hit in zip(shares, ranking) if is_hit]
figure, axes = canvas.new_figure(8.4, 2.5)
axes = axes[0, 0]
colours = [canvas.RIGHT if is_hit else "#cccccc" for is_hit in ranking]
axes.bar(range(1, len(ranking) + 1), shares, color=colours, width=0.75)
for place, (share, is_hit) in enumerate(zip(shares, ranking), start=1):
    axes.text(
        place, share + 0.03, f"{share:.2f}" if is_hit else "", ha="center", fontsize=8
    )
    axes.text(
        place,
        0.04,
        "✓" if is_hit else "✗",
        ha="center",
        color="white" if is_hit else "#777",
    )
title = f"mean of the green bars: AP = {np.mean(at_hits):.3f}"
axes.set(xlabel="rank", ylabel="precision", ylim=(0, 1.15), title=title)
walkthrough.show(
    figure,
    "step-by-step",
    "Precision at each rank of one list; AP is the mean over the hits",
)

# %% [markdown]
# ## The rank of a mistake matters
#
# Four rankings with three hits each. P@5 is the same for the first two; AP penalises a mistake at the top most.

# %%
lists = {
    "hits first": [1, 1, 1, 0, 0, 0, 0, 0],
    "one miss on top": [0, 1, 1, 1, 0, 0, 0, 0],
    "one late hit": [1, 1, 0, 0, 0, 0, 0, 1],
    "hits last": [0, 0, 0, 0, 0, 1, 1, 1],
}
rows = {}
for name, hits in lists.items():
    each = step_by_step(hits)
    ap = float(np.mean([share for share, hit in zip(each, hits) if hit]))
    rows[name] = {
        "ranking": "".join("✓" if hit else "✗" for hit in hits),
        "P@5": sum(hits[:5]) / 5,
        "AP": ap,
    }
walkthrough.table(rows, "list")

# %% [markdown]
# ## From loop to loop-free (task 8)
#
# Your `average_precision` takes distances and labels and uses no loop. Two checks before you rely on it. Is it **correct**:
# does it agree with the loop on random lists? Is it **faster**: how long do both take as the list grows?

# %%
if walkthrough.ready(dml, "average-precision"):
    draws = np.random.default_rng(0)
    dml.average_precision(torch.rand(9), torch.ones(9), 1)  # the first call is slow
    worst, seconds = 0.0, {"loop": [], "loop-free": []}
    sizes = [10, 100, 1_000, 10_000, 100_000]
    for size in sizes * 3:
        distances = torch.as_tensor(draws.random(size))
        labels = torch.as_tensor(draws.integers(0, 2, size))
        labels[0] = 1  # at least one hit
        started = time.perf_counter()
        ap, precision, recall = dml.average_precision(distances, labels, 1)
        between = time.perf_counter()
        hits = [label == 1 for _, label in sorted(zip(distances.tolist(), labels.tolist()))]
        each = step_by_step(hits)
        slow = np.mean([share for share, hit in zip(each, hits) if hit])
        seconds["loop-free"].append(between - started)
        seconds["loop"].append(time.perf_counter() - between)
        worst = max(worst, abs(float(ap) - slow))
    print(f"largest difference to the loop in {len(sizes) * 3} random lists: {worst:.1e}")

# %%
if walkthrough.ready(dml, "average-precision"):
    best = {name: np.reshape(each, (3, -1)).min(axis=0) for name, each in seconds.items()}
    figure = walkthrough.compare(best, sizes, "length of the list", "seconds")
    figure.axes[0].set(xscale="log", yscale="log")
    walkthrough.show(
        figure,
        "loop-free",
        "Seconds over the length of the list, with a loop and without one",
    )

# %% [markdown]
# ## Why not train with it?
#
# Take a query at 0°, positives at 20° and at a variable angle x, and negatives at 35°, 50° and 65°. AP depends only on the
# *order* of the images: as x changes, AP is constant and jumps where the moving image overtakes another one. Its gradient
# is zero almost everywhere. SmoothAP (task 11) replaces the indicator "k is ranked before j", which is 0 or 1, by a sigmoid
# of the difference of the similarities divided by a temperature τ.

# %%
TAUS = (0.3, 0.1, 0.03, 0.01)
difference = np.linspace(-0.5, 0.5, 401)
figure, axes = canvas.new_figure(5.4, 2.8)
for tau, colour, dash in zip(TAUS, canvas.COLOURS, canvas.DASHES):
    soft = 1 / (1 + np.exp(-difference / tau))
    axes[0, 0].plot(difference, soft, color=colour, linestyle=dash, label=f"τ = {tau}")
axes[0, 0].plot(
    difference, difference > 0, color="black", linewidth=0.8, label="step of AP"
)
axes[0, 0].set(xlabel="how much more similar k is than j", ylabel="k is before j")
axes[0, 0].legend(fontsize=8)
walkthrough.show(
    figure,
    "sigmoids",
    "A step and sigmoids of four temperatures: with a small τ it is nearly a step",
)

# %% [markdown]
# For one query and each positive j: every image adds its sigmoid to j's rank. Positives count in the numerator and in the
# denominator, negatives only in the denominator. With τ → 0 the mean over j becomes AP.


# %%
def rank_of(j, others, tau):
    """1 + the soft number of others that are ranked before j; arguments are similarities, not distances."""
    return 1 + sum(1 / (1 + np.exp(-(s - j) / tau)) for s in others)


# Similarities to one query, of its positives and of the negatives.
good, bad = [0.94, 0.75], [0.82, 0.64, 0.42]
for tau in TAUS:
    terms = []
    for j in good:
        before = [s for s in good if s != j]
        terms.append(rank_of(j, before, tau) / rank_of(j, before + bad, tau))
    print(
        f"τ = {tau:<5} {' '.join(f'{term:.3f}' for term in terms)}   mean {np.mean(terms):.3f}"
    )

# %% [markdown]
# ## The effect of τ (task 11)
#
# Your `smooth_ap_loss` for these six images, with x from 0° to 90°. (In a batch every image that has a positive is a query, so
# there are more steps than with one query.) Large τ: a smooth slope everywhere, but a poor approximation of AP. Small τ: a
# close approximation, but a step function without a slope.


# %%
def circle(degrees):
    """Rows of length one at these angles."""
    angle = torch.deg2rad(torch.as_tensor(degrees, dtype=torch.float32))
    return torch.stack([angle.cos(), angle.sin()], dim=1)


moving = np.linspace(0, 90, 181)
if walkthrough.ready(dml, "smooth-ap"):
    kinds = torch.tensor([0, 0, 0, 1, 2, 3])  # three of one class, three of others
    lines = {
        f"τ = {tau}": [
            float(dml.smooth_ap_loss(circle([0, 20, x, 35, 50, 65]), kinds, tau))
            for x in moving
        ]
        for tau in (*TAUS, 1e-4)
    }
    figure = walkthrough.compare(
        lines, moving, "angle of the moving positive", "1 − SmoothAP"
    )
    words = "The loss over the angle of one positive: steps for a small τ, a smooth slope for a large one"
    walkthrough.show(figure, "tau", words)

# %% [markdown]
# ## How much gradient is left?
#
# The gradient at descriptors of real images: its norm, and the share of images that it moves (those whose gradient has at
# least a tenth of the largest norm). For large τ all sigmoids are near 1/2: all images look tied, and the gradient
# vanishes. For small τ a sigmoid is flat unless two images are nearly tied: a few images get a large gradient and the
# others none; in the end none gets any. The useful range is in between.

# %%
if walkthrough.ready(dml, "descriptor", "smooth-ap"):
    network = model.untrained(dml, base, data)
    chosen = [
        int(i)
        for c in np.unique(data.train.labels)
        for i in np.flatnonzero(data.train.labels == c)[:8]
    ]
    with torch.no_grad():
        rows = network(torch.stack([data.train[i] for i in chosen]))
    kinds = torch.as_tensor(data.train.labels[chosen])
    taus = np.logspace(-6, 1, 29)
    lengths, moves = [], []
    for tau in taus:
        moved = rows.clone().requires_grad_()
        dml.smooth_ap_loss(moved, kinds, float(tau)).backward()
        pushes = moved.grad.norm(dim=1)
        lengths.append(float(moved.grad.norm()))
        moves.append(float((pushes > pushes.max() / 10).float().mean()))
    figure, axes = canvas.new_figure(8.4, 2.7, 1, 2)
    for each, (title, values) in zip(
        axes[0], {"norm of the gradient": lengths, "share of images moved": moves}.items()
    ):
        each.plot(taus, values, color=canvas.COLOURS[0])
        each.set(xscale="log", xlabel="τ", title=title)
    words = "Over τ: the norm of the gradient, and the share of images that it moves"
    walkthrough.show(figure, "gradient", words)

# %% [markdown]
# ## Try it
#
# * In the first list, swap one ✓ with the ✗ before it. Which swap improves AP most?
# * Count the query as one of its own positives. What happens to the loss, and why is that misleading?
# * Give `average_precision` two equal distances, one of a hit and one of a miss. Which order is fair?
#
# Next: [4 · training](4-training.ipynb).
