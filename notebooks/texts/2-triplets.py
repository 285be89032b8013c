# %% [markdown]
# # 2 · Triplets and hard negatives
#
# A triplet is a constraint: one image (the *anchor*) should be closer to another image of its class (the *positive*) than to
# an image of another class (the *negative*), by a margin. Soon a network satisfies most of these constraints, and satisfied
# triplets have no gradient. This notebook selects triplets that still have one, and shows what happens if the selection is
# too hard.

# %%
import sys
from dataclasses import replace

import numpy as np
import torch

sys.path.append("..")  # where assignment/ lies, if it is not installed
from assignment import walkthrough
from assignment.plots import canvas
from assignment.training import model, objectives, sampling

dml = walkthrough.student("dml.py")
data, base = walkthrough.load("fashion-mnist")
labels = data.train.labels

# %% [markdown]
# ## The triplet loss (task 2)
#
# d⁺ and d⁻ are the squared distances from the anchor to the positive and to the negative. Where the negative is far enough,
# the loss is zero, and so is its gradient: in the flat part of each line below nothing is learnt. The margin defines how
# far is far enough.

# %%
if walkthrough.ready(dml, "triplet-loss"):
    far = torch.linspace(0, 1.6, 81)
    near = torch.full_like(far, 0.4)
    lines = {
        f"margin {m}": dml.triplet_loss(near, far, m).tolist() for m in (0.0, 0.1, 0.8)
    }
    figure = walkthrough.compare(
        lines, far.tolist(), "d⁻, with d⁺ = 0.4", "loss of the triplet"
    )
    figure.axes[0].axvline(0.4, color="#999999", linewidth=0.8)
    words = "Loss over the distance of the negative for three margins: it decreases to zero and stays there"
    walkthrough.show(figure, "hinge", words)

# %% [markdown]
# ## Mining (task 3)
#
# `minehard` computes the descriptors of all training images and picks for each anchor one of the 30 nearest images of
# *another* class. Below each anchor: a random negative and a mined one. Which of the two is more informative?

# %%
if walkthrough.ready(dml, "descriptor", "hard-negatives"):
    network = model.untrained(dml, base, data)
    mined = dml.CUBtriplet(data.train)
    torch.manual_seed(0)
    mined.minehard(network)
    hard = np.asarray(mined.hardneg)
    easy = sampling.random_negatives(labels, torch.Generator().manual_seed(1))
    anchors = [
        int(np.flatnonzero(labels == c)[k]) for k in (0, 1) for c in np.unique(labels)[:4]
    ]
    rows = {
        name: [walkthrough.picture(data, data.train, int(i)) for i in places]
        for name, places in (
            ("anchor", anchors),
            ("random", easy[anchors]),
            ("mined", hard[anchors]),
        )
    }
    figure = walkthrough.rows_of_images(rows)
    words = "Anchors, and a random and a mined negative for each"
    walkthrough.show(figure, "mined", words)

# %% [markdown]
# ## What mining changes (tasks 4 and 5)
#
# Two short trainings that differ only in the negatives. mAP, which measures the whole ranking, is computed on classes that
# neither training has seen. Look at the loss first. With this few images the two curves on the right are close, and a
# different seed changes them as much: trust their order only after several runs.

# %%
if walkthrough.ready(dml, "improvement"):
    few = replace(data, train=data.train.first_of_each(80))
    runs = {}
    for negatives in ("random", "hard"):
        settings = replace(base, loss="triplet", negatives=negatives, margin=0.1)
        settings = replace(settings, batch_size=32, lr=3e-3, schedule="cosine")
        runs[negatives] = walkthrough.train(dml, settings, few)
    figure, axes = canvas.new_figure(8.4, 2.8, 1, 2)
    for each, column in zip(axes[0], ("loss", "mAP")):
        for (name, run), colour in zip(runs.items(), canvas.COLOURS):
            values = run.column(column)
            epochs = range(len(run.history) - len(values), len(run.history))
            each.plot(epochs, values, "o-", color=colour, label=f"{name} negatives")
        each.set(
            xlabel="epoch",
            title={"loss": "training loss", "mAP": "mAP, new classes"}[column],
        )
        each.locator_params(axis="x", integer=True)
        each.legend(fontsize=8)
    words = "Loss and mAP of two trainings: with mined negatives the loss stays high"
    walkthrough.show(figure, "mining-changes", words)

# %% [markdown]
# A low loss is not a good sign here. With random negatives it is low because the triplets are easy. Mined negatives are
# selected anew before every epoch, so they become harder as the network improves.

# %% [markdown]
# ## How many triplets are active?
#
# The network after the training with mined negatives, with the same anchors and positives: once with random negatives, once
# with newly mined ones. A triplet is *active* if its loss is positive. Inactive triplets are loaded and passed through the
# network without any effect.

# %%
if walkthrough.ready(dml, "improvement"):
    network = runs["hard"].after
    mined.minehard(network)
    loader = torch.utils.data.DataLoader(data.train, 256)
    with torch.no_grad():
        rows = torch.cat([network(images) for images in loader])
    positives = sampling.random_positives(labels, torch.Generator().manual_seed(2))

    def squared_to(places):
        others = rows[torch.as_tensor(places)]
        return torch.nn.functional.pairwise_distance(rows, others) ** 2

    near = squared_to(positives)
    figure, axes = canvas.new_figure(8.4, 2.6, 1, 2)
    facts = {}
    kinds = {"random": easy, "mined": np.asarray(mined.hardneg)}
    for each, (name, negatives) in zip(axes[0], kinds.items()):
        costs = dml.triplet_loss(near, squared_to(negatives), 0.1)
        each.hist(costs.numpy(), np.linspace(0, 0.5, 50), color=canvas.COLOURS[0])
        each.set(
            title=f"{name} negatives", xlabel="loss with margin 0.1", ylabel="triplets"
        )
        active = float((costs > 0).float().mean())
        facts[name] = {"active": active, "mean loss": float(costs.mean())}
    words = "Histograms of the losses: with random negatives most triplets are inactive"
    walkthrough.show(figure, "active", words)
    walkthrough.table(facts, "negatives")

# %% [markdown]
# ## Too hard: collapse
#
# If one of the 30 nearest is good, is the nearest one not best? Three ways to choose triplets within a batch, otherwise the
# same training: *all* of them, the *semi-hard* ones (the negative is farther than the positive, but by less than the
# margin), and only the *hardest* (farthest positive, nearest negative).
#
# Watch the spread, the mean squared distance between two images. If d⁺ and d⁻ are always the worst of the batch, mapping
# all images to one point is the quickest way to reduce the loss: then d⁺ = d⁻ = 0, and the loss of each triplet is
# exactly the margin.

# %%
MARGIN, STEPS = 0.2, 60
spreads, losses = {}, {}
if walkthrough.ready(dml, "descriptor", "triplet-loss", "distances", "batch-triplet"):
    for negatives in ("all", "semi-hard", "hard"):
        settings = replace(
            base,
            loss="batch-triplet",
            negatives=negatives,
            margin=MARGIN,
            batch_size=60,
            per_class=12,
        )
        network = model.untrained(dml, settings, data)
        objective = objectives.make(dml, settings, 0, torch.unique(torch.as_tensor(labels)))
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
        draws = torch.Generator().manual_seed(0)
        batches = []
        while len(batches) < STEPS:
            batches += sampling.balanced(labels, 60, 12, draws)
        spreads[negatives], losses[negatives] = [], []
        for batch in batches[:STEPS]:
            places = [i for i, _ in batch]
            rows = network(torch.stack([data.train[i] for i in places]))
            loss = objective.loss(rows, torch.as_tensor(labels[places]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            spreads[negatives].append(float(torch.pdist(rows.detach()).square().mean()))
            losses[negatives].append(loss.item())

# %%
if losses:
    figure, axes = canvas.new_figure(8.4, 2.9, 1, 2)
    for (name, values), colour, dash in zip(losses.items(), canvas.COLOURS, canvas.DASHES):
        axes[0, 0].plot(values, color=colour, linestyle=dash, label=name)
        axes[0, 1].semilogy(spreads[name], color=colour, linestyle=dash, label=name)
    axes[0, 0].axhline(MARGIN, color="#888888", linewidth=1, linestyle=":")
    axes[0, 0].set(title="loss (dotted: the margin)", xlabel="step")
    axes[0, 1].set(title="spread: mean squared distance", xlabel="step")
    axes[0, 1].legend(fontsize=8)
    words = "Loss and spread: with only the hardest triplets the loss stalls and the spread vanishes"
    walkthrough.show(figure, "collapse", words)
    ends = {
        name: {"loss": losses[name][-1], "spread": spreads[name][-1], "margin": MARGIN}
        for name in losses
    }
    walkthrough.table(ends, "choice")

# %% [markdown]
# A loss that stays **exactly at the margin** is the sign of a collapse: check for it when a training does not progress. The
# remedies: a random one of the 30 nearest (as in your task), a smaller learning rate, or semi-hard triplets.
#
# ## Try it
#
# * Reduce the learning rate for the hardest triplets from 0.1 to 0.001. Does training still collapse? How long does it take?
# * What do the histograms of losses look like *before* training, with `runs["hard"].before`?
# * Why must the negatives be mined again before each epoch?
#
# Next: [3 · average precision and SmoothAP](3-average-precision.ipynb), a loss for the whole ranking.
