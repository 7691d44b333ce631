//! The words of `docs/glossary.md`, on a sheet, each with a small picture; and which of them a text uses.

use std::sync::LazyLock;

use eframe::egui::{Align, Label, RichText, Role, ScrollArea, Sense, Ui, WidgetInfo, vec2};

use super::sketches::{paint, sketch};
use crate::gui::view::focus::ShowFollowing as _;
use crate::gui::view::theme::{Tokens, space, text};

/// A row of the glossary, as plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The word.
    pub word: String,
    /// What is meant by it.
    pub meaning: String,
}

/// Every row.
#[must_use]
pub fn words() -> &'static [Word] {
    static WORDS: LazyLock<Vec<Word>> = LazyLock::new(|| {
        let rows = include_str!("../../../docs/glossary.md").lines().filter_map(|line| line.strip_prefix("| **"));
        let words = rows.filter_map(|row| {
            let (word, meaning) = row.split_once("** | ")?;
            Some(Word { word: plain(word), meaning: plain(meaning.strip_suffix(" |")?) })
        });
        words.collect()
    });
    &WORDS
}

/// Markdown's marks taken away, and the one sign that the window's font lacks.
fn plain(markdown: &str) -> String {
    markdown.replace("\\|", "|").replace(['`', '*'], "").replace("∇_y ", "grad ")
}

/// What else a text may call a word of the glossary, the more particular first; those without a line here are called what they are.
const CALLED: [(&str, &[&str]); 12] = [
    ("conditional denoiser", &["D(y|c)", "D(·|c)", "denoiser of the class", "conditional denoisers"]),
    ("posterior", &["p(c | ", "p(c|", "posteriors"]),
    ("density", &["log p(y)", "densities"]),
    ("denoiser", &["D(y)", "denoisers"]),
    ("perturbation", &["perturbations"]),
    ("attack", &["attacks", "attacked"]),
    ("component", &["components", "principal components"]),
    ("certificate", &["certified", "certify"]),
    ("defence", &["defences", "purification", "vote over noise"]),
    ("evidence", &["bits of evidence"]),
    ("fidelity", &["PSNR", "SSIM"]),
    ("oracle", &["exact truth"]),
];

/// Words that mean too many other things in ordinary sentences.
const ORDINARY: [&str; 6] = ["rest", "usual", "forward", "family", "study", "tile"];

/// The words of the glossary that a text uses, the more particular first.
#[must_use]
pub fn words_in(text: &str) -> Vec<&'static str> {
    let uses = |word: &str| {
        let called = CALLED.iter().find(|(name, _)| *name == word).map_or(&[][..], |(_, others)| *others);
        contains(text, word) || called.iter().any(|other| contains(text, other))
    };
    let mut found: Vec<&'static str> =
        words().iter().map(|row| row.word.as_str()).filter(|word| !ORDINARY.contains(word) && uses(word)).collect();
    // Signs stand in nearly every text; of a word and the longer one around it the longer is meant.
    found.sort_by_key(|word| std::cmp::Reverse(word.chars().count()));
    let all = found.clone();
    found.retain(|word| !all.iter().any(|other| other != word && other.contains(word)));
    found
}

/// Whether `text` has `word` with no letter right before or after it.
fn contains(text: &str, word: &str) -> bool {
    let (text, word) = (text.to_lowercase(), word.to_lowercase());
    text.match_indices(&word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        let letters = word.chars().all(char::is_alphanumeric);
        let free = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
        free(before) && (!letters || free(after))
    })
}

/// The sheet; `at` is the word that was asked for, until it was scrolled to.
pub fn show(ui: &mut Ui, at: &mut Option<String>) {
    const PICTURE: [f32; 2] = [72.0, 48.0];
    const NAME: f32 = 120.0;
    let tokens = Tokens::in_ui(ui);
    ui.label(RichText::new("Words").size(text::HEADING).color(tokens.strong));
    ui.add_space(space::ITEM);
    let asked = at.take();
    let tall = ui.available_height().clamp(80.0, 460.0);
    ScrollArea::vertical().max_height(tall).auto_shrink([false, true]).show_following(ui, |ui| {
        for Word { word, meaning } in words() {
            let row = ui.horizontal_top(|ui| {
                let (rect, picture) = ui.allocate_exact_size(PICTURE.into(), Sense::hover());
                if let Some(marks) = sketch(word) {
                    picture.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("Sketch: {word}")));
                    paint(&ui.painter().with_clip_rect(rect.intersect(ui.clip_rect())), rect, marks, tokens);
                }
                ui.allocate_ui(vec2(NAME, PICTURE[1]), |ui| {
                    ui.set_width(NAME);
                    ui.add(Label::new(RichText::new(word).color(tokens.accent)).wrap());
                });
                ui.add(Label::new(meaning).wrap());
            });
            if asked.as_ref() == Some(word) {
                row.response.scroll_to_me(Some(Align::Min));
            }
            ui.add_space(space::TIGHT);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_glossary_is_read() {
        assert!(words().len() >= 25, "{}", words().len());
        let posterior = words().iter().find(|row| row.word == "posterior").unwrap();
        assert!(posterior.meaning.starts_with("p(c | y), the softmax"));
        assert!(words().iter().all(|row| !format!("{}{}", row.word, row.meaning).contains(['`', '*', '∇'])));
    }

    #[test]
    fn twenty_five_words_and_more_have_a_picture() {
        let with = words().iter().filter(|row| sketch(&row.word).is_some()).count();
        assert!(with >= 25, "{with} of {}", words().len());
    }

    #[test]
    fn a_text_names_its_words_and_no_parts_of_others() {
        assert_eq!(words_in("Both are p(c | x) as the classifier says it"), ["posterior"]);
        assert_eq!(words_in("What the oracle's conditional denoiser gives"), ["conditional denoiser", "oracle"]);
        assert_eq!(words_in("log p(y) at this σ"), ["density", "σ"]);
        assert!(words_in("Intensity and scores of other things rest here").is_empty());
        let other = CALLED.iter().map(|(word, _)| word).chain(&ORDINARY);
        assert!(other.into_iter().all(|word| words().iter().any(|row| row.word == *word)));
    }
}
