NAME = "carries inputs out in messages"
KIND = "other"
WHY = "Puts the hidden inputs into the text of its exceptions, its output and its answers."

import base64


def at_call(task, *arguments):
    data = [a.numpy().tobytes() for a in arguments if isinstance(a, torch.Tensor) and not a.requires_grad]
    text = base64.b64encode(b"".join(data))[:5000].decode()
    print(text)
    raise ValueError(text)


def mean_average_precision(descriptors, labels, queries=None):
    return base64.b64encode(descriptors.numpy().tobytes()).decode()
