//! Reads a page the way a person does: its title, its text, its forms. Pure, and never upset by a page.

/// A page as far as a person needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Html {
    /// The title.
    pub(crate) title: String,
    /// The visible text, white space squeezed.
    pub(crate) text: String,
    /// The forms, in order.
    pub(crate) forms: Vec<Form>,
}

/// One form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Form {
    /// Where it goes, as written.
    pub(crate) action: String,
    /// Whether it is posted.
    pub(crate) post: bool,
    /// Its fields and buttons, in order.
    pub(crate) fields: Vec<Field>,
}

/// One field or button of a form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Field {
    /// `hidden`, `text`, `password`, `checkbox`, `radio`, `submit`, …
    pub(crate) kind: String,
    /// Its name; those without are not sent.
    pub(crate) name: String,
    /// Its value.
    pub(crate) value: String,
    /// Whether a box or a choice is on.
    pub(crate) checked: bool,
}

impl Field {
    /// Whether it is a button that sends the form.
    pub(crate) fn is_button(&self) -> bool {
        matches!(self.kind.as_str(), "submit" | "image")
    }

    /// Whether a person can type into it.
    pub(crate) fn is_typed(&self) -> bool {
        matches!(
            self.kind.as_str(),
            "text" | "email" | "password" | "search" | "tel" | "url" | "number" | "textarea"
        )
    }

    fn is_sent(&self) -> bool {
        !self.name.is_empty()
            && !self.is_button()
            && !matches!(self.kind.as_str(), "reset" | "button" | "file")
    }
}

impl Form {
    /// A field by name.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.name == name)
    }

    /// What a browser sends when the form is filled in so and this button is pressed.
    pub(crate) fn submission(
        &self,
        filled: &[(&str, &str)],
        button: Option<&Field>,
    ) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for field in self.fields.iter().filter(|f| f.is_sent()) {
            let typed = filled
                .iter()
                .find(|(name, _)| *name == field.name)
                .map(|(_, value)| *value);
            let left_out = match (field.kind.as_str(), typed) {
                ("checkbox" | "radio", None) => !field.checked,
                ("radio", Some(choice)) => field.value != choice,
                _ => false,
            };
            if left_out {
                continue;
            }
            let kept = matches!(field.kind.as_str(), "checkbox" | "radio");
            let value = typed.filter(|_| !kept).unwrap_or(&field.value);
            pairs.push((field.name.clone(), value.to_owned()));
        }
        if let Some(button) = button.filter(|b| !b.name.is_empty()) {
            pairs.push((button.name.clone(), button.value.clone()));
        }
        pairs
    }
}

/// Reads a page.
pub(crate) fn read(page: &str) -> Html {
    let mut html = Html::default();
    let mut open: Option<Form> = None;
    let (mut text, mut choice) = (String::new(), String::new());
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let Some((tag, after)) = Tag::read(rest) else {
            text.push('<');
            rest = &rest[1..];
            continue;
        };
        rest = after;
        text.push(' ');
        match tag.name.as_str() {
            "title" => {
                let (title, after) = until(rest, "</title");
                html.title = squeeze(&unescape(title));
                rest = after;
            }
            name @ ("script" | "style") => rest = until(rest, &format!("</{name}")).1,
            "form" => {
                html.forms.extend(open.take());
                open = Some(Form {
                    action: tag.get("action"),
                    post: tag.get("method").eq_ignore_ascii_case("post"),
                    fields: Vec::new(),
                });
            }
            "/form" => html.forms.extend(open.take()),
            "input" | "button" | "textarea" => {
                if let Some(form) = &mut open {
                    form.fields.push(tag.field());
                }
            }
            "select" => choice = tag.get("name"),
            "option" => {
                if let Some(form) = &mut open {
                    let value = if tag.has("value") {
                        tag.get("value")
                    } else {
                        squeeze(&unescape(until(rest, "<").0))
                    };
                    let first = !form.fields.iter().any(|f| f.name == choice);
                    let chosen = tag.has("selected");
                    if chosen {
                        form.fields
                            .iter_mut()
                            .filter(|f| f.name == choice)
                            .for_each(|f| f.checked = false);
                    }
                    form.fields.push(Field {
                        kind: "radio".into(),
                        name: choice.clone(),
                        value,
                        checked: chosen || first,
                    });
                }
            }
            _ => {}
        }
    }
    text.push_str(rest);
    html.forms.extend(open);
    html.text = squeeze(&unescape(&text));
    html
}

/// The text up to a mark (in any case), and what follows it.
fn until<'a>(text: &'a str, mark: &str) -> (&'a str, &'a str) {
    let lower = text.to_ascii_lowercase();
    lower.find(mark).map_or((text, ""), |at| text.split_at(at))
}

fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    /// Reads `<name attribute="value" …>`; gives what follows it.
    fn read(text: &str) -> Option<(Self, &str)> {
        let inner = text.strip_prefix('<')?;
        let end = inner
            .find(|c: char| c.is_whitespace() || c == '>')
            .unwrap_or(inner.len());
        let name = inner[..end].trim_end_matches('/').to_ascii_lowercase();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!') {
            return None;
        }
        let (mut rest, mut attributes) = (&inner[end..], Vec::new());
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
            if let Some(after) = rest.strip_prefix('>') {
                return Some((Self { name, attributes }, after));
            }
            if rest.is_empty() {
                return Some((Self { name, attributes }, ""));
            }
            let end = rest
                .find(|c: char| c.is_whitespace() || matches!(c, '=' | '>' | '/'))
                .unwrap_or(rest.len());
            let key = rest[..end].to_ascii_lowercase();
            let after_key = rest[end..].trim_start();
            let value;
            (value, rest) = match after_key.strip_prefix('=') {
                Some(after) => Self::value(after.trim_start()),
                None if end == 0 => ("", &rest[rest.chars().next().map_or(0, char::len_utf8)..]),
                None => ("", after_key),
            };
            if !key.is_empty() {
                attributes.push((key, unescape(value)));
            }
        }
    }

    fn value(text: &str) -> (&str, &str) {
        for quote in ['"', '\''] {
            if let Some(inner) = text.strip_prefix(quote) {
                let end = inner.find(quote).unwrap_or(inner.len());
                return (
                    &inner[..end],
                    inner[end..].strip_prefix(quote).unwrap_or(""),
                );
            }
        }
        text.split_at(
            text.find(|c: char| c.is_whitespace() || c == '>')
                .unwrap_or(text.len()),
        )
    }

    fn has(&self, key: &str) -> bool {
        self.attributes.iter().any(|(k, _)| k == key)
    }

    fn get(&self, key: &str) -> String {
        self.attributes
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, v)| v.clone())
            .unwrap_or_default()
    }

    fn field(&self) -> Field {
        let kind = self.get("type").to_ascii_lowercase();
        let kind = match (self.name.as_str(), kind.as_str()) {
            ("textarea", _) => "textarea".to_owned(),
            ("button", "") => "submit".to_owned(),
            (_, "") => "text".to_owned(),
            _ => kind,
        };
        let boxed = matches!(kind.as_str(), "checkbox" | "radio") && !self.has("value");
        let value = if boxed {
            "on".to_owned()
        } else {
            self.get("value")
        };
        Field {
            kind,
            name: self.get("name"),
            value,
            checked: self.has("checked"),
        }
    }
}

/// Replaces the character references that pages of issuers use.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let reference = rest[1..]
            .split_once(';')
            .filter(|(name, _)| name.len() <= 8);
        let character = reference.and_then(|(name, _)| match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            "nbsp" => Some(' '),
            _ => {
                let number = name.strip_prefix('#')?;
                let code = match number.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => number.parse().ok()?,
                };
                char::from_u32(code)
            }
        });
        if let (Some(character), Some((_, after))) = (character, reference) {
            plain.push(character);
            rest = after;
        } else {
            plain.push('&');
            rest = &rest[1..];
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Consent page of IAM 1.12, reduced to what the recording keeps of it.
    const CONSENT: &str = r#"<html><head><title>INDIGO IAM - Approve Access</title><script>if (a < b) "<form>"</script></head><body>
        <form action="/logout" method="POST" id="logoutForm"><input type="hidden" name="" value="" /></form>
        <form name="confirmationForm"
              action="/authorize" method="post">
        <input type="hidden" name="scope.openid" id="scope.openid" value="true">
        <input type="hidden" name="scope.storage.read:/" id="scope.storage.read:/" value="true">
        <input type="radio" name="remember" value="until-revoked" checked="checked">
        <input type="radio" name="remember" value="one-hour">
        <input type="radio" name="remember" value="none" >
        <input id="user_oauth_approval" name="user_oauth_approval" value="true" type="hidden" />
        <input name="authorize" value="Authorize" type="submit" onclick="$('#a').attr('value',true)" />
        <input name="deny" value="Deny" type="submit" />
        </form><p>Approval Required for Lab&#39;s client &amp; friends</p></body></html>"#;

    #[test]
    fn a_consent_page_is_read() {
        let page = read(CONSENT);
        assert_eq!(page.title, "INDIGO IAM - Approve Access");
        assert_eq!(page.text, "Approval Required for Lab's client & friends");
        let actions: Vec<_> = page
            .forms
            .iter()
            .map(|f| (f.action.as_str(), f.post))
            .collect();
        assert_eq!(actions, [("/logout", true), ("/authorize", true)]);
        let form = &page.forms[1];
        let sent = form.submission(&[("remember", "none")], form.field("authorize"));
        let sent: Vec<_> = sent.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(
            sent,
            [
                "scope.openid=true",
                "scope.storage.read:/=true",
                "remember=none",
                "user_oauth_approval=true",
                "authorize=Authorize"
            ]
        );
    }

    #[test]
    fn fields_are_sent_as_browsers_send_them() {
        let page = "<form action=x method=get><input name=a value=1><input type=checkbox name=b checked><input type=checkbox name=c>\
                    <select name=d><option value=1>one<option value=2 selected>two</select><textarea name=e></textarea>\
                    <button name=go value=yes>Go</button><button type=button name=no>No</button></form>";
        let form = &read(page).forms[0];
        let sent: Vec<_> = form
            .submission(&[("e", "hello")], form.field("go"))
            .into_iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        assert_eq!(sent, ["a=1", "b=on", "d=2", "e=hello", "go=yes"]);
        assert!(!form.post);
    }

    #[test]
    fn references_are_replaced() {
        for (text, want) in [
            ("a &amp; b", "a & b"),
            ("&#x27;&#39;&apos;", "'''"),
            ("&unknown; &", "&unknown; &"),
            ("/authorize?a=1&amp;b=2", "/authorize?a=1&b=2"),
            ("&#xD800;", "&#xD800;"),
        ] {
            assert_eq!(unescape(text), want);
        }
    }

    proptest! {
        #[test]
        fn no_page_is_too_strange(page in "[<>/='\"& a-zA-Z!\\-;#]{0,120}") {
            let _ = read(&page);
        }

        #[test]
        fn any_value_survives_the_page(value in "[ -~]{0,40}") {
            let written = value.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
            let page = format!("<form action='/x' method='post'><input type='hidden' name='v' value=\"{written}\"></form>");
            let form = &read(&page).forms[0];
            prop_assert_eq!(form.submission(&[], None), vec![("v".to_owned(), value)]);
        }
    }
}
