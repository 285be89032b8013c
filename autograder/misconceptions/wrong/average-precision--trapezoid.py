NAME = "trapezoids instead of steps"
SENTENCE = (
    "The AP is the area under the curve with straight lines between its points: this task sums steps, the "
    "precision at each hit divided by R."
)


def average_precision(distances: Tensor, labels: Tensor, query_label: int) -> tuple[Tensor, Tensor, Tensor]:
    relevant = (labels[torch.argsort(distances, stable=True)] == query_label).float()
    hits = relevant.cumsum(dim=0)
    precision = hits / torch.arange(1, len(hits) + 1, device=hits.device)
    recall = hits / relevant.sum()  # 0 / 0 = NaN: without a relevant image recall is undefined
    area = torch.trapezoid(torch.cat([precision[:1], precision]), torch.cat([recall.new_zeros(1), recall]))
    return area, precision, recall
