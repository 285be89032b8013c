NAME = "explicit layers, adaptive pooling, eps inside the root, reduction without a bias"


class GDextractor(nn.Module):
    def __init__(self, input_model, dim, usemax=False, gem=False, reduction=None):
        super().__init__()
        self.conv1 = input_model.conv1
        self.bn1 = input_model.bn1
        self.relu = input_model.relu
        self.maxpool = input_model.maxpool
        self.layer1 = input_model.layer1
        self.layer2 = input_model.layer2
        self.layer3 = input_model.layer3
        self.layer4 = input_model.layer4
        self.dim = dim if reduction is None else reduction
        self.usemax = usemax
        self.gem = gem
        self.p = nn.Parameter(torch.ones(1) * 3)
        self.whiten = nn.Linear(dim, reduction, bias=False) if reduction is not None else nn.Identity()
        self.pool = nn.AdaptiveMaxPool2d((1, 1)) if usemax else nn.AdaptiveAvgPool2d((1, 1))

    def forward(self, x, eps=1e-6):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer1(x)
        x = self.layer2(x)
        x = self.layer3(x)
        x = self.layer4(x)
        if self.gem:
            x = x.clamp(min=eps).pow(self.p).mean((2, 3)).pow(1 / self.p)
        else:
            x = self.pool(x).flatten(start_dim=1)
        x = self.whiten(x)
        return x / torch.sqrt((x * x).sum(dim=1, keepdim=True) + eps)
