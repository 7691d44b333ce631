//! The sections of `docs/lab.md`, on a sheet: where a mode of the pane Explore leads for its formula.

use eframe::egui::{Label, RichText, ScrollArea, Ui};

use crate::gui::view::focus::ShowFollowing as _;
use crate::gui::view::theme::{Tokens, space, text};
use crate::gui::view::widgets::dim;

/// A piece of a section, as plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A paragraph.
    Text(String),
    /// A point of a list, or a row of a table.
    Point(String),
    /// A line to type.
    Code(String),
}

/// The section under a heading; nothing where there is none.
#[must_use]
pub fn section(heading: &str) -> Vec<Piece> {
    let all = include_str!("../../../docs/lab.md");
    let mut lines = all.lines().skip_while(|line| line.strip_prefix("## ") != Some(heading)).skip(1);
    pieces(&mut lines.by_ref().take_while(|line| !line.starts_with("## ")))
}

fn pieces(lines: &mut dyn Iterator<Item = &str>) -> Vec<Piece> {
    let mut found: Vec<Piece> = Vec::new();
    let (mut goes_on, mut is_code) = (false, false);
    for line in lines {
        if line.starts_with("```") {
            (is_code, goes_on) = (!is_code, false);
        } else if is_code {
            found.push(Piece::Code(line.to_owned()));
        } else if line.is_empty() || line.starts_with("![") || line.starts_with("|---") {
            goes_on = false;
        } else if let Some(row) = line.strip_prefix('|') {
            // A bar inside a cell is written \|.
            let row = row.trim_end_matches('|').replace("\\|", "\u{1}");
            let cells: Vec<String> = row.split('|').map(|cell| plain(cell.trim()).replace('\u{1}', "|")).collect();
            found.push(Piece::Point(cells.join("  ·  ")));
        } else if let Some(point) = line.strip_prefix("- ") {
            found.push(Piece::Point(plain(point)));
            goes_on = true;
        } else {
            match found.last_mut() {
                Some(Piece::Text(words) | Piece::Point(words)) if goes_on => {
                    words.push(' ');
                    words.push_str(&plain(line.trim_start()));
                }
                _ => found.push(Piece::Text(plain(line))),
            }
            goes_on = true;
        }
    }
    // Marks may begin in one line and end in the next.
    for piece in &mut found {
        if let Piece::Text(words) | Piece::Point(words) = piece {
            *words = without_links(words);
        }
    }
    found
}

/// Markdown's marks taken away, and signs that the window's font lacks written otherwise.
fn plain(markdown: &str) -> String {
    let signs = [
        ("\\|", "|"),
        ("∇", "grad "),
        ("ᵀ", "'"),
        ("⊙", "×"),
        ("⟨", "<"),
        ("⟩", ">"),
        ("←", ":="),
        ("‖", "||"),
        ("₀", "0"),
        ("₂", "2"),
    ];
    let words = markdown.replace(['`', '*'], "");
    signs.iter().fold(words, |words, (sign, other)| words.replace(sign, other))
}

/// `[words](address)` as its words.
fn without_links(words: &str) -> String {
    let mut found = String::new();
    let mut rest = words;
    while let Some((before, after)) = rest.split_once("](") {
        let (Some(open), Some(close)) = (before.rfind('['), after.find(')')) else { break };
        found.push_str(&before[..open]);
        found.push_str(&before[open + 1..]);
        rest = &after[close + 1..];
    }
    found + rest
}

/// The sheet of a section.
pub fn show(ui: &mut Ui, heading: &str) {
    let tokens = Tokens::in_ui(ui);
    ui.label(RichText::new(heading).size(text::HEADING).color(tokens.strong));
    ui.add_space(space::ITEM);
    let tall = ui.available_height().clamp(80.0, 460.0);
    ScrollArea::vertical().max_height(tall).auto_shrink([false, true]).show_following(ui, |ui| {
        for piece in section(heading) {
            match piece {
                Piece::Text(words) => ui.add(Label::new(words).wrap()),
                Piece::Point(words) => {
                    ui.horizontal_top(|ui| {
                        ui.label(RichText::new("·").color(tokens.accent));
                        ui.add(Label::new(words).wrap());
                    })
                    .response
                }
                Piece::Code(words) => ui.add(Label::new(RichText::new(words).monospace().color(tokens.accent)).wrap()),
            };
            ui.add_space(space::TIGHT);
        }
        dim(ui, "From docs/lab.md, which has the sources too.");
    });
}

#[cfg(test)]
mod tests {
    use eframe::egui::{FontFamily, FontId};
    use egui_kittest::Harness;

    use super::*;
    use crate::gui::state::explore::Mode;

    #[test]
    fn every_mode_has_its_section_in_letters_that_the_font_has() {
        let mut missing = String::new();
        let mut window = Harness::builder().build_ui(|ui| {
            for mode in Mode::ALL {
                for piece in section(mode.heading()) {
                    let (words, family) = match piece {
                        Piece::Text(words) | Piece::Point(words) => (words, FontFamily::Proportional),
                        Piece::Code(words) => (words, FontFamily::Monospace),
                    };
                    let font = FontId::new(14.0, family);
                    let lacks = |c: &char| !ui.fonts_mut(|fonts| fonts.has_glyph(&font, *c));
                    missing.extend(words.chars().filter(lacks));
                }
            }
        });
        window.run();
        drop(window);
        assert_eq!(missing, "");
        for mode in Mode::ALL {
            let words = section(mode.heading());
            assert!(!words.is_empty(), "{}", mode.heading());
            let marks = |piece: &Piece| matches!(piece, Piece::Text(w) | Piece::Point(w) if w.contains("](") || w.contains('*'));
            assert!(!words.iter().any(marks), "{words:?}");
        }
    }

    #[test]
    fn paragraphs_points_rows_and_lines_to_type_are_read() {
        let lines = "One **two**\nthree, [four\nfive](http://a).\n\n- a point\n  of two lines\n\n```\ndenoscope a b\n```\n\n![x](y)\n\n| `a` | p(c \\| y) |\n|---|---|";
        let found = pieces(&mut lines.lines());
        let expected = [
            Piece::Text("One two three, four five.".to_owned()),
            Piece::Point("a point of two lines".to_owned()),
            Piece::Code("denoscope a b".to_owned()),
            Piece::Point("a  ·  p(c | y)".to_owned()),
        ];
        assert_eq!(found, expected);
    }
}
