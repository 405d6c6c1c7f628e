"""Discourse: the things named so far, and those that verbs and pronouns belong to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from vqclip.language.layout.reader.noun_phrases import CLOTHES, PARTS, NounPhrase, add_article
from vqclip.language.layout.reader.relation_kinds import (
    ANIMATE,
    HOLDING,
    WITHOUT_RELATION,
    settle_relation,
)
from vqclip.language.layout.reader.vocabulary import Verb, load_vocabulary

# Kinds of verbs of which a lifeless thing may be the doer: "a table covered in cups".
LIFELESS = frozenset({"place", "with", "on", "around", "inside", "~inside", "~on", ""})

YOUNG = frozenset({"baby", "cub", "young"})
KIN = YOUNG | {"mother", "father", "mom", "dad", "parent", "mate", "sibling", "brother", "sister"}
# Kinds of things that have no parts of their own.
OWNED = frozenset({"", "part", "feature", "object", "food", "held"})

Group = tuple[int, ...]  # things that are named together: indices of noun phrases


@dataclass(frozen=True)
class OpenRelation:
    """A relation whose second noun phrase is still to come, or came last.

    Args:
        kind: of the relation.
        subject: what is named first.
        reverse: whether that is the object.
    """

    kind: str
    subject: Group
    reverse: bool = False


@dataclass
class Discourse:
    """What was named, and the relations that were read.

    Args:
        phrases: the noun phrases of things, in their order.
        relations: kind, subject and objects; "together" is a "with" that says no more.
        subject: what the clause is about.
        last: what was named last.
        actor: whom a verb tells about, until its object comes; None where none does.
        doer: whom the last verb told about.
        antecedent: what "it" is in a clause that begins after "and"; None for what `owner` finds.
        referents: what pronouns stood for; when they come again, they stand for the same.
        history: relations that were made, the last one last.
    """

    phrases: list[NounPhrase] = field(default_factory=list)
    relations: list[tuple[str, int, Group]] = field(default_factory=list)
    subject: Group = ()
    last: Group = ()
    actor: Group | None = None
    doer: Group = ()
    antecedent: Group = ()
    referents: dict[str, Group] = field(default_factory=dict)
    history: list[OpenRelation] = field(default_factory=list)

    def add(self, phrase: NounPhrase) -> int:
        """Note a thing, and what is in it."""
        self.phrases.append(self.name_kin(phrase))
        index = len(self.phrases) - 1
        if phrase.contents is not None and phrase.contents.name:
            self.phrases.append(phrase.contents)
            self.relations.append((phrase.contents_relation, index + 1, (index,)))
        return index

    def name_kin(self, phrase: NounPhrase) -> NounPhrase:
        """The mother of an animal as another such animal: "an elephant with its mother"."""
        animals = [known for known in self.phrases if known.kind == "animal"]
        if not animals or phrase.owner not in ("its", "their") or phrase.name not in KIN:
            return phrase
        name = animals[-1].name
        prompt = f"a {phrase.name} {name}" if phrase.name in YOUNG else add_article(name)
        return replace(phrase, name=name, prompt=prompt, kind="animal")

    def relate(self, made: OpenRelation, target: Group) -> None:
        """Note a relation between all things of two groups."""
        if made.kind in WITHOUT_RELATION:
            return
        if made.kind == "between":
            two = (target * 2)[:2]  # of one kind, or of two
            self.relations += [("between", one, two) for one in made.subject if one not in two]
            return
        for first in made.subject:
            for second in target:
                one, other = (second, first) if made.reverse else (first, second)
                if one != other and ("part", other, (one,)) not in self.relations:
                    found = settle_relation(made.kind, self.phrases[one], self.phrases[other])
                    kind, swapped = found
                    if kind == "part" and self.phrases[one].kind in OWNED:
                        one = self.find_whole(one)
                    one, other = (other, one) if swapped else (one, other)
                    self.relations.append((kind, one, (other,)))

    def find_whole(self, index: int) -> int:
        """What has parts before a thing that has none: "a cabin, smoke from the chimney"."""
        wholes = (i for i in range(index) if self.phrases[i].kind not in OWNED)
        return next(wholes, index)

    def relate_pronoun(self, made: OpenRelation, phrase: NounPhrase, target: Group) -> None:
        """Note a relation to what a pronoun stands for, or to a part of it: "in its mouth"."""
        if set(made.subject) & set(target):
            return
        worn = all(self.phrases[index].kind in CLOTHES for index in made.subject)
        held = phrase.name in HOLDING and made.kind in ("inside", "on", "between")
        if phrase.name and (worn or held):  # "on her head", "in its mouth"
            self.relate(OpenRelation("wearing" if worn else "holding", target), made.subject)
            return
        if not phrase.name:
            self.referents[phrase.pronoun] = target
        side = phrase.side if made.kind in ("on", "beside", "inside") else None
        self.history.append(OpenRelation(side or made.kind, made.subject, made.reverse))
        self.relate(self.history[-1], target)

    def relate_each_other(self, kind: str) -> None:
        """Note a relation within the group that is told about: "next to each other"."""
        group = self.actor or self.last
        group = group if len(group) > 1 else self.subject
        kind = "beside" if kind in ("with", "together") else kind
        if len(group) > 1:
            self.relate(OpenRelation(kind, group[:1]), group[1:])

    def describes(self, made: OpenRelation, phrase: NounPhrase) -> bool:
        """Whether a noun phrase only describes what it is with: long hair, a man's suit."""
        if not made.subject or made.reverse:
            return False
        if phrase.kind == "garment" and made.kind in ("with", "inside", "wearing"):
            # People are drawn in their clothes; an animal's are drawn on it.
            kinds = {"person"} if made.kind == "wearing" else ANIMATE
            return all(self.phrases[index].kind in kinds for index in made.subject)
        return phrase.kind == "feature" and made.kind in ("with", "part")

    def describe(self, group: Group, words: str) -> None:
        """Add words to the prompts of things: "with long red hair"."""
        for member in group:
            phrase = self.phrases[member]
            self.phrases[member] = replace(phrase, prompt=f"{phrase.prompt} {words}")

    @property
    def previous(self) -> str:
        """The kind of the relation that was made last."""
        return self.history[-1].kind if self.history else ""

    @property
    def clause_subject(self) -> Group:
        return self.subject or self.last

    @property
    def main(self) -> Group:
        """The doer of the last verb if the last relation was its, or else the subject."""
        if self.doer and self.history and self.history[-1].subject == self.doer:
            return self.doer
        return self.subject

    def is_animate(self, group: Group) -> bool:
        return any(self.phrases[index].kind in ANIMATE for index in group)

    def find_owner(self) -> Group:
        """What the last thing was named with: the car in "a car with a boat on top"."""
        for made in reversed(self.history):
            if made.subject and not set(made.subject) & set(self.last):
                return made.subject
        return self.subject if self.subject != self.last else ()

    def find_doer(self, verb: Verb, *, with_pronoun: bool) -> Group:
        """Whom a verb tells about that comes right after a noun.

        Args:
            with_pronoun: whether "it" follows soon: "a table with a vase standing on it".
        """
        subject, last = self.clause_subject, self.last
        if not last or last == subject:
            return subject
        if with_pronoun or verb.form == "past":
            return last
        if verb.form != "participle":
            return subject
        if self.is_animate(last):
            return last
        if self.is_animate(subject) and verb.kind not in LIFELESS:
            return subject
        return subject if verb.kind == "posture" and self.previous != "with" else last

    def find_placed(
        self, kind: str, *, reverse: bool, following: NounPhrase | None, then: str
    ) -> Group:
        """What a phrase of place tells about: the doer of a verb, or one of the nouns before it.

        Args:
            kind: of the relation.
            reverse: whether it is the object of the relation.
            following: the noun phrase after it.
            then: "pronoun" if "it" follows, "noun and pronoun" if it comes after a noun.
        """
        if self.actor is not None:
            return self.actor
        last, main = self.last, self.main
        if not self.subject or self.subject == last or not last:
            # "A goat, a bird above it": the last of them alone.
            return last[-1:] if then == "pronoun" and len(last) > 1 else self.clause_subject
        if then == "pronoun" or reverse or kind == "part":
            return last
        previous = self.previous
        if kind == "with" and then == "noun and pronoun" and not self.is_animate(main):
            return main if previous in ("on", "inside") else last
        if kind == "with" and following and not then and self.fits(following, last, main):
            return last
        if kind == "on":
            rides = following is not None and following.name in load_vocabulary().ridden
            if rides and all(self.phrases[index].kind == "person" for index in last):
                return last
            own = CLOTHES | PARTS if previous == "with" and self.is_animate(main) else PARTS
            if all(self.phrases[index].kind in own for index in last):
                return main
            if previous in ("beside", "below"):  # both are: "a dog beside pillows on a couch"
                return (*main, *(index for index in last if index not in main))
            return main if previous in ("wearing", "holding", "part") else last
        kinds = {self.phrases[index].kind for index in last}
        if kind == "inside" and not kinds & {"support", "clothing", *PARTS}:
            return main if previous in ("on", "riding", "holding", "wearing") else last
        return last if kind == "beside" and previous == "above" else main

    def guesses_place(self, subject: Group, target: Group) -> bool:
        """Whether "with" between two groups is taken for "on" or "inside"."""
        first, second = self.phrases[subject[0]] if subject else None, self.phrases[target[0]]
        return first is not None and settle_relation("with", first, second)[0] in ("on", "inside")

    def fits(self, phrase: NounPhrase, last: Group, main: Group) -> bool:
        """Whether something is rather with the last thing than with the main one: its part."""
        if phrase.kind in PARTS or phrase.kind in ANIMATE:
            return phrase.kind in PARTS
        fits_last, fits_main = (
            settle_relation("with", self.phrases[group[-1]], phrase)[0] for group in (last, main)
        )
        return fits_last != "with" and fits_main == "with"

    def find_pronoun(self, phrase: NounPhrase, mine: Group) -> Group:
        """What a pronoun stands for.

        Args:
            phrase: "it", or "its" with its noun.
            mine: what is told about, which it is not.
        """
        others = [index for index in range(len(self.phrases)) if index not in mine]
        if phrase.pronoun in ("them", "they", "their"):
            plural = [index for index in others if self.phrases[index].plural]
            return tuple(plural[-1:] or others)
        known = self.referents.get(phrase.pronoun, ()) if not phrase.name else ()
        if known and not set(known) & set(mine):
            return known
        if phrase.pronoun in ("her", "his", "him", "he", "she"):
            persons = [i for i in others if self.phrases[i].kind in ANIMATE]
            if len(persons) < len(others) and persons:
                return tuple(persons[-1:])
        if phrase.name and self.doer and not set(self.doer) & set(mine):
            return self.doer
        if self.antecedent and not set(self.antecedent) & set(mine):
            return self.antecedent[-1:]
        for made in reversed(self.history):
            if made.kind == "with" and made.subject and not set(made.subject) & set(mine):
                return made.subject[:1]
        owner = self.find_owner()
        if owner and not set(owner) & set(mine):
            return owner[:1]
        return tuple(others[-1:])
