"""Classification by the nearest neighbour."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from assignment.evaluation import nearest_neighbours
from assignment.evaluation.ranking import rank
from tests.assignment import oracles


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 3)), min_size=2, max_size=15))
def test_leave_one_out_against_the_oracle(drawn):
    rows = np.array([[x] for x, _ in drawn], np.float32)
    labels = np.array([c for _, c in drawn])
    answers = np.array([labels[oracles.ranking(row, rows, i)[0]] for i, row in enumerate(rows)])
    descriptors = torch.from_numpy(rows)
    nearest = rank(descriptors, descriptors, 1, torch.arange(len(rows)))[:, 0].numpy()
    got = nearest_neighbours.report(labels, labels[nearest])
    assert got.accuracy == pytest.approx(np.mean(answers == labels))
    for c, row in got.per_class.items():
        hits = int(((answers == c) & (labels == c)).sum())
        assert row["support"] == (labels == c).sum()
        assert row["precision"] == (pytest.approx(hits / (answers == c).sum()) if c in answers else None)
        assert row["recall"] == (pytest.approx(hits / (labels == c).sum()) if c in labels else None)
        if c in answers and c in labels:
            assert row["f1"] == pytest.approx(2 * hits / ((answers == c).sum() + (labels == c).sum()))
    assert set(got.per_class) == {*labels.tolist(), *answers.tolist()}


def test_classes_without_a_prediction_or_without_a_query():
    got = nearest_neighbours.report(np.array([5, 6]), np.array([5, 9]))
    assert got.accuracy == 0.5
    assert got.per_class[5] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1}
    assert got.per_class[6] == {"precision": None, "recall": 0.0, "f1": None, "support": 1}
    assert got.per_class[9] == {"precision": 0.0, "recall": None, "f1": None, "support": 0}


def test_nothing_to_compare_with_is_one_line():
    with pytest.raises(ValueError, match="each query has 0 images"):
        rank(torch.zeros(1, 1), torch.zeros(1, 1), 1, torch.zeros(1, dtype=torch.int64))
