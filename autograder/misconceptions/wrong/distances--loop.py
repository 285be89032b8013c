NAME = "a loop over rows"
ALSO = ["batch-triplet"]
SENTENCE = "The distances are right but computed row by row: one matrix product does it for all rows at once."


def distances(a: Tensor, b: Tensor) -> Tensor:
    result = torch.zeros(len(a), len(b))
    for i in range(len(a)):
        result[i] = (a[i] - b).square().sum(dim=1)
    return result
