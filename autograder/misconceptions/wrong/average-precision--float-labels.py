NAME = "labels as float32"
SENTENCE = (
    "Two different large labels were taken for the same: float32 has no odd integers above 16,777,216; leave "
    "labels integers."
)


def average_precision(distances: Tensor, labels: Tensor, query_label: int) -> tuple[Tensor, Tensor, Tensor]:
    relevant = (labels[torch.argsort(distances, stable=True)].float() == float(query_label)).float()
    hits = relevant.cumsum(dim=0)
    precision = hits / torch.arange(1, len(hits) + 1, device=hits.device)
    recall = hits / relevant.sum()  # 0 / 0 = NaN: without a relevant image recall is undefined
    return (precision * relevant).sum() / relevant.sum(), precision, recall
