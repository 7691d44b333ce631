//! What the model believes: the likeliest class in large letters, a bar for each, before and after the attack.

use eframe::egui::{self, Align2, FontId, Rect, RichText, Role, Sense, Ui, Vec2, WidgetInfo, pos2, vec2};

use super::{PaneInfo, Place};
use crate::gui::command::TileCommand;
use crate::gui::state::document::Aim;
use crate::gui::state::pane::Pane;
use crate::gui::view::command_button::toggle;
use crate::gui::view::context::Context;
use crate::gui::view::explain::Explain as _;
use crate::gui::view::focus::ShowFollowing as _;
use crate::gui::view::theme::{Tokens, space, text};
use crate::gui::view::tile::PATIENCE;
use crate::gui::view::widgets::{self, paint_text, text_width};
use crate::gui::work::questions::Asked;
use crate::study::level::of_255;
use crate::study::words::{believed, in_words, percent};

/// A row's height, at least and at most, so that as many as can be are in sight.
const ROW: [f32; 2] = [17.0, 36.0];
/// The same with the attack's bar in it.
const ROW_BOTH: [f32; 2] = [24.0, 44.0];

/// The pane.
pub const PANE: PaneInfo = PaneInfo {
    pane: Pane::named("Beliefs"),
    title: "Beliefs",
    hint: "How probable the model holds each class",
    place: Place::Beside,
    classes: true,
    show,
};

/// Shows the pane.
fn show(ui: &mut Ui, cx: &mut Context<'_>) {
    let Some(posterior) = cx.session.answer.posterior.as_ref().map(|p| p.value.clone()) else {
        widgets::empty(ui, "The model's beliefs appear here.");
        return;
    };
    let pair = if cx.session.shows(&Pane::ADVERSARY) { pair(cx, posterior.len()) } else { None };
    headline(ui, cx, &posterior, pair.as_ref());
    ui.add_space(space::TIGHT);
    let (shown, attacked) = match pair {
        Some(Pair { clean, attacked, stale, .. }) => (clean, Some((attacked, stale))),
        None => (posterior, None),
    };
    let ranked = crate::study::ranked(&shown);
    let order: Vec<usize> = if cx.settings.sorted || shown.len() > 32 { ranked } else { (0..shown.len()).collect() };
    let room = ui.available_height();
    egui::ScrollArea::vertical().auto_shrink([false, true]).show_following(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let width = name_width(ui, cx, &order);
        let [least, most] = if attacked.is_some() { ROW_BOTH } else { ROW };
        let tall = (room / order.len() as f32).floor().clamp(least, most);
        for class in order.into_iter().take(64) {
            let after = attacked.as_ref().map(|(attacked, stale)| (attacked[class], *stale));
            bar(ui, cx, class, shown[class], after, vec2(width, tall));
        }
    });
}

/// What is said of the picture before the attack and at the step that is looked at. Of an attack on the class both at the level of
/// the attacked classifier and without noise, of one on the denoiser both at the slider's, with noise: so that they can be compared.
struct Pair {
    clean: Vec<f64>,
    attacked: Vec<f64>,
    aim: Aim,
    /// Both are of an attack with the settings before.
    stale: bool,
}

/// The pair, of a model of so many classes; none until the attack has ended once.
fn pair(cx: &Context<'_>, classes: usize) -> Option<Pair> {
    let aim = cx.document.aim(classes);
    let session = &cx.session;
    let (clean, stale, waited) = match aim {
        Aim::Class => {
            let attack = &session.attack;
            (attack.outcome.as_ref()?.posterior_before.clone(), attack.stale, old(&cx.questions.attack))
        }
        Aim::Denoiser => {
            let attack = &session.denoiser_attack;
            (attack.outcome.as_ref()?.posterior_before.clone(), attack.stale, old(&cx.questions.denoiser_attack))
        }
    };
    let stale = stale && waited;
    let attacked = cx.session.track(aim).shown()?.posterior.clone();
    (clean.len() == classes && attacked.len() == classes).then_some(Pair { clean, attacked, aim, stale })
}

/// Whether an answer of before is to be marked: nothing newer is on its way, or it has been awaited for so long that it shows.
fn old<R: PartialEq>(question: &Asked<R>) -> bool {
    !question.is_pending() || question.waited() > PATIENCE
}

fn headline(ui: &mut Ui, cx: &mut Context<'_>, posterior: &[f64], pair: Option<&Pair>) {
    let tokens = Tokens::in_ui(ui);
    let top = crate::study::ranked(posterior)[0];
    let name = cx.session.classes().get(top).cloned().unwrap_or_default();
    let believed_top = in_words(&percent(posterior[top]));
    let before = is_before(cx);
    if cx.questions.study.is_pending() {
        // Nothing else may happen until it is to be said that this is of before.
        ui.ctx().request_repaint_after(PATIENCE);
    }
    let noise = match pair {
        _ if before => Some("before; computing…".to_owned()),
        Some(_) => Some(format!("noisy, σ {}/255", of_255(cx.document.noise.sigma))),
        None => None,
    };
    let said = |ui: &mut Ui, words: &str| {
        let hint = if before {
            "Of the picture or the settings before: the model is asked anew"
        } else {
            "Of the noisy picture at the slider's level"
        };
        widgets::dim(ui, words).explained(hint);
    };
    // Beside the class where its name leaves room, else below.
    let wide = |words: &str, size: f32| text_width(ui, words, &FontId::proportional(size));
    let between = 3.0 * ui.spacing().item_spacing.x + 2.0 * ui.spacing().button_padding.x;
    let taken = wide(&name, text::HEADING) + wide(&believed_top, text::HEADING) + wide("Sort", text::BODY) + between;
    let beside = noise.as_ref().filter(|words| taken + wide(words, text::SMALL) <= ui.available_width());
    egui::Sides::new().shrink_left().truncate().show(
        ui,
        |ui| {
            let colour = if before { tokens.dim } else { tokens.strong };
            ui.label(RichText::new(name).size(text::HEADING).color(colour));
            ui.label(RichText::new(believed_top).size(text::HEADING).color(tokens.dim));
            if let Some(words) = beside {
                said(ui, words);
            }
        },
        |ui| toggle(ui, cx, cx.settings.sorted, "Sort", TileCommand::ToggleSorted),
    );
    if let Some(words) = noise.as_ref().filter(|_| beside.is_none()) {
        said(ui, words);
    }
    let density =
        cx.session.answer.log_density.map_or_else(|| "none".to_owned(), |density| format!("{density:.0} nat"));
    let words = format!("entropy {:.2} bit    log p(y) {density}", entropy(posterior));
    let model = cx.session.model.as_ref().map(|model| model.joint.abilities().density);
    let hint = model.as_ref().and_then(|density| density.note()).map_or_else(
        || "The density is up to a constant that depends on σ only".to_owned(),
        |note| format!("The model {note}."),
    );
    widgets::dim(ui, words).explained(hint);
    place(ui, cx);
    if let Some(Pair { clean, attacked, aim, stale }) = pair {
        let [before, after] = [clean, attacked].map(|posterior| {
            let top = crate::study::ranked(posterior)[0];
            // In a narrow pane the line is broken, but not between a number and its sign.
            (top, believed(&cx.session.classes()[top], posterior[top]).replace(" %", "\u{a0}%"))
        });
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = space::TIGHT;
            let words = if *stale { "with the settings before, attacked" } else { "attacked" };
            ui.label(RichText::new(format!("{}; {words}", before.1)).color(tokens.dim));
            let colour = match after.0 == before.0 {
                _ if *stale => tokens.dim,
                true => tokens.good,
                false => tokens.bad,
            };
            ui.label(RichText::new(after.1).color(colour));
        });
        let (words, hint) = match aim {
            Aim::Class => (
                format!("Bars: clean over attacked, σ {}/255, no noise", of_255(made_at(cx))),
                "What the attacked classifier says at its own noise level, without noise. The large figures are of the noisy \
                 picture at the slider's level.",
            ),
            Aim::Denoiser => (
                "Bars: noisy over attacked, with noise".to_owned(),
                "What the model says of y and of y + d, both at the slider's level. The attack is on the denoiser, not on the class.",
            ),
        };
        widgets::dim(ui, words).explained(hint);
    }
}

/// The level that the attack in sight was made at.
fn made_at(cx: &Context<'_>) -> f32 {
    cx.session.attack.settings.as_ref().map_or(cx.document.attack.sigma, |settings| settings.sigma)
}

/// Whether what is said is of an earlier question, and has been for so long that it shows.
fn is_before(cx: &Context<'_>) -> bool {
    cx.session.answer.posterior.as_ref().is_some_and(|p| p.stale) && cx.questions.study.waited() > PATIENCE
}

/// Where the picture lies among the model's own: said quietly, and marked where it is unlike all of them.
fn place(ui: &mut Ui, cx: &Context<'_>) {
    let answer = &cx.session.answer;
    let Some(usual) = cx.session.model.as_ref().and_then(|model| model.description.as_ref()?.usual.clone()) else {
        if cx.session.model.as_ref().is_some_and(|model| model.description.is_some()) {
            widgets::dim(ui, "how usual that is: not measured").explained(
                "Nothing beside this model says what is usual among its pictures: denoscope usual measures it",
            );
        }
        return;
    };
    let Some(place) = answer.place else { return };
    let of = format!("{} pictures of {}", usual.pictures, usual.data);
    let by_score = format!("The model sees more noise in it than in {} of them", in_words(&percent(place.score)));
    if let Some(reason) = place.oddity() {
        let tokens = Tokens::in_ui(ui);
        ui.label(RichText::new("unlike anything it was trained on").size(text::SMALL).color(tokens.warning)).explained(
            format!(
                "Beside {of}, under as much noise, {reason}. What the model believes of such a picture means little."
            ),
        );
        return;
    }
    let words = place.log_density.map_or_else(
        || "as usual among its own pictures".to_owned(),
        |share| format!("log p(y) above {} of its own pictures", in_words(&percent(share))),
    );
    widgets::dim(ui, words).explained(format!("Beside {of}, under as much noise. {by_score}."));
}

/// In bits.
fn entropy(posterior: &[f64]) -> f64 {
    // Adding 0 turns the −0 of a certain posterior into 0.
    posterior.iter().filter(|p| **p > 0.0).map(|p| -p * p.log2()).sum::<f64>() + 0.0
}

fn name_width(ui: &Ui, cx: &Context<'_>, order: &[usize]) -> f32 {
    let font = FontId::proportional(text::BODY);
    let width = |class: &usize| {
        let name = cx.session.classes().get(*class).cloned().unwrap_or_default();
        ui.painter().layout_no_wrap(name, font.clone(), egui::Color32::WHITE).size().x
    };
    let widest = order.iter().take(64).map(width).fold(0.0, f32::max);
    widest.min(ui.available_width() * 0.4) + space::ITEM
}

/// One class: its name, its bar, its probability, and under the bar the attacked picture's, with whether that is of the settings
/// before. `size` is the names' width and the row's height.
fn bar(ui: &mut Ui, cx: &mut Context<'_>, class: usize, probability: f64, attacked: Option<(f64, bool)>, size: Vec2) {
    let tokens = Tokens::in_ui(ui);
    let Vec2 { x: names, y: tall } = size;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), tall), Sense::click());
    let name = cx.session.classes().get(class).cloned().unwrap_or_default();
    let chosen = cx.document.pinned.contains(&class);
    let words = percent(probability);
    let after = attacked.map_or_else(String::new, |(after, _)| format!(", attacked {}", percent(after)));
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Belief in {name}: {words}{after}")));
    if response.clicked() {
        cx.run(TileCommand::TogglePin(class));
    }
    if !ui.is_rect_visible(rect) {
        return;
    }
    if response.hovered() {
        ui.painter().rect_filled(rect, 3.0, tokens.raised);
    }
    let font = FontId::proportional(text::BODY);
    let colour = if chosen { tokens.accent } else { tokens.text };
    // Not by colour alone.
    let shown = if chosen { format!("• {name}") } else { name };
    paint_text(ui, rect.left_center(), Align2::LEFT_CENTER, &shown, font.clone(), colour, names - space::TIGHT);
    let figures = 52.0;
    let track = Rect::from_min_max(
        pos2(rect.left() + names, rect.top() + 3.0),
        pos2(rect.right() - figures - space::TIGHT, rect.bottom() - 3.0),
    );
    let share =
        |p: f64, track: Rect| Rect::from_min_size(track.min, vec2((track.width() * p as f32).max(1.0), track.height()));
    let stale = cx.session.answer.posterior.as_ref().is_some_and(|p| p.stale);
    let fill = tokens.class(class).gamma_multiply(if stale { 0.7 } else { 1.0 });
    ui.painter().rect_filled(track, 2.0, tokens.ground);
    let right = rect.right();
    let Some((after, stale)) = attacked else {
        ui.painter().rect_filled(share(probability, track), 2.0, fill);
        ui.painter().text(pos2(right, rect.center().y), Align2::RIGHT_CENTER, words, font, tokens.text);
        return;
    };
    let (upper, lower) = track.split_top_bottom_at_fraction(0.6);
    ui.painter().rect_filled(share(probability, upper), 2.0, fill);
    let quiet = stale || (after - probability).abs() < 0.01;
    let colour = if quiet { tokens.dim } else { tokens.bad };
    ui.painter().rect_filled(share(after, lower), 2.0, colour);
    let small = FontId::proportional(text::SMALL);
    let middle = rect.center().y;
    ui.painter().text(pos2(right, middle - 6.0), Align2::RIGHT_CENTER, words, small.clone(), tokens.text);
    ui.painter().text(pos2(right, middle + 6.0), Align2::RIGHT_CENTER, percent(after), small, colour);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_in_bits() {
        assert!((entropy(&[0.5, 0.5]) - 1.0).abs() < 1e-12);
        assert!(entropy(&[1.0, 0.0]).abs() < 1e-12);
    }
}
