NAME = "a loop over ranks"
SENTENCE = "The AP is right but computed rank by rank: the hits among the first k are a cumulative sum."


def average_precision(distances: Tensor, labels: Tensor, query_label: int) -> tuple[Tensor, Tensor, Tensor]:
    relevant = (labels[torch.argsort(distances, stable=True)] == query_label).float()
    precision, recall = torch.zeros(len(labels)), torch.zeros(len(labels))
    ap, hits = torch.tensor(0.0), torch.tensor(0.0)
    for k in range(len(labels)):
        hits = hits + relevant[k]
        precision[k] = hits / (k + 1)
        recall[k] = hits / relevant.sum()
        ap = ap + precision[k] * relevant[k]
    return ap / relevant.sum(), precision, recall
