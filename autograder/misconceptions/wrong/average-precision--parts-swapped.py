NAME = "precision and recall swapped"
SENTENCE = "The second and third value are swapped: the order is ap, precision, recall."


def average_precision(distances: Tensor, labels: Tensor, query_label: int) -> tuple[Tensor, Tensor, Tensor]:
    relevant = (labels[torch.argsort(distances, stable=True)] == query_label).float()
    hits = relevant.cumsum(dim=0)
    precision = hits / torch.arange(1, len(hits) + 1, device=hits.device)
    recall = hits / relevant.sum()  # 0 / 0 = NaN: without a relevant image recall is undefined
    return (precision * relevant).sum() / relevant.sum(), recall, precision
