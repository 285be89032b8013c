"""A run as a scene to take pictures of: its data, its models before and after training, and every figure of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from assignment.evaluation.retrieval import rank
from assignment.figures import attention, canvas, curves, embeddings, folder, grids, page
from assignment.figures.folder import Run
from assignment.figures.table import text

if TYPE_CHECKING:
    from assignment.datasets import Asking, Data
    from assignment.datasets.split import Split

BEFORE, AFTER = "before", "after"
MOST_POINTS = 1000  # of a map of descriptors: t-SNE of 2,000 takes half a minute, and they cover each other


@dataclass(frozen=True)
class Described:
    """One model's view of the data: its descriptors (Q, D) and (G, D), and what was measured with them."""

    queries: Tensor
    gallery: Tensor
    figures: dict[str, Any]


@dataclass(frozen=True)
class Scene:
    """A run, its data, its models, and the figures that can be drawn of them; each is written to `files`, too.

    Attributes:
        asking: who asks whom, of the part "val" or "test". best: the epoch whose weights were kept.
        models: "before", "after", then other runs. files: a folder.
    """

    run: Run
    data: Data
    asking: Asking
    part: str
    best: int
    models: dict[str, Described]
    files: Path

    @property
    def labels(self) -> np.ndarray:
        """Labels of the queries."""
        return self.asking.queries.labels

    def subtitle(self) -> str:
        """Data set, protocol and part in words."""
        classes = "classes never seen in training" if self.data.protocol == "held-out" else "classes seen in training"
        words = {"val": "validation", "test": "test"}[self.part]
        asked, gallery = len(self.asking.queries), len(self.asking.gallery)
        return (
            f"{self.data.name}, {words} part: {asked:,} queries of {len(np.unique(self.labels))} {classes}, "
            f"{gallery:,} images in the gallery"
        )

    def retrieval_grids(self) -> list[page.Grid]:
        """A query of each class, and of the classes that the trained model finds worst, before and after."""
        fashion = self.data.name in ("sample", "fashion-mnist")
        choose = grids.first_of_each_class if fashion else grids.one_of_each_class
        read_it = "Blue: the query. Then rank 1, 2, …: ✓ and a solid frame if of its class, ✗ and a dashed one if not."
        found = [self._grid("Retrieved images", read_it, choose(self.labels), "retrieved")]
        worst = [int(label) for label in self.models[AFTER].figures.get("worst") or []]
        if len(np.unique(self.labels)) > 10 and worst:  # with fewer classes all of them stand above
            chosen = grids.of_classes(self.labels, worst[:5])
            words = "Classes of the lowest mAP after training, the worst first; a random query of each."
            found.append(self._grid("The worst classes", words, chosen, "worst"))
        return found

    def _grid(self, title: str, words: str, chosen: np.ndarray, file: str) -> page.Grid:
        rows = {}
        for when in (BEFORE, AFTER):
            rows[when] = self._rows(chosen, when)
            canvas.save(grids.draw(rows[when], f"{title}, {when} training"), self.files / f"{file}-{when}.png")
        return page.grid(title, words, rows)

    def _rows(self, chosen: np.ndarray, when: str, k: int = grids.NEIGHBOURS) -> list[grids.Row]:
        model, asking = self.models[when], self.asking
        return grids.retrieve(
            chosen,
            model.queries,
            self.labels,
            model.gallery,
            asking.gallery.labels,
            asking.own,
            lambda i: self.pixels(asking.queries, i),
            lambda i: self.pixels(asking.gallery, i),
            self.data.class_names,
            k,
        )

    def pixels(self, split: Split, i: int) -> np.ndarray:
        """Image i as it was before the normalisation, (H, W, 3) uint8."""
        from assignment.datasets import fashion_mnist, images

        source: Any = fashion_mnist if self.data.name in ("sample", "fashion-mnist") else images
        return canvas.as_pixels(split[i], source.MEAN, source.STD)

    def curves(self) -> list[page.Plot]:
        """Precision–recall, ROC, right ones among the first 50, and the history: those that there are data for."""
        plots = []
        figures = {name: each.figures for name, each in self.models.items()}
        if lines := {
            name: curves.PrecisionRecall(each["pr_curve"]["recall"], each["pr_curve"]["precision"], each.get("mAP"))
            for name, each in figures.items()
            if each.get("pr_curve")
        }:
            alt = "Precision over recall. " + "; ".join(f"{name}: mAP {text(c.mean_ap)}" for name, c in lines.items())
            words = "Mean over the queries. A curve farther up finds more images of the class before others."
            plots.append(
                self._plot("Precision and recall", curves.precision_recall(lines), alt, words, "precision-recall")
            )
        if rates := {
            name: curves.Roc(each["roc"]["fpr"], each["roc"]["tpr"], each.get("auc"), each.get("eer"))
            for name, each in figures.items()
            if each.get("roc")
        }:
            alt = "ROC. " + "; ".join(f"{name}: AUC {text(c.auc)}, EER {text(c.eer)}" for name, c in rates.items())
            words = "Every threshold of the similarity is a point. Marks: the two errors are equally frequent."
            plots.append(self._plot("Are two images of one class?", curves.roc(rates), alt, words, "roc"))
        plots.append(self._bars())
        if self.run.history:
            plots.append(self._history())
        return plots

    def _bars(self) -> page.Plot:
        gallery = self.asking.gallery.labels
        k = min(50, len(gallery) - (self.asking.own is not None))
        classes = np.unique(self.labels)
        if len(classes) > 10:
            classes = np.sort(np.random.default_rng(0).choice(classes, 10, replace=False))
        counts = {
            name: curves.right_among_first(each.queries, self.labels, each.gallery, gallery, self.asking.own, k)
            for name, each in self.models.items()
        }
        means = {name: [float(each[self.labels == label].mean()) for label in classes] for name, each in counts.items()}
        names = [self.data.class_names.get(int(label), str(label)) for label in classes]
        # A query is no candidate of its own; where it is in the gallery, its class has one image less to find.
        possible = [min(k, int((gallery == label).sum()) - (self.asking.own is not None)) for label in classes]
        figure = curves.bars_among_first(means, names, k, possible)
        alt = f"Right ones among the first {k}, mean over these classes. " + "; ".join(
            f"{name}: {np.mean(values):.1f}" for name, values in means.items()
        )
        words = "Mean over the queries of each class." + (
            " Ten of the classes." if len(np.unique(self.labels)) > 10 else ""
        )
        return self._plot(f"Right ones among the first {k}", figure, alt, words, "among-first")

    def _history(self) -> page.Plot:
        epochs, panels = folder.curves(self.run)
        figure = curves.history(epochs, panels, self.best)
        alt = f"{', '.join(panels)} after each of {len(epochs)} epochs; the best is epoch {self.best}"
        words = f"P@1 and mAP are of the validation classes. The epoch with the best {self.run.config.monitor} is kept."
        return self._plot("Training", figure, alt, words, "history")

    def looks(self, model: nn.Module, most: int = 4) -> list[page.Look]:
        """Grad-CAM for the first image retrieved by some queries, by the trained model."""
        asking, after = self.asking, self.models[AFTER]
        chosen = grids.first_of_each_class(self.labels, most)
        found = []
        for query, place in zip(chosen, nearest(after, asking.own, chosen), strict=True):
            own, other = asking.queries[int(query)], asking.gallery[int(place)]
            seen = attention.similarity_maps(model, own, other)
            names = [self._name(self.labels[query]), self._name(asking.gallery.labels[place])]
            pictures = []
            for split, i, heat, what in (
                (asking.queries, query, seen.query, f"query: {names[0]}"),
                (asking.gallery, place, seen.retrieved, f"retrieved: {names[1]}"),
            ):
                image = self.pixels(split, int(i))
                pictures += [
                    page.photo(image, what, 224),
                    page.photo(attention.overlay(image, heat), f"{what}, places that make it similar", 224),
                ]
            right = "right" if names[0] == names[1] else "wrong"
            words = f"{names[0]} and its nearest image, {names[1]} ({right}); similarity {seen.similarity:.3f}"
            found.append(page.Look(words, pictures))
        return found

    def maps(self, kind: str) -> list[page.Plot]:
        """t-SNE or UMAP of the gallery, before and after training, at most `MOST_POINTS` random images of it."""
        labels = self.asking.gallery.labels
        chosen = np.arange(len(labels))
        if len(labels) > MOST_POINTS:
            chosen = np.sort(np.random.default_rng(0).choice(chosen, MOST_POINTS, replace=False))
        few = max(2, (len(chosen) - 1) // 3)  # the usual numbers of neighbours, or fewer where the images are few
        place = {
            "t-SNE": lambda rows: embeddings.tsne(rows, min(30, few)),
            "UMAP": lambda rows: embeddings.umap(rows, min(15, few)),
        }[kind]
        plots = []
        for when in (BEFORE, AFTER):
            points = place(self.models[when].gallery[torch.from_numpy(chosen)])
            figure = embeddings.scatter({when: points}, labels[chosen], self.data.class_names)
            alt = f"{kind} of {len(chosen):,} images of {len(np.unique(labels[chosen]))} classes, {when} training"
            words = f"{len(chosen):,} images. Neighbours stay neighbours; how far apart groups lie means nothing."
            file = f"{kind.lower().replace('-', '')}-{when}"
            plots.append(self._plot(f"{kind}, {when} training", figure, alt, words, file))
        return plots

    def _name(self, label: int) -> str:
        return self.data.class_names.get(int(label), str(label))

    def _plot(self, title: str, figure: Any, alt: str, words: str, file: str) -> page.Plot:
        canvas.save(figure, self.files / f"{file}.svg")
        return page.plot(title, figure, alt, words)


def nearest(model: Described, own: np.ndarray | None, chosen: np.ndarray) -> np.ndarray:
    """The place in the gallery of the nearest image of each chosen query."""

    left_out = None if own is None else torch.from_numpy(own[chosen])
    return rank(model.queries[torch.from_numpy(chosen)], model.gallery, 1, left_out)[:, 0].numpy()
