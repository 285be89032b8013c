NAME = "`queries` ignored"
SENTENCE = "All images were used as queries, not only those in `queries`."


def mean_average_precision(descriptors: Tensor, labels: Tensor, queries: Tensor | None = None) -> float:
    require_finite(descriptors)
    queries = torch.arange(len(labels))
    ranks = torch.arange(1, len(labels), device=descriptors.device)
    aps = []
    for chunk in queries.to(descriptors.device).split(CHUNK):
        squared = distances(descriptors[chunk], descriptors)
        squared[torch.arange(len(chunk)), chunk] = torch.inf  # self goes last …
        order = squared.argsort(dim=1, stable=True)[:, :-1]  # … and is dropped there
        relevant = (labels[order] == labels[chunk, None]).float()
        aps.append((relevant.cumsum(dim=1) / ranks * relevant).sum(dim=1) / relevant.sum(dim=1))
    mean = torch.cat(aps).nanmean().item()
    if math.isnan(mean):
        warnings.warn("no query has another image of its class: mAP is undefined", stacklevel=2)
    return mean
