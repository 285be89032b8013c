NAME = "a linear layer holds the weight, acos of a clamped cosine, one-hot labels, a constant past pi"


class ArcFace(nn.Module):
    def __init__(self, dim, n_classes, scale=30.0, margin=0.5):
        super().__init__()
        self.fc = nn.Linear(dim, n_classes, bias=False)
        self.s, self.m = scale, margin

    def forward(self, descriptors, labels):
        w = self.fc.weight / self.fc.weight.norm(dim=1, keepdim=True)
        x = descriptors / (descriptors.norm(dim=1, keepdim=True) + 1e-12)
        cosine = F.linear(x, w).clamp(-1 + 1e-6, 1 - 1e-6)
        theta = torch.acos(cosine)
        with_margin = torch.cos((theta + self.m).clamp(max=math.pi))
        onehot = F.one_hot(labels, cosine.shape[1]).to(cosine.dtype)
        return self.s * (onehot * with_margin + (1.0 - onehot) * cosine)


class GDextractor(nn.Module):
    def forward(self, x, eps=1e-6):
        f = self.features(x)
        f = f.view(f.shape[0], f.shape[1], -1)
        if self.p is not None:
            f = (f.clamp(min=eps) ** self.p).mean(-1) ** (1 / self.p)
        elif self.usemax:
            f, _ = torch.max(f, dim=2)
        else:
            f = torch.mean(f, 2)
        if self.reduce is not None:
            f = self.reduce(f)
        return F.normalize(f, p=2, dim=1, eps=eps)
