//! Tooltips that lead on to the glossary: each names the words that it uses, and a click on one opens its entry.

use eframe::egui::{Context, Id, Label, RectAlign, Response, Tooltip, Ui};

use super::glossary;
use crate::gui::view::widgets::dim;

/// A tooltip names so many words at most.
const WORDS: usize = 3;

/// Gives something a tooltip.
pub trait Explain: Sized {
    /// A tooltip of these words, with a link to each word of the glossary that is among them.
    fn explained(self, hint: impl Into<String>) -> Self;

    /// The same at the right or left of it, for what has its words below.
    fn explained_beside(self, hint: &str) -> Self;
}

impl Explain for Response {
    fn explained(self, hint: impl Into<String>) -> Self {
        // As for a tooltip of plain text, which is none where there is no text.
        let hint: String = hint.into();
        if hint.is_empty() { self } else { self.on_hover_ui(|ui| tooltip(ui, &hint)) }
    }

    fn explained_beside(self, hint: &str) -> Self {
        let mut shown = Tooltip::for_enabled(&self);
        shown.popup = shown.popup.align(RectAlign::RIGHT_START).align_alternatives(&[RectAlign::LEFT_START]);
        shown.show(|ui| tooltip(ui, hint));
        self
    }
}

fn tooltip(ui: &mut Ui, hint: &str) {
    // A tooltip does not shrink with what it held before.
    ui.set_max_width(ui.spacing().tooltip_width);
    ui.add(Label::new(hint));
    let words = glossary::words_in(hint);
    if words.is_empty() {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        dim(ui, "Words:");
        for word in words.into_iter().take(WORDS) {
            if ui.link(word).clicked() {
                ui.ctx().data_mut(|data| data.insert_temp(asked(), word.to_owned()));
            }
        }
    });
}

fn asked() -> Id {
    Id::unique("word of the glossary that was asked for")
}

/// The word that a person asked for in a tooltip since this was asked last.
#[must_use]
pub fn asked_for(ctx: &Context) -> Option<String> {
    ctx.data_mut(|data| data.remove_temp(asked()))
}

#[cfg(test)]
mod tests {
    use egui_kittest::Harness;
    use egui_kittest::kittest::Queryable;

    use super::*;

    #[test]
    fn a_tooltip_leads_to_the_words_that_it_uses() {
        let mut window = Harness::builder().with_size([400.0, 200.0]).build_ui(|ui| {
            let _ = ui.button("here").explained("What the conditional denoiser gives, against p(c | y)");
        });
        window.get_by_label("here").hover();
        for _ in 0..8 {
            window.step();
        }
        window.get_by_label("conditional denoiser");
        window.get_by_label("posterior").click();
        for _ in 0..3 {
            window.step();
        }
        assert_eq!(asked_for(&window.ctx).as_deref(), Some("posterior"));
        assert!(asked_for(&window.ctx).is_none());
    }
}
