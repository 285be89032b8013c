NAME = "only the queries searched"
SENTENCE = "Only the queries were ranked: each query ranks all other images, not only those in `queries`."


def mean_average_precision(descriptors: Tensor, labels: Tensor, queries: Tensor | None = None) -> float:
    if queries is not None:
        descriptors, labels = descriptors[queries], labels[queries]
    squared = distances(descriptors, descriptors).fill_diagonal_(torch.inf)
    relevant = (labels[squared.argsort(dim=1, stable=True)[:, :-1]] == labels[:, None]).float()
    precision = relevant.cumsum(dim=1) / torch.arange(1, len(labels))
    return ((precision * relevant).sum(dim=1) / relevant.sum(dim=1)).nanmean().item()
