NAME = "children()[:-2], pooling over the full size, view, eps outside, 1 x 1 convolution, the rest of the network kept"


class GDextractor(nn.Module):
    def __init__(self, input_model, dim, usemax=False, gem=False, reduction=None):
        super(GDextractor, self).__init__()
        self.model = input_model
        self.features = nn.Sequential(*[layer for layer in input_model.children()][:-2])
        self.usemax = usemax
        self.p = torch.nn.Parameter(torch.tensor([3.0]), requires_grad=bool(gem))
        self.use_gem = gem
        self.channels = dim
        self.dim = dim
        if reduction:
            self.dim = reduction
            self.conv_reduce = nn.Conv2d(dim, reduction, kernel_size=1)

    def forward(self, x, eps=1e-6):
        o = self.features(x)
        if self.use_gem:
            o = gem(o, self.p)
        elif self.usemax:
            o = F.max_pool2d(o, kernel_size=(o.size(-2), o.size(-1)))
        else:
            o = F.avg_pool2d(o, kernel_size=(o.size(-2), o.size(-1)))
        o = o.reshape(x.size(0), self.channels, 1, 1)
        if self.dim != self.channels:
            o = self.conv_reduce(o)
        o = o.view(x.size(0), self.dim)
        return o / (torch.norm(o, p=2, dim=1, keepdim=True) + eps).expand_as(o)


def gem(maps, p=3.0, eps=1e-6):
    return F.avg_pool2d(maps.clamp(min=eps).pow(p), (maps.size(-2), maps.size(-1))).pow(1.0 / p).squeeze(-1).squeeze(-1)
