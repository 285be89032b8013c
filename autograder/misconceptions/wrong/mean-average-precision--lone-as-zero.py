NAME = "queries without a positive counted as 0"
SENTENCE = "Queries whose class has no other image were counted as 0: they have no AP, leave them out of the mean."


def mean_average_precision(descriptors: Tensor, labels: Tensor, queries: Tensor | None = None) -> float:
    require_finite(descriptors)
    queries = torch.arange(len(labels)) if queries is None else torch.as_tensor(queries)
    ranks = torch.arange(1, len(labels), device=descriptors.device)
    aps = []
    for chunk in queries.to(descriptors.device).split(CHUNK):
        squared = distances(descriptors[chunk], descriptors)
        squared[torch.arange(len(chunk)), chunk] = torch.inf  # self goes last …
        order = squared.argsort(dim=1, stable=True)[:, :-1]  # … and is dropped there
        relevant = (labels[order] == labels[chunk, None]).float()
        aps.append((relevant.cumsum(dim=1) / ranks * relevant).sum(dim=1) / relevant.sum(dim=1))
    mean = torch.cat(aps)
    mean = torch.nan if mean.isnan().all() else mean.nan_to_num(0).mean().item()
    if math.isnan(mean):
        warnings.warn("no query has another image of its class: mAP is undefined", stacklevel=2)
    return mean
