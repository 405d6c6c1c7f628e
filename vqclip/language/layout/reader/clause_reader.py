"""Clauses: which of the things of a sentence lies how to which other."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from vqclip.language.layout.reader.noun_phrases import PUNCTUATION, NounPhrase, NounPhraseReader
from vqclip.language.layout.reader.number_comparisons import Comparison
from vqclip.language.layout.reader.vocabulary import (
    BE,
    CLAUSES,
    CONJUNCTIONS,
    RELATIVES,
    Preposition,
    load_vocabulary,
)

ANIMATE = frozenset({"person", "animal"})
# A creature does these, so "a dog in a window sitting" is the dog.
POSTURES = frozenset(
    [
        "sit",
        "stand",
        "lie",
        "lay",
        "sleep",
        "rest",
        "walk",
        "run",
        "look",
        "stare",
        "gaze",
        "watch",
        "play",
        "eat",
        "drink",
        "nap",
        "perch",
        "crouch",
        "kneel",
        "jump",
        "swim",
        "graze",
        "pose",
        "wait",
        "relax",
        "lounge",
        "curl",
        "bathe",
    ]
)
STEERED = frozenset(
    [
        "horse",
        "pony",
        "bicycle",
        "motorcycle",
        "scooter",
        "surfboard",
        "skateboard",
        "snowboard",
        "elephant",
        "camel",
        "donkey",
        "bull",
        "broom",
        "skis",
        "ski",
        "sled",
        "dragon",
    ]
)
PARTS = frozenset({"part", "feature"})
INDIRECT = frozenset({"skip", "setting", "style"})


@dataclass
class Group:
    """Things that are named together, such as "a cat and two dogs": indices of mentions."""

    members: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.members)


@dataclass
class _Pending:
    """A relation whose second noun phrase is still to come."""

    kind: str
    subject: Group
    reverse: bool = False


class ClauseReader:
    """Reads the words of a sentence into noun phrases and the relations between them."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.vocabulary = load_vocabulary()
        self.reader = NounPhraseReader(words, self.vocabulary)
        self.phrases: list[NounPhrase] = []
        self.relations: list[tuple[str, int, tuple[int, ...]]] = []
        self.comparisons: list[Comparison] = []
        self.facets: dict[str, str] = {}
        self.setting_texts: list[str] = []
        self.sceneries: list[tuple[str, str]] = []  # relation before a place, and its noun
        self.subject = Group()
        self.last = Group()
        self.actor: Group | None = None  # whom a verb tells about, until something else begins
        self.pending: _Pending | None = None
        self.fronted: _Pending | None = None
        self.history: list[_Pending] = []  # relations that were made, the last one last
        self.after_noun = False
        self.joining = False
        self.in_object = False
        self.at = 0

    def read(self) -> None:
        """Read all words."""
        while self.at < len(self.words):
            before = self.at
            self.read_next()
            if self.at == before:
                self.at += 1

    def word(self, offset: int = 0) -> str:
        at = self.at + offset
        return self.words[at] if at < len(self.words) else ""

    def read_next(self) -> None:
        word = self.word()
        if word in PUNCTUATION:
            self.read_punctuation(word)
        elif (self.pending is None and self.read_closing()) or (
            word in RELATIVES and self.read_relative()
        ):
            return
        elif word in CONJUNCTIONS:
            self.joining = True
            self.at += 1
        elif word in ("than", "as") and self.read_comparison():
            return
        elif word in CLAUSES and not (word == "as" and self.word(1) in ("many", "much")):
            self.begin_clause()
            self.at += 1
        elif word in self.vocabulary.attributes and word in self.vocabulary.verbs:
            self.facets = self.merge(self.vocabulary.settings[word], "")  # "it rains"
            self.setting_texts.append(word)
            self.at += 1
        elif word in BE:
            self.read_be()
        elif (
            (self.after_noun and self.read_verb())
            or self.read_preposition()
            or (self.pending is None and not self.after_noun and self.read_leading_verb())
            or self.read_noun_phrase()
            or self.read_verb()
        ):
            return
        else:
            self.at += 1

    def read_punctuation(self, sign: str) -> None:
        self.at += 1
        self.pending = None
        if sign == ",":
            self.joining = True
        else:
            self.begin_clause()

    def begin_clause(self) -> None:
        self.joining = False
        self.in_object = False
        self.after_noun = False
        self.pending = None
        self.actor = None
        self.new_clause = True

    new_clause = True

    def read_closing(self) -> bool:
        found = self.vocabulary.closings.find(self.words, self.at)
        if found is None:
            return False
        after = self.words[found[2]] if found[2] < len(self.words) else ""
        if after == "of":
            return False
        positions = {"on the left": "left", "to the left": "left"}
        positions |= {"on the right": "right", "to the right": "right"}
        if found[0] in positions and self.after_noun:
            self.note_absolute(positions[found[0]])
        if found[0] == "in front" and self.after_noun:
            self.place_elided("front")
        if found[0] in ("in back",) and self.after_noun:
            self.place_elided("behind")
        self.at = found[2]
        return True

    def note_absolute(self, side: str) -> None:
        """ "A cat on the left and a dog on the right" are left and right of each other."""
        mine = list(self.last.members)
        if self.absolute and self.absolute[0] != side:
            for member in self.absolute[1]:
                self.relate(self.absolute[0], Group([member]), Group(mine))
        self.absolute = (side, mine)

    absolute: tuple[str, list[int]] | None = None

    def place_elided(self, kind: str) -> None:
        """Relate what was named last to what it belongs to: "a car with a dog in front"."""
        owner = self.find_owner()
        if owner:
            self.relate(kind, self.last, owner)
            self.last = owner

    def find_owner(self) -> Group:
        """What the last thing was named with; for pronouns and for "with a boat on top"."""
        for pending in reversed(self.history):
            if pending.subject and not set(pending.subject.members) & set(self.last.members):
                return pending.subject
        return self.subject if self.subject.members != self.last.members else Group()

    def read_relative(self) -> bool:
        word = self.word()
        if self.pending is not None and word in ("which", "whom", "what"):
            self.fronted = _Pending(self.pending.kind, self.last, self.pending.reverse)
            self.pending = None
            self.after_noun = False
            self.joining = False
            self.expects_subject = True
            self.at += 1
            return True
        if word == "that" and not self.after_noun:
            return False
        if word == "whose":
            self.pending = _Pending("with", Group(list(self.last.members)))
            self.at += 1
            return True
        if self.after_noun or self.joining:
            self.actor = Group(list(self.last.members or self.subject.members))
            self.joining = False
            self.after_noun = False
            self.relative = True
            self.at += 1
            return True
        return False

    relative = False
    expects_subject = False

    def read_comparison(self) -> bool:
        """ "more cats than dogs", "as many cats as dogs"."""
        open_ones = [
            index
            for index, phrase in enumerate(self.phrases)
            if phrase.comparison and index not in {c.first for c in self.comparisons}
        ]
        if not open_ones:
            return False
        at = self.at + 1
        while at < len(self.words) and self.words[at] in ("there", "are", "is", "of", "the"):
            at += 1
        phrase = self.reader.read(at)
        if phrase is None or not phrase.name:
            return False
        index = self.add(phrase)
        first = open_ones[-1]
        order = self.phrases[first].comparison
        self.comparisons.append(Comparison(order, first, index))  # type: ignore[arg-type]
        self.extend(index)
        self.at = phrase.end
        return True

    def extend(self, index: int) -> None:
        """Add a thing to the group that the last one belongs to."""
        if self.in_object and self.history:
            self.relate(
                self.history[-1].kind,
                self.history[-1].subject,
                Group([index]),
                reverse=self.history[-1].reverse,
            )
            self.last.members.append(index)
        elif self.subject:
            self.subject.members.append(index)
            self.last = self.subject
        else:
            self.subject = self.last = Group([index])
        self.after_noun = True
        self.joining = False

    def read_be(self) -> None:
        self.at += 1
        if self.fronted and not self.expects_subject:
            self.expects_subject = True
        if not self.relative:
            self.actor = self.clause_subject()
        self.after_noun = False
        self.joining = False
        self.be = True

    be = False

    def clause_subject(self) -> Group:
        return Group(list((self.subject or self.last).members))

    def choose_actor(self, base: str, form: str) -> Group:
        """Whom a verb tells about that comes right after a noun."""
        subject, last = self.clause_subject(), self.last
        if not last or last.members == subject.members:
            return subject or last
        if self.follows_pronoun():
            return last
        lively = self.is_animate(last)
        if form == "participle":
            if lively:
                return last
            if self.is_animate(subject) and base in POSTURES | {"hold", "wear", "ride", "carry"}:
                return subject
            near = self.history and self.history[-1].kind in ("with", "part", "on", "inside")
            return last if near and self.history[-1].kind == "with" else subject
        if form == "past":
            return last
        return subject

    def follows_pronoun(self) -> bool:
        """Whether "it" or "them" comes soon, as in "a table with a vase standing on it"."""
        for word in self.words[self.at : self.at + 7]:
            if word in ("it", "them", "which") or word in PUNCTUATION:
                return word not in PUNCTUATION
            if word in ("a", "an", "the", "and", "with"):
                return False
        return False

    def is_animate(self, group: Group) -> bool:
        return any(self.phrases[index].kind in ANIMATE for index in group.members)

    def read_leading_verb(self) -> bool:
        """A verb without a noun before it: "sitting on a chair", "a cat is [sitting]"."""
        if self.word() not in self.vocabulary.verbs:
            return False
        if self.actor is None and not self.be and self.reader.read(self.at) is not None:
            return False
        _, _, form = self.vocabulary.verbs[self.word()]
        noun = self.reader.read(self.at)
        if form == "past" and noun is not None and self.actor is None:
            return False
        return self.read_verb()

    def read_verb(self) -> bool:
        word = self.word()
        if word in ("to",):
            self.at += 1
            return True
        entry = self.vocabulary.verbs.get(word)
        if entry is None:
            if (
                word.endswith(("ing", "ed"))
                and self.after_noun
                and word not in self.vocabulary.nouns
            ):
                entry = (word, "place", "participle" if word.endswith("ing") else "past")
            elif self.after_noun and word.endswith("s") and not self.vocabulary.knows(word):
                entry = (word, "place", "third")
            else:
                return False
        if self.reader.is_noun(self.at) and not self.after_noun and self.actor is None:
            return False
        if self.vocabulary.prepositions.find(self.words, self.at) and not self.is_plain_verb():
            return False
        base, kind, form = entry
        if self.actor is None or self.after_noun:
            if self.relative and self.actor is not None:
                pass
            elif self.joining and self.verb_subject is not None:
                self.actor = self.verb_subject
            else:
                self.actor = self.choose_actor(base, form)
        self.relative = False
        self.verb_subject = Group(list(self.actor.members))
        self.at += 1
        if form == "past" and self.word() == "by" and kind not in ("place", "", "with"):
            self.at += 1
            self.set_pending(kind.lstrip("~"), self.verb_subject, not kind.startswith("~"))
        elif kind not in ("place", "") and not self.precedes_preposition():
            self.set_pending(kind.lstrip("~"), self.verb_subject, kind.startswith("~"))
        self.after_noun = False
        self.joining = False
        if self.fronted and not self.phrases_since_fronted:
            self.expects_subject = True
        return True

    verb_subject: Group | None = None
    antecedent: Group | None = None  # what "it" is, where a new clause begins after it
    phrases_since_fronted = False

    def is_plain_verb(self) -> bool:
        found = self.vocabulary.prepositions.find(self.words, self.at)
        return found is not None and found[2] == self.at + 1 and found[1].kind == "beside"

    def precedes_preposition(self) -> bool:
        return self.vocabulary.prepositions.find(self.words, self.at) is not None

    def set_pending(self, kind: str, subject: Group, reverse: bool = False) -> None:
        self.pending = _Pending(kind, Group(list(subject.members)), reverse)
        self.pending_start = self.at

    def read_preposition(self) -> bool:
        found = self.vocabulary.prepositions.find(self.words, self.at)
        if found is None:
            return False
        phrase, preposition, end = found
        if phrase == "her":
            return False
        after = self.words[end] if end < len(self.words) else ""
        if after in ("each", "one") and self.words[end + 1 : end + 2] in (["other"], ["another"]):
            self.relate_each_other(preposition.kind)
            self.at = end + 2
            return True
        if preposition.alone and (
            not after
            or after in PUNCTUATION
            or after in CONJUNCTIONS
            or after in BE
            or after in self.vocabulary.verbs
            or after in self.vocabulary.prepositions
        ):
            if self.after_noun or self.actor is not None:
                owner = self.find_owner()
                if owner and preposition.kind in ("on", "above"):
                    self.relate(preposition.kind, self.last, owner)
                    self.last = owner
            self.at = end
            return True
        self.at = end
        subject = self.choose_subject(preposition, end)
        if not subject and not self.phrases and not self.setting_texts:
            self.fronted_kind = preposition
        self.pending = _Pending(preposition.kind, subject, preposition.reverse)
        self.pending_start = end - len(phrase.split())
        self.after_noun = False
        if not (self.joining and after in ("which", "whom")):
            self.joining = False
        return True

    fronted_kind: Preposition | None = None
    pending_start = 0

    def relate_each_other(self, kind: str) -> None:
        group = self.actor if self.actor else self.last
        if not group or len(group.members) < 2:
            group = self.subject
        if len(group.members) > 1 and kind not in INDIRECT:
            kind = kind if kind not in ("with", "together") else "beside"
            self.relate(kind, Group(group.members[:1]), Group(group.members[1:]))

    def choose_subject(self, preposition: Preposition, end: int) -> Group:
        """What a phrase of place tells about: the doer of a verb, or one of the nouns before it."""
        if self.actor is not None and not self.after_noun:
            return Group(list(self.actor.members))
        subject, last = self.subject, self.last
        if not subject or subject.members == last.members or not last:
            return Group(list((subject or last).members))
        after = self.words[end : end + 1]
        if after and after[0] in ("it", "them", "which", "him", "her", "its"):
            return Group(list(last.members))
        kind = preposition.kind
        previous = self.history[-1].kind if self.history else ""
        kinds = {self.phrases[index].kind for index in last.members}
        whole = Group(list(self.chain_subject().members))
        if kind == "part" or (kind == "with" and self.next_is_part(end)):
            return Group(list(last.members))
        if kind == "with" and not self.is_animate(whole) and self.with_pronoun(end):
            return Group(list(last.members))
        if kind == "on":
            if previous in ("beside", "below"):
                return Group([*whole.members, *last.members])
            if previous in ("wearing", "holding", "part"):
                return whole
            return Group(list(last.members))
        if kind == "inside" and not kinds & {"support", "clothing", "part"}:
            return (
                whole
                if previous in ("on", "riding", "holding", "wearing")
                else Group(list(last.members))
            )
        if preposition.reverse:
            return Group(list(last.members))
        return whole

    def chain_subject(self) -> Group:
        """The doer of the last verb, or the first thing of the clause."""
        if (
            self.verb_subject
            and self.history
            and self.history[-1].subject.members == self.verb_subject.members
        ):
            return self.verb_subject
        return self.subject

    def next_is_part(self, at: int) -> bool:
        phrase = self.reader.read(at)
        return phrase is not None and phrase.kind in PARTS

    def with_pronoun(self, at: int) -> bool:
        """Whether "it" follows a noun soon: "with four chairs around it"."""
        phrase = self.reader.read(at)
        after = self.words[phrase.end : phrase.end + 5] if phrase is not None else []
        return bool({"it", "them"} & set(after)) or after[:2] == ["on", "top"]

    def read_noun_phrase(self) -> bool:
        phrase = self.reader.read(self.at)
        if phrase is None:
            return False
        start, self.at = self.at, phrase.end
        if phrase.pronoun and not (phrase.name and self.pending is None and not self.phrases):
            self.read_pronoun(phrase)
            return True
        if phrase.is_setting or (not phrase.name and phrase.facets):
            self.read_setting(phrase, start)
            return True
        self.facets = phrase.facets | self.facets
        if not phrase.name or phrase.absent:
            self.pending = None
            self.after_noun = bool(self.phrases)
            self.joining = False
            return True
        if phrase.kind == "feature" and self.describe(phrase):
            return True
        index = self.add(phrase)
        self.place(index, phrase)
        return True

    def describe(self, phrase: NounPhrase) -> bool:
        """Add a feature that has no place of its own to what has it: "a woman with long hair"."""
        pending = self.pending
        if pending is None or pending.kind not in ("with", "part") or pending.reverse:
            return False
        for member in pending.subject.members:
            owner, words = (
                self.phrases[member],
                " ".join(self.words[self.pending_start : self.at]),
            )
            self.phrases[member] = replace(owner, prompt=f"{owner.prompt} {words}")
        self.pending = None
        self.after_noun = True
        self.joining = False
        return bool(pending.subject)

    def add(self, phrase: NounPhrase) -> int:
        self.phrases.append(phrase)
        index = len(self.phrases) - 1
        if phrase.contents is not None and phrase.contents.name:
            self.phrases.append(phrase.contents)
            self.relations.append((phrase.contents_relation, index + 1, (index,)))
        return index

    def place(self, index: int, phrase: NounPhrase) -> None:
        """Settle what a thing that was named has to do with those before it."""
        group = Group([index])
        pending, self.pending = self.pending, None
        joining, self.joining = self.joining, False
        self.phrases_since_fronted = True
        if pending is not None and pending.kind in INDIRECT:
            pending = None
            if self.subject:
                self.relate("with", self.subject, group)
            self.finish(group, in_object=True)
        elif pending is not None and not pending.subject and not self.subject:
            self.fronted = _Pending(pending.kind, group, pending.reverse)
            self.last = group
            self.after_noun = True
            self.phrases_since_fronted = False
        elif pending is not None and pending.kind == "between":
            self.history.append(pending)
            self.read_between(pending.subject, group, phrase)
        elif pending is not None:
            self.history.append(pending)
            kind = self.adjust_kind(pending.kind, phrase.side)
            self.relate(kind, pending.subject, group, reverse=pending.reverse)
            if not self.subject:
                self.subject = group
            self.finish(group, in_object=True)
        elif self.fronted is not None:
            fronted, self.fronted = self.fronted, None
            self.relate(fronted.kind, group, fronted.subject, reverse=fronted.reverse)
            if not self.expects_subject or not self.subject:
                self.subject = group
            self.expects_subject = False
            self.finish(group)
        elif joining and (self.subject or self.last):
            self.join(index)
        elif self.subject and not self.new_clause:
            if self.actor is not None:
                self.relate("with", self.actor, group)
                self.history.append(_Pending("with", self.actor))
                self.finish(group, in_object=True)
            else:
                self.join(index)
        else:
            self.subject = group
            self.finish(group)
        self.new_clause = False
        self.be = False

    def adjust_kind(self, kind: str, side: str | None) -> str:
        return side if side and kind in ("on", "beside", "inside") else kind

    def read_between(self, subject: Group, group: Group, phrase: NounPhrase) -> None:
        if self.word() == "and":
            other = self.reader.read(self.at + 1)
            if other is not None and other.name and not other.is_setting:
                self.at = other.end
                group.members.append(self.add(other))
        for member in subject.members:
            objects = group.members * 2 if len(group.members) == 1 else group.members
            self.relations.append(("between", member, tuple(objects[:2])))
        self.finish(group, in_object=True)
        if not self.subject:
            self.subject = group

    def finish(self, group: Group, *, in_object: bool = False) -> None:
        self.last = group
        self.after_noun = True
        self.in_object = in_object
        self.actor = None
        self.relative = False

    def join(self, index: int) -> None:
        """Settle what a thing belongs to that comes after "and" or a comma."""
        if self.in_object and self.history and self.subject:
            if self.begins_clause():
                self.relations.append(("with", index, (self.subject.members[0],)))
                self.antecedent = self.last
                self.subject = Group([index])
                self.finish(self.subject)
                return
            previous = self.history[-1]
            self.relate(previous.kind, previous.subject, Group([index]), reverse=previous.reverse)
            self.finish(Group([*self.last.members, index]), in_object=True)
            return
        if self.subject:
            self.relations.append(("together", index, (self.subject.members[0],)))
            self.subject.members.append(index)
            self.finish(self.subject)
        else:
            self.subject = Group([index])
            self.finish(self.subject)

    def begins_clause(self) -> bool:
        """Whether what follows tells something new about the thing that was named last."""
        word = self.word()
        if word in BE or (word in self.vocabulary.verbs and not self.reader.is_noun(self.at)):
            return True
        closing = self.vocabulary.closings.find(self.words, self.at)
        if closing and self.words[closing[2] : closing[2] + 1] != ["of"]:
            return closing[0].endswith((" left", " right"))
        found = self.vocabulary.prepositions.find(self.words, self.at)
        return found is not None and found[1].kind not in ("with", "skip", "together")

    def read_setting(self, phrase: NounPhrase, start: int) -> None:
        begin = self.pending_start if self.pending is not None else start
        kind = self.pending.kind if self.pending is not None else ""
        self.facets = self.merge(phrase.facets, kind)
        self.setting_texts.append(" ".join(self.words[begin : phrase.end]))
        self.sceneries.append((kind, phrase.name))
        if phrase.contents is not None:
            self.add(phrase.contents)
        self.pending = None
        self.joining = False
        self.after_noun = bool(self.phrases)
        self.expects_subject = False
        if self.subject or self.last:
            self.actor = None

    def merge(self, facets: dict[str, str], kind: str) -> dict[str, str]:
        new = dict(facets)
        if kind == "below" and new.get("place") in ("lake", "sea"):
            new["place"] = "underwater"
        if self.facets.get("place") == "sky" and new.get("place"):
            return self.facets | new
        return new | self.facets

    def read_pronoun(self, phrase: NounPhrase) -> None:
        pending, self.pending = self.pending, None
        target = self.find_pronoun(phrase, pending)
        if pending is not None and target and pending.kind not in INDIRECT:
            kind = pending.kind
            if phrase.name and kind in ("inside", "on"):  # "in its mouth", "on her head"
                worn = all(self.phrases[i].kind == "clothing" for i in pending.subject.members)
                kind = "wearing" if worn else "holding"
                if set(pending.subject.members) != set(target.members):
                    self.relate(kind, target, pending.subject)
            elif set(pending.subject.members) != set(target.members):
                kind = self.adjust_kind(kind, phrase.side)
                self.relate(kind, pending.subject, target, reverse=pending.reverse)
                self.history.append(_Pending(kind, pending.subject, pending.reverse))
            self.after_noun = True
            self.in_object = True
            return
        if pending is None and (self.new_clause or self.joining) and target:
            self.actor = Group(list(target.members))  # "it sits on a chair"
            self.after_noun = False
            self.joining = False
            self.new_clause = False
            return
        if phrase.name and target:
            self.last_owner = target
        self.after_noun = bool(self.phrases)
        self.joining = False

    def find_pronoun(self, phrase: NounPhrase, pending: _Pending | None) -> Group:
        """What a pronoun stands for."""
        mine = set(pending.subject.members) if pending is not None else set()
        if phrase.pronoun in ("them", "they", "their"):
            plural = [i for i, p in enumerate(self.phrases) if p.plural and i not in mine]
            if plural:
                return Group(plural[-1:])
            return Group([i for i in range(len(self.phrases)) if i not in mine])
        if phrase.name and pending is not None and self.verb_subject:
            return self.verb_subject
        if self.antecedent is not None and not set(self.antecedent.members) & mine:
            return Group(self.antecedent.members[-1:])
        owner = self.find_owner()
        if owner and not set(owner.members) & mine:
            return Group(owner.members[:1])
        others = [i for i in range(len(self.phrases)) if i not in mine]
        return Group(others[-1:])

    def relate(self, kind: str, subject: Group, target: Group, *, reverse: bool = False) -> None:
        """Note a relation between all of two groups."""
        if kind in INDIRECT:
            return
        for first in subject.members:
            for second in target.members:
                one, other = (second, first) if reverse else (first, second)
                if one != other:
                    self.relations.append(self.settle(kind, one, other))

    def settle(self, kind: str, one: int, other: int) -> tuple[str, int, tuple[int, ...]]:
        """The relation that a phrase makes between two things, by what they are."""
        first, second = self.phrases[one], self.phrases[other]
        lively = first.kind in ANIMATE
        if kind == "with":
            if second.kind in PARTS:
                kind = "part"
            elif lively and second.kind == "clothing":
                kind = "wearing"
            elif first.kind == "person" and second.kind == "held":
                kind = "holding"
            elif first.kind == "container" and second.kind in ("food", "plant", "held"):
                return "inside", other, (one,)
            elif first.kind == "support" and second.kind not in ("support", "part", "building"):
                return "on", other, (one,)
        elif kind == "holding":
            if first.kind == "container":
                return "inside", other, (one,)
            if first.kind in ("support", "vehicle"):
                return "on", other, (one,)
        elif kind == "inside":
            if lively and second.kind == "clothing":
                kind = "wearing"
            elif second.name in ("tree", "chair", "bed", "couch") or second.kind == "support":
                kind = "on"
        elif kind == "on":
            if first.kind == "person" and second.name in STEERED:
                kind = "riding"
            elif first.kind == "clothing" and second.kind in ANIMATE:
                return "wearing", other, (one,)
        elif kind == "around" and second.kind == "clothing":
            kind = "wearing"
        return kind, one, (other,)
