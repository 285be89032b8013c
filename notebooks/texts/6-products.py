# %% [markdown]
# # 6 · Products: classes and superclasses
#
# In Stanford Online Products a class is *one article*: one particular kettle, photographed a few times for a sale. There are
# thousands of them, in twelve superclasses. Two questions follow. Is another kettle as wrong as a bicycle? And how do you
# evaluate a ranking when a class has only two images, or ten?

# %%
import sys
from dataclasses import replace

import numpy as np

sys.path.append("..")  # where assignment/ lies, if it is not installed
from assignment import walkthrough
from assignment.evaluation.metrics import evaluate
from assignment.evaluation.retrieval import query_metrics, rank
from assignment.plots import canvas, grids
from assignment.training import model

dml = walkthrough.student("dml.py")
data, base = walkthrough.load("sop")
if data.superclasses is None:  # the sample: kinds of clothing instead of articles
    walkthrough.note(
        "The sample has ten kinds of clothing instead of articles, in four superclasses."
    )
    kinds = {
        "tops": ("T-shirt", "Pullover", "Dress", "Coat", "Shirt"),
        "trousers": ("Trouser",),
        "shoes": ("Sandal", "Sneaker", "Ankle boot"),
        "bags": ("Bag",),
    }
    named = {name: label for label, name in data.class_names.items()}
    data.superclasses = {
        named[each]: k for k, of in enumerate(kinds.values()) for each in of
    }
    data.superclass_names = dict(enumerate(kinds))
kind_of = data.superclasses

# %% [markdown]
# ## Classes and superclasses
#
# Each row is a superclass; the images of a row may be of different classes. Within a superclass the differences are small:
# this is where the hard negatives are.

# %%
gallery, queries = data.test.gallery, data.test.queries


class ByKind:
    """The same images, with their superclass as label."""

    def __init__(self, split):
        self.split = split
        self.labels = np.array([kind_of[int(label)] for label in split.labels])

    def __len__(self):
        return len(self.split)

    def __getitem__(self, i):
        return self.split[i]


coarse = ByKind(gallery).labels
draws = np.random.default_rng(2)
rows = {}
for kind in np.unique(coarse)[:6]:
    places = draws.choice(np.flatnonzero(coarse == kind), 8)
    name = data.superclass_names[int(kind)]
    rows[name] = [walkthrough.picture(data, gallery, int(i)) for i in places]
walkthrough.show(
    walkthrough.rows_of_images(rows), "superclasses", "Eight images of each superclass"
)

# %% [markdown]
# ## Retrieval by class and by superclass
#
# The same ranking evaluated twice. First by class: ✓ only for the same article. Then by superclass: ✓ for the same *kind* of
# article. The second grid has many more hits: kinds are much easier to distinguish than articles.

# %%
if walkthrough.ready(dml, "descriptor"):
    network = model.untrained(dml, base, data)
    before = walkthrough.describe(network, data)
    chosen = grids.first_of_each_class(queries.labels, 5)
    figure = walkthrough.grid(data, before, "by class", chosen=chosen)
    walkthrough.show(figure, "by-class", "Retrieval evaluated by class")

    query_gallery = replace(
        before.query_gallery, queries=ByKind(queries), gallery=ByKind(gallery)
    )
    kinds_only = replace(data, class_names=data.superclass_names)
    view = replace(before, query_gallery=query_gallery)
    figure = walkthrough.grid(
        kinds_only, view, "the same lists, by superclass", chosen=chosen
    )
    walkthrough.show(figure, "by-superclass", "The same retrieval evaluated by superclass")

# %% [markdown]
# ## What kind of mistakes? (with training, task 11)
#
# For each query the nearest image: of its class, of another class of the same superclass, or of another superclass. Before
# and after a short training with your SmoothAP loss, whose batches contain a few images of each of several classes.

# %%
views = {}
if walkthrough.ready(dml, "descriptor", "smooth-ap"):
    settings = replace(base, loss="smooth-ap", tau=0.05, schedule="cosine")
    run = walkthrough.train(dml, settings, data)
    views = {
        "before": walkthrough.describe(run.before, data),
        "after": walkthrough.describe(run.after, data),
    }
    parts = ("class", "superclass only", "another superclass")
    shares = {}
    for name, view in views.items():
        nearest = rank(view.queries, view.gallery, 1, data.test.self_index)[:, 0].numpy()
        right = gallery.labels[nearest] == queries.labels
        kind = coarse[nearest] == ByKind(queries).labels
        shares[name] = [right.mean(), (kind & ~right).mean(), (~kind).mean()]
    figure, axes = canvas.new_figure(7, 1.8)
    for name, values in shares.items():
        left = 0.0
        for part, value, colour in zip(
            parts, values, (canvas.RIGHT, "#e69f00", canvas.WRONG)
        ):
            label = part if name == "before" else None
            axes[0, 0].barh(name, value, left=left, color=colour, label=label)
            if value > 0.04:
                axes[0, 0].text(
                    left + value / 2,
                    name,
                    f"{value:.2f}",
                    ha="center",
                    va="center",
                    color="black" if part == "superclass only" else "white",
                )
            left += value
    axes[0, 0].invert_yaxis()
    axes[0, 0].set(
        xlim=(0, 1), xlabel="share of the queries, by the class of their nearest image"
    )
    figure.legend(loc="outside upper center", ncols=3, fontsize=8, frameon=False)
    walkthrough.show(
        figure,
        "mistakes",
        "Nearest images: same class, same superclass only, another superclass; before and after training",
    )

# %%
if views:
    measured = {}
    for name, network in (("before", run.before), ("after", run.after)):
        tree = evaluate(network, data, "test", "cpu", episodes=50)
        fine, wide = tree, tree["superclass"]
        measured[f"{name}, class"] = {
            key: fine[key] for key in ("P@1", "R@10", "MAP@5", "mAP")
        }
        measured[f"{name}, superclass"] = {
            key: wide[key] for key in ("P@1", "R@10", "MAP@5", "mAP")
        }
    walkthrough.table(measured, "evaluated")

# %% [markdown]
# ## MAP@5 and its denominator
#
# Only the first five ranks count. One list with hits at ranks 1 and 3, and ten relevant images in the gallery (R = 10). All
# definitions have the same numerator, the sum of the precisions at the hits. Four denominators are in use under one name:

# %%
hits, r, k = [1, 0, 1, 0, 0], 10, 5
seen, total = 0, 0.0
for place, hit in enumerate(hits, start=1):
    seen += hit
    total += hit * seen / place
divisors = {"R": r, "min(R, K)": min(r, k), "hits among the K": seen, "K": k}
walkthrough.table(
    {name: {"divided by": d, "MAP@5": total / d} for name, d in divisors.items()},
    "definition",
)

# %% [markdown]
# Divided by the number of hits, a single hit at rank 1 is "perfect". Divided by R, no class with R > 5 can reach 1. Divided by
# K, no class with R < 5 can. This course divides by **min(R, K)**: 1 means that the list could not have been better.
#
# ## Why not just mAP?
#
# mAP depends on the rank of every image of the class; a shopper looks at five. Below, both metrics for each test class: the
# farther a class is above the diagonal, the better are its first five results compared with the rest of the ranking.

# %%
if walkthrough.ready(dml, "descriptor"):
    name, view = list(views.items())[-1] if views else ("before", before)
    found = query_metrics(
        view.queries,
        queries.labels,
        view.gallery,
        gallery.labels,
        data.test.self_index,
        (1,),
    )
    labels = queries.labels[found.scored]
    figure, axes = canvas.new_figure(4.4, 4.0)
    axes[0, 0].plot([0, 1], [0, 1], color="#999999", linewidth=0.8, linestyle=":")
    for label in np.unique(labels)[:40]:
        own = labels == label
        x, y = found.average_precision[own].mean(), found.map_at_5[own].mean()
        axes[0, 0].plot(
            x, y, "o", color=canvas.COLOURS[kind_of[int(label)] % len(canvas.COLOURS)]
        )
        axes[0, 0].annotate(
            data.class_names[int(label)],
            (x, y),
            (4, 4),
            textcoords="offset points",
            fontsize=7,
        )
    axes[0, 0].set(
        xlim=(0, 1), ylim=(0, 1), xlabel="mAP", ylabel="MAP@5", title=f"{name} training"
    )
    walkthrough.show(figure, "map-at-5", "MAP@5 over mAP for each test class")

# %% [markdown]
# ## Try it
#
# * Train with the superclasses as labels, test on the classes. What is lost?
# * A class with two images has R = 1. Which of the four definitions give 1 for a perfect list?
# * Which superclass has the most confusions between its classes? Would *you* have distinguished them at this image size?
#
# This was the last notebook. If all tasks of your `dml.py` work by now, submit it.
