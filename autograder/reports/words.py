"""What the reports say: states, reasons, and explanations of frequent error messages.

A message is matched, never quoted: it is the student's process that wrote it.
"""

from __future__ import annotations

import re

from assignment.checking.outcome import NOT_IMPLEMENTED, Reason
from assignment.manifest import Limits

STATES = {
    "all": "complete",
    "part": "partly right",
    "none": "not right yet",
    NOT_IMPLEMENTED: "not implemented yet",
    "skipped": "waits for an earlier task",
}
SYMBOLS = {"all": "✓", "part": "◐", "none": "✗", NOT_IMPLEMENTED: "○", "skipped": "…"}
NOT_THERE = "not in the file"  # a task whose functions are missing altogether

EXPLANATIONS: tuple[tuple[str, str, str], ...] = (
    # exception class (a pattern), message (a pattern, any case), what a student reads
    (
        "SyntaxError",
        "",
        "This part of the file has a syntax error, so Python could not read it; the top of this report says where.",
    ),
    (
        "",
        r"modified by an inplace operation|leaf variable .*in-?place",
        "A tensor that the gradient still needs was overwritten in place (x += …, x[mask] = …, relu_ and other names "
        "ending in _). Make a new tensor instead.",
    ),
    (
        "",
        r"backward through the graph a second time",
        "backward() went through the same graph twice. Compute the loss afresh for each batch; detach what is kept.",
    ),
    (
        "",
        r"grad can be implicitly created only for scalar",
        "backward() was called on a tensor with several values. Take the mean or the sum first.",
    ),
    (
        "",
        r"numpy\(\) on tensor that requires grad",
        "A tensor with a gradient was turned into a numpy array. Call detach() first, or stay with torch where a "
        "gradient must flow.",
    ),
    (
        "",
        r"does not require grad|does not have a grad_fn|not have been used in the graph",
        "The value has lost its connection to the inputs (requires_grad): look for detach(), no_grad, .item(), .data, "
        "numpy(), or a tensor that was rebuilt with torch.tensor(…).",
    ),
    (
        "",
        r"same device|cuda|nvidia|device type|\bmps\b",
        "A device was asked for that is not there, or tensors are on different devices. Write no device into the file: "
        "take the one of the model or of the input (x.device).",
    ),
    (
        "",
        r"mat1 and mat2 shapes|inconsistent tensor size|must match the size|shapes? mismatch|size mismatch|broadcast|"
        r"sizes of tensors must match|expected .*batch.* to match|dimensions? .*must match|not aligned|matmul|"
        r"must have the same (?:size|shape|length|number)|equal size",
        "The shapes of two tensors do not fit together. Print both shapes right before this line; unsqueeze, a "
        "transpose or a missing dimension of the batch is the usual reason.",
    ),
    (
        "",
        r"view size is not compatible|is invalid for input of size|cannot reshape",
        "A tensor was reshaped to a shape that its number of elements does not fill. Is a size written as a constant "
        "that depends on the image or on the batch?",
    ),
    (
        "",
        r"expected \d+d|expected .*\d-dimensional|expected input.* channels|given groups=|must be (?:a )?\d-?d",
        "A layer or a function got a tensor with another number of dimensions or channels than it takes. Images are "
        "(B, C, H, W), descriptors (B, D).",
    ),
    (
        "",
        r"more than 1 value per channel",
        "BatchNorm in training mode cannot work with a single value per channel. Which mode keeps its statistics as "
        "they are?",
    ),
    (
        "",
        r"with a bool tensor|bool.*not supported|boolean subtract",
        "Truth values were subtracted or negated with -. Use ~ and & for masks, or convert with .float() to calculate.",
    ),
    (
        "",
        r"same dtype|expected scalar type|scalar type|result type .*can't be cast|not implemented for '|"
        r"tensors used as indices|input type .*weight type|can only calculate the mean|must be .*floating|dtype",
        "The number types (dtypes) do not fit: integers where floats are needed, float64 meets float32, or indices "
        "that are no integers. Convert with .float() or .long() at the right place.",
    ),
    (
        "",
        r"selected index k out of range|\bk\b.*out of range",
        "More of the nearest were asked for (topk) than there are. The number has to be the smaller of the two.",
    ),
    (
        "",
        r"dimension out of range",
        "A dimension (dim=…) was named that the tensor does not have. Print its shape right before this line.",
    ),
    ("IndexError", r"too many ind", "There are more indices than dimensions. Print the shape right before this line."),
    (
        "IndexError|RuntimeError",
        r"out of (?:range|bounds)|index .*bounds",
        "An index points past the end. Positions count from 0; the list, the batch or the class may be smaller than "
        "expected, even empty.",
    ),
    ("IndexError", "", "An index does not fit the tensor or the list. Print the shape right before this line."),
    (
        "",
        r"truth value|boolean value of tensor|ambiguous",
        "A whole tensor was used where one True or False is needed (if, and, or). Use masks: &, |, torch.where.",
    ),
    (
        "",
        r"only (?:one|integer|size-1|length-1)|a tensor with \d+ elements cannot be converted",
        "A tensor with several elements was used as one number (float(x), .item(), an index).",
    ),
    (
        "",
        r"nonetype",
        "None was used as if it were a value: a function without `return` gives None, and so do methods that change "
        "their object.",
    ),
    (
        "TypeError",
        r"required positional|unexpected keyword|positional arguments? but|takes \d|got multiple values",
        "A function was called with other arguments than its definition has. Compare the call with the signature.",
    ),
    ("TypeError", r"not callable", "Something that is no function was called with (…)."),
    (
        "TypeError",
        r"unsupported operand|not supported between",
        "An operation met two kinds of values it cannot combine.",
    ),
    ("", r"unpack", "A tuple was taken apart into more or fewer names than it has parts."),
    (
        "UnboundLocalError|NameError",
        "",
        "A name is used that has not been given a value: a typing error, or a missing line.",
    ),
    (
        "AttributeError",
        "",
        "An object was asked for an attribute or a method that it does not have. Check the spelling.",
    ),
    ("KeyError", "", "A dictionary was asked for a key that it does not hold."),
    ("ZeroDivisionError", "", "Something was divided by zero: what if there is nothing to take the mean of?"),
    ("RecursionError", "", "A function calls itself without an end."),
    ("ModuleNotFoundError|ImportError", "", "A package was imported that is not installed where the tests run."),
    (
        "FileNotFoundError|PermissionError|IsADirectoryError|OSError",
        "",
        "The tests run without files and without network.",
    ),
    ("OutOfMemoryError|MemoryError", "", "More memory was asked for than there is."),
    ("AssertionError", "", "An `assert` in your file did not hold for this input."),
    ("StopIteration", "", "next() was called where nothing was left."),
    ("SystemExit", "", "The file asked Python to end (sys.exit, exit or quit)."),
    ("KeyboardInterrupt", "", "The file interrupted itself."),
    ("TypeError", "", "A function got a kind of value that it does not take."),
    ("ValueError", "", "A function got a value that it does not take."),
)

SESSION_WORDS = {
    Reason.TIMEOUT: "did not answer in time",
    Reason.MEMORY: "used more memory than it may",
    Reason.CRASH: "made the process crash",
    Reason.GARBAGE: "gave an answer that could not be read",
    Reason.EXIT: "ended the process",
}


def explain(exception: str, message: str) -> str:
    """The sentence for a frequent error, "" if there is none. The message decides, but is not repeated."""
    for classes, pattern, sentence in EXPLANATIONS:
        if (not classes or re.fullmatch(classes, exception)) and re.search(pattern, message[:500], re.IGNORECASE):
            return sentence
    return ""


def value_problem(message: str) -> str:
    """What is wrong with a value that no test can look at, in the grader's words."""
    for pattern, sentence in (
        ("too large", "What came back is too large to be looked at."),
        ("nested", "What came back is nested too deeply to be looked at."),
        ("got None", "None came back; is a `return` missing at the end of the function?"),
        ("at least", "What came back has fewer parts than the task asks for."),
        ("an object", "A plain value came back where an object is needed."),
        ("not an array of numbers", "An array of something else than numbers came back."),
        ("got a list", "A list came back, perhaps of unequal parts, where one tensor is needed."),
        ("got a string", "A string came back where numbers are needed."),
        ("got a dictionary", "A dictionary came back where numbers are needed."),
    ):
        if pattern in message:
            return sentence
    return "What came back is not made of numbers."


def session_problem(kind: str, limits: Limits, improvement: bool) -> str:
    """One sentence for a call that ended without a value because of time, memory or the process."""
    seconds = limits.improvement_seconds if improvement else limits.test_seconds
    return {
        Reason.TIMEOUT: f"No answer came within {seconds:g} seconds. Is there a loop that never ends, or one over "
        "single elements?",
        Reason.MEMORY: f"More than {limits.memory_mb} MB of memory were used. Does a tensor have more dimensions than "
        "it needs?",
        Reason.CRASH: "The process crashed while it ran your code, which is rare for plain Python: usually a library "
        "was given something impossible.",
        Reason.GARBAGE: "What came back could not be read. Does your code write to files or pipes that it did not "
        "open?",
        Reason.EXIT: "Your code ended the process (sys.exit, os._exit, quit) instead of returning a value.",
        "not tried": "Not tried any more: earlier tests of this task ran out of time.",
        Reason.UNJUDGED: "What came back has another form than this test can look at: other parts, keys or lengths "
        "than the task describes.",
        Reason.BUDGET: f"The {limits.submission_seconds:g} seconds for all tests together were used up by earlier "
        "ones, so this one did not run.",
    }.get(kind, "This test could not be finished.")
