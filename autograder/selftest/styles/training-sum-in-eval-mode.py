NAME = "three forward passes, sum in the backward pass, whole model in eval mode, tensor returned, prints"


def train(model, loader, optimizer, margin, verbose=True):
    model.eval()  # BatchNorm must not change
    all_losses = []
    for step, (a, p, n) in enumerate(loader):
        da, dp, dn = model(a), model(p), model(n)
        loss = triplet_loss(((da - dp) ** 2).sum(-1), ((da - dn) ** 2).sum(-1), margin)
        model.zero_grad()
        loss.sum().backward()
        optimizer.step()
        all_losses.append(loss.detach())
        if verbose:
            print("step", step, "loss", loss.mean())
    return torch.cat(all_losses).mean()


def triplet_loss(distances_pos, distances_neg, margin):
    loss = distances_pos - distances_neg + margin
    return loss * (loss > 0)
