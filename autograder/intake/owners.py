"""Match submissions with the roster; an identifier and a name that contradict each other are reported as unclear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autograder.intake.hand_ins import HandIn
from autograder.intake.roster import Person, Roster, agree, normal

LISTED, UNLISTED, DUPLICATE, ASIDE = "listed", "unlisted", "duplicate", "no roster"
CALLED = {"moodle": "Moodle", "canvas": "Canvas", "gradescope": "Gradescope"}
TELL_APART = {  # how to distinguish several people of one name
    "moodle": "write {key} into a column 'Identifier' of the roster, in the row of the right one",
    "canvas": "write {key} into a column 'user id' of the roster, in the row of the right one",
    "gradescope": "write the right one's e-mail address into the roster as Gradescope knows it",
}


@dataclass(frozen=True)
class Owner:
    """The owner of a submission.

    Attributes:
        key, name, email, login: of the roster if the owner is clear, else of the platform, which has no login.
        standing: one of the four above. unclear: why it is not "listed", and what to do; "" otherwise.
        candidates: people of the roster who could be meant. notes: for the instructor.
    """

    key: str
    name: str
    email: str
    standing: str
    unclear: str = ""
    candidates: tuple[Person, ...] = ()
    notes: tuple[str, ...] = ()
    login: str = ""


def owner_of(hand_in: HandIn, platform: str, roster: Roster | None) -> Owner:
    """Find the owner of a submission in the roster by the platform's identifier, e-mail address and name."""
    if roster is None:
        return Owner(hand_in.key, hand_in.name, hand_in.email, ASIDE)
    marked = _distinct([*roster.by_identifier(hand_in.key, platform), *roster.by_identifier(hand_in.email)])
    called, named = _by_name(hand_in, platform, roster)
    candidates = marked or named
    if len(candidates) == 1 and not _contradicts(candidates[0], called, named):
        person = candidates[0]
        notes = () if called == hand_in.name else (f"'{hand_in.name}' is read as a group's name and {called}",)
        name, email = person.name or hand_in.name, person.email or hand_in.email
        return Owner(person.id, name, email, LISTED, "", (person,), notes, person.login)
    # A platform's number may be the identifier of another person: it must not become the key of a grade.
    key = f"{hand_in.key} ({hand_in.where})" if roster.by_identifier(hand_in.key) else hand_in.key
    standing = DUPLICATE if candidates else UNLISTED
    unclear = _unclear(hand_in, platform, marked, named)
    return Owner(key, hand_in.name, hand_in.email, standing, unclear, tuple(_distinct([*marked, *named])))


def _by_name(hand_in: HandIn, platform: str, roster: Roster) -> tuple[str, list[Person]]:
    """The name of a submission, without that of a Moodle group, and everybody who has it."""
    name = hand_in.name
    if not name:
        return "", roster.by_name(hand_in.key)
    _, _, behind = name.partition("-")
    if platform == "moodle" and not roster.by_name(name):
        exact = [person for person in roster.by_name(behind) if normal(person.name) == normal(behind)]
        if exact:
            return behind.strip(), exact
    return name, roster.by_name(name)


def _contradicts(person: Person, called: str, named: Sequence[Person]) -> bool:
    """Whether the platform's name is the name of another person."""
    if not called or person in named:
        return False
    return bool(named) or (person.name != "" and not agree(called, person.name))


def _unclear(hand_in: HandIn, platform: str, marked: Sequence[Person], named: Sequence[Person]) -> str:
    """Why the owner is unclear, and what to do."""
    if not marked and not named:
        return f"{hand_in.where} is not in the roster; add that row or correct the name"
    if not marked or len(marked) > 1:
        tell = TELL_APART.get(platform, "name the hand-in by the identifier of the right one").format(key=hand_in.key)
        return f"{hand_in.where} could be of {' or of '.join(map(str, marked or named))}; {tell}"
    who = f"{', '.join(map(str, named))} in the roster" if named else "nobody in the roster"
    called = f"{CALLED.get(platform, 'the platform')} calls them '{hand_in.name}', who is {who}"
    return f"{hand_in.where} is by its identifier of {marked[0]}, but {called}; correct one of them in the roster"


def _distinct(people: Sequence[Person]) -> list[Person]:
    return list(dict.fromkeys(people))
