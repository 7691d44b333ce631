//! The tour's card beside the control that it is about.

use eframe::egui::{
    self, Area, Button, Frame, Id, Key, Margin, Modifiers, Order, Pos2, Rect, RichText, Stroke, StrokeKind, Ui, Vec2,
    pos2, vec2,
};

use crate::gui::command::WindowCommand;
use crate::gui::state::tour::{Stop, Tour};
use crate::gui::view::context::Context;
use crate::gui::view::explain::Explain as _;
use crate::gui::view::theme::{Tokens, space, text};
use crate::gui::view::widgets::named;

/// The card's width, and what is left free of it on all sides.
const WIDTH: f32 = 320.0;
const GAP: f32 = 12.0;
/// Its height, about.
const HEIGHT: f32 = 170.0;

/// Shows the stop that is looked at.
pub fn show(ctx: &egui::Context, cx: &mut Context<'_>) {
    let Some(tour) = cx.session.tour else { return };
    if cx.session.overlay.is_some() {
        return;
    }
    let tokens = Tokens::of(ctx.theme());
    let screen = ctx.content_rect();
    let mark = tour.landmark.map(|rect| rect.intersect(screen.shrink(2.0))).filter(Rect::is_positive);
    if let Some(mark) = mark {
        let painter = ctx.layer_painter(egui::LayerId::new(Order::Foreground, Id::unique("tour mark")));
        painter.rect_stroke(mark.expand(2.0), 4.0, Stroke::new(2.0, tokens.accent), StrokeKind::Outside);
    }
    let size = vec2(WIDTH.min(screen.width() - 2.0 * GAP).max(80.0), HEIGHT);
    let area = Area::new(Id::unique("tour")).order(Order::Foreground).fixed_pos(place(screen, mark, size));
    area.constrain(true).show(ctx, |ui| {
        Frame::popup(ui.style()).stroke(Stroke::new(1.0, tokens.accent)).inner_margin(Margin::same(12)).show(
            ui,
            |ui| {
                ui.set_width(size.x - 24.0);
                card(ui, cx, tour);
            },
        );
    });
    if ctx.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Escape)) {
        cx.run(WindowCommand::EndTour);
    }
    if let Some(tour) = &mut cx.session.tour {
        tour.arrived = false;
        tour.landmark = None;
    }
}

fn card(ui: &mut Ui, cx: &mut Context<'_>, tour: Tour) {
    let tokens = Tokens::in_ui(ui);
    let (stop, count) = (tour.stop(), Stop::ALL.len());
    let last = tour.at + 1 == count;
    ui.label(RichText::new(format!("{} of {count}", tour.at + 1)).size(text::SMALL).color(tokens.dim));
    ui.label(RichText::new(stop.title()).size(text::HEADING).color(tokens.strong));
    ui.add(egui::Label::new(stop.words()).wrap());
    ui.add_space(space::TIGHT);
    ui.horizontal(|ui| {
        let next = ui.add(
            Button::new(RichText::new(if last { "Done" } else { "Next" }).color(tokens.on_accent)).fill(tokens.accent),
        );
        named(&next, if last { "End the tour" } else { "Next stop of the tour" });
        if tour.arrived {
            next.request_focus();
        }
        if next.clicked() {
            cx.run(WindowCommand::TourTo(tour.at + 1));
        }
        if tour.at > 0 && ui.button("Back").clicked() {
            cx.run(WindowCommand::TourTo(tour.at - 1));
        }
        if !last && ui.button("Skip the tour").explained("It is in the menu Help (Shift+F1)").clicked() {
            cx.run(WindowCommand::EndTour);
        }
    });
}

/// Where a card of this size goes, so that it hides as little as can be of what it is about: below it, above, beside; in the
/// screen's lower middle if there is no room.
fn place(screen: Rect, mark: Option<Rect>, size: Vec2) -> Pos2 {
    let inner = screen.shrink(GAP);
    let middle = pos2(screen.center().x - size.x / 2.0, inner.bottom() - size.y);
    let Some(mark) = mark else { return middle };
    let across = |x: f32| x.clamp(inner.left(), (inner.right() - size.x).max(inner.left()));
    let down = |y: f32| y.clamp(inner.top(), (inner.bottom() - size.y).max(inner.top()));
    let choices = [
        pos2(across(mark.center().x - size.x / 2.0), mark.bottom() + GAP),
        pos2(across(mark.center().x - size.x / 2.0), mark.top() - GAP - size.y),
        pos2(mark.left() - GAP - size.x, down(mark.top())),
        pos2(mark.right() + GAP, down(mark.top())),
    ];
    choices.into_iter().find(|at| inner.contains_rect(Rect::from_min_size(*at, size))).unwrap_or(middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_stands_beside_what_it_is_about() {
        let screen = Rect::from_min_size(Pos2::ZERO, vec2(960.0, 540.0));
        let size = vec2(WIDTH, HEIGHT);
        for mark in [
            Rect::from_min_size(pos2(200.0, 40.0), vec2(500.0, 80.0)),
            Rect::from_min_size(pos2(10.0, 470.0), vec2(48.0, 48.0)),
            Rect::from_min_size(pos2(700.0, 130.0), vec2(250.0, 330.0)),
            Rect::from_min_size(pos2(0.0, 130.0), vec2(600.0, 400.0)),
        ] {
            let card = Rect::from_min_size(place(screen, Some(mark), size), size);
            assert!(screen.contains_rect(card) && !card.intersects(mark), "{mark:?} {card:?}");
        }
        let all = place(screen, Some(screen), size);
        assert!(screen.contains_rect(Rect::from_min_size(all, size)));
    }
}
