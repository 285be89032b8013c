NAME = "plain instead of squared distances"
SENTENCE = "The loss is that of plain distances: the triplet loss takes squared ones."


def train(model: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer, margin: float) -> float:
    device = next(model.parameters()).device
    model.train()
    freeze_batchnorm(model)
    total, triplets = 0.0, 0
    for batch in loader:
        images = torch.cat(list(batch)).to(device)  # one forward pass for all three roles
        anchor, positive, negative = model(images).chunk(3)
        near, far = paired_distances(anchor, positive).sqrt(), paired_distances(anchor, negative).sqrt()
        losses = triplet_loss(near, far, margin)
        optimizer.zero_grad()
        losses.mean().backward()
        optimizer.step()
        total += losses.detach().sum().item()
        triplets += len(losses)
    if triplets == 0:
        raise ValueError("the loader gave no batch: are there fewer images than one batch, with drop_last set?")
    return total / triplets
