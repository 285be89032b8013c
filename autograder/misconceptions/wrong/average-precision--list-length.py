NAME = "divided by the length of the list"
SENTENCE = (
    "The sum of the precisions was divided by the number of images in the list: divide by the number of relevant ones."
)


def average_precision(distances: Tensor, labels: Tensor, query_label: int) -> tuple[Tensor, Tensor, Tensor]:
    relevant = (labels[torch.argsort(distances, stable=True)] == query_label).float()
    hits = relevant.cumsum(dim=0)
    precision = hits / torch.arange(1, len(hits) + 1, device=hits.device)
    recall = hits / relevant.sum()  # 0 / 0 = NaN: without a relevant image recall is undefined
    return (precision * relevant).sum() / torch.where(relevant.any(), len(hits), torch.nan), precision, recall
