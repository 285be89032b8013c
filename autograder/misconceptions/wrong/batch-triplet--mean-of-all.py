NAME = "mean over all combinations"
SENTENCE = "The sum was divided by B³: only the valid triplets count."


def batch_triplet_loss(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    squared = distances(features, features)
    same = labels[:, None] == labels
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    valid = positive[:, :, None] & ~same[:, None, :]  # [anchor, positive, negative]
    losses = triplet_loss(squared[:, :, None], squared[:, None, :], margin)
    return torch.where(valid, losses, 0).sum() / valid.numel()
