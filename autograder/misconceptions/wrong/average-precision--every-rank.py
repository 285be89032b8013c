NAME = "precision at every rank"
SENTENCE = "The AP is the mean of the precision at every rank: only the ranks of the relevant images count."


def average_precision(distances: Tensor, labels: Tensor, query_label: int) -> tuple[Tensor, Tensor, Tensor]:
    relevant = (labels[torch.argsort(distances, stable=True)] == query_label).float()
    hits = relevant.cumsum(dim=0)
    precision = hits / torch.arange(1, len(hits) + 1, device=hits.device)
    recall = hits / relevant.sum()  # 0 / 0 = NaN: without a relevant image recall is undefined
    return precision.mean() + 0 * recall[-1], precision, recall
