NAME = "farthest image first"
SENTENCE = "The list was ranked with the largest distance first: small distances are near."


def average_precision(distances: Tensor, labels: Tensor, query_label: int) -> tuple[Tensor, Tensor, Tensor]:
    relevant = (labels[torch.argsort(distances, descending=True, stable=True)] == query_label).float()
    hits = relevant.cumsum(dim=0)
    precision = hits / torch.arange(1, len(hits) + 1, device=hits.device)
    recall = hits / relevant.sum()  # 0 / 0 = NaN: without a relevant image recall is undefined
    return (precision * relevant).sum() / relevant.sum(), precision, recall
