# %% [markdown]
# # 1 · Retrieval with frozen features
#
# Given a query image, find the most similar images. Nothing is trained in this notebook: a network maps images to vectors,
# and the nearest vectors are retrieved. You will see how a feature map becomes one vector, how distances between vectors
# behave, and how to measure the quality of a retrieval. (For photographs the network is pretrained on ImageNet. For the
# sample its weights are random; even that is far better than chance.)

# %%
import sys
from dataclasses import replace

import numpy as np
import torch

sys.path.append("..")  # where assignment/ lies, if it is not installed
from assignment import backbones, walkthrough
from assignment.evaluation.retrieval import query_metrics, rank
from assignment.plots import attention, canvas
from assignment.training import model

dml = walkthrough.student("dml.py")
data, base = walkthrough.load("cub")

# %% [markdown]
# ## The task
#
# The *query* is the image you start from; the *gallery* is the set of images to search. The network was not trained on
# these classes. Some images of the gallery, one row per class:

# %%
gallery = data.test.gallery
classes = np.unique(data.test.queries.labels)[:5]
rows = {
    data.class_names[int(c)]: [
        walkthrough.picture(data, gallery, i)
        for i in np.flatnonzero(gallery.labels == c)[:8]
    ]
    for c in classes
}
walkthrough.show(
    walkthrough.rows_of_images(rows),
    "classes",
    "Eight images of each of some test classes",
)

# %% [markdown]
# ## From image to feature map
#
# The convolutional layers map an image to a feature map with C channels; each channel responds to one kind of pattern at
# each position. Below, one image and the channels with the most prominent peaks. The ✕ marks the maximum, which is all
# that **MAC** pooling keeps of a channel; **SPoC** pooling keeps only the mean. Both discard the position, so a shoe on the
# left and a shoe on the right can get the same vector.

# %%
torch.manual_seed(base.seed)
network = backbones.build(base.backbone)
if base.weights:
    backbones.load_weights(network, base.weights)
else:
    backbones.calibrate_batchnorm(
        network, torch.stack([data.train[i] for i in range(0, len(data.train), 8)][:128])
    )
network.eval()

seen = []
image = gallery[int(np.flatnonzero(gallery.labels == classes[-1])[0])]
hook = attention.last_map(network, image[None]).register_forward_hook(
    lambda layer, inputs, output: seen.append(output)
)
with torch.no_grad():
    network(image[None])
hook.remove()
maps = seen[0][0].numpy()  # (C, h, w)
peaks = maps.max(axis=(1, 2)) - maps.mean(axis=(1, 2))
chosen = peaks.argsort()[::-1][:6]

# %%
figure, axes = canvas.new_figure(9, 1.9, 1, 7)
axes[0, 0].imshow(walkthrough.pixels(data, image))
for each, channel in zip(axes[0, 1:], chosen):
    one = maps[channel]
    y, x = np.unravel_index(one.argmax(), one.shape)
    each.imshow(one, cmap="magma")
    each.plot(
        x, y, "x", color="white", markeredgecolor="black", markersize=9, markeredgewidth=2
    )
    each.set_title(
        f"channel {channel}\npeak {one.max():.2f}, mean {one.mean():.2f}", fontsize=7
    )
for each in axes.flat:
    each.set(xticks=[], yticks=[])
    each.grid(visible=False)
channels, height, width = maps.shape
words = f"An image and six of its {channels} channels, {height} × {width}, with their peaks"
walkthrough.show(figure, "feature-maps", words)

# %% [markdown]
# ## Descriptors (task 1)
#
# Pool every channel, then normalise the vector to unit length: that is your `GDextractor`. All descriptors then lie on the
# unit sphere, and only their directions are compared. Check first: is every length 1?

# %%
views = {}
if walkthrough.ready(dml, "descriptor"):
    for pooling in ("mac", "spoc"):
        extractor = model.untrained(dml, replace(base, pooling=pooling), data)
        views[pooling] = walkthrough.describe(extractor, data)
    facts = {}
    for name, view in views.items():
        lengths = view.gallery.norm(dim=1)
        shape = tuple(view.gallery.shape)
        facts[name.upper()] = {
            "shape": shape,
            "shortest": float(lengths.min()),
            "longest": float(lengths.max()),
        }
    walkthrough.table(facts, "pooling")

# %% [markdown]
# ## What is retrieved
#
# The query has a blue frame; then come ranks 1, 2, 3, … A green frame with ✓ marks an image of the query's class, a dashed
# red frame with ✗ one of another class. Look at the mistakes first: are they obvious, or would you have hesitated, too?

# %%
if walkthrough.ready(dml, "descriptor"):
    figure = walkthrough.grid(data, views["mac"], "MAC: the nearest images")
    walkthrough.show(
        figure,
        "grid-mac",
        "Retrieval grid with MAC descriptors: queries on the left, ranks 1 to 8 on the right",
    )

# %%
if walkthrough.ready(dml, "descriptor"):
    figure = walkthrough.grid(
        data, views["spoc"], "SPoC: the nearest images to the same queries"
    )
    walkthrough.show(
        figure, "grid-spoc", "Retrieval grid with SPoC descriptors for the same queries"
    )

# %% [markdown]
# ## Distances within and between classes (task 7)
#
# Retrieval works if two images of the same class are closer than two images of different classes. The two histograms
# below should not overlap, but they do: every pair in the overlap is a possible mistake. Training, in the later notebooks,
# separates them.

# %%
if walkthrough.ready(dml, "descriptor", "distances"):
    figure, axes = canvas.new_figure(8.4, 2.8, 1, 2)
    some = torch.randperm(len(gallery), generator=torch.Generator().manual_seed(0))[:400]
    labels = torch.as_tensor(gallery.labels)[some]
    same = labels.unsqueeze(0).eq(labels.unsqueeze(1))
    pairs = torch.ones_like(same).triu(1)  # each pair once, no image with itself
    for each, (name, view) in zip(axes[0], views.items()):
        squared = dml.distances(view.gallery[some], view.gallery[some])
        bins = np.linspace(0, float(squared.max()), 60)
        for words, kind, colour in (
            ("same class", same, canvas.RIGHT),
            ("different classes", ~same, canvas.WRONG),
        ):
            each.hist(
                squared[kind & pairs].numpy(),
                bins,
                density=True,
                alpha=0.55,
                color=colour,
                label=words,
            )
        each.set(title=name.upper(), xlabel="squared distance", yticks=[])
        each.legend(fontsize=8)
    walkthrough.show(
        figure,
        "distances",
        "Histograms of squared distances: pairs of the same class are closer, with overlap",
    )

# %% [markdown]
# ## How good is it?
#
# **P@K** (precision at K) is the share of relevant images among the first K; P@1 only considers the nearest image. *Chance*
# is the expected precision of a random ranking. Raw pixels are the baseline that every network should beat: does yours?

# %%
if walkthrough.ready(dml, "descriptor"):
    query_gallery, ks = data.test, (1, 5, 10)
    described = {name.upper(): view.gallery for name, view in views.items()}
    if gallery[0].numel() < 4000:  # of a photograph the pixels would fill the memory
        described["raw pixels"] = torch.stack([image.flatten() for image in gallery])
    measured = {}
    for name, rows in described.items():
        found = query_metrics(
            rows[query_gallery.self_index],
            query_gallery.queries.labels,
            rows,
            gallery.labels,
            query_gallery.self_index,
            ks,
        )
        measured[name] = {f"P@{k}": float(found.precision[k].mean()) for k in ks}
    share = np.bincount(gallery.labels)[query_gallery.queries.labels].mean() / len(gallery)
    measured["chance"] = {f"P@{k}": float(share) for k in ks}
    walkthrough.table(measured, "descriptor")

# %% [markdown]
# ## A common mistake: retrieving the query itself
#
# The query is also in the gallery, at distance 0 from itself. If it is not removed, P@1 is perfect and meaningless. Removing
# whatever comes first is wrong as soon as there is a duplicate. Remove the query from its list **by its index**.

# %%
if walkthrough.ready(dml, "descriptor"):
    view = views["mac"]
    for words, excluded in (
        ("with itself in the list", None),
        ("removed by its index", query_gallery.self_index),
    ):
        first = rank(view.queries, view.gallery, 1, excluded)[:, 0]
        right = gallery.labels[first.numpy()] == query_gallery.queries.labels
        print(f"P@1 {words}: {right.mean():.3f}")

# %% [markdown]
# ## Try it
#
# * Which class is the hardest? Draw a grid for it: `walkthrough.grid(data, views["mac"], chosen=…)`.
# * Scale all descriptors by 10, then each one by its index (1, 2, 3, …): which of the two changes the ranking, and why?
# * Pool only the left half of the map. Which classes suffer?
#
# Next: [2 · triplets and hard negatives](2-triplets.ipynb), where training starts.
