"""Clauses: which of the things of a sentence lies how to which other."""

from __future__ import annotations

from vqclip.language.layout.reader.discourse import Discourse, Group, OpenRelation
from vqclip.language.layout.reader.ground import Ground
from vqclip.language.layout.reader.lookahead import ABREAST, SIDES, Lookahead, find_elided
from vqclip.language.layout.reader.noun_phrases import CLOTHES, NounPhrase, NounPhraseReader
from vqclip.language.layout.reader.number_comparisons import Comparison
from vqclip.language.layout.reader.phrase_words import PUNCTUATION
from vqclip.language.layout.reader.relation_kinds import WITHOUT_RELATION
from vqclip.language.layout.reader.scenery import find_drawn
from vqclip.language.layout.reader.vocabulary import load_vocabulary


class ClauseReader:
    """Reads the words of a sentence into noun phrases and the relations between them.

    A phrase of place or a verb opens a relation, which the next noun phrase closes; `Discourse`
    tells what it is about.
    """

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.vocabulary = load_vocabulary()
        self.reader = NounPhraseReader(words, self.vocabulary)
        self.ahead = Lookahead(words, self.reader)
        self.said = Discourse()
        self.comparisons: list[Comparison] = []
        self.ground = Ground()
        self.at = 0
        self.open: OpenRelation | None = None
        self.open_at = 0  # where the phrase begins that opened it
        self.fronted: OpenRelation | None = None  # "on the chair is": its subject is to come
        self.one_side: tuple[str, Group] | None = None  # what is "on the left", or right
        self.after_noun = self.after_be = False
        self.joining = False  # after "and" or a comma
        self.in_object = False  # whether the last noun is the second of a relation
        self.in_relative = False  # after "that" or "who"
        self.begins = True  # no noun of the clause was read

    def read(self) -> None:
        """Read all words."""
        while self.at < len(self.words):
            self.read_next()

    def read_next(self) -> None:
        word = self.words[self.at]
        if word in PUNCTUATION:
            self.read_punctuation(word)
        elif (self.open is None and self.read_closing()) or self.read_relative():
            return
        elif self.open is not None and self.words[self.at : self.at + 2] == ["each", "other"]:
            self.said.relate_each_other(self.open.kind)
            self.open = None
            self.at += 2
        elif self.vocabulary.is_a(word, "conjunction"):
            self.joining = True
            self.at += 1
        elif word in ("than", "as") and self.read_comparison():
            return
        elif self.vocabulary.is_a(word, "clause") and not self.ahead.begins_number(self.at):
            self.begin_clause()
            self.at += 1
        elif word in self.vocabulary.attributes and word in self.vocabulary.verbs:
            self.ground.note(self.vocabulary.settings[word], "", [word])  # "it rains"
            self.at += 1
        elif self.vocabulary.is_a(word, "be"):
            self.read_be()
        elif (
            (self.after_noun and self.read_verb())
            or self.read_preposition()
            or (self.open is None and not self.after_noun and self.read_leading_verb())
            or self.read_noun_phrase()
            or self.read_verb()
        ):
            return
        else:
            self.at += 1

    def read_punctuation(self, sign: str) -> None:
        self.at += 1
        self.open = None
        if sign == ",":
            self.joining = True
        else:
            self.begin_clause()

    def begin_clause(self) -> None:
        self.joining = self.in_object = self.after_noun = False
        self.open = self.said.actor = None
        self.begins = True

    def read_closing(self) -> bool:
        """Read what says nothing of things, or only on which side: "on the left"."""
        found = self.vocabulary.closings.find(self.words, self.at)
        place = self.vocabulary.prepositions.find(self.words, self.at)
        if found is None or (place is not None and place[2] > found[2]):
            return False
        phrase, _, self.at = found
        if phrase in SIDES and self.after_noun:
            side, mine = SIDES[phrase], self.said.last
            if self.one_side and self.one_side[0] != side:
                self.said.relate(OpenRelation(*self.one_side), mine)
            self.one_side = (side, mine)
        elif self.after_noun and (kind := find_elided(phrase, self.said.previous)):
            self.place_with_owner(kind)
        elif phrase in ABREAST:
            self.said.relate_each_other("beside")
        return True

    def place_with_owner(self, kind: str) -> None:
        """Relate what was named last to what it was named with: "a car with a boat on top"."""
        owner = self.said.find_owner()
        if owner:
            self.said.relate(OpenRelation(kind, self.said.last), owner)
            self.said.last = owner
            self.said.actor = None
            self.after_noun = True

    def read_relative(self) -> bool:
        """Read "that", "who" and "whose", and the "which" of "to the right of which is a cat"."""
        word, said = self.words[self.at], self.said
        if not self.vocabulary.is_a(word, "relative"):
            return False
        if self.open is not None and word in ("which", "whom"):
            self.fronted = OpenRelation(self.open.kind, said.last, self.open.reverse)
            self.open = None
            self.after_noun = self.joining = False
        elif word == "whose":
            self.open, self.open_at = OpenRelation("with", said.last), self.at
        elif (self.after_noun or self.joining) and said.phrases:
            said.actor = said.last or said.subject
            self.after_noun = self.joining = False
            self.in_relative = True
        else:
            return False
        self.at += 1
        return True

    def read_comparison(self) -> bool:
        """Read the second half of "more cats than dogs" and "as many cats as dogs"."""
        compared = {comparison.first for comparison in self.comparisons}
        phrases = enumerate(self.said.phrases)
        waiting = [i for i, phrase in phrases if phrase.comparison and i not in compared]
        at = self.at + 1
        while self.words[at : at + 1] and self.words[at] in ("there", "are", "is", "of", "the"):
            at += 1
        phrase = self.reader.read(at) if waiting else None
        if phrase is None or not phrase.name:
            return False
        index = self.said.add(phrase)
        if order := self.said.phrases[waiting[-1]].comparison:
            self.comparisons.append(Comparison(order, waiting[-1], index))
        self.at = phrase.end
        self.extend(index)
        return True

    def extend(self, index: int) -> None:
        """Add a thing to the group that the last one belongs to."""
        said = self.said
        if self.in_object and said.history:
            said.relate(said.history[-1], (index,))
            group = (index,) if said.last == said.history[-1].subject else (*said.last, index)
            self.finish(group, in_object=True)
        else:
            said.subject = (*said.subject, index)
            self.finish(said.subject)

    def read_be(self) -> None:
        self.at += 1
        if not self.in_relative:
            several = self.said.clause_subject
            alone = len(several) > 1 and self.ahead.has_pronoun(self.at)  # "and a cat is on it"
            self.said.actor = several[-1:] if alone else several
        self.after_noun = self.joining = False
        self.after_be = True

    def read_leading_verb(self) -> bool:
        """Read a verb without a noun before it: "a cat is [sitting]", "[riding] a horse"."""
        entry = self.vocabulary.verbs.get(self.words[self.at])
        if entry is None:
            return False
        is_plain = not self.after_be or entry.form == "past"
        if self.said.actor is None and is_plain and self.reader.read(self.at) is not None:
            return False
        return self.read_verb()

    def read_verb(self) -> bool:
        word, said = self.words[self.at], self.said
        if word == "to":
            self.at += 1
            return True
        verb = self.vocabulary.find_verb(word, after_noun=self.after_noun)
        may_be_noun = self.reader.is_noun(self.at) and (self.joining or not self.after_noun)
        if verb is None or (self.after_be and verb.form == "base"):  # "is open"
            return False
        if may_be_noun and said.actor is None and verb.form != "participle":
            return False
        place = self.vocabulary.prepositions.find(self.words, self.at)
        if place is not None and (place[2] > self.at + 1 or place[1].kind != "beside"):
            return False
        if said.actor is None or (self.after_noun and not self.in_relative):
            pronoun = self.ahead.has_pronoun(self.at + 1)
            found = said.find_doer(verb, with_pronoun=pronoun)
            said.actor = said.doer if self.joining and said.doer else found
        self.in_relative = self.after_noun = self.joining = False
        said.doer = said.actor
        self.at += 1
        reverse = verb.kind.startswith("~")
        kind = verb.kind.lstrip("~")
        if kind in ("place", "posture"):
            return True
        self.open_at = self.at
        if verb.form == "past" and self.words[self.at : self.at + 1] == ["by"] and kind != "with":
            self.at += 1
            self.open = OpenRelation(kind, said.doer, not reverse)
        elif self.vocabulary.prepositions.find(self.words, self.at) is None:
            self.open = OpenRelation(kind, said.doer, reverse)
        return True

    def read_preposition(self) -> bool:
        found = self.vocabulary.prepositions.find(self.words, self.at)
        if found is None:
            return False
        begin, (_, place, self.at) = self.at, found
        after, said = self.words[self.at : self.at + 2], self.said
        if after in (["each", "other"], ["one", "another"]):
            self.at += 2
            said.relate_each_other(place.kind)
            self.open = None
        elif place.alone and self.ahead.ends(self.at):
            if self.after_noun or said.actor is not None:
                self.place_with_owner(place.kind)
        else:
            if self.after_noun:
                said.actor = None
            subject = said.find_placed(
                place.kind,
                reverse=place.reverse,
                following=self.reader.read(self.at),
                then=self.ahead.find_pronoun(self.at),
            )
            self.open, self.open_at = OpenRelation(place.kind, subject, place.reverse), begin
            self.after_noun = False
            self.joining = self.joining and after[:1] in (["which"], ["whom"])
        return True

    def read_noun_phrase(self) -> bool:
        phrase = self.reader.read(self.at)
        if phrase is None:
            return False
        start, self.at = self.at, phrase.end
        if phrase.pronoun and (not phrase.name or self.open is not None or self.said.phrases):
            self.read_pronoun(phrase)
        elif self.open and self.open.kind == "material" and self.open.subject:
            self.describe()
        elif drawn := find_drawn(
            phrase, self.open, self.words[self.at : self.at + 2], self.said.phrases
        ):
            self.ground.facets = self.ground.facets | drawn.facets
            self.place(self.said.add(drawn), drawn)
        elif phrase.is_setting or (not phrase.name and phrase.facets):
            self.read_setting(phrase, start)
        elif not phrase.name or phrase.absent or (self.open and self.open.kind == "without"):
            self.pass_over()
        elif self.open is not None and self.said.describes(self.open, phrase):
            self.describe()
        else:
            self.ground.facets = phrase.facets | self.ground.facets
            self.place(self.said.add(phrase), phrase)
        return True

    def describe(self) -> None:
        """Add a phrase that names no thing of its own to what it tells about."""
        assert self.open is not None
        self.said.describe(self.open.subject, " ".join(self.words[self.open_at : self.at]))
        self.said.history.append(self.open)
        self.pass_over()
        self.in_object = True

    def pass_over(self) -> None:
        """Go on after a noun phrase that names nothing to be placed."""
        self.open = None
        self.joining = False
        self.after_noun = bool(self.said.phrases)

    def place(self, index: int, phrase: NounPhrase) -> None:
        """Settle what a thing that was named has to do with those before it."""
        said, group = self.said, (index,)
        made, self.open = self.open, None
        joining, self.joining = self.joining, False
        scenic = made is not None and made.kind == "with"  # "a beach with palm trees"
        if made is not None and not (made.subject or said.subject or scenic):
            self.fronted = OpenRelation(made.kind, group, made.reverse)
            said.last = group
            self.after_noun = True
        elif made is not None:
            self.close_relation(made, group, phrase)
        elif self.fronted is not None:
            fronted, self.fronted = self.fronted, None
            said.relate(OpenRelation(fronted.kind, group, fronted.reverse), fronted.subject)
            said.subject = said.subject or group
            self.finish(group)
        elif joining and said.clause_subject:
            self.join(index)
        elif said.subject and not self.begins:
            if said.actor:
                said.history.append(OpenRelation("with", said.actor))
                said.relate(said.history[-1], group)
                self.finish(group, in_object=True)
            else:
                self.join(index)
        else:
            said.subject = group
            self.finish(group)
        self.begins = self.after_be = False

    def close_relation(self, made: OpenRelation, group: Group, phrase: NounPhrase) -> None:
        """Relate what opened a relation to the noun phrase that came."""
        said = self.said
        kind = made.kind
        if kind in WITHOUT_RELATION:
            kind = "with"
        elif kind == "on" and (phrase.side, phrase.kind) == ("front", "vehicle"):
            pass  # "on the front of a boat"
        elif phrase.side and kind in ("on", "beside", "inside"):
            kind = phrase.side
        elif kind == "with" and self.ahead.begins_clause(self.at):
            kind = "together" if said.guesses_place(made.subject, group) else kind
        if kind == "between":
            group = self.read_second(group)
        said.relate(OpenRelation(kind, made.subject, made.reverse), group)
        said.history.append(made)
        said.subject = said.subject or group
        self.finish(group, in_object=True)

    def read_second(self, group: Group) -> Group:
        """Read the second thing of "between a cat and a dog"."""
        if self.words[self.at : self.at + 1] == ["and"]:
            other = self.reader.read(self.at + 1)
            if other is not None and other.name and not other.is_setting:
                self.at = other.end
                return (*group, self.said.add(other))
        return group

    def finish(self, group: Group, *, in_object: bool = False) -> None:
        self.said.last = group
        self.said.actor = None
        self.after_noun = True
        self.in_object = in_object
        self.in_relative = False

    def join(self, index: int) -> None:
        """Settle what a thing belongs to that comes after "and" or a comma."""
        said = self.said
        if self.in_object and said.history and said.subject:
            worn = said.phrases[index].kind in CLOTHES
            if worn or said.previous == "with" or not self.ahead.begins_clause(self.at):
                self.extend(index)
                return
            said.relations.append(("together", index, said.subject[:1]))
            said.antecedent = said.last
            said.subject = (index,)
        else:
            if said.subject:
                said.relations.append(("together", index, said.subject[:1]))
            said.subject = (*said.subject, index)
        self.finish(said.subject)

    def read_setting(self, phrase: NounPhrase, start: int) -> None:
        kind = self.open.kind if self.open is not None else ""
        begin = self.open_at if self.open is not None else start
        self.ground.note(phrase.facets, kind, self.words[begin : phrase.end])
        self.ground.sceneries.append((kind, phrase.name))
        self.ground.before = len(self.said.phrases)
        self.pass_over()
        self.said.actor = None

    def read_pronoun(self, phrase: NounPhrase) -> None:
        """Read "it", "them" or "its head": in a relation, or as what a clause is about."""
        said = self.said
        made, self.open = self.open, None
        upon = ("on", "above") if said.previous == "with" else ("on",)
        if made and made.kind in upon and self.ground.is_meant(phrase.pronoun, made.subject):
            self.after_noun = True
            return
        if made and not phrase.name and self.ahead.is_told(self.at):  # "next to it is a clock"
            self.fronted = OpenRelation(made.kind, said.last, made.reverse)
            return
        target = said.find_pronoun(phrase, made.subject if made is not None else ())
        if made is not None and target and made.kind not in WITHOUT_RELATION:
            said.relate_pronoun(made, phrase, target)
            self.after_noun = self.in_object = True
        elif made is None and (self.begins or self.joining) and target:
            said.actor = target  # "it sits on a chair"
            self.after_noun = self.joining = self.begins = False
        else:
            self.joining = False
            self.after_noun = bool(said.phrases)
