//! An evaluation's figures, printed and written as was asked for.

use std::path::{Path, PathBuf};

use clap::Args;

use super::console;
use super::outputs::{OutputArguments, Outputs};
use crate::Result;
use crate::files::write_whole;
use crate::study::evaluation::{Evaluation, csv, html, tables};

/// Where figures go.
#[derive(Debug, Args)]
pub(super) struct FigureArguments {
    /// Also write every figure as a line of comma-separated values
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Also write a report with plots and pictures, one file that opens in a browser
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArguments,
}

impl FigureArguments {
    /// Whether files that exist are replaced.
    pub fn force(&self) -> bool {
        self.output.force
    }

    /// The first file that is to be written.
    pub fn first(&self) -> Option<&Path> {
        self.output.file().or(self.csv.as_deref()).or(self.html.as_deref())
    }

    /// The outputs of a command that reads `inputs`.
    ///
    /// # Errors
    /// As for [`Outputs::file`].
    pub fn outputs<'a>(&self, inputs: impl IntoIterator<Item = &'a Path>) -> Result<Outputs> {
        let mut outputs = self.output.outputs(inputs)?;
        for (option, path) in [("--csv", &self.csv), ("--html", &self.html)] {
            if let Some(path) = path {
                outputs.file(option, path)?;
            }
        }
        Ok(outputs)
    }

    /// Prints the figures and writes them.
    ///
    /// # Errors
    /// [`crate::Error::Io`] naming what cannot be written.
    pub fn figures(&self, evaluation: &Evaluation) -> Result<()> {
        self.print(evaluation)?;
        self.output.write(evaluation)?;
        if let Some(path) = &self.csv {
            write_whole(path, csv::table(evaluation).as_bytes(), self.output.force)?;
        }
        if let Some(path) = &self.html {
            write_whole(path, html::page(evaluation)?.as_bytes(), self.output.force)?;
        }
        Ok(())
    }

    fn print(&self, evaluation: &Evaluation) -> Result<()> {
        let Evaluation { model, device, data, images, .. } = evaluation;
        self.output.say(format!("{model} on {device}: {images} pictures of {data}"))?;
        for table in tables(evaluation) {
            self.output.say(format!("\n{}", table.part.title()))?;
            for line in aligned(&table.head, &table.rows) {
                self.output.say(line)?;
            }
            if !table.note.is_empty() {
                self.output.say(table.note)?;
            }
        }
        for robust in &evaluation.robust {
            for warning in &robust.warnings {
                console::note(&format!("note: {}: {warning}", robust.method));
            }
        }
        Ok(())
    }
}

/// The lines of a table: the first column to the left, the others to the right.
pub(super) fn aligned(head: &Vec<String>, rows: &[Vec<String>]) -> Vec<String> {
    let rows: Vec<&Vec<String>> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |row: &&Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        cells.collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(line).collect()
}
