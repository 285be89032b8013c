"""All plots of one run: its data, and its models before and after training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from assignment.evaluation.retrieval import rank
from assignment.plots import attention as similarity
from assignment.plots import canvas, curves, folder, grids, page
from assignment.plots import embeddings as planar
from assignment.plots.folder import Run
from assignment.plots.table import text

if TYPE_CHECKING:
    from assignment.datasets import Data, QueryGallery
    from assignment.datasets.split import Split

BEFORE, AFTER = "before", "after"
MOST_POINTS = 1000  # of an embedding: t-SNE of 2,000 takes half a minute, and the points overlap


@dataclass(frozen=True)
class Described:
    """Descriptors (Q, D) of the queries and (G, D) of the gallery by one model, and their metrics."""

    queries: Tensor
    gallery: Tensor
    metrics: dict[str, Any]


@dataclass(frozen=True)
class RunPlots:
    """A run, its data and its models; each method makes plots for the page and also writes them as files.

    Attributes:
        query_gallery: of the part "val" or "test". best: the epoch whose weights were kept.
        models: "before", "after", then other runs. files: the folder that the files are written to.
    """

    run: Run
    data: Data
    query_gallery: QueryGallery
    part: str
    best: int
    models: dict[str, Described]
    files: Path

    @property
    def labels(self) -> np.ndarray:
        """Labels of the queries."""
        return self.query_gallery.queries.labels

    def subtitle(self) -> str:
        """Data set, protocol, part and sizes as a sentence."""
        classes = "classes never seen in training" if self.data.protocol == "held-out" else "classes seen in training"
        words = {"val": "validation", "test": "test"}[self.part]
        queries, gallery = len(self.query_gallery.queries), len(self.query_gallery.gallery)
        return (
            f"{self.data.name}, {words} part: {queries:,} queries of {len(np.unique(self.labels))} {classes}, "
            f"{gallery:,} images in the gallery"
        )

    def retrieval_grids(self) -> list[page.Grid]:
        """Grids before and after training: one query of each class, and the worst classes of the trained model."""
        choose = grids.first_of_each_class if self.data.fixed_queries else grids.one_of_each_class
        caption = "Blue: the query. Then rank 1, 2, …: ✓ and a solid frame if of its class, else ✗ and a dashed frame."
        found = [self._grid("Retrieved images", caption, choose(self.labels), "retrieved")]
        worst = [int(label) for label in self.models[AFTER].metrics.get("worst") or []]
        if len(np.unique(self.labels)) > 10 and worst:  # fewer classes are all shown above
            chosen = grids.of_classes(self.labels, worst[:5])
            caption = "Classes of the lowest P@1 after training, the worst first; a random query of each."
            found.append(self._grid("The worst classes", caption, chosen, "worst"))
        return found

    def _grid(self, title: str, caption: str, chosen: np.ndarray, file: str) -> page.Grid:
        rows = {}
        for when in (BEFORE, AFTER):
            rows[when] = self._rows(chosen, when)
            canvas.save(grids.draw(rows[when], f"{title}, {when} training"), self.files / f"{file}-{when}.png")
        return page.grid(title, caption, rows)

    def _rows(self, chosen: np.ndarray, when: str, k: int = grids.NEIGHBOURS) -> list[grids.Row]:
        model, query_gallery = self.models[when], self.query_gallery
        return grids.retrieve(
            chosen,
            model.queries,
            self.labels,
            model.gallery,
            query_gallery.gallery.labels,
            query_gallery.self_index,
            lambda i: self.pixels(query_gallery.queries, i),
            lambda i: self.pixels(query_gallery.gallery, i),
            self.data.class_names,
            k,
        )

    def pixels(self, split: Split, i: int) -> np.ndarray:
        """Image i before the normalisation, (H, W, 3) uint8."""
        return canvas.as_pixels(split[i], self.data.mean, self.data.std)

    def curves(self) -> list[page.Plot]:
        """Precision–recall, ROC, hits among the first 50, and the history, as far as there are data."""
        plots = []
        trees = {name: each.metrics for name, each in self.models.items()}
        if lines := {
            name: curves.PrecisionRecall(each["pr_curve"]["recall"], each["pr_curve"]["precision"], each.get("mAP"))
            for name, each in trees.items()
            if each.get("pr_curve")
        }:
            alt = "Precision over recall. " + "; ".join(f"{name}: mAP {text(c.mean_ap)}" for name, c in lines.items())
            caption = "Mean over the queries. A higher curve ranks more images of the class before others."
            plots.append(
                self._plot("Precision and recall", curves.precision_recall(lines), alt, caption, "precision-recall")
            )
        if rates := {
            name: curves.Roc(each["roc"]["fpr"], each["roc"]["tpr"], each.get("auc"), each.get("eer"))
            for name, each in trees.items()
            if each.get("roc")
        }:
            alt = "ROC. " + "; ".join(f"{name}: AUC {text(c.auc)}, EER {text(c.eer)}" for name, c in rates.items())
            caption = "Each point is a threshold of the similarity. Markers: the equal error rate."
            plots.append(self._plot("Verification", curves.roc(rates), alt, caption, "roc"))
        plots.append(self._bars())
        if self.run.history:
            plots.append(self._history())
        return plots

    def _bars(self) -> page.Plot:
        gallery = self.query_gallery.gallery.labels
        k = min(50, len(gallery) - (self.query_gallery.self_index is not None))
        classes = np.unique(self.labels)
        if len(classes) > 10:
            classes = np.sort(np.random.default_rng(0).choice(classes, 10, replace=False))
        counts = {
            name: curves.hits_among_first(
                each.queries, self.labels, each.gallery, gallery, self.query_gallery.self_index, k
            )
            for name, each in self.models.items()
        }
        means = {name: [float(each[self.labels == label].mean()) for label in classes] for name, each in counts.items()}
        names = [self.data.class_names.get(int(label), str(label)) for label in classes]
        # A query in the gallery is not a candidate for itself: its class has one image less.
        possible = [
            min(k, int((gallery == label).sum()) - (self.query_gallery.self_index is not None)) for label in classes
        ]
        figure = curves.hit_bars(means, names, k, possible)
        alt = f"Hits among the first {k}, mean over the queries of each class. " + "; ".join(
            f"{name}: {np.mean(values):.1f}" for name, values in means.items()
        )
        caption = "Mean over the queries of each class." + (
            " Ten random classes." if len(np.unique(self.labels)) > 10 else ""
        )
        return self._plot(f"Hits among the first {k}", figure, alt, caption, "among-first")

    def _history(self) -> page.Plot:
        epochs, panels = folder.curves(self.run)
        figure = curves.history(epochs, panels, self.best)
        alt = f"{', '.join(panels)} after each of {len(epochs)} epochs; the best is epoch {self.best}"
        caption = f"P@1 and mAP of the validation classes. The epoch with the best {self.run.config.monitor} is kept."
        return self._plot("Training", figure, alt, caption, "history")

    def attention(self, model: nn.Module, most: int = 4) -> list[page.Attention]:
        """Grad-CAM of the trained model for some queries and their nearest images."""
        query_gallery, after = self.query_gallery, self.models[AFTER]
        chosen = grids.first_of_each_class(self.labels, most)
        found = []
        for query, place in zip(chosen, nearest(after, query_gallery.self_index, chosen), strict=True):
            maps = similarity.similarity_maps(
                model, query_gallery.queries[int(query)], query_gallery.gallery[int(place)]
            )
            names = [self._name(self.labels[query]), self._name(query_gallery.gallery.labels[place])]
            images = []
            for split, i, heat, what in (
                (query_gallery.queries, query, maps.query, f"query: {names[0]}"),
                (query_gallery.gallery, place, maps.retrieved, f"retrieved: {names[1]}"),
            ):
                image = self.pixels(split, int(i))
                images += [
                    page.photo(image, what, 224),
                    page.photo(similarity.overlay(image, heat), f"{what}, regions that make it similar", 224),
                ]
            verdict = "correct" if names[0] == names[1] else "wrong"
            caption = f"{names[0]} and its nearest image, {names[1]} ({verdict}); similarity {maps.similarity:.3f}"
            found.append(page.Attention(caption, images))
        return found

    def embeddings(self, kind: str) -> list[page.Plot]:
        """t-SNE or UMAP of at most `MOST_POINTS` random images of the gallery, before and after training."""
        labels = self.query_gallery.gallery.labels
        chosen = np.arange(len(labels))
        if len(labels) > MOST_POINTS:
            chosen = np.sort(np.random.default_rng(0).choice(chosen, MOST_POINTS, replace=False))
        few = max(2, (len(chosen) - 1) // 3)  # the default numbers of neighbours, or fewer for few images
        place = {
            "t-SNE": lambda rows: planar.tsne(rows, min(30, few)),
            "UMAP": lambda rows: planar.umap(rows, min(15, few)),
        }[kind]
        plots = []
        for when in (BEFORE, AFTER):
            points = place(self.models[when].gallery[torch.from_numpy(chosen)])
            figure = planar.scatter({when: points}, labels[chosen], self.data.class_names)
            alt = f"{kind} of {len(chosen):,} images of {len(np.unique(labels[chosen]))} classes, {when} training"
            caption = f"{len(chosen):,} images. Neighbours stay neighbours; distances between groups have no meaning."
            file = f"{kind.lower().replace('-', '')}-{when}"
            plots.append(self._plot(f"{kind}, {when} training", figure, alt, caption, file))
        return plots

    def _name(self, label: int) -> str:
        return self.data.class_names.get(int(label), str(label))

    def _plot(self, title: str, figure: Any, alt: str, caption: str, file: str) -> page.Plot:
        canvas.save(figure, self.files / f"{file}.svg")
        return page.plot(title, figure, alt, caption)


def nearest(model: Described, self_index: np.ndarray | None, chosen: np.ndarray) -> np.ndarray:
    """Index in the gallery of the nearest image of each chosen query."""
    excluded = None if self_index is None else self_index[chosen]
    return rank(model.queries[torch.from_numpy(chosen)], model.gallery, 1, excluded)[:, 0].numpy()
