//! What is wrong in a scenario file: the place, the offending words, and what would be right.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};

use crate::source::{Place, Sources};

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The scenario cannot be played.
    Error,
    /// It can be played, but probably does not say what was meant.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub title: String,
    /// The words that are wrong.
    pub span: Range<usize>,
    /// What to say right under them.
    pub label: String,
    /// A second place that matters, for example where the name was used first.
    pub also: Option<(Range<usize>, String)>,
    /// What would be right.
    pub helps: Vec<String>,
    /// Words to put in place of others.
    pub fix: Option<(Range<usize>, String)>,
}

impl Problem {
    /// An error at `span`.
    pub fn error(span: Range<usize>, title: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            title: title.into(),
            span,
            label: label.into(),
            also: None,
            helps: Vec::new(),
            fix: None,
        }
    }

    /// A warning at `span`.
    pub fn warning(span: Range<usize>, title: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(span, title, label)
        }
    }

    /// Adds what would be right.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.helps.push(text.into());
        self
    }

    /// Adds words to put in place of `span`.
    pub fn fix(mut self, span: Range<usize>, text: impl Into<String>) -> Self {
        self.fix = Some((span, text.into()));
        self
    }

    /// Adds a second place.
    pub fn also(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.also = Some((span, label.into()));
        self
    }
}

/// All problems of one scenario, with the texts they point into.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    /// The texts.
    pub sources: Sources,
    list: Vec<Problem>,
}

impl Problems {
    /// Problems found in `sources`, in the order of the text, each once.
    pub fn new(sources: Sources, mut list: Vec<Problem>) -> Self {
        list.sort_by_key(|p| (p.span.start, p.severity, p.span.end));
        list.dedup_by(|a, b| a.span == b.span && a.title == b.title);
        Self { sources, list }
    }

    /// Whether something keeps the scenario from being played.
    pub fn fatal(&self) -> bool {
        self.list.iter().any(|p| p.severity == Severity::Error)
    }

    /// Whether nothing is wrong at all.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The problems.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter()
    }

    /// File, line and column of a problem.
    pub fn place(&self, problem: &Problem) -> Place {
        self.sources.place(&problem.span)
    }

    /// The problems as rustc would print them, for a terminal when `styled`.
    pub fn render(&self, styled: bool, width: Option<usize>) -> String {
        let mut renderer = if styled {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        if let Some(width) = width {
            renderer = renderer.term_width(width);
        }
        let mut out = String::new();
        for problem in &self.list {
            out.push_str(&renderer.render(&self.groups(problem)));
            out.push_str("\n\n");
        }
        out
    }

    fn groups<'a>(&'a self, problem: &'a Problem) -> Vec<Group<'a>> {
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let (name, text, span) = self.sources.local(&problem.span);
        let mut snippet = Snippet::source(text).path(name).annotation(
            AnnotationKind::Primary
                .span(span)
                .label(problem.label.as_str()),
        );
        if let Some((also, label)) = &problem.also {
            let (also_name, _, also) = self.sources.local(also);
            if also_name == name {
                snippet =
                    snippet.annotation(AnnotationKind::Context.span(also).label(label.as_str()));
            }
        }
        let mut group = level.primary_title(problem.title.as_str()).element(snippet);
        for help in &problem.helps {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let mut groups = vec![group];
        if let Some((span, words)) = &problem.fix {
            let (name, text, span) = self.sources.local(span);
            groups.push(
                Level::HELP.secondary_title("did you mean this?").element(
                    Snippet::source(text)
                        .path(name)
                        .patch(Patch::new(span, words.as_str())),
                ),
            );
        }
        groups
    }
}

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.render(false, None).trim_end())
    }
}

impl std::error::Error for Problems {}
