"""Readable paths: where in a document something was found."""

from lxml import etree


def path_of(element: etree._Element) -> str:
    """Return a path of local names with positions, `/Envelope/Body/setAuthorization/role[2]`, for messages."""
    steps: list[str] = []
    node: etree._Element | None = element
    while node is not None:
        name = etree.QName(node).localname
        parent = node.getparent()
        if parent is not None:
            twins = [c for c in parent if isinstance(c.tag, str) and c.tag == node.tag]
            if len(twins) > 1:
                name += f"[{twins.index(node) + 1}]"
        steps.append(name)
        node = parent
    return "/" + "/".join(reversed(steps))
