//! The HTML report: one self-contained page that needs no script, for screens, phones and paper.

mod make;
mod model;

use crate::suite::Played;
use minijinja::{AutoEscape, Environment, Error};

/// What the page shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Show tokens that the journal did not redact.
    pub reveal: bool,
}

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");

/// The page for these scenarios.
pub fn page(suites: &[Played<'_>], options: Options) -> String {
    // The template is part of the program and every value is a string, a number or a list: a failure
    // here is a slip in the template, which the tests of this crate would show.
    render(suites, options)
        .unwrap_or_else(|error| format!("<!DOCTYPE html>\n<title>Carnet</title>\n<p>{error}</p>\n"))
}

fn render(suites: &[Played<'_>], options: Options) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_trim_blocks(false);
    environment.add_template("page.html", TEMPLATE)?;
    let page = model::Page::of(suites, STYLE, options.reveal);
    // Escaping `/` is no longer thought to help, and the page is full of URLs.
    Ok(environment
        .get_template("page.html")?
        .render(page)?
        .replace("&#x2f;", "/"))
}
