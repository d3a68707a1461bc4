"""A text adventure on standard input; `help` lists the verbs.

ophidia run examples/adventure.py
ophidia run examples/adventure.py < examples/data/adventure.txt
"""

import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Room:
    name: str
    text: str
    exits: dict[str, str]
    things: list[str] = field(default_factory=list)
    dark: bool = False


def build_world() -> dict[str, Room]:
    return {
        "gate": Room(
            "Garden gate",
            "An iron gate, rusted open. A path leads north to a greenhouse. Something rustles.",
            {"north": "greenhouse", "east": "shed"},
            ["lantern"],
        ),
        "shed": Room(
            "Tool shed",
            "Rakes, pots and a workbench. The roof leaks.",
            {"west": "gate"},
            ["mouse", "rope"],
        ),
        "greenhouse": Room(
            "Greenhouse",
            "Warm, wet air. A python the length of a rowing boat lies across the northern door.",
            {"south": "gate", "down": "cellar"},
            ["fern"],
        ),
        "cellar": Room(
            "Cellar",
            "Jars on every wall, and in each jar a label without a jar's worth of sense.",
            {"up": "greenhouse"},
            ["key"],
            dark=True,
        ),
        "study": Room(
            "Study",
            "A desk, a window, and under the window a chest with a brass lock.",
            {"south": "greenhouse"},
            ["chest"],
        ),
    }


DIRECTIONS = {"n": "north", "s": "south", "e": "east", "w": "west", "u": "up", "d": "down"}
FIXED = {"chest", "python", "fern"}


class Game:
    def __init__(self) -> None:
        self.rooms = build_world()
        self.here = "gate"
        self.bag: list[str] = []
        self.lit = False
        self.fed = False
        self.moves = 0
        self.score = 0
        self.over = False
        self.verbs: dict[str, Callable[[str], None]] = {
            name.removeprefix("do_"): getattr(self, name) for name in dir(self) if name.startswith("do_")
        }

    @property
    def room(self) -> Room:
        return self.rooms[self.here]

    @property
    def too_dark(self) -> bool:
        return self.room.dark and not (self.lit and "lantern" in self.bag)

    def say(self, text: str) -> None:
        print(textwrap.fill(text, width=72))

    def award(self, points: int) -> None:
        self.score += points
        print(f"[{points} points]")

    def do_look(self, _: str) -> None:
        """Describe the place."""
        if self.too_dark:
            self.say("It is pitch dark. You hear something that is not you breathing.")
            return
        print(f"== {self.room.name} ==")
        self.say(self.room.text)
        if self.room.things:
            print("You see:", ", ".join(self.room.things) + ".")
        print("Exits:", ", ".join(sorted(self.room.exits)) + ".")

    def do_go(self, where: str) -> None:
        """Go in a direction, or say it alone: north, n, ..."""
        where = DIRECTIONS.get(where, where)
        if self.here == "greenhouse" and where == "north" and not self.fed:
            self.say("The python looks at you with interest. You decide against it.")
        elif where in self.room.exits:
            self.here = self.room.exits[where]
            self.moves += 1
            self.do_look("")
        else:
            self.say(f"There is no way {where or 'nowhere'}.")

    def do_take(self, thing: str) -> None:
        """Take a thing, or all."""
        if self.too_dark:
            self.say("You grope about and find only cobwebs.")
            return
        wanted = [t for t in self.room.things if thing in (t, "all") and t not in FIXED]
        if not wanted:
            self.say(f"You cannot take the {thing}." if thing else "Take what?")
        for item in wanted:
            self.room.things.remove(item)
            self.bag.append(item)
            print(f"{item}: taken.")

    def do_drop(self, thing: str) -> None:
        """Put a thing down."""
        if thing in self.bag:
            self.bag.remove(thing)
            self.room.things.append(thing)
            print(f"{thing}: dropped.")
        else:
            self.say(f"You have no {thing}.")

    def do_light(self, thing: str) -> None:
        """Light a thing."""
        if thing == "lantern" and thing in self.bag and not self.lit:
            self.lit = True
            self.say("The lantern hisses and glows.")
            self.award(5)
        else:
            self.say("Nothing happens.")

    def do_give(self, words: str) -> None:
        """Give a thing to someone: give THING to WHOM."""
        thing, _, whom = words.partition(" to ")
        if thing not in self.bag:
            self.say(f"You have no {thing}.")
        elif whom == "python" and self.here == "greenhouse":
            self.bag.remove(thing)
            if thing == "mouse":
                self.fed = True
                self.room.exits["north"] = "study"
                self.room.text = "Warm, wet air. A python sleeps in the corner, a bulge in its middle."
                self.say("One gulp. The python curls up in the corner and leaves the door to you.")
                self.award(20)
            else:
                self.say(f"The python swallows the {thing} and regrets it. So will you.")
        else:
            self.say("Nobody here wants it.")

    def do_open(self, thing: str) -> None:
        """Open a thing."""
        if thing != "chest" or self.here != "study":
            self.say("That does not open.")
        elif "key" not in self.bag:
            self.say("It is locked.")
        else:
            self.say("Inside lies the lost second volume of the head gardener's memoirs. You win!")
            self.award(50)
            self.over = True

    def do_inventory(self, _: str) -> None:
        """Say what you carry."""
        print("You carry:", ", ".join(sorted(self.bag)) or "nothing", end=".\n")

    def do_help(self, _: str) -> None:
        """List the verbs."""
        for name, verb in sorted(self.verbs.items()):
            print(f"  {name:10} {verb.__doc__}")

    def do_quit(self, _: str) -> None:
        """Leave the game."""
        self.over = True

    def obey(self, line: str) -> None:
        words = [word for word in line.casefold().split() if word not in {"the", "a", "an"}]
        if not words:
            self.say("Pardon?")
            return
        first, rest = words[0], " ".join(words[1:])
        if first in DIRECTIONS or first in DIRECTIONS.values():
            self.do_go(first)
            return
        matches = [name for name in self.verbs if name.startswith(first)]
        match matches:
            case [name]:
                self.verbs[name](rest)
            case []:
                self.say(f"I do not know how to {first}.")
            case _:
                self.say(f"Did you mean {' or '.join(sorted(matches))}?")


def main() -> int:
    game = Game()
    game.do_look("")
    while not game.over:
        try:
            line = input("> ")
        except EOFError:
            print("\nThe gate falls shut behind you.")
            break
        if not sys.stdin.isatty():
            print(line)
        game.obey(line)
    print(f"{game.score} points in {game.moves} moves.")
    return 0 if game.score >= 75 else 3


if __name__ == "__main__":
    sys.exit(main())
