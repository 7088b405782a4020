"""What schemas say a message may hold, whatever the way they say it.

Named or anonymous types, groups, substitution groups, references, extensions: all come out as the attributes, the
children and the text of an element, so that two schemas written by different people can be compared.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from lxml import etree

from dmpws.soap.inspection.documents import SchemaDocument
from dmpws.xml.names import XML, XS

_X = f"{{{XS}}}"
_COMPOSITORS = frozenset({f"{_X}sequence", f"{_X}choice", f"{_X}all"})
_TYPES = (f"{_X}complexType", f"{_X}simpleType")
_BOUNDS = ("minLength", "maxLength", "length", "minInclusive", "maxInclusive", "fractionDigits", "totalDigits")
_DEEPEST = 50
_MOST_PARTICLES = 1_000_000
"""Groups that name groups twice, fifty deep, have no end."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """How often something may be there; most is None without bound."""

    least: int
    most: int | None

    def __str__(self) -> str:
        most = "*" if self.most is None else str(self.most)
        return most if str(self.least) == most else f"{self.least}..{most}"

    def within(self, outer: "Occurrence") -> "Occurrence":
        """Of what occurs so in each of several `outer`."""
        if self.most == 0 or outer.most == 0:
            return Occurrence(0, 0)
        unbounded = self.most is None or outer.most is None
        return Occurrence(self.least * outer.least, None if unbounded else (self.most or 0) * (outer.most or 0))

    def beside(self, other: "Occurrence") -> "Occurrence":
        """Of what stands in two places of one content."""
        unbounded = self.most is None or other.most is None
        return Occurrence(self.least + other.least, None if unbounded else (self.most or 0) + (other.most or 0))


ONCE = Occurrence(1, 1)


@dataclass(frozen=True, slots=True)
class Declared:
    """A component of a schema document."""

    node: etree._Element
    document: SchemaDocument


@dataclass(frozen=True, slots=True)
class Simple:
    """What a text may be. base: built-in types. values: those allowed, None for any. facets: patterns, bounds."""

    base: str
    values: frozenset[str] | None = None
    facets: tuple[str, ...] = ()

    def __str__(self) -> str:
        listed = [f"{{{', '.join(sorted(value or repr(value) for value in self.values))}}}"] if self.values else []
        return " ".join([self.base, *listed, *self.facets])

    def restricted(self, restriction: etree._Element) -> "Simple":
        """This type, restricted. Where values are listed, patterns and bounds say nothing more."""
        values = frozenset(node.get("value", "") for node in restriction.iterchildren(f"{_X}enumeration"))
        if values:
            return Simple(self.base, values)
        patterns = [f"/{node.get('value', '')}/" for node in restriction.iterchildren(f"{_X}pattern")]
        bounds = [f"{n}={node.get('value', '')}" for n in _BOUNDS for node in restriction.iterchildren(f"{_X}{n}")]
        return Simple(self.base, self.values, (*self.facets, *patterns, *bounds))

    @classmethod
    def union(cls, members: "Iterable[Simple]") -> "Simple":
        """Any of several types; lists of values are one list."""
        found = list(members)
        base = " or ".join(sorted({member.base for member in found}))
        listed = [member.values for member in found if member.values is not None]
        if len(listed) == len(found):
            return cls(base, frozenset[str]().union(*listed))
        return cls(" or ".join(sorted({str(member) for member in found})))


@dataclass(slots=True)
class Content:
    """What an element may hold. attributes: use and type by name. children: by qualified name.

    text: type of its text; None when it has none. mixed: text between the children. anything: other elements (xs:any).
    """

    attributes: dict[str, tuple[str, Simple]] = field(default_factory=dict)
    children: dict[str, tuple[Occurrence, Declared]] = field(default_factory=dict)
    text: Simple | None = None
    mixed: bool = False
    anything: bool = False


class Types:
    """The components of a set of schemas."""

    def __init__(self, documents: Iterable[SchemaDocument]) -> None:
        self._globals: dict[tuple[str, str], Declared] = {}
        self._substitutes: dict[str, list[tuple[str, Declared]]] = {}
        self._contents: dict[etree._Element, Content] = {}
        self._particles_seen = 0
        for document in documents:
            for node in document.root.iterchildren("{*}*"):
                if name := node.get("name"):
                    qualified = f"{{{document.namespace}}}{name}"
                    declared = Declared(node, document)
                    self._globals.setdefault((str(node.tag), qualified), declared)
                    if head := node.get("substitutionGroup"):
                        self._substitutes.setdefault(_qualified(node, head, document), []).append((qualified, declared))

    def element(self, name: str) -> Declared | None:
        """A global element by its qualified name."""
        return self._globals.get((f"{_X}element", name))

    def type_of(self, element: Declared) -> tuple[etree._Element | None, Content]:
        """The node of an element's type, the same for elements of the same type, and what it may hold.

        None for a type that is built in, or declared nowhere.
        """
        element = self._typed(element)
        found = self._type(element)
        if found is None:
            return None, Content(text=self._simple_name(element.node.get("type", ""), element, "anyType"))
        if found.node not in self._contents:
            content = self._contents[found.node] = Content()
            self._fill(content, found, 0)
        return found.node, self._contents[found.node]

    def _type(self, element: Declared) -> Declared | None:
        for inner in element.node.iterchildren(*_TYPES):
            return Declared(inner, element.document)
        name = element.node.get("type")
        return self._named_type(_qualified(element.node, name, element.document)) if name else None

    def _typed(self, element: Declared) -> Declared:
        """The declaration that says the type: that of the head, where a substitute says none."""
        for _ in range(_DEEPEST):
            head = element.node.get("substitutionGroup")
            says = element.node.get("type") or any(True for _ in element.node.iterchildren(*_TYPES))
            found = self.element(_qualified(element.node, head, element.document)) if head and not says else None
            if found is None:
                break
            element = found
        return element

    def _named_type(self, name: str) -> Declared | None:
        return next((self._globals[kind, name] for kind in _TYPES if (kind, name) in self._globals), None)

    def _fill(self, content: Content, kind: Declared, depth: int) -> None:
        """Add what a type brings, its base first."""
        if depth > _DEEPEST:
            return
        if kind.node.tag == f"{_X}simpleType":
            content.text = self._simple(kind, depth)
            return
        if kind.node.get("mixed") == "true":
            content.mixed = True
        derived = kind.node.find(f"{_X}complexContent")
        simple = kind.node.find(f"{_X}simpleContent")
        holder = derived if derived is not None else simple
        if holder is None:
            self._particles(content, kind, ONCE, depth)
            self._attributes(content, kind, depth)
            return
        if holder.get("mixed") == "true":
            content.mixed = True
        for step in holder.iterchildren(f"{_X}extension", f"{_X}restriction"):
            self._derive(content, Declared(step, kind.document), depth)

    def _derive(self, content: Content, step: Declared, depth: int) -> None:
        base_name = _qualified(step.node, step.node.get("base", ""), step.document)
        base = self._named_type(base_name)
        if base is not None:
            self._fill(content, base, depth + 1)
        elif base_name != f"{_X}anyType":
            content.text = self._simple_name(step.node.get("base", ""), step, "anySimpleType")
        if step.node.tag == f"{_X}restriction":
            if any(True for _ in step.node.iterchildren(*_COMPOSITORS, f"{_X}group")):
                content.children.clear()  # a restriction says the whole content again
            if content.text is not None:
                content.text = content.text.restricted(step.node)
        self._particles(content, step, ONCE, depth)
        self._attributes(content, step, depth)

    def _particles(self, content: Content, holder: Declared, outer: Occurrence, depth: int) -> None:
        if depth > _DEEPEST:
            return
        for node in holder.node.iterchildren("{*}*"):
            self._particles_seen += 1
            if self._particles_seen > _MOST_PARTICLES:
                raise ValueError(f"schemas of more than {_MOST_PARTICLES} particles")
            here = _occurrence(node).within(outer)
            inner = Declared(node, holder.document)
            if node.tag in _COMPOSITORS:
                # One of a choice is optional, whatever it says itself.
                many = node.tag == f"{_X}choice" and len(node.findall("{*}*")) > 1
                self._particles(content, inner, Occurrence(0, here.most) if many else here, depth + 1)
            elif node.tag == f"{_X}group" and (name := node.get("ref")):
                group = self._globals.get((f"{_X}group", _qualified(node, name, holder.document)))
                if group is not None:
                    self._particles(content, group, here, depth + 1)
            elif node.tag == f"{_X}any":
                content.anything = True
            elif node.tag == f"{_X}element":
                for qualified, declared, times in self._elements(inner, here):
                    if times.most == 0:
                        continue
                    before = content.children.get(qualified)
                    content.children[qualified] = (before[0].beside(times), before[1]) if before else (times, declared)

    def _elements(self, child: Declared, times: Occurrence) -> Iterator[tuple[str, Declared, Occurrence]]:
        """The elements that may stand where a child is declared."""
        reference = child.node.get("ref")
        if not reference:
            qualified = child.node.get("form", child.document.root.get("elementFormDefault")) == "qualified"
            namespace = child.document.namespace if qualified else ""
            name = child.node.get("name", "")
            yield (f"{{{namespace}}}{name}" if namespace else name), child, times
            return
        name = _qualified(child.node, reference, child.document)
        head, substitutes = self.element(name), list(self._every_substitute(name, frozenset()))
        if substitutes:
            times = Occurrence(0, times.most)
        if head is not None and head.node.get("abstract") != "true":
            yield name, head, times
        yield from ((qualified, declared, times) for qualified, declared in substitutes)

    def _every_substitute(self, head: str, seen: frozenset[str]) -> Iterator[tuple[str, Declared]]:
        for name, declared in self._substitutes.get(head, []):
            if name not in seen:
                if declared.node.get("abstract") != "true":
                    yield name, declared
                yield from self._every_substitute(name, seen | {head})

    def _attributes(self, content: Content, holder: Declared, depth: int) -> None:
        for node in holder.node.iterchildren(f"{_X}attribute", f"{_X}attributeGroup"):
            reference = node.get("ref")
            if node.tag == f"{_X}attributeGroup":
                group = self._globals.get((str(node.tag), _qualified(node, reference or "", holder.document)))
                if group is not None and depth <= _DEEPEST:
                    self._attributes(content, group, depth + 1)
                continue
            declared = Declared(node, holder.document)
            name = node.get("name", "")
            if reference:
                name = _qualified(node, reference, holder.document)
                declared = self._globals.get((str(node.tag), name), declared)
            if node.get("use") == "prohibited":
                content.attributes.pop(name, None)
            else:
                content.attributes[name] = (node.get("use", "optional"), self._attribute_type(declared, depth))

    def _attribute_type(self, attribute: Declared, depth: int) -> Simple:
        inner = attribute.node.find(f"{_X}simpleType")
        if inner is not None:
            return self._simple(Declared(inner, attribute.document), depth + 1)
        return self._simple_name(attribute.node.get("type", ""), attribute, "anySimpleType", depth + 1)

    def _simple_name(self, name: str, at: Declared, unsaid: str, depth: int = 0) -> Simple:
        """What a simple type, given by name, allows. unsaid: the built-in one where no name is given."""
        qualified = _qualified(at.node, name, at.document) if name else f"{_X}{unsaid}"
        if qualified.startswith(_X):
            return Simple(qualified.removeprefix(_X))
        found = self._named_type(qualified)
        if found is None or depth > _DEEPEST:
            return Simple(qualified)
        if found.node.tag == f"{_X}simpleType":
            return self._simple(found, depth + 1)
        content = Content()
        self._fill(content, found, depth + 1)
        return content.text or Simple(qualified)

    def _simple(self, kind: Declared, depth: int) -> Simple:
        for node in kind.node.iterchildren(f"{_X}restriction", f"{_X}list", f"{_X}union"):
            attribute = {"restriction": "base", "list": "itemType"}.get(etree.QName(node).localname, "memberTypes")
            here = Declared(node, kind.document)
            named = [self._simple_name(n, here, "anySimpleType", depth + 1) for n in node.get(attribute, "").split()]
            inner = [self._simple(Declared(n, kind.document), depth + 1) for n in node.findall(f"{_X}simpleType")]
            either = Simple.union([*named, *inner])
            if node.tag == f"{_X}restriction":
                return (named or inner or [Simple("anySimpleType")])[0].restricted(node)
            return Simple(f"list of {either}") if node.tag == f"{_X}list" else either
        return Simple("anySimpleType")


def _occurrence(node: etree._Element) -> Occurrence:
    most = node.get("maxOccurs", "1")
    return Occurrence(int(node.get("minOccurs", "1")), None if most == "unbounded" else int(most))


def _qualified(node: etree._Element, name: str, document: SchemaDocument) -> str:
    """A QName of a schema. Without prefix and without default namespace it is the document's own: that of a chameleon
    is the includer's."""
    prefix, colon, local = name.rpartition(":")
    namespaces: Mapping[str | None, str] = node.nsmap
    if colon and prefix == "xml":
        return f"{{{XML}}}{local}"
    return f"{{{namespaces.get(prefix if colon else None, document.namespace)}}}{local}"
