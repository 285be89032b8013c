NAME = "only the queries searched"
SENTENCE = "The list was made of the queries alone: `queries` says who asks, the list is still all other images."


def mean_average_precision(descriptors: Tensor, labels: Tensor, queries: Tensor | None = None) -> float:
    if queries is not None:
        descriptors, labels = descriptors[queries], labels[queries]
    squared = distances(descriptors, descriptors).fill_diagonal_(torch.inf)
    relevant = (labels[squared.argsort(dim=1, stable=True)[:, :-1]] == labels[:, None]).float()
    precision = relevant.cumsum(dim=1) / torch.arange(1, len(labels))
    return ((precision * relevant).sum(dim=1) / relevant.sum(dim=1)).nanmean().item()
