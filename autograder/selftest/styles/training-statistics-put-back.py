import numpy as np

NAME = "BatchNorm frozen by its type, F.pairwise_distance squared, zero_grad after the step, numpy number returned"


def train(model, loader, optimizer, margin):
    model.train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    losses = []
    optimizer.zero_grad()
    for batch in loader:
        x = torch.cat([batch[0], batch[1], batch[2]], dim=0)
        y = model(x)
        B = batch[0].shape[0]
        pos = torch.norm(y[:B] - y[B : 2 * B], dim=1).pow(2)
        neg = torch.norm(y[:B] - y[2 * B :], dim=1).pow(2)
        loss = torch.maximum(pos - neg + margin, torch.zeros_like(pos))
        (loss.sum() / B).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
        losses += loss.tolist()
    return np.mean(losses)
