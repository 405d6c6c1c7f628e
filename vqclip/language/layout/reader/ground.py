"""The ground of a picture: what is said of place, time and weather."""

from __future__ import annotations

from dataclasses import dataclass, field

from vqclip.language.layout.layout_types import Setting

WATER = ("lake", "sea", "beach")  # grounds behind which mountains may be seen


@dataclass
class Ground:
    """What was said of the ground.

    Args:
        facets: "place", "time" and "weather", as in `Setting`.
        texts: the words that said it.
        sceneries: the nouns among them, each with the relation before it, such as "above".
        before: how many things were named before the last of them.
    """

    facets: dict[str, str] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    sceneries: list[tuple[str, str]] = field(default_factory=list)
    before: int = 0

    def note(self, facets: dict[str, str], relation: str, words: list[str]) -> None:
        """Note what words say. What was said before stays, but for sky, and peaks by water."""
        self.texts.append(" ".join(words))
        if relation == "below" and facets.get("place") in ("lake", "sea"):
            facets = facets | {"place": "underwater"}
        before, now = self.facets.get("place"), facets.get("place")
        alone = self.before == 0  # no thing is among the mountains
        if (before == "sky" and now) or (alone and before == "mountains" and now in WATER):
            self.facets = self.facets | facets
        else:
            self.facets = facets | self.facets

    def is_meant(self, pronoun: str, subject: tuple[int, ...]) -> bool:
        """Whether "it" is the place that was named last: "a street with a car on it"."""
        after_place = bool(self.sceneries and subject) and min(subject) >= self.before
        return pronoun == "it" and after_place

    @property
    def setting(self) -> Setting:
        return Setting(**self.facets, text=" ".join(self.texts))
