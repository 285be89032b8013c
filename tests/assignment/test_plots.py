"""Grids, curves, maps of descriptors and the page, drawn from arrays."""

from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from assignment.plots import canvas, curves, embeddings, grids, page, table

HOSTILE = '<script>alert(1)</script> & "x" $a_{b$ \x1b[31m'
GREY = np.full((28, 28, 3), 90, np.uint8)


def rows(name: str = "Shirt", right: tuple[bool, ...] = (True, False)) -> list[grids.Row]:
    return [grids.Row(GREY, name, [GREY] * len(right), [name] * len(right), np.array(right))]


# ------------------------------------------------------------------------------------------------------ the canvas


def test_the_normalisation_is_undone():
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = (torch.from_numpy(pixels).float() / 255 - 0.286) / 0.353
    got = canvas.as_pixels(image[None], 0.286, 0.353)
    assert np.array_equal(got, pixels[:, :, None].repeat(3, axis=2))


def test_each_channel_has_its_own_mean_and_out_of_range_values_are_cut():
    image = torch.tensor([0.0, 9.0, -9.0])[:, None, None]
    assert canvas.as_pixels(image, (0.4, 0.5, 0.5), (0.2, 0.2, 0.2)).tolist() == [[[102, 255, 0]]]


@pytest.mark.parametrize(("size", "kind"), [(28, "png"), (200, "jpeg")])
def test_small_images_are_kept_exactly_and_photographs_small(size, kind):
    noise = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    assert canvas.image_uri(noise).startswith(f"data:image/{kind};base64,")


def test_a_thumbnail_keeps_the_shape_of_the_image():
    assert canvas.thumbnail(np.zeros((400, 200, 3), np.uint8), 100).shape == (100, 50, 3)
    assert canvas.thumbnail(GREY, 100) is GREY


@settings(deadline=None, max_examples=8)
@given(st.text(max_size=60))
def test_any_name_can_be_drawn(name):
    figure = curves.precision_recall({name: curves.PrecisionRecall([0, 1], [1, 0], 0.5)})
    ElementTree.fromstring(canvas.svg(figure))  # well-formed
    assert len(figure.axes[0].get_legend().get_texts()) == 1  # an underscore in front hides no line


def test_the_same_figure_gives_the_same_file():
    def draw():
        return canvas.svg(curves.roc({"a": curves.Roc([0, 1], [0, 1], 0.5, 0.5)}))

    assert draw() == draw()


def test_no_window_and_no_global_state():
    import matplotlib

    before = dict(matplotlib.rcParams)
    canvas.svg(grids.draw(rows()))
    assert dict(matplotlib.rcParams) == before


# ----------------------------------------------------------------------------------------------------------- grids


def test_the_first_query_of_each_class_in_the_order_of_the_classes():
    assert grids.first_of_each_class(np.array([7, 3, 7, 3, 5])).tolist() == [1, 4, 0]


def test_the_fixed_ten_of_fashion_mnist():
    labels = np.tile(np.arange(10)[::-1], 10)
    assert labels[grids.first_of_each_class(labels)].tolist() == list(range(10))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 15), min_size=1, max_size=60), st.integers(0, 99))
def test_random_queries_are_one_of_a_class_and_seeded(values, seed):
    labels = np.array(values)
    chosen = grids.one_of_each_class(labels, seed)
    assert len(chosen) == min(10, len(set(values)))
    assert len(set(labels[chosen].tolist())) == len(chosen)
    assert chosen.tolist() == grids.one_of_each_class(labels, seed).tolist()


def test_another_seed_draws_other_queries():
    labels = np.repeat(np.arange(10), 50)
    assert grids.one_of_each_class(labels, 0).tolist() != grids.one_of_each_class(labels, 1).tolist()


def test_queries_of_given_classes_keep_their_order_and_do_not_depend_on_the_others():
    labels = np.repeat(np.arange(5), 9)
    assert labels[grids.of_classes(labels, [4, 99, 1])].tolist() == [4, 1]
    assert grids.of_classes(labels, [1]) == grids.of_classes(labels, [4, 1])[1]


def test_retrieved_images_stand_in_rank_order_without_the_query():
    descriptors = torch.tensor([[0.0], [0.3], [0.1], [0.2]])
    labels = np.array([0, 0, 1, 0])
    images = [np.full((2, 2, 3), i, np.uint8) for i in range(4)]
    got = grids.retrieve(
        np.array([0]),
        descriptors,
        labels,
        descriptors,
        labels,
        np.arange(4),
        images.__getitem__,
        images.__getitem__,
        {0: "wren"},
    )[0]
    assert [int(image[0, 0, 0]) for image in got.retrieved] == [2, 3, 1]  # three others, though ten are asked for
    assert got.names == ["1", "wren", "wren"]
    assert got.correct.tolist() == [False, True, True]


def test_frames_differ_in_colour_and_in_line():
    from matplotlib.patches import Rectangle

    boxes = [each for each in grids.draw(rows()).axes[0].patches if isinstance(each, Rectangle)]
    query, right, wrong = [(box.get_edgecolor(), box.get_linestyle()) for box in boxes]
    assert len({query[0], right[0], wrong[0]}) == 3
    assert right[1] != wrong[1]


def test_a_grid_of_nothing_is_one_line():
    with pytest.raises(ValueError, match="at least one query"):
        grids.draw([])


# ---------------------------------------------------------------------------------------------------------- curves


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31), st.integers(1, 12), st.booleans())
def test_hits_among_the_first_against_an_oracle(seed, k, inside):
    generator = np.random.default_rng(seed)
    gallery, labels = generator.integers(-3, 4, (9, 2)), generator.integers(0, 3, 9)
    queries, asked = (gallery, labels) if inside else (generator.integers(-3, 4, (4, 2)), generator.integers(0, 3, 4))
    got = curves.hits_among_first(
        torch.from_numpy(queries).double(),
        asked,
        torch.from_numpy(gallery).double(),
        labels,
        np.arange(9) if inside else None,
        k,
    )
    for i, query in enumerate(queries):
        others = [(float(((query - row) ** 2).sum()), j) for j, row in enumerate(gallery) if not (inside and i == j)]
        assert got[i] == sum(labels[j] == asked[i] for _, j in sorted(others)[:k])


def test_each_model_has_its_own_colour_dash_and_number():
    models = {str(i): curves.PrecisionRecall([0, 1], [1, 0.1 * i], i / 10) for i in range(4)}
    axes = curves.precision_recall(models).axes[0]
    assert len({(line.get_color(), line.get_linestyle()) for line in axes.lines}) == 4
    assert len({line.get_linestyle() for line in axes.lines}) == 4  # for those who see no colours
    assert "mAP 0.300" in axes.get_legend().get_texts()[3].get_text()


def test_the_mark_of_the_equal_error_lies_on_the_falling_line():
    axes = curves.roc({"a": curves.Roc([0, 0.25, 1], [0, 0.75, 1], 0.75, 0.25)}).axes[0]
    mark = axes.lines[-1]
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (0.25, 0.75)
    assert "AUC 0.750, EER 0.250" in axes.get_legend().get_texts()[0].get_text()


def test_an_undefined_number_is_a_dash():
    axes = curves.roc({"a": curves.Roc([0, 1], [0, 1], None, None)}).axes[0]
    assert "AUC –, EER –" in axes.get_legend().get_texts()[0].get_text()


def test_bars_are_as_long_as_the_counts():
    axes = curves.hit_bars({"a": [10, 20], "b": [30, 40]}, ["wren", "owl"], 50, [50, 45]).axes[0]
    assert sorted(bar.get_width() for bar in axes.patches) == [10, 20, 30, 40]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["wren", "owl"]


def test_the_best_epoch_is_marked_in_every_panel():
    nan = float("nan")
    figure = curves.history([0, 1, 2], {"loss": {"loss": [nan, 2, 1]}, "P@1": {"P@1": [0.1, 0.3, 0.2]}}, best=1)
    assert len(figure.axes) == 2
    for axes in figure.axes:
        assert [1, 1] in [list(line.get_xdata()) for line in axes.lines]
    assert "epoch 1" in figure.axes[0].get_title(loc="left")


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: curves.precision_recall({}), "precision–recall: there is no curve"),
        (lambda: curves.roc({}), "ROC: there is no curve"),
        (lambda: curves.hit_bars({"a": [1]}, ["x", "y"]), "each of the 2 names"),
        (lambda: curves.hit_bars({}, []), "there must be a model"),
        (lambda: curves.history([1, 2], {"loss": {"loss": [1.0]}}, None), "every line needs 2 values"),
        (lambda: curves.history([1], {}, None), "every line needs 1 values"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(draw, words):
    with pytest.raises(ValueError, match=words) as caught:
        draw()
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------------------------------------------------ maps


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (lambda x: embeddings.tsne(x, 12), "perplexity 12 .* there are 12; use a perplexity between 0 and 12"),
        (lambda x: embeddings.tsne(x, 0), "perplexity 0"),
        (lambda x: embeddings.umap(x, 12), "n_neighbors 12 .* there are 12; use n_neighbors between 2 and 11"),
        (lambda x: embeddings.umap(x, 1), "n_neighbors 1"),
        (lambda x: embeddings.tsne(x / 0, 5), r"rows \[0, 1, .* are not finite \(12 rows"),
    ],
)
def test_too_few_images_are_one_line(place, words):
    with pytest.raises(ValueError, match=words) as caught:
        place(torch.ones(12, 3))
    assert "\n" not in str(caught.value)


def groups() -> tuple[torch.Tensor, np.ndarray]:
    """Two groups of 30 descriptors, far apart."""
    torch.manual_seed(0)
    labels = np.repeat([0, 1], 30)
    return torch.randn(60, 5) + 20 * torch.from_numpy(labels)[:, None], labels


def assert_separate(points: np.ndarray, labels: np.ndarray) -> None:
    assert points.shape == (60, 2)
    assert points.dtype == np.float32
    distances = np.linalg.norm(points[:, None] - points, axis=2) + 1e9 * np.eye(60)
    assert (labels[distances.argmin(axis=1)] == labels).all()


def test_tsne_keeps_groups_and_the_seed_decides():
    descriptors, labels = groups()
    points = embeddings.tsne(descriptors, 10)
    assert_separate(points, labels)
    assert np.array_equal(points, embeddings.tsne(descriptors, 10))


@pytest.mark.slow
def test_umap_keeps_groups_and_the_seed_decides():
    descriptors, labels = groups()
    points = embeddings.umap(descriptors, 10)
    assert_separate(points, labels)
    assert np.array_equal(points, embeddings.umap(descriptors, 10))
    assert embeddings.umap(descriptors[:6], 3).shape == (6, 2)


@pytest.mark.parametrize("n", [3, 20, 21, 60])
def test_every_class_is_named_and_no_two_look_alike(n):
    labels = np.repeat(np.arange(n), 2)
    points = np.random.default_rng(0).random((2 * n, 2))
    figure = embeddings.scatter({"before": points, "after": points}, labels, {0: "wren"})
    axes = figure.axes[0]
    looks = {(tuple(each.get_facecolor()[0]), each.get_paths()[0].vertices.tobytes()) for each in axes.collections}
    assert len(looks) == n
    names = figure.legends[0].get_texts() if figure.legends else axes.texts
    assert [each.get_text() for each in names] == ["wren", *map(str, range(1, n))]


def test_points_and_labels_must_fit():
    with pytest.raises(ValueError, match=r"shape \(3, 2\)"):
        embeddings.scatter({"a": np.zeros((2, 2))}, np.zeros(3), {})


# -------------------------------------------------------------------------------------------------- table and page


def test_the_table_has_a_row_for_what_any_model_has():
    got = table.rows(
        {
            "before": {"P@1": 0.5, "mAP": None, "auc": None, "n_lone": 0},
            "after": {"P@1": 0.75, "mAP": 0.25, "auc": None, "few_shot": shots(), "superclass": {"P@1": 0.9}},
        }
    )
    assert got == {
        "P@1": ["0.500", "0.750"],
        "mAP": ["–", "0.250"],
        "5-way 1-shot accuracy": ["–", "0.800 ± 0.010"],
        "P@1 of superclasses": ["–", "0.900"],
        "queries excluded: no other image of the class": ["0", "–"],
    }


def shots() -> dict:
    return {"way": 5, "shot": 1, "accuracy": 0.8, "interval": 0.01}


def test_a_reason_is_given_once_for_all_that_it_leaves_undefined():
    got = table.undefined({"undefined": {"auc": "one class", "eer": "one class", "P@5": "K is larger"}})
    assert got == ["Undefined here: auc, eer. one class", "Undefined here: P@5. K is larger"]


def hostile_page() -> page.Page:
    figure = curves.hit_bars({HOSTILE: [1.0]}, [HOSTILE])
    return page.Page(
        title=HOSTILE,
        subtitle=HOSTILE,
        models=[HOSTILE],
        metrics={HOSTILE: [HOSTILE]},
        plots=[page.plot(HOSTILE, figure, HOSTILE, HOSTILE)],
        grids=[page.grid(HOSTILE, HOSTILE, {HOSTILE: rows(HOSTILE), "after": rows(HOSTILE, (True,))})],
        attention=[page.Attention(HOSTILE, [page.photo(GREY, HOSTILE)])],
        notes=[HOSTILE],
        settings={HOSTILE: HOSTILE},
        versions={HOSTILE: HOSTILE},
        licence=HOSTILE,
    )


def test_untrusted_names_stay_text():
    text = page.render(hostile_page())
    assert "<script" not in text
    assert html.escape("<script>alert(1)</script>") in text


def test_every_image_has_words_and_nothing_comes_from_elsewhere():
    text = page.render(hostile_page())
    images = re.findall(r"<img [^>]*>", text)
    assert len(images) == 1 + (1 + 2 + 1) + 1  # a plot; a query and its three retrieved images; a look
    assert all('src="data:image/' in each and 'alt="' in each and 'alt=""' not in each for each in images)
    assert not re.search(r'(?:src|href)="(?!data:)', text)
    assert "http" not in re.sub(r"data:image/[^\"]*", "", text).replace(
        "http-equiv", ""
    )  # addresses of XML names aside


def test_right_and_wrong_differ_without_colour():
    text = page.render(page.Page("run", "", grids=[page.grid("Grid", "", {"after": rows()})]))
    assert text.count("✓") == text.count("✗") == 1
    assert 'alt="rank 1: Shirt, correct"' in text
    assert 'alt="rank 2: Shirt, wrong"' in text
    assert "after: 1 of 2 correct" in text


def test_a_figure_is_saved_by_its_ending(tmp_path):
    figure = grids.draw(rows())
    assert canvas.save(figure, tmp_path / "new/a.svg").read_text("utf-8").lstrip().startswith("<?xml")
    with Image.open(canvas.save(figure, tmp_path / "a.png")) as image:
        assert image.format == "PNG"
