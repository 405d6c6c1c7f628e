"""The relations of a sentence as trees of what is placed by what, and the trees as rows.

Each thing is placed to at most one other, its anchor. Relations that would go in a circle, or say
twice where something is, are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from vqclip.language.layout.layout_types import Mention, Relation, Sentence
from vqclip.language.layout.sizes import PAIRS, ThingSize, find_part, size_of

SIDES = ("left", "right", "beside", "with")
# Relations whose object is placed by the subject; of all others, the subject by the object.
_BY_SUBJECT = ("part", "wearing", "holding")
_SHARED = ("part", "wearing", "holding")  # one each, if there are several anchors
_ALIKE = ("above", "front", "behind", "around")  # one to several, which are side by side
_SMALL = 0.65  # of the mean side of a table, what may stand on it without being said to
_WITHIN = 0.6  # of a thing's mean side, what can be a part of it
_BENEATH = 1.2  # of the mean side of a table, what is drawn beneath it


@dataclass(eq=False)
class Node:
    """The things of a mention, and what is placed by them.

    Args:
        mention: which.
        count: of those in this place.
        dependents: how and what is placed by it, in order from left to right.
        anchor: by which it is placed, or None.
    """

    mention: Mention
    count: int
    dependents: list[tuple[str, Node]] = field(default_factory=list)
    anchor: Node | None = None

    @property
    def size(self) -> ThingSize:
        return size_of(self.mention.name, self.mention.prompt)

    @property
    def root(self) -> Node:
        node = self
        while node.anchor:
            node = node.anchor
        return node

    def copies(self) -> list[Node]:
        """One node for each of its things, with those dependents that each has for itself.

        What they have together is left to `dependents_together`.
        """
        single = [Node(self.mention, 1) for _ in range(self.count)]
        for kind, node in self.dependents:
            if _is_shared(self, kind, node):
                for copy, share in zip(single, node.divide(self.count), strict=True):
                    if share.count:
                        share.anchor = copy
                        copy.dependents.append((kind, share))
        return single

    def divide(self, number: int) -> list[Node]:
        """Share its things, and what is placed by them, among nodes; some may get none."""
        counts = [self.count // number + (i < self.count % number) for i in range(number)]
        nodes = [Node(self.mention, count) for count in counts]
        some = nodes[: min(number, self.count)]
        for kind, dependent in self.dependents:
            for node, share in zip(some, dependent.divide(len(some)), strict=True):
                if share.count:
                    share.anchor = node
                    node.dependents.append((kind, share))
        return nodes

    def dependents_together(self) -> list[tuple[str, Node]]:
        """What is placed by all its things together."""
        return [(k, n) for k, n in self.dependents if not _is_shared(self, k, n)]


def _is_shared(anchor: Node, kind: str, node: Node) -> bool:
    if anchor.count == 1:
        return False
    return kind in _SHARED or (node.count > 1 and kind in ("on", "inside", "riding"))


def grow_forest(sentence: Sentence, most: int, rng: Random) -> list[list[Node]]:
    """Return rows of trees: each row from left to right, single trees as rows of one.

    Args:
        sentence: its relations may be wrong in any way.
        most: things that a mention may have.
        rng: settles left and right.
    """
    forest = _Forest(sentence.mentions, most, rng)
    for relation in sentence.relations:
        forest.add(relation)
    return forest.rows


class _Forest:
    def __init__(self, mentions: Sequence[Mention], most: int, rng: Random) -> None:
        self._nodes = [Node(m, min(max(m.count, 1), most)) for m in mentions]
        self._rng = rng
        self.rows = [[node] for node in self._nodes]

    def add(self, relation: Relation) -> None:
        known = range(len(self._nodes))
        others = [i for i in relation.objects if i in known and i != relation.subject]
        objects = [self._nodes[i] for i in others]
        if relation.subject not in known or not objects:
            return
        subject, other = self._nodes[relation.subject], objects[0]
        if relation.kind == "with":
            self._put_together(subject, other, relation.subject < others[0])
        elif relation.kind == "between":
            self._put_between(subject, other, objects[-1])
        elif relation.kind in SIDES:
            self._put_beside(subject, other, relation.kind)
        elif relation.kind in _BY_SUBJECT:
            self._attach(relation.kind, other, subject)
        elif relation.kind == "below" and ("holding", subject) in other.dependents:
            other.dependents[other.dependents.index(("holding", subject))] = "under", subject
        elif relation.kind == "below" and not _fits_beneath(subject.size, other.size):
            self._attach("above", other, subject)
        elif relation.kind == "below":
            self._attach("under", subject, other)
        else:
            self._attach(relation.kind, subject, other)

    def _row_of(self, root: Node) -> list[Node]:
        return next(row for row in self.rows if root in row)

    def _attach(self, kind: str, node: Node, anchor: Node) -> None:
        """Place a node by another; or the tree it is in, if it is placed already."""
        root = node.root
        if node.anchor and kind in _ALIKE and (kind, node) in node.anchor.dependents:
            self._put_beside(anchor, node.anchor, "with")  # a moon above both
            return
        if kind in ("front", "behind") and _is_backdrop(node, anchor, kind):
            return
        if root is anchor.root or (root is not node and kind in (*_BY_SUBJECT, "riding")):
            return
        if kind == "part":
            _make_pairs(node, anchor)
        row, other = self._row_of(root), self._row_of(anchor.root)
        at = row.index(root)
        if row is other:
            row.remove(root)
        elif all(_carries(anchor, n, kind) for n in row):
            # "A cup beside a plate on a table": both are on it.
            self.rows.remove(row)
            for each in row:
                each.anchor = anchor
                anchor.dependents.append((kind, each))
            return
        else:
            self.rows.remove(row)
            if len(row) > 1:  # its neighbours are beside its anchor now
                before = other.index(anchor.root)
                other[before + 1 : before + 1] = row[at + 1 :]
                other[before:before] = row[:at]
        root.anchor = anchor
        anchor.dependents.append((kind, root))

    def _put_beside(self, subject: Node, other: Node, kind: str) -> None:
        if subject.root is other.root:
            self._reorder(subject, other, kind)
            return
        if kind in ("beside", "with"):
            for near, wide in ((subject, other), (other, subject)):
                if wide.size.is_wide and wide.size.place == "flat":
                    self._attach("shore", wide, near.root)
                    return
                if wide.size.place == "far" and near.size.place != "far":
                    self._attach("behind", wide, near.root)
                    return
        for node, mate in ((subject, other), (other, subject)):
            table = mate.anchor
            if table is None or node.anchor or len(self._row_of(node)) > 1:
                continue
            link = next(k for k, n in table.dependents if n is mate)
            if _carries(table, node, link):
                right = self._is_right(kind) == (node is subject)
                self.rows.remove([node])
                node.anchor = table
                at = table.dependents.index((link, mate))
                table.dependents.insert(at + right, (link, node))
                return
        self._join(subject.root, other.root, kind)

    def _put_together(self, subject: Node, other: Node, is_phrase: bool) -> None:
        """Place "a vase with flowers" as what it means; "and" says nothing about places.

        Args:
            subject: of "with".
            other: its object.
            is_phrase: whether the object comes after the subject, as it does not for "and".
        """
        if not is_phrase:
            return
        size, small = subject.size, other.size.mean_side < _WITHIN * subject.size.mean_side
        if small and find_part(other.mention.name) and not size.carries:
            self._attach("part", other, subject)
        elif size.carries and _carries(subject, other, "on"):
            self._attach("on", other, subject)
        elif size.inside == "out" and other.size.mean_side < subject.size.mean_side:
            self._attach("inside", other, subject)
        else:
            self._put_beside(subject, other, "with")

    def _is_right(self, kind: str) -> bool:
        return kind == "right" or (kind != "left" and self._rng.random() < 0.5)

    def _join(self, node: Node, other: Node, kind: str) -> None:
        """Put two roots into one row, as near to each other as what is there allows."""
        row, target = self._row_of(node), self._row_of(other)
        if row is target:
            return
        right = self._is_right(kind)
        if len(row) > 1 and len(target) == 1:
            row, target, node, other, right = target, row, other, node, not right
        at = target.index(other)
        if kind not in ("left", "right") and len(target) > 1:
            # Rather at the end of a row than between two that belong together.
            right = right if 0 < at < len(target) - 1 else at > 0
        self.rows.remove(row)
        if len(row) > 1:
            at = len(target) - 1 if right else 0
        target[at + right : at + right] = row

    def _reorder(self, subject: Node, other: Node, kind: str) -> None:
        anchor = subject.anchor
        if kind not in ("left", "right") or anchor is None or other.anchor is not anchor:
            return
        mine = next(d for d in anchor.dependents if d[1] is subject)
        anchor.dependents.remove(mine)
        at = next(i for i, d in enumerate(anchor.dependents) if d[1] is other)
        anchor.dependents.insert(at + (kind == "right"), mine)

    def _put_between(self, subject: Node, first: Node, last: Node) -> None:
        several = first is last and first.count > 1 and first.anchor is None
        if several and subject.root is not first:
            last = Node(first.mention, first.count - first.count // 2)
            first.count //= 2
            row = self._row_of(first)
            row.insert(row.index(first) + 1, last)
        if first is last or subject.anchor or len(self._row_of(subject)) > 1:
            self._put_beside(subject, first, "beside")
            return
        if first.anchor and first.anchor is last.anchor and subject.root is not first.root:
            both = [d for d in first.anchor.dependents if d[1] in (first, last)]
            if both[0][0] == both[1][0]:
                self.rows.remove([subject])
                subject.anchor = first.anchor
                at = first.anchor.dependents.index(both[0])
                first.anchor.dependents.insert(at + 1, (both[0][0], subject))
                return
        a, b = first.root, last.root
        if subject in (a, b) or a is b:
            self._put_beside(subject, first, "beside")
            return
        self._join(a, b, "beside")
        row = self._row_of(a)
        self.rows.remove([subject])
        row.insert(min(row.index(a), row.index(b)) + 1, subject)


def _carries(table: Node, node: Node, kind: str) -> bool:
    """Whether what is beside a thing on a table, or in a field, is there too."""
    if kind not in ("on", "inside") or node.size.is_wide:
        return False
    if table.size.is_wide:
        return True
    small = node.size.mean_side <= _SMALL * table.size.mean_side
    return kind == "on" and table.size.carries and small


def _is_backdrop(node: Node, anchor: Node, kind: str) -> bool:
    """Whether a relation only says that a view is behind, where views are anyway."""
    far, near = (node, anchor) if kind == "behind" else (anchor, node)
    return far.size.place == "far" and near.size.place != "far" and not far.anchor


def _fits_beneath(size: ThingSize, other: ThingSize) -> bool:
    """Whether something can stand beneath another, as beneath a table or a tree."""
    if not other.under or size.is_wide:
        return False
    return size.mean_side < _BENEATH * other.mean_side


def _make_pairs(part: Node, anchor: Node) -> None:
    """Give eyes and the like two for each thing, where the words leave their number open."""
    if part.mention.vague and part.mention.name.rpartition(" ")[2] in PAIRS:
        part.count = 2 * anchor.count
