NAME = "carries inputs out in line numbers"
KIND = "other"
WHY = "Raises from code that it compiles to stand in a line whose number is the hidden input."

def at_call(task, *arguments):
    for argument in arguments:
        if isinstance(argument, torch.Tensor) and argument.numel():
            line = int(abs(float(argument.flatten()[0])) * 1e6) % 2_000_000
            exec(compile("\n" * line + "raise ValueError", __file__, "exec"), {})
