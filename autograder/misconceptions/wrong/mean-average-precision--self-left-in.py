NAME = "the query in its own list"
SENTENCE = "Every query found itself first: remove it from its own list, by its index."


def mean_average_precision(descriptors: Tensor, labels: Tensor, queries: Tensor | None = None) -> float:
    require_finite(descriptors)
    queries = torch.arange(len(labels)) if queries is None else torch.as_tensor(queries)
    ranks = torch.arange(1, len(labels) + 1, device=descriptors.device)
    aps = []
    for chunk in queries.to(descriptors.device).split(CHUNK):
        squared = distances(descriptors[chunk], descriptors)
        order = squared.argsort(dim=1, stable=True)
        relevant = (labels[order] == labels[chunk, None]).float()
        aps.append((relevant.cumsum(dim=1) / ranks * relevant).sum(dim=1) / relevant.sum(dim=1))
    mean = torch.cat(aps).nanmean().item()
    if math.isnan(mean):
        warnings.warn("no query has another image of its class: mAP is undefined", stacklevel=2)
    return mean
