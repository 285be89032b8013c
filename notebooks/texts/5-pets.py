# %% [markdown]
# # 5 · Pets: three losses, three evaluations, and a shortcut
#
# *Do these two images show the same breed?* Contrastive loss, triplet loss and ArcFace are three ways to learn the answer;
# verification, few-shot episodes and maps are three ways to evaluate it. The last part shows a network that has a low training
# loss for the wrong reason.

# %%
import sys
from dataclasses import replace

import numpy as np
import torch

sys.path.append("..")  # where assignment/ lies, if it is not installed
from assignment import walkthrough
from assignment.datasets import QueryGallery
from assignment.evaluation.few_shot import few_shot
from assignment.evaluation.retrieval import rank
from assignment.evaluation.verification import pairs, verify
from assignment.plots import attention, canvas, curves, embeddings
from assignment.training import loop

dml = walkthrough.student("dml.py")
data, base = walkthrough.load("pets")
queries = data.test.queries
CPU = torch.device("cpu")
if data.name == "sample":
    walkthrough.note(
        "The sample has kinds of clothing instead of breeds: one class takes the place of one breed."
    )

# %% [markdown]
# ## Verification pairs
#
# Pairs of test images, of breeds never used for training: on the left two images of the same breed, on the right of
# different breeds. Cover the titles and try it yourself first.

# %%
first, second = pairs(queries.labels)
same = queries.labels[first] == queries.labels[second]
draws = np.random.default_rng(3)
rows, titles = {"one image": [], "the other": []}, []
for wanted in (True, False):
    for i in draws.choice(np.flatnonzero(same == wanted), 4, replace=False):
        rows["one image"].append(walkthrough.picture(data, queries, int(first[i])))
        rows["the other"].append(walkthrough.picture(data, queries, int(second[i])))
        titles.append("same" if wanted else "different")
figure = walkthrough.rows_of_images(rows, titles)
walkthrough.show(
    figure, "pairs", "Four pairs of the same class and four pairs of different classes"
)

# %% [markdown]
# ## Two losses as curves (tasks 12 and 13, bonus)
#
# **Contrastive**: for a pair of the same class the loss grows with the distance; for a pair of different classes it is positive
# only below the margin. **ArcFace**: classify by the angle between the descriptor and each class's weight vector, and make
# the true class harder by adding a margin to its angle. (The small step on the right is where angle plus margin exceeds 180°
# and the cosine would rise again.)

# %%
if walkthrough.ready(dml, "contrastive"):
    distance = torch.linspace(0, 2, 101)
    lines = {
        words: dml.contrastive_loss(distance, torch.full((101,), kind), 0.8).tolist()
        for words, kind in (("same class", True), ("different classes, margin 0.8", False))
    }
    figure = walkthrough.compare(
        lines, distance.tolist(), "distance d (not squared)", "loss"
    )
    figure.axes[0].set_ylim(-0.03, 1.5)
    walkthrough.show(
        figure, "contrastive", "Contrastive loss over the distance, for both kinds of pairs"
    )

# %%
if walkthrough.ready(dml, "arcface"):
    angles = torch.linspace(0, torch.pi, 181)
    around = torch.stack([angles.cos(), angles.sin()], dim=1)
    lines = {}
    for margin in (0.0, 0.3, 0.5):
        head = dml.ArcFace(2, 2, scale=1.0, margin=margin)
        with torch.no_grad():
            head.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
            own = head(around, torch.zeros(181, dtype=torch.int64))[:, 0]
        lines[f"margin {margin}"] = own.tolist()
    degrees = torch.rad2deg(angles).tolist()
    figure = walkthrough.compare(
        lines, degrees, "angle to the true class (degrees)", "logit of the true class"
    )
    walkthrough.show(
        figure,
        "arcface",
        "The logit of the true class over the angle: a margin lowers it everywhere",
    )

# %% [markdown]
# ## Three trainings
#
# The same initial weights, the same images, a few epochs each.

# %%
wanted = {
    "triplet": (
        ("descriptor", "triplet-loss", "distances"),
        {"negatives": "semi-hard", "margin": 0.2},
    ),
    "contrastive": (("descriptor", "contrastive"), {"margin": 0.8}),
    "arcface": (("descriptor", "arcface"), {"margin": 0.3, "scale": 16.0, "head_lr": 1e-2}),
}
models = {}
for name, (tasks, options) in wanted.items():
    if walkthrough.ready(dml, *tasks):
        loss = "batch-triplet" if name == "triplet" else name
        run = walkthrough.train(
            dml, replace(base, loss=loss, schedule="cosine", **options), data
        )
        models.setdefault("before", run.before)
        models[name] = run.after
views = {name: walkthrough.describe(network, data) for name, network in models.items()}
if models:
    walkthrough.table({n: loop.quick_metrics(m, data.test, CPU) for n, m in models.items()})

# %% [markdown]
# ## Evaluation 1: verification
#
# Predict "same" if the similarity is above a threshold. A low threshold has many false accepts, a high one many false
# rejects; the ROC curve shows the trade-off for all thresholds. **AUC** is the area under it; **EER** is the error rate where
# false accept rate and false reject rate are equal.

# %%
if views:
    scores = {name: verify(view.queries, queries.labels) for name, view in views.items()}
    figure = curves.roc(
        {n: curves.Roc(s.fpr, s.tpr, s.auc, s.eer) for n, s in scores.items()}
    )
    walkthrough.show(
        figure, "roc", "ROC curves before training and after each of the losses"
    )

# %% [markdown]
# ## Evaluation 2: few-shot classification
#
# Given K images of each of a few *new* breeds, classify other images of these breeds. No training: the mean of the K
# descriptors represents the breed. The bars are 95 % confidence intervals over the episodes; if the bars of two models
# overlap, do not conclude that one is better.

# %%
way = min(5, len(np.unique(queries.labels)))
if views:
    shots = (1, 2, 5, 8)
    figure, axes = canvas.new_figure(5.4, 3.1)
    for (name, view), colour, mark in zip(views.items(), canvas.COLOURS, canvas.MARKERS):
        found = [
            few_shot(view.queries, queries.labels, way, shot, episodes=200)
            for shot in shots
        ]
        means, halves = [each.accuracy for each in found], [each.interval for each in found]
        axes[0, 0].errorbar(
            shots, means, halves, color=colour, marker=mark, capsize=3, label=name
        )
    axes[0, 0].axhline(1 / way, color="#888888", linestyle=":", linewidth=1)
    axes[0, 0].set(
        xlabel="images shown of each class", ylabel=f"accuracy, {way}-way (dotted: chance)"
    )
    axes[0, 0].legend(fontsize=8)
    walkthrough.show(
        figure, "few-shot", "Few-shot accuracy over the number of shots, with intervals"
    )

# %% [markdown]
# ## Evaluation 3: a map
#
# t-SNE and UMAP place neighbours next to each other in the plane. Clusters of one colour are good. The distances between
# clusters and their sizes have no meaning: read only the neighbourhoods from a map.

# %%
if views:
    last = list(views)[-1]
    chosen = torch.randperm(len(queries), generator=torch.Generator().manual_seed(0))[:500]
    names = data.class_names
    for kind, place in (("t-SNE", embeddings.tsne), ("UMAP", embeddings.umap)):
        points = {
            f"{kind}, {name}": place(views[name].queries[chosen])
            for name in ("before", last)
        }
        figure = embeddings.scatter(points, queries.labels[chosen.numpy()], names)
        words = f"{kind} of images of the test classes, before training and after {last}"
        walkthrough.show(figure, kind.lower(), words)

# %% [markdown]
# ## Which regions matter?
#
# Grad-CAM of the *similarity*: which regions of two images make their descriptors similar? Bright regions contribute most. A
# good model uses the animal (here perhaps the sole of a boot), not the sofa.


# %%
def looks(network, query_gallery, view, chosen):
    """Queries, their nearest images, and the regions that make them similar."""
    own = None if query_gallery.self_index is None else query_gallery.self_index[chosen]
    nearest = rank(view.queries[chosen], view.gallery, 1, own)[:, 0].tolist()
    rows = {"query": [], "query looks at": [], "nearest": [], "nearest looks at": []}
    for query, place in zip(chosen, nearest):
        images = query_gallery.queries[int(query)], query_gallery.gallery[place]
        seen = attention.similarity_maps(network, *images)
        for what, image, heat in zip(
            ("query", "nearest"), images, (seen.query, seen.retrieved)
        ):
            shown = walkthrough.pixels(data, image)
            rows[what].append(shown)
            rows[f"{what} looks at"].append(attention.overlay(shown, heat))
    return walkthrough.rows_of_images(rows)


if views:
    chosen = np.random.default_rng(1).choice(len(queries), 7, replace=False)
    figure = looks(models[last], data.test, views[last], chosen)
    walkthrough.show(
        figure,
        "grad-cam",
        "Queries and their nearest images, each with the regions that contribute most",
    )

# %% [markdown]
# ## A shortcut
#
# Suppose every photographer leaves a coloured stamp in the corner, and each has photographed one breed only. The stamp then
# predicts the class better than the animal does. We train once on clean images and once on stamped ones, and test with
# **random** stamps, which are unrelated to the class.

# %%
classes = np.unique(data.train.labels)


class Stamped:
    """A split with a coloured square in a corner of each image; `marks` (N,) gives the colours."""

    def __init__(self, split, marks):
        self.split, self.marks, self.labels = split, marks, split.labels

    def __len__(self):
        return len(self.split)

    def __getitem__(self, i):
        if not 0 <= i < len(self):
            raise IndexError(i)
        image = self.split[i].clone()  # several channels may share their memory
        side = image.shape[-1] // 7
        turn = 2 * torch.pi * float(self.marks[i]) / len(classes)
        colour = 0.5 + torch.cos(torch.tensor([0.0, 2.1, 4.2]) + turn)
        image[:, 1 : side + 1, 1 : side + 1] = colour[:, None, None]
        return image


draws = np.random.default_rng(0)
own = data.test.self_index
lies = draws.integers(0, len(classes), len(data.test.gallery))
stamped = Stamped(data.train, np.searchsorted(classes, data.train.labels))
lying = QueryGallery(Stamped(queries, lies[own]), Stamped(data.test.gallery, lies), own)
exam = replace(data, test=lying)

firsts = [int(i) for c in classes[:4] for i in np.flatnonzero(data.train.labels == c)[:2]]
some = [int(i) for i in draws.choice(len(lies), 8)]
examples = {
    "training": [walkthrough.pixels(data, stamped[i]) for i in firsts],
    "test": [walkthrough.pixels(data, lying.gallery[i]) for i in some],
}
words = "Stamps: one colour per class in training, random colours in the test"
walkthrough.show(walkthrough.rows_of_images(examples), "stamps", words)

# %%
trained = {}
if walkthrough.ready(dml, *wanted["triplet"][0]):
    options = {"schedule": "cosine", "augment": False, **wanted["triplet"][1]}
    settings = replace(base, loss="batch-triplet", **options)
    rows = {}
    for name, train in (("clean images", data.train), ("stamped images", stamped)):
        run = walkthrough.train(dml, settings, replace(data, train=train))
        view = walkthrough.describe(run.after, exam)
        nearest = rank(view.queries, view.gallery, 1, own)[:, 0].numpy()
        clean, lied = (
            loop.quick_metrics(run.after, each, CPU) for each in (data.test, lying)
        )
        rows[name] = {
            "training loss": run.column("loss")[-1],
            "mAP, clean": clean["mAP"],
            "mAP, random stamps": lied["mAP"],
            "nearest has the same stamp": float((lies[nearest] == lies[own]).mean()),
        }
        trained[name] = (run.after, view)
    walkthrough.table(rows, "trained on")
    print(f"the same stamp by chance: {1 / len(classes):.3f}")

# %%
if trained:
    network, view = trained["stamped images"]
    figure = walkthrough.grid(
        exam, view, "trained on stamped images: what do these have in common?"
    )
    words = "After training on stamped images: retrieved images have the stamp of the query"
    walkthrough.show(figure, "shortcut-grid", words)
    figure = looks(network, lying, view, chosen)
    words = "Grad-CAM of the model trained on stamped images"
    walkthrough.show(figure, "shortcut-grad-cam", words)

# %% [markdown]
# Has the network learnt the shortcut? A small network with random initial weights does so at once; a pretrained one, trained
# with a small learning rate on a few photographs, may not: see the last columns of the table. The training loss alone does
# not show it. You need a test that breaks the correlation, and a look at what is retrieved and which regions matter.
#
# ## Try it
#
# * Turn on augmentation for the training with stamps (`augment=True`). Does a flip protect against the stamp? Would a crop?
# * Stamp only half of the training images. Is that enough for the shortcut?
# * Which loss has the best verification, and which the best few-shot accuracy? Is it the same with another seed?
#
# Next: [6 · products](6-products.ipynb).
