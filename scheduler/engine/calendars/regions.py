"""The public holidays of countries and regions, from the `holidays` package."""

import warnings
from collections.abc import Mapping
from datetime import date
from difflib import get_close_matches
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from holidays import country_holidays, list_supported_countries
from holidays.registry import COUNTRIES

from scheduler.engine.calendars.rules import HolidayRule

_CACHED_YEARS: Final = 2048
_LANGUAGE: Final = "en_US"
_LONGEST_NAME: Final = 50
_CLOSE: Final = 0.75


@lru_cache(maxsize=_CACHED_YEARS)
def holidays_of(rule: HolidayRule, year: int) -> Mapping[date, str]:
    """Return the holidays of one year by date; none outside the years that the package knows (most end in 2100)."""
    with warnings.catch_warnings():
        # The package warns of years that it knows in part; half of the holidays are better than an error at a claim.
        warnings.simplefilter("ignore")
        years, language = _known(rule)
        if year not in years:
            return MappingProxyType({})
        found = country_holidays(rule.country, subdiv=rule.region, years=[year], expand=False, language=language)
        return MappingProxyType({day: found[day] for day in sorted(found) if day.year == year})


@lru_cache(maxsize=_CACHED_YEARS)
def _known(rule: HolidayRule) -> tuple[range, str | None]:
    """Return the years that the package knows of a rule, and the language of its names; to ask it is not cheap."""
    known = country_holidays(rule.country, subdiv=rule.region)
    language = _LANGUAGE if _LANGUAGE in known.supported_languages else None
    return range(known.start_year, known.end_year + 1), language


def unknown_country(country: str) -> str | None:
    """Return why a country cannot be used, or None if its holidays are known."""
    if country in _regions():
        return None
    meant = _nearest(country, _countries_by_name())
    remedy = f"did you mean '{meant}'?" if meant else "use a two-letter code of ISO 3166 such as DE."
    return f"The holidays of {country[:50]!r} are not known; {remedy}"


def unknown_region(country: str, region: str) -> str | None:
    """Return why a region of a known country cannot be used, or None if its holidays are known."""
    regions = _regions()[country]
    if region in regions:
        return None
    if not regions:
        return f"{country} has no regions with holidays of their own; leave region out."
    aliases = country_holidays(country).get_subdivision_aliases()
    by_name = {name: code for code, names in aliases.items() for name in (code, *names)}
    meant = _nearest(region.strip().removeprefix(f"{country}-"), by_name)
    remedy = f"did you mean '{meant}'?" if meant else f"use one of {', '.join(regions)}."
    return f"{region[:50]!r} is not a region of {country}; {remedy}"


@lru_cache(maxsize=1)
def _regions() -> Mapping[str, tuple[str, ...]]:
    known = list_supported_countries(include_aliases=False)
    return MappingProxyType({country: tuple(regions) for country, regions in known.items()})


@lru_cache(maxsize=1)
def _countries_by_name() -> Mapping[str, str]:
    """Return the countries by name, two-letter and three-letter code."""
    by_code = {alias: codes[1] for codes in COUNTRIES.values() for alias in codes[1:]}
    by_name = {name.replace("_", " "): codes[1] for name, codes in COUNTRIES.items()}
    return MappingProxyType({name: code for name, code in (by_code | by_name).items() if code in _regions()})


def _nearest(word: str, codes: Mapping[str, str]) -> str | None:
    by_fold = {name.casefold(): code for name, code in codes.items()}
    wanted = word.strip()[:_LONGEST_NAME].casefold()
    near = get_close_matches(wanted, by_fold, n=1, cutoff=_CLOSE)
    return by_fold[near[0]] if near else None
