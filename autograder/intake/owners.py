"""Who of the roster handed in what. An identifier and a name that contradict each other are unclear, never guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autograder.intake.hand_ins import HandIn
from autograder.intake.roster import Person, Roster, agree, normal

LISTED, UNLISTED, DUPLICATE, ASIDE = "listed", "unlisted", "duplicate", "no roster"
CALLED = {"moodle": "Moodle", "canvas": "Canvas", "gradescope": "Gradescope"}
TELL_APART = {  # what makes clear which of several people of one name a hand-in is of
    "moodle": "write {key} into a column 'Identifier' of the roster, in the row of the right one",
    "canvas": "write {key} into a column 'user id' of the roster, in the row of the right one",
    "gradescope": "write the right one's e-mail address into the roster as Gradescope knows it",
}


@dataclass(frozen=True)
class Owner:
    """Who handed in.

    Attributes:
        key, name, email, login: the roster's where it is clear who it is, else the platform's, which knows no login.
        standing: one of the four above. unclear: why it is not "listed" in a roster, and what to do; "" otherwise.
        candidates: everybody of the roster who can be meant. notes: what the instructor should know.
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
    """Find out whom of the roster a hand-in is of, by what the platform says."""
    if roster is None:
        return Owner(hand_in.key, hand_in.name, hand_in.email, ASIDE)
    marked = _distinct([*roster.by_identifier(hand_in.key, platform), *roster.by_identifier(hand_in.email)])
    called, named = _by_name(hand_in, platform, roster)
    candidates = marked or named
    if len(candidates) == 1 and not _contradicts(candidates[0], called, named):
        person = candidates[0]
        notes = () if called == hand_in.name else (f"'{hand_in.name}' is taken for {called}, behind a group's name",)
        name, email = person.name or hand_in.name, person.email or hand_in.email
        return Owner(person.id, name, email, LISTED, "", (person,), notes, person.login)
    # A platform's number may by chance be somebody else's identifier: it must not become the key of a grade.
    key = f"{hand_in.key} ({hand_in.where})" if roster.by_identifier(hand_in.key) else hand_in.key
    standing = DUPLICATE if candidates else UNLISTED
    unclear = _unclear(hand_in, platform, marked, named)
    return Owner(key, hand_in.name, hand_in.email, standing, unclear, tuple(_distinct([*marked, *named])))


def _by_name(hand_in: HandIn, platform: str, roster: Roster) -> tuple[str, list[Person]]:
    """The name of a hand-in, which may stand behind that of a Moodle group, and everybody who has it."""
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
    """Whether the name that the platform gives is another person's than the one who was found."""
    if not called or person in named:
        return False
    return bool(named) or (person.name != "" and not agree(called, person.name))


def _unclear(hand_in: HandIn, platform: str, marked: Sequence[Person], named: Sequence[Person]) -> str:
    """Why it is not clear who handed in, and what to do about it."""
    if not marked and not named:
        return f"{hand_in.where} is not in the roster; add that row or correct the name"
    if not marked or len(marked) > 1:
        tell = TELL_APART.get(platform, "call the hand-in by the identifier of the right one").format(key=hand_in.key)
        return f"{hand_in.where} can be of {' or of '.join(map(str, marked or named))}; {tell}"
    who = f"{', '.join(map(str, named))} in the roster" if named else "nobody in the roster"
    called = f"{CALLED.get(platform, 'the platform')} calls them '{hand_in.name}', who is {who}"
    return f"{hand_in.where} is by its identifier of {marked[0]}, but {called}; correct one of them in the roster"


def _distinct(people: Sequence[Person]) -> list[Person]:
    return list(dict.fromkeys(people))
