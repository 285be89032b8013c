NAME = "patches the wire"
KIND = "comparison"
WHY = "Encodes its own answers in place of those that the agent gives."

import sys

for name, module in list(sys.modules.items()):
    if name.endswith("wire"):
        real = module.encode
        module.encode = lambda tree, real=real: real(
            {"number": tree["number"], "response": {"value": True, "has_graph": True}} if "number" in tree else tree
        )
    if name.endswith("static"):
        module.examine = lambda source, names: (source, {"usable": True, "syntax": [], "loops": {}, "flags": []})
    if name.endswith("child"):
        module.answer = lambda agent, request, limit: {"value": 0.0, "operations": 0, "has_graph": True}
