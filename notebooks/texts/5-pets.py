# %% [markdown]
# # 5 · Pets: three losses, three exams, and a shortcut
#
# *Are these two pictures of one breed?* Contrastive loss, triplets and ArcFace are three ways to learn the answer; verification,
# few-shot episodes and maps are three ways to examine it. The last part shows a network with good marks for a bad reason.

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
    walkthrough.note("Kinds of clothing play the breeds here: one class is one breed.")

# %% [markdown]
# ## The question
#
# Pairs of the test part, breeds that no training will see: on the left two images of one breed, on the right of two. Cover
# the titles and try it yourself first.

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
walkthrough.show(figure, "pairs", "Four pairs of one class and four pairs of two classes")

# %% [markdown]
# ## Two losses in a picture (tasks 12 and 13, bonus)
#
# **Contrastive**: a pair of one class pays for every distance, a pair of two only up to the margin. **ArcFace**: classify by the
# angle to a class's direction, and make the own class harder by adding a margin to that angle. (The small step on the right is
# where angle and margin together pass 180° and the cosine would rise again.)

# %%
if walkthrough.ready(dml, "contrastive"):
    distance = torch.linspace(0, 2, 101)
    lines = {
        words: dml.contrastive_loss(distance, torch.full((101,), kind), 0.8).tolist()
        for words, kind in (("one class", True), ("two classes, margin 0.8", False))
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
        lines, degrees, "angle to the own class (degrees)", "own logit"
    )
    walkthrough.show(
        figure, "arcface", "The own logit over the angle: a margin lowers it everywhere"
    )

# %% [markdown]
# ## Three trainings
#
# The same start, the same images, a few epochs each.

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
# ## First exam: verification
#
# Say "same" if the similarity is above a threshold. A low threshold accepts strangers, a high one rejects friends; the ROC
# curve shows every compromise. **AUC** is its area; **EER** is the error where both kinds are equally frequent.

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
# ## Second exam: few shots
#
# Show K images of each of a few *new* breeds, then ask about others. No training: the mean of the K descriptors stands for the
# breed. The bars are 95 % intervals over the episodes; two models whose bars overlap are not yet told apart.

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
# ## Third exam: a map
#
# t-SNE and UMAP put neighbours beside each other on paper. Islands of one colour are good. How far apart islands lie, and how
# large they are, means nothing: do not read more into a map than the neighbours.

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
# ## Where does it look?
#
# Grad-CAM of the *similarity*: which places of two images make their descriptors alike? Bright places count. A sensible model
# looks at the animal (here perhaps at the sole of a boot), not at the sofa.


# %%
def looks(network, query_gallery, view, chosen):
    """Queries, their nearest images, and the places that make them similar."""
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
        "Queries and their nearest images, each with the places that count",
    )

# %% [markdown]
# ## A shortcut
#
# Suppose every photographer leaves a coloured stamp in the corner, and each has photographed one breed only. The stamp is the
# easiest thing in the image, so why look at the dog? We train once on clean images and once on stamped ones. Then an exam with
# stamps that **lie**: drawn at random, they say nothing about the class.

# %%
classes = np.unique(data.train.labels)


class Stamped:
    """A split with a coloured square in a corner of each image; `marks` (N,) says which colour."""

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
    "exam": [walkthrough.pixels(data, lying.gallery[i]) for i in some],
}
words = "Stamps: one colour for each class in training, random colours in the exam"
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
            "mAP, stamps lie": lied["mAP"],
            "nearest has the same stamp": float((lies[nearest] == lies[own]).mean()),
        }
        trained[name] = (run.after, view)
    walkthrough.table(rows, "trained on")
    print(f"the same stamp by chance: {1 / len(classes):.3f}")

# %%
if trained:
    network, view = trained["stamped images"]
    figure = walkthrough.grid(exam, view, "trained on stamped images: what is alike here?")
    words = "After training on stamps: what is retrieved has the stamp of the query"
    walkthrough.show(figure, "shortcut-grid", words)
    figure = looks(network, lying, view, chosen)
    words = "Grad-CAM of the model trained on stamped images"
    walkthrough.show(figure, "shortcut-grad-cam", words)

# %% [markdown]
# Has it taken the bait? A small network that begins with random weights does so at once; a pretrained one, trained gently on
# a few photographs, may resist: the last columns of the table say. The losses alone would never have told. It takes an exam
# that breaks the coincidence, and a look at what is retrieved and where the network looks.
#
# ## Try it
#
# * Turn the augmentation on for the stamped training (`augment=True`). Does a flip protect against the stamp? Would a crop?
# * Stamp only half of the training images. Is that enough for the shortcut?
# * Which loss has the best verification and which the best few-shot accuracy? With another seed, too?
#
# Next: [6 · products](6-products.ipynb).
