//! The sheet that console views are written on: indentation, folding, styles, and nothing foreign unwashed.

use crate::{mask, palette::Painted, palette::Palette, text};
use anstyle::Style;
use std::fmt::Display;

/// Steps of indentation after which the tree no longer moves to the right.
const DEEPEST: usize = 6;

/// Lines being written.
pub(crate) struct Sheet {
    pub(crate) out: String,
    palette: Palette,
    width: usize,
    reveal: bool,
    indent: usize,
}

impl Sheet {
    pub(crate) fn new(palette: Palette, width: usize, reveal: bool) -> Self {
        Self {
            out: String::new(),
            palette,
            width: width.max(40),
            reveal,
            indent: 0,
        }
    }

    pub(crate) fn palette(&self) -> Palette {
        self.palette
    }

    /// Everything below stands at this depth of the tree.
    pub(crate) fn at_depth(&mut self, depth: usize) {
        self.indent = depth.min(DEEPEST) * 2;
    }

    /// Columns that text in a column of its own may take, `inside` columns further right.
    pub(crate) fn room(&self, inside: usize) -> usize {
        self.width.saturating_sub(self.indent + inside).max(24)
    }

    /// Foreign text as it may be shown: tokens hidden, control characters written out.
    pub(crate) fn safe(&self, text: &str) -> String {
        text::clean(&mask::shown(text, self.reveal))
    }

    /// Foreign text in a style.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        Painted(style, &self.safe(text)).to_string()
    }

    pub(crate) fn blank(&mut self) {
        self.out.push('\n');
    }

    /// One line as it is.
    pub(crate) fn raw(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    /// One line, folded with four more columns of indentation.
    pub(crate) fn line(&mut self, line: impl Display) {
        self.inner(0, 4, &line.to_string());
    }

    /// One line that belongs to the one before.
    pub(crate) fn sub(&mut self, line: impl Display) {
        self.inner(4, 6, &line.to_string());
    }

    /// One line of a column that starts `inside` columns further right and folds to `hang`.
    pub(crate) fn inner(&mut self, inside: usize, hang: usize, line: &str) {
        let first = " ".repeat(self.indent + inside);
        let rest = " ".repeat(self.indent + hang);
        for line in text::fold(&first, &rest, line, self.width) {
            self.out.push_str(&line);
            self.out.push('\n');
        }
    }
}
