//! The XML of PROPFIND and PROPPATCH: read strictly, written plainly (RFC 4918 §9.1, §9.2; storage page §1.4).

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;

/// The namespace of WebDAV.
pub const DAV: &str = "DAV:";

/// A property's name: namespace (empty when it has none) and local name.
pub type Name = (String, String);

/// What a PROPFIND asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Every live property; also what a request without a body means.
    All,
    /// Names only.
    Names,
    /// These.
    These(Vec<Name>),
}

/// One instruction of a PROPPATCH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Patch {
    /// The property and the XML of its value.
    Set(Name, String),
    /// The property.
    Remove(Name),
}

/// The body is no well-formed XML of the expected kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not the XML this method needs")]
pub struct Malformed;

struct Element {
    name: Name,
    empty: bool,
    /// Prefixes of its own name and of its attributes' names; empty for none.
    uses: Vec<String>,
    /// Prefixes it declares, each with its namespace as it is written.
    declares: Vec<(String, String)>,
}

enum Piece {
    Open(Element),
    Close,
    Text(String),
    End,
}

struct Pieces<'x> {
    reader: NsReader<&'x [u8]>,
    text: &'x str,
    depth: usize,
    /// What the open elements declare, the outermost first.
    scopes: Vec<Vec<(String, String)>>,
    /// Where the last piece begins.
    before: usize,
}

impl<'x> Pieces<'x> {
    fn new(body: &'x [u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(body).map_err(|_| Malformed)?;
        Ok(Self {
            reader: NsReader::from_reader(text.as_bytes()),
            text,
            depth: 0,
            scopes: Vec::new(),
            before: 0,
        })
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position())
            .unwrap_or(usize::MAX)
            .min(self.text.len())
    }

    fn next(&mut self) -> Result<Piece, Malformed> {
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            self.before = self.position();
            let (resolved, event) = self
                .reader
                .read_resolved_event_into(&mut buffer)
                .map_err(|_| Malformed)?;
            let empty = matches!(event, Event::Empty(_));
            match event {
                Event::Start(start) | Event::Empty(start) => {
                    let namespace = match resolved {
                        ResolveResult::Bound(Namespace(namespace)) => namespace.to_owned(),
                        ResolveResult::Unbound => String::new(),
                        ResolveResult::Unknown(_) => return Err(Malformed),
                    };
                    let (uses, declares) = prefixes(&start)?;
                    let known = |prefix: &String| {
                        let mut all = self.scopes.iter().flatten().chain(&declares);
                        prefix.is_empty() || prefix == "xml" || all.any(|(name, _)| name == prefix)
                    };
                    if !uses.iter().all(known) {
                        return Err(Malformed);
                    }
                    let name = (namespace, start.local_name().as_ref().to_owned());
                    if !empty {
                        self.depth += 1;
                        self.scopes.push(declares.clone());
                    }
                    return Ok(Piece::Open(Element {
                        name,
                        empty,
                        uses,
                        declares,
                    }));
                }
                Event::End(_) => {
                    self.depth = self.depth.checked_sub(1).ok_or(Malformed)?;
                    self.scopes.pop();
                    return Ok(Piece::Close);
                }
                Event::Eof if self.depth > 0 => return Err(Malformed),
                Event::Eof => return Ok(Piece::End),
                Event::Text(text) => return Ok(Piece::Text(text.into_inner().into_owned())),
                Event::DocType(_) => return Err(Malformed),
                Event::GeneralRef(reference) => known(&reference)?,
                _ => {}
            }
        }
    }

    /// The element that is next, or none when the enclosing one ends.
    fn element(&mut self) -> Result<Option<Element>, Malformed> {
        loop {
            match self.next()? {
                Piece::Open(element) => return Ok(Some(element)),
                Piece::Close | Piece::End => return Ok(None),
                Piece::Text(_) => {}
            }
        }
    }

    /// Passes over the rest of an element; gives back its inner XML, which means the same wherever it stands:
    /// each child declares what it takes from around the element (RFC 4918 §4.3).
    fn inner(&mut self, element: &Element) -> Result<String, Malformed> {
        if element.empty {
            return Ok(String::new());
        }
        let depth = self.depth;
        let around: Vec<(String, String)> = self.scopes.concat();
        let mut value = String::new();
        let mut copied = self.position();
        // The child that is open: where its declarations go, what it declares, what is used in it.
        let mut child = None;
        loop {
            let piece = self.next()?;
            let level = self.depth;
            match piece {
                Piece::Open(inside) => {
                    let outermost = level == depth || (level == depth + 1 && !inside.empty);
                    let (place, declares, mut uses) = match child.take() {
                        Some(open) if !outermost => open,
                        _ => (self.after_name(), inside.declares, Vec::new()),
                    };
                    uses.extend(inside.uses);
                    child = Some((place, declares, uses));
                }
                Piece::End => return Err(Malformed),
                Piece::Close if level < depth => {
                    value.push_str(&self.text[copied..self.before]);
                    return Ok(value);
                }
                Piece::Close | Piece::Text(_) => {}
            }
            if self.depth == depth
                && let Some((place, declares, uses)) = child.take()
            {
                value.push_str(&self.text[copied..place]);
                value.push_str(&taken(&around, &declares, &uses));
                copied = place;
            }
        }
    }

    /// Where the name ends of the tag that was read last.
    fn after_name(&self) -> usize {
        let tag = &self.text[self.before..];
        let end = tag.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'));
        self.before + end.unwrap_or(0)
    }
}

/// Without a document type, an entity is a character or one of the five that every document has (XML 1.0 §4.6).
fn known(reference: &BytesRef<'_>) -> Result<(), Malformed> {
    let character = reference.resolve_char_ref().map_err(|_| Malformed)?;
    let name: &str = reference;
    if character.is_some() || ["lt", "gt", "amp", "apos", "quot"].contains(&name) {
        return Ok(());
    }
    Err(Malformed)
}

/// The prefixes that a tag uses, and those it declares. `xmlns:x=""` is not allowed (Namespaces in XML 1.0 §2.2;
/// litmus asks for it).
#[allow(clippy::type_complexity, reason = "two lists of names")]
fn prefixes(start: &BytesStart<'_>) -> Result<(Vec<String>, Vec<(String, String)>), Malformed> {
    let name = start.name();
    let name: &str = name.as_ref();
    let mut uses = vec![
        name.split_once(':')
            .map_or("", |(prefix, _)| prefix)
            .to_owned(),
    ];
    let mut declares = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| Malformed)?;
        let key: &str = attribute.key.as_ref();
        let value = || attribute.value.replace('"', "&quot;");
        match key.split_once(':') {
            Some(("xmlns", _)) if attribute.value.is_empty() => return Err(Malformed),
            Some(("xmlns", prefix)) => declares.push((prefix.to_owned(), value())),
            Some((prefix, _)) => uses.push(prefix.to_owned()),
            None if key == "xmlns" => declares.push((String::new(), value())),
            None => {}
        }
    }
    Ok((uses, declares))
}

/// The declarations that a child needs of those around it.
fn taken(around: &[(String, String)], own: &[(String, String)], uses: &[String]) -> String {
    let mut text = String::new();
    let mut done: Vec<&str> = own.iter().map(|(prefix, _)| prefix.as_str()).collect();
    for prefix in uses {
        if done.contains(&prefix.as_str()) {
            continue;
        }
        done.push(prefix);
        let bound = around.iter().rev().find(|(name, _)| name == prefix);
        if let Some((_, namespace)) = bound.filter(|(_, namespace)| !namespace.is_empty()) {
            let colon = if prefix.is_empty() { "" } else { ":" };
            text.push_str(&[" xmlns", colon, prefix, "=\"", namespace, "\""].concat());
        }
    }
    text
}

fn dav(element: &Element, local: &str) -> bool {
    element.name.0 == DAV && element.name.1 == local
}

/// Reads the body of a PROPFIND. An empty body asks for everything.
pub fn propfind(body: &[u8]) -> Result<Asked, Malformed> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Asked::All);
    }
    let mut pieces = Pieces::new(body)?;
    let root = pieces.element()?.ok_or(Malformed)?;
    if !dav(&root, "propfind") || root.empty {
        return Err(Malformed);
    }
    let mut asked = None;
    while let Some(element) = pieces.element()? {
        if dav(&element, "allprop") {
            asked = Some(Asked::All);
            pieces.inner(&element)?;
        } else if dav(&element, "propname") {
            asked = Some(Asked::Names);
            pieces.inner(&element)?;
        } else if dav(&element, "prop") {
            let mut names = Vec::new();
            if !element.empty {
                while let Some(property) = pieces.element()? {
                    pieces.inner(&property)?;
                    names.push(property.name);
                }
            }
            asked = Some(Asked::These(names));
        } else {
            pieces.inner(&element)?;
        }
    }
    finish(&mut pieces)?;
    asked.ok_or(Malformed)
}

/// Reads the body of a PROPPATCH.
pub fn proppatch(body: &[u8]) -> Result<Vec<Patch>, Malformed> {
    let mut pieces = Pieces::new(body)?;
    let root = pieces.element()?.ok_or(Malformed)?;
    if !dav(&root, "propertyupdate") || root.empty {
        return Err(Malformed);
    }
    let mut patches = Vec::new();
    while let Some(action) = pieces.element()? {
        let set = dav(&action, "set");
        if action.empty || !(set || dav(&action, "remove")) {
            pieces.inner(&action)?;
            continue;
        }
        while let Some(prop) = pieces.element()? {
            if prop.empty || !dav(&prop, "prop") {
                pieces.inner(&prop)?;
                continue;
            }
            while let Some(property) = pieces.element()? {
                let value = pieces.inner(&property)?;
                patches.push(if set {
                    Patch::Set(property.name, value)
                } else {
                    Patch::Remove(property.name)
                });
            }
        }
    }
    finish(&mut pieces)?;
    Ok(patches)
}

fn finish(pieces: &mut Pieces<'_>) -> Result<(), Malformed> {
    loop {
        match pieces.next()? {
            Piece::End => return Ok(()),
            Piece::Text(text) if text.trim().is_empty() => {}
            _ => return Err(Malformed),
        }
    }
}

/// Text as it may stand in an element or attribute.
pub fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

/// An element of any namespace, with inner XML that is already well-formed.
pub fn element(name: &Name, inner: &str) -> String {
    let (namespace, local) = name;
    match (namespace.as_str(), inner) {
        (DAV, "") => format!("<D:{local}/>"),
        (DAV, inner) => format!("<D:{local}>{inner}</D:{local}>"),
        ("", "") => format!("<{local} xmlns=\"\"/>"),
        ("", inner) => format!("<{local} xmlns=\"\">{inner}</{local}>"),
        (namespace, "") => format!("<x:{local} xmlns:x=\"{}\"/>", escape(namespace)),
        (namespace, inner) => format!(
            "<x:{local} xmlns:x=\"{}\">{inner}</x:{local}>",
            escape(namespace)
        ),
    }
}

/// One `propstat`: properties that share a status.
pub fn propstat(properties: &str, status: &str) -> String {
    format!(
        "<D:propstat><D:prop>{properties}</D:prop><D:status>HTTP/1.1 {status}</D:status></D:propstat>"
    )
}

/// One `response`.
pub fn response(href: &str, propstats: &str) -> String {
    format!(
        "<D:response><D:href>{}</D:href>{propstats}</D:response>\n",
        escape(href)
    )
}

/// The whole answer.
pub fn multistatus(responses: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:multistatus xmlns:D=\"DAV:\">\n{responses}</D:multistatus>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(namespace: &str, local: &str) -> Name {
        (namespace.to_owned(), local.to_owned())
    }

    #[test]
    fn propfind_bodies() {
        for (body, wanted) in [
            ("", Ok(Asked::All)),
            (
                "<?xml version=\"1.0\"?><D:propfind xmlns:D=\"DAV:\"><D:allprop/></D:propfind>",
                Ok(Asked::All),
            ),
            (
                "<propfind xmlns=\"DAV:\"><propname/></propfind>",
                Ok(Asked::Names),
            ),
            (
                "<propfind xmlns=\"DAV:\"><prop><getetag/><x:mode xmlns:x=\"LCGDM:\"></x:mode></prop></propfind>\n",
                Ok(Asked::These(vec![
                    name(DAV, "getetag"),
                    name("LCGDM:", "mode"),
                ])),
            ),
            (
                "<propfind xmlns=\"DAV:\"><prop><a xmlns=\"\"/></prop></propfind>",
                Ok(Asked::These(vec![name("", "a")])),
            ),
            ("<propfind xmlns=\"DAV:\"><prop/>", Err(Malformed)),
            ("<D:propfind><D:allprop/></D:propfind>", Err(Malformed)),
            (
                "<D:propfind xmlns:D=\"DAV:\"><D:prop><bar:foo xmlns:bar=\"\"/></D:prop></D:propfind>",
                Err(Malformed),
            ),
            ("<other xmlns=\"DAV:\"/>", Err(Malformed)),
            ("no xml at all", Err(Malformed)),
            (
                "<!DOCTYPE x [<!ENTITY a \"b\">]><propfind xmlns=\"DAV:\"><allprop/></propfind>",
                Err(Malformed),
            ),
        ] {
            assert_eq!(propfind(body.as_bytes()), wanted, "{body}");
        }
    }

    #[test]
    fn proppatch_bodies() {
        let body = "<D:propertyupdate xmlns:D=\"DAV:\" xmlns:z=\"urn:z\"><D:set><D:prop><z:a>v&amp;<z:b/></z:a></D:prop></D:set>\
                    <D:remove><D:prop><z:c/></D:prop></D:remove></D:propertyupdate>";
        assert_eq!(
            proppatch(body.as_bytes()),
            Ok(vec![
                Patch::Set(name("urn:z", "a"), "v&amp;<z:b xmlns:z=\"urn:z\"/>".into()),
                Patch::Remove(name("urn:z", "c"))
            ])
        );
        assert_eq!(proppatch(b"<x/>"), Err(Malformed));
        for (value, wanted) in [
            ("&#65536;", Some("&#65536;")),
            ("a &lt;", Some("a &lt;")),
            ("b<!-- c -->", Some("b<!-- c -->")),
            ("<![CDATA[<]]>", Some("<![CDATA[<]]>")),
            ("&other;", None),
        ] {
            let body = format!(
                "<propertyupdate xmlns=\"DAV:\"><set><prop><a xmlns=\"urn:z\">{value}</a></prop></set></propertyupdate>"
            );
            let set = wanted.map(|wanted| vec![Patch::Set(name("urn:z", "a"), wanted.to_owned())]);
            assert_eq!(proppatch(body.as_bytes()).ok(), set, "{value}");
        }
    }

    #[test]
    fn a_value_means_the_same_wherever_it_stands() {
        for (value, wanted) in [
            ("<z:b/>", "<z:b xmlns:z=\"urn:z\"/>"),
            (
                "<z:b><z:c/></z:b> <z:b />",
                "<z:b xmlns:z=\"urn:z\"><z:c/></z:b> <z:b xmlns:z=\"urn:z\" />",
            ),
            ("<b/>", "<b xmlns=\"DAV:\"/>"),
            ("<b xmlns=\"\"><c/></b>", "<b xmlns=\"\"><c/></b>"),
            (
                "<b y:k='v'>t</b>",
                "<b xmlns=\"DAV:\" xmlns:y=\"urn:&quot;y\" y:k='v'>t</b>",
            ),
            (
                "<y:b xmlns:y='u'><z:c/></y:b>",
                "<y:b xmlns:z=\"urn:z\" xmlns:y='u'><z:c/></y:b>",
            ),
            (
                "<z:b xml:lang=\"de\"/>",
                "<z:b xmlns:z=\"urn:z\" xml:lang=\"de\"/>",
            ),
            (
                "t<z:b/><!-- <z:c/> -->",
                "t<z:b xmlns:z=\"urn:z\"/><!-- <z:c/> -->",
            ),
        ] {
            let body = format!(
                "<propertyupdate xmlns=\"DAV:\" xmlns:z=\"urn:z\" xmlns:y='urn:\"y'><set><prop>\
                 <z:a>{value}</z:a></prop></set></propertyupdate>"
            );
            let patches = proppatch(body.as_bytes()).unwrap();
            assert_eq!(patches, [Patch::Set(name("urn:z", "a"), wanted.to_owned())]);
            // Read back where nothing is declared around it.
            let again = element(&name("urn:z", "a"), wanted);
            let body = format!(
                "<D:propertyupdate xmlns:D=\"DAV:\"><D:set><D:prop>{again}</D:prop></D:set></D:propertyupdate>"
            );
            assert_eq!(proppatch(body.as_bytes()).unwrap(), patches, "{value}");
        }
        let unbound = "<D:propertyupdate xmlns:D=\"DAV:\"><D:set><D:prop><D:a q:k=\"v\"/></D:prop></D:set></D:propertyupdate>";
        assert_eq!(proppatch(unbound.as_bytes()), Err(Malformed));
    }

    #[test]
    fn elements_of_any_namespace() {
        assert_eq!(
            element(&name(DAV, "getetag"), "&quot;1&quot;"),
            "<D:getetag>&quot;1&quot;</D:getetag>"
        );
        assert_eq!(element(&name("urn:z", "a"), ""), "<x:a xmlns:x=\"urn:z\"/>");
        assert_eq!(element(&name("", "a"), "b"), "<a xmlns=\"\">b</a>");
    }
}
