//! The roles that colour plays in the console views, and the two palettes that fill them.

use anstyle::{AnsiColor, Style};
use std::fmt::{self, Display, Formatter};

/// One style per role. A view never names a colour, and never says by colour alone what it has to say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Palette {
    /// Titles of scenarios and steps.
    pub heading: Style,
    /// Names of actors.
    pub actor: Style,
    /// Methods, paths, statuses that went well.
    pub message: Style,
    /// Granted, held, arrived.
    pub good: Style,
    /// Refused, broken.
    pub bad: Style,
    /// What deserves a look: widened, injected, a hint.
    pub warn: Style,
    /// A token and what belongs to it.
    pub token: Style,
    /// What may be skipped.
    pub faint: Style,
}

impl Palette {
    /// No styles at all.
    pub fn plain() -> Self {
        Self::default()
    }

    /// The sixteen colours every terminal has.
    pub fn colour() -> Self {
        let of = |colour: AnsiColor| colour.on_default();
        Self {
            heading: Style::new().bold(),
            actor: of(AnsiColor::Cyan),
            message: Style::new().bold(),
            good: of(AnsiColor::Green),
            bad: of(AnsiColor::Red).bold(),
            warn: of(AnsiColor::Yellow),
            token: of(AnsiColor::Magenta),
            faint: Style::new().dimmed(),
        }
    }
}

/// A text in a style; without a style it is the text.
pub(crate) struct Painted<'a>(pub(crate) Style, pub(crate) &'a str);

impl Display for Painted<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self(style, text) = self;
        write!(out, "{style}{text}{style:#}")
    }
}
