NAME = "mean over batches"
SENTENCE = (
    "The returned loss is the mean of the batches' means: a triplet of a smaller last batch counts more than "
    "the others."
)


def train(model: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer, margin: float) -> float:
    device = next(model.parameters()).device
    model.train()
    freeze_batchnorm(model)
    total, triplets = 0.0, 0
    for batch in loader:
        images = torch.cat(list(batch)).to(device)  # one forward pass for all three roles
        anchor, positive, negative = model(images).chunk(3)
        losses = triplet_loss(paired_distances(anchor, positive), paired_distances(anchor, negative), margin)
        optimizer.zero_grad()
        losses.mean().backward()
        optimizer.step()
        total += losses.detach().mean().item()
        triplets += 1
    if triplets == 0:
        raise ValueError("the loader gave no batch: are there fewer images than one batch, with drop_last set?")
    return total / triplets
