"""Sentences of the reports: states, reasons, and explanations of frequent error messages.

Messages are matched but never quoted, since the student's process wrote them.
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
    "skipped": "not run",
}
SYMBOLS = {"all": "✓", "part": "◐", "none": "✗", NOT_IMPLEMENTED: "○", "skipped": "…"}
MISSING = "not in the file"  # a task whose functions are all missing

EXPLANATIONS: tuple[tuple[str, str, str], ...] = (
    # exception class (a pattern), message (a pattern, any case), what a student reads
    (
        "SyntaxError",
        "",
        "This part of the file has a syntax error, so Python could not read it; see the top of this report.",
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
        "backward() was called twice on the same graph. Compute a new loss for each batch; detach what you keep.",
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
        "The value is not connected to the inputs any more (requires_grad): look for detach(), no_grad, .item(), "
        ".data, numpy(), or a tensor that was rebuilt with torch.tensor(…).",
    ),
    (
        "",
        r"same device|cuda|nvidia|device type|\bmps\b",
        "The file uses a device that is not available, or tensors are on different devices. Do not write a device into "
        "the file: use that of the model or of the input (x.device).",
    ),
    (
        "",
        r"mat1 and mat2 shapes|inconsistent tensor size|must match the size|shapes? mismatch|size mismatch|broadcast|"
        r"sizes of tensors must match|expected .*batch.* to match|dimensions? .*must match|not aligned|matmul|"
        r"must have the same (?:size|shape|length|number)|equal size",
        "The shapes of two tensors do not match. Print both shapes right before this line; the usual reasons are "
        "unsqueeze, a transpose, or a missing batch dimension.",
    ),
    (
        "",
        r"view size is not compatible|is invalid for input of size|cannot reshape",
        "A tensor was reshaped to a shape with another number of elements. Is a size that depends on the image or on "
        "the batch written as a constant?",
    ),
    (
        "",
        r"expected \d+d|expected .*\d-dimensional|expected input.* channels|given groups=|must be (?:a )?\d-?d",
        "A layer or a function got a tensor with the wrong number of dimensions or channels. Images are "
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
        "Boolean tensors were subtracted or negated with -. Use ~ and & for masks, or convert them with .float().",
    ),
    (
        "",
        r"same dtype|expected scalar type|scalar type|result type .*can't be cast|not implemented for '|"
        r"tensors used as indices|input type .*weight type|can only calculate the mean|must be .*floating|dtype",
        "The types of numbers (dtypes) do not match: integers where floats are needed, float64 with float32, or "
        "indices that are not integers. Convert with .float() or .long().",
    ),
    (
        "",
        r"selected index k out of range|\bk\b.*out of range",
        "topk was called with a k larger than the number of elements. Use the smaller of the two.",
    ),
    (
        "",
        r"dimension out of range",
        "The tensor does not have the dimension dim=…. Print its shape right before this line.",
    ),
    ("IndexError", r"too many ind", "There are more indices than dimensions. Print the shape right before this line."),
    (
        "IndexError|RuntimeError",
        r"out of (?:range|bounds)|index .*bounds",
        "An index is past the end. Indices start at 0; the list, the batch or the class may be smaller than "
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
        "None was used as if it were a value: a function without `return` returns None, and so do methods that "
        "change their object.",
    ),
    (
        "TypeError",
        r"required positional|unexpected keyword|positional arguments? but|takes \d|got multiple values",
        "A function was called with other arguments than it takes. Compare the call with its signature.",
    ),
    ("TypeError", r"not callable", "A value that is not a function was called with (…)."),
    (
        "TypeError",
        r"unsupported operand|not supported between",
        "An operation cannot combine the types of its two values.",
    ),
    ("", r"unpack", "A tuple was unpacked into more or fewer names than it has elements."),
    (
        "UnboundLocalError|NameError",
        "",
        "A name is used that has no value: a misspelling, or a missing line.",
    ),
    (
        "AttributeError",
        "",
        "An object does not have the attribute or method that was used. Check the spelling.",
    ),
    ("KeyError", "", "A dictionary does not have the key that was used."),
    ("ZeroDivisionError", "", "A number was divided by zero. What if the mean of nothing is computed?"),
    ("RecursionError", "", "A function calls itself endlessly."),
    ("ModuleNotFoundError|ImportError", "", "The file imports a package that is not installed where the tests run."),
    (
        "FileNotFoundError|PermissionError|IsADirectoryError|OSError",
        "",
        "The tests run without access to files and the network.",
    ),
    ("OutOfMemoryError|MemoryError", "", "The code needs more memory than there is."),
    ("AssertionError", "", "An `assert` in your file failed for this input."),
    ("StopIteration", "", "next() was called on an iterator without further elements."),
    ("SystemExit", "", "The file ends Python (sys.exit, exit or quit)."),
    ("KeyboardInterrupt", "", "The file interrupts itself."),
    ("TypeError", "", "A function got a value of a type that it does not accept."),
    ("ValueError", "", "A function got a value that it does not accept."),
)

SESSION_WORDS = {
    Reason.TIMEOUT: "did not finish in time",
    Reason.MEMORY: "used more memory than allowed",
    Reason.CRASH: "made the process crash",
    Reason.GARBAGE: "sent a response that could not be read",
    Reason.EXIT: "ended the process",
}


VALUE_SENTENCES = (  # part of the message about a value that no test can check, what a student reads
    ("too large", "The returned value is too large to be checked."),
    ("nested", "The returned value is nested too deeply to be checked."),
    ("got None", "The function returned None. Is a `return` missing at its end?"),
    ("at least", "The returned value has fewer elements than the task asks for."),
    ("an object", "A plain value was returned where an object is needed."),
    ("not an array of numbers", "The returned array does not consist of numbers."),
    ("got a list", "A list was returned where one tensor is needed; its elements may have unequal lengths."),
    ("got a string", "A string was returned where numbers are needed."),
    ("got a dictionary", "A dictionary was returned where numbers are needed."),
    ("", "The returned value does not consist of numbers."),
)


def explain(exception: str, message: str) -> str:
    """The sentence for a frequent error, "" if there is none. The message is matched, but not quoted."""
    for classes, pattern, sentence in EXPLANATIONS:
        if (not classes or re.fullmatch(classes, exception)) and re.search(pattern, message[:500], re.IGNORECASE):
            return sentence
    return ""


def value_problem(message: str) -> str:
    """What is wrong with a value that no test can check."""
    return next(sentence for pattern, sentence in VALUE_SENTENCES if pattern in message)


def session_problem(kind: str, limits: Limits, improvement: bool) -> str:
    """The sentence for a call without a value because of time, memory or the end of the process."""
    seconds = limits.improvement_seconds if improvement else limits.test_seconds
    return {
        Reason.TIMEOUT: f"The call did not finish within {seconds:g} seconds. Is there an endless loop, or a loop over "
        "single elements?",
        Reason.MEMORY: f"The call used more than {limits.memory_mb} MB of memory. Does a tensor have more dimensions "
        "than it needs?",
        Reason.CRASH: "The process crashed while it ran your code, which is rare for plain Python: usually a library "
        "was called with invalid values.",
        Reason.GARBAGE: "The response of the process could not be read. Does your code write to files or pipes that it "
        "did not open?",
        Reason.EXIT: "Your code ended the process (sys.exit, os._exit, quit) instead of returning a value.",
        "not tried": "Not run: earlier tests of this task timed out.",
        Reason.UNJUDGED: "This test cannot check the form of the returned value: its elements, keys or lengths differ "
        "from those that the task describes.",
        Reason.BUDGET: f"Not run: earlier tests used up the {limits.submission_seconds:g} seconds for all tests.",
    }.get(kind, "This test could not be completed.")
