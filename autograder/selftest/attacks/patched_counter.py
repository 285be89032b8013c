NAME = "patches the counter of operations"
KIND = "comparison"
WHY = "Says that every call takes one operation, whatever the size of its input."

from assignment.checking import agent

agent.count_operations = lambda call: (call(), 1)
agent.torch.overrides.TorchFunctionMode.__enter__ = lambda self: self


def distances(a, b):
    return torch.stack([torch.stack([(x - y).sum() for y in b]) for x in a]) if len(a) and len(b) else torch.ones(1)
