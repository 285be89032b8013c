NAME = "the nearest image dropped"
SENTENCE = "The nearest image is missing from the ranking: the query is not in this list, nothing has to be removed."


def average_precision(distances: Tensor, labels: Tensor, query_label: int) -> tuple[Tensor, Tensor, Tensor]:
    relevant = (labels[torch.argsort(distances, stable=True)[1:]] == query_label).float()
    hits = relevant.cumsum(dim=0)
    precision = hits / torch.arange(1, len(hits) + 1, device=hits.device)
    recall = hits / relevant.sum()  # 0 / 0 = NaN: without a relevant image recall is undefined
    return (precision * relevant).sum() / relevant.sum(), precision, recall
