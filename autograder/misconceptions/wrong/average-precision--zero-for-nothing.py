NAME = "0 where nothing is relevant"
SENTENCE = (
    "Without a relevant image an AP of 0 came back: it is undefined, NaN; a 0 would lower a mean that it has no "
    "part in."
)


def average_precision(distances: Tensor, labels: Tensor, query_label: int) -> tuple[Tensor, Tensor, Tensor]:
    relevant = (labels[torch.argsort(distances, stable=True)] == query_label).float()
    hits = relevant.cumsum(dim=0)
    precision = hits / torch.arange(1, len(hits) + 1, device=hits.device)
    recall = hits / relevant.sum().clamp_min(1)  # 0 / 0 = NaN: without a relevant image recall is undefined
    return (precision * relevant).sum() / relevant.sum().clamp_min(1), precision, recall
