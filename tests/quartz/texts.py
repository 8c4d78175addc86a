"""Random Quartz texts, zones and instants; a seed gives the same ones on every run."""

from datetime import UTC, datetime
from random import Random

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
ZONES = (
    "UTC",
    "Asia/Tokyo",
    "Asia/Kathmandu",
    "Europe/Berlin",
    "America/New_York",
    "America/Phoenix",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
)
FIRST, LAST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2023, 2060))

# Letters and signs that a slip of the hand might put in.
SLIPS = "0123456789*?,-/LW# FRIMON"


class Texts:
    """A source of cases."""

    def __init__(self, seed: int) -> None:
        self._dice = Random(seed)

    def cases(self, count: int) -> list[tuple[str, str, int]]:
        """Return texts with a zone and an instant in seconds since 1970."""
        return [(self._text(), self._dice.choice(ZONES), self._dice.randint(FIRST, LAST)) for _ in range(count)]

    def slips(self, count: int) -> list[tuple[str, str, int]]:
        """Return texts with one or two characters put in, changed or left out, in UTC."""
        return [(self._slip(self._text()), "UTC", FIRST) for _ in range(count)]

    def _text(self) -> str:
        pick = self._dice.choice
        time = [
            pick(["0", self._field(0, 59, 59)]),
            pick(["0", "*", self._field(0, 59, 59)]),
            pick(["*", self._field(0, 23, 23), self._field(0, 23, 23)]),
        ]
        month = pick(["*", "*", self._field(1, 12, 12, MONTHS)])
        days = pick([(self._days_of_month(), "?"), ("?", self._days_of_week())])
        year = pick(["", "", "", "", f" {self._years()}"])
        text = f"{' '.join(time)} {days[0]} {month} {days[1]}{year}"
        return text if len(text) <= 100 else self._text()

    def _slip(self, text: str) -> str:
        signs = list(text)
        for _ in range(self._dice.choice([1, 1, 2])):
            place = self._dice.randrange(len(signs))
            signs[place : place + self._dice.choice([0, 1, 1])] = self._dice.choice(["", *SLIPS, *SLIPS])
        return "".join(signs)[:100]

    def _days_of_month(self) -> str:
        number = self._dice.randint
        special = ["L", f"L-{number(0, 27)}", "LW", f"{number(1, 31)}W", f"L-{number(0, 20)}W"]
        return self._dice.choice([self._field(1, 31, 31), self._cased(self._dice.choice(special))])

    def _days_of_week(self) -> str:
        day = self._value(1, 7, WEEKDAYS)
        special = ["L", f"{day}L", f"{day}#{self._dice.randint(1, 5)}"]
        return self._dice.choice([self._field(1, 7, 7, WEEKDAYS), self._dice.choice(special)])

    def _years(self) -> str:
        first, last = sorted(self._dice.randint(1990, 2120) for _ in range(2))
        return self._dice.choice([str(last), f"{first}-{last}", f"{first}/{self._dice.randint(1, 30)}", "*"])

    def _field(self, low: int, high: int, longest_step: int, names: tuple[str, ...] = ()) -> str:
        count = self._dice.choice([1, 1, 1, 1, 2, 3])
        return ",".join(self._item(low, high, longest_step, names) for _ in range(count))

    def _item(self, low: int, high: int, longest_step: int, names: tuple[str, ...]) -> str:
        first, last = self._dice.randint(low, high), self._dice.randint(low, high)
        step = self._dice.randint(1, self._dice.choice([3, longest_step]))
        forms = [
            self._value(low, high, names),
            f"{first}-{last}",
            f"{first}-{last}/{step}",
            f"{first}/{step}",
            f"*/{step}",
            f"/{step}",
            "*",
        ]
        if names:
            forms.append(f"{self._cased(names[first - low])}-{self._cased(names[last - low])}")
        return self._dice.choice(forms)

    def _value(self, low: int, high: int, names: tuple[str, ...]) -> str:
        value = self._dice.randint(low, high)
        return self._dice.choice([str(value), self._cased(names[value - low])]) if names else str(value)

    def _cased(self, text: str) -> str:
        return self._dice.choice([text, text, text.lower(), text.title()])
