"""Pages of EC2 that are read as text, held against a tree of the same page: they agree."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from scanner.aws.machines import instance_text
from scanner.aws.machines.frequent_layouts import FREQUENT, MAX_PATTERNS, FrequentLayouts
from scanner.aws.machines.instance_layout import UnusualError, layout_of
from scanner.aws.machines.instance_text import read_text
from scanner.aws.machines.instance_tree import read_tree
from scanner.aws.machines.instances import decode_instances
from scanner.aws.requests.pagination import Page
from scanner.core.errors import Transient
from scanner.core.instances import Instance
from tests.benchmarks import machine_answers

NAMESPACE = ' xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"'
NAMES = ["instanceId", "imageId", "instanceState", "name", "privateDnsName", "launchTime", "iamInstanceProfile", "arn"]
NAMES += [
    "metadataOptions",
    "httpTokens",
    "httpEndpoint",
    "platformDetails",
    "operator",
    "managed",
    "principal",
    "tagSet",
    "item",
]
NAMES += ["key", "value", "networkInterfaceSet", "groupSet", "instancesSet", "reservationSet"]
NAMES += ["keyName", "placement", "vpcId", "status"] * 20
TEXTS = ["", "a", "  padded  ", "a&lt;b&gt;", "R&amp;D", "&quot;&apos;&amp;lt;", "é\U0001f600", "true", "required", "-"]
ODD_TEXTS = ["a&#65;b", "&#x1;", "a\rb", "\x01", "a>b", "a/>b", "\ufffe", "<!-- <imageId>x</imageId> -->", "&"]
ODD_TEXTS += ["<?pi </item>?>", "<![CDATA[</networkInterfaceSet><imageId>x</imageId><a><b>]]>"]
FORMS = ["<{0}/>", '<{0} a="b">{1}</{0}>', "<{0} >{1}</{0}\n>", "<x:{0} xmlns:x='y'>{1}</x:{0}>", "{1}<{0}></{0}>"]


def element(name, content):
    return f"<{name}>{content}</{name}>"


class Writer:
    """Writes pages as EC2 does, and now and then in another way."""

    def __init__(self, seed):
        self.random = Random(seed)
        self.oddness = self.random.choice([0, 0.01, 0.03])

    def chance(self):
        return self.random.random() < self.oddness

    def text(self):
        return self.random.choice(ODD_TEXTS if self.chance() else TEXTS)

    def any_element(self, depth=3):
        name = self.random.choice(NAMES)
        inner = [self.any_element(depth - 1) for _ in range(self.random.randrange(3))] if depth else [self.text()]
        form = self.random.choice(FORMS) if self.chance() else "<{0}>{1}</{0}>"
        return form.format(name, "".join(inner))

    def with_texts(self, name, *names):
        names = self.random.sample(names, len(names)) if self.chance() else names
        return element(name, "".join(element(each, self.text()) for each in names))

    def tag(self):
        return (
            self.any_element()
            if self.chance()
            else self.with_texts("item", "key", "value").replace("<key></key>", "<key>k</key>")
        )

    def members(self):
        yield element("imageId", self.text())
        yield self.with_texts("instanceState", "code", "name")
        yield element("privateDnsName", self.text())
        yield element("launchTime", self.random.choice(["2026-10-01T08:00:00.000Z", self.text()]))
        yield self.with_texts("groupSet", "item", "item")
        yield element("blockDeviceMapping", element("item", self.any_element(1)))
        yield element("tagSet", "".join(self.tag() for _ in range(self.random.randrange(4))))
        yield element("networkInterfaceSet", element("item", element("privateDnsName", "other") + self.any_element(1)))
        yield self.with_texts("iamInstanceProfile", "arn", "id")
        yield self.with_texts("metadataOptions", "state", "httpTokens", "httpEndpoint")
        yield element("platformDetails", self.text())
        yield self.with_texts("operator", "managed", "principal")

    def instance(self):
        parts = [part for part in self.members() if self.random.random() < 0.8]
        if self.chance():
            self.random.shuffle(parts)
        for _ in range(3):
            if self.random.random() < max(self.oddness * 10, 0.05):
                parts.insert(self.random.randrange(len(parts) + 1), self.any_element())
        identity = element("instanceId", self.text()) if self.chance() else "<instanceId>i-1</instanceId>"
        return element("item", ("" if self.chance() else identity) + "".join(parts))

    def reservation(self):
        found = element("instancesSet", "".join(self.instance() for _ in range(self.random.choice([1, 1, 1, 2, 3]))))
        if self.chance():
            found = self.random.choice(["", "<instancesSet/>", "<!-- -->"]) + self.any_element()
        others = self.random.choice(["<item/>", "<item></item>", "text", "<!-- -->"]) if self.chance() else ""
        return element("item", element("reservationId", "r-1") + found + "<groupSet/>" + self.any_element(1)) + others

    def page(self):
        page = element("reservationSet", "".join(self.reservation() for _ in range(self.random.randrange(4))))
        page += self.random.choice(["", element("nextToken", "t"), "<nextToken/>"])
        if self.random.random() < 0.5:
            page = page.replace("><", ">\n    <")
        encoding = "latin-1" if self.chance() else "UTF-8"
        declaration = self.random.choice(["", f'<?xml version="1.0" encoding="{encoding}"?>\n'])
        return f"{declaration}<DescribeInstancesResponse{NAMESPACE}>{page}</DescribeInstancesResponse>".encode()


@pytest.mark.slow
@given(st.lists(st.integers(0, 2**32), min_size=10, max_size=10))
def test_a_page_read_as_text_says_what_its_tree_says_or_is_refused(seeds):
    read = 0
    layouts = FrequentLayouts(frequent=1)
    for body in [Writer(seed).page() for seed in seeds]:
        try:
            page = read_text(body, layouts)
        except UnusualError:
            continue
        odd = []
        assert page == read_tree(body, lambda *names, odd=odd: odd.append(names))
        assert odd == []
        assert read_text(body, layouts) == page  # now by patterns
        read += 1
    event(f"{read} of 10 read as text")


@pytest.mark.slow
@given(st.data())
def test_a_spoiled_page_is_read_by_patterns_as_it_is_read_without_them(data):
    body = Writer(data.draw(st.integers(0, 2**32))).page()
    layouts = FrequentLayouts(frequent=1)
    assume(isinstance(_text_or_refusal(body, layouts), Page))
    at = data.draw(st.integers(0, len(body) - 1))
    others = [b"", b"<", b">", b"/", b"&", b"\0", b"x", b"<!-- ", b" -->", b"<instanceId>", b"</networkInterfaceSet>"]
    spoiled = body[:at] + data.draw(st.sampled_from(others)) + body[at + data.draw(st.integers(0, 30)) :]
    assert _text_or_refusal(spoiled, layouts) == _text_or_refusal(spoiled, FrequentLayouts())


def _text_or_refusal(body, layouts):
    try:
        return read_text(body, layouts)
    except UnusualError:
        return "refused"


def indented(page):
    """The page as EC2 writes it: each element on a line of its own."""
    return page.replace(b"><", b">\n            <")


def usual(*items):
    sets = "".join(
        element("item", element("reservationId", "r-1") + element("instancesSet", "".join(each)) + "<groupSet/>")
        for each in items
    )
    return (
        f"<DescribeInstancesResponse{NAMESPACE}>{element('reservationSet', sets)}</DescribeInstancesResponse>".encode()
    )


GROUPS = "<groupSet><item><groupId>sg-1</groupId></item></groupSet>"
INTERFACES = (
    "<networkInterfaceSet><item><privateDnsName>other</privateDnsName><operator><managed>true</managed></operator>"
    "<tagSet><item><key>not</key><value>its own</value></item></tagSet>"
    f"{GROUPS}<attachment><status>attached</status></attachment></item></networkInterfaceSet>"
)
FACTS = (
    f"<imageId>ami-1</imageId><productCodes><item><productCode>x</productCode></item></productCodes>{GROUPS}"
    "<licenseSet><item><arn>not a profile</arn></item></licenseSet>"
    "<tagSet><item><key>R&amp;D</key><value>a&lt;b&gt; é</value></item><item><key>empty</key><value/></item></tagSet>"
    f"{INTERFACES}<privateDnsNameOptions><hostnameType>ip-name</hostnameType></privateDnsNameOptions>"
)


@pytest.mark.parametrize("written", [bytes, indented], ids=["on one line", "indented"])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (machine_answers.instances(range(3), "t"), None),
        (
            usual(
                [element("item", f"<instanceId>i-{each}</instanceId>{FACTS}") for each in "ab"],
                ["<item><instanceId>i-c</instanceId><tagSet/></item>"],
            ),
            [Instance(f"i-{each}", image_id="ami-1", tags=(("R&D", "a<b> é"), ("empty", ""))) for each in "ab"]
            + [Instance("i-c")],
        ),
    ],
    ids=["long", "several in a reservation"],
)
def test_a_page_in_the_form_of_ec2_is_read_without_a_tree_of_it(body, expected, written):
    page = read_text(written(body))

    assert page == read_tree(body, lambda *_: pytest.fail("nothing in it is odd"))
    assert expected is None or page.items == expected


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("<later><imageId>not its own</imageId></later>", Instance("i-1")),
        (
            "<later><imageId>not its own</imageId></later><imageId>ami-1</imageId>",
            Instance("i-1", image_id="ami-1"),
        ),
        ("<imageId>ami-1</imageId><imageId>ami-2</imageId>", Instance("i-1", image_id="ami-1")),
        ('<imageId note="x">ami-1</imageId>', Instance("i-1", image_id="ami-1")),
        ("<imageId >ami-1</imageId >", Instance("i-1", image_id="ami-1")),
        ("<imageId>ami-1<later/>ami-2</imageId>", Instance("i-1", image_id="ami-1")),
        ('<imageId xmlns="later">ami-1</imageId>', Instance("i-1")),
        ("text<imageId>ami-1</imageId>text", Instance("i-1", image_id="ami-1")),
        (
            "<operator><principal>eks.amazonaws.com</principal><managed>true</managed></operator>",
            Instance("i-1", operator="eks.amazonaws.com"),
        ),
        ("<tagSet></tagSet><networkInterfaceSet></networkInterfaceSet>", Instance("i-1")),
        ("<imageId>ami<networkInterfaceSet>x</networkInterfaceSet>-1</imageId>", Instance("i-1", image_id="ami")),
    ],
)
def test_members_in_other_places_and_forms_are_read_as_a_tree_has_them(part, expected):
    body = usual([element("item", f"<instanceId>i-1</instanceId>{part}")])
    assert read_text(body) == read_tree(body, lambda *_: pytest.fail("nothing in it is odd"))
    assert read_text(body).items == [expected]


OTHER_TAGS = "<tagSet><item><key>a</key><value>x</value></item></tagSet>"


@pytest.mark.parametrize(
    "part",
    [
        "<imageId>ami-1<!-- x --></imageId>",
        "<imageId>ami-1<!-- <x> --></imageId>",
        "<imageId><![CDATA[ami-1]]></imageId>",
        "<imageId>ami-1<?x?>2</imageId>",
        "<x:imageId>ami-1</x:imageId>",
        "</item><item><imageId>ami-1</imageId>",
        "</item><item><imageId>ami-1</imageId><instanceId>i-2</instanceId>",
        "</item></instancesSet><instancesSet><item><instanceId>i-2</instanceId>",
        "</item></instancesSet></item><item/><item><instancesSet><item><instanceId>i-2</instanceId>",
        "<tagSet><item><key/><value>x</value></item></tagSet>",
        "<tagSet><item><value>x</value><key>later</key></item></tagSet>",
        f"<tagSet/>{OTHER_TAGS}",
        f"<later>{OTHER_TAGS}</later>",
        f"{OTHER_TAGS}<later>{OTHER_TAGS}</later>",
        OTHER_TAGS.replace("<tagSet>", '<tagSet note="x">'),
    ],
)
def test_a_page_in_another_form_is_read_as_a_tree(part):
    body = usual([element("item", f"<instanceId>i-1</instanceId>{part}")])
    with pytest.raises(UnusualError):
        read_text(body)
    assert _read(decode_instances, body) == _read(lambda page: read_tree(page, lambda *_: None), body)


def _read(decode, body):
    try:
        return decode(body)
    except Transient as torn:
        return str(torn)


@pytest.mark.parametrize(
    "lost",
    [b"</networkInterfaceSet>", b"</tagSet>", b"</instancesSet>", b"</item>", b"</instanceId>", b"</reservationSet>"],
)
def test_an_element_that_does_not_end_is_never_read_as_text(lost):
    body = usual([element("item", f"<instanceId>i-1</instanceId>{FACTS}")])
    with pytest.raises(UnusualError):
        read_text(body.replace(lost, b"", 1))


def several(*layouts):
    return usual(
        *[[element("item", f"<instanceId>i-{number}</instanceId>{each}")] for number, each in enumerate(layouts)]
    )


def test_instances_of_a_frequent_layout_are_read_where_they_stand(monkeypatch):
    cut = []
    monkeypatch.setattr(instance_text, "layout_of", lambda names: cut.append(names) or layout_of(names))
    body = several(*[f"<only/>{FACTS}"] * (FREQUENT + 50))
    assert read_text(body, FrequentLayouts()) == read_tree(body, lambda *_: pytest.fail("nothing in it is odd"))
    assert len(cut) == FREQUENT + 1  # and the last one, after which no other comes


def test_the_layouts_that_come_first_are_the_frequent_ones_when_there_are_too_many():
    layouts = FrequentLayouts(frequent=1)
    bodies = [several(*[f"<later{number}/>{FACTS}"] * 3) for number in range(MAX_PATTERNS + 3)]
    for body in [*bodies, *bodies]:
        assert read_text(body, layouts) == read_tree(body, lambda *_: pytest.fail("nothing in it is odd"))


@pytest.mark.parametrize("name", ["networkInterfaceSet", "tagSet"])
def test_a_list_that_does_not_end_before_the_next_instance_is_refused_by_patterns_too(name):
    layouts = FrequentLayouts(frequent=1)
    body = several(FACTS, FACTS, FACTS)
    read_text(body, layouts)
    with pytest.raises(UnusualError):
        read_text(body.replace(f"</{name}>".encode(), b"", 1), layouts)


def test_a_list_of_network_interfaces_that_names_an_instance_is_read_as_a_tree():
    layouts = FrequentLayouts(frequent=1)
    body = several(FACTS, FACTS, FACTS)
    read_text(body, layouts)
    with pytest.raises(UnusualError):
        read_text(
            body.replace(b"<privateDnsName>other<", b"<instanceId>i-9</instanceId><privateDnsName>other<", 1), layouts
        )
