//! The words of `docs/glossary.md`, on a sheet.

use eframe::egui::{Grid, Label, RichText, ScrollArea, Ui};

use crate::gui::view::theme::{Tokens, space, text};

/// Each word and its meaning, as plain text.
#[must_use]
pub fn words() -> Vec<(String, String)> {
    let rows = include_str!("../../../docs/glossary.md").lines().filter_map(|line| line.strip_prefix("| **"));
    rows.filter_map(|row| {
        let (word, meaning) = row.split_once("** | ")?;
        Some((plain(word), plain(meaning.strip_suffix(" |")?)))
    })
    .collect()
}

/// Markdown's marks taken away, and the one sign that the window's font lacks.
fn plain(markdown: &str) -> String {
    markdown.replace("\\|", "|").replace(['`', '*'], "").replace("∇_y ", "grad ")
}

/// The sheet.
pub fn show(ui: &mut Ui) {
    let tokens = Tokens::in_ui(ui);
    ui.label(RichText::new("Words").size(text::HEADING).color(tokens.strong));
    ui.add_space(space::ITEM);
    ScrollArea::vertical().max_height(460.0).auto_shrink([false, true]).show(ui, |ui| {
        Grid::new("words").num_columns(2).spacing([space::SECTION, space::ITEM]).min_col_width(120.0).show(ui, |ui| {
            for (word, meaning) in words() {
                ui.label(RichText::new(word).color(tokens.accent));
                ui.add(Label::new(meaning).wrap());
                ui.end_row();
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_glossary_is_read() {
        let words = words();
        assert!(words.len() >= 25, "{}", words.len());
        assert!(
            words.iter().any(|(word, meaning)| word == "posterior" && meaning.starts_with("p(c | y), the softmax"))
        );
        assert!(words.iter().all(|(word, meaning)| !format!("{word}{meaning}").contains(['`', '*', '∇'])));
    }
}
