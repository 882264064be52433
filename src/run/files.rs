//! The files a run leaves: opened before anything starts, so that a bad path costs no run.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use carnet_report::{Played as View, curl, html, junit, mermaid};

use crate::args::RunOptions;

/// The files asked for.
pub(crate) struct Files {
    journal: Option<File>,
    report: Option<PathBuf>,
    junit: Option<PathBuf>,
    diagram: Option<PathBuf>,
    curl: Option<PathBuf>,
}

impl Files {
    /// Makes every file asked for, empty; says which one cannot be written.
    pub(crate) fn open(options: &RunOptions) -> anyhow::Result<Self> {
        for path in [
            &options.report,
            &options.junit,
            &options.diagram,
            &options.curl,
        ]
        .into_iter()
        .flatten()
        {
            create(path)?;
        }
        if let Some(dir) = &options.keep {
            std::fs::create_dir_all(dir)
                .with_context(|| format!("cannot make the folder {}", dir.display()))?;
        }
        Ok(Self {
            journal: options.journal.as_deref().map(create).transpose()?,
            report: options.report.clone(),
            junit: options.junit.clone(),
            diagram: options.diagram.clone(),
            curl: options.curl.clone(),
        })
    }

    /// Says when the user's own file is not one.
    pub(crate) fn check_given(options: &RunOptions) -> anyhow::Result<()> {
        if let Some(file) = &options.file {
            let about = std::fs::metadata(file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            anyhow::ensure!(about.is_file(), "{} is not a file", file.display());
        }
        Ok(())
    }

    /// A writer of the journal's file; several runs write one after the other.
    pub(crate) fn journal_writer(&mut self) -> anyhow::Result<Option<File>> {
        self.journal
            .as_ref()
            .map(File::try_clone)
            .transpose()
            .context("the journal's file is gone")
    }

    /// Writes the whole-file views.
    pub(crate) fn write_views(&self, views: &[View<'_>], reveal: bool) -> anyhow::Result<()> {
        if let Some(path) = &self.report {
            write(path, &html::page(views, html::Options { reveal }))?;
        }
        if let Some(path) = &self.junit {
            write(path, &junit::document(views))?;
        }
        if let Some(path) = &self.diagram {
            write(path, &mermaid::document(views))?;
        }
        if let Some(path) = &self.curl {
            let options = curl::Options {
                reveal,
                ..curl::Options::default()
            };
            let scripts: Vec<String> = views
                .iter()
                .map(|view| curl::script(view, &options))
                .collect();
            write(path, &scripts.join("\n"))?;
        }
        Ok(())
    }
}

fn create(path: &Path) -> anyhow::Result<File> {
    File::create(path).with_context(|| format!("cannot write {}", path.display()))
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
