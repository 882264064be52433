//! Pages for people: plain HTML that needs no script, reads well on a phone and to a screen reader.

use std::sync::OnceLock;

use minijinja::{Environment, Value, context};

/// What stands around every page; a template extends it as `frame.html` and fills its blocks `title` and `main`.
const FRAME: &str = include_str!("page/frame.html");

/// The templates of one actor. They are read when the first page is asked for.
#[derive(Clone, Debug)]
pub struct Templates {
    sources: &'static [(&'static str, &'static str)],
    organisation: String,
    colour: &'static str,
    read: OnceLock<Environment<'static>>,
}

impl Templates {
    /// Templates by name, for an organisation of that name, whose buttons have that colour.
    pub fn new(
        sources: &'static [(&'static str, &'static str)],
        organisation: &str,
        colour: &'static str,
    ) -> Self {
        Self {
            sources,
            organisation: organisation.to_owned(),
            colour,
            read: OnceLock::new(),
        }
    }

    /// A page. What stands in `values` is escaped.
    pub fn render(&self, name: &str, values: Value) -> String {
        let templates = self.read.get_or_init(|| {
            let mut env = Environment::new();
            for (name, source) in [("frame.html", FRAME)].iter().chain(self.sources) {
                // A template that does not parse shows as a missing one; the actors' tests render each.
                let _parsed = env.add_template(name, source);
            }
            env
        });
        let (organisation, colour) = (&self.organisation, self.colour);
        let values = context! { organisation, colour, ..values };
        templates
            .get_template(name)
            .and_then(|template| template.render(values))
            .unwrap_or_else(|_| {
                "<!doctype html><title>Error</title><p>This page could not be shown.".into()
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCES: [(&str, &str); 1] = [(
        "one.html",
        r#"{% extends "frame.html" %}{% block title %}One{% endblock %}{% block main %}{{ text }}{% endblock %}"#,
    )];

    #[test]
    fn a_page_stands_in_the_frame_and_is_escaped() {
        let templates = Templates::new(&SOURCES, "lab <1>", "#123456");
        let page = templates.render("one.html", context! { text => "<b>" });
        for wants in [
            "<html lang=\"en\">",
            "name=\"viewport\"",
            "<title>lab &lt;1&gt; - One</title>",
            "background:#123456",
            "&lt;b&gt;",
        ] {
            assert!(page.contains(wants), "{wants} in {page}");
        }
        let none = templates.render("two.html", context! {});
        assert!(none.contains("could not be shown"));
    }
}
