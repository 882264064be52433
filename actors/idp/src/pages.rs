//! The institute's pages: plain HTML that needs no script, reads well on a phone and to a screen reader.

use carnet_stage::page::Templates;
use minijinja::context;

const TEMPLATES: [(&str, &str); 3] = [
    ("login.html", include_str!("pages/login.html")),
    ("logged_out.html", include_str!("pages/logged_out.html")),
    ("problem.html", include_str!("pages/problem.html")),
];

/// The pages of one institute.
pub(crate) struct Pages {
    templates: Templates,
}

impl Pages {
    /// For an institute of that name.
    pub(crate) fn new(organisation: &str) -> Self {
        Self {
            templates: Templates::new(&TEMPLATES, organisation, "#1f6b3a"),
        }
    }

    fn render(&self, name: &str, values: minijinja::Value) -> String {
        self.templates.render(name, values)
    }

    /// The login form of a service's visitor.
    pub(crate) fn login(&self, service: &str, failed: bool) -> String {
        self.render("login.html", context! { service, failed })
    }

    /// The end of a session.
    pub(crate) fn logged_out(&self) -> String {
        self.render("logged_out.html", context! {})
    }

    /// What went wrong.
    pub(crate) fn problem(&self, text: &str) -> String {
        self.render("problem.html", context! { text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_renders_and_escapes() {
        let pages = Pages::new("lab <1>");
        for (page, wants) in [
            (pages.login("<s>", true), "role=\"alert\""),
            (pages.login("<s>", false), "&lt;s&gt;"),
            (pages.logged_out(), "lab &lt;1&gt;"),
            (pages.problem("<b>"), "&lt;b&gt;"),
        ] {
            assert!(page.contains(wants), "{wants} in {page}");
            assert!(!page.contains("<b>") && !page.contains("<script"), "{page}");
            assert!(page.contains("<html lang=\"en\">") && page.contains("name=\"viewport\""));
        }
    }
}
