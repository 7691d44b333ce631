//! The steps of an attack: loss and belief over the steps, with a handle to scrub through them.

use eframe::egui::{
    self, Align2, Button, FontId, Key, Rect, RichText, Role, Sense, Shape, Stroke, Ui, WidgetInfo, accesskit, pos2,
    vec2,
};

use crate::gui::command::AttackCommand;
use crate::gui::state::document::Aim;
use crate::gui::state::session::Play;
use crate::gui::state::track::{TimelineStep, Track};
use crate::gui::view::context::Context;
use crate::gui::view::explain::Explain as _;
use crate::gui::view::focus::keep_arrows;
use crate::gui::view::theme::{Tokens, text};
use crate::gui::view::widgets::named;
use crate::study::words::{number, percent, significant};

/// Room around the plot: for beliefs at the left, the loss at the right, step numbers below.
const BELIEF: f32 = 34.0;
const LOSS: f32 = 40.0;
const NUMBERS: f32 = 14.0;

/// Shows the timeline.
pub fn show(ui: &mut Ui, cx: &mut Context<'_>, tall: f32, aim: Aim) {
    let tokens = Tokens::in_ui(ui);
    let (outer, response) = ui.allocate_exact_size(vec2(ui.available_width(), tall), Sense::click_and_drag());
    let track = cx.session.track(aim);
    let count = track.len();
    let at = track.position();
    response.widget_info(|| WidgetInfo::slider(true, at as f64, "Step of the attack"));
    if count == 0 {
        return;
    }
    let plot = Rect::from_min_max(outer.min + vec2(BELIEF, 16.0), outer.max - vec2(LOSS, NUMBERS));
    let inner = plot.shrink2(vec2(8.0, 6.0));
    let x = move |i: usize| inner.left() + inner.width() * if count > 1 { i as f32 / (count - 1) as f32 } else { 1.0 };
    if let Some(to) = scrubbed(ui, &response, inner, count, at) {
        cx.session.track_mut(aim).at = (to + 1 < count).then_some(to);
    }
    let track = cx.session.track(aim);
    let at = track.position();
    let points: Vec<_> = track.steps().map(|(_, step)| step).chain(track.result.iter()).collect();
    let painter = ui.painter();
    painter.rect_filled(plot, 3.0, tokens.ground);
    let losses: Vec<f64> = points.iter().map(|p| p.loss).filter(|l| l.is_finite()).collect();
    let (low, high) = losses.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    let loss_y = |loss: f64| {
        let t = if high > low { (loss - low) / (high - low) } else { 0.5 };
        inner.bottom() - inner.height() * t as f32
    };
    let believed = |class: usize| {
        let y = move |share: f64| inner.bottom() - inner.height() * share as f32;
        points.iter().enumerate().map(move |(i, p)| pos2(x(i), y(p.posterior[class])))
    };
    let outcome = cx.session.attack.outcome.as_ref().filter(|_| aim == Aim::Class);
    let label = outcome.map_or_else(|| crate::study::ranked(&points[0].posterior)[0], |o| o.label);
    let target = outcome.and_then(|outcome| outcome.target);
    let rival = rival(target, label, &points[points.len() - 1].posterior);
    // Of a denoiser without classes there is nothing to believe.
    let label = Some(label).filter(|_| points[0].posterior.len() > 1);
    let loss_line =
        points.iter().enumerate().filter(|(_, p)| p.loss.is_finite()).map(|(i, p)| pos2(x(i), loss_y(p.loss)));
    painter.line(loss_line.collect(), Stroke::new(1.5, tokens.dim));
    for class in [label, rival].into_iter().flatten() {
        painter.line(believed(class).collect(), Stroke::new(2.0, tokens.class(class)));
    }
    // Where another run begins: a restart, another loss, another part of an ensemble.
    for i in beginnings(&points) {
        let between = f32::midpoint(x(i - 1), x(i));
        painter.extend(Shape::dashed_line(
            &[pos2(between, plot.top()), pos2(between, plot.bottom())],
            Stroke::new(1.0, tokens.dim),
            3.0,
            3.0,
        ));
    }
    painter.vline(x(at), plot.y_range(), Stroke::new(1.5, tokens.strong));
    painter.circle_filled(pos2(x(at), plot.bottom()), 5.0, tokens.accent);
    let first = track.steps().next().map_or(0, |(number, _)| number);
    axes(ui, plot, inner, (low, high), (first, track.seen()), label.is_some());
    words(ui, cx, outer, track, (at, label, rival));
    let playing = matches!(cx.session.play, Some(Play::Steps(_)));
    let place = Rect::from_min_size(pos2(outer.right() - LOSS, outer.top() - 2.0), vec2(LOSS, 15.0));
    let words = RichText::new(if playing { "Stop" } else { "Play" }).size(text::SMALL - 1.0);
    let button = ui.scope(|ui| {
        // No higher than the line of words that it stands in.
        ui.spacing_mut().button_padding = vec2(4.0, 0.0);
        ui.spacing_mut().interact_size.y = place.height();
        ui.put(place, Button::new(words).min_size(place.size()))
    });
    let button = button.inner;
    named(&button, if playing { "Stop playing the steps" } else { "Play the steps" });
    if button.explained("The steps of the attack one after the other").clicked() {
        cx.run(AttackCommand::Play);
    }
}

/// The class whose belief is drawn beside the true one's: the target, else what the attack ends with. It does not depend on
/// the step that is looked at, so that the plot stays as it is.
fn rival(target: Option<usize>, label: usize, last: &[f64]) -> Option<usize> {
    let ranked = crate::study::ranked(last);
    target.or_else(|| ranked.into_iter().find(|&class| class != label)).filter(|&class| class != label)
}

/// The steps, but for the first, with which another run of the attack begins.
fn beginnings(points: &[&TimelineStep]) -> impl Iterator<Item = usize> {
    (1..points.len()).filter(|&i| points[i].run != points[i - 1].run)
}

/// Beliefs at the left, the loss at the right, step numbers below.
fn axes(ui: &Ui, plot: Rect, inner: Rect, (low, high): (f64, f64), (first, seen): (usize, usize), beliefs: bool) {
    let tokens = Tokens::in_ui(ui);
    let font = FontId::proportional(text::SMALL - 1.0);
    let write = |at, anchor, words: String| ui.painter().text(at, anchor, words, font.clone(), tokens.dim);
    let (left, right) = (plot.left() - 3.0, plot.right() + 3.0);
    for (y, belief, loss) in [(inner.top(), "100 %", high), (inner.bottom(), "0 %", low)] {
        if beliefs {
            write(pos2(left, y), Align2::RIGHT_CENTER, belief.to_owned());
        }
        if loss.is_finite() && high > low {
            let words = if loss.abs() < 0.01 { significant(loss as f32) } else { number(loss, 2) };
            write(pos2(right, y), Align2::LEFT_CENTER, words);
        }
    }
    let y = plot.bottom() + NUMBERS * 0.5 + 2.0;
    write(pos2(inner.left(), y), Align2::CENTER_CENTER, first.to_string());
    write(pos2(inner.right(), y), Align2::RIGHT_CENTER, format!("step {seen}"));
}

/// Step, loss and beliefs above the plot, in the colours of their lines.
fn words(
    ui: &Ui,
    cx: &Context<'_>,
    outer: Rect,
    track: &Track,
    (at, label, rival): (usize, Option<usize>, Option<usize>),
) {
    let tokens = Tokens::in_ui(ui);
    let Some(step) = track.shown() else { return };
    let font = FontId::proportional(text::SMALL);
    let classes = cx.session.classes();
    let of = |class: usize| format!("p({}) {}", classes[class], percent(step.posterior[class]));
    let position = if at + 1 == track.len() && track.result.is_some() {
        "result".to_owned()
    } else {
        let number = track.steps().nth(at).map_or(at, |(number, _)| number);
        format!("step {number} of {}", track.seen())
    };
    let mut parts = vec![(position, tokens.text), (format!("loss {:.3}", step.loss), tokens.dim)];
    parts.extend([label, rival].into_iter().flatten().map(|class| (of(class), tokens.class(class))));
    let mut left = outer.left();
    for (words, colour) in parts {
        let rect = ui.painter().text(pos2(left, outer.top() + 6.0), Align2::LEFT_CENTER, words, font.clone(), colour);
        left = rect.right() + 16.0;
    }
}

/// The step that the person went to, by pointer, keys or assistive technology.
fn scrubbed(ui: &Ui, response: &egui::Response, inner: Rect, count: usize, at: usize) -> Option<usize> {
    if let Some(pointer) = response.interact_pointer_pos() {
        response.request_focus();
        let t = ((pointer.x - inner.left()) / inner.width()).clamp(0.0, 1.0);
        return Some((t * (count - 1) as f32).round() as usize);
    }
    let focused = response.has_focus();
    keep_arrows(ui, response);
    let steps = ui.input(|i| {
        let asked = |action| i.num_accesskit_action_requests(response.id, action) as isize;
        let key = |key| isize::from(focused && i.key_pressed(key));
        let keys = key(Key::PageUp) + key(Key::ArrowRight) - key(Key::PageDown) - key(Key::ArrowLeft);
        asked(accesskit::Action::Increment) - asked(accesskit::Action::Decrement) + keys
    });
    response.ctx.accesskit_node_builder(response.id, |node| {
        node.set_role(Role::Slider);
        node.add_action(accesskit::Action::Increment);
        node.add_action(accesskit::Action::Decrement);
    });
    (steps != 0).then(|| at.saturating_add_signed(steps).min(count - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Picture, Shape};

    #[test]
    fn the_second_curve_is_the_targets_or_the_last_steps_leader() {
        let last = [0.1, 0.2, 0.6, 0.1];
        assert_eq!(rival(None, 0, &last), Some(2));
        assert_eq!(rival(None, 2, &last), Some(1), "never the label's, which is drawn already");
        assert_eq!(rival(Some(3), 0, &last), Some(3), "whatever the steps come to");
        assert_eq!(rival(Some(0), 0, &last), None);
    }

    #[test]
    fn a_line_stands_where_another_run_begins() {
        let step = |run| TimelineStep {
            attacked: Picture::filled(Shape::new(1, 1, 1), 0.0).into(),
            loss: 0.0,
            posterior: Vec::new(),
            run,
            restored: None,
        };
        let steps = [0, 0, 1, 1, 1, 2].map(step);
        assert_eq!(beginnings(&steps.iter().collect::<Vec<_>>()).collect::<Vec<_>>(), [2, 5]);
        assert_eq!(beginnings(&[]).count(), 0);
    }
}
